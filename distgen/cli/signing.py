"""The options that sign commits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from distgen.errors import InputError
from distgen.store.git import Git
from distgen.store.signing import Kind, Sign, signing

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Seal:
    """How the command line wants commits to be signed; `kind` None: not at all."""

    kind: Kind | None = None
    key: str = ""

    def by(self, git: Git, root: Path) -> Sign | None:
        """Return what signs, as git's configuration for the catalogue in `root` says besides."""
        if self.kind is None:
            if self.key:
                raise InputError("--signing-key needs --sign", hint="add --sign ssh or --sign gpg")
            return None
        return signing(git, root, self.kind, self.key)


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
