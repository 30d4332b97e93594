"""Resolves `from` and `builders` to a catalogue's image, an external one or scratch."""

from __future__ import annotations

from collections.abc import Mapping

from distgen.errors import InputError
from distgen.model.catalogue import Parent
from distgen.model.reference import names_a_registry, parse_reference
from distgen.model.words import Origin
from distgen.text.suggest import suggest_nearest

SCRATCH = "scratch"
References = Mapping[str, Mapping[str, str]]
"""The references of all images of a catalogue, by full name and stream."""


def resolve_parent(
    role: str, text: str, stream: str, references: References, where: Origin
) -> Parent:
    """Return the parent that `text` names for an image in `stream`."""
    if text == SCRATCH:
        return Parent(role, None, SCRATCH, where)
    full_name, at, other_stream = text.partition("@")
    if full_name in references:
        return _catalogue_parent(
            role, full_name, other_stream if at else stream, references[full_name], where
        )
    if is_external(text):
        return Parent(role, None, str(parse_reference(text, where)), where)
    hint = suggest_nearest(full_name, references)
    if "://" in text:
        hint = "write a reference without a scheme"
    elif not hint:
        path = text if "/" in text else f"library/{text}"
        hint = f"write an external reference with its registry, such as docker.io/{path}"
    raise InputError(f"there is no image `{full_name}` in the catalogue", where=where, hint=hint)


def is_external(text: str) -> bool:
    """Tell whether a reference begins with the host of a registry."""
    host, slash, _ = text.partition("/")
    return bool(slash) and "://" not in text and names_a_registry(host)


def _catalogue_parent(
    role: str, full_name: str, stream: str, by_stream: Mapping[str, str], where: Origin
) -> Parent:
    if stream not in by_stream:
        raise InputError(
            f"`{full_name}` has no stream `{stream}`",
            where=where,
            hint=f"it has {', '.join(by_stream)}; write `{full_name}@STREAM` to take another one",
        )
    return Parent(role, f"{full_name}@{stream}", by_stream[stream], where)
