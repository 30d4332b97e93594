"""`distgen doctor`: what would keep distgen from its work, and what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from distgen.cli.doctor_checks import Patient, examine_tokens, list_examinations
from distgen.cli.lock_facts import may_stay_unpinned
from distgen.cli.option_groups import option_group
from distgen.cli.progress import progress_bar
from distgen.cli.remote_options import RemoteOptions
from distgen.cli.session import SETTINGS, Choice, Session, format_option, image_arguments
from distgen.cli.streams import ignore_broken_pipe
from distgen.cli.tables import align_rows
from distgen.doctor.catalogue import (
    describe_catalogue,
    examine_commit,
    examine_lock_age,
    examine_missing_facts,
)
from distgen.doctor.examinations import examine_all
from distgen.doctor.folders import examine_folder, examine_room
from distgen.doctor.programs import examine_git, examine_linters
from distgen.doctor.records import Diagnosis, Health, error_diagnosis
from distgen.doctor.report import format_json, join_alike, summary, table_row
from distgen.errors import DistgenError, InputError
from distgen.git.push_rights import make_probe
from distgen.git.run import Git
from distgen.git.store import scratch_store
from distgen.model.catalogue import Catalogue
from distgen.model.lock import LOCK_FILE, Lock
from distgen.pool import limit_jobs

COLORS: dict[Health, str] = {"ok": "green", "warning": "yellow", "error": "red"}


@dataclass(frozen=True)
class DoctorOptions:
    """What to examine, and how long to wait for it; `timeout` is in seconds."""

    choice: Choice
    offline: bool
    timeout: float
    jobs: int
    store: Path | None
    lock_age: float


doctor_options = option_group(
    DoctorOptions,
    "options",
    image_arguments,
    click.option("--offline", is_flag=True, help="Ask no server."),
    click.option(
        "--timeout",
        metavar="SECONDS",
        type=click.FloatRange(0.1),
        default=10,
        show_default=True,
        help="How long the examination of one repository or server may take.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        default=8,
        show_default=True,
        help="How many repositories to examine at once.",
    ),
    click.option(
        "--store",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="The local store of `distgen publish`.",
    ),
    click.option(
        "--lock-age",
        metavar="DAYS",
        type=click.FloatRange(0),
        default=30,
        show_default=True,
        help="How old the lock may become without a warning.",
    ),
)


@click.command()
@doctor_options
@format_option("text", "json")
@click.pass_context
def command(ctx: click.Context, /, options: DoctorOptions, form: str) -> None:
    """Say what would keep distgen from its work: programs, servers, rights, the lock, the disk.

    Nothing is written to any repository. Exits 1 when anything is an error.
    """
    session: Session = ctx.obj
    if session.start is not None and not session.start.is_dir():
        session.root  # noqa: B018 -- it refuses the folder
    diagnoses = list(examine(session, options))
    with ignore_broken_pipe():
        click.echo(format_json(diagnoses) if form == "json" else as_text(diagnoses))
    session.say(summary(diagnoses))
    ctx.exit(int(any(diagnosis.status == "error" for diagnosis in diagnoses)))


def as_text(diagnoses: list[Diagnosis]) -> str:
    """Return a line for each diagnosis, one for those that are alike."""
    joined = join_alike(diagnoses)
    lines = align_rows([table_row(diagnosis) for diagnosis in joined]).splitlines()
    return "\n".join(
        click.style(diagnosis.status, fg=COLORS[diagnosis.status]) + line[len(diagnosis.status) :]
        for diagnosis, line in zip(joined, lines, strict=True)
    )


def examine(session: Session, options: DoctorOptions) -> Iterator[Diagnosis]:
    """Yield all diagnoses; what cannot be examined without another thing is left out."""
    remote = RemoteOptions(options.store, options.jobs, options.timeout, 0, "auto")
    git: Git | None = None
    try:
        git = remote.git(session)
    except DistgenError as error:
        yield error_diagnosis("program", "git", error)
    else:
        yield examine_git(git)
    yield from examine_linters()
    yield from examine_folder("cache", session.cache, "XDG_CACHE_HOME")
    if options.store:
        yield from examine_folder("store", options.store, "--store")
    yield examine_room(remote.folder(session))
    try:
        catalogue, lock = session.catalogue(), session.lock()
    except DistgenError as error:
        yield error_diagnosis("catalogue", str(error.where or SETTINGS), error)
        return
    yield describe_catalogue(catalogue)
    if git is None:
        options.choice.of(catalogue)  # it refuses what is not there
        return
    yield from _examine_catalogue(session, options, git, catalogue, lock)


def _examine_catalogue(
    session: Session, options: DoctorOptions, git: Git, catalogue: Catalogue, lock: Lock
) -> Iterator[Diagnosis]:
    images = options.choice.of(catalogue)
    try:
        yield from examine_commit(git, catalogue)
        yield from examine_missing_facts(catalogue, lock, may_stay_unpinned)
        root = Path(catalogue.root)
        yield from examine_lock_age(git, root, time.time(), options.lock_age)
    except DistgenError as error:
        yield error_diagnosis("catalogue", LOCK_FILE, error)
    try:
        with scratch_store(git, None) as store, progress_bar(session, "examining") as advance:
            make_probe(git, store.folder)
            seconds, is_offline = options.timeout, options.offline
            patient = Patient(session, git, catalogue, images, store.folder, seconds, is_offline)
            yield from examine_tokens(patient)
            examinations = list(list_examinations(patient))
            jobs = limit_jobs(options.jobs)
            yield from examine_all(examinations, jobs, options.timeout, git.stop, advance)
    except InputError as error:
        yield error_diagnosis("catalogue", str(error.where or SETTINGS), error)
    except DistgenError as error:
        yield error_diagnosis("disk", "temporary files", error)
