"""What `publish`, `propose`, `diff` and `status` share: the options of a run, and its plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import click

from distgen.catalogue.commit import CatalogueCommit, catalogue_history, read_catalogue_commit
from distgen.catalogue.speculation import Speculation, publishing_refusal
from distgen.cli.option_groups import option_group
from distgen.cli.provenance import origin
from distgen.cli.remote_options import RemoteOptions, remote_options
from distgen.cli.retire_options import RetireOptions, orphans_to_retire, split_choice
from distgen.cli.session import Choice, Session, image_arguments, set_option
from distgen.cli.shard_options import ShardOptions
from distgen.cli.signing_options import SigningOptions
from distgen.cli.source_options import SourceOptions, load_catalogue, warn_of_unused_items
from distgen.cli.tokens import add_tokens
from distgen.cli.work import limited_work
from distgen.errors import InputError
from distgen.forges.load import NO_FORGE
from distgen.git.location import creation_hint
from distgen.git.run import Git
from distgen.git.signing import Sign
from distgen.lint.work import Work
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.published import Provenance
from distgen.model.rendered import Tree
from distgen.model.stored import image_nodes, images_by_key
from distgen.model.words import OnEdit, is_committed
from distgen.pool import limit_jobs
from distgen.publish.events import Observer, ignore_step, report_fallback
from distgen.publish.older import Contains
from distgen.publish.options import PublishOptions, RepositoryCreation, contains_all
from distgen.publish.repository_access import Repository
from distgen.publish.run import PublishRequest
from distgen.publish.target import BranchTarget
from distgen.publish.tree_ids import load_tree_ids, trees_key
from distgen.text.listing import name_some

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Inputs:
    """What was read of a catalogue, the images to publish, and what their commits will name.

    `orphans` are the branches to retire; None: they are to be looked for.
    """

    speculation: Speculation
    lock: Lock
    images: tuple[Image, ...]
    provenance: Provenance
    dirty: tuple[str, ...]
    head: CatalogueCommit
    orphans: tuple[BranchTarget, ...] | None = None


@dataclass(frozen=True)
class Run:
    """A request to publish, and all that it needs from outside; `asked` and `inputs` led to it."""

    request: PublishRequest
    work: Work
    options: PublishOptions
    git: Git
    store: Path
    keep: Callable[[], None]
    """Keeps for the next run what was found out."""
    inputs: Inputs
    asked: RunOptions


@dataclass(frozen=True)
class RunOptions:
    """What the command line asks of a run; a command has options for some of it."""

    choice: Choice
    sets: tuple[str, ...]
    on_edit: OnEdit | None
    remote: RemoteOptions
    allow_dirty: bool = False
    allow_older: bool = False
    remote_only: bool = False
    restamp: bool = False
    no_sync: bool = False
    independent: bool = False
    keep_going: bool = True
    overrides: SourceOptions = field(default_factory=SourceOptions)
    signing: SigningOptions = field(default_factory=SigningOptions)
    retirement: RetireOptions = field(default_factory=RetireOptions)
    sharding: ShardOptions = field(default_factory=ShardOptions)
    executor: str | None = None


def run_options(*options: Callable[..., Any]) -> Callable[[Command], Command]:
    """Add IMAGE..., --set and these options; the command gets all as one `options`."""
    return option_group(RunOptions, "options", image_arguments, set_option, *options)


def planning_options(command: Command) -> Command:
    """Add the options of everything that plans a publication."""
    on_edit = click.option(
        "--on-edit",
        type=click.Choice(["refuse", "keep", "merge", "overwrite"]),
        help="What to do with generated files that were edited downstream.  [default: as the"
        " catalogue says, else refuse]",
    )
    allow_older = click.option(
        "--allow-older",
        is_flag=True,
        help="Let this commit of the catalogue take back what a later one published.",
    )
    return on_edit(allow_older(remote_options(command)))


def prepare(session: Session, options: RunOptions, observe: Observer = ignore_step) -> Run:
    """Read the catalogue and find out which commit of it will be published."""
    git = git_that_tells(session, options, observe)
    speculation, lock = load_catalogue(session, options.sets, options.overrides)
    catalogue = speculation.catalogue
    images = _choose_images(options, catalogue)
    warn_of_unused_items(session, speculation, images)
    altered = bool(options.sets or speculation.images)
    root = Path(catalogue.root)
    head = read_catalogue_commit(git, root, catalogue.inputs)
    provenance, dirty = origin(session, head, catalogue, lock, altered)
    _refuse_early_restamp(options, provenance, dirty)
    contains = contains_all if options.allow_older else catalogue_history(git, root, head)
    inputs = Inputs(speculation, lock, images, provenance, dirty, head)
    return assemble(session, options, inputs, git, observe, contains)


def assemble(
    session: Session,
    options: RunOptions,
    inputs: Inputs,
    git: Git,
    observe: Observer,
    contains: Contains,
) -> Run:
    """Return a request to publish what was read, with this machine's rights and programs."""
    catalogue = inputs.speculation.catalogue
    task = limited_work(catalogue, inputs.lock, inputs.images, git.stop)
    images = catalogue.images if options.retirement.requested else task.images
    git_with_tokens = add_tokens(session, git, catalogue, images)
    orphans = inputs.orphans
    if orphans is None:
        orphans = _choose_orphans(options, catalogue, git_with_tokens)
    key = None if inputs.speculation.images else trees_key(catalogue, inputs.lock)
    tree_ids = load_tree_ids(session.results, key)
    return Run(
        request=PublishRequest(catalogue, task.images, task.renderer.tree, orphans),
        work=task,
        options=replace(
            _chosen_options(options, inputs),
            observe=observe,
            objection=_objection(task),
            sign=_signer(options, git, Path(catalogue.root)),
            contains=contains,
            tree_ids=tree_ids,
            creation=find_creation(session, git_with_tokens, catalogue),
        ),
        git=git_with_tokens,
        store=options.sharding.folder(options.remote.folder(session)),
        keep=partial(tree_ids.save, session.results, key),
        inputs=inputs,
        asked=options,
    )


