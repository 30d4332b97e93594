"""Decide whether an image is as its structure tests say, as container-structure-test does.

https://github.com/GoogleContainerTools/container-structure-test, schema version 2.0.0.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distgen.build.image_archive import ImageFile, SavedImage, find_file, read_file

_SHOWN = 200
"""Characters of what a command printed that are repeated."""
# The letters of Go's FileMode.String().
_KINDS = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "L", tarfile.FIFOTYPE: "p", tarfile.BLKTYPE: "D",
          tarfile.CHRTYPE: "Dc"}  # fmt: skip
_EXECUTABLE = {"owner": 0o100, "group": 0o010, "other": 0o001, "any": 0o111}
_ROOT = ("", "0", "root")


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """The exit code of a command, and what it printed."""

    code: int
    output: str
    error: str


def judge_command(test: Mapping[str, Any], outcome: CommandOutcome) -> Iterator[str]:
    """Yield what is not as a test of `commandTests` says."""
    code = test.get("exitCode", 0)
    if outcome.code != code:
        said = (outcome.error or outcome.output).strip()[-_SHOWN:]
        yield f"the exit code is {outcome.code}, not {code}{f': {said}' if said else ''}"
    for stream, text, word in (
        ("stdout", outcome.output, "Output"),
        ("stderr", outcome.error, "Error"),
    ):
        yield from _judge_text(test, text, stream, f"expected{word}", f"excluded{word}")


def judge_existence(test: Mapping[str, Any], image: SavedImage) -> Iterator[str]:
    """Yield what is not as a test of `fileExistenceTests` says."""
    path, file = test["path"], find_file(image, test["path"], follow=False)
    if (file is not None) != test["shouldExist"]:
        yield f"{path} is {'not there' if file is None else 'there'}"
    if file is None or not test["shouldExist"]:
        return
    mode = format_mode(file)
    if test.get("permissions", mode) != mode:
        yield f"the permissions of {path} are {mode}, not {test['permissions']}"
    for name, number in (("uid", file.uid), ("gid", file.gid)):
        if test.get(name, number) != number:
            yield f"the {name} of {path} is {number}, not {test[name]}"
    who = test.get("isExecutableBy")
    if who and not file.permissions & _EXECUTABLE[who]:
        yield f"{path} is not executable by {who}"


def judge_content(test: Mapping[str, Any], image: SavedImage) -> Iterator[str]:
    """Yield what is not as a test of `fileContentTests` says."""
    content = read_file(image, test["path"])
    if content is None:
        yield f"{test['path']} is no file"
        return
    text = content.decode("utf-8", "replace")
    yield from _judge_text(test, text, test["path"], "expectedContents", "excludedContents")


def judge_metadata(test: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not as `metadataTest` says; `config` is that of an image, as docker has it."""
    variables = dict(text.partition("=")[::2] for text in config.get("Env") or ())
    yield from _judge_pairs("variable", test.get("envVars", ()), variables)
    yield from _judge_pairs("label", test.get("labels", ()), config.get("Labels") or {})
    for key, name in (("entrypoint", "Entrypoint"), ("cmd", "Cmd")):
        words = list(config.get(name) or ())
        if test.get(key, words) != words:
            yield f"{key} is {words}, not {test[key]}"
    ports = config.get("ExposedPorts") or {}
    for port in test.get("exposedPorts", ()):
        if (port if "/" in port else f"{port}/tcp") not in ports:
            yield f"port {port} is not exposed"
    for volume in test.get("volumes", ()):
        if volume not in (config.get("Volumes") or {}):
            yield f"{volume} is no volume"
    workdir, user = config.get("WorkingDir") or "", config.get("User") or ""
    if test.get("workdir", workdir) != workdir:
        yield f"workdir is {workdir!r}, not {test['workdir']!r}"
    wanted = test.get("user", user)
    if wanted != user and not (wanted == "" and user in _ROOT):
        yield f"user is {user!r}, not {wanted!r}"


def format_mode(file: ImageFile) -> str:
    """Return type and permissions of a file as Go prints them: `-rw-r--r--`, `urwxr-xr-x`."""
    bits = ((0o4000, "u"), (0o2000, "g"), (0o1000, "t"))
    special = "".join(letter for bit, letter in bits if file.permissions & bit)
    letters = "".join(
        letter if file.permissions & (0o400 >> number) else "-"
        for number, letter in enumerate("rwxrwxrwx")
    )
    return (_KINDS.get(file.kind, "") + special or "-") + letters


def _judge_text(
    test: Mapping[str, Any], text: str, place: str, expected: str, excluded: str
) -> Iterator[str]:
    for pattern in test.get(expected, ()):
        if not re.search(pattern, text):
            yield f"{place} does not hold {pattern!r}: {text.strip()[:_SHOWN]!r}"
    for pattern in test.get(excluded, ()):
        if re.search(pattern, text):
            yield f"{place} holds {pattern!r}"


def _judge_pairs(
    noun: str, pairs: Sequence[Mapping[str, Any]], present: Mapping[str, str]
) -> Iterator[str]:
    for pair in pairs:
        key, wanted = pair["key"], pair["value"]
        value = present.get(key)
        if value is None:
            yield f"there is no {noun} {key}"
        elif not (re.search(wanted, value) if pair.get("isRegex") else wanted == value):
            yield f"the {noun} {key} is {value!r}, not {wanted!r}"
