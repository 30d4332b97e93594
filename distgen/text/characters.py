"""Say which characters of a text no file may hold, and which no reader of it can see."""

from __future__ import annotations

import re
import unicodedata

_HALVES = re.compile("[\ud800-\udfff]")

# What Unicode lets a program show as nothing (Default_Ignorable_Code_Point), and what turns the
# direction of the text: https://www.unicode.org/Public/16.0.0/ucd/DerivedCoreProperties.txt,
# https://trojansource.codes. The selectors of text and of colour behind a sign are seen.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
# Joiners belong to signs and to scripts such as Bengali; in code they only tell equal names apart.
_JOINERS = "(?<![^\x00-\x7f])[\u200c\u200d]"
HIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f{_UNSEEN}]|{_JOINERS}")
"""Characters that a line of text cannot hold: those that are not seen, and line ends."""

# A form feed parts the pages of old licences; a carriage return ends a line, or overwrites it.
_HIDDEN_IN_FILES = re.compile(f"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f{_UNSEEN}]|{_JOINERS}|\r(?![\r\n])")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]|\r(?!\n)")
_BYTE_ORDER_MARK = "\ufeff"


def half_character_problem(text: str) -> str:
    """Return what is wrong where a text cannot be written as UTF-8, else nothing."""
    half = None if text.isascii() else _HALVES.search(text)
    return f"it prints U+{ord(half.group()):X}, one half of a character" if half else ""


def describe_character(character: str) -> str:
    """Return the number of a character and its name, where it has one."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X} ({name})" if name else f"U+{ord(character):04X}"


def hidden_characters(content: bytes) -> tuple[tuple[int, int, str], ...]:
    """Return the first hidden character on each line of a file: its line, its column, and itself.

    Lines end with LF. A byte order mark may begin the file.
    """
    if content.isascii() and not _CONTROLS.search(content):
        return ()
    text = content.decode("utf-8", "replace")
    places = []
    for number, line in enumerate(text.split("\n"), 1):
        start = int(number == 1 and line.startswith(_BYTE_ORDER_MARK))
        hidden = _HIDDEN_IN_FILES.search(f"{line}\n", start)
        if hidden:
            places.append((number, hidden.start() + 1, hidden.group()))
    return tuple(places)


def is_text(content: bytes) -> bool:
    """Tell whether a file is meant to be read: few of its bytes are NUL or no UTF-8, never both."""
    head = content[:8000]
    foreign, nuls = head.decode("utf-8", "replace").count("\ufffd"), head.count(b"\0")
    return nuls <= 16 and foreign * 20 <= (0 if nuls else len(head))
