"""Images and documents that are made when they are asked for, of what an earlier run kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Protocol, TypeVar, overload

from distgen.model.catalogue import Image, Parent

Item = TypeVar("Item")


class ImageNode(Protocol):
    """What can be said of an image without the rest of it: names, and what it is built on."""

    @property
    def full_name(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def parents(self) -> tuple[Parent, ...]: ...
    @property
    def parent_keys(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class ImageHead:
    """What selecting images needs to know of one; its parents have no origin."""

    full_name: str
    stream_name: str
    reference: str
    parents: tuple[Parent, ...]

    @property
    def key(self) -> str:
        return intern(f"{self.full_name}@{self.stream_name}")

    @property
    def parent_keys(self) -> tuple[str, ...]:
        """Return the keys of the parents that are images of the catalogue."""
        return tuple(parent.image for parent in self.parents if parent.image)


class _KnownKeys(Mapping[str, Item]):
    """A mapping that can be looked through without making a value; each key has a number."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._numbers = {key: number for number, key in enumerate(keys)}

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class LateItems(_KnownKeys[Item]):
    """A mapping that `load` gives when a value is wanted."""

    def __init__(self, keys: Iterable[str], load: Callable[[], Mapping[str, Item]]) -> None:
        super().__init__(keys)
        self._load = load
        self._items: Mapping[str, Item] = {}

    def __getitem__(self, key: str) -> Item:
        if not self._items and key in self:
            self._items = self._load()
        return self._items[key]


class StoredItems(_KnownKeys[Item]):
    """A mapping of which `make` makes a value from its number and its text, which is let go then.

    Threads may share it. It has no lock: a forked process would wait for whoever held that.
    """

    def __init__(
        self, keys: Iterable[str], texts: Iterable[str], make: Callable[[int, str], Item]
    ) -> None:
        super().__init__(keys)
        self._texts: list[str | None] = [*texts]
        self._make = make
        self._items: dict[str, Item] = {}

    def __getitem__(self, key: str) -> Item:
        if key not in self._items:
            number = self._numbers[key]
            text = self._texts[number]
            if text is not None:  # else another thread has made it just now
                # Two threads may make it, and both get the same.
                self._items.setdefault(key, self._make(number, text))
                self._texts[number] = None
        return self._items[key]


class StoredImages(Sequence[Image]):
    """Images by their place, and by their keys; `heads` tell of all without making any."""

    def __init__(
        self,
        heads: Sequence[ImageHead],
        texts: Iterable[str],
        make: Callable[[int, str], Image],
    ) -> None:
        self.heads = tuple(heads)
        self._keys = tuple(head.key for head in self.heads)
        self.by_key: Mapping[str, Image] = StoredItems(self._keys, texts, make)

    @overload
    def __getitem__(self, place: int) -> Image: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Image, ...]: ...
    def __getitem__(self, place: int | slice) -> Image | tuple[Image, ...]:
        if isinstance(place, slice):
            return tuple(self.by_key[key] for key in self._keys[place])
        return self.by_key[self._keys[place]]

    def __len__(self) -> int:
        return len(self.heads)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


def image_nodes(images: Sequence[Image]) -> Sequence[ImageNode]:
    """Return names and parents of images, without making those that are stored."""
    return images.heads if isinstance(images, StoredImages) else images


def images_by_key(images: Sequence[Image]) -> Mapping[str, Image]:
    """Return images by key, without making those that are stored."""
    if isinstance(images, StoredImages):
        return images.by_key
    return {image.key: image for image in images}
