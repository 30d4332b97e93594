"""The image of distgen was built from its published repository, and publishes a catalogue."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from e2e.chain import Built
from e2e.lab import WHEELS_INSIDE, Lab
from testing.containers import Ended
from testing.dist_git import git

USER = 10001


class Container:
    """Runs distgen as the image has it, on a catalogue that is mounted."""

    def __init__(self, lab: Lab, reference: str, catalogue: Path) -> None:
        self.lab, self.reference, self.catalogue = lab, reference, catalogue

    def __call__(self, *words: str, user: str = "") -> Ended:
        volumes = [f"{self.catalogue}:/catalogue"]
        return self.lab.engine.start(self.reference, *words, user=user, volumes=volumes)


@pytest.fixture(scope="module")
def container(
    lab: Lab, built: Mapping[str, Built], tmp_path_factory: pytest.TempPathFactory
) -> Container:
    """An empty folder of the user of the image is mounted as its catalogue."""
    folder = tmp_path_factory.mktemp("mounted") / "catalogue"
    folder.mkdir()
    os.chown(folder, USER, 0)
    return Container(lab, built["distgen/distgen"].reference, folder)


@pytest.fixture(scope="module")
def mounted(container: Container) -> Path:
    """A catalogue was begun in a container and published in another."""
    begun = container("init", "--minimal", "--git")
    assert begun.code == 0, begun
    first = container("publish")
    assert (first.code, first.out.count("created  ")) == (0, 1), first
    again = container("publish")
    assert again.code == 0, again
    assert "nothing changed: 1 branch is as the catalogue says" in again.err + again.out
    return container.catalogue


def test_a_catalogue_is_published_by_containers_into_local_repositories(mounted: Path) -> None:
    (repository,) = (mounted / "dist-git").glob("*/*.git")
    assert repository.stat().st_uid == USER
    # git counts nothing of another user.
    assert git("-c", "safe.directory=*", "rev-list", "--count", "main", folder=repository) == "1\n"


def test_the_linters_are_in_the_image(container: Container, mounted: Path) -> None:
    (dockerfile,) = mounted.glob("templates/*/Dockerfile.j2")
    text = dockerfile.read_text()
    dockerfile.write_text(text + "RUN cd /tmp && echo $undefined\n")
    ended = container("lint", "--fail-on", "warning")
    dockerfile.write_text(text)
    assert ended.code == 1, ended
    assert "DL3003" in ended.out and "SC2086" in ended.out


def test_a_catalogue_of_another_user_is_read_by_any_user_of_group_0(
    container: Container, mounted: Path
) -> None:
    """git refuses what belongs to somebody else, and clusters choose the user."""
    ended = container("publish", "--dry-run", user="12345:0")
    assert ended.code == 0, ended
    assert "nothing changed: 1 branch" in ended.err + ended.out


def test_code_inside_is_that_of_this_checkout(lab: Lab, container: Container) -> None:
    """A release of the same version might have been installed."""
    log = (lab.folder / "logs/distgen-distgen.log").read_text()
    assert f"Processing {WHEELS_INSIDE}/distgen_git-" in log
