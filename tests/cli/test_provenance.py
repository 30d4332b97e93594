"""Every image of the default catalogue tells which version of its component it was made from."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from distgen.catalogue.load import load_catalogue
from distgen.lock.file import dump_lock
from distgen.lock.plan import lock_of, needs
from distgen.model.lock import LockedBase, LockedSource

pytest_plugins = ["testing.commandline"]
ROOT = Path(__file__).parents[2]
IMAGES = ("opendev/nodepool", "zuul/zuul", "zuul/zuul-executor", "monasca/api", "monasca/thresh")
COMMIT, DATE, DIGEST = "c0ffee" * 6 + "c0ff", "2024-05-01T12:00:00Z", "sha256:" + "b" * 64


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """The default catalogue with a lock that holds everything."""
    root = tmp_path_factory.mktemp("default")
    for name in ("distgen.yaml", "templates", "overlays"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    facts = {}
    for need in needs(load_catalogue(root).images):
        facts[need.key] = {
            "base": LockedBase(DIGEST),
            "source": LockedSource(COMMIT, DATE, "9.8.7"),
            "download": "d" * 64,
        }[need.kind]
    (root / "distgen.lock").write_text(dump_lock(lock_of(facts)))
    return root


@pytest.fixture(scope="module")
def trees(locked, tmp_path_factory):
    """The trees of some of its images, rendered at once."""
    out = tmp_path_factory.mktemp("trees")
    names = [*(f"{name}@master" for name in IMAGES), "opendev/python-base"]
    words = [sys.executable, ROOT / "distgen_git.py", "-C", locked, "render", "-o", out, *names]
    subprocess.run(words, check=True, capture_output=True)
    return out


def read(folder):
    dockerfile = (folder / "Dockerfile").read_text()
    labels = dict(re.findall(r'([a-z0-9.-]+)="([^"]*)"', dockerfile))
    manifest = json.loads((folder / ".distgen.json").read_text())
    return labels, (folder / "README.rst").read_text(), manifest


@pytest.mark.parametrize(
    ("image", "source"),
    [
        ("opendev/nodepool", "nodepool"),
        ("zuul/zuul", "zuul"),
        ("monasca/api", "app"),
        ("monasca/thresh", "app"),
    ],
)
def test_label_readme_and_manifest_agree(trees, image, source):
    labels, readme, manifest = read(trees / image / "master")
    assert labels["org.opencontainers.image.revision"] == COMMIT
    assert labels["org.opencontainers.image.version"] == "9.8.7"
    assert labels["org.opencontainers.image.created"] == DATE
    assert f"version 9.8.7, commit ``{COMMIT}``" in readme
    assert manifest["sources"][source]["commit"] == COMMIT
    assert manifest["sources"][source]["version"] == "9.8.7"


def test_the_base_is_named_with_its_digest(trees):
    labels, _, manifest = read(trees / "opendev/python-base/master")
    reference = "docker.io/library/python:3.11-slim-bookworm"
    assert labels["org.opencontainers.image.base.name"] == reference
    assert labels["org.opencontainers.image.base.digest"] == DIGEST
    assert manifest["bases"] == {reference: DIGEST}


def test_what_is_not_locked_is_not_labelled(locked, distgen, tmp_path):
    root = tmp_path / "catalogue"
    shutil.copytree(locked, root)
    (root / "distgen.lock").write_text("version: 1\n")
    names = ("opendev/python-base", "opendev/nodepool")
    assert distgen(root, "render", "-o", tmp_path / "out", *names).code == 0
    labels, _, _ = read(tmp_path / "out/opendev/python-base/master")
    assert "org.opencontainers.image.base.digest" not in labels
    # A base of the catalogue has that label: left out here, it would be inherited.
    labels, _, _ = read(tmp_path / "out/opendev/nodepool/master")
    assert labels["org.opencontainers.image.base.digest"] == ""
    assert labels["org.opencontainers.image.created"] == ""


def test_an_image_without_a_component_keeps_the_version_of_the_one_below_it(trees):
    labels, readme, manifest = read(trees / "zuul/zuul-executor/master")
    said = {"version", "revision", "source", "created"}
    assert not {f"org.opencontainers.image.{name}" for name in said} & set(labels)
    assert "which version of its component is inside, they have from the base image" in readme
    assert manifest["sources"] == {}


def test_monasca_says_it_in_its_old_labels_too_unless_the_downstream_does(
    locked, trees, distgen, tmp_path
):
    labels, _, _ = read(trees / "monasca/api/master")
    assert (labels["build-date"], labels["commit-sha1"]) == (DATE, COMMIT)
    root = tmp_path / "catalogue"
    shutil.copytree(locked, root)
    path = root / "overlays/monasca/namespace.yaml"
    path.write_text(path.read_text() + "exports: [osbs]\n")
    assert distgen(root, "render", "-o", tmp_path / "two", "monasca/api@master").code == 0
    labels, _, _ = read(tmp_path / "two/monasca/api/master")
    assert "build-date" not in labels
    assert labels["commit-sha1"] == COMMIT
