"""Say how downstream edits were treated, and what a person can do where they stop a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from distgen.model.published import BranchState, Edit
from distgen.model.words import MANIFEST, EditPolicy, OnEdit
from distgen.publish.edits import choose

RESOLVE_HINT = "mend that, or choose --on-edit overwrite"
_VERBS: Mapping[OnEdit, str] = {
    "refuse": "kept",
    "keep": "kept",
    "merge": "merged",
    "overwrite": "overwritten",
}


def edit_lines(edits: Iterable[Edit], policy: EditPolicy) -> Iterator[str]:
    """Yield a line of a commit message for each edit that did not stop the commit."""
    for edit in edits:
        yield f"downstream edit of {edit.path} {_VERBS[choose(policy, edit.path)]}"


def edit_sentence(edits: Iterable[Edit], policy: EditPolicy) -> str:
    """Return all of them in one sentence."""
    paths_by_verb: dict[str, list[str]] = {}
    for edit in edits:
        paths_by_verb.setdefault(_VERBS[choose(policy, edit.path)], []).append(edit.path)
    return "; ".join(
        f"downstream edits {verb}: {', '.join(paths)}" for verb, paths in paths_by_verb.items()
    )


def manifest_sentence(state: BranchState) -> str:
    """Say that the manifest is written again where a packager deleted it."""
    if not state.manifest_change or state.problem or MANIFEST in state.entries:
        return ""
    return f"{MANIFEST} restored, which commit {state.manifest_change[:12]} deleted"


def conflict_sentence(conflicts: Sequence[str], on_edit: OnEdit, *, retires: bool) -> str:
    """Return why edits stop a plan; `retires`: it takes the image off its branch."""
    more = f" (and {len(conflicts) - 1} more)" if len(conflicts) > 1 else ""
    return f"{conflicts[0]}{more}; {_way_out(on_edit, retires)}"


def _way_out(on_edit: OnEdit, retires: bool) -> str:
    if on_edit == "overwrite":
        return "rename one of them"
    if retires:
        return "choose --on-edit keep or overwrite"
    if on_edit == "merge":
        return "bring it in line with the catalogue, or choose another --on-edit"
    return "adopt the edit, or choose --on-edit"
