"""Turn the three versions of each path into what becomes of it: downstream edits are conflicts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from distgen.git.objects import blob_id
from distgen.model.published import BranchState, Edit, GeneratedFile, TreeEntry
from distgen.model.rendered import File
from distgen.model.words import MANIFEST, SYMLINK
from distgen.text.diff import diff_file, is_binary

Merge = Callable[[bytes, bytes, bytes], bytes | None]
"""Applies the changes from a base to two other texts at once; None when they conflict."""


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one path; `conflict` says why it stops the whole change.

    `base` is the generated text that an edit stands on, once it is kept or merged.
    """

    path: str
    write: File | None = None
    delete: bool = False
    edit: Edit | None = None
    conflict: str = ""
    base: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Versions:
    """A path as it is to be, as it stands, and as it was last generated; None where it is not."""

    path: str
    new: File | None
    entry: TreeEntry | None
    last: GeneratedFile | None
    content: bytes | None = field(repr=False)
    generated: bytes | None = field(repr=False)


def decide_steps(
    new: Mapping[str, File], present: BranchState, on_edit: str, merge: Merge
) -> Iterator[Step]:
    """Yield a step for each path that something becomes of, the manifest's own path left out."""
    owned = present.manifest.files if present.manifest else {}
    for path in sorted({*new, *owned} - {MANIFEST}):
        versions = _Versions(
            path,
            new.get(path),
            present.entries.get(path),
            owned.get(path),
            present.content.get(path),
            present.generated.get(path),
        )
        if _is_as_wanted(versions):
            continue
        edit = _edit(versions)
        if edit is None or _is_carried(versions, edit, merge):
            yield _write(versions)
        else:
            yield _step(versions, edit, on_edit, merge)


def mark_collisions(steps: Iterable[Step], present: BranchState, on_edit: str) -> tuple[Step, ...]:
    """Return the steps, with a conflict where a file and a folder would share a name."""
    steps = tuple(steps)
    standing = {*present.entries} - {step.path for step in steps if step.delete}
    standing |= {step.path for step in steps if step.write}
    folders = {parent for path in standing for parent in _parents(path)}
    return tuple(
        _blocked(step, on_edit)
        if step.write and (step.path in folders or standing & {*_parents(step.path)})
        else step
        for step in steps
    )


def _is_as_wanted(path: _Versions) -> bool:
    if path.new is None or path.entry is None:
        return path.new is None and path.entry is None
    return path.entry == TreeEntry(path.new.mode, blob_id(path.new.content))


def _edit(path: _Versions) -> Edit | None:
    """Return how a person changed what distgen wrote, or what stood there before distgen."""
    if path.last is None:
        if path.entry is None:
            return None
        wanted = path.new.content if path.new else None
        return Edit(
            path.path, "blocked", diff_file(path.path, wanted, path.content), None, path.content
        )
    was = path.generated
    if was is None and path.new:
        was = path.new.content
    if path.entry is None:
        return Edit(path.path, "deleted", diff_file(path.path, was, None), path.generated, None)
    content = path.content
    if content is None or not _is_generated(path, content):
        return Edit(
            path.path, "modified", diff_file(path.path, was, content), path.generated, content
        )
    if path.entry.mode != path.last.mode:
        diff = f"old mode {path.last.mode:o}\nnew mode {path.entry.mode:o}\n"
        return Edit(path.path, "mode", diff, content, content)
    return None


def _is_generated(path: _Versions, content: bytes) -> bool:
    """Say whether distgen wrote a text, be it before an edit of the mode was kept."""
    assert path.last is not None
    return content == path.generated or hashlib.sha256(content).hexdigest() == path.last.sha256


def _is_carried(path: _Versions, edit: Edit, merge: Merge) -> bool:
    """Say whether the new text has all of the edit, so that nothing of it would be lost."""
    new, last, was, now = path.new, path.last, path.generated, path.content
    if new is None or last is None or path.entry is None:
        return False
    if edit.kind == "mode":
        return path.entry.mode == new.mode
    if edit.kind != "modified":
        return False
    if now is None or path.entry.mode not in (last.mode, new.mode):
        return False
    if now == new.content:
        return True
    return was is not None and _both(was, now, new.content, merge) == new.content


def step_for_unrendered(edit: Edit, on_edit: str) -> Step:
    """Return what becomes of an edited file that is not rendered."""
    if on_edit == "overwrite":
        return Step(edit.path, delete=True, edit=edit)
    return Step(edit.path, edit=edit, conflict="" if on_edit == "keep" else _reason(edit))


def _write(path: _Versions) -> Step:
    return Step(path.path, write=path.new, delete=path.new is None)


def _step(path: _Versions, edit: Edit, on_edit: str, merge: Merge) -> Step:
    if on_edit == "keep":
        return Step(path.path, edit=edit, base=edit.generated)
    if on_edit == "overwrite":
        return replace(_write(path), edit=edit)
    if on_edit == "merge":
        return _merged(path, edit, merge)
    return Step(path.path, edit=edit, conflict=_reason(edit))


def _merged(path: _Versions, edit: Edit, merge: Merge) -> Step:
    conflict = Step(path.path, edit=edit, conflict=f"{_reason(edit)} and cannot be merged")
    new, last, entry = path.new, path.last, path.entry
    if last is None or new is None:
        return conflict
    if entry is None or path.content is None or entry.mode == SYMLINK:
        same = (new.mode, new.sha256) == (last.mode, last.sha256)
        return Step(path.path, edit=edit, base=new.content) if same else conflict
    base = path.content if edit.kind == "mode" else path.generated
    if base is None:
        return conflict
    mode = entry.mode if new.mode == last.mode else new.mode
    content = _both(base, path.content, new.content, merge)
    if content is None or (entry.mode not in (last.mode, mode)):
        return conflict
    if (mode, content) == (entry.mode, path.content):
        return Step(path.path, edit=edit, base=new.content)
    return Step(path.path, write=File(path.path, content, mode), edit=edit, base=new.content)


def _both(base: bytes, present: bytes, new: bytes, merge: Merge) -> bytes | None:
    if new in (present, base):
        return present
    if present == base:
        return new
    return None if any(map(is_binary, (base, present, new))) else merge(base, present, new)


def _blocked(step: Step, on_edit: str) -> Step:
    edit = step.edit or Edit(step.path, "blocked")
    if on_edit == "keep":
        return Step(step.path, edit=edit)
    reason = f"{step.path} cannot be written, because a file and a folder would share a name"
    return Step(step.path, edit=edit, conflict=reason)


def _reason(edit: Edit) -> str:
    return {
        "modified": f"{edit.path} was edited downstream",
        "deleted": f"{edit.path} was deleted downstream",
        "mode": f"the mode of {edit.path} was changed downstream",
        "blocked": f"{edit.path} stands there and was not written by distgen",
    }[edit.kind]


def _parents(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
