"""Give images names that a downstream takes, where its alphabet is smaller than ours."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

_DIGITS = (8, 16, 64)


def unique_names(
    spellings: Mapping[str, str],
    exact: Collection[str] = (),
    reserved: Collection[str] = (),
    limit: int = 255,
) -> dict[str, str]:
    """Return a name for each key, no two alike, none reserved and none longer than `limit`.

    `spellings` has the name that each key would like, in the alphabet of the downstream. Where
    keys want the same one, it goes to the only key of `exact` among them: its own name needed no
    change. The others get the first digits of a hash of their key, which no other image decides.
    """
    rivals: dict[str, list[str]] = {}
    for key, name in spellings.items():
        rivals.setdefault(name, []).append(key)
    names = {}
    for key, name in spellings.items():
        first_choice = rivals[name] == [key] or [k for k in rivals[name] if k in exact] == [key]
        if first_choice and len(name) <= limit and name not in reserved:
            names[key] = name
    used_names = {*names.values(), *reserved}
    for key in sorted(spellings.keys() - names.keys()):
        names[key] = _hashed_name(spellings[key], key, used_names, limit)
        used_names.add(names[key])
    return {key: names[key] for key in spellings}


def _hashed_name(name: str, key: str, used_names: Collection[str], limit: int) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()
    candidates = (f"{name[: limit - count - 1]}-{digest[:count]}" for count in _DIGITS)
    return next(candidate for candidate in candidates if candidate not in used_names)
