"""Read the changes that a Zuul job tests together from `zuul.items` of its inventory.

https://zuul-ci.org/docs/zuul/latest/job-content.html, "Zuul Variables": the items are the changes
ahead in the queue, Depends-On included, in the order in which they would merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

from distgen.errors import InputError
from distgen.git.refs import HEADS, is_commit_id
from distgen.schema.formats import format_problem


@dataclass(frozen=True, slots=True)
class ZuulItem:
    """One change: `project` is `host/path` as Zuul names it, `git` where its ref can be fetched."""

    project: str
    branch: str
    ref: str
    git: str | None


class _ZuulLoader(yaml.SafeLoader):
    """Reads `!unsafe` strings, as Ansible marks texts that people wrote, as strings."""


def _plain(loader: _ZuulLoader, node: yaml.Node) -> object:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_ZuulLoader.add_constructor("!unsafe", _plain)


def parse_zuul_items(text: str, where: object) -> tuple[ZuulItem, ...]:
    """Return the changes of an inventory, of its `zuul` variable alone, or of a list of items."""
    try:
        data = yaml.load(text, _ZuulLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise InputError(f"the file is not YAML or JSON{line}", where=where) from None
    entries = _items(data)
    if not isinstance(entries, list):
        raise InputError(
            "there are no zuul.items in it",
            where=where,
            hint="give the inventory.yaml of a Zuul build, or its `zuul` variable",
        )
    items = [_item(entry, where) for entry in entries]
    # A later change in the queue of the same project and branch includes the one before.
    newest = {(item.project, item.branch): item for item in items if item is not None}
    return tuple(newest.values())


def project_of(git: str) -> str:
    """Return the `host/path` that Zuul would call the project of a repository."""
    parts = urlsplit(git if "://" in git else f"ssh://{git.replace(':', '/', 1)}")
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}/{parts.path.strip('/').removesuffix('.git')}"


def _items(data: Any) -> Any:
    if isinstance(data, list):
        return data
    for path in (("all", "vars", "zuul"), ("zuul",), ()):
        variables = data
        for key in path:
            variables = variables.get(key) if isinstance(variables, Mapping) else None
        if isinstance(variables, Mapping) and "items" in variables:
            return variables["items"]
    return None


def _item(entry: Any, where: object) -> ZuulItem | None:
    keys = entry if isinstance(entry, Mapping) else {}
    value = keys.get("project")
    project = value if isinstance(value, Mapping) else {}
    name = str(project.get("canonical_name") or "")
    if not name:
        raise InputError("an item of zuul.items has no project.canonical_name", where=where)
    change, patchset = (str(keys.get(key) or "") for key in ("change", "patchset"))
    # Zuul names neither the kind of the forge nor the ref: the page of the change tells both.
    url = str(keys.get("change_url") or "")
    branch = str(keys.get("branch") or "").removeprefix(HEADS)
    if not change:
        # Not a change but a branch or tag as it is, or as it was pushed.
        commit = str(keys.get("newrev") or keys.get("commit_id") or "")
        return ZuulItem(name, branch, commit, None) if is_commit_id(commit) else None
    if not (
        change.isdecimal() and (not patchset or patchset.isdecimal() or is_commit_id(patchset))
    ):
        raise InputError(f"the item of {name} has no change number and patchset", where=where)
    git = _git(url, str(project.get("name") or ""))
    return ZuulItem(name, branch, _ref(change, patchset, url), git)


def _ref(change: str, patchset: str, url: str) -> str:
    if "/merge_requests/" in url:
        return f"refs/merge-requests/{change}/head"
    if is_commit_id(patchset) or "/pull/" in url:
        return f"refs/pull/{change}/head"
    return f"refs/changes/{change[-2:].zfill(2)}/{change}/{patchset or '1'}"


def _git(url: str, name: str) -> str | None:
    """Return the repository that a change's page belongs to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not name:
        return None
    git = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{name}"
    return None if format_problem("git-url", git) else git
