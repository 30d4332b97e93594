"""Turn the values of ENV and LABEL before and after into a line for each key that changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from distgen.publish.pin_statements import Aliases

Values = Mapping[str, tuple[str, ...]]

_OCI = "org.opencontainers.image."
_OF_BASE = {f"{_OCI}base.name", f"{_OCI}base.digest"}
_OF_SOURCE = {f"{_OCI}created", f"{_OCI}revision", f"{_OCI}version"}
_NAMES_ONLY = re.compile(r"\0[^\0]*\0")
_WIDTH = 80
_CONTEXT = 10


def keyed_lines(what: str, old: Values, new: Values, aliases: Aliases) -> Iterator[str]:
    """Yield a line for each key that changed; `what` says of which thing, `{}` stands for the key.

    What only repeats a base or a source that moved is left out.
    """
    for key in sorted({*old} | {*new}):
        before, after = old.get(key), new.get(key)
        if before == after or _repeats(key, before or (), after or (), aliases):
            continue
        before_text, after_text = _shorten_values(", ".join(before or ()), ", ".join(after or ()))
        if before is None:
            yield f"{_name_change(what, key, 'added')}: {after_text}"
        elif after is None:
            yield f"{_name_change(what, key, 'removed')}: {before_text}"
        else:
            yield f"{what.format(key)}: {before_text} -> {after_text}"


def _name_change(what: str, key: str, verb: str) -> str:
    return what.format(f"{key} {verb}")


def _repeats(key: str, old: tuple[str, ...], new: tuple[str, ...], aliases: Aliases) -> bool:
    """Tell whether a value changed only because a base or a source did."""
    old_names = [aliases.without_dates(aliases.old_text(value)) for value in old]
    new_names = [aliases.without_dates(aliases.new_text(value)) for value in new]
    if old_names == new_names:
        return True
    is_replaced = any("\0" in value for value in (*old_names, *new_names))
    if not (old and new) and is_replaced:
        return all(_NAMES_ONLY.fullmatch(value) for value in (*old_names, *new_names))
    is_of_source = key in _OF_SOURCE or key.endswith("build-date")
    return (key in _OF_BASE and is_replaced) or (is_of_source and aliases.has_source)


def _shorten_values(old: str, new: str) -> tuple[str, str]:
    """Return two values in quotes; of long ones the part where they begin to differ."""
    if max(len(old), len(new)) <= _WIDTH:
        return _quote(old), _quote(new)
    pairs = enumerate(zip(old, new, strict=False))
    start = next((i for i, (a, b) in pairs if a != b), min(len(old), len(new)))
    start = max(0, start - _CONTEXT) if old and new else 0
    return _cut(old, start), _cut(new, start)


def _cut(text: str, start: int) -> str:
    head = "..." if start else ""
    tail = "..." if len(text) > start + _WIDTH else ""
    return _quote(head + text[start : start + _WIDTH] + tail)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
