"""Structure tests: what they say of an image, by what engines save and by commands that are run."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from testing.engines import EngineRoom, open_engine_room
from testing.sites import save, site

from distgen.build.image_archive import SavedImage, read_archive
from distgen.build.structure_tests import (
    CommandOutcome,
    judge_command,
    judge_content,
    judge_existence,
    judge_metadata,
)
from distgen.errors import DistgenError

Catalogue = Callable[[Mapping[str, str]], Path]
CONFIG = {
    "User": "10001",
    "Env": ["PATH=/bin", "EMPTY="],
    "Entrypoint": ["/start", "--"],
    "Cmd": None,
    "ExposedPorts": {"8080/tcp": {}, "8125/udp": {}},
    "Volumes": {"/data": {}},
    "WorkingDir": "/srv",
    "Labels": {"version": "1.2"},
}


def member(name: str, text: str = "", mode: int = 0o644, **kind: object) -> tuple:
    info = tarfile.TarInfo(name)
    info.mode, info.size = mode, len(text)
    for key, value in kind.items():
        setattr(info, key, value)
    return info, text.encode()


def layer(*members: tuple) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def image(tmp_path: Path) -> SavedImage:
    """An image of two layers, the second of which takes away files of the first."""
    link = {"type": tarfile.SYMTYPE}
    below = layer(
        member("etc", mode=0o755, type=tarfile.DIRTYPE),
        member("etc/kept", "kept\n"),
        member("etc/gone", "gone\n"),
        member("opaque/old", "old\n"),
        member("folder/file", "file\n"),
        member("changed", "below\n"),
    )
    above = layer(
        member("etc/.wh.gone"),
        member("opaque/.wh..wh..opq"),
        member("opaque/new", "new\n"),
        member(".wh.folder"),
        member("./changed", "above\n", 0o4755, uid=7, gid=8),
        member("link", linkname="/etc/../../etc", **link),
        member("loop", linkname="loop", **link),
        member("up", linkname="../up", **link),
        member("out", linkname="/../../../../etc/passwd", **link),
        member("same", linkname="changed", type=tarfile.LNKTYPE),
    )
    files = {
        "manifest.json": json.dumps([{"Config": "c.json", "Layers": ["a.tar", "b.tar"]}]).encode(),
        "c.json": json.dumps({"config": CONFIG}).encode(),
        "a.tar": below,
        "b.tar": above,
    }
    path = tmp_path / "image.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            archive.addfile(member(name, "x" * len(data))[0], io.BytesIO(data))
    return read_archive(path)


@pytest.mark.parametrize(
    ("path", "keys", "problems"),
    [
        ("/etc/kept", {}, []),
        ("/link/kept", {}, []),
        ("/etc/gone", {}, ["/etc/gone is not there"]),
        ("/opaque/old", {}, ["/opaque/old is not there"]),
        ("/opaque/new", {}, []),
        ("/folder/file", {}, ["/folder/file is not there"]),
        ("/loop", {"permissions": "Lrw-r--r--"}, []),
        ("/loop/x", {}, ["/loop/x is not there"]),
        ("/up/x", {}, ["/up/x is not there"]),
        ("/etc", {"permissions": "drwxr-xr-x", "isExecutableBy": "other"}, []),
        ("/changed", {"permissions": "urwxr-xr-x", "uid": 7, "gid": 8}, []),
        ("/changed", {"uid": 0}, ["the uid of /changed is 7, not 0"]),
        ("/etc/kept", {"isExecutableBy": "any"}, ["/etc/kept is not executable by any"]),
        ("/etc/kept", {"permissions": "-rwxr-xr-x"},
         ["the permissions of /etc/kept are -rw-r--r--, not -rwxr-xr-x"]),
        ("/etc/gone", {"shouldExist": False}, []),
        ("/etc/kept", {"shouldExist": False}, ["/etc/kept is there"]),
    ],
)  # fmt: skip
def test_files_are_as_a_container_sees_them(
    image: SavedImage, path: str, keys: dict[str, object], problems: list[str]
) -> None:
    assert [*judge_existence({"path": path, "shouldExist": True, **keys}, image)] == problems


def test_contents_are_those_of_the_image_and_of_nothing_else(image: SavedImage) -> None:
    def judge(path: str, *expected: str, excluded: tuple[str, ...] = ()) -> list[str]:
        test = {"path": path, "expectedContents": expected, "excludedContents": excluded}
        return [*judge_content(test, image)]

    assert judge("/changed", "^above") == judge("/same", "above") == judge("/link/kept", "k") == []
    assert judge("/changed", "below") == ["/changed does not hold 'below': 'above'"]
    assert judge("/changed", excluded=("ab.ve",)) == ["/changed holds 'ab.ve'"]
    assert judge("/out", "root") == ["/out is no file"]
    assert judge("/etc", "x") == ["/etc is no file"]


@pytest.mark.parametrize(
    ("test", "problems"),
    [
        ({"user": "10001", "workdir": "/srv", "entrypoint": ["/start", "--"], "cmd": []}, []),
        ({"exposedPorts": ["8080", "8125/udp"], "volumes": ["/data"]}, []),
        ({"labels": [{"key": "version", "value": r"^\d", "isRegex": True}]}, []),
        ({"envVars": [{"key": "EMPTY", "value": ""}]}, []),
        ({"user": ""}, ["user is '10001', not ''"]),
        ({"workdir": "/"}, ["workdir is '/srv', not '/'"]),
        ({"cmd": ["a"]}, ["cmd is [], not ['a']"]),
        ({"exposedPorts": ["8125"]}, ["port 8125 is not exposed"]),
        ({"volumes": ["/other"]}, ["/other is no volume"]),
        ({"labels": [{"key": "version", "value": "1"}]}, ["the label version is '1.2', not '1'"]),
        ({"envVars": [{"key": "NONE", "value": ""}]}, ["there is no variable NONE"]),
    ],
)
def test_metadata_is_compared_with_the_configuration(
    image: SavedImage, test: dict[str, object], problems: list[str]
) -> None:
    assert [*judge_metadata(test, image.config)] == problems


def test_commands_are_judged_by_their_code_and_output() -> None:
    outcome = CommandOutcome(3, "version 1.2\n", "no such\n")
    good = {"exitCode": 3, "expectedOutput": [r"1\.\d"], "excludedError": ["fatal"]}
    assert [*judge_command(good, outcome)] == []
    bad = {"excludedOutput": ["version"], "expectedError": ["fatal"]}
    assert [*judge_command(bad, outcome)] == [
        "the exit code is 3, not 0: no such",
        "stdout holds 'version'",
        "stderr does not hold 'fatal': 'no such'",
    ]


def test_an_archive_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(b"no archive")
    with pytest.raises(DistgenError, match="the saved image cannot be read"):
        read_archive(tmp_path / "image.tar")


TESTS = """\
schemaVersion: 2.0.0
commandTests:
- {name: the user, command: id, args: [-un], expectedOutput: [^person$]}
- name: a variable and its words
  command: sh
  args: [-c, 'echo "$WORD $1"; echo wrong >&2; exit 4', "--", --net=host]
  envVars: [{key: WORD, value: "a b"}]
  expectedOutput: ["^a b --net=host$"]
  expectedError: [wrong]
  exitCode: 4
