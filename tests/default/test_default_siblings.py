"""Zuul's siblings: what its roles put beside a Dockerfile is installed in both images of Nodepool.

The images are built by buildah, from the rendered trees. No registry and no package is asked for:
the base image is a Python of this machine, and the programs of Debian are mounted into each RUN.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from testing.dist_git import git
from testing.transports import program

from distgen.catalogue.graph import select_images
from distgen.catalogue.load import load_catalogue
from distgen.lock.file import read_lock
from distgen.model.rendered import Tree
from distgen.model.words import EXECUTABLE
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
SIBLINGS = {
    "zuul/nodepool": "openstacksdk",
    "zuul/nodepool-builder": "diskimage-builder",
    "zuul/nodepool-launcher": "openstacksdk",
}
VERSIONS = {"nodepool": "11.0.0", "openstacksdk": "4.0.0", "diskimage-builder": "3.43.0"}
WHEEL = """
import zipfile

def write_wheel(file, name, version, state):
    info = f"{name}-{version}.dist-info"
    tags = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    metadata = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{name}_state.py", f"STATE = {state!r}\\n")
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", "")

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, version, state = open("about").read().split()
    made = f"{name}-{version}-py3-none-any.whl"
    write_wheel(f"{folder}/{made}", name, version, state)
    return made
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BUILD = """
import subprocess, sys
# In the place of the package `build`, which this machine may not have.
_, _, folder, source = sys.argv
pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"]
sys.exit(subprocess.run([*pip, folder, source]).returncode)
"""


