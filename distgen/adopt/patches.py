"""Turn downstream edits into what an overlay needs so that the image is rendered with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from distgen.adopt.mbox import Letter, Step, commits, diffs, file_name, is_alike, patch
from distgen.catalogue.template_files import is_leftover
from distgen.errors import DistgenError
from distgen.model.catalogue import Image, TemplateFile
from distgen.model.published import BranchState, Edit
from distgen.model.rendered import File
from distgen.model.words import ATTRIBUTES, EXECUTABLE, SYMLINK
from distgen.publish.edits import Merge, decide_steps
from distgen.render.patch import apply
from distgen.render.paths import is_allowed
from distgen.text.diff import is_binary

PATCHES = "patches"
_MODULES = ".gitmodules"  # it is about repositories that stay where they are
Files = Mapping[str, File]
Targets = Mapping[str, File | None]
"""What is to be rendered at some paths; None: nothing."""
Fate = Literal["adopted", "unchanged", "refused", "failed"]
FATES: tuple[Fate, ...] = ("adopted", "unchanged", "refused", "failed")


@dataclass(frozen=True, slots=True)
class Told:
    """A commit of a packager: its letter, and what it did to files."""

    letter: Letter
    steps: tuple[Step, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an overlay needs for one stream: patches in order, and whole files."""

    patches: tuple[Told, ...] = ()
    files: tuple[File, ...] = ()
    edits: tuple[Edit, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of the edits of one branch; `files` are to be written into the catalogue.

    `touches` are other images that the files reach, for they extend this one.
    """

    image: Image
    status: Fate
    commit: str | None = None
    detail: str = ""
    files: tuple[TemplateFile, ...] = ()
    edits: tuple[Edit, ...] = ()
    touches: tuple[str, ...] = ()


def edited(new: Files, present: BranchState, merge: Merge) -> tuple[tuple[Edit, ...], Targets, str]:
    """Return the edits, what the files should be with them, and why one cannot be adopted."""
    edits: list[Edit] = []
    targets: dict[str, File | None] = {}
    for step in decide_steps(new, present, "merge", merge):
        if step.edit is None:
            continue
        edits.append(step.edit)
        path, entry = step.path, present.entries.get(step.path)
        # What somebody deleted may have changed since: a patch deletes it as it is now.
        if step.conflict and step.edit.kind not in ("blocked", "deleted"):
            return tuple(edits), {}, f"{step.conflict}; bring it in line with the catalogue first"
        if step.write is not None and not step.conflict:
            targets[path] = step.write
        elif entry is None:
            targets[path] = None
        elif path not in present.content:
            return tuple(edits), {}, f"{path} is a repository of its own now"
        else:
            targets[path] = File(path, present.content[path], entry.mode)
    return tuple(edits), targets, ""


def can_come_along(file: File, rendered: Iterable[str]) -> bool:
    """Say whether an overlay can make a packager's own file, beside the rendered ones."""
    try:
        file.path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    taken = {path.casefold() for path in rendered} | {_MODULES}
    if not is_allowed(file.path) or file.path.casefold() in taken:
        return False
    return _can_be_laid(file.path) or not is_binary(file.content)


def divided(edits: Iterable[Edit], new: Files, theirs: Mapping[str, File]) -> str:
    """Say which file was renamed while the catalogue changed it, "" when none was.

    A patch would drop the catalogue's change, for the packager's file stands there without it.
    """
    for edit in edits:
        if edit.kind == "deleted" and edit.generated != new[edit.path].content:
            was = replace(new[edit.path], content=edit.generated or new[edit.path].content)
            for found in theirs.values():
                if is_alike(was, found):
                    what = f"{edit.path} was renamed to {found.path} downstream"
                    return f"{what} and has changed in the catalogue since; rename it there, too"
    return ""


def refusal(new: Files, targets: Targets) -> str:
    """Say why no overlay can make of the files what they should be, "" when one can."""
    reasons = (_refusal(path, new, targets) for path in sorted(targets))
    return next(filter(None, reasons), "")


def _refusal(path: str, new: Files, targets: Targets) -> str:
    target = targets[path]
    if path == ATTRIBUTES:
        return f"{path} is distgen's own; put the lines into one of a subfolder"
    if target is None:
        is_stuck = path in new and is_binary(new[path].content) and not _moved(new[path], targets)
        return f"{path} is binary, and a patch cannot delete it" if is_stuck else ""
    if target.mode == SYMLINK:
        return f"{path} is a symbolic link now, which no overlay can make"
    if is_binary(target.content) and not _can_be_laid(path) and not _is_moved(target, new, targets):
        return f"{path} is binary and cannot be laid over, because of its name"
    return ""


def _moved(file: File, targets: Targets) -> bool:
    """Say whether a file that goes comes elsewhere as it is, which a patch can say of any file."""
    return any(
        found is not None and found.content == file.content and path != file.path
        for path, found in targets.items()
    )


def _is_moved(target: File, new: Files, targets: Targets) -> bool:
    gone = (new[path] for path, file in targets.items() if file is None and path in new)
    return target.path not in new and any(file.content == target.content for file in gone)


def _can_be_laid(path: str) -> bool:
    if path.startswith(f"{PATCHES}/") or "{" in path or not path.isprintable():
        return False
    return not any(map(is_leftover, path.split("/")))


def adoption(
    new: Files, targets: Targets, history: Sequence[Told], image: Image, editor: Letter
) -> Adoption:
    """Return patches that lead from the rendered files to the targets, one per commit if they fit.

    `history` is what packagers did, oldest first; what the image has as patches already may count.
    `editor` is who did what no commit tells of.
    """
    whole = {
        path
        for path, file in targets.items()
        if file and _is_whole(new.get(path), file) and not _is_moved(file, new, targets)
    }
    files = tuple(file for path in sorted(whole) if (file := targets[path]) is not None)
    rest = {path: file for path, file in targets.items() if path not in whole}
    told = tuple(
        Told(one.letter, steps) for one in history if (steps := _about(one.steps, {*rest}))
    )
    if not any(new.get(path) != file for path, file in rest.items()):
        return Adoption((), files)
    done = {found for patch in image.patches for found in commits(patch.content)}
    fresh = tuple(one for one in told if one.letter.commit[:12] not in done)
    for some in (told, fresh):
        if some and _leads(new, rest, some):
            return Adoption(some, files)
    steps = tuple(
        Step(new.get(path), file) for path, file in sorted(rest.items()) if new.get(path) != file
    )
    subject = f"Downstream edits of {image.key}"
    letter = _squashed(fresh or told, subject) if told else replace(editor, message=subject)
    return Adoption((Told(letter, steps),), files)


def named(found: Iterable[Told], folder: str, taken: Iterable[str]) -> tuple[TemplateFile, ...]:
    """Return patches as files of an overlay, numbered after those that are there."""
    numbers = [int(name[:4]) for name in taken if re.match(r"[0-9]{4}", name)]
    first = max(numbers, default=0) + 1
    return tuple(
        _as_file(f"{folder}/{file_name(number, one.letter)}", patch(one.letter, one.steps))
        for number, one in enumerate(found, first)
    )


def laid(path: str, file: File) -> TemplateFile:
    """Return a file of an overlay that is copied as it is; `path` is its overlay's folder."""
    suffix = ".raw" if file.path.endswith((".j2", ".raw")) else ""
    source = f"{path}/{file.path}{suffix}"
    return TemplateFile(file.path, source, file.content, False, file.mode == EXECUTABLE)


def with_patches(image: Image, new: Iterable[TemplateFile]) -> Image:
    """Return the image as it is read with more patches in its overlay, or one that it extends."""
    own = f"{PATCHES}/{image.stream.name}/"
    found = {file.path: file for file in new}
    found |= {file.path: file for file in image.patches}
    ordered = sorted(found, key=lambda path: (path.count("/") > 1, path))
    kept = [path for path in ordered if path.count("/") == 1 or path.startswith(own)]
    return replace(image, patches=tuple(found[path] for path in kept))


def with_files(image: Image, new: Iterable[TemplateFile]) -> Image:
    """Return the image as it is read with more files in its overlay, or one that it extends."""
    found = {file.path: file for file in image.files}
    found |= {file.path: file for file in new if not has_own(image, file.path)}
    return replace(image, files=tuple(found[path] for path in sorted(found)))


def has_own(image: Image, path: str) -> bool:
    """Say whether the overlay of an image has a file for a path, inherited ones not counted."""
    own = f"overlays/{image.full_name}/"
    return any(file.path == path and file.source.startswith(own) for file in image.files)


def same(adoptions: Sequence[Adoption]) -> bool:
    """Say whether streams need the same patches and files."""
    needs = [(tuple(diffs(one.steps) for one in found.patches), found.files) for found in adoptions]
    return all(need == needs[0] for need in needs)


def _is_whole(new: File | None, target: File) -> bool:
    if new is not None and new.content == target.content:
        return False
    return is_binary(target.content) or (new is not None and is_binary(new.content))


def _about(steps: Iterable[Step], paths: set[str]) -> tuple[Step, ...]:
    """Return what was done to these paths."""
    return tuple(
        step for step in steps if any(file and file.path in paths for file in (step.old, step.new))
    )


def _leads(new: Files, targets: Targets, told: Sequence[Told]) -> bool:
    """Say whether the commits, one after the other, lead to the targets and to nothing else."""
    files = new
    try:
        for one in told:
            files = apply(files, _as_file("patch", patch(one.letter, one.steps)), "").files
    except DistgenError:
        return False
    wanted = {**new, **{path: file for path, file in targets.items() if file is not None}}
    wanted = {path: file for path, file in wanted.items() if targets.get(path, file) is not None}
    return files == wanted


def _squashed(told: Sequence[Told], subject: str) -> Letter:
    """Return one letter for all; whoever helped is named."""
    if len(told) == 1:
        return told[0].letter
    newest = told[-1].letter
    commits = "\n".join(f"* {one.letter.commit[:12]} {one.letter.subject}" for one in told)
    people = {f"{one.letter.author} <{one.letter.address}>": None for one in told}
    people.pop(f"{newest.author} <{newest.address}>")
    helpers = "\n".join(f"Co-authored-by: {person}" for person in people)
    message = "\n\n".join(filter(None, (subject, commits, helpers)))
    return replace(newest, message=message)


def _as_file(path: str, content: bytes) -> TemplateFile:
    return TemplateFile(path, path, content, False, False)