def _chosen_options(options: RunOptions, inputs: Inputs) -> PublishOptions:
    """Return what the command line and the catalogue say, without this machine's part."""
    return PublishOptions(
        provenance=inputs.provenance,
        on_edit=options.on_edit,
        jobs=limit_jobs(options.remote.jobs),
        independent=options.independent,
        fail_fast=not options.keep_going,
        dirty=inputs.dirty,
        allow_dirty=options.allow_dirty,
        remote_only=options.remote_only,
        restamp=options.restamp,
        refusal=publishing_refusal(inputs.speculation),
        shard=options.sharding.shard,
    )


def _signer(options: RunOptions, git: Git, root: Path) -> Sign | None:
    """Return what signs commits; workers elsewhere have keys of their own."""
    if options.executor and options.signing.kind:
        return None
    return options.signing.by(git, root)


def _objection(task: Work) -> Callable[[Tree], str]:
    """Return what says why a tree must not be published; its rules are loaded when one is asked."""

    @cache
    def load() -> Callable[[Tree], str]:
        from distgen.lint.check import objection

        return objection(task)

    def judge(tree: Tree) -> str:
        return load()(tree)

    return judge


def git_that_tells(session: Session, options: RunOptions, observe: Observer) -> Git:
    """Return git with the run's settings; what it waits for is said and recorded."""

    def tell(text: str) -> None:
        session.say(text, level=1)
        observe("waiting", {"detail": text})

    def report(address: str, reason: str) -> None:
        report_fallback(observe, address, reason)

    return replace(options.remote.git(session, tell, report), sync=not options.no_sync)


def _refuse_early_restamp(
    options: RunOptions, provenance: Provenance, dirty: tuple[str, ...]
) -> None:
    if options.restamp and not is_committed(provenance.source):
        changes = f" ({name_some(dirty)})" if dirty else ""
        raise InputError(
            f"there is no commit of the catalogue to name{changes}",
            where="--restamp",
            hint="commit it first",
        )


def _choose_images(options: RunOptions, catalogue: Catalogue) -> tuple[Image, ...]:
    if options.retirement.requested:
        return split_choice(options.choice, catalogue)[0]
    return options.choice.of(catalogue)


def _choose_orphans(
    options: RunOptions, catalogue: Catalogue, git: Git
) -> tuple[BranchTarget, ...]:
    if not options.retirement.requested:
        return ()
    targets = orphans_to_retire(catalogue, git, options.choice, options.remote.jobs)
    return tuple(replace(target, reason=options.retirement.reason.strip()) for target in targets)


def find_creation(
    session: Session, git: Git, catalogue: Catalogue
) -> Callable[[Repository], RepositoryCreation]:
    """Return how repositories are made that are missing on their forge."""

    @cache
    def keys_and_images() -> tuple[Mapping[str, str], Mapping[str, Image]]:
        """Return the key of the first stream of each image by its name, and the images by key."""
        nodes = reversed(image_nodes(catalogue.images))
        return {node.full_name: node.key for node in nodes}, images_by_key(catalogue.images)

    def ask(repository: Repository) -> RepositoryCreation:
        if repository.forge == NO_FORGE:
            return RepositoryCreation(creation_hint(repository.place))
        # loaded for those who have a forge: its libraries take longer to start than most runs
        from distgen.cli import forge_accounts

        keys, images = keys_and_images()
        image = images[keys[repository.targets[0].image]]
        return forge_accounts.creation(session, git, catalogue, repository, image)

    return ask


def existing_store(folder: Path) -> Path | None:
    """Return the folder of a store that is there already."""
    return folder if folder.is_dir() else None
