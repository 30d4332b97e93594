"""`distgen propose`: open reviews of what changed, instead of pushing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from distgen.cli import plans
from distgen.cli.accounts import accounts
from distgen.cli.publish import ordered, shown, stored, tell
from distgen.cli.session import Choice, Session, choosing, formats, setting
from distgen.cli.signing import sealing
from distgen.cli.speech import narrate
from distgen.cli.watching import Watched, ending_well, keep, recorded, watching
from distgen.drive import propose
from distgen.errors import InputError
from distgen.graph import select
from distgen.model import Catalog, Image, Result
from distgen.reports.results import report, summary
from distgen.store import Store, open_store, scratch_store


@click.command()
@choosing
@setting
@plans.planning
@formats("text", "json")
@watching
@sealing
@click.option("--dry-run", is_flag=True, help="Print what would change; write nothing anywhere.")
@click.option(
    "--keep-going/--fail-fast",
    "keep_going",
    default=True,
    help="Whether to begin others after an image failed or was refused.  [default: keep going]",
)
@click.option("--allow-dirty", is_flag=True, help="Propose uncommitted changes on servers, too.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    choice: Choice,
    form: str,
    dry_run: bool,
    keep_going: bool,
    watched: Watched,
    **wishes: Any,
) -> None:
    """Open a review of what changed for each image and stream, or update the one there is.

    A review that has nothing left to propose is closed. One that somebody else pushed to is theirs:
    it is left alone. The first ^C lets what is under way end and begins nothing more.
    """
    session: Session = ctx.obj
    wanted = plans.Wishes(choice=choice, fail_fast=not keep_going, **wishes)
    with recorded(watched.events) as events:
        run = plans.prepare(session, wanted, events)
        with ending_well(run.git):
            results = _proposed(session, run, dry_run)
        code = 130 if run.git.stop.is_set() else plans.exit_code(results)
        events("ended", {"summary": summary(results), "exit_code": code})
    text = report(results)
    troubles = [one for one in (keep(watched.results, text), events.trouble) if one]
    tell(session, results, text if form == "json" else "")
    session.say(("it would be: " if dry_run else "") + _summary(results))
    for trouble in troubles:
        narrate(f"distgen: {trouble}")
    ctx.exit(code or int(bool(troubles)))


def _proposed(session: Session, run: plans.Run, dry: bool) -> list[Result]:
    catalog = run.request.catalog
    images = _with_forge(session, catalog, run.request.images)
    parents = _parents(catalog, images)
    request = propose.Request(
        catalog=catalog,
        images=images,
        trees=run.request.trees,
        accounts=accounts(session, run.git, catalog, (*images, *parents)),
        parents=parents,
        dry=dry,
    )
    with _store(run, dry) as store:
        done = propose.propose(request, store, run.options)
        return ordered(run, shown(session, done, len(images)))


def _summary(results: Sequence[Result]) -> str:
    if results and all(one.status == "unchanged" for one in results):
        return f"nothing new to propose for {len(results)} branches"
    return plans.summary(results)


def _with_forge(session: Session, catalog: Catalog, images: tuple[Image, ...]) -> tuple[Image, ...]:
    """Leave out the images that have no forge; refuse when none has one."""
    kept = tuple(i for i in images if catalog.namespaces[i.namespace].dist_git.forge != "none")
    if images and not kept:
        raise InputError(
            "none of these images has a forge where it could be proposed",
            where=catalog.namespaces[images[0].namespace].dist_git.origin,
            hint="set dist_git.forge to github, gerrit, gitlab or forgejo",
        )
    if left := len(images) - len(kept):
        session.say(f"{left} images have no forge and are left out")
    return kept


def _parents(catalog: Catalog, images: tuple[Image, ...]) -> tuple[Image, ...]:
    """Return the parents that are not proposed themselves, where a review names its parents'."""
    names = {
        parent.image
        for image in images
        for parent in image.parents
        if parent.image and catalog.namespaces[image.namespace].dist_git.forge == "gerrit"
    }
    missing = sorted(names - {image.key for image in images})
    found = select(catalog, missing) if missing else ()
    return tuple(i for i in found if catalog.namespaces[i.namespace].dist_git.forge == "gerrit")


@contextmanager
def _store(run: plans.Run, dry: bool) -> Iterator[Store]:
    if dry:
        with scratch_store(run.git, stored(run.store)) as store:
            yield store
    else:
        with open_store(run.store, run.git) as store:
            yield store
