"""Say how downstream edits were treated, and what a person can do where they stop a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from distgen.model.published import Edit

RESOLVE_HINT = "mend that, or choose --on-edit overwrite"
_VERBS = {"refuse": "refused", "keep": "kept", "merge": "merged", "overwrite": "overwritten"}


def edit_lines(edits: Iterable[Edit], on_edit: str) -> Iterator[str]:
    """Yield a line of a commit message for each edit."""
    for edit in edits:
        yield f"downstream edit of {edit.path} {_VERBS[on_edit]}"


def edit_sentence(edits: Iterable[Edit], on_edit: str) -> str:
    """Return all of them in one sentence."""
    paths = ", ".join(edit.path for edit in edits)
    return f"downstream edits {_VERBS[on_edit]}: {paths}" if paths else ""


def conflict_sentence(conflicts: Sequence[str], on_edit: str, *, retires: bool) -> str:
    """Return why edits stop a plan; `retires`: it takes the image off its branch."""
    more = f" (and {len(conflicts) - 1} more)" if len(conflicts) > 1 else ""
    return f"{conflicts[0]}{more}; {_way_out(on_edit, retires)}"


def _way_out(on_edit: str, retires: bool) -> str:
    if on_edit == "overwrite":
        return "rename one of them"
    if retires:
        return "choose --on-edit keep or overwrite"
    if on_edit == "merge":
        return "bring it in line with the catalogue, or choose another --on-edit"
    return "adopt the edit, or choose --on-edit"
