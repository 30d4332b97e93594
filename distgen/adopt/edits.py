"""Turn downstream edits into the files that an image should be rendered to, or refuse them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from distgen.adopt.mbox import is_alike
from distgen.adopt.records import PATCHES, Files, Targets
from distgen.catalogue.template_files import is_leftover
from distgen.model.published import BranchState, Edit
from distgen.model.rendered import File
from distgen.model.words import ATTRIBUTES, SYMLINK
from distgen.publish.edits import Merge, decide_steps
from distgen.render.paths import is_allowed
from distgen.text.diff import is_binary

_MODULES = ".gitmodules"  # it is about repositories that stay where they are


def find_targets(
    generated: Files, state: BranchState, merge: Merge
) -> tuple[tuple[Edit, ...], Targets, str]:
    """Return the edits, what the files should be with them, and why one cannot be adopted."""
    edits: list[Edit] = []
    targets: dict[str, File | None] = {}
    for step in decide_steps(generated, state, (("*", "merge"),), merge):
        if step.edit is None:
            continue
        edits.append(step.edit)
        path, entry = step.path, state.entries.get(step.path)
        # A deleted file may have changed in the catalogue since: a patch deletes it as it is now.
        if step.conflict and step.edit.kind not in ("blocked", "deleted"):
            return tuple(edits), {}, f"{step.conflict}; bring it in line with the catalogue first"
        if step.write is not None and not step.conflict:
            targets[path] = step.write
        elif entry is None:
            targets[path] = None
        elif path not in state.content:
            return tuple(edits), {}, f"{path} is a repository of its own now"
        else:
            targets[path] = File(path, state.content[path], entry.mode)
    return tuple(edits), targets, ""


def can_accompany(file: File, rendered: Iterable[str]) -> bool:
    """Say whether an overlay can make a packager's own file, beside the rendered ones."""
    # A file that no overlay can hold once kept the edit in its commit from being adopted.
    try:
        file.path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    reserved = {path.casefold() for path in rendered} | {_MODULES}
    if not is_allowed(file.path) or file.path.casefold() in reserved:
        return False
    return _can_be_copied(file.path) or not is_binary(file.content)


def refuse_targets(generated: Files, targets: Targets) -> str:
    """Say why no overlay can turn the generated files into the targets, "" when one can."""
    reasons = (_refuse_target(path, generated, targets) for path in sorted(targets))
    return next(filter(None, reasons), "")


def refuse_outdated_renames(
    edits: Iterable[Edit], generated: Files, companions: Mapping[str, File]
) -> str:
    """Say which file was renamed while the catalogue changed it, "" when none was.

    A patch would drop the catalogue's change, for the packager's file does not have it.
    """
    for edit in edits:
        if edit.kind == "deleted" and edit.generated != generated[edit.path].content:
            content = edit.generated or generated[edit.path].content
            deleted_file = replace(generated[edit.path], content=content)
            for companion in companions.values():
                if is_alike(deleted_file, companion):
                    rename = f"{edit.path} was renamed to {companion.path} downstream"
                    return f"{rename} and has changed in the catalogue since; rename it there, too"
    return ""


def is_moved_here(target: File, generated: Files, targets: Targets) -> bool:
    """Say whether a file is a generated one by another name: a patch can rename any file."""
    deleted = (
        generated[path] for path, file in targets.items() if file is None and path in generated
    )
    return target.path not in generated and any(file.content == target.content for file in deleted)


def _refuse_target(path: str, generated: Files, targets: Targets) -> str:
    target = targets[path]
    if path == ATTRIBUTES:
        return f"{path} is distgen's own; put the lines into one of a subfolder"
    if target is None:
        file = generated.get(path)
        is_stuck = file and is_binary(file.content) and not _is_moved_away(file, targets)
        return f"{path} is binary, and a patch cannot delete it" if is_stuck else ""
    if target.mode == SYMLINK:
        return f"{path} is a symbolic link now, which no overlay can make"
    if not is_binary(target.content) or _can_be_copied(path):
        return ""
    if is_moved_here(target, generated, targets):
        return ""
    return f"{path} is binary and cannot be copied from an overlay, because of its name"


def _is_moved_away(file: File, targets: Targets) -> bool:
    return any(
        target is not None and target.content == file.content and path != file.path
        for path, target in targets.items()
    )


def _can_be_copied(path: str) -> bool:
    """Say whether an overlay may hold a file that is copied to this path."""
    if path.startswith(f"{PATCHES}/") or "{" in path or not path.isprintable():
        return False
    return not any(map(is_leftover, path.split("/")))
