"""What `publish`, `diff` and `status` share: the run they plan, and how results are printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from distgen import __version__, pipeline, speculate
from distgen.cli.list import texts
from distgen.cli.replacing import Replaced, ground
from distgen.cli.retiring import Retiring, left, split
from distgen.cli.session import Choice, Session
from distgen.cli.signing import Seal
from distgen.cli.tokens import authorized
from distgen.drive.publish import Request
from distgen.drive.publish.repositories import Observer, Options, Repository, unobserved
from distgen.errors import InputError, plain
from distgen.model import Catalog, Provenance, Result, Status
from distgen.store import history
from distgen.store.git import Git, isolate
from distgen.store.patience import Patience

Command = TypeVar("Command", bound=Callable[..., Any])
EPOCH = 315532800  # 1980-01-01, the earliest date that every archive format knows


@dataclass(frozen=True)
class Run:
    """A request to publish, and all that it needs from outside."""

    request: Request
    options: Options
    git: Git
    store: Path


@dataclass(frozen=True)
class Wishes:
    """What the command line asked for."""

    choice: Choice
    sets: tuple[str, ...]
    on_edit: str
    jobs: int
    store: Path | None
    timeout: float
    retries: int
    allow_dirty: bool = False
    independent: bool = False
    fail_fast: bool = False
    replaced: Replaced = field(default_factory=Replaced)
    seal: Seal = field(default_factory=Seal)
    retired: Retiring = field(default_factory=Retiring)


def planning(command: Command) -> Command:
    """Add the options of everything that plans a publication."""
    for option in (
        click.option(
            "--store",
            metavar="DIR",
            type=click.Path(path_type=Path, file_okay=False),
            help="The local store; it is a cache and may be deleted.",
        ),
        click.option(
            "--jobs",
            type=click.IntRange(1, 256),
            default=8,
            show_default=True,
            help="How many repositories to work on at once.",
        ),
        click.option(
            "--on-edit",
            type=click.Choice(["refuse", "keep", "merge", "overwrite"]),
            default="refuse",
            show_default=True,
            help="What to do with generated files that were edited downstream.",
        ),
        click.option(
            "--retries",
            type=click.IntRange(0, 20),
            default=3,
            show_default=True,
            help="How often to ask a server again that fails, with pauses that grow.",
        ),
        click.option(
            "--timeout",
            metavar="SECONDS",
            type=click.FloatRange(0.1),
            default=300,
            show_default=True,
            help="How long one exchange with a server may take.",
        ),
    ):
        command = option(command)
    return command


def prepare(session: Session, wishes: Wishes, observe: Observer = unobserved) -> Run:
    """Read the catalogue and find out which commit of it will be published."""

    def tell(text: str) -> None:
        session.say(text, level=1)
        observe("waiting", {"detail": text})

    git = isolate(session.environ, Patience(wishes.timeout, wishes.retries + 1, tell=tell))
    speculation, lock = ground(session, wishes.sets, wishes.replaced)
    catalog = speculation.catalog
    retires = wishes.retired.wanted
    chosen = split(wishes.choice, catalog)[0] if retires else wishes.choice.of(catalog)
    task = pipeline.work(catalog, lock, chosen)
    stand = history.stand(git, Path(catalog.root))
    dirty = bool(stand.dirty or wishes.sets or speculation.images)
    origin = Provenance(
        source=source(catalog.source, stand.commit, dirty),
        author="",
        date=stand.date if stand.date is not None else epoch(session),
        version=__version__,
        lock=lock,
    )
    shown = authorized(session, git, catalog, catalog.images if retires else task.images)
    gone = left(catalog, shown, wishes.choice, wishes.jobs) if retires else ()
    retired = tuple(replace(target, reason=wishes.retired.reason) for target in gone)
    return Run(
        request=Request(catalog, task.images, task.renderer.tree, retired),
        options=Options(
            provenance=origin,
            on_edit=wishes.on_edit,  # type: ignore[arg-type]
            jobs=wishes.jobs,
            independent=wishes.independent,
            fail_fast=wishes.fail_fast,
            observe=observe,
            dirty=dirty,
            allow_dirty=wishes.allow_dirty,
            objection=pipeline.objection(task),
            refusal=speculate.refusal(speculation),
            sign=wishes.seal.by(git, Path(catalog.root)),
            creation=_creation(session, shown, catalog),
        ),
        git=shown,
        store=wishes.store or cache(session) / "store",
    )


def _creation(
    session: Session, git: Git, catalog: Catalog
) -> Callable[[Repository], Callable[[], None] | None]:
    """Return how repositories are made that are missing on their forge."""

    def ask(repository: Repository) -> Callable[[], None] | None:
        if repository.forge == "none":
            return None
        # loaded for those who have a forge: its libraries take longer to start than most runs
        from distgen.cli import accounts

        return accounts.creation(session, git, catalog, repository)

    return ask


def source(address: str | None, commit: str | None, dirty: bool) -> str:
    """Return the words of the commit trailer that say where a tree came from."""
    stand = f"{commit}{'-dirty' if dirty else ''}" if commit else "uncommitted"
    return f"{address}@{stand}" if address else stand


def epoch(session: Session) -> int:
    """Return the date of commits where the catalogue has no history of its own."""
    text = session.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return EPOCH
    if not text.isdecimal() or len(text) > 12:
        raise InputError(
            f"SOURCE_DATE_EPOCH is {text!r}", hint="it must be a number of seconds since 1970"
        )
    return int(text)


def cache(session: Session) -> Path:
    """Return the folder for what may be lost, of this user."""
    given = session.environ.get("XDG_CACHE_HOME", "")
    home = Path(given) if given and Path(given).is_absolute() else Path.home() / ".cache"
    return home / "distgen"


STOPPED = ("refused", "skipped", "failed")
COLORS: dict[Status, str] = {
    "created": "green",
    "updated": "green",
    "retired": "green",
    "behind": "yellow",
    "drifted": "yellow",
    "refused": "red",
    "skipped": "red",
    "failed": "red",
}


def as_text(results: Sequence[Result]) -> str:
    """Return one line for each result; edits that stand in the way follow theirs."""
    rows = [(row.status, f"{row.image}@{row.stream}", told(row)) for row in results]
    text = []
    for row, line in zip(results, texts(rows), strict=True):
        color = COLORS.get(row.status)
        text.append(click.style(row.status, fg=color) + line[len(row.status) :])
        if row.status == "refused":
            text += [f"    {plain(part)}" for edit in row.edits for part in edit.diff.splitlines()]
    return "\n".join(text)


def told(result: Result) -> str:
    """Return what a line says behind the image: the commit, and why."""
    commit = (result.commit or "")[:12] if result.status not in ("refused", "failed") else ""
    return plain(f"{commit}  {result.detail}".strip())


def summary(results: Sequence[Result]) -> str:
    """Return the last line: how many images came to what."""
    counts = Counter(result.status for result in results)
    if not results:
        return "no images"
    if set(counts) == {"unchanged"}:
        stand = "1 branch is" if len(results) == 1 else f"{len(results)} branches are"
        return f"nothing changed: {stand} as the catalogue says"
    order: tuple[Status, ...] = (*COLORS, "unchanged")
    return ", ".join(f"{counts[status]} {status}" for status in order if counts[status])


def exit_code(results: Iterable[Result]) -> int:
    """Return 0 when all is well, 2 when the catalogue is wrong, else 1."""
    return max((one.exit_code for one in results if one.status in STOPPED), default=0)
