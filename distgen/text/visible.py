"""Spell the characters of a text that would command a terminal, or that nobody would see."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def visible(text: str) -> str:
    """Return a text in which control and direction characters are spelled: ^M, \\u202e."""
    if text.isprintable():
        return text
    spelled = _CONTROL.sub(lambda match: f"^{chr(ord(match[0]) ^ 0x40)}", text)
    return "".join(
        sign if sign.isprintable() or sign == "\t" else ascii(sign)[1:-1] for sign in spelled
    )
