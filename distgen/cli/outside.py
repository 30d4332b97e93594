"""What commands share that ask registries and components' repositories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from distgen.cli.session import Session
from distgen.model import Catalog
from distgen.registry import Registry, credentials
from distgen.registry.http import Transport
from distgen.resolve import World
from distgen.store.git import isolate

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


def world(session: Session, catalog: Catalog, parallel: int) -> World:
    """Return the registries and git repositories as this user reaches them from here."""
    registry = registries(session, catalog.mirrors, parallel)
    return World(registry, isolate(session.environ), catalog.mirrors.get("git", {}), parallel)


def registries(
    session: Session, mirrors: Mapping[str, Mapping[str, str]], parallel: int
) -> Registry:
    """Return the registries with the logins of this user."""
    transport = Transport(credentials.load(session.environ), parallel=parallel)
    return Registry(transport, mirrors.get("registries", {}))
