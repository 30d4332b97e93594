"""Divide texts into chunks, each small enough for one process of a linter."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from distgen.lint.linters import Linter

MOST_TEXTS = 32
_MOST_BYTES = 64 * 1024
_CHUNKS_PER_JOB = 4  # so that no process works long after the others


@dataclass(frozen=True, slots=True)
class Chunk:
    """Texts for one process of a linter."""

    linter: Linter
    texts: tuple[bytes, ...]

    def halves(self) -> tuple[Chunk, Chunk]:
        """Return both halves of a chunk of more than one text."""
        middle = len(self.texts) // 2
        return Chunk(self.linter, self.texts[:middle]), Chunk(self.linter, self.texts[middle:])


def divide_texts(
    linter: Linter, texts: Collection[bytes], jobs: int, *, are_all: bool = True
) -> Iterator[Chunk]:
    """Yield chunks of texts for `jobs` processes, the largest texts first.

    Where these `are_all`, each process gets some chunks, else as few as there may be are made.
    """
    part = -(-len(texts) // (jobs * _CHUNKS_PER_JOB)) if are_all else len(texts)
    most = max(1, min(MOST_TEXTS, part))
    chunk: list[bytes] = []
    for text in sorted(texts, key=len, reverse=True):
        if len(chunk) == most or (chunk and sum(map(len, chunk)) + len(text) > _MOST_BYTES):
            yield Chunk(linter, tuple(chunk))
            chunk = []
        chunk.append(text)
    if chunk:
        yield Chunk(linter, tuple(chunk))
