"""Turn records into plain JSON values and back, each shared one once and made when it is needed."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from hashlib import sha256
from sys import intern
from types import NoneType
from typing import Any

_PLAIN = frozenset((str, int, float, bool, NoneType))


class Unstorable(Exception):
    """A value that is none of the records and plain values that can be kept."""


class RecordWriter:
    """Encodes records of some classes; those of `shared` classes become texts in a table.

    Bytes are kept by their digest where they are among `contents`, which the reader will have.
    """

    def __init__(
        self, classes: Collection[type], shared: Collection[type], contents: Collection[str]
    ) -> None:
        self.table: list[str] = []
        self._names = {cls: tuple(field.name for field in fields(cls)) for cls in classes}
        self._shared = frozenset(shared)
        self._contents = contents
        self._places: dict[int, tuple[int, Any]] = {}

    def encode(self, value: Any) -> Any:
        """Return a plain value for a record, tuple, or what it holds; raise Unstorable."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is tuple:
            return [self.encode(item) for item in value]
        if kind is dict:
            return self._encode_map(value)
        if kind is list:
            is_plain = _is_plain(value)
            return {"plain": value} if is_plain else {"list": [*map(self.encode, value)]}
        if kind is bytes:
            return self._encode_bytes(value)
        if kind in self._shared:
            return {"shared": self._place(value)}
        return self._encode_record(value)

    def dump(self, value: Any) -> str:
        """Return the text of a value."""
        return json.dumps(self.encode(value), separators=(",", ":"))

    def _encode_record(self, record: Any) -> Any:
        names = self._names.get(type(record))
        if names is None:
            raise Unstorable(type(record).__name__)
        return {type(record).__name__: [self.encode(getattr(record, name)) for name in names]}

    def _encode_map(self, mapping: dict[Any, Any]) -> Any:
        if _is_plain(mapping):
            return {"plain": mapping}
        pairs = [[self.encode(key), self.encode(value)] for key, value in mapping.items()]
        return {"map": pairs}

    def _encode_bytes(self, content: bytes) -> Any:
        digest = sha256(content).hexdigest()
        if digest in self._contents:
            return {"bytes": digest}
        return {"base64": b64encode(content).decode("ascii")}

    def _place(self, record: Any) -> int:
        if id(record) not in self._places:
            text = json.dumps(self._encode_record(record), separators=(",", ":"))
            # the record is held, so that no other one gets its id
            self._places[id(record)] = (len(self.table), record)
            self.table.append(text)
        return self._places[id(record)][0]


class RecordReader:
    """Decodes what a RecordWriter made; a shared record is made once, when it is needed.

    Texts of records are interned: thousands of images, and two states of each, have many the same.
    Raise LookupError, TypeError or ValueError for anything else.
    """

    def __init__(
        self, classes: Collection[type], table: Sequence[str], contents: Mapping[str, bytes]
    ) -> None:
        self._table = table
        self._classes = frozenset(classes)
        self._made: dict[int, Any] = {}
        self._decoders: dict[str, Callable[[Any], Any]] = {
            "plain": lambda body: body,
            "list": lambda body: [self.decode(item) for item in body],
            "map": lambda body: {self.decode(key): self.decode(value) for key, value in body},
            "bytes": contents.__getitem__,
            "base64": lambda body: b64decode(body, validate=True),
            "shared": self._load_shared,
            **{cls.__name__: self._maker(cls) for cls in classes},
        }

    def decode(self, value: Any) -> Any:
        """Return the record or value that was encoded."""
        kind = type(value)
        if kind is list:
            return tuple([self.decode(item) for item in value])
        if kind is dict:
            ((tag, body),) = value.items()
            return self._decoders[tag](body)
        return intern(value) if kind is str else value

    def load(self, text: str) -> Any:
        """Return the value of a text."""
        return self.decode(json.loads(text))

    def _maker(self, cls: type) -> Callable[[Any], Any]:
        return lambda body: cls(*[self.decode(item) for item in body])

    def _load_shared(self, place: int) -> Any:
        if place not in self._made:
            record = self.load(self._table[place])
            if type(record) not in self._classes:
                raise TypeError
            self._made.setdefault(place, record)
        return self._made[place]


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(type(key) is str and _is_plain(inner) for key, inner in value.items())
    if kind is list:
        return all(map(_is_plain, value))
    return kind in _PLAIN
