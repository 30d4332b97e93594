"""Make text of a catalogue's values, and refuse the rest: it has another text in each process.

A function prints its address, a record of distgen's own its Python notation, and a set comes in an
order of its own. Each way from a value to text in a template leads through `refuse_foreign`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Environment, Undefined, pass_environment
from jinja2.exceptions import FilterArgumentError, SecurityError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter

_FAST = frozenset((str, int, bool, float))
_SCALARS = (str, int, float, Undefined)  # an undefined name says so itself when it becomes text


def refuse_foreign(value: Any) -> None:
    """Raise FilterArgumentError unless a value is text, a number, or a list or map of such."""
    kind = type(value)
    if kind in _FAST or isinstance(value, _SCALARS):
        return
    if value is None:
        raise FilterArgumentError("this has no value; give it one, or use default('...', true)")
    if isinstance(value, (list, tuple)):
        _refuse_foreign_items(value)
    elif isinstance(value, Mapping):
        _refuse_foreign_items(value)
        _refuse_foreign_items(value.values())
    else:
        raise FilterArgumentError(
            f"a value of type {kind.__name__} cannot be printed; {_advice(value)}"
        )


def _refuse_foreign_items(items: Iterable[Any]) -> None:
    for item in items:
        if item is not None:
            refuse_foreign(item)


def _advice(value: Any) -> str:
    if hasattr(type(value), "__dataclass_fields__"):
        return "name one of its values"
    return "use list, and join" if isinstance(value, Iterable) else "should it be called?"


def _with_data_only(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter, refusing values and arguments that are no data."""
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    def call(*args: Any, **options: Any) -> Any:
        if type(args[first]) not in _FAST:
            refuse_foreign(args[first])
        _refuse_foreign_items(args[first + 1 :])
        if options:
            _refuse_foreign_items(options.values())
        return function(*args, **options)

    call.__dict__.update(function.__dict__)  # Jinja's mark that it takes the environment
    return call


@pass_environment
def join(
    environment: Environment,
    value: Iterable[Any],
    d: str = "",
    attribute: str | int | None = None,
) -> str:
    """Join texts and numbers: `{{ ports | join(" ") }}`."""
    if attribute is not None:
        value = map(make_attrgetter(environment, attribute), value)
    items = list(value)
    for item in (d, *items):
        if type(item) not in _FAST:
            refuse_foreign(item)
    return str(d).join(map(str, items))


class DataFormatter(SandboxedFormatter):
    """The formatter behind `'{}'.format(value)`, of data only."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        refuse_foreign(value)
        return super().convert_field(value, conversion)


def _format_method(environment: Environment, method: Callable[..., str]) -> Callable[..., str]:
    """Return what stands for a text's own `format` or `format_map` in a template."""
    text: str = method.__self__  # type: ignore[attr-defined]
    formatter = DataFormatter(environment)
    if method.__name__ == "format_map":
        return lambda values: formatter.vformat(text, (), values)
    return lambda *args, **options: formatter.vformat(text, args, options)


class DataSandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which formats and operators make text of data only."""

    intercepted_binops = frozenset(("%", "-"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            for value in right if isinstance(right, tuple) else (right,):
                refuse_foreign(value)
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, (set, frozenset)):  # a map's keys less others
            raise SecurityError("a set has no order; use reject('in', ...) on the list of keys")
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        return wrapped and _format_method(self, value)


TEXT_FILTERS = {
    **{
        name: _with_data_only(JINJA_FILTERS[name])
        for name in (
            *("capitalize", "center", "e", "escape", "format", "indent", "lower", "replace"),
            "string",
            *("title", "trim", "truncate", "upper", "urlencode", "wordcount", "wordwrap"),
        )
    },
    "join": join,
}
