"""Publish, build, discover: a new base goes down three levels of ccp, one level a round."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from testing.commandline import Ran, Run
from testing.comparisons import default_catalogue
from testing.dist_git import git
from testing.servers import Server, push

pytest_plugins = ["testing.servers", "testing.commandline"]

DEBIAN = "docker.io/library/debian:trixie-slim"
LEVELS = ("ccp/base", "ccp/base-tools", "ccp/memcached")
IMAGES = tuple(f"{name}@master" for name in LEVELS)


@dataclass
class Loop:
    """A site whose images and bases are in one registry, and a job that goes round."""

    root: Path
    registry: Server
    run: Run
    builds: int = 0
    digests: dict[str, str] = field(default_factory=dict)

    def distgen(self, *words: str) -> Ran:
        ran = self.run(self.root, *words)
        assert ran.code == 0, ran
        return ran

    def commit(self, subject: str) -> None:
        git("commit", "-q", "-a", "--allow-empty", "-m", subject, folder=self.root)

    def publish(self) -> set[str]:
        """Publish, and return the images that have a new commit."""
        rows = self.distgen("publish", *IMAGES, "--format", "json").json["results"]
        assert {row["status"] for row in rows} <= {"created", "updated", "unchanged"}
        return {row["image"] for row in rows if row["status"] != "unchanged"}

    def build(self, *names: str) -> None:
        """Stand for a builder: push an image that differs from the one before."""
        for name in names:
            self.builds += 1
            labels = {"build": str(self.builds)}
            self.digests[name] = push(self.registry, name, "master", labels=labels)

    def discover(self) -> None:
        self.distgen("discover", *IMAGES)
        self.commit("Build on what was built")

    def base_of(self, name: str) -> str:
        """Return what the published Dockerfile of an image is built on."""
        repository = self.root / f"dist-git/{name}.git"
        text = git("show", "master:Dockerfile", folder=repository)
        return re.findall(r"^FROM (\S+)$", text, re.MULTILINE)[0]


@pytest.fixture
def loop(tmp_path: Path, open_registry: Server, distgen: Run) -> Iterator[Loop]:
    """All was built and found, from the bottom to the top."""
    root = tmp_path / "site"
    root.mkdir()
    default_catalogue(root)
    # Without the others it is faster. One takes the value `openstack_ref`; the policy names others.
    kept = {"ccp", "namespace", "openstack-base", *(name.partition("/")[2] for name in LEVELS)}
    for place in (*(root / "overlays").iterdir(), *(root / "overlays/ccp").iterdir()):
        if place.stem not in kept:
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    namespace = root / "overlays/ccp/namespace.yaml"
    namespace.write_text(namespace.read_text().partition("policy:\n")[0])
    settings = root / "distgen.yaml"
    mirrors = f"mirrors:\n  registries: {{docker.io: {open_registry.host}}}\n"
    settings.write_text(settings.read_text() + mirrors)
    git("init", "-q", folder=root)
    (root / ".gitignore").write_text("/dist-git/\n")
    git("add", "-A", folder=root)
    loop = Loop(root, open_registry, distgen)
    loop.commit("Begin")
    while changed := loop.publish():
        loop.build(*changed)
        loop.discover()
    yield loop


def test_a_new_base_goes_down_one_level_a_round(loop: Loop) -> None:
    # All three in the first round, then what is built on the base, then what is built on that.
    assert loop.builds == 3 + 2 + 1
    for base, name in pairwise(LEVELS):
        assert loop.base_of(name).endswith(f"/{base}:master@{loop.digests[base]}")

    digest = push(loop.registry, "library/debian", "trixie-slim", labels={"of": "today"})
    ran = loop.distgen("lock", *IMAGES, "--upgrade", DEBIAN)
    assert ran.out.endswith(f" -> {digest}\n")
    loop.commit("Take the new Debian")
    assert loop.publish() == {"ccp/base"}
    # Nobody goes on before a level was built, also where a build gives the very same image.
    loop.discover()
    assert loop.publish() == set()
    assert loop.base_of("ccp/base").endswith(digest)
    loop.build("ccp/base")
    for parent, name in pairwise(LEVELS):
        loop.discover()
        assert loop.publish() == {name}
        assert loop.base_of(name).endswith(loop.digests[parent])
        loop.build(name)
    loop.discover()
    assert loop.publish() == set()
