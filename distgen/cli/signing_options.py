"""The options that sign commits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from distgen.cli.option_groups import option_group
from distgen.errors import InputError
from distgen.git.run import Git
from distgen.git.signing import Sign, SigningMethod, make_signer


@dataclass(frozen=True)
class SigningOptions:
    """How the command line wants commits to be signed; `kind` None: not at all."""

    kind: SigningMethod | None = None
    key: str = ""

    def by(self, git: Git, root: Path) -> Sign | None:
        """Return what signs, as git's configuration for the catalogue in `root` says besides."""
        if self.kind is None:
            if self.key:
                raise InputError("--signing-key needs --sign", hint="add --sign ssh or --sign gpg")
            return None
        # The worker of an executor may be where there is no catalogue.
        return make_signer(git, root if root.is_dir() else Path("/"), self.kind, self.key)


signing_options = option_group(
    SigningOptions,
    "signing",
    click.option("--sign", "kind", type=click.Choice(["ssh", "gpg"]), help="Sign the commits."),
    click.option(
        "--signing-key",
        "key",
        metavar="KEY",
        default="",
        help="The key to sign with, in place of user.signingkey of git.",
    ),
)
"""Add --sign and --signing-key; the command gets them as one `signing`."""
