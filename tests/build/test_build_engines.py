"""The words that engines are called with: their documented options, and no value among them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from distgen.build.engine_store import pick_digest
from distgen.build.engines.engine import CommandCall, Engine
from distgen.build.engines.load import find_engine, list_engines
from distgen.build.log_lines import MOST_BYTES, LogLines
from distgen.build.parents import describe_older_pins, store_name
from distgen.build.records import BuildCall, ContextFolder, PassedOptions
from distgen.errors import InputError
from distgen.model.reference import parse_reference

# What the manuals of buildah 1.28, podman 4.3 and docker 28 (with BuildKit) list for these.
DOCUMENTED = {
    "buildah build": "build-arg force-rm format iidfile layers network pull secret tag timestamp"
    " tls-verify volume",
    "buildah pull": "tls-verify",
    "buildah push": "digestfile tls-verify",
    "podman build": "build-arg force-rm format iidfile layers network pull secret tag timestamp"
    " tls-verify volume",
    "podman pull": "tls-verify",
    "podman push": "digestfile tls-verify",
    "docker build": "build-arg force-rm iidfile network no-cache secret tag",
    "docker pull": "",
    "docker push": "",
    "buildah from": "name pull-never",
    "buildah run": "env network",
    "podman run": "entrypoint env name network pull rm",
    "docker run": "entrypoint env name network pull rm",
    "podman save": "format output",
    "docker save": "output",
}
REFERENCE = "quay.io/ns/app:main"
HOSTILE = PassedOptions(
    build_args=("A=--privileged", "B"),
    volumes=("/etc/ca:/etc/ca:ro",),
    secrets=("id=t,src=/run/t",),
    network="host",
    tls_verify=False,
)


def calls(engine: Engine) -> list[tuple[str, ...]]:
    passed = HOSTILE
    if engine.refuse(HOSTILE):
        passed = PassedOptions(HOSTILE.build_args, (), HOSTILE.secrets, HOSTILE.network)
        assert not engine.refuse(passed)
    context = ContextFolder("/tmp/x/files", "1" * 40, 1700000000)
    call = BuildCall(context, REFERENCE, "/tmp/x/id", "id=mark,src=/tmp/x/mark", passed)
    return [
        engine.build(call),
        engine.pull(REFERENCE, passed),
        engine.push(REFERENCE, "/tmp/x/digest", passed),
    ]


@pytest.mark.parametrize("engine", list_engines(), ids=lambda engine: engine.name)
def test_engines_are_called_with_options_that_their_manuals_know(engine: Engine) -> None:
    for words in calls(engine):
        program, command, *arguments = words
        options = [word for word in arguments if word.startswith("-")]
        names = {re.match(r"--([a-z-]+)(=|$)", word)[1] for word in options}  # type: ignore[index]
        assert names <= {*DOCUMENTED[f"{program} {command}"].split()}
        # A value is in the word of its option, so what stands alone is a name or a folder.
        rest = [word for word in arguments if not word.startswith("-")]
        assert rest == (["/tmp/x/files"] if command == "build" else [REFERENCE])
    build = calls(engine)[0]
    assert {"--build-arg=A=--privileged", "--build-arg=B", "--network=host"} <= {*build}
    assert any("1700000000" in word for word in build)


@pytest.mark.parametrize("engine", list_engines(), ids=lambda engine: engine.name)
def test_commands_of_tests_have_no_network_and_no_options_of_their_own(engine: Engine) -> None:
    call = CommandCall(REFERENCE, "distgen-x-0", "id", ("--rm", "-x"), ("A=--privileged",))
    words = engine.command(call)
    own = words.run[: words.run.index("--")] if "--" in words.run else words.run[:-2]
    for program, command, *arguments in filter(None, (words.make, own)):
        options = [word for word in arguments if word.startswith("-")]
        names = {re.match(r"--([a-z-]+)(=|$)", word)[1] for word in options}  # type: ignore[index]
        assert names <= {*DOCUMENTED[f"{program} {command}"].split()}
    assert {"--network=none", "--env=A=--privileged"} <= {*own}
    assert words.run[-2:] == ("--rm", "-x")
    assert "distgen-x-0" in words.remove
    chroot = engine.command(replace(call, is_chroot=True))
    assert (chroot.run[:2] == ("unshare", "--net")) is (engine.name == "buildah")
    program, command, *arguments = engine.save(REFERENCE, "/tmp/x/image.tar")
    assert "/tmp/x/image.tar" in " ".join(arguments) and program == engine.name


def test_what_docker_cannot_do_is_said_before_it_is_called() -> None:
    docker = find_docker()
    assert "mounts no --volume" in docker.refuse(PassedOptions(volumes=("/a:/b",)))
    assert "insecure-registries" in docker.refuse(PassedOptions(tls_verify=True))


def find_docker() -> Engine:
    return next(engine for engine in list_engines() if engine.name == "docker")


def test_engines_are_looked_for_without_a_daemon_first() -> None:
    assert [engine.name for engine in list_engines()] == ["buildah", "podman", "docker"]
    with pytest.raises(InputError, match="did you mean `podman`"):
        find_engine("podmann", "")


def test_lines_are_given_as_they_end() -> None:
    lines = LogLines()
    assert [*lines.feed(b"one\ntw")] == ["one"]
    assert [*lines.feed(b"o\r\n10%\r20%\r")] == ["two", "10%", "20%"]
    assert [*lines.feed(b"\xff\xc3")] == []
    assert [*lines.finish()] == ["\ufffd\ufffd"]
    assert [*lines.finish()] == []


def test_a_long_line_is_cut_where_no_password_is_halved() -> None:
    lines = LogLines()
    address = b"see https://me:s3cr3t"
    filler = b"x" * (MOST_BYTES - len(address) - 2) + b" "
    assert [*lines.feed(filler + address)] == []
    assert [*lines.feed(b"@host/" + b"y" * 10_000_000)] == []
    (line,) = lines.finish()
    assert "s3cr3t" not in line
    assert line.endswith("x see ... (10000005 more bytes in this line)")


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]8;;https://x\x1b\\link\x1b]8;;\x07", "link"),
        (b"a\x08\x07b\x1bcd", "a  bd"),
        ("\u202etxt".encode(), " txt"),
        (b"get https://user:token@host/a http://token@host", "get https://host/a http://host"),
    ],
)
def test_lines_hold_nothing_for_terminals_and_no_passwords(printed: bytes, line: str) -> None:
    lines = LogLines()
    assert [*lines.feed(printed + b"\n")] == [line]


def test_pins_are_compared_with_the_images_of_this_run() -> None:
    """An image that was pushed before and is unchanged was called newer than its own digest."""
    base, digest = "quay.io:5000/ns/base:main", f"sha256:{'1' * 64}"
    pinned = parse_reference(f"quay.io:5000/ns/base:main@{digest}")
    assert store_name(pinned) == f"quay.io:5000/ns/base@{digest}"
    assert store_name(parse_reference(base)) == base
    parents = {store_name(pinned): "old", base: "new"}
    for reference in (pinned, parse_reference(store_name(pinned))):
        (sentence,) = describe_older_pins((reference,), parents, {base: "new"})
        assert sentence.startswith(f"its Dockerfile pins {base} to {digest[:19]}, which is older")
        assert [*describe_older_pins((reference,), parents, {base: "old"})] == []
        assert [
            *describe_older_pins((reference,), parents, {"quay.io:5000/ns/x:main": "new"})
        ] == []
    assert [*describe_older_pins((pinned,), parents, {f"{base}2": "new"})] == []
    assert [*describe_older_pins((parse_reference(base),), parents, {base: "new"})] == []


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        ("localhost:5000/ns/app:main", "sha256:1"),
        ("docker.io/ccp/keystone:2026.1", "sha256:2"),
        ("docker.io/library/debian:12", "sha256:3"),
        ("quay.io/ns/app:main", ""),
    ],
)
def test_the_digest_of_a_push_is_found_among_those_that_docker_prints(
    reference: str, digest: str
) -> None:
    names = ("localhost:5000/ns/app@sha256:1", "ccp/keystone@sha256:2", "debian@sha256:3")
    assert pick_digest(names, reference) == digest
