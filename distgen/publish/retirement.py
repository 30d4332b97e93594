"""Write the note that takes the place of a retired image's files, and read it back."""

from __future__ import annotations

import re

from distgen.model.rendered import File
from distgen.publish.target import BranchTarget

RETIRED = "dead.package"
_SENTENCE = "left the catalogue and is no longer published."
_NOTE = re.compile(rf"(\S+)@(\S+) {re.escape(_SENTENCE)}\n(\n[^\n]+\n)?".encode())


def retirement_note(target: BranchTarget) -> File:
    """Return the note for a retired branch."""
    reason = f"\n{target.reason}\n" if target.reason else ""
    return File(RETIRED, f"{target.key} {_SENTENCE}\n{reason}".encode())


def retirement_reason(note: bytes) -> str:
    """Return why a branch was retired, as the note on it says."""
    return note.decode("utf-8", "replace").partition("\n\n")[2].rstrip("\n")


def parse_retirement_note(note: bytes) -> tuple[str, str] | None:
    """Return the image and the stream that a note retires, None for another text."""
    match = _NOTE.match(note)
    if match is None:
        return None
    return match[1].decode("utf-8", "replace"), match[2].decode("utf-8", "replace")


def is_untouched_note(note: bytes) -> bool:
    """Say whether a note is exactly what distgen writes, without a line of another author."""
    return _NOTE.fullmatch(note) is not None
