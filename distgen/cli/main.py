"""The `distgen` command: the only place that prints, exits, and reads environment and clock."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from distgen import __version__
from distgen.cli.narration import COLORS, color_setting, take_narration
from distgen.cli.session import NO_CACHE_VARIABLE, Session
from distgen.cli.streams import (
    ignore_broken_pipe,
    narrate,
    open_closed_streams,
    spell_unwritable_characters,
)
from distgen.errors import DistgenError
from distgen.text.suggest import did_you_mean

GROUPS = {
    "Look": ("list", "show", "graph", "explain", "schema", "doctor"),
    "Make": ("init", "import", "lock", "render", "lint", "format"),
    "Review": ("diff", "affected", "report"),
    "Publish": ("publish", "propose", "status", "adopt", "verify"),
    "Registry": ("tags", "discover", "promote", "prune"),
    "Downstream": ("export", "build"),
}


class Commands(click.Group):
    """Subcommands by name, each imported when it is asked for: starting up must stay cheap."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in GROUPS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"distgen.cli.commands.{cmd_name}")
        return take_narration(module.command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.list_commands(ctx):
            hint = did_you_mean(args[0], self.list_commands(ctx)) or "see `distgen --help`"
            raise click.UsageError(f"there is no command `{args[0]}`; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with ignore_broken_pipe():
            return super().invoke(ctx)
        return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
        for title, names in GROUPS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [
                (name.ljust(width), command.get_short_help_str(limit=1000))  # wrapped, not cut
                for name, command in commands
                if command is not None
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "directory", metavar="DIR", help="Work on the catalogue in DIR.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.option(
    "--color",
    type=COLORS,
    default="auto",
    help="When to use colours.",
)
@click.option(
    "--no-cache",
    is_flag=True,
    envvar=NO_CACHE_VARIABLE,
    show_envvar=True,
    help="Compute everything anew, and keep no results.",
)
@click.version_option(__version__, prog_name="distgen", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context,
    directory: str | None,
    quiet: bool,
    verbose: bool,
    color: str,
    no_cache: bool,
) -> None:
    """Write container images once, as templates and overlays; publish them as git repositories.

    IMAGE is namespace/name, a glob such as 'opendev/*', and may end in @stream; none means all.

    -C, -q, -v, --color and --no-cache are taken after COMMAND, too.

    Exit codes: 0 done or nothing to do, 1 something failed, was refused or found, 2 bad input,
    130 interrupted.
    """
    ctx.color = color_setting(color, os.environ)
    ctx.obj = Session(
        start=Path(directory) if directory else None,
        verbosity=-1 if quiet else int(verbose),
        color=ctx.color,
        environ=dict(os.environ),
        use_cache=not no_cache,
    )
    ctx.with_resource(_without_git_variables())


@contextmanager
def _without_git_variables() -> Iterator[None]:
    """Remove git's variables from this process for a while.

    GitPython reads them: with GIT_COMMON_DIR it read the branches of another repository.
    """
    names = [name for name in os.environ if name.startswith("GIT_")]
    variables = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(variables)


def main() -> int:
    """Run the command line of this process and return its exit code."""
    open_closed_streams()
    spell_unwritable_characters()
    try:
        code = cli.main(prog_name="distgen", standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as wrong:
        wrong.show()
        code = 2
    except (KeyboardInterrupt, click.exceptions.Abort):
        narrate("distgen: interrupted")
        code = 130
    except DistgenError as wrong:
        narrate(f"distgen: {wrong}")
        code = wrong.exit_code
    except OSError as broken:
        place = f"{broken.filename}: " if broken.filename else ""
        narrate(f"distgen: {place}{broken.strerror or broken}")
        code = 1
    return code if isinstance(code, int) else 0
