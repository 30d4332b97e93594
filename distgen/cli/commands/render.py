"""`distgen render`: the trees of the images, in a folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from distgen.catalogue.speculation import Speculation
from distgen.cli.executor_options import executor_option
from distgen.cli.session import Choice, Session, image_arguments, set_option
from distgen.cli.source_options import (
    SourceOptions,
    load_catalogue,
    source_options,
    warn_of_unused_items,
)
from distgen.cli.work import limited_work
from distgen.lint.work import Work
from distgen.model.catalogue import Image
from distgen.model.lock import Lock
from distgen.output.tree import (
    Delta,
    StagedTree,
    compare_tree,
    drop_stage,
    image_folder,
    leftovers,
    place_tree,
    plan_removal,
    remove_tree,
    stage_tree,
)
from distgen.output.unchanged import holds_tree
from distgen.publish.repository_plan import RenderTree
from distgen.publish.tree_ids import TreeIds, load_tree_ids, trees_key


@click.command()
@image_arguments
@set_option
@source_options
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write; each tree goes to DIR/namespace/image/stream.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when DIR differs.")
@executor_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    choice: Choice,
    sets: tuple[str, ...],
    overrides: SourceOptions,
    *,
    executor: str | None,
    output: Path,
    check: bool,
) -> None:
    """Render images into a folder, replacing only what was rendered there before."""
    session: Session = ctx.obj
    speculation, lock = load_catalogue(session, sets, overrides)
    catalogue = speculation.catalogue
    task = limited_work(catalogue, lock, choice.of(catalogue))
    warn_of_unused_items(session, speculation, task.images)
    # A replaced source is no part of what digests are kept by.
    key = None if speculation.images else trees_key(catalogue, lock, "manifests")
    digests = load_tree_ids(session.results, key)
    render = choose_renderer(executor, speculation, lock, task)
    deltas = [*render_into(output, (task.images, render), digests, check)]
    digests.save(session.results, key)
    count = len(task.images)
    if not choice.patterns:
        clear = plan_removal if check else remove_tree
        places = {image_folder(output, image.full_name, image.stream.name) for image in task.images}
        deltas += [clear(output, place) for place in leftovers(output, places)]
    for delta in filter(None, deltas):
        session.say(format_delta(delta), level=0 if check else 1)
    changed = sum(map(bool, deltas))
    verb = "differ" if check else "written"
    noun = "image" if count == 1 else "images"
    session.say(f"{count} {noun} rendered, {changed} {verb}")
    ctx.exit(int(check and changed > 0))


def choose_renderer(
    executor: str | None, speculation: Speculation, lock: Lock, task: Work
) -> RenderTree:
    """Return what renders an image: this process, or an executor, which renders all at once."""
    if not executor:
        return task.renderer.tree
    from distgen.cli.executor_runs import render_elsewhere

    trees = {tree.key: tree for tree in render_elsewhere(executor, speculation, lock, task.images)}
    return lambda image: trees[image.key]


def render_into(
    root: Path, work: tuple[tuple[Image, ...], RenderTree], digests: TreeIds, check: bool
) -> tuple[Delta, ...]:
    """Write the trees into a folder, or compare them with it; all are rendered before one changes.

    A tree whose manifest is known, and that the folder holds, is not rendered.
    """
    images, render = work
    staged_trees: list[StagedTree] = []
    waiting = staged_trees
    is_new = not root.exists()
    prepare = compare_tree if check else stage_tree
    try:
        for image in images:
            place = image_folder(root, image.full_name, image.stream.name)
            (digest,) = digests.get(image.key) or ("",)
            if digest and holds_tree(root, place, digest):
                staged_trees.append(StagedTree(Delta(place), None, digest))
                continue
            staged_trees.append(prepare(root, render(image)))
            digests.note(image.key, (staged_trees[-1].manifest_digest,))
        waiting = staged_trees[::-1]
        while waiting:
            place_tree(waiting[-1])
            waiting.pop()
    finally:
        for staged in waiting:
            drop_stage(root, staged)
        if is_new:
            with suppress(OSError):  # it holds what was rendered
                root.rmdir()
    return tuple(staged.delta for staged in staged_trees)


def format_delta(delta: Delta) -> str:
    """Return one line for a folder: how many files of each kind."""
    kinds = ("added", "changed", "removed", "foreign")
    counts = [f"{len(getattr(delta, kind))} {kind}" for kind in kinds if getattr(delta, kind)]
    return f"{delta.folder}: {', '.join(counts)}"