@dataclass(frozen=True)
class Builder:
    """buildah with a storage of its own, and the folder of contexts."""

    folder: Path
    volumes: tuple[str, ...]

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        storage = ["--root", self.folder / "storage", "--runroot", self.folder / "run"]
        return subprocess.run(
            ["buildah", *map(str, (*storage, *words))],
            env={**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def build(self, context: Path, tag: str, *words: object) -> subprocess.CompletedProcess[str]:
        mounts = (word for volume in self.volumes for word in ("-v", volume))
        return self.run("bud", "--pull-never", *mounts, *words, "-t", tag, context)

    def states(self, tag: str, *names: str) -> list[str]:
        """Return what the modules of distributions say in a built image."""
        container = self.run("from", "--pull-never", tag).stdout.strip()
        mounts = (word for volume in self.volumes for word in ("-v", volume))
        modules = [f"{name.replace('-', '_')}_state" for name in names]
        lines = "".join(f"import {module}; print({module}.STATE)\n" for module in modules)
        ran = self.run("run", *mounts, container, "--", "python3", "-c", lines)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.split()


def write_project(folder: Path, name: str, state: str) -> Path:
    """Write the source of a distribution in which a module says `state`."""
    folder.mkdir(parents=True)
    (folder / "backend.py").write_text(WHEEL)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "about").write_text(f"{name.replace('-', '_')} {VERSIONS[name]} {state}\n")
    git("init", "-q", "-b", "master", folder=folder)
    git("add", "-A", folder=folder)
    git("commit", "-q", "-m", "Begin", folder=folder)
    return folder


def write_release(folder: Path, name: str) -> None:
    word, version = name.replace("-", "_"), VERSIONS[name]
    backend: dict[str, Any] = {}
    exec(WHEEL, backend)
    file = folder / f"{word}-{version}-py3-none-any.whl"
    backend["write_wheel"](file, word, version, "release")


def write_base(folder: Path) -> None:
    """Write a root folder that has a Python in /usr/local and finds programs in volumes."""
    for name in ("etc", "tmp", "root", "var", "usr/local", "wheels"):
        (folder / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / name).symlink_to(f"usr/{name}")
    make = subprocess.run(
        ["/usr/bin/python3", "-m", "venv", "--symlinks", folder / "usr/local"],
        capture_output=True,
        text=True,
        check=False,
    )
    if make.returncode:
        pytest.skip(f"buildah cannot build here: {make.stdout}{make.stderr}")
    (folder / "etc/pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    (folder / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    packages = next((folder / "usr/local/lib").glob("python3*/site-packages"))
    (packages / "build.py").write_text(BUILD)
    for name in ("openstacksdk", "diskimage-builder"):
        write_release(folder / "wheels", name)


def write_tree(tree: Tree, folder: Path) -> Path:
    for file in tree.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o755 if file.mode == EXECUTABLE else 0o644)
    return folder


@pytest.fixture(scope="module")
def trees() -> dict[str, Tree]:
    """Render the trees without packages and without a user, which need a whole Debian."""
    catalogue = load_catalogue(ROOT)
    renderer = Renderer(catalogue, read_lock(ROOT / "distgen.lock"))
    plain = {"packages": [], "account": None, "sudo": "", "user": "0", "extras": []}
    images = {image.full_name: image for image in catalogue.images}
    return {
        name: renderer.tree(
            replace(image, values={**image.values, **plain}) if name in SIBLINGS else image
        )
        for name, image in images.items()
        if name in SIBLINGS or name == "opendev/python-builder"
    }


@pytest.fixture(scope="module")
def builder(trees: dict[str, Tree], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    if os.geteuid() != 0:
        pytest.skip("only root can build without ids of its own")
    program("buildah")
    if not (Path("/bin").is_symlink() and Path("/usr/bin/python3").is_file()):
        pytest.skip("the programs of this machine are not in /usr alone")
    folder = tmp_path_factory.mktemp("siblings")
    places = [f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib64", "share")]
    source = write_project(folder / "source", "nodepool", "source")
    (source / "requirements.txt").write_text("openstacksdk\n")
    git("add", "-A", folder=source)
    git("commit", "-q", "-m", "Require the SDK", folder=source)
    volumes = [f"{place}:{place}:ro" for place in places if Path(place).is_dir()]
    buildah = Builder(folder, (*volumes, f"{source}:/source:ro"))
    write_base(folder / "base/root")
    path = "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin"
    (folder / "base/Dockerfile").write_text(f"FROM scratch\nADD root /\n{path}\n")
    outcome = buildah.build(folder / "base", "quay.io/opendevorg/python-base:master")
    if outcome.returncode:
        pytest.skip(f"buildah cannot build here: {outcome.stderr[-200:]}")
    scripts = write_tree(trees["opendev/python-builder"], folder / "python-builder")
    (scripts / "Dockerfile").write_text(
        textwrap.dedent("""\
            FROM quay.io/opendevorg/python-base:master
            COPY assemble get-extras-packages /usr/local/bin/
            COPY install-from-bindep /output/install-from-bindep
            """)
    )
    outcome = buildah.build(scripts, "quay.io/opendevorg/python-builder:master")
    assert outcome.returncode == 0, outcome.stderr
    outcome = build(buildah, trees, "zuul/nodepool", "quay.io/zuul-ci/nodepool:master")
    assert outcome.returncode == 0, outcome.stderr
    yield buildah
    buildah.run("rmi", "--all", "--force")
    shutil.rmtree(folder, ignore_errors=True)


def build(
    builder: Builder,
    trees: dict[str, Tree],
    name: str,
    tag: str,
    sibling: str = "",
    missing: str = "",
) -> subprocess.CompletedProcess[str]:
    """Build an image as Zuul's role does it, with a sibling in the context where there is one."""
    context = write_tree(trees[name], builder.folder / tag.replace("/", "_").replace(":", "_"))
    words = ["--build-arg", "NODEPOOL_GIT=/source"] if name == "zuul/nodepool" else []
    if sibling or missing:
        project = f"opendev.org/openstack/{sibling or missing}"
        words += ["--build-arg", f"ZUUL_SIBLINGS={project}"]
    if sibling:
        # A role fails where the folder is there before.
        assert not (context / ".zuul-siblings").exists()
        write_project(context / ".zuul-siblings" / project, sibling, "sibling")
    return builder.build(context, tag, *words)


@pytest.mark.parametrize(
    "name", ["zuul/nodepool", "zuul/nodepool-launcher", "zuul/nodepool-builder"]
)
def test_a_sibling_in_the_build_context_is_installed_instead_of_the_release(
    builder: Builder, trees: dict[str, Tree], name: str
) -> None:
    """No Dockerfile copied the context, and ZUUL_SIBLINGS made assemble fail."""
    sibling = SIBLINGS[name]
    tag = f"quay.io/zuul-ci/{name.partition('/')[2]}:siblings"
    outcome = build(builder, trees, name, tag, sibling)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert builder.states(tag, sibling, "nodepool") == ["sibling", "source"]


def test_without_siblings_the_releases_are_installed(
    builder: Builder, trees: dict[str, Tree]
) -> None:
    tag = "quay.io/zuul-ci/nodepool-builder:master"
    outcome = build(builder, trees, "zuul/nodepool-builder", tag)
    assert outcome.returncode == 0, outcome.stderr
    names = ("openstacksdk", "diskimage-builder", "nodepool")
    assert builder.states(tag, *names) == ["release", "release", "source"]


def test_a_sibling_that_is_not_in_the_build_context_is_named(
    builder: Builder, trees: dict[str, Tree]
) -> None:
    outcome = build(
        builder, trees, "zuul/nodepool-launcher", "localhost/missing:1", missing="absent"
    )
    assert outcome.returncode != 0
    assert (
        "assemble: ZUUL_SIBLINGS names opendev.org/openstack/absent, and the build context"
        " has no .zuul-siblings/opendev.org/openstack/absent\n"
    ) in outcome.stderr


def test_siblings_that_the_overlay_names_are_assembled_besides_those_of_the_job() -> None:
    """The build argument replaced the list of those that the Dockerfile fetches itself."""
    catalogue = load_catalogue(ROOT)
    (image,) = select_images(catalogue, ["zuul/nodepool"])
    sdk = replace(image.sources[0], name="sdk", git="https://opendev.org/openstack/openstacksdk")
    values = {**image.values, "siblings": {"sdk": "opendev.org/openstack/openstacksdk"}}
    image = replace(image, sources=(*image.sources, sdk), values=values)
    tree = Renderer(catalogue, read_lock(ROOT / "distgen.lock")).tree(image)
    text = next(file.content.decode() for file in tree.files if file.path == "Dockerfile")
    fetched = "/tmp/src/.zuul-siblings/opendev.org/openstack/openstacksdk"
    assert f"git init -q {fetched}" in text
    ours = "opendev.org/openstack/openstacksdk"
    assert f'ZUUL_SIBLINGS={ours}" $ZUUL_SIBLINGS" assemble' in text
