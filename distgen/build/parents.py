"""Find the images that a Dockerfile is built on, and see that the engine's store has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.parse import parse
from distgen.errors import DistgenError
from distgen.lint.parent_uses import SCRATCH, parent_uses
from distgen.model.lock import Lock
from distgen.model.reference import Reference, read_reference, split_reference

_MOST_BYTES = 1 << 22
_MOST_IMAGES = 100


def read_references(folder: str) -> tuple[Reference, ...]:
    """Return the images that the Dockerfile in a folder names, each once, in their order."""
    path = Path(folder) / DOCKERFILE
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise DistgenError(f"there is no {DOCKERFILE}: {error.strerror}") from None
    references = tuple(dict.fromkeys(_references(text)))
    if len(references) > _MOST_IMAGES:  # the engine is asked for each of them
        raise DistgenError(f"{DOCKERFILE} names more than {_MOST_IMAGES} images")
    return references


def _references(text: str) -> Iterator[Reference]:
    for use in parent_uses(parse(text), (), Lock()):
        if not use.is_image or use.word == SCRATCH:
            continue
        reference = read_reference(use.word)
        if reference is None:
            raise DistgenError(f"{use.word!r} in line {use.line} is not the name of an image")
        yield reference


def store_name(reference: Reference) -> str:
    """Return the name under which a store has an image: engines refuse tag and digest together."""
    return str(reference.at(reference.digest) if reference.digest else reference)


def describe_older_pins(
    references: Iterable[Reference], parents: Mapping[str, str], built: Mapping[str, str | None]
) -> Iterator[str]:
    """Yield a sentence for each parent of this run of which the Dockerfile pins another image.

    `parents` has the id of each image that the Dockerfile names, as the store calls it, and
    `built` that of each reference of this run.
    """
    for reference in references:
        if not reference.digest:
            continue
        for name, image_id in built.items():
            untagged, tag, _ = split_reference(name)
            is_meant = untagged == reference.name and reference.tag in (None, tag)
            if is_meant and parents[store_name(reference)] != image_id:
                yield (
                    f"its Dockerfile pins {name} to {reference.digest[:19]}, which is older than"
                    " the image of this run"
                )
