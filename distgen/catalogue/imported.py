"""Asks sources for the images that no template describes, and puts overlays' files over them.

The sources are in a module above this one, so `catalogue.load` is given them as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from distgen.catalogue.export_settings import ExportReader, with_exports
from distgen.catalogue.overlay import merge_layers
from distgen.catalogue.patches import patches_for_stream, refuse_unknown_streams
from distgen.catalogue.placeholders import fill_placeholders
from distgen.catalogue.records import Assignment, Group, ImageFiles
from distgen.dockerfile.filename import DOCKERFILE
from distgen.errors import InputError
from distgen.model.catalogue import (
    DEFAULT_LIMITS,
    Image,
    Layer,
    Namespace,
    RenderLimits,
    Stream,
    Template,
)
from distgen.model.rendered import Finding
from distgen.model.words import Origin
from distgen.schema.packaged import load_schema
from distgen.schema.scalars import resolve_scalars
from distgen.text.suggest import did_you_mean

SHARED_NAME = "DG112"


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """One stream of a namespace, as its source is asked for it.

    `options` are the source's own settings, the merge of `layers`; relative paths in them start at
    `root`. The stream has the tags that the namespace gives it, none if the source is to choose.
    `limits` are for each image.
    """

    source: str
    namespace: Namespace
    stream: Stream
    options: Mapping[str, Any]
    layers: tuple[Layer, ...]
    root: Path
    origin: Origin
    limits: RenderLimits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class SourceImages:
    """Images with their whole trees in `files`, sorted by name, and findings about them.

    `inputs` are the files and folders that settings name, relative to the catalogue or absolute.
    """

    images: tuple[Image, ...]
    findings: tuple[Finding, ...] = ()
    inputs: tuple[str, ...] = ()


ReadSource = Callable[[SourceRequest], SourceImages]


def read_sources(
    groups: Collection[Group],
    assignments: Sequence[Assignment],
    root: Path,
    overlays: Mapping[str, ImageFiles],
    read_source: ReadSource | None,
    limits: RenderLimits,
) -> SourceImages:
    """Return the images of all namespaces with a source, with the files and patches of overlays."""
    images: list[Image] = []
    findings: list[Finding] = []
    inputs: dict[str, None] = {}
    export_reader = ExportReader()
    for group in groups:
        for request in source_requests(group, assignments, root):
            if read_source is None:
                raise InputError(f"nothing reads the source {group.source}", where=request.origin)
            answer = read_source(replace(request, limits=limits))
            images += (with_exports(image, group, export_reader) for image in answer.images)
            findings += answer.findings
            inputs |= dict.fromkeys(answer.inputs)
    _refuse_unknown_images(groups, overlays, {image.full_name for image in images})
    findings += _shared_names(images)
    with_overlays = tuple(_with_overlay(image, overlays) for image in images)
    return SourceImages(with_overlays, tuple(findings), tuple(inputs))


def _refuse_unknown_images(
    groups: Iterable[Group], overlays: Mapping[str, ImageFiles], names: Collection[str]
) -> None:
    streams = {group.name: [stream.name for stream in group.namespace.streams] for group in groups}
    for name, folder in overlays.items():
        if name not in names:
            raise InputError(
                f"there is no image `{name}` to lay this over",
                where=Origin(f"overlays/{name}"),
                hint=did_you_mean(name, names),
            )
        refuse_unknown_streams(folder, streams[name.partition("/")[0]])


def source_requests(
    group: Group, assignments: Sequence[Assignment], root: Path
) -> Iterator[SourceRequest]:
    """Yield the requests to a namespace's source, one for each stream."""
    if not group.source:
        return
    for_group = [assignment for assignment in assignments if _is_for(assignment, group)]
    for stream in group.namespace.streams:
        layers = [group.settings, group.values, group.streams[stream.name]]
        layers += [
            _without_source_key(assignment.layer, group.source)
            for assignment in for_group
            if assignment.reaches(f"{group.name}/", stream.name)
        ]
        setting_layers = tuple(_as_settings(layer) for layer in layers if layer.values)
        options = merge_layers(setting_layers)
        yield SourceRequest(
            source=group.source,
            namespace=group.namespace,
            stream=replace(stream, tags=_tags(group, stream, options)),
            options=options,
            layers=setting_layers,
            root=root,
            origin=group.document.origin((group.source,)),
        )


def empty_templates(images: Iterable[Image]) -> dict[str, Template]:
    """Return an empty template for each image: its own files are all there is to render."""
    no_defaults = Layer("template", "", {})
    return {image.template: Template(image.template, "", {}, no_defaults, ()) for image in images}


def _is_for(assignment: Assignment, group: Group) -> bool:
    """Tell whether a --set names the namespace; all its images share their settings."""
    namespace, slash, name = assignment.pattern.partition("@")[0].partition("/")
    if not slash or namespace == "*" or not fnmatchcase(group.name, namespace):
        return False
    if name != "*":
        raise InputError(
            f"all images of {group.name} share their settings",
            where=assignment.layer.path,
            hint=f"write --set '{group.name}/*:KEY=VALUE'",
        )
    return True


def _tags(group: Group, stream: Stream, options: Mapping[str, Any]) -> tuple[str, ...]:
    key = ("streams", stream.name, "tags")
    if key not in group.document.marks:
        return ()
    words = {**options, "namespace": group.name, "stream": stream.name, "branch": stream.branch}
    where = group.document.origin(key)
    return tuple(fill_placeholders(tag, words, where) for tag in stream.tags)


def _without_source_key(layer: Layer, source: str) -> Layer:
    """Let --set say `SOURCE.base=debian`, since a value of a template cannot be called base."""
    settings = layer.values.get(source)
    if not isinstance(settings, Mapping):
        return layer
    values = {key: value for key, value in layer.values.items() if key != source}
    return replace(layer, values={**values, **settings})


def _as_settings(layer: Layer) -> Layer:
    """Return a layer with texts in place of numbers: a release 3.10 is not 3.1."""
    schema = {"$ref": "#/$defs/settings", "$defs": load_schema("namespace")["$defs"]}
    return replace(layer, values=resolve_scalars(layer.values, schema))


def _shared_names(images: Iterable[Image]) -> Iterator[Finding]:
    """Yield where builds of two streams would overwrite each other, once for each two streams.

    The source itself gives its images these names, so the catalogue is not wrong.
    """
    first_by_reference: dict[str, Image] = {}
    stream_pairs: set[tuple[str, ...]] = set()
    for image in images:
        first = first_by_reference.setdefault(image.reference, image)
        streams = (image.namespace, image.stream.name, first.namespace, first.stream.name)
        if first is not image and streams not in stream_pairs:
            stream_pairs.add(streams)
            message = f"{image.reference} is what {first.key} is published as too; give it a tag"
            place = (image.full_name, image.stream.name, DOCKERFILE, 1, 1)
            yield Finding(*place, SHARED_NAME, "warning", message, image.origin)


def _with_overlay(image: Image, overlays: Mapping[str, ImageFiles]) -> Image:
    if image.full_name not in overlays:
        return image
    folder = overlays[image.full_name]
    files = folder.for_stream(image.stream.name)
    by_path = {file.path: file for file in (*image.files, *files)}
    return replace(
        image,
        files=tuple(by_path[path] for path in sorted(by_path)),
        patches=patches_for_stream(folder.patches, image.stream.name),
        tests=folder.tests,
    )
