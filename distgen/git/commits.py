"""Read git's commit objects, and add signatures to them or remove them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from distgen.git.objects import commit_content, format_person, object_id
from distgen.model.published import Change

_PERSON = re.compile(r"(.*) (\d+) ([+-]\d{4})")
_ENCODING = re.compile(rb"^encoding (\S+)$", re.MULTILINE)
_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): (.*)")
_TEXT_CODECS = re.compile(r"iso8859-\d+|cp125\d|koi8-[ru]|euc_\w+|shift_jis|gb\w+|big5")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit object; `author` and `committer` are as git writes them, with their time.

    `unsigned_id` is the id that the commit would have without its signature.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str
    message: str = field(repr=False)
    unsigned_id: str


class Person(NamedTuple):
    """An author or committer; `name` is "Name <address>", `seconds` count from 1970."""

    name: str
    seconds: int
    zone: str


def parse_commit(content: bytes) -> Commit:
    """Read a commit object, in UTF-8 as far as possible where it names no other encoding."""
    head, _, message = content.partition(b"\n\n")
    encoding = _message_encoding(head)
    headers: dict[str, list[str]] = {}
    for line in head.decode(encoding, "replace").split("\n"):
        key, _, value = line.partition(" ")
        if key:  # a line that begins with a blank continues the line before
            headers.setdefault(key, []).append(value)
    return Commit(
        id=object_id("commit", content),
        tree=headers.get("tree", [""])[0],
        parents=tuple(headers.get("parent", ())),
        author=headers.get("author", [""])[0],
        committer=headers.get("committer", [""])[0],
        message=message.decode(encoding, "replace"),
        unsigned_id=object_id("commit", remove_signature(content)),
    )


def _message_encoding(head: bytes) -> str:
    """Return the i18n.commitEncoding of a commit, where it is one for text; else UTF-8.

    Python knows more codecs, such as idna and unicode_escape: these change or refuse plain text.
    """
    match = _ENCODING.search(head)
    with suppress(LookupError, UnicodeDecodeError):
        name = codecs.lookup(match[1].decode("ascii")).name if match else ""
        return name if _TEXT_CODECS.fullmatch(name) else "utf-8"
    return "utf-8"


def unsigned_commit_content(change: Change) -> bytes:
    """Return the bytes of a change's commit without a signature."""
    person = format_person(change.author, change.date)
    return commit_content(change.tree, change.parent, person, change.message)


def sign_change(change: Change, sign: Callable[[bytes], str]) -> Change:
    """Return the change with a signature, and with the id that its commit has then."""
    with_signature = replace(change, signature=sign(unsigned_commit_content(change)))
    content = change_commit_content(with_signature)
    return replace(with_signature, commit=object_id("commit", content))


def change_commit_content(change: Change) -> bytes:
    """Return the bytes of a change's commit, with its signature if it has one."""
    content = unsigned_commit_content(change)
    return add_signature(content, change.signature) if change.signature else content


def parse_person(line: str) -> Person:
    """Split `Name <address> seconds zone`; a line without a valid time gets 0 seconds."""
    match = _PERSON.fullmatch(line)
    return Person(match[1], int(match[2]), match[3]) if match else Person(line, 0, "+0000")


def add_signature(content: bytes, signature: str) -> bytes:
    """Return a commit object with a signature, as `git commit -S` writes it."""
    head, gap, message = content.partition(b"\n\n")
    folded = signature.rstrip("\n").replace("\n", "\n ")
    return head + b"\ngpgsig " + folded.encode("utf-8") + gap + message


def remove_signature(content: bytes) -> bytes:
    """Return the bytes of a commit that its signature signs."""
    head, gap, message = content.partition(b"\n\n")
    lines = []
    in_signature = False
    for line in head.split(b"\n"):
        in_signature = line.startswith(b"gpgsig ") or (in_signature and line.startswith(b" "))
        if not in_signature:
            lines.append(line)
    return b"\n".join(lines) + gap + message


def parse_trailers(message: str) -> dict[str, str]:
    """Return the trailers of a commit message: the lines `Key: value` of its last paragraph."""
    paragraph = message.rstrip("\n").rpartition("\n\n")[2]
    matches = (_TRAILER.fullmatch(line) for line in paragraph.split("\n"))
    return {match[1]: match[2] for match in matches if match}
