"""A command for each format of `distgen export`, made from what the format says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from distgen.catalogue.graph import waves
from distgen.cli.commands.render import format_delta
from distgen.cli.remote_options import RemoteOptions, remote_options
from distgen.cli.session import Choice, Session, image_arguments, set_option
from distgen.cli.source_options import SourceOptions, load_catalogue
from distgen.cli.tokens import add_tokens
from distgen.cli.work import limited_work, render_structure_tests
from distgen.dockerfile.filename import DOCKERFILE
from distgen.errors import InputError
from distgen.exports.matrix import make_entries
from distgen.exports.records import (
    ExportFormat,
    ExportResult,
    FormatOption,
    RefusedImage,
    Selection,
)
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.rendered import Tree
from distgen.output.export_folder import compare_export, write_export
from distgen.pool import limit_jobs
from distgen.publish.published import PublishedBranch, read_published


def make_command(export: ExportFormat) -> click.Command:
    """Return the command that writes one format."""

    @click.pass_context
    def callback(
        ctx: click.Context, /, choice: Choice, sets: tuple[str, ...], **options: Any
    ) -> None:
        session: Session = ctx.obj
        speculation, lock = load_catalogue(session, sets, SourceOptions())
        catalogue = speculation.catalogue
        selection, excluded = select(session, export, catalogue, lock, (choice, options))
        result = export.write(selection)
        delivered = deliver(session, export, result, options["output"], options["check"])
        refused = (*excluded, *result.refused)
        for refusal in refused:
            session.say(f"{refusal.key}: refused: {refusal.reason}")
        absent_parents = describe_absent_parents(selection.images, excluded)
        for warning in (*absent_parents, *result.warnings):
            session.say(f"warning: {warning}")
        ctx.exit(int(bool(refused) or not delivered))

    return click.command(export.name, help=export.summary)(add_options(export, callback))


def make_refusal(name: str) -> click.Command:
    """Return a command that says where the files of a format stand, since nothing is exported."""

    @click.argument("images", nargs=-1)
    def callback(images: tuple[str, ...]) -> None:
        raise InputError(
            f"the files of `{name}` stand in each repository",
            hint=f"add `{name}` to the `exports` of the namespace, then render or publish it",
        )

    return click.command(name, hidden=True)(callback)


def add_options(export: ExportFormat, callback: Any) -> Any:
    """Add IMAGE..., --set, -o, --check, what the needs of the format ask for, and its options."""
    for option in reversed(export.options):
        declare = click.option(f"--{option.name}", metavar=option.metavar, help=option.help)
        callback = declare(callback)
    if "commits" in export.needs:
        callback = remote_options(callback)
    printed = f" (without it, {export.file_name} is printed)" if export.file_name else ""
    callback = click.option(
        "--check", is_flag=True, help="Write nothing; exit 1 when DIR differs."
    )(callback)
    callback = click.option(
        "-o",
        "--output",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        required=not export.file_name,
        help=f"The folder to write to{printed}; what was exported there before is replaced.",
    )(callback)
    return image_arguments(set_option(callback))


def select(
    session: Session,
    export: ExportFormat,
    catalogue: Catalogue,
    lock: Lock,
    asked: tuple[Choice, Mapping[str, Any]],
) -> tuple[Selection, list[RefusedImage]]:
    """Return all that a format is made from, and the images that it cannot be made from."""
    choice, options = asked
    try:
        images = choice.of(catalogue)
    except InputError as error:
        error.exit_code = export.no_match_exit_code
        raise
    refused: list[RefusedImage] = []
    branches: Mapping[str, PublishedBranch] = {}
    trees: Mapping[str, Tree] = {}
    if takes_commits := needs_commits(export, options):
        refuse_private_places(catalogue, images)
        branches, refused = published_branches(session, catalogue, images, options["remote"])
        images = tuple(image for image in images if image.key in branches)
    if "trees" in export.needs or ("dockerfiles" in export.needs and not takes_commits):
        trees, unrendered = render_selected(export, catalogue, lock, images)
        refused += unrendered
        images = exclude(images, unrendered)
    steps = waves(images)
    selection = Selection(
        images=tuple(image for step in steps for image in step),
        entries=make_entries(steps, {key: branch.commit for key, branch in branches.items()}),
        namespaces=catalogue.namespaces,
        templates=catalogue.templates,
        inputs=catalogue.inputs,
        lock=lock,
        trees=trees,
        options={option.name: options[parameter(option)] or "" for option in export.options},
        dockerfiles=read_dockerfiles(branches, trees),
        catalogue_images=tuple(catalogue.images),
        tests=render_structure_tests(catalogue, lock, images) if "tests" in export.needs else {},
    )
    return selection, refused


def describe_absent_parents(
    images: tuple[Image, ...], excluded: Sequence[RefusedImage]
) -> Iterator[str]:
    """Yield a sentence for each exported image whose parent is not: nothing orders the two."""
    keys = {refusal.key for refusal in excluded}
    for image in images:
        for parent in sorted(keys.intersection(image.parent_keys)):
            yield f"{image.key} is built on what the registry has of {parent}, which is refused"


def parameter(option: FormatOption) -> str:
    """Return the name of the parameter of an option."""
    return option.name.replace("-", "_")


def needs_commits(export: ExportFormat, options: Mapping[str, Any]) -> bool:
    """Tell whether published commits are to be read, with these options."""
    replaced = any(options[parameter(o)] for o in export.options if o.replaces_commits)
    return "commits" in export.needs and not replaced


def refuse_private_places(catalogue: Catalogue, images: tuple[Image, ...]) -> None:
    """Raise InputError for an image whose repository others cannot reach."""
    for image in images:
        if not image.public_url:
            dist_git = catalogue.namespaces[image.namespace].dist_git
            raise InputError(
                f"others cannot reach the repository of {image.full_name} there",
                where=dist_git.origin,
                hint="set `public_url` in `dist_git` to the address from which they clone it",
            )


def published_branches(
    session: Session, catalogue: Catalogue, images: tuple[Image, ...], remote: RemoteOptions
) -> tuple[Mapping[str, PublishedBranch], list[RefusedImage]]:
    """Return the branches with a published commit, and the images that have none, with reasons."""
    git = add_tokens(session, remote.git(session), catalogue, images)
    store = remote.folder(session)
    branches = read_published(catalogue, images, git, limit_jobs(remote.jobs), store)
    published = {key: branch for key, branch in branches.items() if branch.commit}
    refused = [
        RefusedImage(image.key, branches[image.key].problem)
        for image in images
        if image.key not in published
    ]
    return published, refused


def render_selected(
    export: ExportFormat, catalogue: Catalogue, lock: Lock, images: tuple[Image, ...]
) -> tuple[Mapping[str, Tree], list[RefusedImage]]:
    """Return the trees of images by key, of those that the format needs, and why some have none."""
    trees: dict[str, Tree] = {}
    reasons: dict[str, str] = {}
    if export.images_to_render:
        keys = export.images_to_render(images, catalogue.namespaces)
        images = tuple(image for image in images if image.key in keys)
    work = limited_work(catalogue, lock, images)
    for image in (image for step in waves(images) for image in step):
        parent = next((key for key in image.parent_keys if key in reasons), "")
        try:
            trees[image.key] = work.renderer.tree(image)
        except InputError as error:
            reasons[image.key] = str(error)
        if parent:
            reasons.setdefault(image.key, f"its parent {parent} is refused")
    return trees, [RefusedImage(key, reason) for key, reason in reasons.items()]


def exclude(images: tuple[Image, ...], refused: list[RefusedImage]) -> tuple[Image, ...]:
    """Return the images without those that were refused."""
    keys = {refusal.key for refusal in refused}
    return tuple(image for image in images if image.key not in keys)


def read_dockerfiles(
    branches: Mapping[str, PublishedBranch], trees: Mapping[str, Tree]
) -> Mapping[str, str]:
    """Return the text of each Dockerfile by key: the published one where a commit is built."""
    rendered = {key: tree.content(DOCKERFILE) or b"" for key, tree in trees.items()}
    return {key: content.decode(errors="replace") for key, content in rendered.items()} | {
        key: branch.dockerfile for key, branch in branches.items()
    }


def deliver(
    session: Session, export: ExportFormat, result: ExportResult, output: Path | None, check: bool
) -> bool:
    """Print or write the files; return whether a check, where that was asked for, is content."""
    if output is None:
        if check:
            raise InputError("compares with a folder", where="--check", hint="name it with -o DIR")
        for file in result.files:
            click.echo(file.content.decode(), nl=False)
        return True
    act = compare_export if check else write_export
    delta = act(output, export.name, result.files)
    if delta:
        session.say(format_delta(delta), level=0 if check else 1)
    noun = "file" if len(result.files) == 1 else "files"
    verb = "differ" if check else "written"
    changed = len((*delta.added, *delta.changed, *delta.removed, *delta.foreign))
    session.say(f"{len(result.files)} {noun} exported, {changed} {verb}")
    return not (check and delta)
