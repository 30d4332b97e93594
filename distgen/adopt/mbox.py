"""Write changes of files as a patch in the format of `git format-patch`: a mail with a diff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher, unified_diff
from email.header import Header
from email.utils import formataddr

from distgen.model import File
from distgen.plan.objects import blob_id

_MAIL = "Mon Sep 17 00:00:00 2001"  # what git writes here, so that the line is known for a mail's
_NO_NEWLINE = "\\ No newline at end of file\n"
_MISTAKEN = re.compile(r"diff -|Index: |---|From ")
_ODD = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
_ESCAPES = {0x22: b'\\"', 0x5C: b"\\\\", 0x09: b"\\t", 0x0A: b"\\n"}
_ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Letter:
    """Whose patch it is and what it is for; `date` as in a mail, `commit` where it comes from."""

    author: str
    address: str
    date: str
    message: str = field(repr=False)
    commit: str = "0" * 40

    @property
    def subject(self) -> str:
        """Return the first paragraph of the message on one line."""
        return " ".join(self.message.strip("\n").partition("\n\n")[0].split("\n"))

    @property
    def body(self) -> str:
        return self.message.strip("\n").partition("\n\n")[2].strip("\n")


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one file: `old` None makes it, `new` None deletes it."""

    old: File | None
    new: File | None


def patch(letter: Letter, steps: Iterable[Step]) -> bytes:
    """Return a patch that `git am` and an image's overlay take."""
    return _head(letter).encode("utf-8") + diffs(steps)


def diffs(steps: Iterable[Step]) -> bytes:
    """Return the diffs of a patch, renamed files found."""
    return "".join(_diff(step) for step in _renamed(tuple(steps))).encode("latin-1")


def file_name(number: int, letter: Letter) -> str:
    """Return what git would call a patch: `0001-Subject-of-it.patch`."""
    words = re.sub(r"[^A-Za-z0-9._]+", "-", letter.subject)
    words = re.sub(r"\.{2,}", ".", words)[:52].strip("-.") or "edit"
    return f"{number:04}-{words}.patch"


def _head(letter: Letter) -> str:
    lines = [
        f"From {letter.commit} {_MAIL}",
        f"From: {formataddr((letter.author, letter.address))}",
        f"Date: {letter.date}",
        f"Subject: {_encoded(f'[PATCH] {letter.subject}')}",
    ]
    if not letter.body.isascii():
        lines += [
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=UTF-8",
            "Content-Transfer-Encoding: 8bit",
        ]
    # A line that looks like the beginning of a diff or a mail would be taken for one.
    body = [f" {row}" if _MISTAKEN.match(row) else row for row in letter.body.split("\n")]
    lines += ["", *(body if letter.body else []), "---", "", ""]
    return "\n".join(lines)


def _encoded(subject: str) -> str:
    return subject if subject.isascii() else Header(subject, "utf-8", 60).encode()


def _renamed(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield the steps, where a file that went and one much like it that came are one."""
    gone = [step.old for step in steps if step.old is not None and step.new is None]
    taken: set[str] = set()
    for step in steps:
        if step.old is None and step.new is not None:
            free = [file for file in gone if file.path not in taken]
            best = max(free, key=lambda file: _likeness(file, step.new), default=None)
            if best is not None and _likeness(best, step.new) >= _ALIKE:
                taken.add(best.path)
                yield Step(best, step.new)
                continue
        if step.new is not None:
            yield step
    for file in gone:
        if file.path not in taken:
            yield Step(file, None)


def _likeness(one: File, other: File | None) -> float:
    if other is None:
        return 0.0
    if one.content == other.content:
        return 1.0
    return SequenceMatcher(None, _lines(one), _lines(other), autojunk=False).ratio()


def _diff(step: Step) -> str:
    old, new = step.old or step.new, step.new or step.old
    assert old is not None
    assert new is not None
    before, after = _quoted(f"a/{old.path}"), _quoted(f"b/{new.path}")
    text = [f"diff --git {before} {after}\n"]
    if step.old is None:
        text.append(f"new file mode {new.mode:o}\n")
    elif step.new is None:
        text.append(f"deleted file mode {old.mode:o}\n")
    elif old.mode != new.mode:
        text.append(f"old mode {old.mode:o}\nnew mode {new.mode:o}\n")
    if old.path != new.path:
        names = (_quoted(old.path), _quoted(new.path))
        text.append(f"similarity index {int(100 * _likeness(old, new))}%\n")
        text.append("rename from {}\nrename to {}\n".format(*names))
    was, now = (file.content if file else b"" for file in (step.old, step.new))
    if was != now:
        ids = (blob_id(was) if step.old else "0" * 40, blob_id(now) if step.new else "0" * 40)
        mode = f" {new.mode:o}" if step.old and step.new and old.mode == new.mode else ""
        text.append(f"index {ids[0][:7]}..{ids[1][:7]}{mode}\n")
        names = (before if step.old else "/dev/null", after if step.new else "/dev/null")
        text += _hunks(step, names)
    return "".join(text)


def _hunks(step: Step, names: tuple[str, str]) -> Iterator[str]:
    # A blank in a name would make what follows it a date, were there no tab.
    ends = ["\t" if " " in name else "" for name in names]
    rows = unified_diff(_lines(step.old), _lines(step.new), "", "")
    for number, row in enumerate(rows):
        if number < 2:
            yield f"{'---' if number == 0 else '+++'} {names[number]}{ends[number]}\n"
        else:
            yield row if row.endswith("\n") else f"{row}\n{_NO_NEWLINE}"


def _lines(file: File | None) -> list[str]:
    """Return the lines of a file, a character for each byte; only LF ends a line."""
    text = file.content.decode("latin-1") if file else ""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _quoted(name: str) -> str:
    """Quote an unusual name as git does, byte by byte."""
    raw = name.encode("utf-8", "surrogateescape")
    if not _ODD.search(raw):
        return name
    plain = (
        _ESCAPES.get(byte, b"%c" % byte if 0x20 <= byte < 0x7F else b"\\%03o" % byte)
        for byte in raw
    )
    return f'"{b"".join(plain).decode("ascii")}"'
