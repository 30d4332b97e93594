"""The options of `distgen` itself that are taken after the name of a command as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from distgen.cli.session import Session

COLORS = click.Choice(["auto", "always", "never"])


def color_setting(word: str | None, environ: Mapping[str, str]) -> bool | None:
    """Return whether to print colours, None where that depends on the terminal."""
    if word in ("always", "never"):
        return word == "always"
    return False if environ.get("NO_COLOR") else None


def take_narration(command: click.Command) -> click.Command:
    """Let a command, and those that it holds, take -q, -v, --color and --no-cache.

    They are not in its help: `distgen --help` has them once for all.
    """
    if not any(parameter.name == "narration_color" for parameter in command.params):
        command.params.extend(
            [
                _option(_set_start, ["-C", "narration_directory"], metavar="DIR"),
                _option(_set_verbosity(-1), ["-q", "--quiet", "narration_quiet"], is_flag=True),
                _option(_set_verbosity(1), ["-v", "--verbose", "narration_verbose"], is_flag=True),
                _option(_set_color, ["--color", "narration_color"], type=COLORS),
                _option(_refuse_cache, ["--no-cache", "narration_no_cache"], is_flag=True),
            ]
        )
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        take_narration(inner)
    return command


Callback = Callable[[click.Context, click.Parameter, Any], None]


def _option(callback: Callback, names: list[str], **settings: Any) -> click.Option:
    return click.Option(names, hidden=True, expose_value=False, callback=callback, **settings)


def _set_start(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None and isinstance(ctx.obj, Session):
        ctx.obj = replace(ctx.obj, start=Path(value))


def _set_verbosity(verbosity: int) -> Callback:
    def change(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and isinstance(ctx.obj, Session):
            ctx.obj = replace(ctx.obj, verbosity=verbosity)

    return change


def _set_color(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None and isinstance(ctx.obj, Session):
        ctx.color = color_setting(value, ctx.obj.environ)
        ctx.obj = replace(ctx.obj, color=ctx.color)


def _refuse_cache(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and isinstance(ctx.obj, Session):
        ctx.obj = replace(ctx.obj, use_cache=False)
