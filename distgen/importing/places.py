"""Turn a path or address that a user names into the trees of a repository or folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.location import Place, locate
from distgen.git.run import Git, hide_secrets
from distgen.importing.contexts import image_name
from distgen.importing.folder_tree import read_files
from distgen.importing.git_trees import (
    fetch_branches,
    git_folder,
    head_branch,
    read_branches,
    remote_branches,
)
from distgen.importing.records import FilesByStream, ReadRepository
from distgen.schema.formats import format_problem

_SEPARATORS = re.compile(r"[^A-Za-z0-9_.-]+")
FOLDER_STREAM = "main"
"""The stream of a folder that has no branches."""


def read_place(git: Git, text: str, here: Path, streams: Mapping[str, str]) -> ReadRepository:
    """Return what stands at a path or address; `streams` are branches by stream, {} for its HEAD.

    Raise DistgenError for what is neither a repository nor a folder, or has none of the branches.
    """
    shown_place = hide_secrets(text)
    try:
        place = locate(text, here)
        if place.folder is None:
            return _read_remote(git, place, shown_place, streams)
        if not place.folder.is_dir():
            problem = "is not a folder" if place.folder.exists() else "there is no such folder"
            raise DistgenError(problem)
        folder = git_folder(place.folder)
        if folder is not None:
            return _read_local(git, place.folder, folder, shown_place, streams)
        return _read_folder(place.folder, shown_place, streams)
    except DistgenError as error:
        # What reads objects names its own temporary folders.
        raise DistgenError(error.problem, where=shown_place, hint=error.hint) from None


def _read_remote(git: Git, place: Place, text: str, streams: Mapping[str, str]) -> ReadRepository:
    head, tips = remote_branches(git, place)
    branches = streams or _head_stream(head)
    trees = fetch_branches(git, place, branches, tips)
    name = image_name(place.address)
    # A name in front of the host may be a token.
    url = place.address if hide_secrets(place.address) == place.address else ""
    return ReadRepository(text, name, _require_trees(trees, branches), branches, url)


def _read_local(
    git: Git, place: Path, folder: Path, text: str, streams: Mapping[str, str]
) -> ReadRepository:
    branches = streams or _head_stream(head_branch(git, folder))
    trees = _require_trees(read_branches(git, folder, branches), branches)
    # git refuses to push to the branch that a work tree shows.
    url = os.path.normpath(place) if folder == place else ""
    return ReadRepository(text, image_name(str(place)), trees, branches, url)


def _read_folder(folder: Path, text: str, streams: Mapping[str, str]) -> ReadRepository:
    branches = streams or {FOLDER_STREAM: FOLDER_STREAM}
    first = next(iter(branches))
    name = image_name(str(folder))
    return ReadRepository(text, name, {first: read_files(folder)}, {first: branches[first]})


def _head_stream(branch: str) -> dict[str, str]:
    """Return the branch that a clone shows as a stream; slashes give way."""
    if not branch:
        raise DistgenError("has no branch that a clone would show", hint="name one with --stream")
    stream = _SEPARATORS.sub("-", branch)
    if format_problem("stream", stream) or format_problem("branch", branch):
        raise DistgenError(
            f"has a branch {branch!a}, whose name is not one of a stream",
            hint="give it another with --stream NAME=BRANCH",
        )
    return {stream: branch}


def _require_trees(trees: FilesByStream, branches: Mapping[str, str]) -> FilesByStream:
    if not trees:
        names = ", ".join(dict.fromkeys(branches.values()))
        raise DistgenError(f"has no branch {names}", hint="name one with --stream NAME=BRANCH")
    return trees
