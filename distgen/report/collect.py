"""Turn images that a change reaches into what their pages say of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from distgen.catalogue.graph import children_by_key, parents_first
from distgen.catalogue.overlay import trace_settings, value_at
from distgen.catalogue.value_origins import ValueOrigins
from distgen.compare.records import GroupedDiff
from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.parse import key_values, parse
from distgen.git.run import hide_secrets
from distgen.lint.work import Work
from distgen.model.catalogue import Image
from distgen.model.rendered import Finding
from distgen.model.stored import images_by_key
from distgen.render.unidiff import split_lines
from distgen.report.records import (
    CompleteImage,
    GraphNode,
    Notes,
    ReportedImage,
    ReportedValue,
    SourceLine,
    ValueSetting,
)


def changes_by_image(diff: GroupedDiff) -> Mapping[str, str]:
    """Return what happens to each image that a change reaches, by key."""
    changes: dict[str, str] = dict.fromkeys(diff.rebuilt, "rebuilt")
    changes |= diff.states
    changes |= {f"{image.image}@{image.stream}": image.status for image in diff.stopped}
    return changes


def collect_images(
    work: Work,
    diff: GroupedDiff,
    findings: Iterable[Finding],
    notes: Notes,
) -> Iterator[ReportedImage]:
    """Yield what pages say of each image that a change reaches, in build order, the gone ones last.

    What its own page alone shows is added when that is made, see `page_completer`.
    """
    changes = changes_by_image(diff)
    by_image: dict[str, list[Finding]] = {}
    for finding in findings:
        by_image.setdefault(f"{finding.image}@{finding.stream}", []).append(finding)
    children = children_by_key(work.catalogue.images)
    reached = [image for image in work.catalogue.images if image.key in changes]
    for image in parents_first(reached):
        description = _describe(image, changes[image.key], children, by_image)
        yield replace(
            description,
            reasons=notes.reasons.get(image.key, ()),
            commits=notes.commits.get(image.key, ()),
        )
    for key in sorted({*changes} - {image.key for image in reached}):
        reasons, commits = notes.reasons.get(key, ()), notes.commits.get(key, ())
        yield ReportedImage(key, changes[key], reasons, commits=commits)


def collect_graph(work: Work, diff: GroupedDiff) -> Iterator[GraphNode]:
    """Yield every image of the catalogue, parents first, then those that are gone."""
    changes = changes_by_image(diff)
    images = parents_first(work.catalogue.images)
    for image in images:
        parents = tuple(dict.fromkeys(image.parent_keys))
        yield GraphNode(image.key, changes.get(image.key, ""), parents)
    present = {image.key for image in images}
    yield from (GraphNode(key, changes[key]) for key in sorted({*changes} - present))


def page_completer(work: Work) -> CompleteImage:
    """Return a function that renders what the page of an image alone shows.

    Of thousands of images this is too much to keep.
    """
    images = images_by_key(work.catalogue.images)

    def complete(reported: ReportedImage) -> ReportedImage:
        image = images.get(reported.key)
        if image is None:
            return reported
        content = work.renderer.tree(image).content(DOCKERFILE) or b""
        return replace(
            reported,
            labels=_labels(content.decode("utf-8", "backslashreplace")),
            dockerfile=tuple(_source_lines(work, image, content)),
            values=tuple(_values(image)),
        )

    return complete


def _describe(
    image: Image,
    change: str,
    children: Mapping[str, Sequence[str]],
    findings: Mapping[str, Sequence[Finding]],
) -> ReportedImage:
    return ReportedImage(
        key=image.key,
        change=change,
        description=image.description,
        reference=image.reference,
        url=hide_secrets(image.url),
        tags=image.stream.tags,
        parents=tuple(dict.fromkeys(p.image or p.reference for p in image.parents)),
        dependents=tuple(sorted(children.get(image.key, ()))),
        findings=tuple(findings.get(image.key, ())),
    )


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    stages = parse(text).stages[-1:]
    steps = (step for stage in stages for step in stage.instructions if step.cmd == "LABEL")
    return tuple(sorted({key: value for step in steps for key, value in key_values(step)}.items()))


def _source_lines(work: Work, image: Image, content: bytes) -> Iterator[SourceLine]:
    value_origins = ValueOrigins(work.catalogue, work.lock, image)
    annotations = work.renderer.annotate(image, DOCKERFILE) if content else ()
    for line, annotation in zip(split_lines(content), annotations, strict=True):
        text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        values = value_origins.find_origins(annotation.values)
        yield SourceLine(text, annotation.kind, annotation.origin, values)


def _values(image: Image) -> Iterator[ReportedValue]:
    traced = trace_settings(image.layers)
    holders = {path[:end] for path in traced for end in range(1, len(path))}
    # A key that is only the empty map that other keys were put into says nothing of its own.
    empty = {path for path in holders & traced.keys() if all(s.value == {} for s in traced[path])}
    for path in sorted(traced.keys() - empty, key=str):
        settings = (
            ValueSetting(
                setting.layer, str(setting.origin), setting.operator, _as_json(setting.value)
            )
            for setting in traced[path]
        )
        value = _as_json(value_at(image.values, path))
        yield ReportedValue(".".join(map(str, path)), value, tuple(settings))


def _as_json(value: Any) -> str:
    return hide_secrets(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    """Return what JSON knows in place of a read-only mapping, or of another value of YAML."""
    return dict(value) if isinstance(value, Mapping) else str(value)
