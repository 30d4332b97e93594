"""Turn a tree and what stands on a branch into a change with its commit, downstream edits kept."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from distgen.git.objects import blob_id, commit_id, format_person, tree_id
from distgen.model.catalogue import Image
from distgen.model.lock import Lock
from distgen.model.published import BranchState, Change, Edit, Provenance, TreeEntry
from distgen.model.rendered import File, Tree
from distgen.model.words import MANIFEST, Status
from distgen.publish import summary as review
from distgen.publish.edit_messages import RESOLVE_HINT, conflict_sentence, edit_lines, edit_sentence
from distgen.publish.edits import Merge, Step, decide_steps, mark_collisions, step_for_unrendered
from distgen.render.manifest import describe, dump, generated, parse
from distgen.text.diff import diff_file, is_binary

OnEdit = Literal["refuse", "keep", "merge", "overwrite"]
RETIRED = "dead.package"
_RETIRED_NOTE = "left the catalogue and is no longer published."
_NOTE = re.compile(rf"(\S+)@(\S+) {re.escape(_RETIRED_NOTE)}\n(\n[^\n]+\n)?".encode())


def no_merge(base: bytes, present: bytes, new: bytes) -> None:
    """Merge nothing: every change that meets an edit of the same file conflicts."""


@dataclass(frozen=True, slots=True)
class BranchTarget:
    """The branch a change is for; `downloads` are the addresses that the image fetches.

    `reason` is why it is retired, in the words of whoever retires it.
    """

    image: str
    stream: str
    url: str
    branch: str
    downloads: tuple[str, ...] = ()
    reason: str = ""

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


def branch_target(image: Image) -> BranchTarget:
    """Return the branch that `image` is published to."""
    downloads = tuple(download.url for download in image.downloads)
    return BranchTarget(
        image.full_name, image.stream.name, image.url, image.stream.branch, downloads
    )


def plan_change(
    branch: BranchTarget,
    tree: Tree,
    present: BranchState | None,
    origin: Provenance,
    on_edit: OnEdit,
    merge: Merge = no_merge,
) -> Change:
    """Return what publishing `tree` would do; `present` None: the branch does not exist.

    `merge` is asked for files that changed on both sides, where `on_edit` says so.
    """
    new = {file.path: file for file in generated(tree)}
    if present is None:
        summary = review.summarize_first(branch.image, branch.stream, describe(tree, new.values()))
        message = _message(branch, summary, tree, origin)
        return _commit(_change(branch, "created", write=new.values()), {}, origin, message)
    change = _planned(branch, new, present, on_edit, merge)
    if change.status != "updated":
        return change
    manifest = describe(tree, new.values())
    before, after = _contents(change, present)
    summary = review.summarize(branch.image, present.manifest, manifest, before, after)
    message = _message(branch, summary, tree, origin, edit_lines(change.edits, on_edit))
    return _commit(replace(change, before=before), present.entries, origin, message)


def plan_retirement(
    branch: BranchTarget, present: BranchState, origin: Provenance, on_edit: OnEdit
) -> Change:
    """Return what takes an image that left the catalogue off its branch; others' files stay."""
    if present.manifest is None and not present.problem:
        return _change(branch, "unchanged", present, detail="distgen owns nothing here")
    change = _planned(branch, {RETIRED: retirement_note(branch)}, present, on_edit)
    if change.status != "updated":
        return change
    why = (branch.reason,) if branch.reason else ()
    summary = review.Summary(f"{branch.image}: stream {branch.stream} retired", why)
    tree = Tree(branch.image, branch.stream, ())
    message = _message(branch, summary, tree, origin, edit_lines(change.edits, on_edit))
    return _commit(replace(change, status="retired"), present.entries, origin, message)


def retirement_note(branch: BranchTarget) -> File:
    """Return the note that stands on a retired branch."""
    why = f"\n{branch.reason}\n" if branch.reason else ""
    return File(RETIRED, f"{branch.key} {_RETIRED_NOTE}\n{why}".encode())


def retirement_reason(note: bytes) -> str:
    """Return why a branch was retired, as the note on it says."""
    return note.decode("utf-8", "replace").partition("\n\n")[2].rstrip("\n")


def parse_retirement_note(note: bytes) -> tuple[str, str] | None:
    """Return the image and the stream that a note of retirement is about, None for another text."""
    found = _NOTE.match(note)
    return (
        (found[1].decode("utf-8", "replace"), found[2].decode("utf-8", "replace"))
        if found
        else None
    )


