"""The records of formatting: one for each overlay."""

from __future__ import annotations

from dataclasses import dataclass, field

from distgen.errors import DistgenError


@dataclass(frozen=True, slots=True)
class FormattedFile:
    """An overlay before and after; `problem` says why it is left as it is."""

    path: str
    before: bytes = field(default=b"", repr=False)
    after: bytes = field(default=b"", repr=False)
    problem: DistgenError | None = None

    @property
    def is_changed(self) -> bool:
        return self.problem is None and self.before != self.after