- {name: no network, command: cat, args: [/proc/net/route], excludedOutput: ["eth|en[ospx]"]}
fileExistenceTests: [{name: the file, path: /made, shouldExist: true, permissions: -rw-r--r--}]
fileContentTests: [{name: what it holds, path: /made, expectedContents: [^made$]}]
metadataTest: {user: person, cmd: [sh], exposedPorts: ["80"], labels: [{key: a, value: b c}]}
"""
DOCKERFILE = """\
FROM {{ base.reference }}
RUN echo -n made > /made
LABEL a="b c"
EXPOSE 80
USER person
ENTRYPOINT ["false"]
CMD ["sh"]
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineRoom]:
    yield from open_engine_room(tmp_path_factory.mktemp("engine"))


def test_an_image_is_tested_through_the_engine(room: EngineRoom, catalogue: Catalogue) -> None:
    root = site(catalogue, "base", "app")
    (root / "templates/app/Dockerfile.j2").write_text(DOCKERFILE)
    (root / "templates/app/tests.yaml").write_text(TESTS)
    save(root)
    ran = room.distgen(root, "build", "--rendered", "--test", "ns/base")
    assert ran.code == 0, ran.err
    assert ran.err.count("| test passed: ") == 6
    wrong = "schemaVersion: 2.0.0\ncommandTests: [{name: the user, command: 'false'}]\n"
    (root / "overlays/ns/base").mkdir()
    (root / "overlays/ns/base/tests.yaml").write_text(wrong)
    ran = room.distgen(root, "build", "--rendered", "--test", "--format", "json")
    assert (ran.code, [*ran.statuses.values()]) == (1, ["failed", "skipped"])
    detail = "it is not as its tests say: the user: the exit code is 1, not 0"
    assert ran.results[0]["detail"] == detail
    hang = wrong.replace("'false'", "sleep, args: ['300']")
    (root / "overlays/ns/base/tests.yaml").write_text(hang)
    ran = room.distgen(root, "build", "--rendered", "--test", "--timeout", "4", "ns/base")
    assert "took longer than 4 seconds" in ran.out
    assert room.containers() == []
    (root / "overlays/ns/base/tests.yaml").write_text(wrong + "licenseTests: []\n")
    ran = room.distgen(root, "build", "--rendered", "--test")
    assert (ran.code, "unknown key `licenseTests`" in ran.err) == (2, True)
    assert " | " not in ran.err
