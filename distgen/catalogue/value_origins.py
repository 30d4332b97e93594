"""Find who set the values that a line of a rendered file shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

from distgen.catalogue.overlay import find_origin
from distgen.catalogue.printed_names import NamePattern, Names, printed_names
from distgen.catalogue.tag_streams import FROM_TAGS
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.rendered import PrintedValue
from distgen.model.words import KeyPath, Origin
from distgen.render.context import template_context

_LOCK = Origin("distgen.lock")
_LOCKED = ("digest", "commit", "date", "version", "checkout", "revision", "sha256")
_OF_OVERLAY = ("name", "full_name", "template")


@dataclass(frozen=True, slots=True)
class ValueOrigin:
    """A key that a template prints, and the line that set it last."""

    key: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A text or number that templates see, and the path by which they do."""

    path: KeyPath
    text: str
    origin: Origin


class ValueOrigins:
    """Who set the values of one image; each template is read once."""

    def __init__(self, catalogue: Catalogue, lock: Lock, image: Image) -> None:
        self._catalogue, self._lock, self._image = catalogue, lock, image
        self._leaves_by_line: dict[tuple[str, int], tuple[_Leaf, ...]] = {}

    def find_origins(self, values: Sequence[PrintedValue]) -> tuple[ValueOrigin, ...]:
        """Return the keys that the expressions of one line printed, as far as that is certain."""
        texts = {value.text.strip() for value in values}
        origins: dict[ValueOrigin, None] = {}
        for value in values:
            leaves = self._printed_leaves(value)
            # `{{ key }}={{ value }}` tells two keys of one value apart.
            leaves = [leaf for leaf in leaves if str(leaf.path[-1]) in texts] or leaves
            # One line may say the same by several names, such as `git` and `url` of a source.
            once = {(leaf.text, leaf.origin): leaf for leaf in reversed(leaves)}
            by_text = {leaf.text: leaf for leaf in once.values()}
            for leaf in reversed(once.values()) if len(by_text) == len(once) else ():
                origins[ValueOrigin(_key(leaf.path), leaf.origin)] = None
        return tuple(origins)

    def _printed_leaves(self, value: PrintedValue) -> list[_Leaf]:
        """Return what an expression may have printed: all of its text, or else parts of it."""
        text = value.text.strip()
        plain = text[1:-1] if text[:1] == text[-1:] and text[:1] in ("'", '"') else text
        leaves = self._leaves_of_line(value.origin.path, value.origin.line)
        return [leaf for leaf in leaves if leaf.text == plain] or [
            leaf for leaf in leaves if _is_in(leaf.text, text)
        ]

    def _leaves_of_line(self, path: str, line: int) -> tuple[_Leaf, ...]:
        """Return what a line of a template can print; a loop asks for it again and again."""
        if (path, line) not in self._leaves_by_line:
            names = self._names.get(path, {}).get(line, ())
            heads = {name[0] for name in names}
            self._leaves_by_line[path, line] = tuple(
                leaf
                for head, leaves in self._leaves_by_head.items()
                if head in heads
                for leaf in leaves
                if _is_below(leaf.path, names)
            )
        return self._leaves_by_line[path, line]

    @cached_property
    def _names(self) -> Mapping[str, Names]:
        template = self._catalogue.templates.get(self._image.template)
        files = {
            file.source: file
            for file in (
                *self._catalogue.shared.values(),
                *(template.files if template else ()),
                *self._image.files,
            )
            if file.source.endswith(".j2")
        }
        return printed_names(tuple(files.values()))

    @cached_property
    def _leaves_by_head(self) -> Mapping[str | int, Sequence[_Leaf]]:
        """Return what templates see by the name that it is below, values first."""
        by_head: dict[str | int, list[_Leaf]] = {}
        for leaf in self._leaves():
            by_head.setdefault(leaf.path[0], []).append(leaf)
        return by_head

    def _leaves(self) -> Sequence[_Leaf]:
        image = self._image
        namespace = self._catalogue.namespaces[image.namespace]
        context = template_context(image, self._lock, namespace.exports)
        values = [
            _Leaf(path, text, find_origin(image.layers, path) or image.origin)
            for path, text in _flatten(image.values, ())
        ]
        facts = [
            _Leaf(path, text, origin)
            for path, text in _flatten(context, ())
            if (origin := self._fact_origin(path)) is not None
        ]
        return (*values, *facts)

    def _fact_origin(self, path: KeyPath) -> Origin | None:
        """Return the line that says something of the image that is not a value."""
        image, (head, *rest) = self._image, path
        if rest and rest[-1] in _LOCKED and self._is_locked(path):
            return _LOCK
        if head == "image":
            return self._image_origin(str(rest[0]))
        base = image.base
        lines: Mapping[KeyPath, Origin] = {
            **({("base",): base.origin} if base else {}),
            **{("builders", parent.role): parent.origin for parent in image.parents},
            **{("sources", source.name): source.origin for source in image.sources},
            **{("downloads", item.name): item.origin for item in image.downloads},
        }
        return lines.get(path[:1]) or lines.get(path[:2])

    def _is_locked(self, path: KeyPath) -> bool:
        """Tell whether the lock has the parent, source or download that a path is about."""
        image, lock = self._image, self._lock
        parents = {parent.role: parent.reference in lock.bases for parent in image.parents}
        sources = {item.name: (item.git, item.ref) in lock.sources for item in image.sources}
        downloads = {item.name: item.url in lock.downloads for item in image.downloads}
        if path[0] == "base":
            return parents["base"]
        locked = {"builders": parents, "sources": sources, "downloads": downloads}
        return locked[str(path[0])][str(path[1])]

    def _image_origin(self, field: str) -> Origin:
        """Return the line that says something of the image itself, mostly of its namespace."""
        if field == "description":
            return self._description_origin()
        if field in _OF_OVERLAY:
            return self._image.origin
        namespace = self._catalogue.namespaces[self._image.namespace]
        document = self._catalogue.documents.get(namespace.origin.path)
        of_tag = bool(self._image.stream.like)
        stream = ("streams", FROM_TAGS if of_tag else self._image.stream.name)
        keys: Mapping[str, KeyPath] = {
            **{"stream": stream, "branch": (*stream, "branch")},
            **{"tag": (*stream, "tags"), "tags": (*stream, "tags")},
            **{"reference": ("registry",), "exports": ("exports",)},
        }
        if field not in keys or document is None:
            return namespace.dist_git.origin if field == "url" else namespace.origin
        return document.origin(keys[field])

    def _description_origin(self) -> Origin:
        image = self._image
        names = (image.full_name, *reversed(image.heritage))
        paths = [f"overlays/{name}.yaml" for name in names]
        for path in (*paths, f"templates/{image.template}/template.yaml"):
            document = self._catalogue.documents.get(path)
            if document and "description" in document.values:
                return document.origin(("description",))
        return image.origin


def _flatten(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the texts and numbers in a value by their paths; keys of maps may be printed, too."""
    if is_dataclass(value):
        for field in fields(value):
            yield from _flatten(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if path:
                yield (*path, key), str(key)
            yield from _flatten(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _flatten(inner, (*path, index))
    elif isinstance(value, bool):
        yield path, "true" if value else "false"
    elif value is not None:
        yield path, str(value)


def _is_in(text: str, printed_text: str) -> bool:
    """Tell whether a text is printed as a word or words of its own."""
    # Most texts are not in it at all, which is faster to see than to search for words.
    if not text or text not in printed_text:
        return False
    return bool(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", printed_text))


def _is_below(path: KeyPath, names: Iterable[NamePattern]) -> bool:
    return any(
        len(path) >= len(name)
        and all(part in (None, here) for part, here in zip(name, path, strict=False))
        for name in names
    )


def _key(path: KeyPath) -> str:
    """Return a path as `distgen explain` takes it: lists are one key."""
    names = [str(part) for part in path if not isinstance(part, int)]
    return ".".join(names)
