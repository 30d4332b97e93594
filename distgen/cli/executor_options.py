"""Where batches of images are rendered, checked and published: --executor."""

from __future__ import annotations

import click

# What runs them is loaded when it is asked for: it takes longer to import than most runs.
_PROCESSES, _DASK = "processes", "dask:"


def parse_executor(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """Return the place, None for this process."""
    if text is None or text == _PROCESSES or (text.startswith(_DASK) and text != _DASK):
        return text
    raise click.BadParameter(f"{text!r} is neither {_PROCESSES} nor {_DASK}ADDRESS", ctx, param)


executor_option = click.option(
    "--executor",
    metavar="PLACE",
    callback=parse_executor,
    help="Work in `processes` of this machine, or on the workers of `dask:ADDRESS`, a scheduler.",
)
"""Add --executor; the command gets the place as `executor`."""
