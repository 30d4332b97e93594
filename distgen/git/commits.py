"""Git's commit objects: read what they say, and put signatures into them or take them out."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from distgen.git.objects import commit_content, format_person, object_id
from distgen.model.published import Change

_PERSON = re.compile(r"(.*) (\d+) ([+-]\d{4})")
_ENCODING = re.compile(rb"^encoding (\S+)$", re.MULTILINE)
_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): (.*)")
_KNOWN = re.compile(r"iso8859-\d+|cp125\d|koi8-[ru]|euc_\w+|shift_jis|gb\w+|big5")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as it stands; `author` and `committer` are as git writes them, with their time.

    `unsigned` is the id that it would have without its signature.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str
    message: str = field(repr=False)
    unsigned: str


def parse_commit(content: bytes) -> Commit:
    """Read a commit object, in UTF-8 as far as it can be where it names no other encoding."""
    head, _, message = content.partition(b"\n\n")
    encoding = _encoding(head)
    headers: dict[str, list[str]] = {}
    for line in head.decode(encoding, "replace").split("\n"):
        key, _, value = line.partition(" ")
        if key:  # a line that begins with a blank continues the one before
            headers.setdefault(key, []).append(value)
    return Commit(
        id=object_id("commit", content),
        tree=headers.get("tree", [""])[0],
        parents=tuple(headers.get("parent", ())),
        author=headers.get("author", [""])[0],
        committer=headers.get("committer", [""])[0],
        message=message.decode(encoding, "replace"),
        unsigned=object_id("commit", remove_signature(content)),
    )


def _encoding(head: bytes) -> str:
    """Return what i18n.commitEncoding was; Python knows codecs that are no encodings of people."""
    found = _ENCODING.search(head)
    with suppress(LookupError, UnicodeDecodeError):
        name = codecs.lookup(found[1].decode("ascii")).name if found else ""
        return name if _KNOWN.fullmatch(name) else "utf-8"
    return "utf-8"


def unsigned_commit_content(change: Change) -> bytes:
    """Return the commit of a change, as it is without a signature."""
    who = format_person(change.author, change.date)
    return commit_content(change.tree, change.parent, who, change.message)


def sign_change(change: Change, sign: Callable[[bytes], str]) -> Change:
    """Return the change with a signature, and the id that its commit has with it."""
    made = replace(change, signature=sign(unsigned_commit_content(change)))
    return replace(made, commit=object_id("commit", change_commit_content(made)))


def change_commit_content(change: Change) -> bytes:
    """Return the commit of a change, with its signature if it has one."""
    plain = unsigned_commit_content(change)
    return add_signature(plain, change.signature) if change.signature else plain


def parse_person(line: str) -> tuple[str, int, str]:
    """Take `Name <address> seconds zone` apart; seconds are 0 where they make no sense."""
    found = _PERSON.fullmatch(line)
    return (found[1], int(found[2]), found[3]) if found else (line, 0, "+0000")


def add_signature(plain: bytes, made: str) -> bytes:
    """Return a commit object that carries a signature, as `git commit -S` writes it."""
    head, gap, message = plain.partition(b"\n\n")
    folded = made.rstrip("\n").replace("\n", "\n ")
    return head + b"\ngpgsig " + folded.encode("utf-8") + gap + message


def remove_signature(content: bytes) -> bytes:
    """Return the bytes of a commit that its signature is about."""
    head, gap, message = content.partition(b"\n\n")
    kept = []
    inside = False
    for line in head.split(b"\n"):
        inside = line.startswith(b"gpgsig ") or (inside and line.startswith(b" "))
        if not inside:
            kept.append(line)
    return b"\n".join(kept) + gap + message


def parse_trailers(message: str) -> dict[str, str]:
    """Return the trailers of a commit message: the lines `Key: value` of its last paragraph."""
    last = message.rstrip("\n").rpartition("\n\n")[2]
    return {found[1]: found[2] for line in last.split("\n") if (found := _TRAILER.fullmatch(line))}
