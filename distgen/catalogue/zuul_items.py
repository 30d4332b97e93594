"""Read the changes that a Zuul job tests together from `zuul.items` of its inventory.

https://zuul-ci.org/docs/zuul/latest/job-content.html, "Zuul Variables": the items are the changes
ahead in the queue, Depends-On included, in the order in which they would merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from distgen.errors import InputError
from distgen.git.refs import HEADS, is_commit_id
from distgen.schema.formats import format_problem


@dataclass(frozen=True, slots=True)
class ZuulItem:
    """One item of a queue: a change, or a branch or tag as it was pushed.

    `project` is `host/path` as Zuul names it. A change has its number in `change`, a `ref` that can
    be fetched from `git`, and where that ref moves, the `commit` that is tested. Of what was
    pushed, `ref` is the commit, "" where Zuul names none.
    """

    project: str
    branch: str
    ref: str
    git: str | None = None
    commit: str | None = None
    change: str = ""
    tag: str = ""

    def __str__(self) -> str:
        if self.change:
            return f"the change {self.change} of {self.project}"
        kind, name = ("tag", self.tag) if self.tag else ("branch", self.branch)
        return f"the {kind} {name} of {self.project}" if name else f"an item of {self.project}"


def parse_zuul_items(text: str, where: object) -> tuple[ZuulItem, ...]:
    """Return the items of an inventory, of its `zuul` variable alone, or of a list of items."""
    import yaml  # few runs have an inventory

    class ZuulLoader(yaml.SafeLoader):
        """Reads `!unsafe` strings, as Ansible marks texts that people wrote, as strings."""

    def plain(loader: ZuulLoader, node: yaml.Node) -> object:
        return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None

    ZuulLoader.add_constructor("!unsafe", plain)
    try:
        data = yaml.load(text, ZuulLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise InputError(f"the file is not YAML or JSON{line}", where=where) from None
    except (ValueError, RecursionError):
        problem = "the file is nested too deeply, or holds a number or date that there is not"
        raise InputError(problem, where=where) from None
    entries = _items(data)
    if not isinstance(entries, list):
        raise InputError(
            "there are no zuul.items in it",
            where=where,
            hint="give the inventory.yaml of a Zuul build, or its `zuul` variable",
        )
    # Changes that depend on each other may be listed with each of them.
    return tuple(dict.fromkeys(_item(entry, where) for entry in entries))


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


def _item(entry: Any, where: object) -> ZuulItem:
    keys = entry if isinstance(entry, Mapping) else {}
    value = keys.get("project")
    project = value if isinstance(value, Mapping) else {}
    name = str(project.get("canonical_name") or "").removesuffix(".git")
    if not name:
        raise InputError("an item of zuul.items has no project.canonical_name", where=where)
    branch = str(keys.get("branch") or "").removeprefix(HEADS)
    if not keys.get("change"):
        return ZuulItem(name, branch, _pushed_commit(keys), tag=str(keys.get("tag") or ""))
    change, patchset = (str(keys.get(key) or "") for key in ("change", "patchset"))
    # Zuul names neither the kind of the forge nor the ref: the page of the change tells both.
    url = str(keys.get("change_url") or "")
    commit = patchset if is_commit_id(patchset) else None
    ref = _ref(change, patchset, url)
    if not change.isdecimal() or not ref:
        raise InputError(f"the item of {name} has no change number and patchset", where=where)
    label = change if commit or not patchset else f"{change},{patchset}"
    return ZuulItem(name, branch, ref, _git(url, str(project.get("name") or "")), commit, label)


def _pushed_commit(keys: Mapping[str, Any]) -> str:
    """Return the commit of a branch or tag, "" of one that was deleted."""
    # Of what was deleted, `commit_id` is what it was before.
    commit_id = "" if keys.get("oldrev") else keys.get("commit_id")
    commit = str(keys.get("newrev") or commit_id or "")
    return commit if is_commit_id(commit) and commit.strip("0") else ""


def _ref(change: str, patchset: str, url: str) -> str:
    """Return the ref of a change, "" where its patch set is not one."""
    is_numbered = patchset.isdecimal() and not is_commit_id(patchset)
    if "/merge_requests/" in url:
        ref = f"refs/merge-requests/{change}/head"
    elif is_commit_id(patchset) or "/pull/" in url:
        ref = f"refs/pull/{change}/head"
    else:
        return f"refs/changes/{change[-2:].zfill(2)}/{change}/{patchset}" if is_numbered else ""
    return ref if is_commit_id(patchset) or is_numbered or not patchset else ""


def _git(url: str, name: str) -> str | None:
    """Return the repository that a change's page belongs to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not name:
        return None
    # A Gerrit may be served below a folder: /r/c/zuul/nodepool/+/700042.
    folder, page, _ = parts.path.partition(f"/{name}/")
    prefix = folder.removesuffix("/c") if page else ""
    git = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{prefix}/{name}"
    return None if format_problem("git-url", git) else git
