"""The chain of the mission: published repositories are cloned, built without distgen, and run.

Then the world moves: a base image gets another digest, and a packager edits a repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.chain import Built, Clone, build, clone, push
from e2e.facts import FACTS, PYTHON, UPSTREAM, VERSIONS
from e2e.lab import BOT, NAMESPACES, TOKEN, Lab, push_base
from testing.comparisons import replace_in
from testing.dist_git import commits, edit, git

INHERITS = {"opendev/nodepool-builder": "nodepool", "opendev/nodepool-launcher": "nodepool"}


@pytest.fixture(params=FACTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def config(lab: Lab, built: Mapping[str, Built], name: str) -> Mapping[str, Any]:
    """What the registry says of an image that was pushed."""
    return lab.engine.image(built[name].reference)


def test_user_command_and_environment_are_those_of_the_facts(
    config: Mapping[str, Any], name: str
) -> None:
    facts, settings = FACTS[name], config["config"]
    assert settings.get("User", "") == facts.user
    assert tuple(settings.get("Entrypoint") or ()) == facts.entrypoint
    assert tuple(settings.get("Cmd") or ()) == facts.command
    variables = dict(line.split("=", 1) for line in settings["Env"])
    assert variables.keys() - {"PATH", "LANG"} == facts.variables.keys()
    assert facts.variables.items() <= variables.items()


def test_labels_say_what_it_is_and_which_commit_is_inside(
    lab: Lab, config: Mapping[str, Any], clones: Mapping[str, Clone], name: str
) -> None:
    facts, labels = FACTS[name], config["config"]["Labels"]
    title = "org.opencontainers.image"
    assert labels["name"] == labels[f"{title}.title"] == name
    assert labels["version"] == facts.version
    assert labels["com.redhat.component"] == name.replace("/", "-") + "-container"
    assert labels[f"{title}.vendor"] == facts.vendor
    assert labels[f"{title}.licenses"] == facts.licence
    parent = clones[facts.parent].reference if facts.parent in clones else facts.parent
    assert labels[f"{title}.base.name"].endswith(parent)
    project = facts.project or INHERITS.get(name, "")
    if project:
        assert labels[f"{title}.revision"] == lab.commits[project]
        assert labels[f"{title}.version"] == VERSIONS[project]
        source = UPSTREAM[project].removeprefix("https://")
        assert labels[f"{title}.source"] == f"{lab.server.url}/{source}"
    else:
        assert f"{title}.revision" not in labels


def test_an_image_begins_with_the_layers_of_its_parent(
    lab: Lab, built: Mapping[str, Built], config: Mapping[str, Any], name: str
) -> None:
    """Also where the builder found the parent in its own store."""
    parent = FACTS[name].parent
    reference = built[parent].reference if parent in built else f"{lab.registry}/{parent}"
    layers = lab.engine.image(reference)["rootfs"]["diff_ids"]
    assert config["rootfs"]["diff_ids"][: len(layers)] == layers
    assert len(config["rootfs"]["diff_ids"]) > len(layers)


def test_commands_run_inside(lab: Lab, built: Mapping[str, Built], name: str) -> None:
    for words, printed in FACTS[name].starts:
        ended = lab.engine.start(built[name].reference, *words)
        assert ended.code == 0, (words, ended)
        expected = re.sub(r"\{(.+)\}", lambda match: VERSIONS[match[1]], printed)
        assert expected in ended.out + ended.err, words


@pytest.mark.parametrize("short", ["nodepool", "nodepool-builder", "nodepool-launcher"])
def test_nodepool_runs_as_any_user_of_group_0(
    lab: Lab, built: Mapping[str, Built], short: str
) -> None:
    reference = built[f"opendev/{short}"].reference
    ended = lab.engine.start(reference, "sh", "-c", "id -un && touch $HOME/x", user="12345:0")
    assert (ended.code, ended.out) == (0, "nodepool\n"), ended


def test_only_the_builder_of_nodepool_may_become_root(lab: Lab, built: Mapping[str, Built]) -> None:
    reference = built["opendev/nodepool-launcher"].reference
    assert lab.engine.start(reference, "sudo", "-n", "id", "-u").code != 0


def test_a_daemon_of_nodepool_starts_and_asks_for_its_configuration(
    lab: Lab, built: Mapping[str, Built]
) -> None:
    """The command of the image, without arguments: there is no nodepool.yaml."""
    ended = lab.engine.start(built["opendev/nodepool-launcher"].reference)
    assert ended.code != 0
    assert "/etc/nodepool/nodepool.yaml" in ended.out + ended.err


@pytest.fixture(scope="module")
def heads(lab: Lab, built: Mapping[str, Built]) -> dict[str, str]:
    """The head of each branch of each repository, before the base moves."""
    return read_heads(lab)


def read_heads(lab: Lab) -> dict[str, str]:
    heads = {}
    for repository in sorted((lab.server.root / "dist-git").glob("*/*.git")):
        lines = git("for-each-ref", "--format=%(refname:short) %(objectname)", folder=repository)
        key = f"{repository.parent.name}/{repository.stem}"
        heads |= {
            f"{key} {branch}": commit for branch, commit in map(str.split, lines.splitlines())
        }
    return heads


@dataclass(frozen=True)
class Moved:
    """What one new digest of a base made: the new commit of each branch that has one."""

    old: str
    new: str
    commits: Mapping[str, str]


@pytest.fixture(scope="module")
def moved(lab: Lab, heads: Mapping[str, str]) -> Moved:
    old, new = locked_digest(lab), push_base(lab, PYTHON, "again")
    ended = lab.distgen("lock", *FACTS, "--upgrade", PYTHON)
    assert ended.out == f"updated  {PYTHON}: {old} -> {new}\n", ended
    lab.commit("Take the new Python image")
    ended = lab.distgen("publish", *NAMESPACES)
    assert ended.code == 0, ended
    after = read_heads(lab)
    return Moved(old, new, {key: head for key, head in after.items() if head != heads[key]})


def locked_digest(lab: Lab) -> str:
    lock = (lab.site / "distgen.lock").read_text()
    (digest,) = re.findall(rf"  {re.escape(PYTHON)}:\n +digest: (\S+)", lock)
    return str(digest)


def test_a_moved_base_makes_one_commit_where_a_dockerfile_is_built_on_it(
    lab: Lab, heads: Mapping[str, str], moved: Moved
) -> None:
    users = set()
    for key, head in heads.items():
        name, branch = key.split()
        dockerfile = git("show", f"{head}:Dockerfile", folder=lab.dist_git(name))
        if re.search(rf"^FROM \S+/{re.escape(PYTHON)}@", dockerfile, re.MULTILINE):
            users.add(key)
        assert len(commits(lab.dist_git(name), branch)) == (2 if key in users else 1), key
    assert moved.commits.keys() == users
    assert users == {
        "opendev/jinja-init master",
        "opendev/python-base master",
        "opendev/python-builder master",
    }


def test_the_message_says_why(lab: Lab, moved: Moved) -> None:
    for key, head in moved.commits.items():
        name = key.split()[0]
        message = git("log", "-1", "--format=%B", head, folder=lab.dist_git(name))
        assert message.startswith(f"{name}: base image updated\n")
        assert f"/{PYTHON}: {moved.old[:19]} -> {moved.new[:19]}\n" in message


def test_nothing_is_left_to_publish(lab: Lab, moved: Moved) -> None:
    before = read_heads(lab)
    ended = lab.distgen("publish", *NAMESPACES)
    assert ended.code == 0, ended
    assert read_heads(lab) == before


def test_distgen_build_builds_what_the_new_base_changed(
    lab: Lab, built: Mapping[str, Built], moved: Moved, tmp_path: Path
) -> None:
    """Of all that was asked for; what is built on the two is affected as well, and takes long."""
    options = ["--since", "HEAD~1", "--engine", "buildah", "--jobs", "2", "--logs", tmp_path]
    mounts = [word for volume in lab.volumes for word in ("--volume", volume)]
    command = ["build", "opendev/python-*", "ccp/*", *options, *mounts, "--push"]
    ended = lab.distgen(*command, "--format", "json")
    assert ended.code == 0, ended
    names = ("opendev/python-base", "opendev/python-builder")
    assert ended.statuses == {f"{name}@master": "built" for name in names}
    for name in names:
        labels = lab.engine.image(built[name].reference)["config"]["Labels"]
        assert labels["org.opencontainers.image.base.digest"] == moved.new
        assert labels["made"] == "again"


EDITED = "opendev/nodepool-launcher"


@pytest.fixture(scope="module")
def adopted(lab: Lab, built: Mapping[str, Built], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A packager's edit was in the way of a change of the catalogue, and is part of it now."""
    address = f"{lab.server.url}/dist-git/{EDITED}.git".replace("://", f"://{BOT}:{TOKEN}@")
    dockerfile = git("show", "master:Dockerfile", folder=lab.dist_git(EDITED))
    opened = dockerfile.replace("EXPOSE 8005\n", "EXPOSE 8005 8006\n")
    theirs = edit(address, {"Dockerfile": opened}, tmp_path_factory.mktemp("packager"))

    replace_in(f"overlays/{EDITED}.yaml", "Starts and deletes", "Begins and ends")(lab.site)
    lab.commit("Say it in other words")
    ended = lab.distgen("publish", EDITED)
    assert ended.code == 1, ended
    assert ended.out.startswith(f"refused  {EDITED}@master  Dockerfile was edited downstream")
    assert "+EXPOSE 8005 8006\n" in ended.out
    assert commits(lab.dist_git(EDITED))[0] == theirs

    ended = lab.distgen("adopt", EDITED)
    assert ended.code == 0, ended
    assert list((lab.site / f"overlays/{EDITED}/patches").iterdir())
    lab.commit("Open another port of the launcher")
    return lab


def test_an_edit_of_a_packager_is_refused_adopted_published_and_built(
    adopted: Lab, tmp_path: Path
) -> None:
    ended = adopted.distgen("publish", EDITED)
    assert (ended.code, ended.out.split()[0]) == (0, "updated"), ended
    theirs = clone(adopted, EDITED, tmp_path)
    image = push(adopted, theirs, build(adopted, theirs))
    config = adopted.engine.image(image.reference)["config"]
    assert config["ExposedPorts"].keys() == {"8005/tcp", "8006/tcp"}
    description = config["Labels"]["org.opencontainers.image.description"]
    assert description == "Begins and ends the nodes that Zuul's jobs run on"
