"""`distgen build` with a real buildah: what it builds and leaves, and what it says of trouble."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from testing.dist_git import edit
from testing.engines import EngineRoom, open_engine_room
from testing.event_lines import read_events
from testing.servers import start_registry
from testing.sites import NAMESPACE, STREAMS, ended, save, site, start

from distgen.schema.packaged import load_schema

Catalogue = Callable[[Mapping[str, str]], Path]
CHILD = "template: app\nfrom: {}\nvalues: {{line: {}}}\n"


@pytest.fixture(scope="module")
def shared_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineRoom]:
    yield from open_engine_room(tmp_path_factory.mktemp("engine"))


@pytest.fixture
def room(shared_room: EngineRoom) -> Iterator[EngineRoom]:
    """Give each test the store as it was, with the base alone."""
    yield shared_room
    for name in shared_room.images():
        if "registry.example.org" in name or "localhost" in name:
            shared_room.run("rmi", "--force", name)
    shared_room.run("rmi", "--prune", "--force")
    assert os.listdir(shared_room.folder / "tmp") == []


def small_site(catalogue: Catalogue, **lines: str) -> Path:
    """Write a catalogue of images, each built on the one before it, that run these lines."""
    names = list(lines)
    root = site(catalogue, names[0])
    parents = ["docker.io/library/debian:12", *(f"ns/{name}" for name in names)]
    for name, parent in zip(names, parents, strict=False):
        text = CHILD.format(parent, json.dumps(lines[name]))
        (root / f"overlays/ns/{name}.yaml").write_text(text)
    save(root)
    return root


def test_published_commits_are_built_on_the_parents_of_this_run(
    room: EngineRoom, catalogue: Catalogue, tmp_path: Path
) -> None:
    root = small_site(catalogue, base="echo one > /one", app="cat /one && echo two > /two")
    assert room.distgen(root, "publish").code == 0
    files = ("--logs", tmp_path / "logs", "--events", tmp_path / "events")
    ran = room.distgen(root, "build", "--format", "json", *files)
    assert (ran.code, ran.statuses) == (0, {"ns/base@main": "built", "ns/app@main": "built"})
    jsonschema.validate(json.loads(ran.out), load_schema("build"))
    assert "ns/app@main | one\n" in ran.err
    assert "one\n" in (tmp_path / "logs/ns/app/main.log").read_text()
    events = read_events(tmp_path / "events", "build-events")
    assert [event["event"] for event in events] == [
        *("started", "building", "result", "building", "result", "ended")
    ]
    ids = room.images()
    for row in ran.results:
        assert ids[row["reference"]] == f"sha256:{row['image_id']}"
    app = room.inspect(ran.results[1]["reference"])
    assert app["config"]["Labels"].keys() == {"io.buildah.version"}
    assert room.containers() == []


def without_chance(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without what buildah 1.28 writes into it by chance."""
    config = {**configuration["config"], "Hostname": ""}
    kept = {"created", "architecture", "os", "rootfs", "history", "parent"}
    return {"config": config, **{key: configuration[key] for key in kept & {*configuration}}}


