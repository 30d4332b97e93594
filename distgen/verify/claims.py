"""Judge a published commit: does what it says of itself lead to the files that it holds?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from distgen.errors import DistgenError
from distgen.git.commits import Commit, parse_trailers
from distgen.git.objects import SUBMODULE_MODE, blob_id
from distgen.lint.build_context import build_inputs
from distgen.model.published import Edit, TreeEntry
from distgen.model.rendered import File
from distgen.model.words import MANIFEST
from distgen.render.manifest import parse
from distgen.text.diff import diff_file

Standing = Literal[
    "reproduced", "edited downstream", "unknown source", "forged", "unsigned", "failed"
]
STANDINGS: tuple[Standing, ...] = (
    "reproduced",
    "edited downstream",
    "unknown source",
    "forged",
    "unsigned",
    "failed",
)
_SOURCE = re.compile(r"(?:.*@)?([0-9a-f]{40}(?:[0-9a-f]{24})?)")
_KEY = re.compile(
    r"^(distgen-(?:image|stream|source|lock|version))[ \t]*:", re.IGNORECASE | re.MULTILINE
)
_LARGE = 1024 * 1024
Read = Callable[[TreeEntry], bytes]


@dataclass(frozen=True, slots=True)
class Claim:
    """What the trailers of a commit say; `commit` is the catalogue's, empty when nobody has it.

    `twice` names a trailer that stands there again, so that readers may differ over what it says.
    """

    image: str
    stream: str
    source: str
    lock: str
    version: str
    commit: str = ""
    twice: str = ""

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a commit of the catalogue gives for one image and stream, and says of it."""

    source: str
    lock: str
    author: str
    files: Mapping[str, File] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one commit; `url` and `branch` say where it was found.

    `source` is the catalogue's commit that leads to the files, and `exact` says whether it leads to
    the very id of the commit. `own` are the files that distgen does not generate.
    """

    image: str
    stream: str
    url: str
    branch: str
    commit: str | None
    status: Standing
    detail: str = ""
    source: str = ""
    version: str = ""
    exact: bool = False
    edits: tuple[Edit, ...] = ()
    own: tuple[str, ...] = ()
    signature: Literal["good", "bad", "none"] | None = None
    signer: str = ""

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


def claim(message: str) -> Claim | None:
    """Return what the trailers of a message say, None where they are not distgen's."""
    found = parse_trailers(message)
    if "Distgen-Image" not in found or "Distgen-Stream" not in found:
        return None
    source = found.get("Distgen-Source", "")
    clean = _SOURCE.fullmatch(source)
    keys = [key.lower() for key in _KEY.findall(message.rstrip("\n").rpartition("\n\n")[2])]
    return Claim(
        image=found["Distgen-Image"],
        stream=found["Distgen-Stream"],
        source=source,
        lock=found.get("Distgen-Lock", ""),
        version=found.get("Distgen-Version", ""),
        commit=clean[1] if clean else "",
        twice=next((key.title() for key in keys if keys.count(key) > 1), ""),
    )


def lie(claimed: Claim, expected: Expected) -> str:
    """Say which trailer is not what the catalogue gives, "" when all are."""
    if claimed.source != expected.source:
        return f"Distgen-Source says {claimed.source}, and the catalogue {expected.source}"
    if claimed.lock != expected.lock:
        return "Distgen-Lock is not the sum of what the image uses of that commit's lock"
    return ""


def differences(
    expected: Mapping[str, File], standing: Mapping[str, TreeEntry], read: Read
) -> tuple[Edit, ...]:
    """Return how the files that stand there differ from what distgen generates."""
    return (*_differences(expected, standing, read), *added(expected, standing, read))


def added(
    expected: Mapping[str, File], standing: Mapping[str, TreeEntry], read: Read
) -> tuple[Edit, ...]:
    """Return the files that distgen does not generate, and that change what is built."""
    found = {path: standing[path] for path in build_inputs(expected, own(expected, standing))}
    texts = (
        (path, b"" if one.mode == SUBMODULE_MODE else read(one)) for path, one in found.items()
    )
    return tuple(Edit(path, "added", _shown(path, None, now), None, now) for path, now in texts)


def same_manifest(one: bytes, other: bytes) -> bool:
    """Say whether two manifests tell of the same files; remembered texts do not count."""
    if one == other:
        return True
    try:
        found = [replace(parse(content), merge_bases={}) for content in (one, other)]
    except DistgenError:
        return False
    return found[0] == found[1]


def own(expected: Iterable[str], standing: Iterable[str]) -> tuple[str, ...]:
    """Return the paths that stand there and are none of distgen's."""
    return tuple(sorted({*standing} - {*expected, MANIFEST}))


def is_by(commit: Commit, author: str) -> bool:
    """Say whether a commit pretends that distgen made it, and that nobody touched it since."""
    return commit.author == commit.committer and commit.author.startswith(f"{author} ")


def metadata(commit: Commit, wanted: Commit) -> str:
    """Say what of a commit is not as distgen would have it, though its files are."""
    parts = [
        word
        for word, is_same in (
            ("parent", commit.parents == wanted.parents),
            ("author or date", commit.author == wanted.author),
            ("committer", commit.committer == wanted.committer),
            ("message", commit.message == wanted.message),
        )
        if not is_same
    ]
    verb = "is" if len(parts) == 1 else "are"
    return f"{', '.join(parts)} {verb} not what distgen writes" if parts else ""


def counted(paths: Iterable[str]) -> str:
    """Name some paths in a sentence."""
    found = sorted(paths)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(found[:3]) + more


def _differences(
    expected: Mapping[str, File], standing: Mapping[str, TreeEntry], read: Read
) -> Iterator[Edit]:
    for path, file in sorted(expected.items()):
        entry = standing.get(path)
        if entry == TreeEntry(file.mode, blob_id(file.content)):
            continue
        if entry is None:
            yield Edit(path, "deleted", diff_file(path, file.content, None), file.content, None)
            continue
        now = b"" if entry.mode == SUBMODULE_MODE else read(entry)
        if path == MANIFEST and entry.mode == file.mode and same_manifest(now, file.content):
            continue
        if now == file.content:
            modes = f"old mode {file.mode:o}\nnew mode {entry.mode:o}\n"
            yield Edit(path, "mode", modes, file.content, now)
        else:
            yield Edit(path, "modified", _shown(path, file.content, now), file.content, now)


def _shown(path: str, old: bytes | None, new: bytes) -> str:
    """Return the diff, but not of what was made to keep whoever compares it busy for hours."""
    return diff_file(path, old, new) if len(new) <= _LARGE else f"{path} has {len(new)} bytes now\n"