def lock_digest(tree: Tree, downloads: Iterable[str], lock: Lock) -> str:
    """Return the sha256 of the lock entries that an image used, as canonical JSON."""
    pins = [(source.get("git") or "", source.get("ref") or "") for source in tree.sources.values()]
    used = {
        "bases": {name: lock.bases[name].digest for name in tree.bases if name in lock.bases},
        "sources": {
            f"{git} {ref}": [found.commit, found.date, found.version]
            for git, ref in pins
            if (found := lock.sources.get((git, ref)))
        },
        "downloads": {url: lock.downloads[url] for url in downloads if url in lock.downloads},
    }
    text = json.dumps(used, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _planned(
    branch: BranchTarget,
    new: Mapping[str, File],
    present: BranchState,
    on_edit: OnEdit,
    merge: Merge = no_merge,
) -> Change:
    trouble = _trouble(branch, present)
    if trouble and on_edit != "overwrite":
        return _change(branch, "refused", present, detail=f"{trouble}; {RESOLVE_HINT}")
    decided = tuple(decide_steps(new, present, on_edit, merge))
    own = _own_steps(_remembering(new, decided, present), present, on_edit)
    steps = mark_collisions((*decided, *own), present, on_edit)
    edits = tuple(step.edit for step in steps if step.edit)
    conflicts = [step.conflict for step in steps if step.conflict]
    if conflicts:
        detail = conflict_sentence(conflicts, on_edit, retires=RETIRED in new)
        return _change(branch, "refused", present, edits=edits, detail=detail)
    detail = edit_sentence(edits, on_edit)
    write = [step.write for step in steps if step.write]
    delete = tuple(step.path for step in steps if step.delete)
    if not write and not delete:
        return _change(branch, "unchanged", present, edits=edits, detail=detail)
    return replace(_change(branch, "updated", present, write, edits, detail), delete=delete)


def _remembering(
    new: Mapping[str, File], steps: Iterable[Step], present: BranchState
) -> Mapping[str, File]:
    """Return the new files, where the manifest has the texts that only it will have."""
    last = present.manifest
    if MANIFEST not in new or last is None:
        return new
    edited = {}
    for step in steps:
        file, owned = new.get(step.path), last.files.get(step.path)
        if step.base is None or is_binary(step.base) or file is None or owned is None:
            continue
        if step.path in last.merge_bases or file.sha256 != owned.sha256:
            edited[step.path] = step.base
    if not edited:
        return new
    manifest = replace(parse(new[MANIFEST].content), merge_bases=edited)
    return {**new, MANIFEST: File(MANIFEST, dump(manifest))}


def _own_steps(new: Mapping[str, File], present: BranchState, on_edit: OnEdit) -> Iterator[Step]:
    """Yield what becomes of the manifest, which does not list itself, and of a retirement note."""
    entry, file = present.entries.get(MANIFEST), new.get(MANIFEST)
    if file and entry != TreeEntry(file.mode, blob_id(file.content)):
        yield Step(MANIFEST, write=file)
    elif entry and not file:
        yield Step(MANIFEST, delete=True)
    note = present.content.get(RETIRED, b"")
    if RETIRED in new or parse_retirement_note(note) is None:
        return
    if _NOTE.fullmatch(note):
        yield Step(RETIRED, delete=True)
        return
    edit = Edit(RETIRED, "modified", diff_file(RETIRED, None, note), None, note)
    yield step_for_unrendered(edit, on_edit)


def _trouble(branch: BranchTarget, present: BranchState) -> str:
    """Say why the branch must not be touched, whatever its files."""
    if present.problem:
        return present.problem
    manifest = present.manifest
    if manifest and (manifest.image, manifest.stream) != (branch.image, branch.stream):
        return f"branch {branch.branch} belongs to {manifest.image}@{manifest.stream}"
    return ""


def _change(
    branch: BranchTarget,
    status: Status,
    present: BranchState | None = None,
    write: Iterable[File] = (),
    edits: tuple[Edit, ...] = (),
    detail: str = "",
) -> Change:
    stands = present.commit if present else None
    return Change(
        image=branch.image,
        stream=branch.stream,
        url=branch.url,
        branch=branch.branch,
        status=status,
        parent=stands,
        write=tuple(write),
        edits=edits,
        detail=detail,
        commit=stands,
    )


def _commit(
    change: Change, entries: Mapping[str, TreeEntry], origin: Provenance, message: str
) -> Change:
    """Return the change with its message and the id that its commit will have."""
    after = {path: entry for path, entry in entries.items() if path not in change.delete}
    after |= {file.path: TreeEntry(file.mode, blob_id(file.content)) for file in change.write}
    who, tree = format_person(origin.author, origin.date), tree_id(after)
    return replace(
        change,
        message=message,
        commit=commit_id(tree, change.parent, who, message),
        author=origin.author,
        date=origin.date,
        tree=tree,
    )


def _message(
    branch: BranchTarget,
    summary: review.Summary,
    tree: Tree,
    origin: Provenance,
    fates: Iterable[str] = (),
) -> str:
    trailers = [
        f"Distgen-Image: {branch.image}",
        f"Distgen-Stream: {branch.stream}",
        *([f"Distgen-Source: {origin.source}"] if origin.source else []),
        f"Distgen-Lock: sha256:{lock_digest(tree, branch.downloads, origin.lock)}",
        f"Distgen-Version: {origin.version}",
    ]
    body = "\n".join((*summary.lines, *fates))
    return "\n\n".join(filter(None, (summary.subject, body, "\n".join(trailers)))) + "\n"


def _contents(
    change: Change, present: BranchState
) -> tuple[dict[str, bytes | None], dict[str, bytes | None]]:
    """Return the changed paths before and after."""
    paths = [*change.delete, *(file.path for file in change.write)]
    before = {path: present.content.get(path) for path in paths}
    after: dict[str, bytes | None] = dict.fromkeys(change.delete)
    return before, after | {file.path: file.content for file in change.write}
