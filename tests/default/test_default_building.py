"""All images of the default catalogue: what their layers keep, and what READMEs say of building."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CCP_BASES = (
    "cinder designate glance heat ironic murano neutron nova openstack openvswitch sahara "
    "searchlight"
)
ONLY_DOCKER = re.compile(r"^(SHELL|HEALTHCHECK|ONBUILD|MAINTAINER) ", re.MULTILINE)
"""Instructions that the OCI image format has no place for; buildah warns and drops them."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Render the whole catalogue; return the folder of each tree by `namespace/image/stream`."""
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, ROOT / "distgen_git.py", "-C", ROOT, "render", "-o", out]
    subprocess.run(command, check=True, capture_output=True)
    trees = {
        str(file.parent.relative_to(out)): file.parent for file in out.glob("*/*/*/Dockerfile")
    }
    assert len(trees) >= 256
    return trees


@pytest.fixture(scope="module")
def dockerfiles(folders: dict[str, Path]) -> dict[str, str]:
    return {key: (folder / "Dockerfile").read_text() for key, folder in folders.items()}


@pytest.fixture(scope="module")
def readmes(folders: dict[str, Path]) -> dict[str, str]:
    return {key: (folder / "README.rst").read_text() for key, folder in folders.items()}


def steps(dockerfile: str) -> list[str]:
    """Return the RUN instructions, each as one line."""
    return re.findall(r"^RUN .*", dockerfile.replace("\\\n", ""), re.MULTILINE)


def test_an_archive_is_fetched_used_and_removed_in_one_layer(dockerfiles: dict[str, str]) -> None:
    """zuul-executor removed its archive in a later RUN, so the layer of the first kept it."""
    fetched = {
        (key, file): step
        for key, dockerfile in dockerfiles.items()
        for step in steps(dockerfile)
        for file in re.findall(r"--output (/tmp/\S+)", step)
    }
    assert ("zuul/zuul-executor/master", "/tmp/openshift.tar.gz") in fetched
    for (key, file), step in fetched.items():
        removed = re.findall(r"&& rm (?:-rf? )?((?:/\S+ ?)+)", step)
        assert {file, "/tmp/*"} & set(" ".join(removed).split()), key


def test_no_image_keeps_the_frontend_of_debconf(dockerfiles: dict[str, str]) -> None:
    """What runs in a container of ccp/base, or in a shell of it, was never asked anything."""
    assert not [
        key for key, text in dockerfiles.items() if re.search(r"^ENV .*DEBIAN_FRONTEND", text, re.M)
    ]


def test_a_readme_names_what_is_built_first_and_from_which_repository(
    dockerfiles: dict[str, str], readmes: dict[str, str]
) -> None:
    titles = {
        re.search(r"-t (\S+) \.$", text, re.M)[1]: key.rpartition("/")[0]  # type: ignore[index]
        for key, text in readmes.items()
    }
    for key, dockerfile in dockerfiles.items():
        bases = re.findall(r"^FROM (\S+)|--from=(\S+/\S+)", dockerfile, re.MULTILINE)
        needed = {name for pair in bases for name in pair if name in titles}
        listed = dict(
            re.findall(r"^\* ``(\S+)``, from the repository ``(\S+)``", readmes[key], re.M)
        )
        assert listed == {name: titles[name] for name in needed}, key
        assert ("Nothing else is needed" in readmes[key]) == (not needed), key


def test_a_build_command_keeps_what_only_dockers_format_holds(
    dockerfiles: dict[str, str], readmes: dict[str, str]
) -> None:
    """A health check was lost without a word when the README's command was given to buildah."""
    for key, readme in readmes.items():
        commands = re.findall(r"^ +(buildah (?:bud|build)|podman build)(.*)$", readme, re.MULTILINE)
        assert commands, key
        needs = bool(ONLY_DOCKER.search(dockerfiles[key]))
        assert {"--format docker" in words for _, words in commands} == {needs}, key


def test_a_readme_runs_what_has_something_to_run(readmes: dict[str, str]) -> None:
    command = re.compile(r"^ +(podman|docker) run ", re.MULTILINE)
    silent = {key.rpartition("/")[0] for key, text in readmes.items() if not command.search(text)}
    assert silent == {
        "ccp/base",
        "ccp/base-tools",
        *(f"ccp/{name}-base" for name in CCP_BASES.split()),
        "functest/core",
        "monasca/base",
        "opendev/python-base",
        "opendev/python-builder",
    }


def test_images_that_start_nothing_by_themselves_are_run_with_a_command(
    dockerfiles: dict[str, str], readmes: dict[str, str]
) -> None:
    for key, readme in readmes.items():
        if key.startswith("ccp/") and "podman run" in readme:
            name = key.split("/")[1]
            assert re.search(rf"podman run .*/{name}:\S+ \S", readme), key


def test_trees_send_no_history_to_the_builder_and_carry_their_licence(
    folders: dict[str, Path],
) -> None:
    for key, folder in folders.items():
        assert ".git\n" in (folder / ".dockerignore").read_text(), key
        if key.startswith("monasca/"):
            assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text(), key
