"""Find the images that a Dockerfile is built on, and see that the engine's store has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.parse import parse
from distgen.errors import DistgenError
from distgen.lint.parent_uses import SCRATCH, parent_uses
from distgen.model.lock import Lock
from distgen.model.reference import Reference, read_reference

_MOST_BYTES = 1 << 22


def read_references(folder: str) -> tuple[Reference, ...]:
    """Return the images that the Dockerfile in a folder names, each once, in their order."""
    path = Path(folder) / DOCKERFILE
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise DistgenError(f"there is no {DOCKERFILE}: {error.strerror}") from None
    return tuple(dict.fromkeys(_references(text)))


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
    references: tuple[Reference, ...], built: Mapping[str, str | None]
) -> Iterator[str]:
    """Yield a sentence for each parent of this run of which the Dockerfile names another digest.

    `built` has the digest that each reference of this run was pushed with, None where it was not.
    """
    by_name = {reference.partition("@")[0]: digest for reference, digest in built.items()}
    for reference in references:
        untagged = reference.name
        names = [name for name in by_name if name.rpartition(":")[0] == untagged]
        if reference.tag:
            names = [name for name in names if name == f"{untagged}:{reference.tag}"]
        if not reference.digest or not names:
            continue
        if reference.digest not in {by_name[name] for name in names}:
            yield (
                f"its Dockerfile pins {names[0]} to {reference.digest[:19]}, which is older than"
                " the image of this run"
            )
