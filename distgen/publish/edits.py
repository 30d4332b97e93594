"""Turn the three versions of each path into a step: write, delete, keep, merge or refuse."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from distgen.git.objects import blob_id
from distgen.model.published import BranchState, Edit, GeneratedFile, TreeEntry
from distgen.model.rendered import File
from distgen.model.words import MANIFEST, SYMLINK, EditPolicy, OnEdit
from distgen.text.diff import diff_file, is_binary

Merge = Callable[[bytes, bytes, bytes], bytes | None]
"""Applies the changes from a base to two other texts at once; None when they conflict."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """The decision on one path; `conflict` says why it stops the whole change.

    `base` is the generated text below an edit, once the edit is kept or merged.
    """

    path: str
    write: File | None = None
    delete: bool = False
    edit: Edit | None = None
    conflict: str = ""
    base: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Versions:
    """A path as it is to be, as it is on the branch, and as last generated; None: no file there."""

    path: str
    new: File | None
    entry: TreeEntry | None
    last: GeneratedFile | None
    content: bytes | None = field(repr=False)
    generated: bytes | None = field(repr=False)


def choose(policy: EditPolicy, path: str) -> OnEdit:
    """Return what a policy says of an edit of a file; without a word on it: refuse."""
    return next((choice for glob, choice in policy if fnmatchcase(path, glob)), "refuse")


def decide_steps(
    new: Mapping[str, File], state: BranchState, policy: EditPolicy, merge: Merge
) -> Iterator[PathStep]:
    """Yield a step for each path that is not as it is to be, the manifest's own path left out."""
    last_files = state.manifest.files if state.manifest else {}
    for path in sorted({*new, *last_files} - {MANIFEST}):
        versions = _Versions(
            path,
            new.get(path),
            state.entries.get(path),
            last_files.get(path),
            state.content.get(path),
            state.generated.get(path),
        )
        if _is_up_to_date(versions):
            continue
        edit = _find_edit(versions)
        if edit is None or _contains_edit(versions, edit, merge):
            yield _step_without_edit(versions)
        else:
            yield _step_with_edit(versions, edit, choose(policy, path), merge)


def mark_collisions(
    steps: Iterable[PathStep], state: BranchState, policy: EditPolicy
) -> tuple[PathStep, ...]:
    """Return the steps, with a conflict where a file and a folder would share a name."""
    steps = tuple(steps)
    files = {*state.entries} - {step.path for step in steps if step.delete}
    files |= {step.path for step in steps if step.write}
    folders = {folder for path in files for folder in _folders(path)}
    return tuple(
        _collision(step, choose(policy, step.path))
        if step.write and (step.path in folders or files & {*_folders(step.path)})
        else step
        for step in steps
    )


def step_for_unrendered(edit: Edit, on_edit: OnEdit) -> PathStep:
    """Return the step of an edited file that is not rendered any more."""
    if on_edit == "overwrite":
        return PathStep(edit.path, delete=True, edit=edit)
    return PathStep(edit.path, edit=edit, conflict="" if on_edit == "keep" else _reason(edit))


def _is_up_to_date(path: _Versions) -> bool:
    if path.new is None or path.entry is None:
        return path.new is None and path.entry is None
    return path.entry == TreeEntry(path.new.mode, blob_id(path.new.content))


def _find_edit(path: _Versions) -> Edit | None:
    """Return how a person changed what distgen wrote, or the file that was there before distgen."""
    if path.last is None:
        if path.entry is None:
            return None
        new_content = path.new.content if path.new else None
        diff = diff_file(path.path, new_content, path.content)
        return Edit(path.path, "blocked", diff, None, path.content)
    old_content = path.generated
    if old_content is None and path.new:
        old_content = path.new.content
    if path.entry is None:
        diff = diff_file(path.path, old_content, None)
        return Edit(path.path, "deleted", diff, path.generated, None)
    if path.content is None or not _is_generated(path.content, path.generated, path.last):
        reason = _special_reason(path, old_content)
        diff = f"{reason}\n" if reason else diff_file(path.path, old_content, path.content)
        return Edit(path.path, "modified", diff, path.generated, path.content, reason)
    if path.entry.mode != path.last.mode:
        diff = f"old mode {path.last.mode:o}\nnew mode {path.entry.mode:o}\n"
        return Edit(path.path, "mode", diff, path.content, path.content)
    return None


def _special_reason(path: _Versions, old_content: bytes | None) -> str:
    """Say what was done to a file where a diff of its lines would not show it."""
    entry, content = path.entry, path.content
    if entry is None or content is None or old_content is None:
        return ""
    if entry.mode == SYMLINK:
        return f"{path.path} became a link to {content.decode('utf-8', 'replace')}"
    if content.replace(b"\r\n", b"\n") == old_content.replace(b"\r\n", b"\n"):
        return f"the line endings of {path.path} were changed downstream"
    return ""


