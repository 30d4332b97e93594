"""What `publish`, `propose`, `diff` and `status` share: the options of a run, and its plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from distgen.catalogue import source_overrides
from distgen.cli.provenance import origin
from distgen.cli.remote_options import RemoteOptions, remote_options
from distgen.cli.retire_options import RetireOptions, orphans_to_retire, split_choice
from distgen.cli.session import Choice, Session
from distgen.cli.signing_options import SigningOptions
from distgen.cli.source_options import SourceOptions, load_catalogue
from distgen.cli.tokens import add_tokens
from distgen.forges.load import NO_FORGE
from distgen.git.location import creation_hint
from distgen.git.run import Git
from distgen.lint import check
from distgen.model.catalogue import Catalogue
from distgen.pool import limit_jobs
from distgen.publish.events import Observer, ignore_step
from distgen.publish.options import PublishOptions, RepositoryCreation
from distgen.publish.repository_access import Repository
from distgen.publish.run import PublishRequest

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Run:
    """A request to publish, and all that it needs from outside."""

    request: PublishRequest
    options: PublishOptions
    git: Git
    store: Path


@dataclass(frozen=True)
class RunOptions:
    """What the command line asked for."""

    choice: Choice
    sets: tuple[str, ...]
    on_edit: str
    reach: RemoteOptions
    allow_dirty: bool = False
    independent: bool = False
    keep_going: bool = True
    replaced: SourceOptions = field(default_factory=SourceOptions)
    seal: SigningOptions = field(default_factory=SigningOptions)
    retired: RetireOptions = field(default_factory=RetireOptions)


def planning_options(command: Command) -> Command:
    """Add the options of everything that plans a publication."""
    on_edit = click.option(
        "--on-edit",
        type=click.Choice(["refuse", "keep", "merge", "overwrite"]),
        default="refuse",
        show_default=True,
        help="What to do with generated files that were edited downstream.",
    )
    return on_edit(remote_options(command))


def prepare(session: Session, wishes: RunOptions, observe: Observer = ignore_step) -> Run:
    """Read the catalogue and find out which commit of it will be published."""

    def tell(text: str) -> None:
        session.say(text, level=1)
        observe("waiting", {"detail": text})

    git = wishes.reach.git(session, tell)
    speculation, lock = load_catalogue(session, wishes.sets, wishes.replaced)
    catalogue = speculation.catalogue
    retires = wishes.retired.wanted
    chosen = split_choice(wishes.choice, catalogue)[0] if retires else wishes.choice.of(catalogue)
    task = check.work(catalogue, lock, chosen)
    altered = bool(wishes.sets or speculation.images)
    provenance, dirty = origin(session, git, catalogue, lock, altered)
    git_with_tokens = add_tokens(
        session, git, catalogue, catalogue.images if retires else task.images
    )
    orphans = (
        orphans_to_retire(catalogue, git_with_tokens, wishes.choice, wishes.reach.jobs)
        if retires
        else ()
    )
    retired = tuple(replace(target, reason=wishes.retired.reason.strip()) for target in orphans)
    return Run(
        request=PublishRequest(catalogue, task.images, task.renderer.tree, retired),
        options=PublishOptions(
            provenance=provenance,
            on_edit=wishes.on_edit,  # type: ignore[arg-type]
            jobs=limit_jobs(wishes.reach.jobs),
            independent=wishes.independent,
            fail_fast=not wishes.keep_going,
            observe=observe,
            dirty=dirty,
            allow_dirty=wishes.allow_dirty,
            objection=check.objection(task),
            refusal=source_overrides.publishing_refusal(speculation),
            sign=wishes.seal.by(git, Path(catalogue.root)),
            creation=_creation(session, git_with_tokens, catalogue),
        ),
        git=git_with_tokens,
        store=wishes.reach.folder(session),
    )


def _creation(
    session: Session, git: Git, catalogue: Catalogue
) -> Callable[[Repository], RepositoryCreation]:
    """Return how repositories are made that are missing on their forge."""

    def ask(repository: Repository) -> RepositoryCreation:
        if repository.forge == NO_FORGE:
            return RepositoryCreation(creation_hint(repository.place))
        # loaded for those who have a forge: its libraries take longer to start than most runs
        from distgen.cli import forge_accounts

        return forge_accounts.creation(session, git, catalogue, repository)

    return ask


def existing_store(folder: Path) -> Path | None:
    """Return the folder of a store that is there already."""
    return folder if folder.is_dir() else None
