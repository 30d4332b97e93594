"""Lists of container images as TripleO keeps them: `container_images`, and templates of such lists.

Formats: tripleo-common, container-images/*.yaml and *.yaml.j2, and the heat environment that
`openstack overcloud container image prepare` wrote from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distgen.errors import InputError
from distgen.model.reference import is_digest, split_reference
from distgen.schema.yaml_writer import dump_yaml
from distgen.tripleo import heat
from distgen.tripleo.template import render_template

LATEST = "latest"
_TAG = "distgen-tag-of-this-run"


@dataclass(frozen=True, slots=True)
class ContainerEntry:
    """One image of a list; `name` has no tag, and `tag` is a digest where there is only that.

    `fixed` tags are written in the template itself, so the tag of the others says nothing of them.
    `params` are the heat parameters that are to name the image, `services` what needs it.
    """

    name: str
    tag: str
    fixed: bool = False
    image_source: str | None = None
    params: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


def read_list(
    path: Path, variables: Mapping[str, Any], tag: str | None = None
) -> tuple[ContainerEntry, ...]:
    """Read a list or a template of one (`*.j2`); each image once, in the order of the file.

    `tag` is that of all images but those whose tag is written in the template.
    """
    is_template = path.suffix == ".j2"
    if is_template:
        tag = tag or str(variables.get("tag") or LATEST)
        values = {"name_prefix": "", "name_suffix": "", **variables, "tag": _TAG}
        text, place = render_template(path, values), f"{path}, rendered"
    else:
        text, place = _text(path), str(path)
    merged: dict[tuple[str, str], ContainerEntry] = {}
    for data in heat.parse_list(text, place):
        entry = _entry(data, tag, is_template)
        key = (entry.name, entry.tag)
        merged[key] = _together(merged[key], entry) if key in merged else entry
    return tuple(merged.values())


def read_defaults(path: Path) -> Mapping[str, Any]:
    """Read the variables of a template from a file of ContainerImagePrepare parameters."""
    return heat.parse_defaults(_text(path), str(path))


def format_list(rows: Iterable[tuple[str, ContainerEntry]]) -> str:
    """Return the text of a list of images, by the names they were found under."""
    return heat.format_list(
        {
            "imagename": name,
            **({"image_source": entry.image_source} if entry.image_source else {}),
        }
        for name, entry in rows
    )


def format_environment(rows: Iterable[tuple[str, ContainerEntry]], insecure: Sequence[str]) -> str:
    """Return the text of a heat environment: each parameter names its image."""
    found: dict[str, Any] = {}
    for name, entry in rows:
        found |= dict.fromkeys(entry.params, name)
    if insecure:
        found["DockerInsecureRegistryAddress"] = list(insecure)
    return dump_yaml({"parameter_defaults": dict(sorted(found.items()))})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("the file is not text", where=path) from None


def _entry(data: Mapping[str, Any], wanted: str | None, is_template: bool) -> ContainerEntry:
    repository, tag, digest = split_reference(data["imagename"])
    if not tag:
        tag = digest if wanted is None and is_digest(digest) else LATEST
    fixed = is_template and tag != _TAG
    source = data.get("image_source")
    return ContainerEntry(
        repository,
        tag if fixed or wanted is None else wanted,
        fixed,
        source if isinstance(source, str) else None,
        tuple(data.get("params") or ()),
        tuple(data.get("services") or ()),
    )


def _together(one: ContainerEntry, other: ContainerEntry) -> ContainerEntry:
    params = tuple(dict.fromkeys((*one.params, *other.params)))
    services = tuple(dict.fromkeys((*one.services, *other.services)))
    source = one.image_source or other.image_source
    return ContainerEntry(one.name, one.tag, one.fixed, source, params, services)
