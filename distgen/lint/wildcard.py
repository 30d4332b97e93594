"""Turn a pattern of Go's filepath.Match into what matches paths, in time that grows with both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_PART = re.compile(r"\*\*/?|\*|\?|\[\^?[^\]]+\]|\\.|.", re.DOTALL)
_FEW = 3
_STARS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A pattern: `expression` where that is quick, otherwise one expression for each of its parts.

    A regular expression of many stars tries all ways to part a name among them.
    """

    parts: tuple[str, ...]
    expression: re.Pattern[str] | None

    def matches(self, name: str) -> bool:
        """Tell whether the pattern fits a whole name."""
        if self.expression:
            return self.expression.fullmatch(name) is not None
        places = _after_skips(self.parts, {0})
        for letter in name:
            places = _after_skips(self.parts, _after_letter(self.parts, places, letter))
        return len(self.parts) in places


@lru_cache(maxsize=1024)
def wildcard(pattern: str) -> Wildcard:
    """Read a pattern of Go's filepath.Match, with ** for any number of folders."""
    parts = tuple(_PART.findall(pattern))
    if sum(part in _STARS for part in parts) > _FEW:
        return Wildcard(parts, None)
    expressions = (_STARS.get(part) or _letter_expression(part) for part in parts)
    return Wildcard(parts, _compile("".join(expressions)))


def _after_skips(parts: tuple[str, ...], places: set[int]) -> set[int]:
    """Add the places behind stars that stand for nothing."""
    reached = set(places)
    for place in places:
        at = place
        while 0 <= at < len(parts) and parts[at] in _STARS and at + 1 not in reached:
            at += 1
            reached.add(at)
    return reached


def _after_letter(parts: tuple[str, ...], places: set[int], letter: str) -> set[int]:
    """Return the places in the pattern behind a letter; -1 - PLACE is within a `**/`."""
    reached: set[int] = set()
    for place in places:
        at = place if place >= 0 else -1 - place
        part = parts[at] if at < len(parts) else ""
        if part == "**/":
            reached.update((-1 - at, *((at + 1,) if letter == "/" else ())))
        elif part == "**" or (part == "*" and letter != "/"):
            reached.add(at)
        elif part and part not in _STARS and _letter(part).fullmatch(letter):
            reached.add(at + 1)
    return reached


@lru_cache(maxsize=1024)
def _letter(part: str) -> re.Pattern[str]:
    return _compile(_letter_expression(part))


def _letter_expression(part: str) -> str:
    if part == "?":
        return "[^/]"
    if len(part) > 2 and part[0] == "[":
        inner = re.sub(r"([][&~|])", r"\\\1", part[1:-1])
        return f"[{inner}]"
    return re.escape(part[-1])


def _compile(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression, re.DOTALL)
    except re.error:  # a range that runs backwards matches nothing in Go either
        return re.compile(r"(?!)")
