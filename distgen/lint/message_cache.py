"""Keep what linters say of a text from one run to the next."""

from __future__ import annotations

from typing import Any

from distgen.cache.keys import CacheKey, cache_key, content_digest
from distgen.cache.results import Cache, load_result, save_result
from distgen.lint.linters import Linter, LinterMessage, Messages
from distgen.model.words import LEVELS

_KIND = "lint"


def load_messages(cache: Cache, linter: Linter, text: bytes) -> Messages | None:
    """Return what a linter that was asked for its version said of a text, None if unknown."""
    return load_result(cache, _key(linter, text), _decode)


def save_messages(cache: Cache, linter: Linter, text: bytes, messages: Messages) -> None:
    """Keep what a linter said of a text."""
    rows = [
        (message.line, message.column, message.code, message.level, message.text)
        for message in messages
    ]
    save_result(cache, _key(linter, text), rows)


def _key(linter: Linter, text: bytes) -> CacheKey:
    settings = [(name, content_digest(content)) for name, content in linter.settings]
    words = (linter.name, linter.identity, linter.options, settings)
    return cache_key(_KIND, *words, content_digest(text))


def _decode(rows: Any) -> Messages:
    return tuple(map(_decode_row, rows))


def _decode_row(row: Any) -> LinterMessage:
    line, column, code, level, text = row
    kinds = tuple(map(type, row))
    if kinds != (int, int, str, str, str) or level not in LEVELS:
        raise ValueError("this is no message of a linter")
    return LinterMessage(line, column, code, level, text)
