"""What commands share that ask registries and components' repositories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from distgen.cli.option_groups import option_group
from distgen.cli.remote_options import retries_option, timeout_option
from distgen.cli.session import Session
from distgen.git.run import isolate
from distgen.http import HttpPolicy
from distgen.lock.resolve import Upstreams
from distgen.model.catalogue import Catalogue
from distgen.registry import credentials
from distgen.registry.client import Registry
from distgen.registry.transport import Transport


@dataclass(frozen=True)
class UpstreamOptions:
    """What the command line says of the servers that facts come from; `timeout` is in seconds."""

    jobs: int
    timeout: float
    retries: int


UPSTREAM_OPTIONS = (
    click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        default=16,
        show_default=True,
        help="How many things to ask for at once.",
    ),
    timeout_option,
    retries_option,
)
upstream_options = option_group(UpstreamOptions, "reach", *UPSTREAM_OPTIONS)
"""Add --jobs, --timeout and --retries; the command gets them as one `reach`."""


def registry_option(purpose: str) -> Callable[..., Any]:
    """Return the option --registry, whose host may be written as an address."""
    return click.option("--registry", metavar="HOST", callback=_host, help=purpose)


def _host(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    return value.removeprefix("https://").rstrip("/") if value is not None else None


def upstreams(session: Session, catalogue: Catalogue, reach: UpstreamOptions) -> Upstreams:
    """Return the registries, git repositories and web servers as this user reaches them."""
    http = _http_policy(session, reach)
    return Upstreams(
        registries(session, catalogue.mirrors, reach),
        isolate(session.environ, http),
        http,
        catalogue.mirrors.get("git", {}),
        reach.jobs,
    )


def registries(
    session: Session, mirrors: Mapping[str, Mapping[str, str]], reach: UpstreamOptions
) -> Registry:
    """Return the registries with the logins of this user."""
    logins = credentials.load(session.environ)
    transport = Transport(logins, _http_policy(session, reach), parallel=reach.jobs)
    return Registry(transport, mirrors.get("registries", {}))


def _http_policy(session: Session, reach: UpstreamOptions) -> HttpPolicy:
    return HttpPolicy(reach.timeout, reach.retries + 1, report=_report_first(session))


def _report_first(session: Session) -> Callable[[str], None]:
    """Return a reporter of pauses that says the first one for each server, and the others with -v.

    Where a server is ill, every image waits for it, and there may be thousands.
    """
    servers: set[str] = set()

    def report(sentence: str) -> None:
        server = sentence.partition(" ")[0]
        session.say(sentence, level=int(server in servers))
        servers.add(server)

    return report
