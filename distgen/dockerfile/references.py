"""Give back references that BuildKit's parser keeps, which nothing else would ever free.

The library never gives up its own reference to the texts and tuples of an instruction. So the
memory of each Dockerfile that was read stayed to the end: 200 MB in a run of 50,000 images. Which
fields it does that with is found out on a Dockerfile of ours, by comparing how often their values
are referred to; a library, or an interpreter, where that is not so is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import getrefcount
from typing import Any

PROBE = "ONBUILD COPY --from=probe one two\nRUN --network=none <<EOF\nprobe of this\nEOF\n"
"""A Dockerfile with something in each field of an instruction and of a here-document."""
Record = Any
"""A named tuple of the library: an instruction or a here-document."""


class ReferenceKeeper:
    """Knows which fields of its instructions a parser keeps references to."""

    def __init__(self, parse: Callable[[str], Sequence[Record]]) -> None:
        commands = parse(PROBE)
        heredocs = [heredoc for command in commands for heredoc in command.heredocs]
        self._of_commands = tuple({name for command in commands for name in kept_fields(command)})
        self._of_heredocs = tuple({name for heredoc in heredocs for name in kept_fields(heredoc)})
        self._release = _find_release() if self._of_commands or self._of_heredocs else None

    def give_back(self, commands: Iterable[Record]) -> None:
        """Give up the references to the values of instructions that were just read, once."""
        if self._release is None:
            return
        for command in commands:
            for heredoc in command.heredocs:
                self._give_back(heredoc, self._of_heredocs)
            self._give_back(command, self._of_commands)

    def _give_back(self, record: Record, names: tuple[str, ...]) -> None:
        assert self._release
        for name in names:
            value = getattr(record, name)
            # The interpreter has one empty tuple, and one text of each letter, for all.
            if value and (isinstance(value, tuple) or len(value) > 1):
                self._release(value)


def kept_fields(record: Record) -> tuple[str, ...]:
    """Return the fields whose values are referred to once more than in a record of our own.

    Values that the interpreter has only once are left out: other threads refer to them, too.
    """
    own = type(record)(*(_copy(value) for value in record))
    return tuple(
        name
        for name in record._fields
        if getattr(record, name) is not getattr(own, name)
        and getrefcount(getattr(record, name)) - getrefcount(getattr(own, name)) == 1
    )


def _copy(value: Any) -> Any:
    """Return another object that is equal; numbers are as they are."""
    if isinstance(value, str) and len(value) > 1:
        return value[:1] + value[1:]
    return (*value,) if isinstance(value, tuple) else value


def _find_release() -> Callable[[object], None] | None:
    try:
        import ctypes
    except ImportError:  # an interpreter may be built without
        return None
    release = ctypes.PyDLL(None).Py_DecRef
    release.argtypes, release.restype = (ctypes.py_object,), None
    return release
