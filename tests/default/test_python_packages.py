"""The template python-packages: what it writes, and what its one RUN does when it is run for real.

Nothing is built here. The RUN is run by the shell of this machine, with the folders of the image
moved below a temporary one, a package manager that only writes down its words, and a pip of its own
that finds all distributions in a folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from testing.catalogues import CatalogueFolder

from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import parse, run_script
from distgen.errors import InputError
from distgen.lint import external
from distgen.lint.check import lint
from distgen.lint.work import plan_work
from distgen.model.catalogue import Catalogue, SourceChange
from distgen.model.lock import Lock
from distgen.model.rendered import Tree
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
TEMPLATES = ("_shared", "image", "python-packages")
NAMESPACE = "registry: docker.io/try\nstreams: {main: }\n"
BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, version, requires = open("about").read().strip().split(" ", 2)
    made = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"{folder}/{made}", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\n"
                       f"Version: {version}\\nRequires-Dist: {requires}\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\n"
                       "Root-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return made

build_editable = build_wheel
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def written(catalogue: CatalogueFolder, overlay: str, *sets: str, **files: str) -> Catalogue:
    """Return a catalogue with an image `try/one` of this template."""
    root = catalogue(
        {
            "overlays/try/namespace.yaml": NAMESPACE,
            "overlays/try/one.yaml": f"template: python-packages\n{overlay}",
            **{f"overlays/try/one/{name}": text for name, text in files.items()},
        }
    )
    for name in TEMPLATES:
        shutil.copytree(ROOT / "templates" / name, root / "templates" / name, dirs_exist_ok=True)
    return load_catalogue(root, sets)


def rendered(catalogue: CatalogueFolder, overlay: str, *sets: str, **files: str) -> Tree:
    """Return the tree of that image."""
    loaded = written(catalogue, overlay, *sets, **files)
    (image,) = loaded.images
    return Renderer(loaded, Lock()).tree(image)


def dockerfile(tree: Tree) -> str:
    return next(file.content.decode() for file in tree.files if file.path == "Dockerfile")


def the_run(tree: Tree) -> str:
    """Return the script of the one RUN."""
    (run,) = (one for one in parse(dockerfile(tree)).instructions if one.cmd == "RUN")
    return run_script(run)


def steps(tree: Tree) -> list[str]:
    """Return the commands of the one RUN, without the function that fetches."""
    text = re.sub(r"fetch\(\) \{.*?; \} && ", "", re.sub(r"\s+", " ", the_run(tree)))
    return text.split(" && ")


DEBIAN = "from: docker.io/library/python:3.11-slim-bookworm\n"
ALPINE = "from: docker.io/library/alpine:3.20\n"


def test_build_packages_leave_with_the_layer_that_needed_them(catalogue: CatalogueFolder) -> None:
    values = "values: {packages: [b, a], build_packages: [a, gcc], python3: [x]}\n"
    assert steps(rendered(catalogue, DEBIAN + values)) == [
        "set -eu",
        "apt-get update",
        "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends a b gcc",
        "python3 -m pip install --no-cache-dir --src /src x",
        "{ test ! -d /src || find /src -name .git -prune -exec rm -rf {} +; }",
        "DEBIAN_FRONTEND=noninteractive apt-get purge -y --auto-remove gcc",
        "apt-get clean",
        "rm -rf /var/lib/apt/lists/*",
        "rm -rf /root/.cache",
    ]
    assert steps(rendered(catalogue, ALPINE + values, "system=alpine")) == [
        "set -eu",
        "apk add --no-cache a b",
        "apk add --no-cache --virtual .build-deps a gcc",
        "python3 -m pip install --no-cache-dir --src /src x",
        "{ test ! -d /src || find /src -name .git -prune -exec rm -rf {} +; }",
        "apk del .build-deps",
        "rm -rf /root/.cache",
    ]


def test_each_python_gets_its_list_with_its_conditions(catalogue: CatalogueFolder) -> None:
    found = steps(
        rendered(
            catalogue,
            DEBIAN
            + """
