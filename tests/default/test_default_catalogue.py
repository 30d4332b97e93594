"""The opendev and zuul namespaces: their chains, their choices and what starts in each image.

The images were built and run as doc/explanation/building.rst says; here nothing is built.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from distgen.catalogue.graph import select_images
from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import Dockerfile, key_values, parse, start_words
from distgen.lint import external
from distgen.lint.check import lint
from distgen.lint.work import plan_work
from distgen.lock.file import read_lock
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock, LockedSource
from distgen.model.rendered import Tree
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
PYTHON = "docker.io/library/python:3.11-slim-bookworm"
DEBIAN = "docker.io/library/debian:bookworm-slim"
NAMESPACES = ("opendev", "zuul")

PARENTS = {
    "opendev/diskimage-builder": {
        "base": "opendev/openstacksdk",
        "builder": "opendev/python-builder",
    },
    "opendev/gerrit": {"base": DEBIAN, "builder": DEBIAN},
    "opendev/gitea": {"base": DEBIAN, "builder": "docker.io/library/golang:1.22-bookworm"},
    "opendev/gitea-init": {"base": "opendev/jinja-init"},
    "opendev/gitea-openssh": {"base": DEBIAN},
    "opendev/jinja-init": {"base": PYTHON, "builder": PYTHON},
    "opendev/nodepool": {"base": "opendev/diskimage-builder", "builder": "opendev/python-builder"},
    "opendev/nodepool-builder": {"base": "opendev/nodepool"},
    "opendev/nodepool-launcher": {"base": "opendev/nodepool"},
    "opendev/openstacksdk": {"base": "opendev/python-base", "builder": "opendev/python-builder"},
    "opendev/python-base": {"base": PYTHON},
    "opendev/python-builder": {"base": PYTHON},
    "zuul/nodepool": {"base": "opendev/python-base", "builder": "opendev/python-builder"},
    "zuul/nodepool-builder": {"base": "zuul/nodepool", "builder": "opendev/python-builder"},
    "zuul/nodepool-launcher": {"base": "zuul/nodepool", "builder": "opendev/python-builder"},
    "zuul/zuul": {
        "base": "opendev/python-base",
        "builder": "opendev/python-builder",
        "node": "docker.io/library/node:22-bookworm-slim",
    },
    "zuul/zuul-executor": {"base": "zuul/zuul"},
    "zuul/zuul-fingergw": {"base": "zuul/zuul"},
    "zuul/zuul-launcher": {"base": "zuul/zuul"},
    "zuul/zuul-merger": {"base": "zuul/zuul"},
    "zuul/zuul-preview": {"base": DEBIAN, "builder": DEBIAN},
    "zuul/zuul-registry": {"base": "opendev/python-base", "builder": "opendev/python-builder"},
    "zuul/zuul-scheduler": {"base": "zuul/zuul"},
    "zuul/zuul-web": {"base": "zuul/zuul"},
}

DUMB_INIT = ("/usr/bin/dumb-init", "--")
STARTED = {
    "opendev/diskimage-builder": (DUMB_INIT, ()),
    "opendev/gerrit": (
        DUMB_INIT,
        ("/usr/bin/java", "-jar", "/var/gerrit/bin/gerrit.war", "daemon", "-d", "/var/gerrit"),
    ),
    "opendev/gitea": (("/usr/bin/entrypoint",), ("/app/gitea/gitea", "web")),
    "opendev/gitea-init": (("/entrypoint.sh",), ()),
    "opendev/gitea-openssh": (("/usr/bin/entrypoint",), ("/usr/sbin/sshd", "-D")),
    "opendev/jinja-init": (("python", "/run.py"), ()),
    "opendev/nodepool": (("/uid_entrypoint",), ("/usr/local/bin/nodepool",)),
    "opendev/nodepool-builder": (("/uid_entrypoint",), ("/usr/local/bin/nodepool-builder", "-f")),
    "opendev/nodepool-launcher": (("/uid_entrypoint",), ("/usr/local/bin/nodepool-launcher", "-f")),
    "opendev/openstacksdk": (DUMB_INIT, ()),
    "opendev/python-base": (DUMB_INIT, ()),
    "opendev/python-builder": ((), ()),
    "zuul/nodepool": (DUMB_INIT, ("/usr/local/bin/nodepool",)),
    "zuul/zuul": (DUMB_INIT, ("/usr/local/bin/zuul",)),
    "zuul/zuul-executor": (DUMB_INIT, ("/usr/local/bin/zuul-executor", "-f")),
    "zuul/zuul-fingergw": (DUMB_INIT, ("/usr/local/bin/zuul-fingergw", "-f")),
    "zuul/zuul-launcher": (DUMB_INIT, ("/usr/local/bin/zuul-launcher", "-f")),
    "zuul/zuul-merger": (DUMB_INIT, ("/usr/local/bin/zuul-merger", "-f")),
    "zuul/zuul-preview": (DUMB_INIT, ("/usr/sbin/apachectl", "-DFOREGROUND", "-e", "info")),
    "zuul/zuul-registry": (
        DUMB_INIT,
        ("/usr/local/bin/zuul-registry", "-c", "/conf/registry.yaml", "serve"),
    ),
    "zuul/zuul-scheduler": (DUMB_INIT, ("/usr/local/bin/zuul-scheduler", "-f")),
    "zuul/zuul-web": (DUMB_INIT, ("/usr/local/bin/zuul-web", "-f")),
}

USERS = {
    **dict.fromkeys(
        [f"{ns}/nodepool{part}" for ns in NAMESPACES for part in ("", "-builder", "-launcher")],
        "10001",
    ),
    "opendev/gerrit": "3000",
    "opendev/gitea": "1000:1000",
}


@pytest.fixture(scope="module")
def default_catalogue() -> Catalogue:
    return load_catalogue(ROOT)


@pytest.fixture(scope="module")
def images(default_catalogue: Catalogue) -> dict[str, Image]:
    return {
        image.full_name: image
        for image in select_images(default_catalogue, ["opendev/*", "zuul/*"])
    }


@pytest.fixture(scope="module")
def trees(default_catalogue: Catalogue, images: dict[str, Image]) -> dict[str, Tree]:
    renderer = Renderer(default_catalogue, read_lock(ROOT / "distgen.lock"))
    return {name: renderer.tree(image) for name, image in images.items()}


@pytest.fixture(scope="module")
def dockerfiles(trees: dict[str, Tree]) -> dict[str, Dockerfile]:
    return {name: parse(content(tree, "Dockerfile")) for name, tree in trees.items()}


def content(tree: Tree, path: str) -> str:
    return next(file.content.decode() for file in tree.files if file.path == path)


def inherited(
    name: str, cmd: str, images: dict[str, Image], files: dict[str, Dockerfile]
) -> tuple[str, ...]:
    """Return the words of an instruction, the image's own or the nearest parent's.

    An entry point of its own makes an engine forget the parent's command.
    """
    own = files[name]
    found = next((one for one in reversed(own.stages[-1].instructions) if one.cmd == cmd), None)
    if found:
        return start_words(found) if cmd in ("CMD", "ENTRYPOINT") else found.value
    base = images[name].parents[0].image
    forgets = cmd == "CMD" and any(one.cmd == "ENTRYPOINT" for one in own.stages[-1].instructions)
    return () if base is None or forgets else inherited(base.partition("@")[0], cmd, images, files)


def test_every_image_has_the_parents_that_its_namespace_chose(images: dict[str, Image]) -> None:
    found = {
        name: {
            parent.role: parent.image.partition("@")[0] if parent.image else parent.reference
            for parent in image.parents
        }
        for name, image in images.items()
    }
    assert found == PARENTS


def test_no_image_has_a_finding(default_catalogue: Catalogue, images: dict[str, Image]) -> None:
    lock = read_lock(ROOT / "distgen.lock")
    assert lint(plan_work(default_catalogue, lock, tuple(images.values())), external.lint) == ()


def test_every_image_starts_what_it_is_for(
    images: dict[str, Image], dockerfiles: dict[str, Dockerfile]
) -> None:
    found = {
        name: tuple(inherited(name, cmd, images, dockerfiles) for cmd in ("ENTRYPOINT", "CMD"))
        for name in STARTED
    }
    assert found == STARTED


@pytest.mark.parametrize("image", ["zuul/nodepool-builder", "zuul/nodepool-launcher"])
@pytest.mark.parametrize(("debug", "mode"), [("", "-f"), ("1", "-d")])
def test_zuuls_nodepool_starts_in_debug_mode_when_asked(
    image: str, debug: str, mode: str, dockerfiles: dict[str, Dockerfile], images: dict[str, Image]
) -> None:
    words = inherited(image, "CMD", images, dockerfiles)
    program = f"/usr/local/bin/{image.partition('/')[2]}"
    command = words[2].replace(f"exec {program}", "echo")
    shell = subprocess.run(
        [*words[:2], command], env={"DEBUG": debug}, capture_output=True, text=True, check=True
    )
    assert (words[:2], command.split()[0], shell.stdout) == (("/bin/sh", "-c"), "echo", f"{mode}\n")


def test_images_run_as_the_user_they_need(
    images: dict[str, Image], dockerfiles: dict[str, Dockerfile]
) -> None:
    found = {name: "".join(inherited(name, "USER", images, dockerfiles)) for name in images}
    assert {name: user for name, user in found.items() if user} == USERS


def test_the_two_nodepools_share_a_template_and_make_their_own_choices(
    images: dict[str, Image], trees: dict[str, Tree]
) -> None:
    ours, theirs = (images[f"{namespace}/nodepool"] for namespace in NAMESPACES)
    assert (ours.template, theirs.template) == ("python-app", "python-app")
    assert [source.git for source in ours.sources] == [source.git for source in theirs.sources]
    without = "sed -i -E '/^(diskimage-builder)([^A-Za-z0-9._-]|$)/Id' /tmp/src/requirements.txt"
    texts = {name: content(trees[f"{name}/nodepool"], "Dockerfile") for name in NAMESPACES}
    assert {name: without in text for name, text in texts.items()} == {
        "opendev": False,
        "zuul": True,
    }
    builder = content(trees["zuul/nodepool-builder"], "Dockerfile")
    assert "pip install --no-cache-dir --root-user-action=ignore diskimage-builder==" in builder


def test_every_source_can_be_replaced_by_build_arguments(
    images: dict[str, Image], dockerfiles: dict[str, Dockerfile]
) -> None:
    lock = read_lock(ROOT / "distgen.lock")
    for name, image in images.items():
        instructions = dockerfiles[name].instructions
        first = next(one.line for one in instructions if one.cmd == "FROM")
        declared = {
            word.partition("=")[0]: word.partition("=")[2].strip('"')
            for one in instructions
            if one.cmd == "ARG" and one.line < first
            for word in one.value
        }
        wanted: dict[str, str] = {}
        for source in image.sources:
            variable = source.name.upper()
            locked = lock.sources.get((source.git, source.ref))
            checkout = locked.commit if locked else source.ref
            wanted |= {f"{variable}_GIT": source.git, f"{variable}_REF": checkout}
        assert declared == wanted, name


def test_a_locked_commit_is_what_is_checked_out_and_what_the_label_says(
    default_catalogue: Catalogue,
) -> None:
    (image,) = select_images(default_catalogue, ["zuul/nodepool@master"])
    (source,) = image.sources
    commit = "0123456789" * 4
    lock = Lock(sources={(source.git, source.ref): LockedSource(commit, "2026-01-02T03:04:05Z")})
    parsed = parse(content(Renderer(default_catalogue, lock).tree(image), "Dockerfile"))
    arguments = [one.value for one in parsed.instructions if one.cmd == "ARG"]
    assert (f'NODEPOOL_REF="{commit}"',) in arguments
    labels = [pair for one in parsed.instructions if one.cmd == "LABEL" for pair in key_values(one)]
    assert ("org.opencontainers.image.revision", commit) in labels


def test_a_derived_image_is_a_few_lines(trees: dict[str, Tree]) -> None:
    text = content(trees["opendev/nodepool-launcher"], "Dockerfile")
    described, _, started = text.partition("\nLABEL ")
    assert described == (
        "# Generated by distgen from templates/image/Dockerfile.j2 and"
        " overlays/opendev/nodepool-launcher.yaml; edit those instead.\n"
        "FROM quay.io/opendevorg/nodepool:master\n\n"
        "EXPOSE 8005\n"
    )
    assert started.partition("\n\n")[2] == (
        'USER 10001\nCMD ["/usr/local/bin/nodepool-launcher", "-f"]\n'
    )


def test_labels_say_what_osbs_and_registries_want_to_know(
    dockerfiles: dict[str, Dockerfile],
) -> None:
    for name, file in dockerfiles.items():
        found = dict(
            pair
            for one in file.stages[-1].instructions
            if one.cmd == "LABEL"
            for pair in key_values(one)
        )
        namespace, _, short = name.partition("/")
        assert found["name"] == name
        assert found["com.redhat.component"] == f"{namespace}-{short}-container"
        assert found["version"] == "master"
        assert found["org.opencontainers.image.base.name"] == file.stages[-1].base.partition("@")[0]


def test_the_readme_says_how_to_build_another_ref(trees: dict[str, Tree]) -> None:
    text = content(trees["opendev/nodepool"], "README.rst")
    assert "buildah bud -t quay.io/opendevorg/nodepool:master ." in text
    assert "``--build-arg NODEPOOL_REF=...``" in text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the image's Python has tomllib")
@pytest.mark.parametrize(
    ("files", "arguments", "output"),
    [
        ({}, ["--list"], "\n"),
        (
            {"setup.cfg": "[extras]\napp_base =\n  yappi\n  objgraph>=3 # why\n"},
            ["--list"],
            "app_base\n",
        ),
        (
            {"setup.cfg": "[extras]\napp_base =\n  yappi\n\n  objgraph>=3\n"},
            ["app_base"],
            "yappi\nobjgraph>=3\n",
        ),
        ({"setup.cfg": "[options.extras_require]\ndev = tox\n"}, [], "tox\n"),
        (
            {"pyproject.toml": '[project.optional-dependencies]\ns3 = ["boto3>1"]\n'},
            ["s3"],
            "boto3>1\n",
        ),
        ({"pyproject.toml": "[build-system]\nrequires = []\n"}, ["--list"], "\n"),
    ],
)
def test_extras_are_read_wherever_a_project_keeps_them(
    tmp_path: Path, files: dict[str, str], arguments: list[str], output: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    script = ROOT / "templates" / "python-builder" / "get-extras-packages"
    found = subprocess.run(
        [sys.executable, script, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == output


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the image's Python has tomllib")
def test_an_unknown_extra_is_refused(tmp_path: Path) -> None:
    script = ROOT / "templates" / "python-builder" / "get-extras-packages"
    found = subprocess.run(
        [sys.executable, script, "nope"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (1, "no such extra: nope\n")