def test_an_image_is_the_same_as_one_that_is_built_by_hand(
    room: EngineRoom, catalogue: Catalogue, tmp_path: Path
) -> None:
    """What distgen must know of an image stands in its cache: a label would be in the image."""
    root = small_site(catalogue, base="echo one > /one")
    room.distgen(root, "publish")
    (row,) = room.distgen(root, "build", "--format", "json").results
    ours = without_chance(room.inspect(row["reference"]))
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", root / "dist-git/ns/base.git", clone, "-b", "main"], check=True
    )
    date = subprocess.run(
        ["git", "-C", clone, "log", "-1", "--format=%ct"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    shutil.rmtree(clone / ".git")
    words = ("--format=docker", f"--timestamp={date}", "--tag", row["reference"], clone)
    assert room.run("build", "-q", *words).returncode == 0
    assert without_chance(room.inspect(row["reference"])) == ours


def test_what_the_store_has_from_this_commit_and_parent_is_left(
    room: EngineRoom, catalogue: Catalogue
) -> None:
    root = small_site(catalogue, base="echo one > /one", app="echo two > /two")
    room.distgen(root, "publish")
    build = ("build", "--format", "json")
    first = room.distgen(root, *build)
    again = room.distgen(root, *build)
    assert set(again.statuses.values()) == {"unchanged"}
    assert [row["image_id"] for row in again.results] == [row["image_id"] for row in first.results]
    # Another parent under the same name, other arguments, or a lost image: it is built.
    assert set(room.distgen(root, *build, "--build-arg", "A=b").statuses.values()) == {"built"}
    for value, status in (("one", "built"), ("one", "unchanged"), ("two", "built")):
        ran = room.distgen(root, *build, "ns/base", "--build-arg", "A", A=value)
        assert ran.statuses == {"ns/base@main": status}, value
    assert set(room.distgen(root, *build, "--rebuild").statuses.values()) == {"built"}
    room.run("tag", "docker.io/library/debian:12", "registry.example.org/ns/base:main")
    assert room.distgen(root, *build, "ns/app").statuses == {"ns/app@main": "built"}
    room.run("rmi", "--force", "registry.example.org/ns/app:main")
    assert room.distgen(root, *build, "ns/app").statuses == {"ns/app@main": "built"}
    shutil.rmtree(root.parent / "home/.cache/distgen/builds")
    assert room.distgen(root, *build, "ns/app").statuses == {"ns/app@main": "built"}


def test_rendered_trees_are_built_and_nothing_is_published(
    room: EngineRoom, catalogue: Catalogue
) -> None:
    root = small_site(catalogue, base="echo $HOME", app="echo two")
    unpublished = room.distgen(root, "build")
    assert unpublished.code == 1
    assert "has no branch main yet; publish it first" in unpublished.out
    assert "skipped  ns/app@main   its parent ns/base@main was failed" in unpublished.out
    ran = room.distgen(root, "build", "--rendered", "--set", "line=echo set", "--format", "json")
    assert set(ran.statuses.values()) == {"built"}
    assert "ns/base@main | STEP 2/2: RUN echo set" in ran.err
    assert {(row["commit"], row["url"]) for row in ran.results} == {(None, None)}
    assert not (root / "dist-git").exists()
    refused = room.distgen(root, "build", "--set", "line=true")
    assert (refused.code, "build the trees with --rendered" in refused.err) == (2, True)


def test_what_changed_since_a_revision_is_built_with_its_dependents(
    room: EngineRoom, catalogue: Catalogue
) -> None:
    root = small_site(catalogue, base="echo one", app="echo two", leaf="echo three")
    room.distgen(root, "publish")
    text = CHILD.format("ns/base", "echo other")
    (root / "overlays/ns/app.yaml").write_text(text)
    save(root)
    room.distgen(root, "publish")
    since = ("build", "--since", "HEAD^", "--format", "json")
    alone = room.distgen(root, *since)
    assert {key: alone.statuses[key] for key in alone.statuses} == {
        "ns/app@main": "failed",
        "ns/leaf@main": "skipped",
    }
    (detail, _) = (row["detail"] for row in alone.results)
    assert (
        "its parent registry.example.org/ns/base:main is neither in the store of buildah" in detail
    )
    assert "--with-parents" in detail
    whole = room.distgen(root, *since, "--with-parents")
    assert list(whole.statuses) == ["ns/base@main", "ns/app@main", "ns/leaf@main"]
    assert set(whole.statuses.values()) == {"built"}


def test_a_failed_parent_skips_its_dependents_and_nobody_else(
    room: EngineRoom, catalogue: Catalogue
) -> None:
    root = small_site(catalogue, bad="echo good; false", app="true")
    for number in range(6):
        name = root / f"overlays/ns/good{number}.yaml"
        name.write_text(CHILD.format("docker.io/library/debian:12", f"echo {number}"))
    ran = room.distgen(root, "build", "--rendered", "--jobs", "8", "--format", "json")
    counts = {status: [*ran.statuses.values()].count(status) for status in ran.statuses.values()}
    assert (ran.code, counts) == (1, {"failed": 1, "skipped": 1, "built": 6})
    by_key = {f"{row['image']}@{row['stream']}": row["detail"] for row in ran.results}
    assert by_key["ns/app@main"] == "its parent ns/bad@main was failed"
    failure = by_key["ns/bad@main"]
    assert failure.startswith("buildah ended with code 1: ") and "exit status 1" in failure


def test_a_build_that_hangs_is_ended_and_cleared_away(
    room: EngineRoom, catalogue: Catalogue
) -> None:
    """With TERM ignored the engine is killed, and its container stays in the store."""
    kept = room.run("from", "--name", "somebody-else", "docker.io/library/debian:12")
    assert kept.returncode == 0
    root = small_site(catalogue, base="trap '' TERM; sleep 300 & wait; sleep 300")
    ran = room.distgen(root, "build", "--rendered", "--timeout", "3")
    assert ran.code == 1
    assert "took longer than 3 seconds (--timeout), and was ended" in ran.out
    assert len(room.containers()) == 1
    assert room.run("rm", "somebody-else").returncode == 0


@pytest.mark.parametrize("line", ["sleep 300", "trap '' TERM; sleep 300 & wait; sleep 300"])
def test_the_first_interrupt_ends_the_builds_that_run(
    room: EngineRoom, catalogue: Catalogue, line: str
) -> None:
    root = small_site(catalogue, base=f"echo it runs; {line}", app="true")
    process = start(root, "build", "--rendered", "--format", "json", **room.environment)
    assert process.stderr
    for text in process.stderr:
        if text.endswith("| it runs\n"):
            break
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert ran.code == 130
    assert ran.statuses == {"ns/base@main": "failed", "ns/app@main": "skipped"}
    assert "ending the builds that run" in ran.err
    assert room.containers() == []
    assert set(room.images()) == {"docker.io/library/debian:12"}


@pytest.mark.parametrize("how", ["interrupt", "timeout"])
def test_a_pull_that_gets_no_answer_is_ended(
    room: EngineRoom, catalogue: Catalogue, how: str
) -> None:
    root = small_site(catalogue, base="true")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        parent = f"localhost:{silent.getsockname()[1]}/away:1"
        (root / "overlays/ns/base.yaml").write_text(CHILD.format(parent, "echo one"))
        words = ["--timeout", "2"] if how == "timeout" else []
        process = start(root, "build", "--rendered", *words, **room.environment)
        assert process.stderr and process.stderr.readline().endswith(f"| pulling {parent}\n")
        silent.accept()
        if how == "interrupt":
            process.send_signal(signal.SIGTERM)
        ran = ended(process)
    assert ran.code == (130 if how == "interrupt" else 1)
    assert "and the build was ended" in ran.out or "took longer than 2 seconds" in ran.out


def test_a_parent_that_nobody_has_is_named(room: EngineRoom, catalogue: Catalogue) -> None:
    root = small_site(catalogue, base="true")
    (root / "overlays/ns/base.yaml").write_text(CHILD.format("localhost:1/away:1", "echo one"))
    ran = room.distgen(root, "build", "--rendered")
    assert ran.code == 1
    assert "its parent localhost:1/away:1 is neither in the store of buildah nor to be" in ran.out
    assert "see whether its registry has it, and whether buildah is logged in there" in ran.out


def engines_of(room: EngineRoom) -> list[str]:
    """Return the engines that build with temporary files in this room."""
    processes = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            processes.append(file.read_bytes().decode(errors="replace"))
    return [words for words in processes if f"src={room.folder}/" in words]


def test_what_a_killed_run_left_is_cleared_by_the_next(
    room: EngineRoom, catalogue: Catalogue
) -> None:
    root = small_site(catalogue, base="echo it runs; sleep 20; echo $A")
    process = start(root, "build", "--rendered", **room.environment)
    assert process.stderr
    for text in process.stderr:
        if text.endswith("| it runs\n"):
            break
    process.kill()
    process.wait()
    assert room.containers() != []
    assert engines_of(room) != []
    (root / "overlays/ns/base.yaml").write_text(
        CHILD.format("docker.io/library/debian:12", "echo done")
    )
    ran = room.distgen(root, "build", "--rendered")
    assert ran.code == 0, ran.err
    assert "removed 1 containers that a killed run left" in ran.err
    assert room.containers() == engines_of(room) == []


def test_two_runs_share_a_store(room: EngineRoom, catalogue: Catalogue) -> None:
    root = small_site(catalogue, base="sleep 1", app="true")
    runs = [start(root, "build", "--rendered", "--rebuild", **room.environment) for _ in range(2)]
    outcomes = [ended(run) for run in runs]
    for ran in outcomes:
        # Whether the second replaced the parent of the first in time is a matter of luck.
        assert ran.code == 0 or "was replaced by another build" in ran.out, ran.out
    assert room.distgen(root, "build", "--rendered").code == 0
    assert room.containers() == []


def test_a_log_that_cannot_be_written_disturbs_no_build(
    room: EngineRoom, catalogue: Catalogue, tmp_path: Path
) -> None:
    root = small_site(catalogue, base="echo one")
    logs = tmp_path / "logs"
    (logs / "ns/base").mkdir(parents=True)
    (logs / "ns/base/main.log").symlink_to("/dev/full")
    ran = room.distgen(root, "build", "--rendered", "--logs", logs)
    assert ran.code == 1
    assert "built  ns/base@main" in ran.out
    assert "No space left on device; the log is not complete" in ran.err


def test_logs_hold_no_commands_for_terminals_and_no_passwords_of_addresses(
    room: EngineRoom, catalogue: Catalogue, tmp_path: Path
) -> None:
    line = r"printf '\033[31mred\033]0;title\007 https://me:s3cr3t@host/x\n'"
    root = small_site(catalogue, base=line)
    ran = room.distgen(root, "build", "--rendered", "--logs", tmp_path)
    assert ran.code == 0
    log = (tmp_path / "ns/base/main.log").read_text()
    assert "red https://host/x\n" in log
    for text in (ran.err, log):
        assert "\033" not in text and "s3cr3t" not in text


def test_an_endless_line_is_cut(room: EngineRoom, catalogue: Catalogue, tmp_path: Path) -> None:
    line = "head -c 104857600 /dev/zero | tr '\\\\000' x"
    root = small_site(catalogue, base=line)
    ran = room.distgen(root, "build", "--rendered", "--logs", tmp_path)
    assert ran.code == 0, ran.err
    assert "more bytes in this line)" in ran.err
    assert (tmp_path / "ns/base/main.log").stat().st_size < 20_000


def test_arguments_volumes_and_secrets_reach_the_build(
    room: EngineRoom, catalogue: Catalogue, tmp_path: Path
) -> None:
    (tmp_path / "certificate").write_text("it is mounted\n")
    (tmp_path / "secret").write_text("it is secret\n")
    root = small_site(catalogue, base="true")
    (root / "templates/app/Dockerfile.j2").write_text(
        "FROM {{ base.reference }}\nARG WORD OTHER\n"
        'RUN echo "$WORD $OTHER" && cat /etc/ca\n'
        "RUN --mount=type=secret,id=token cat /run/secrets/token\n"
    )
    words = ("--build-arg", "WORD=--privileged $(id)", "--build-arg", "OTHER")
    volume = ("--volume", f"{tmp_path}/certificate:/etc/ca:ro")
    secret = ("--secret", f"id=token,src={tmp_path}/secret")
    build = ("build", "--rendered", *words, *volume, *secret, "--network", "host")
    ran = room.distgen(root, *build, OTHER="from the environment")
    assert ran.code == 0, ran.err
    for text in ("--privileged $(id) from the environment", "it is mounted", "it is secret"):
        assert f"ns/base@main | {text}\n" in ran.err


def test_downstream_edits_are_built_as_they_were_published(
    room: EngineRoom, catalogue: Catalogue, tmp_path: Path
) -> None:
    root = small_site(catalogue, base="echo one")
    room.distgen(root, "publish")
    repository = root / "dist-git/ns/base.git"
    text = "FROM docker.io/library/debian:12\nCOPY .distgen.json /\nRUN echo edited\n"
    edit(repository, {"Dockerfile": text}, tmp_path, branch="main")
    ran = room.distgen(root, "build")
    assert ran.code == 0, ran.err
    assert "ns/base@main | edited\n" in ran.err
    edit(repository, {"Dockerfile": "FROM ${BASE}\n"}, tmp_path, branch="main")
    assert room.distgen(root, "build").code == 1


def test_images_are_pushed_and_the_lock_takes_their_digests(
    room: EngineRoom, catalogue: Catalogue, tmp_path: Path
) -> None:
    registry = start_registry(tmp_path / "registry", tmp_path / "storage", {})
    host = next(registry).host
    try:
        root = small_site(catalogue, base="echo one", app="true")
        namespace = NAMESPACE.format(streams=f"main: {STREAMS['main']}")
        (root / "overlays/ns/namespace.yaml").write_text(
            "\n".join(line.strip() for line in namespace.splitlines()).replace(
                "registry.example.org", host
            )
        )
        save(root)
        room.distgen(root, "publish")
        file = tmp_path / "digests.json"
        push = ("build", "--push", "--digests", file, "--tls-verify=false", "--format", "json")
        ran = room.distgen(root, *push)
        assert ran.code == 0, ran.err
        jsonschema.validate(json.loads(ran.out), load_schema("build"))
        jsonschema.validate(json.loads(file.read_text()), load_schema("digests"))
        digests = {
            row["reference"]: row["digest"] for row in json.loads(file.read_text())["images"]
        }
        assert digests == {row["reference"]: row["digest"] for row in ran.results}
        assert not (root / "distgen.lock").exists()
        taken = room.distgen(root, "lock", "--digests", file)
        assert taken.code == 0, taken.err
        for reference, digest in digests.items():
            assert f"{reference}:\n    digest: {digest}\n" in (root / "distgen.lock").read_text()
        assert "change nothing" in room.distgen(root, "lock", "--digests", file).err
        save(root)
        assert room.distgen(root, "publish", "--format", "json").statuses == {
            "ns/base@main": "unchanged",
            "ns/app@main": "updated",
        }
        # What was pushed is the image of this run as well, whether or not it is pushed again.
        details = [row["detail"] for row in room.distgen(root, *push[:1], *push[4:]).results]
        assert details == ["", ""]
        # The base is built anew: what the child pins is older, and is what the child stands on.
        again = room.distgen(root, *push, "--rebuild", "--build-arg", "A=b")
        details = [row["detail"] for row in again.results]
        assert again.code == 0 and details[0] == ""
        same = again.results[0]["digest"] == digests[f"{host}/ns/base:main"]
        assert ("which is older than the image of this run" in details[1]) is not same
    finally:
        registry.close()


def test_podman_builds_as_buildah_does(
    tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue
) -> None:
    for podman in open_engine_room(tmp_path_factory.mktemp("podman"), "podman"):
        root = small_site(catalogue, base="echo one > /one", app="cat /one")
        build = ("build", "--engine", "podman", "--rendered", "--format", "json")
        ran = podman.distgen(root, *build)
        assert (ran.code, set(ran.statuses.values())) == (0, {"built"}), ran.err
        assert "ns/app@main | one\n" in ran.err
        assert set(podman.distgen(root, *build).statuses.values()) == {"unchanged"}
        hang = ("--set", "line=trap '' TERM; sleep 300 & wait; sleep 300", "--timeout", "3")
        assert "was ended" in podman.distgen(root, *build, *hang).out
        assert podman.run("ps", "--all", "--external", "--quiet").stdout == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--engine", "bulidah"], "there is no engine `bulidah`; did you mean `buildah`?"),
        (["--digests", "d.json"], "--digests: is written by --push, which is not there"),
        (["--build-arg", "-v=/:/host"], "--build-arg: the value is not one of this option"),
        (["--volume", "-x:/y"], "--volume: the value is not one of this option"),
        (["--secret", "src=/etc/shadow"], "--secret: the value is not one of this option"),
        (["--network=--privileged"], "--network: the value is not one of this option"),
    ],
)
def test_a_wrong_option_is_bad_input(catalogue: Catalogue, words: list[str], sentence: str) -> None:
    process = start(site(catalogue), "build", *words)
    ran = ended(process)
    assert ran.code == 2
    assert sentence in ran.err


def test_without_an_engine_the_package_to_install_is_named(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    root = site(catalogue)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(shutil.which("git") or "")
    ran = ended(start(root, "build", PATH=str(tmp_path / "bin")))
    assert (ran.code, ran.err) == (
        2,
        "distgen: none of buildah, podman, docker is on PATH;"
        " install the package buildah or podman or docker.io\n",
    )
    ran = ended(start(root, "build", "--engine", "podman", PATH=str(tmp_path / "bin")))
    assert "podman is not on PATH; install the package podman\n" in ran.err
