"""What commands share that ask registries and components' repositories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from distgen.cli.session import Session
from distgen.git.run import isolate
from distgen.lock.resolve import Upstreams
from distgen.model.catalogue import Catalogue
from distgen.registry import credentials
from distgen.registry.client import Registry
from distgen.registry.http import Transport

Command = TypeVar("Command", bound=Callable[..., Any])


def jobs(command: Command) -> Command:
    """Add --jobs."""
    option = click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        default=16,
        show_default=True,
        help="How many things to ask for at once.",
    )
    return option(command)


def registry_option(purpose: str) -> Callable[..., Any]:
    """Return the option --registry, whose host may be written as an address."""
    return click.option("--registry", metavar="HOST", callback=_host, help=purpose)


def _host(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    return value.removeprefix("https://").rstrip("/") if value is not None else None


def upstreams(session: Session, catalogue: Catalogue, parallel: int) -> Upstreams:
    """Return the registries and git repositories as this user reaches them from here."""
    registry = registries(session, catalogue.mirrors, parallel)
    return Upstreams(registry, isolate(session.environ), catalogue.mirrors.get("git", {}), parallel)


def registries(
    session: Session, mirrors: Mapping[str, Mapping[str, str]], parallel: int
) -> Registry:
    """Return the registries with the logins of this user."""
    transport = Transport(credentials.load(session.environ), parallel=parallel)
    return Registry(transport, mirrors.get("registries", {}))
