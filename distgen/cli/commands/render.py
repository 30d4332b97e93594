"""`distgen render`: the trees of the images, in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from distgen.cli.executor_options import executor_option
from distgen.cli.session import Choice, Session, image_arguments, set_option
from distgen.cli.source_options import (
    SourceOptions,
    load_catalogue,
    source_options,
    warn_of_unused_items,
)
from distgen.cli.work import limited_work
from distgen.lint.work import render_trees
from distgen.output.tree import (
    Delta,
    compare_folder,
    leftovers,
    plan_removal,
    remove_tree,
    write_tree,
)


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
    if executor:
        from distgen.cli.executor_runs import render_elsewhere

        trees = tuple(render_elsewhere(executor, speculation, lock, task.images))
    else:
        trees = tuple(render_trees(task))
    act = compare_folder if check else write_tree
    deltas = [act(output, tree) for tree in trees]
    if not choice.patterns:
        clear = plan_removal if check else remove_tree
        deltas += [clear(output, place) for place in leftovers(output, trees)]
    for delta in filter(None, deltas):
        session.say(format_delta(delta), level=0 if check else 1)
    changed = sum(map(bool, deltas))
    verb = "differ" if check else "written"
    noun = "image" if len(trees) == 1 else "images"
    session.say(f"{len(trees)} {noun} rendered, {changed} {verb}")
    ctx.exit(int(check and changed > 0))


def format_delta(delta: Delta) -> str:
    """Return one line for a folder: how many files of each kind."""
    kinds = ("added", "changed", "removed", "foreign")
    counts = [f"{len(getattr(delta, kind))} {kind}" for kind in kinds if getattr(delta, kind)]
    return f"{delta.folder}: {', '.join(counts)}"
