"""`distgen report`: what a change does to all images, as a folder of static pages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from distgen import __version__
from distgen.catalogue.commit import CatalogueCommit, read_catalogue_commit
from distgen.catalogue.inputs import folder_in_repository
from distgen.cli import prepare
from distgen.cli.planned_differences import plan_all
from distgen.cli.provenance import source
from distgen.cli.session import Session, format_option
from distgen.cli.since import SinceOptions, compare_since, since_options
from distgen.cli.source_options import load_catalogue, source_options
from distgen.compare.affected import add_inherited_reasons
from distgen.compare.comparison import select_keys
from distgen.compare.image_change import ImageChange
from distgen.compare.planned import OWN_FILES, planned_image
from distgen.compare.planned_diff import compare_plan
from distgen.compare.reasons import ReasonFinder
from distgen.compare.records import GroupedDiff
from distgen.compare.revision_diff import compare_revisions
from distgen.compare.sentences import count, summarize_diff
from distgen.forges.load import forge_names, load_forge
from distgen.git.run import hide_secrets, isolate
from distgen.lint.check import lint
from distgen.lint.work import Work
from distgen.model.catalogue import Catalogue
from distgen.model.published import Change
from distgen.render.kept_trees import KeptTrees
from distgen.report.assets import read_assets
from distgen.report.collect import changes_by_image, collect_graph, collect_images, page_completer
from distgen.report.folder import refuse_foreign_files, write_report
from distgen.report.history import BranchTip, branch_tip, read_histories
from distgen.report.links import catalogue_address, host_name
from distgen.report.listing import LISTING, list_report
from distgen.report.names import OVERVIEW
from distgen.report.pages import render_pages
from distgen.report.records import Notes, Report


@click.command()
@click.option(
    "-o",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write it: a new or an empty folder, or that of an earlier report.",
)
@since_options(required=False)
@prepare.run_options(source_options, prepare.planning_options)
@format_option("text", "json")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    folder: Path,
    since: SinceOptions,
    options: prepare.RunOptions,
    form: str,
) -> None:
    """Write pages that show a change: each edit once, and what becomes of every image.

    Without --since, the change is what publishing now would do to the repositories. With it, the
    change is that of the catalogue since REV, and no repository is read.

    The pages need no server: open DIR/index.html.
    """
    session: Session = ctx.obj
    refuse_foreign_files(folder)
    if since.since is None:
        work, diff, notes, code = planned_diff(session, options)
    else:
        work, diff, notes = diff_since(session, since, options)
        code = 0
    listing = write_pages(session, folder, work, diff, notes)
    if form == "json":
        click.echo(json.dumps(listing, indent=2))
    session.say(summarize_diff(diff))
    session.say(f"wrote {count(len(listing['files']), 'file')}; open {folder / OVERVIEW}")
    ctx.exit(code)


def planned_diff(
    session: Session, options: prepare.RunOptions
) -> tuple[Work, GroupedDiff, Notes, int]:
    """Return what publishing would change, and the exit code of that plan."""
    run = prepare.prepare(session, replace(options, allow_dirty=True))
    work = keep_trees(run.work)
    request = replace(run.request, render=work.renderer.tree)
    planned = plan_all(replace(run, request=request), describe_plan)
    diff = compare_plan(work, [image for image, _ in planned.shown], OWN_FILES)
    reached = changes_by_image(diff)
    tips = (tip for _, tip in planned.shown if tip is not None and tip.key in reached)
    store = prepare.existing_store(run.store)
    commits = read_histories(run.git, Path(work.catalogue.root), store, tips)
    return work, diff, Notes(commits=commits), planned.code


def describe_plan(change: Change) -> tuple[ImageChange, BranchTip | None]:
    """Return what pages show of a change, and where the branch of its image stands."""
    return planned_image(change, OWN_FILES), branch_tip(change)


def diff_since(
    session: Session, since: SinceOptions, options: prepare.RunOptions
) -> tuple[Work, GroupedDiff, Notes]:
    """Return what the catalogue's change since a revision does to the trees, and why."""
    speculation, lock = load_catalogue(session, options.sets, options.overrides)
    comparison = compare_since(session, since, speculation, lock)
    comparison = replace(comparison, now=keep_trees(comparison.now))
    keys = select_keys(comparison, options.choice.patterns)
    revisions = compare_revisions(comparison, keys, OWN_FILES, ReasonFinder(comparison))
    images = comparison.now.catalogue.images
    changes = {
        **dict.fromkeys(revisions.unasked, "rebuilt"),
        **changes_by_image(revisions.diff),
    }
    reasons = add_inherited_reasons(images, changes, revisions.reasons)
    commit = comparison.revision.commit or ""
    return comparison.now, revisions.diff, Notes(commit, reasons)


def keep_trees(work: Work) -> Work:
    """Return work that keeps trees, as rules and pages look at all of them again."""
    return replace(work, renderer=KeptTrees(work.renderer))


def write_pages(
    session: Session, folder: Path, work: Work, diff: GroupedDiff, notes: Notes
) -> dict[str, Any]:
    """Write the report and return its listing."""
    reached = changes_by_image(diff)
    images = tuple(image for image in work.catalogue.images if image.key in reached)
    findings = lint(replace(work, images=images), lambda _: ())
    catalogue, root = work.catalogue, Path(work.catalogue.root)
    head = read_catalogue_commit(isolate(session.environ), root, catalogue.inputs)
    commit = "" if head.dirty else head.commit or ""
    report = Report(
        diff,
        tuple(collect_images(work, diff, findings, notes)),
        describe_origin(head, catalogue, name_revision(diff.since, notes.since)),
        tuple(collect_graph(work, diff)),
        find_address(catalogue, commit),
    )
    assets = read_assets()
    names: list[str] = [*assets.files]
    listing: dict[str, Any] = {}

    def files() -> Iterator[tuple[str, bytes]]:
        yield from assets.files.items()
        for name, text in render_pages(report, assets.texts, page_completer(work)):
            names.append(name)
            yield name, text.encode("utf-8", "backslashreplace")
        listing.update(list_report(report, names))
        yield LISTING, (json.dumps(listing, indent=2) + "\n").encode("utf-8")

    write_report(folder, files())
    return listing


def name_revision(label: str | None, commit: str) -> str:
    """Return what a report compares with; a branch is elsewhere when somebody reads the report."""
    if label is None:
        return "the repositories"
    if commit.startswith(label):
        return commit
    return f"{label} ({commit})" if commit else label


def describe_origin(head: CatalogueCommit, catalogue: Catalogue, revision: str) -> dict[str, str]:
    """Return which commits, lock and distgen made a report."""
    lock = Path(catalogue.root) / "distgen.lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else ""
    return {
        "catalogue": hide_secrets(source(catalogue.source, head.commit, bool(head.dirty))),
        "compared with": revision,
        "lock": f"sha256:{digest}" if digest else "",
        "distgen": __version__,
    }


def find_address(catalogue: Catalogue, commit: str) -> str:
    """Return where the files of the catalogue are shown: on the forge that names its host."""
    address = catalogue.source or ""
    host = host_name(address)
    forge = next((name for name in forge_names() if name in host), "") if commit else ""
    file_path = load_forge(forge).file_path if forge else ""
    return catalogue_address(address, file_path, commit, folder_in_repository(Path(catalogue.root)))
