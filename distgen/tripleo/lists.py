"""Lists of container images as TripleO keeps them: `container_images`, and templates of such lists.

Formats: tripleo-common, container-images/*.yaml and *.yaml.j2, and the heat environment that
`openstack overcloud container image prepare` wrote from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distgen.model.reference import is_digest, split_reference
from distgen.schema.yaml_writer import dump_yaml
from distgen.tripleo import heat
from distgen.tripleo.template import Render, TemplateSource, render_template

LATEST = "latest"
# Rendered as the tag, it shows which images have another one in the template itself.
_TAG_OF_THIS_RUN = "distgen-tag-of-this-run"


@dataclass(frozen=True, slots=True)
class ContainerEntry:
    """One image of a list; `name` has no tag, and `tag` is a digest where there is only that.

    The tag of an image `has_fixed_tag` when the template itself has it: it is not the tag of the
    other images. `params` are the heat parameters that are to name the image, `services` those
    that need it.
    """

    name: str
    tag: str
    has_fixed_tag: bool = False
    image_source: str | None = None
    params: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


def list_entries(text: str, path: str, tag: str | None = None) -> tuple[ContainerEntry, ...]:
    """Return the images of a list, each once and in its order; `tag` replaces their tags."""
    return _merge_entries(_entry(data, tag, False) for data in heat.parse_list(text, path))


def template_entries(
    template: TemplateSource,
    variables: Mapping[str, Any],
    tag: str | None = None,
    render: Render = render_template,
) -> tuple[ContainerEntry, ...]:
    """Return the images of a template of a list, each once and in its order.

    `tag` is that of all images but those with a tag in the template itself.
    """
    tag = tag or str(variables.get("tag") or LATEST)
    values = {"name_prefix": "", "name_suffix": "", **variables, "tag": _TAG_OF_THIS_RUN}
    text = render(template, values)
    entries = heat.parse_list(text, f"{template.path}, rendered")
    return _merge_entries(_entry(data, tag, True) for data in entries)


def format_list(rows: Iterable[tuple[str, ContainerEntry]]) -> str:
    """Return the text of a list of images, by the names that a registry has them under."""
    return heat.format_list(
        {
            "imagename": name,
            **({"image_source": entry.image_source} if entry.image_source else {}),
        }
        for name, entry in rows
    )


def format_environment(rows: Iterable[tuple[str, ContainerEntry]], insecure: Sequence[str]) -> str:
    """Return the text of a heat environment: each parameter names its image."""
    parameters: dict[str, Any] = {}
    for name, entry in rows:
        parameters |= dict.fromkeys(entry.params, name)
    if insecure:
        parameters["DockerInsecureRegistryAddress"] = list(insecure)
    return dump_yaml({"parameter_defaults": dict(sorted(parameters.items()))})


def _entry(data: Mapping[str, Any], tag_of_list: str | None, is_template: bool) -> ContainerEntry:
    name, tag, digest = split_reference(data["imagename"])
    if not tag:
        tag = digest if tag_of_list is None and is_digest(digest) else LATEST
    has_fixed_tag = is_template and tag != _TAG_OF_THIS_RUN
    source = data.get("image_source")
    return ContainerEntry(
        name,
        tag if has_fixed_tag or tag_of_list is None else tag_of_list,
        has_fixed_tag,
        source if isinstance(source, str) else None,
        tuple(data.get("params") or ()),
        tuple(data.get("services") or ()),
    )


def _merge_entries(entries: Iterable[ContainerEntry]) -> tuple[ContainerEntry, ...]:
    """Return entries by image: one image may be there for many parameters and services."""
    by_image: dict[tuple[str, str], ContainerEntry] = {}
    for entry in entries:
        key = (entry.name, entry.tag)
        by_image[key] = _merge(by_image[key], entry) if key in by_image else entry
    return tuple(by_image.values())


def _merge(first: ContainerEntry, second: ContainerEntry) -> ContainerEntry:
    params = tuple(dict.fromkeys((*first.params, *second.params)))
    services = tuple(dict.fromkeys((*first.services, *second.services)))
    source = first.image_source or second.image_source
    return ContainerEntry(first.name, first.tag, first.has_fixed_tag, source, params, services)
