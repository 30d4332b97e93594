"""Plan the patches and whole files that lead from rendered files to those of an edited branch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from distgen.adopt.edits import is_moved_here
from distgen.adopt.mbox import FileChange, PatchHeader, commits_of_patch, format_diffs
from distgen.adopt.overlay_files import patch_file
from distgen.adopt.records import AdoptionPlan, Files, PackagerCommit, Targets
from distgen.errors import DistgenError
from distgen.model.catalogue import Image
from distgen.model.rendered import File
from distgen.render.patch import apply_patch
from distgen.text.diff import is_binary


def plan_adoption(
    generated: Files,
    targets: Targets,
    commits: Sequence[PackagerCommit],
    image: Image,
    editor: PatchHeader,
    whole_paths: Collection[str] = (),
) -> AdoptionPlan:
    """Return patches that lead from the rendered files to the targets, one per commit if they fit.

    The files at `whole_paths` replace rendered ones, and are taken as they are. `commits` are the
    packagers', oldest first; what the image has as patches already may count. `editor` made the
    edits that are in no commit.
    """
    whole = {
        path: file
        for path, file in sorted(targets.items())
        if file and (path in whole_paths or _needs_whole_file(generated.get(path), file))
        if not is_moved_here(file, generated, targets)
    }
    files = tuple(whole.values())
    patched = {path: file for path, file in targets.items() if path not in whole}
    changes = tuple(
        FileChange(generated.get(path), file)
        for path, file in sorted(patched.items())
        if generated.get(path) != file
    )
    if not changes:
        return AdoptionPlan((), files)
    relevant = tuple(_only_paths(commits, {*patched}))
    new = tuple(_only_new(relevant, image))
    for candidates in (relevant, new):
        if candidates and _lead_to_targets(generated, patched, candidates):
            return AdoptionPlan(candidates, files)
    subject = f"Downstream edits of {image.key}"
    header = (
        _squash_headers(new or relevant, subject) if relevant else replace(editor, message=subject)
    )
    return AdoptionPlan((PackagerCommit(header, changes),), files)


def needs_same_files(plans: Iterable[AdoptionPlan]) -> bool:
    """Say whether streams need the same patches and files."""
    needs = {
        (tuple(format_diffs(commit.changes) for commit in plan.patches), plan.files)
        for plan in plans
    }
    return len(needs) == 1


def _needs_whole_file(generated_file: File | None, target: File) -> bool:
    """Say whether no patch can tell the difference: it is in bytes that are not text."""
    if generated_file is None:
        return is_binary(target.content)
    if generated_file.content == target.content:
        return False
    return is_binary(target.content) or is_binary(generated_file.content)


def _only_paths(commits: Iterable[PackagerCommit], paths: set[str]) -> Iterator[PackagerCommit]:
    """Yield the commits with those changes only that are about some paths."""
    for commit in commits:
        changes = tuple(
            change
            for change in commit.changes
            if any(file and file.path in paths for file in (change.old, change.new))
        )
        if changes:
            yield PackagerCommit(commit.header, changes)


def _only_new(commits: Iterable[PackagerCommit], image: Image) -> Iterator[PackagerCommit]:
    """Yield the commits that no patch of the image holds."""
    # Packagers go on between an adoption and its publication; what was adopted is not again.
    adopted_ids = {
        commit_id for patch in image.patches for commit_id in commits_of_patch(patch.content)
    }
    yield from (commit for commit in commits if commit.header.commit[:12] not in adopted_ids)


def _lead_to_targets(generated: Files, targets: Targets, commits: Iterable[PackagerCommit]) -> bool:
    """Say whether the commits, one after the other, lead to the targets and to nothing else."""
    files = generated
    try:
        for commit in commits:
            files = apply_patch(files, patch_file("patch", commit), "").files
    except DistgenError:
        return False
    with_targets = {**generated, **targets}
    return files == {path: file for path, file in with_targets.items() if file is not None}


def _squash_headers(commits: Sequence[PackagerCommit], subject: str) -> PatchHeader:
    """Return one header for all commits; their authors are named."""
    headers = [commit.header for commit in commits]
    newest = headers[-1]
    if len(headers) == 1:
        return newest
    listed_commits = "\n".join(f"* {header.commit[:12]} {header.subject}" for header in headers)
    authors = dict.fromkeys(f"{header.author} <{header.address}>" for header in headers)
    authors.pop(f"{newest.author} <{newest.address}>")
    co_authors = "\n".join(f"Co-authored-by: {author}" for author in authors)
    message = "\n\n".join(filter(None, (subject, listed_commits, co_authors)))
    return replace(newest, message=message)
