"""Read what a published commit says of itself, and compare that with what the catalogue gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from distgen.git.commits import Commit, parse_trailers
from distgen.model.rendered import File

_SOURCE = re.compile(r"(?:.*@)?([0-9a-f]{40}(?:[0-9a-f]{24})?)")
_KEY = re.compile(
    r"^(distgen-(?:image|stream|source|lock|version))[ \t]*:", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What the trailers of a commit say; `commit` is the catalogue's, empty where none is named.

    `duplicate` is a trailer that is there twice: two readers may disagree over what it says.
    """

    image: str
    stream: str
    source: str
    lock: str
    version: str
    commit: str = ""
    duplicate: str = ""

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a commit of the catalogue gives for one image and stream, and says of it."""

    source: str
    lock: str
    author: str
    files: Mapping[str, File] = field(repr=False)


def parse_claim(message: str) -> Claim | None:
    """Return what the trailers of a message say, None where they are not distgen's."""
    trailers = parse_trailers(message)
    if "Distgen-Image" not in trailers or "Distgen-Stream" not in trailers:
        return None
    source = trailers.get("Distgen-Source", "")
    source_match = _SOURCE.fullmatch(source)
    last_paragraph = message.rstrip("\n").rpartition("\n\n")[2]
    keys = [key.lower() for key in _KEY.findall(last_paragraph)]
    return Claim(
        image=trailers["Distgen-Image"],
        stream=trailers["Distgen-Stream"],
        source=source,
        lock=trailers.get("Distgen-Lock", ""),
        version=trailers.get("Distgen-Version", ""),
        commit=source_match[1] if source_match else "",
        duplicate=next((key.title() for key in keys if keys.count(key) > 1), ""),
    )


def false_trailer(claim: Claim, expectation: Expectation) -> str:
    """Say which trailer is not what the catalogue gives, "" when all are."""
    if claim.source != expectation.source:
        return f"Distgen-Source says {claim.source}, but the catalogue says {expectation.source}"
    if claim.lock != expectation.lock:
        return "Distgen-Lock is not the sum of what the image uses of that commit's lock"
    return ""


def is_authored_by(commit: Commit, author: str) -> bool:
    """Say whether a commit says that distgen made it, and that nothing touched it since."""
    return commit.author == commit.committer and commit.author.startswith(f"{author} ")


def metadata_difference(commit: Commit, expected_commit: Commit) -> str:
    """Say what of a commit is not as distgen would have it, though its files are."""
    parts = [
        word
        for word, is_same in (
            ("parent", commit.parents == expected_commit.parents),
            ("author or date", commit.author == expected_commit.author),
            ("committer", commit.committer == expected_commit.committer),
            ("message", commit.message == expected_commit.message),
        )
        if not is_same
    ]
    verb = "is" if len(parts) == 1 else "are"
    return f"{', '.join(parts)} {verb} not what distgen writes" if parts else ""
