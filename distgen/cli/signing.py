"""The options that sign commits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from distgen.cli.plans import Run
from distgen.errors import InputError
from distgen.store.signing import Kind, signing

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Seal:
    """How the command line wants commits to be signed; `kind` None: not at all."""

    kind: Kind | None
    key: str

    def on(self, run: Run) -> Run:
        """Return the run with its commits signed, as git's configuration says besides."""
        if self.kind is None:
            if self.key:
                raise InputError("--signing-key needs --sign", hint="add --sign ssh or --sign gpg")
            return run
        sign = signing(run.git, Path(run.request.catalog.root), self.kind, self.key)
        return replace(run, options=replace(run.options, sign=sign))


def sealing(command: Command) -> Command:
    """Add --sign and --signing-key; the command gets them as one `seal`."""

    def call(*args: Any, sign: Kind | None, signing_key: str, **more: Any) -> Any:
        return command(*args, seal=Seal(sign, signing_key), **more)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option(
            "--signing-key",
            metavar="KEY",
            default="",
            help="The key to sign with, in place of user.signingkey of git.",
        ),
        click.option("--sign", type=click.Choice(["ssh", "gpg"]), help="Sign the commits."),
    ):
        call = option(call)
    return call  # type: ignore[return-value]