values:
  python2: [six, "doctor;python_version>='3.0'"]
  python3: [doctor, {source: tools, extras: [db], marker: "python_version < '3.13'"}]
  interpreters: {python3: /venv/bin/python}
sources: {tools: {git: "https://example.org/tools", ref: main}}
""",
        )
    )
    assert [step for step in found if "pip" in step] == [
        "python2 -m pip install --no-cache-dir --src /src six "
        "'doctor;python_version>='\"'\"'3.0'\"'\"''",
        "/venv/bin/python -m pip install --no-cache-dir --src /src doctor "
        "'/src/tools[db]; python_version < '\"'\"'3.13'\"'\"''",
    ]


def test_commands_run_around_the_installation_in_the_same_layer(catalogue: CatalogueFolder) -> None:
    overlay = f"""{DEBIAN}
sources: {{tool: {{git: "https://example.org/tool", ref: main}}}}
values:
  tools: [{{source: tool, editable: true}}]
  prepare: [[sync, "a b"]]
  python3: [one]
  finish: [[one, setup]]
  folders: [/a, /b/c]
  account: {{name: one, uid: 1000, home: /home/one}}
  early_files: {{/etc/one.conf: one.conf}}
"""
    tree = rendered(catalogue, overlay, **{"one.conf": "[one]\n"})
    text = dockerfile(tree)
    assert text.index("COPY one.conf /etc/one.conf") < text.index("RUN ")
    assert steps(tree)[1:-1] == [
        "groupadd --gid 1000 one",
        "useradd --no-log-init --create-home --home-dir /home/one --uid 1000 --gid 1000 "
        "--shell /bin/bash one",
        "mkdir -p /a /b/c",
        'fetch /src/tool "$TOOL_GIT" "$TOOL_REF" --tags',
        "python3 -m pip install --no-cache-dir --src /src --editable /src/tool",
        "sync 'a b'",
        "python3 -m pip install --no-cache-dir --src /src --editable /src/tool one",
        "one setup",
        "{ test ! -d /src || find /src -name .git -prune -exec rm -rf {} +; }",
    ]


def test_constraints_come_from_anywhere_and_are_copied_only_to_be_edited(
    catalogue: CatalogueFolder,
) -> None:
    overlay = f"""{DEBIAN}
downloads: {{upper: {{url: "https://example.org/upper?h=a"}}}}
values:
  packages: [curl]
  python3: [one]
  constraints:
    base: {{image: /etc/limits.txt}}
    less: {{image: /etc/limits.txt, drop: [two]}}
    own: {{file: limits.txt}}
    upper: {{download: upper}}
"""
    tree = rendered(catalogue, overlay, **{"limits.txt": "one==1\n"})
    assert "RUN --mount=type=bind,source=limits.txt,target=/mnt/own.txt \\\n" in dockerfile(tree)
    pattern = "'s,^(-e +)?([^ #]*[#&]egg=)?(two)([^A-Za-z0-9._-].*)?$,,I'"
    assert steps(tree)[3:-3] == [
        "mkdir -p /tmp/constraints",
        f"sed -E -e {pattern} /etc/limits.txt > /tmp/constraints/less.txt",
        "cp /mnt/own.txt /tmp/constraints/own.txt",
        "curl -sSfLo /tmp/constraints/upper.download 'https://example.org/upper?h=a'",
        "cp /tmp/constraints/upper.download /tmp/constraints/upper.txt",
        "rm /tmp/constraints/upper.download",
        "python3 -m pip install --no-cache-dir --src /src --constraint /etc/limits.txt "
        "--constraint /tmp/constraints/less.txt --constraint /tmp/constraints/own.txt "
        "--constraint /tmp/constraints/upper.txt one",
        "{ test ! -d /src || find /src -name .git -prune -exec rm -rf {} +; }",
    ]


@pytest.mark.parametrize("system", ["alpine", "debian"])
def test_linters_find_nothing_but_versions_that_are_not_pinned(
    catalogue: CatalogueFolder, system: str
) -> None:
    overlay = f"""{ALPINE if system == "alpine" else DEBIAN}
