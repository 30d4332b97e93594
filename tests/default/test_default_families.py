"""All families of images together: what is locked, and who is built again after whom."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from distgen.catalogue.graph import parents_first, select_images
from distgen.catalogue.load import load_catalogue
from distgen.lock.file import read_lock
from distgen.lock.plan import facts_by_key, needs
from distgen.model.catalogue import Catalogue, Image

ROOT = Path(__file__).parents[2]


@cache
def make_catalogue() -> Catalogue:
    return load_catalogue(ROOT)


def parents(image: Image) -> set[str]:
    return {parent.image for parent in image.parents if parent.image}


def needed(image: Image) -> set[str]:
    """Return the keys of all images that must be built before one."""
    known = {one.key: one for one in make_catalogue().images}
    found = parents(image)
    for key in parents(image):
        found |= needed(known[key])
    return found


def test_all_images_are_built_after_what_they_are_built_from() -> None:
    built: set[str] = set()
    for image in parents_first(make_catalogue().images):
        assert parents(image) <= built, image.key
        built.add(image.key)
    assert built == {image.key for image in make_catalogue().images}


def test_what_depends_on_any_image_is_all_that_needs_it_in_build_order() -> None:
    needs = {image.key: needed(image) for image in make_catalogue().images}
    for image in make_catalogue().images:
        chosen = [
            one.key for one in select_images(make_catalogue(), [image.key], with_dependents=True)
        ]
        assert chosen[0] == image.key
        assert set(chosen) == {image.key, *(key for key in needs if image.key in needs[key])}
        for position, key in enumerate(chosen):
            assert not needs[key] & set(chosen[position:]), key


@pytest.mark.parametrize(
    ("reference", "images"),
    [
        ("docker.io/library/alpine:3.6", ["functest/*"]),
        ("docker.io/library/debian:trixie-slim", ["ccp/*", "distgen/*"]),
        ("docker.io/ccp/nova-base:2026.1", ["ccp/nova-*@2026.1", "ccp/placement-api@2026.1"]),
    ],
)
def test_a_new_base_tells_what_to_build_again(reference: str, images: list[str]) -> None:
    chosen = select_images(make_catalogue(), [reference], with_dependents=True)
    assert chosen == select_images(make_catalogue(), images)


def test_the_graph_says_in_which_steps_to_build() -> None:
    command = [sys.executable, ROOT / "distgen_git.py", "-C", ROOT, "graph", "--format", "json"]
    done = subprocess.run(
        [*command, "--with-dependents", "ccp/cinder-base@2026.1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["steps"] == [
        ["ccp/cinder-base@2026.1"],
        [f"ccp/cinder-{name}@2026.1" for name in ("api", "ceph", "scheduler", "upgrade")],
        [f"ccp/cinder-{name}@2026.1" for name in ("backup", "volume")],
    ]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "distgen_git.py", "-C", ROOT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_lock_holds_all_that_the_catalogue_needs_and_nothing_else() -> None:
    """It held one checksum once: nearly every base and source was named by a tag or a branch."""
    checked = run("lock", "--check", "--offline", "--format", "json")
    assert (checked.returncode, json.loads(checked.stdout)["problems"]) == (0, [])


def test_what_is_not_locked_is_listed_here_and_has_its_reason_in_a_policy() -> None:
    lock = read_lock(ROOT / "distgen.lock")
    assert {
        (need.name, need.ref): sorted(need.users)
        for need in needs(make_catalogue().images)
        if need.key not in facts_by_key(lock)
    } == {
        ("https://gerrit.googlesource.com/gerrit", "stable-3.10"): ["opendev/gerrit@master"],
        ("https://github.com/go-gitea/gitea", "v1.22.6"): ["opendev/gitea@master"],
        (
            "https://github.com/intelsdi-x/snap/releases/download/2.0.0/snap-2.0.0-linux-amd64.tar.gz",
            "",
        ): ["ccp/snap@2026.1", "ccp/snap@master"],
        (
            "https://nexus.opendaylight.org/content/repositories/opendaylight.release/org/"
            "opendaylight/integration/opendaylight/0.21.0/opendaylight-0.21.0.tar.gz",
            "",
        ): ["ccp/opendaylight@2026.1", "ccp/opendaylight@master"],
        ("https://opendev.org/zuul/nodepool", "master"): [
            "opendev/nodepool@master",
            "zuul/nodepool@master",
        ],
        ("https://opendev.org/zuul/zuul", "master"): ["zuul/zuul@master"],
        ("https://opendev.org/zuul/zuul-preview", "master"): ["zuul/zuul-preview@master"],
        ("https://opendev.org/zuul/zuul-registry", "master"): ["zuul/zuul-registry@master"],
    }
