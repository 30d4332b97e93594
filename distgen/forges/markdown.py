"""Write Markdown that says what it was given, whatever that holds, and that fits where it goes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from distgen.errors import printable

_CUT = "\n*The rest does not fit here; the commit has it all.*\n"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~&])")
# GitHub links names and numbers in the HTML that it made, where no escape is left.
_LINK = re.compile(r"((?<!\w)@|#(?=\d))")


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a text that may end after any of its lines."""

    head: str
    lines: tuple[str, ...]
    tail: str = ""

    def text(self, count: int) -> str:
        """Return the block with its first lines only."""
        return self.head + "".join(f"{line}\n" for line in self.lines[:count]) + self.tail


def fit_blocks(blocks: Iterable[Block], last: str, limit: int) -> str:
    """Join the blocks, whole lines only, so that `last` still fits into `limit` bytes."""
    room = limit - byte_length(last) - byte_length(_CUT)
    text = ""
    for block in blocks:
        gap = "\n" if text else ""
        whole = gap + block.text(len(block.lines))
        if byte_length(text + whole) <= room:
            text += whole
            continue
        count = _count_fitting(block.lines, room - byte_length(text + gap + block.text(0)))
        text += (gap + block.text(count) if count else "") + _CUT
        break
    return (text + last).encode()[:limit].decode("utf-8", "ignore")


def _count_fitting(lines: Iterable[str], room: int) -> int:
    """Return how many of the first lines fit into a number of bytes."""
    count = 0
    for line in lines:
        room -= byte_length(line) + 1
        if room < 0:
            break
        count += 1
    return count


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, and that mentions no person and links to nothing.

    Forges look for names and numbers in what Markdown made of a text, where no escape is left, but
    they do not see them behind an invisible space.
    """
    return _LINK.sub(r"\1&#8203;", _SPECIAL.sub(r"\\\1", one_line(text)))


def code_span(text: str) -> str:
    """Return text as a code span, whatever backticks it holds."""
    mark = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{mark}{pad}{text}{pad}{mark}"


def code_fence(lines: Iterable[str]) -> str:
    """Return a line to put before and after code, which none of its lines can end."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(3, longest + 1)


def one_line(text: str) -> str:
    """Return text on one line, without what a forge would drop."""
    return printable(text).replace("\n", " ")


def shorten(text: str, width: int) -> str:
    """Return text of at most `width` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def byte_length(text: str) -> int:
    """Return the bytes that text takes."""
    return len(text.encode())
