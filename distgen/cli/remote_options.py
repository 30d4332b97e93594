"""How dist-git repositories are reached: how many at once, how patiently, by which store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from distgen.backoff import RetryPolicy
from distgen.cli.option_groups import option_group
from distgen.cli.session import Session
from distgen.git.http.choice import HttpChoice, Report, ignore_fallback
from distgen.git.run import Git, isolate, share_connections


@dataclass(frozen=True)
class RemoteOptions:
    """What the command line says of servers; `timeout` is in seconds."""

    store: Path | None
    jobs: int
    timeout: float
    retries: int
    transport: str

    def git(
        self,
        session: Session,
        tell: Callable[[str], None] | None = None,
        report: Report = ignore_fallback,
    ) -> Git:
        """Return git as this user has it; `tell` hears of the waiting, else -v does.

        `report` hears of http(s) repositories that go through git.
        """
        heard = tell or partial(session.say, level=1)
        policy = RetryPolicy(self.timeout, self.retries + 1, report=heard)
        git = share_connections(isolate(session.environ, policy))
        context = click.get_current_context(silent=True)
        if git.connections and context:  # else a task ends them
            context.call_on_close(git.connections.close)
        http = None if self.transport == "git" else HttpChoice(self.jobs, report)
        return replace(git, http=http)

    def folder(self, session: Session) -> Path:
        """Return where the store is, or would be."""
        return self.store or session.cache / "store"


timeout_option = click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0.1),
    default=300,
    show_default=True,
    help="How long one exchange with a server may take.",
)
retries_option = click.option(
    "--retries",
    type=click.IntRange(0, 20),
    default=3,
    show_default=True,
    help="How often to ask a server again that fails, with pauses that grow.",
)
remote_options = option_group(
    RemoteOptions,
    "remote",
    click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        default=8,
        show_default=True,
        help="How many repositories to work on at once.",
    ),
    click.option(
        "--store",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="The local store; it is a cache and may be deleted.",
    ),
    timeout_option,
    retries_option,
    click.option(
        "--transport",
        type=click.Choice(["auto", "git"]),
        default="auto",
        show_default=True,
        help="Who talks to https repositories: distgen where it can, or always git.",
    ),
)
"""Add --jobs, --store, --timeout, --retries and --transport; the command gets one `remote`."""
