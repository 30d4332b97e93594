"""Find images in a registry: which of a list are there, and under which tag."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from distgen.errors import DistgenError
from distgen.model.reference import Reference, is_tag
from distgen.pool import run_parallel
from distgen.registry.client import Registry
from distgen.registry.errors import NotFound

_FIELD = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """An image to look for; `label` says how its real tag is made from the labels at this one.

    `label` is a label's name, or text with labels in braces: `{version}-{release}`.
    """

    key: str
    reference: Reference
    label: str = ""


@dataclass(frozen=True, slots=True)
class RegistryMatch:
    """What a registry says of a query: reference and digest, or the reason why it is left out.

    `failed` is set where the registry could not say whether it has the image.
    """

    query: ImageQuery
    reference: Reference | None
    digest: str = ""
    reason: str = ""
    failed: bool = False


def find_images(
    registry: Registry, queries: Sequence[ImageQuery], parallel: int
) -> tuple[RegistryMatch, ...]:
    """Look for images in parallel; the answers are in the order of the queries."""
    tasks: list[Callable[[], Iterable[RegistryMatch]]] = [
        partial(_look_up, registry, query) for query in queries
    ]
    matches = {match.query.key: match for match in run_parallel(tasks, parallel)}
    return tuple(matches[query.key] for query in queries)


def tag_from_labels(label: str, labels: Mapping[str, str]) -> str:
    """Return the tag that labels spell; raise NotFound for a label that is not there."""
    names = _FIELD.findall(label) or [label]
    missing = [name for name in names if not labels.get(name)]
    if missing:
        present = ", ".join(sorted(labels)) or "none"
        raise NotFound(f"it has no label {', '.join(missing)}", hint=f"its labels: {present}")
    if not _FIELD.search(label):
        return labels[label]
    return _FIELD.sub(lambda match: labels[match.group(1)], label)


def _look_up(registry: Registry, query: ImageQuery) -> Iterable[RegistryMatch]:
    try:
        reference = _reference_to_look_up(registry, query)
        return [RegistryMatch(query, reference, registry.digest(reference))]
    except NotFound as error:
        return [RegistryMatch(query, None, reason=_missing_reason(error))]
    except DistgenError as error:
        return [RegistryMatch(query, None, reason=str(error), failed=True)]


def _reference_to_look_up(registry: Registry, query: ImageQuery) -> Reference:
    if not query.label:
        return query.reference
    config = registry.config(query.reference).get("config") or {}
    labels = config.get("Labels") if isinstance(config, Mapping) else None
    tag = tag_from_labels(query.label, labels if isinstance(labels, Mapping) else {})
    if not is_tag(tag):
        raise NotFound(f"its labels spell {tag!r}, which cannot be a tag")
    return query.reference.at(tag)


def _missing_reason(error: NotFound) -> str:
    reason = error.problem
    if isinstance(error.where, Reference) and error.where.tag:
        reason = f"{reason} {error.where.tag}"
    return f"{reason}; {error.hint}" if error.hint else reason
