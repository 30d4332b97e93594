"""`distgen propose`: open reviews of what changed, instead of pushing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import click

from distgen.catalogue.graph import select_images
from distgen.cli import prepare
from distgen.cli.forge_accounts import accounts
from distgen.cli.results import show_progress, sort_results, summary
from distgen.cli.session import Session
from distgen.cli.write_options import OutputOptions, deliver, write_options
from distgen.errors import InputError
from distgen.forges.load import NO_FORGE, forge_names, load_forge
from distgen.forges.records import NOTHING_LEFT
from distgen.git.store import Store, open_store, scratch_store
from distgen.model.catalogue import Catalogue, Image
from distgen.model.published import Result
from distgen.propose.run import ProposeRequest, propose_images


@click.command()
@prepare.run_options(write_options)
@click.pass_context
def command(ctx: click.Context, /, options: prepare.RunOptions, output: OutputOptions) -> None:
    """Open a review of what changed for each image and stream, or update the one there is.

    A review that has nothing left to propose is closed. One that somebody else pushed to is theirs:
    it is left alone. The first ^C lets what is under way end and begins nothing more.
    """
    work = partial(_propose, ctx.obj, dry=output.dry_run)
    deliver(ctx, options, output, work, _summarise)


def _propose(session: Session, run: prepare.Run, *, dry: bool) -> list[Result]:
    catalogue = run.request.catalogue
    images = _with_forge(session, catalogue, run.request.images)
    parents = _parents(catalogue, images)
    request = ProposeRequest(
        catalogue=catalogue,
        images=images,
        render=run.request.render,
        accounts=accounts(session, run.git, catalogue, (*images, *parents)),
        parents=parents,
        dry=dry,
    )
    with _store(run, dry) as store:
        results = propose_images(request, store, run.options)
        return sort_results(images, show_progress(session, results, len(images), "proposing"))


def _summarise(_: prepare.Run, results: Sequence[Result]) -> str:
    text = summary(results)
    if results and all(result.status == "unchanged" for result in results):
        text = f"nothing new to propose for {_count(len(results), 'branch', 'branches')}"
    quiet = (
        result
        for result in results
        if result.status == "unchanged" and NOTHING_LEFT in result.detail
    )
    return "\n".join((text, *(f"{result.key}: {result.detail}" for result in quiet)))


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"


def _with_forge(
    session: Session, catalogue: Catalogue, images: tuple[Image, ...]
) -> tuple[Image, ...]:
    """Leave out the images that have no forge; refuse when none has one."""
    with_forge = tuple(
        i for i in images if catalogue.namespaces[i.namespace].dist_git.forge != NO_FORGE
    )
    if images and not with_forge:
        names = forge_names()
        raise InputError(
            "none of these images has a forge where it could be proposed",
            where=catalogue.namespaces[images[0].namespace].dist_git.origin,
            hint=f"set dist_git.forge to {', '.join(names[:-1])} or {names[-1]}",
        )
    if number := len(images) - len(with_forge):
        images_have = _count(number, "image has", "images have")
        session.say(f"{images_have} no forge and {'is' if number == 1 else 'are'} left out")
    return with_forge


def _parents(catalogue: Catalogue, images: tuple[Image, ...]) -> tuple[Image, ...]:
    """Return the parents that are not proposed themselves, where a review names its parents'."""
    names = {
        parent.image
        for image in images
        for parent in image.parents
        if parent.image and _names_parents(catalogue, image)
    }
    missing = sorted(names - {image.key for image in images})
    parents = select_images(catalogue, missing) if missing else ()
    return tuple(parent for parent in parents if _names_parents(catalogue, parent))


def _names_parents(catalogue: Catalogue, image: Image) -> bool:
    """Say whether reviews name those of parents, on the forge of an image."""
    name = catalogue.namespaces[image.namespace].dist_git.forge
    return name != NO_FORGE and load_forge(name).depends_on_footer is not None


@contextmanager
def _store(run: prepare.Run, dry: bool) -> Iterator[Store]:
    if dry:
        with scratch_store(run.git, prepare.existing_store(run.store)) as store:
            yield store
    else:
        with open_store(run.store, run.git) as store:
            yield store
