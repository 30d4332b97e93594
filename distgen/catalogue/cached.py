"""Take the catalogue that an earlier run read from the same files, else read it and keep it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from distgen.cache.keys import CacheKey, cache_key
from distgen.cache.records import RecordReader, RecordWriter, Unstorable
from distgen.cache.results import Cache, load_result, save_result
from distgen.catalogue.inputs import PARTS
from distgen.catalogue.snapshot import Snapshot, take_snapshot
from distgen.catalogue.stored_classes import CLASSES, SHARED
from distgen.errors import DistgenError
from distgen.model.catalogue import Catalogue, Image, Layer, Parent
from distgen.model.stored import ImageHead, LateItems, StoredImages

Read = Callable[[], Catalogue]


def cached_catalogue(root: Path, sets: Sequence[str], read: Read, cache: Cache) -> Catalogue:
    """Return what `read` returns for the catalogue in `root`, or what it did for the same files.

    Images and documents of an earlier run are made when they are asked for. A catalogue with
    images of a source is read each time: its source looks at more than these files.
    """
    if cache.folder is None:
        return read()
    root = Path(root).absolute()
    snapshot = take_snapshot(root)
    if snapshot is None:
        return read()
    keys = _Keys.of(snapshot, sets)
    kept = _KeptCatalogue(root, snapshot, keys, read, cache)
    catalogue = load_result(cache, keys.images, kept.decode)
    if catalogue is not None:
        return catalogue
    catalogue = read()
    now = take_snapshot(root) if _is_read_from_parts(catalogue) else None
    if now is None or (now.digest, now.stamp) != (snapshot.digest, snapshot.stamp):
        return catalogue
    _save(catalogue, snapshot, keys, cache)
    return replace(catalogue, digest=keys.images.digest)


def _is_read_from_parts(catalogue: Catalogue) -> bool:
    # A source may be told everything in the namespace, and look at an installed package then.
    return catalogue.inputs == PARTS and not any(image.imported_from for image in catalogue.images)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The names of the two parts of a kept catalogue; few commands need the documents."""

    images: CacheKey
    documents: CacheKey

    @classmethod
    def of(cls, snapshot: Snapshot, sets: Sequence[str]) -> _Keys:
        parts = (snapshot.digest, [*sets], sys.getfilesystemencoding())
        return cls(cache_key("catalogue", *parts), cache_key("documents", *parts))


class _KeptCatalogue:
    """Makes the parts of a kept catalogue; where one cannot be made, everything is read again."""

    def __init__(
        self, root: Path, snapshot: Snapshot, keys: _Keys, read: Read, cache: Cache
    ) -> None:
        self._root, self._snapshot, self._keys = str(root), snapshot, keys
        self._read, self._cache = read, cache

    def decode(self, value: Any) -> Catalogue:
        reader = RecordReader(CLASSES, value["shared"], self._snapshot.contents)
        frame = reader.decode(value["frame"])
        if not isinstance(frame, Catalogue):
            raise TypeError
        heads = [_make_head(*reader.decode(row)) for row in value["heads"]]
        texts, paths = value["images"], value["paths"]
        if len(texts) != len(heads) or any(type(text) is not str for text in (*texts, *paths)):
            raise ValueError

        def make(number: int, text: str) -> Image:
            try:
                image: Image = _check_key(reader.load(text), heads[number].key)
            except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
                image = self._again.images[number]
            return image

        documents = LateItems(paths, partial(self._load_documents, paths))
        images = StoredImages(heads, texts, make)
        return replace(
            frame,
            root=self._root,
            digest=self._keys.images.digest,
            images=images,
            documents=documents,
        )

    @cached_property
    def _again(self) -> Catalogue:
        catalogue = self._read()
        now = take_snapshot(Path(self._root))
        if now is None or now.digest != self._snapshot.digest:
            # Images of two states do not belong together.
            problem = "the catalogue was changed during the run"
            raise DistgenError(problem, where=self._root, hint="run again")
        return catalogue

    def _load_documents(self, paths: Sequence[str]) -> Mapping[str, Layer]:
        def decode(value: Any) -> Mapping[str, Layer]:
            reader = RecordReader(CLASSES, value["shared"], self._snapshot.contents)
            documents = [reader.load(text) for text in value["documents"]]
            if any(type(document) is not Layer for document in documents):
                raise TypeError
            return dict(zip(paths, documents, strict=True))

        documents = load_result(self._cache, self._keys.documents, decode) or self._again.documents
        if [*documents] != [*paths]:
            problem = "what is kept of the catalogue is not as distgen wrote it"
            hint = "use --no-cache, or delete this folder"
            raise DistgenError(problem, where=self._cache.folder, hint=hint)
        return documents


def _check_key(image: Any, key: str) -> Any:
    if not isinstance(image, Image) or image.key != key:
        raise ValueError(key)
    return image


def _save(catalogue: Catalogue, snapshot: Snapshot, keys: _Keys, cache: Cache) -> None:
    frame = replace(catalogue, root="", images=(), documents={})
    try:
        documents = _encode(snapshot, "documents", None, catalogue.documents.values())
        save_result(cache, keys.documents, documents)
        del documents  # with thousands of images each of the two is large
        images = _encode(snapshot, "images", frame, catalogue.images)
        images["heads"] = [_encode_head(image) for image in catalogue.images]
        images["paths"] = [*catalogue.documents]
        save_result(cache, keys.images, images)
    except (Unstorable, ValueError, RecursionError):
        return  # it is read again each time


def _encode(
    snapshot: Snapshot, name: str, frame: Catalogue | None, items: Iterable[Any]
) -> dict[str, Any]:
    writer = RecordWriter(CLASSES, SHARED, snapshot.contents)
    texts = [writer.dump(item) for item in items]
    return {"frame": writer.encode(frame), name: texts, "shared": writer.table}


def _encode_head(image: Image) -> list[Any]:
    parents = [[parent.role, parent.image, parent.reference] for parent in image.parents]
    return [image.full_name, image.stream.name, image.reference, parents]


def _make_head(
    full_name: str, stream: str, reference: str, parents: Iterable[Sequence[Any]]
) -> ImageHead:
    return ImageHead(full_name, stream, reference, tuple([Parent(*words) for words in parents]))