sources: {{one: {{git: "https://example.org/one", ref: main}}}}
downloads: {{upper: {{url: "https://example.org/upper"}}}}
values:
  packages: [curl]
  build_packages: [gcc, git]
  account: {{name: one, uid: 1000, home: /home/one}}
  sudo: one
  user: "1000"
  constraints: {{upper: {{download: upper, drop: [a], replace: {{b: c}}}}}}
  python2: [two]
  python3: [{{source: one}}]
"""
    loaded = written(catalogue, overlay, f"system={system}")
    found = {one.code for one in lint(plan_work(loaded, Lock(), loaded.images), external.lint)}
    assert found == {"DG101", "DL3018" if system == "alpine" else "DL3008"}


def test_an_image_with_nothing_to_install_has_no_layer_for_it(catalogue: CatalogueFolder) -> None:
    instructions = parse(dockerfile(rendered(catalogue, f"{DEBIAN}values: {{cmd: [x]}}\n")))
    assert [one.cmd for one in instructions.instructions] == ["FROM", "LABEL", "CMD"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("python3: ['a; rm -rf /']", "is not a Python requirement"),
        ("python3: [{source: nope}]", "there is no `nope` in it"),
        ("constraints: {a: {source: nope, path: x}}", "there is no `nope` in it"),
        ("constraints: {a: {source: x}}", "the key `path` is missing"),
        ("constraints: {a: {image: /x, replace: {b: 'c|d\\e'}}}", "does not match"),
        ("pip: [a]", "takes at most 0 item(s)"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    catalogue: CatalogueFolder, values: str, said: str
) -> None:
    sources = 'sources: {x: {git: "https://example.org/x", ref: m}}\n'
    overlay = f"{DEBIAN}{sources}values: {{{values}}}\n"
    with pytest.raises(InputError, match=re.escape(said)):
        rendered(catalogue, overlay)


# --- the RUN, run ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    """What stands for the image: a folder, programs, and a Python."""

    root: Path
    python: Path
    wheels: Path

    def run(self, tree: Tree, **arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the RUN of a tree with its folders moved below `root`."""
        text = re.sub(r"(?<![\w.])/(src|tmp/constraints|root/\.cache|opt)\b", rf"{self.root}/\1",
                      the_run(tree))  # fmt: skip
        (self.root / "tmp").mkdir(exist_ok=True)
        env = {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "HOME": str(self.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **arguments,
        }
        return subprocess.run(
            ["sh", "-c", text], env=env, cwd=self.root, capture_output=True, text=True, check=False
        )

    def installed(self) -> dict[str, str]:
        """Return the distributions that pip sees, but itself."""
        listed = subprocess.run(
            [self.python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        pairs = (line.split("==") for line in listed.splitlines())
        return {name: version for name, version in pairs if name not in ("pip", "setuptools")}


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment with nothing but pip, to be copied."""
    folder = tmp_path_factory.mktemp("python") / "venv"
    venv.create(folder, with_pip=True)
    return folder


@pytest.fixture
def machine(tmp_path: Path, fresh_python: Path) -> Machine:
    root = tmp_path / "machine"
    (root / "bin").mkdir(parents=True)
    (root / "bin/apk").write_text('#!/bin/sh\necho "$*" >> "$HOME/apk"\n')
    (root / "bin/apk").chmod(0o755)
    shutil.copytree(fresh_python, root / "venv", symlinks=True)
    wheels = root / "wheels"
    wheels.mkdir()
    for name, version, requires in (
        ("shared", "1.0", ""),
        ("shared", "1.5", ""),
        ("shared", "2.0", ""),
        ("plugin", "1.0", "shared"),
        ("plugin", "2.0", "shared>=2"),
    ):
        wheel(wheels, name, version, requires)
    return Machine(root, root / "venv/bin/python", wheels)


def wheel(folder: Path, name: str, version: str, requires: str) -> None:
    """Write a wheel that holds nothing."""
    info = f"{name}-{version}.dist-info"
    need = f"Requires-Dist: {requires}\n" if requires else ""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{need}"
        kind = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        made.writestr(f"{info}/METADATA", about)
        made.writestr(f"{info}/WHEEL", kind)
        made.writestr(f"{info}/RECORD", "")


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", "-C", folder, *identity, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def upstream(folder: Path, files: dict[str, str]) -> Path:
    """Commit files to the branch main of a repository, which is made when it is not there."""
    if not folder.exists():
        folder.mkdir()
        git(folder, "init", "-q", "-b", "main")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Change")
    return folder


def project(about: str, below: str = "") -> dict[str, str]:
    """Return the files of a project that builds without any other distribution."""
    return {
        f"{below}about": about,
        f"{below}backend.py": BACKEND,
        f"{below}pyproject.toml": PYPROJECT,
    }


OVERLAY = """
from: docker.io/library/alpine:3.20
sources:
  alpha: {{git: "file://{alpha}", ref: main}}
  beta: {{git: "file://{beta}", ref: main}}
values:
  system: alpine
  packages: [git]
  build_packages: [build-base]
  interpreters: {{python3: {python}}}
  pip_options: [--no-index, "--find-links={wheels}"]
  checkouts: {{beta: /opt/beta}}
  constraints:
    upper: {{source: beta, path: upper.txt, drop: [gone.thing], replace: {{shared: shared<1.5}}}}
  python3:
    - {{source: alpha}}
    - {{source: beta, name: beta-tools, subdirectory: python}}
    - absent; python_version < '3'
"""
UPPER = """\
Shared===1.5
beta_tools===0.1
git+file:///none#egg=Gone_Thing
-e git+x#egg=alpha
plugin<9
"""


@pytest.fixture
def overlay(tmp_path: Path, machine: Machine) -> str:
    """Return an overlay of two sources: plugin 2.0 suits alpha, but not what beta wants."""
    alpha = upstream(tmp_path / "alpha", project("alpha 1.0 plugin"))
    beta = upstream(
        tmp_path / "beta", {"upper.txt": UPPER, **project("beta_tools 1.0 shared<2", "python/")}
    )
    return OVERLAY.format(alpha=alpha, beta=beta, python=machine.python, wheels=machine.wheels)


def sources(tree: Tree) -> dict[str, str]:
    """Return the build arguments that name sources."""
    words = re.findall(r'^ARG (\w+)="(.*)"$', dockerfile(tree), re.MULTILINE)
    return dict(words)


def test_all_requirements_are_solved_together_under_the_edited_constraints(
    catalogue: CatalogueFolder, machine: Machine, overlay: str
) -> None:
    tree = rendered(catalogue, overlay)
    done = machine.run(tree, **sources(tree))
    assert done.returncode == 0, done.stderr
    # alpha alone would get plugin 2.0 and shared 2.0, which beta then breaks
    assert machine.installed() == {
        "alpha": "1.0",
        "beta_tools": "1.0",
        "plugin": "1.0",
        "shared": "1.0",
    }
    assert done.stdout.count("Successfully installed") == 1
    subprocess.run([machine.python, "-m", "pip", "check"], check=True, capture_output=True)
    left = [path for folder in ("src", "opt", "tmp") for path in (machine.root / folder).glob("*")]
    assert left == [machine.root / "opt/beta"]
    assert not list(machine.root.rglob(".git"))
    assert (machine.root / "apk").read_text() == (
        "add --no-cache git\nadd --no-cache --virtual .build-deps build-base\ndel .build-deps\n"
    )


def test_the_constraints_can_stay_for_images_built_on_this_one(
    catalogue: CatalogueFolder, machine: Machine, overlay: str
) -> None:
    tree = rendered(catalogue, f"{overlay}  keep_constraints: /opt/limits\n")
    assert machine.run(tree, **sources(tree)).returncode == 0
    lines = (machine.root / "opt/limits/upper.txt").read_text().split("\n")
    assert [line for line in lines if line] == ["plugin<9", "shared<1.5"]


def test_a_change_under_review_and_an_old_commit_are_found(
    catalogue: CatalogueFolder, machine: Machine, overlay: str, tmp_path: Path
) -> None:
    alpha = tmp_path / "alpha"
    first = git(alpha, "rev-parse", "HEAD")
    upstream(alpha, {"about": "alpha 2.0 plugin"})
    git(alpha, "checkout", "-q", "--detach")
    upstream(alpha, {"about": "alpha 3.0 plugin"})
    git(alpha, "update-ref", "refs/changes/01/1/1", "HEAD")
    git(alpha, "checkout", "-q", "main")
    tree = rendered(catalogue, overlay)
    for ref, version in (("refs/changes/01/1/1", "3.0"), (first, "1.0"), ("main", "2.0")):
        done = machine.run(tree, **{**sources(tree), "ALPHA_REF": ref})
        assert done.returncode == 0, done.stderr
        assert machine.installed()["alpha"] == version
        shutil.rmtree(machine.root / "opt")


def test_changes_are_merged_into_a_source_that_is_fetched_without_history(
    catalogue: CatalogueFolder, machine: Machine, tmp_path: Path
) -> None:
    """Two histories of one commit each have nothing in common, so git merges neither."""
    gamma = upstream(tmp_path / "gamma", {"upper.txt": "plugin<2\n"})
    for number in (1, 2):
        git(gamma, "checkout", "-q", "--detach", "main")
        upstream(gamma, {f"change{number}.txt": "shared<2\n"})
        git(gamma, "update-ref", f"refs/changes/0{number}/{number}/1", "HEAD")
    git(gamma, "checkout", "-q", "main")
    upstream(gamma, {"later.txt": "shared<1.5\n"})
    files = ("upper", "change1", "change2", "later")
    limits = "".join(f"    {name}: {{source: gamma, path: {name}.txt}}\n" for name in files)
    loaded = written(
        catalogue,
        f"{ALPINE}sources: {{gamma: {{git: 'file://{gamma}', ref: main}}}}\n"
        "values:\n  system: alpine\n  keep_constraints: /opt/limits\n  constraints:\n" + limits,
    )
    (image,) = loaded.images
    refs = ("refs/changes/01/1/1", "refs/changes/02/2/1")
    changes = tuple(SourceChange(f"file://{gamma}", ref) for ref in refs)
    source = replace(image.sources[0], changes=changes)
    tree = Renderer(loaded, Lock()).tree(replace(image, sources=(source,)))
    ran = machine.run(tree, **sources(tree))
    assert ran.returncode == 0, ran.stderr
    kept = {path.name for path in (machine.root / "opt/limits").glob("*.txt")}
    assert kept == {f"{name}.txt" for name in files}


def test_a_replacement_that_needs_the_old_version_fails_without_one(
    catalogue: CatalogueFolder, machine: Machine, overlay: str
) -> None:
    versionless = overlay.replace("shared: shared<1.5", 'plugin: "plugin=={version}"')
    tree = rendered(catalogue, versionless)
    assert machine.run(tree, **sources(tree)).returncode != 0
    assert machine.installed() == {}


SED = [["sed"], *([["busybox", "sed"]] if shutil.which("busybox") else [])]


@pytest.mark.parametrize("sed", SED, ids=" ".join)
def test_a_name_is_edited_however_it_is_spelled(sed: list[str], catalogue: CatalogueFolder) -> None:
    overlay = f"""{DEBIAN}
values:
  python3: [one]
  constraints:
    upper:
      image: /x
      drop: [heat-translator]
      replace: {{tempest: "-e git+https://example.org/t?a&b@{{version}},x#egg=tempest"}}
"""
    words = re.findall(r" -e ('[^']+')", the_run(rendered(catalogue, overlay)))
    lines = (
        "heat_translator===0.9.1\nHeat.Translator==1 ; python_version=='2.7'\nheat-translator\n"
        "-e git+https://x/y@z#egg=heat-translator&subdirectory=a\nheat-translator-extra===1\n"
        "Tempest===17.1.0;python_version=='2.7'\ntempest-lib===1.0.0\n"
    )
    command = " ".join([*sed, "-E", *(f"-e {word}" for word in words)])
    done = subprocess.run(
        command, shell=True, input=lines, capture_output=True, text=True, check=True
    )
    assert [line for line in done.stdout.splitlines() if line] == [
        "heat-translator-extra===1",
        "-e git+https://example.org/t?a&b@17.1.0,x#egg=tempest",
        "tempest-lib===1.0.0",
    ]
