"""`distgen build`: build images through an engine of this machine."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import click

from distgen import __version__
from distgen.build.context import check_out_published, write_rendered
from distgen.build.engine_process import Shell
from distgen.build.engines.engine import Engine
from distgen.build.engines.load import find_engine
from distgen.build.image_build import BuildOptions, BuildRun, MakeContext
from distgen.build.journal import BuildJournal
from distgen.build.report import count_build_statuses
from distgen.build.run import build_images
from distgen.catalogue.commit import read_catalogue_commit
from distgen.catalogue.graph import including_dependents, including_parents, parents_first
from distgen.cli.build_options import BuildChoices, EngineOptions, build_options, engine_options
from distgen.cli.build_report import (
    build_exit_code,
    print_build_results,
    sort_build_results,
    summarize_build,
    write_build_files,
)
from distgen.cli.events import graceful_signals, open_events
from distgen.cli.option_groups import option_group
from distgen.cli.provenance import epoch
from distgen.cli.session import Choice, Session, image_arguments, set_option
from distgen.cli.since import SinceOptions, compare_since, since_options
from distgen.cli.source_options import SourceOptions, load_catalogue, source_options
from distgen.cli.streams import narrate
from distgen.cli.tokens import add_tokens
from distgen.cli.work import limited_work, render_structure_tests
from distgen.compare.affected import list_affected
from distgen.compare.comparison import select_keys
from distgen.errors import InputError
from distgen.git.run import Git, isolate
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.pool import limit_jobs
from distgen.publish.events import Observer

ENDING = b"distgen: ending the builds that run; once more to kill them\n"
TEMPORARY = "/var/tmp"


@dataclass(frozen=True)
class BuildRequest:
    """All that the command line asks of a build."""

    choice: Choice
    sets: tuple[str, ...]
    overrides: SourceOptions
    since: SinceOptions
    engine_choice: EngineOptions
    choices: BuildChoices


@click.command()
@option_group(
    BuildRequest,
    "request",
    image_arguments,
    set_option,
    source_options,
    since_options(required=False),
    engine_options,
    build_options,
)
@click.pass_context
def command(ctx: click.Context, /, request: BuildRequest) -> None:
    """Build images from their published commits, parents first.

    The image of a parent is that of this run; parents that are not built here are pulled. What the
    engine's store has already from the same commit, on the same parents, is left as it is.

    The first ^C ends the builds under way and removes what they left.
    """
    session: Session = ctx.obj
    choices = request.choices
    _refuse_useless_options(request)
    engine = find_engine(request.engine_choice.engine, session.environ.get("PATH", ""))
    if refusal := engine.refuse(request.engine_choice.passed_options):
        raise InputError(refusal)
    with open_events(choices.event_files.events) as events:
        catalogue, lock, images = _choose_images(session, request)
        git = isolate(session.environ)
        if not choices.rendered:
            git = add_tokens(session, git, catalogue, images)
        make_context = _context_maker(session, request, git, catalogue, lock)
        # Wrong tests are found before anything is built.
        tests = render_structure_tests(catalogue, lock, images) if choices.test else {}
        run = _prepare(session, request, engine, git, make_context, events)
        run = replace(run, tests=tests)
        about = {"version": __version__, "engine": engine.name, "images": len(images)}
        events("started", {**about, "jobs": run.options.jobs})
        with graceful_signals(git, ENDING):
            results = sort_build_results(images, build_images(run, images))
        code = 130 if git.stop.is_set() else build_exit_code(results)
        events("ended", {"summary": dict(count_build_statuses(results)), "exit_code": code})
    troubles = [*write_build_files(choices, results), events.trouble]
    troubles = [text for text in (*troubles, *(result.trouble for result in results)) if text]
    print_build_results(choices.form, results)
    session.say(summarize_build(results))
    for trouble in troubles:
        narrate(f"distgen: {trouble}")
    ctx.exit(code or int(bool(troubles)))


def _refuse_useless_options(request: BuildRequest) -> None:
    choices, overrides = request.choices, request.overrides
    if choices.digests is not None and not choices.push:
        raise InputError("is written by --push, which is not there", where="--digests")
    replaced = request.sets or overrides.sources or overrides.zuul_items
    if replaced and not choices.rendered:
        raise InputError(
            "--set, --source and --zuul-items change trees, and published commits stay as they are",
            hint="build the trees with --rendered",
        )


def _choose_images(
    session: Session, request: BuildRequest
) -> tuple[Catalogue, Lock, tuple[Image, ...]]:
    """Return the images to build, parents first."""
    speculation, lock = load_catalogue(session, request.sets, request.overrides)
    catalogue, choice = speculation.catalogue, request.choice
    if request.since.since is None:
        return catalogue, lock, choice.of(catalogue)
    comparison = compare_since(session, request.since, speculation, lock)
    affected = list_affected(comparison, select_keys(comparison, choice.patterns))
    keys = {image.key for image in affected if image.change != "removed"}
    chosen = {image.key: image for image in catalogue.images if image.key in keys}
    if choice.with_parents:
        chosen |= {image.key: image for image in including_parents(catalogue, keys)}
    if choice.with_dependents:
        chosen |= {image.key: image for image in including_dependents(catalogue, keys)}
    return catalogue, lock, parents_first(chosen.values())


def _prepare(
    session: Session,
    request: BuildRequest,
    engine: Engine,
    git: Git,
    make_context: MakeContext,
    observe: Observer,
) -> BuildRun:
    choices, lock = request.choices, threading.Lock()

    def show(key: str, line: str) -> None:
        with lock:
            session.say(f"{click.style(key, fg='cyan')} | {line}")

    return BuildRun(
        engine=engine,
        shell=Shell(session.environ, git.stop, git.abandon),
        options=BuildOptions(
            passed=request.engine_choice.passed_options,
            jobs=limit_jobs(choices.jobs),
            timeout=choices.timeout,
            rebuild=choices.rebuild,
            refresh=choices.refresh,
            push=choices.push,
        ),
        make_context=make_context,
        journal=BuildJournal(session.cache / "builds" / engine.name),
        root=Path(session.environ.get("TMPDIR") or TEMPORARY).absolute(),
        logs=choices.logs,
        show=show,
        observe=observe,
    )


def _context_maker(
    session: Session, request: BuildRequest, git: Git, catalogue: Catalogue, lock: Lock
) -> MakeContext:
    """Return what puts the files of an image into a folder."""
    root = Path(catalogue.root)
    if not request.choices.rendered:
        return lambda image, folder: check_out_published(git, image, root, folder)
    head = read_catalogue_commit(git, root, catalogue.inputs)
    date = head.date if head.date is not None else epoch(session)
    work = limited_work(catalogue, lock, tuple(catalogue.images), git.stop)
    return lambda image, folder: write_rendered(work.renderer.tree(image), date, folder)
