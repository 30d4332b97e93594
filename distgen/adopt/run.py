"""Adopt: read the edits of branches, and find the overlay files that carry them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from distgen.adopt.draft import CatalogueDraft
from distgen.adopt.edits import (
    can_accompany,
    find_targets,
    refuse_outdated_renames,
    refuse_targets,
)
from distgen.adopt.history import companion_files, last_editor, packager_commits
from distgen.adopt.overlay_files import has_overlay_file, overlay_files
from distgen.adopt.patches import needs_same_files, plan_adoption
from distgen.adopt.records import Adoption, AdoptionPlan, EditedBranch, Files
from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.remote import RemoteHeads, read_remote_heads
from distgen.git.run import Git, hide_secrets
from distgen.git.store import Store, scratch_store
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.published import BranchState
from distgen.model.rendered import File
from distgen.model.words import ATTRIBUTES, MANIFEST
from distgen.pool import await_result, thread_pool
from distgen.publish.branch import read_branch
from distgen.publish.merge_file import three_way_merge
from distgen.publish.repository_access import (
    Repository,
    fetch_tips,
    list_repositories,
    open_reader,
)
from distgen.render.limited import LimitedRenderer
from distgen.render.manifest import published_files


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """The images to adopt the edits of; `jobs` repositories are fetched at once."""

    catalogue: Catalogue
    lock: Lock
    images: tuple[Image, ...]
    jobs: int = 8


def adopt(git: Git, request: AdoptRequest, nearby_store: Path | None) -> Iterator[Adoption]:
    """Yield what comes of the edits of each image; nothing is written.

    Images that others extend come first, for their patches reach those. What lies on a server is
    read through a temporary store, which borrows from `nearby_store`.
    """
    renderer = LimitedRenderer(request.catalogue, request.lock)
    draft = CatalogueDraft(request.catalogue, request.lock, renderer)
    repositories = sorted(
        list_repositories(request.catalogue, request.images),
        key=lambda repository: _heritage(draft, repository),
    )
    with scratch_store(git, nearby_store) as store, thread_pool(git.stop, request.jobs) as pool:
        jobs = [pool.submit(_fetch, git, store, repository) for repository in repositories]
        for repository, job in zip(repositories, jobs, strict=True):
            images = [draft.images[target.key] for target in repository.targets]
            try:
                with open_reader(store, repository.place, await_result(job)) as (reader, heads):
                    yield from _adopt_image(draft, images, repository.author, reader, heads.tips)
            except DistgenError as error:
                detail = hide_secrets(str(error))
                yield from (Adoption(image, "failed", detail=detail) for image in images)


def _heritage(draft: CatalogueDraft, repository: Repository) -> int:
    return max(len(draft.images[target.key].heritage) for target in repository.targets)


def _fetch(git: Git, store: Store, repository: Repository) -> RemoteHeads:
    """Return the heads of a repository, and fetch them from a server."""
    branches = [target.branch for target in repository.targets]
    heads = read_remote_heads(git, repository.place, branches)
    if repository.place.folder is None and heads.tips:
        return fetch_tips(store, repository.place, heads)
    return heads


def _adopt_image(
    draft: CatalogueDraft,
    images: Sequence[Image],
    author: str,
    reader: ObjectReader | None,
    tips: Mapping[str, str],
) -> Iterator[Adoption]:
    """Yield what comes of the edits of an image, stream by stream."""
    branches: list[EditedBranch] = []
    for image in images:
        tip = tips.get(image.stream.branch)
        if tip is None or reader is None:
            yield Adoption(image, "unchanged", detail="it is not published")
            continue
        try:
            branch = _plan_branch(draft, reader, image, tip, author)
        except DistgenError as error:
            yield Adoption(image, "failed", tip, hide_secrets(str(error)))
            continue
        if branch.plan.refusal:
            yield Adoption(image, "refused", tip, branch.plan.refusal, edits=branch.plan.edits)
        elif branch.plan.patches or branch.plan.files:
            branches.append(branch)
        else:
            yield Adoption(image, "unchanged", tip)
    if branches:
        yield from _adopt_branches(draft, branches)


def _plan_branch(
    draft: CatalogueDraft, reader: ObjectReader, image: Image, tip: str, author: str
) -> EditedBranch:
    """Plan what the overlay of an image needs so that it is rendered as its branch is."""
    tree = draft.tree(image)
    tree_files = {file.path: file for file in published_files(tree)}
    state = read_branch(reader, tip, tree_files, image.key)
    if refusal := _refuse_branch(image, state):
        return EditedBranch(image, tip, AdoptionPlan(refusal=refusal))
    edits, targets, refusal = find_targets(tree_files, state, three_way_merge(reader.git))
    if refusal or not edits:
        return EditedBranch(image, tip, AdoptionPlan(edits=edits, refusal=refusal))
    paths = [edit.path for edit in edits]
    commits = packager_commits(reader, tip, author, paths)
    rendered_paths = [path for path in tree_files if targets.get(path, path) is not None]
    companions = {
        file.path: file
        for file in companion_files(reader, tip, commits, paths)
        if _is_unmanaged(file, state, tree_files) and can_accompany(file, rendered_paths)
    }
    image_files = {
        path: file for path, file in tree_files.items() if path not in (MANIFEST, ATTRIBUTES)
    }
    all_targets: dict[str, File | None] = {**companions, **targets}
    if refusal := refuse_targets(image_files, all_targets) or refuse_outdated_renames(
        edits, tree_files, companions
    ):
        return EditedBranch(image, tip, AdoptionPlan(edits=edits, refusal=refusal))
    editor = last_editor(reader, tip, paths)
    own = {edit.path for edit in edits if edit.kind == "blocked"} & {*tree.exported}
    plan = plan_adoption(image_files, all_targets, commits, image, editor, own)
    patches = plan_adoption(image_files, all_targets, commits, image, editor) if own else None
    expected_files = {
        path: file for path, file in {**image_files, **all_targets}.items() if file is not None
    }
    patch_plan = patches and replace(patches, edits=edits)
    return EditedBranch(image, tip, replace(plan, edits=edits), expected_files, patch_plan)


def _refuse_branch(image: Image, state: BranchState) -> str:
    """Say why the edits of a branch are not those of an image, "" when they are."""
    manifest = state.manifest
    if manifest is None:
        return state.problem or "distgen did not write it"
    if (manifest.image, manifest.stream) != (image.full_name, image.stream.name):
        since = f" since commit {state.manifest_change[:12]}" if state.manifest_change else ""
        return state.problem or f"it belongs to {manifest.key}{since}"
    return ""


def _is_unmanaged(file: File, state: BranchState, tree_files: Files) -> bool:
    """Say whether distgen neither generates a file nor did so when it published the branch."""
    published = state.manifest.files if state.manifest else {}
    return file.path not in tree_files and file.path not in published


def _adopt_branches(draft: CatalogueDraft, branches: Sequence[EditedBranch]) -> Iterator[Adoption]:
    """Yield the files that carry the edits of some streams, in the first layout that works."""
    image = branches[0].image
    has_all_streams = len(branches) == len(draft.streams(image))
    can_share = has_all_streams and needs_same_files(branch.plan for branch in branches)
    if not can_share:
        # A file of an overlay is for all streams, and a patch is for one.
        branches = [replace(branch, plan=branch.patch_plan or branch.plan) for branch in branches]
        can_share = has_all_streams and needs_same_files(branch.plan for branch in branches)
    refusal = _refuse_whole_files(branches, can_share)
    layouts = () if refusal else (True, False) if can_share else (False,)
    for is_shared in layouts:
        # Streams that share their patches get those of the first, whoever's commits they are.
        new = {
            branch.image.key: tuple(
                overlay_files(
                    branch.image, branches[0].plan if is_shared else branch.plan, is_shared
                )
            )
            for branch in branches
        }
        refusal, touches = draft.add(branches, new)
        if not refusal:
            for branch in branches:
                files, edits = new[branch.image.key], branch.plan.edits
                yield Adoption(branch.image, "adopted", branch.commit, "", files, edits, touches)
            return
    for branch in branches:
        yield Adoption(branch.image, "refused", branch.commit, refusal, edits=branch.plan.edits)


def _refuse_whole_files(branches: Sequence[EditedBranch], can_share: bool) -> str:
    """Say why whole files cannot be copied from the overlay, "" when they can."""
    for branch in branches:
        for file in branch.plan.files:
            if has_overlay_file(branch.image, file.path):
                return f"{file.path} is binary, and the overlay has its own; replace that"
            if not can_share:
                return f"{file.path} is binary, and a file of an overlay is for all streams"
    return ""
