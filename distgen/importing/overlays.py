"""Write the YAML of imported images and of their namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from distgen.importing.records import DockerfileParents, ImageDraft
from distgen.importing.references import Publication
from distgen.schema.formats import format_problem
from distgen.schema.yaml_writer import dump_yaml

TEMPLATE = "verbatim"
TEMPLATE_YAML = """\
description: Files of a repository as they are; nothing is rendered
verbatim: true
"""


def overlay_yaml(
    draft: ImageDraft, parents: Mapping[str, DockerfileParents], all_streams: Sequence[str]
) -> str:
    """Return the overlay of an image; what its streams have alike is said once."""
    data: dict[str, Any] = {}
    if draft.description:
        data["description"] = draft.description
    data["template"] = TEMPLATE
    streams = [stream for stream in all_streams if stream in parents]
    first = parents[streams[0]]
    data |= _spec(first)
    changes_by_stream = {stream: _changes(first, parents[stream]) for stream in streams}
    if any(changes_by_stream.values()):
        data["streams"] = {stream: changes or None for stream, changes in changes_by_stream.items()}
    elif len(streams) < len(all_streams):
        data["streams"] = streams
    return dump_yaml(data)


def factored_yaml(text: str, template: str, values: Mapping[str, str]) -> str:
    """Return an overlay that was written here, for another template and with its values."""
    text = text.replace(f"template: {TEMPLATE}\n", f"template: {template}\n", 1)
    return text + (dump_yaml({"values": dict(values)}) if values else "")


def _spec(parents: DockerfileParents) -> dict[str, Any]:
    builders = {"builders": dict(parents.builders)} if parents.builders else {}
    return {"from": parents.base, **builders}


def _changes(first: DockerfileParents, parents: DockerfileParents) -> dict[str, Any]:
    """Return what the overlay of a stream says to change the parents of the first."""
    changes: dict[str, Any] = {}
    if parents.base != first.base:
        changes["from"] = parents.base
    before, after = dict(first.builders), dict(parents.builders)
    builders = {role: after.get(role) for role in (*before, *after)}
    builders = {role: text for role, text in builders.items() if before.get(role) != text}
    return changes | ({"builders": builders} if builders else {})


def namespace_yaml(
    publication: Publication, branches: Mapping[str, str], description: str, url: str
) -> str:
    """Return the namespace.yaml of a namespace that is new; `url` is of its repositories or ""."""
    streams = {
        stream: {"branch": branch, "tags": [publication.tags[stream]]}
        for stream, branch in branches.items()
    }
    data: dict[str, Any] = {
        "description": description,
        "registry": publication.registry,
        "repository": publication.repository,
        "streams": streams,
    }
    if publication.repository == "{image}":  # which it is without a word
        del data["repository"]
    return dump_yaml(data | ({"dist_git": {"url": url}} if url else {}))


def common_url(urls: Mapping[str, str]) -> str:
    """Return the address with `{image}` that all repositories have by name, "" without one."""
    shapes = {_url_shape(name, url) for name, url in urls.items()}
    url = shapes.pop() if len(shapes) == 1 else ""
    return "" if format_problem("url-template", url) else url


def _url_shape(name: str, url: str) -> str:
    head, _, last = url.rpartition("/")
    if "{" in url or last not in (name, f"{name}.git"):
        return ""
    return f"{head}/{{image}}{last[len(name) :]}"
