"""Leave alone what packagers wrote for a downstream before distgen did."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from itertools import combinations

from distgen.git.objects import blob_id
from distgen.model.published import BranchState, TreeEntry
from distgen.model.rendered import Tree
from distgen.model.words import EditPolicy
from distgen.publish.edits import choose


def foreign_files(tree: Tree, present: Container[str], owned: Container[str]) -> Mapping[str, str]:
    """Return a packager's own file for each of a tree's exported files that it keeps away.

    `present` are the paths on the branch, `owned` those that distgen wrote.
    """
    kept_away: dict[str, str] = {}
    for path, other_names in tree.exported.items():
        for name in (path, *other_names):
            if name in present and name not in owned:
                kept_away.setdefault(path, name)
    return kept_away


def without_exported(tree: Tree, paths: Container[str]) -> Tree:
    """Return a tree without some of its exported files."""
    files = tuple(file for file in tree.files if file.path not in paths)
    exported = {path: names for path, names in tree.exported.items() if path not in paths}
    return replace(tree, files=files, exported=exported)


def leave_foreign_files(tree: Tree, state: BranchState, policy: EditPolicy) -> tuple[Tree, str]:
    """Return the tree as it can go beside the files of a packager, and what stays of theirs.

    A policy that overwrites them is followed, and a file that is as ours is ours from now on.
    """
    owned = state.manifest.files if state.manifest else {}
    same = {
        file.path
        for file in tree.files
        if file.path in tree.exported
        and state.entries.get(file.path) == TreeEntry(file.mode, blob_id(file.content))
    }
    foreign = {
        path: name
        for path, name in foreign_files(tree, state.entries, owned).items()
        if path != name or (path not in same and choose(policy, path) != "overwrite")
    }
    sentences = (_describe(path, foreign[path]) for path in sorted(foreign))
    return without_exported(tree, foreign), "; ".join(sentences)


def possible_trees(tree: Tree) -> Iterator[Tree]:
    """Yield a tree, and as it may have been published beside files of a packager."""
    for count in range(len(tree.exported) + 1):
        for paths in combinations(sorted(tree.exported), count):
            yield without_exported(tree, paths)


def _describe(path: str, name: str) -> str:
    if path == name:
        return f"{path} is the packager's own and stays; `distgen adopt` takes it into the overlay"
    return f"{name} is the packager's own and stays, and {path} is not written; rename or delete it"
