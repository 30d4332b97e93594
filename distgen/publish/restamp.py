"""Name the commit of the catalogue for a branch that was published from uncommitted files."""

from __future__ import annotations

from dataclasses import replace

from distgen.model.published import Change, Provenance, Statement
from distgen.model.rendered import Tree
from distgen.publish.commit import format_message, with_commit_id
from distgen.publish.summary import Summary
from distgen.publish.target import BranchTarget

RESTAMP_NOTE = (
    "it was published from files that were not committed; `distgen publish --restamp` names the"
    " commit that gives them"
)
_LINE = "the files are the same; they were published before their commit in the catalogue"


def plan_restamp(
    target: BranchTarget, tree: Tree, change: Change, root: str, origin: Provenance
) -> Change:
    """Return the commit on top of an unchanged branch that names what its files come from.

    `root` is the id of the branch's own tree, which the commit has as well. The branch has no
    downstream edit.
    """
    stamp = Statement("formatting", "commit of the catalogue named", (_LINE,))
    summary = Summary(f"{target.image}: {stamp.phrase}", (stamp,))
    change = replace(change, status="updated", detail=_LINE, statements=summary.statements)
    return with_commit_id(change, root, origin, format_message(target, summary, tree, origin))
