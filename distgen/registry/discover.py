"""Drive the search for images in a registry: which of a list are there, under which tag."""

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
class Wish:
    """An image to look for; `label` says how its real tag is made from the labels at this one.

    `label` is a label's name, or text with labels in braces: `{version}-{release}`.
    """

    key: str
    reference: Reference
    label: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a registry says of a wish: reference and digest, or why it is left out.

    `failed` is set where the registry could not say, which is not the same as not having it.
    """

    wish: Wish
    reference: Reference | None
    digest: str = ""
    reason: str = ""
    failed: bool = False


def discover(registry: Registry, wishes: Sequence[Wish], parallel: int) -> tuple[Seen, ...]:
    """Look for images in parallel; the answers are in the order of the wishes."""
    tasks: list[Callable[[], Iterable[Seen]]] = [partial(_seen, registry, one) for one in wishes]
    found = {one.wish.key: one for one in run_parallel(tasks, parallel)}
    return tuple(found[wish.key] for wish in wishes)


def tag_from(label: str, labels: Mapping[str, str]) -> str:
    """Return the tag that labels spell; raise NotFound for a label that is not there."""
    wanted = _FIELD.findall(label) or [label]
    missing = [name for name in wanted if not labels.get(name)]
    if missing:
        known = ", ".join(sorted(labels)) or "none"
        raise NotFound(f"it has no label {', '.join(missing)}", hint=f"its labels: {known}")
    if not _FIELD.search(label):
        return labels[label]
    return _FIELD.sub(lambda match: labels[match.group(1)], label)


def _seen(registry: Registry, wish: Wish) -> Iterable[Seen]:
    try:
        reference = _tagged(registry, wish)
        return [Seen(wish, reference, registry.digest(reference))]
    except NotFound as gone:
        return [Seen(wish, None, reason=_reason(gone))]
    except DistgenError as error:
        return [Seen(wish, None, reason=str(error), failed=True)]


def _tagged(registry: Registry, wish: Wish) -> Reference:
    if not wish.label:
        return wish.reference
    config = registry.config(wish.reference).get("config") or {}
    found = config.get("Labels") if isinstance(config, Mapping) else None
    tag = tag_from(wish.label, found if isinstance(found, Mapping) else {})
    if not is_tag(tag):
        raise NotFound(f"its labels spell {tag!r}, which cannot be a tag")
    return wish.reference.at(tag)


def _reason(gone: NotFound) -> str:
    what = gone.problem
    if isinstance(gone.where, Reference) and gone.where.tag:
        what = f"{what} {gone.where.tag}"
    return f"{what}; {gone.hint}" if gone.hint else what
