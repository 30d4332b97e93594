"""Asks for the images that no template of the catalogue describes, and lays overlays over them.

What can answer lies on a higher floor, so `catalogue.load` is given it as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from distgen.catalogue.images import patches_for_stream, refuse_unknown_streams
from distgen.catalogue.namespaces import Group
from distgen.catalogue.overlay import merge_layers
from distgen.catalogue.placeholders import fill_placeholders
from distgen.catalogue.settings import Assignment
from distgen.dockerfile.filename import DOCKERFILE
from distgen.errors import InputError
from distgen.model.catalogue import Image, Layer, Namespace, Stream, Template, TemplateFile
from distgen.model.rendered import Finding
from distgen.model.words import Origin
from distgen.schema.check import load_schema, resolve_scalars
from distgen.text.suggest import did_you_mean

SHARED = "DG112"
ImageFiles = tuple[tuple[TemplateFile, ...], tuple[TemplateFile, ...]]
"""An image's own files and its patches."""


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """One stream of a namespace, as its source is asked for it.

    `options` are the source's own settings, the merge of `layers`; relative paths in them start at
    `root`. The stream has the tags that the namespace gives it, none if the source is to choose.
    """

    source: str
    namespace: Namespace
    stream: Stream
    options: Mapping[str, Any]
    layers: tuple[Layer, ...]
    root: Path
    origin: Origin


@dataclass(frozen=True, slots=True)
class SourceImages:
    """Images whose `files` are their whole trees, sorted by name, and what is said of them."""

    images: tuple[Image, ...]
    findings: tuple[Finding, ...] = ()


ReadSource = Callable[[SourceRequest], SourceImages]


def read_sources(
    groups: Collection[Group],
    assignments: Sequence[Assignment],
    root: Path,
    owned: Mapping[str, ImageFiles],
    ask: ReadSource | None,
) -> SourceImages:
    """Return the images of all namespaces with a source, each with its own files and patches."""
    found: list[Image] = []
    findings: list[Finding] = []
    for group in groups:
        for request in source_requests(group, assignments, root):
            if ask is None:
                raise InputError(f"nothing reads the source {group.source}", where=request.origin)
            answer = ask(request)
            found += answer.images
            findings += answer.findings
    _refuse_strangers(groups, owned, {image.full_name for image in found})
    findings += _shared(found)
    return SourceImages(tuple(_laid(image, owned) for image in found), tuple(findings))


def _refuse_strangers(
    groups: Iterable[Group], owned: Mapping[str, ImageFiles], known: Collection[str]
) -> None:
    streams = {group.name: [one.name for one in group.namespace.streams] for group in groups}
    for name, (_, patches) in owned.items():
        if name not in known:
            raise InputError(
                f"there is no image `{name}` to lay this over",
                where=Origin(f"overlays/{name}"),
                hint=did_you_mean(name, known),
            )
        refuse_unknown_streams(patches, streams[name.partition("/")[0]])


def is_imported(image: Image) -> bool:
    """Tell whether an image comes from a source: its template is called `source:place`."""
    return ":" in image.template


def source_requests(
    group: Group, assignments: Sequence[Assignment], root: Path
) -> Iterator[SourceRequest]:
    """Yield what a namespace's source is to be asked, stream by stream."""
    if not group.source:
        return
    wide = [one for one in assignments if _is_for(one, group)]
    for stream in group.namespace.streams:
        layers = [group.settings, group.values, group.streams[stream.name]]
        layers += [
            _below(one.layer, group.source)
            for one in wide
            if one.reaches(f"{group.name}/", stream.name)
        ]
        written = tuple(_plain(layer) for layer in layers if layer.values)
        options = merge_layers(written)
        yield SourceRequest(
            source=group.source,
            namespace=group.namespace,
            stream=replace(stream, tags=_tags(group, stream, options)),
            options=options,
            layers=written,
            root=root,
            origin=group.document.origin((group.source,)),
        )


def empty_templates(found: Iterable[Image]) -> dict[str, Template]:
    """Return an empty template for each image: its own files are all there is to render."""
    nothing = Layer("template", "", {})
    return {one.template: Template(one.template, "", {}, nothing, ()) for one in found}


def _is_for(one: Assignment, group: Group) -> bool:
    """Tell whether a --set names the namespace, whose images all share its settings."""
    namespace, slash, name = one.pattern.partition("@")[0].partition("/")
    if not slash or namespace == "*" or not fnmatchcase(group.name, namespace):
        return False
    if name != "*":
        raise InputError(
            f"all images of {group.name} share their settings",
            where=one.layer.path,
            hint=f"write --set '{group.name}/*:KEY=VALUE'",
        )
    return True


def _tags(group: Group, stream: Stream, options: Mapping[str, Any]) -> tuple[str, ...]:
    at = ("streams", stream.name, "tags")
    if at not in group.document.marks:
        return ()
    words = {**options, "namespace": group.name, "stream": stream.name, "branch": stream.branch}
    return tuple(fill_placeholders(tag, words, group.document.origin(at)) for tag in stream.tags)


def _below(layer: Layer, source: str) -> Layer:
    """Let --set say `kolla.base=debian`, since a value of a template cannot be called base."""
    inner = layer.values.get(source)
    if not isinstance(inner, Mapping):
        return layer
    others = {key: value for key, value in layer.values.items() if key != source}
    return replace(layer, values={**others, **inner})


def _plain(layer: Layer) -> Layer:
    """Return a layer with the texts that were typed instead of numbers, which 3.10 is not."""
    meant = {"$ref": "#/$defs/settings", "$defs": load_schema("namespace")["$defs"]}
    return replace(layer, values=resolve_scalars(layer.values, meant))


def _shared(found: Iterable[Image]) -> Iterator[Finding]:
    """Say where builds of two streams would overwrite each other, once for each two streams.

    The source itself gives its images these names, so this is no mistake of the catalogue.
    """
    first: dict[str, Image] = {}
    told: set[tuple[str, ...]] = set()
    for image in found:
        other = first.setdefault(image.reference, image)
        place = (image.namespace, image.stream.name, other.namespace, other.stream.name)
        if other is not image and place not in told:
            told.add(place)
            message = f"{image.reference} is what {other.key} is published as too; give it a tag"
            at = (image.full_name, image.stream.name, DOCKERFILE, 1, 1)
            yield Finding(*at, SHARED, "warning", message, image.origin)


def _laid(image: Image, owned: Mapping[str, ImageFiles]) -> Image:
    if image.full_name not in owned:
        return image
    files, patches = owned[image.full_name]
    laid = {file.path: file for file in (*image.files, *files)}
    return replace(
        image,
        files=tuple(laid[path] for path in sorted(laid)),
        patches=patches_for_stream(patches, image.stream.name),
    )
