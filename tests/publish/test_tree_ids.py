"""Branches that hold what an earlier run rendered: the same is said of them, and less is done."""

import shutil
import subprocess
from pathlib import Path

import pytest
from testing.catalogues import SMALL
from testing.commandline import distgen  # noqa: F401

from distgen.catalogue.load import load_catalogue
from distgen.errors import InputError
from distgen.publish.repository_plan import desired_tree
from distgen.publish.tree_ids import TreeIds, UnrenderedTree


@pytest.fixture
def small(catalogue):
    return catalogue(
        {
            **SMALL,
            "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {master: {}}\n",
            "overlays/ns/b.yaml": "template: app\nfrom: ns/a\n",
        }
    )


def edit_downstream(root):
    clone = root.parent / "clone"
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    source = root / "dist-git/ns/a.git"
    subprocess.run(["git", "clone", "-q", "-b", "master", source, clone], check=True)
    (clone / "Dockerfile").write_text("FROM scratch\n")
    for words in (("commit", "-qam", "edit"), ("push", "-q")):
        subprocess.run(["git", "-C", clone, *identity, *words], check=True)


SITUATIONS = {
    "unchanged": lambda _: None,
    "edited downstream": edit_downstream,
    "new template": lambda root: (root / "templates/app/Dockerfile.j2").write_text("FROM b\n"),
    "wrong template": lambda root: (root / "templates/app/Dockerfile.j2").write_text("{{ x }}\n"),
    "file of the image": lambda root: (
        (root / "overlays/ns/b").mkdir() or (root / "overlays/ns/b/file").write_text("")
    ),
    "lock": lambda root: (root / "distgen.lock").write_text(
        f"version: 1\nbases:\n  docker.io/library/python:3.11:\n    digest: sha256:{'a' * 64}\n"
    ),
    "repository gone": lambda root: shutil.rmtree(root / "dist-git/ns/b.git"),
    "store gone": lambda _: shutil.rmtree(Path.home() / ".cache/distgen/store"),
    "store damaged": lambda _: [
        path.chmod(0o644) or path.write_bytes(b"")  # git leaves them read-only
        for path in (Path.home() / ".cache/distgen/store/objects").rglob("*")
        if path.is_file()
    ],
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_same_is_said_with_and_without_what_is_known(distgen, small, situation):  # noqa: F811
    assert distgen(small, "publish").code == 0
    SITUATIONS[situation](small)
    for words in (("status",), ("publish", "--dry-run"), ("publish", "--format", "json")):
        copy = small.parent / "copy"
        shutil.copytree(small / "dist-git", copy)
        kept = distgen(small, *words)
        shutil.rmtree(small / "dist-git")
        copy.rename(small / "dist-git")
        assert distgen(small, "--no-cache", *words) == kept


def test_what_was_published_a_moment_ago_is_not_rendered_again(distgen, small, monkeypatch):  # noqa: F811
    assert "2 created" in distgen(small, "publish").err

    def refuse(*_):
        raise AssertionError("it was rendered")

    # Nothing that a command prints shows whether it rendered.
    monkeypatch.setattr("distgen.render.late.LateRenderer.tree", refuse)
    assert "nothing changed" in distgen(small, "publish").err


def test_a_value_of_the_command_line_is_rendered(distgen, small):  # noqa: F811
    (small / "templates/app/Dockerfile.j2").write_text(
        "FROM {{ base.reference }}\nENV PYTHON={{ python }}\n"
    )
    for _ in range(2):
        distgen(small, "publish")
    assert "nothing changed" in distgen(small, "publish").err
    assert "1 updated" in distgen(small, "publish", "--set", "ns/a:python='3.12'").err


def test_what_is_known_is_not_rendered(small):
    (image, *_) = load_catalogue(small).images

    def render(_):
        raise InputError("cannot be rendered")

    known = desired_tree(image, render, TreeIds({image.key: ("a" * 40,)}))
    assert isinstance(known, UnrenderedTree) and known.ids == ("a" * 40,)
    assert str(known.render()) == "cannot be rendered"
    assert str(desired_tree(image, render, TreeIds())) == "cannot be rendered"