def _is_generated(content: bytes, generated: bytes | None, last: GeneratedFile) -> bool:
    """Say whether distgen wrote a text, maybe before an edit of the mode was kept."""
    return content == generated or hashlib.sha256(content).hexdigest() == last.sha256


def _contains_edit(path: _Versions, edit: Edit, merge: Merge) -> bool:
    """Say whether the new text has all of the edit, so that nothing of it would be lost."""
    new, last, generated, content = path.new, path.last, path.generated, path.content
    if new is None or last is None or path.entry is None:
        return False
    if edit.kind == "mode":
        return path.entry.mode == new.mode
    if edit.kind != "modified":
        return False
    if content is None or path.entry.mode not in (last.mode, new.mode):
        return False
    if content == new.content:
        return True
    # git merges to a conflict where neighbouring lines changed, even if one side has both changes.
    return generated is not None and (
        _merge_texts(generated, content, new.content, merge) == new.content
    )


def _step_without_edit(path: _Versions) -> PathStep:
    return PathStep(path.path, write=path.new, delete=path.new is None)


def _step_with_edit(path: _Versions, edit: Edit, on_edit: OnEdit, merge: Merge) -> PathStep:
    if on_edit == "keep":
        return PathStep(path.path, edit=edit, base=edit.generated)
    if on_edit == "overwrite":
        return replace(_step_without_edit(path), edit=edit)
    step = PathStep(path.path, edit=edit, conflict=f"{_reason(edit)}{_rewrite_note(path, edit)}")
    if on_edit == "merge":
        step = _merge_edit(path, edit, merge)
    # One edit made every later run red, although the catalogue had nothing for that file.
    if step.conflict and _has_nothing_new(path):
        return PathStep(path.path, edit=edit, base=edit.generated)
    return step


def _rewrite_note(path: _Versions, edit: Edit) -> str:
    """Say that the history below an edit is gone: what the edit changed cannot be shown."""
    if path.generated is not None or edit.kind not in ("modified", "deleted"):
        return ""
    texts = (path.content, path.new.content if path.new else None)
    if any(text is not None and is_binary(text) for text in texts):  # kept without its base
        return ""
    return "; the branch's history was rewritten: no commit has the file as distgen last wrote it"


def _has_nothing_new(path: _Versions) -> bool:
    """Say whether the catalogue gives an edited file as it was last generated."""
    new, last = path.new, path.last
    return (
        new is not None and last is not None and (new.mode, new.sha256) == (last.mode, last.sha256)
    )


def _merge_edit(path: _Versions, edit: Edit, merge: Merge) -> PathStep:
    reason = f"{_reason(edit)} and cannot be merged{_rewrite_note(path, edit)}"
    conflict = PathStep(path.path, edit=edit, conflict=reason)
    new, last, entry = path.new, path.last, path.entry
    if last is None or new is None:
        return conflict
    # The target of a link may be the text that was generated, for git stores both alike: there is
    # nothing to merge line by line.
    if entry is None or path.content is None or entry.mode == SYMLINK:
        return conflict
    base = path.content if edit.kind == "mode" else path.generated
    if base is None:
        return conflict
    mode = entry.mode if new.mode == last.mode else new.mode
    content = _merge_texts(base, path.content, new.content, merge)
    if content is None or (entry.mode not in (last.mode, mode)):
        return conflict
    if (mode, content) == (entry.mode, path.content):
        return PathStep(path.path, edit=edit, base=new.content)
    return PathStep(path.path, write=File(path.path, content, mode), edit=edit, base=new.content)


def _merge_texts(base: bytes, current: bytes, new: bytes, merge: Merge) -> bytes | None:
    if new in (current, base):
        return current
    if current == base:
        return new
    return None if any(map(is_binary, (base, current, new))) else merge(base, current, new)


def _collision(step: PathStep, on_edit: OnEdit) -> PathStep:
    edit = step.edit or Edit(step.path, "blocked")
    if on_edit == "keep":
        return PathStep(step.path, edit=edit)
    reason = f"{step.path} cannot be written, because a file and a folder would share a name"
    return PathStep(step.path, edit=edit, conflict=reason)


def _reason(edit: Edit) -> str:
    return (
        edit.reason
        or {
            "modified": f"{edit.path} was edited downstream",
            "deleted": f"{edit.path} was deleted downstream",
            "mode": f"the mode of {edit.path} was changed downstream",
            "blocked": f"{edit.path} stands there and was not written by distgen",
        }[edit.kind]
    )


def _folders(path: str) -> Iterator[str]:
    """Yield the folders above a path."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
