"""Options of a command that belong together, handed over as one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., Any])


def option_group(
    record: Any, name: str, *options: Callable[..., Any]
) -> Callable[[Command], Command]:
    """Add options named like fields of `record`; the command gets it as `name`.

    An option may be a group itself, with a field for its record. Fields without an option keep
    their defaults.
    """
    keys = [field.name for field in fields(record)]

    def wrap(command: Command) -> Command:
        def call(*args: Any, **parameters: Any) -> Any:
            values = {key: parameters.pop(key) for key in keys if key in parameters}
            return command(*args, **{name: record(**values)}, **parameters)

        call.__name__, call.__doc__ = command.__name__, command.__doc__
        call.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
        for option in reversed(options):
            call = option(call)
        return call  # type: ignore[return-value]

    return wrap
