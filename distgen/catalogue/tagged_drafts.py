"""Drafts images in the streams that are made from git tags, for those with a component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.build import Draft, draft_image, draft_sources
from distgen.catalogue.records import CompiledTemplate
from distgen.catalogue.tag_streams import make_streams
from distgen.catalogue.values import ValueStack
from distgen.errors import InputError
from distgen.model.catalogue import Source
from distgen.model.lock import LOCK_FILE, LOCK_LIMIT
from distgen.model.releases import TaggedComponent
from distgen.schema.check import check_document
from distgen.schema.packaged import validator_of
from distgen.schema.yaml import read_yaml

LockedTags = Mapping[tuple[str, str], tuple[str, ...]]
"""Git tags that streams are made from, by the address of the component and what is asked for."""


def tagged_components(
    drafts: Iterable[Draft], value_stack: ValueStack
) -> tuple[TaggedComponent, ...]:
    """Return the components with tags that streams of these images are made from."""
    components: dict[tuple[str, str], TaggedComponent] = {}
    for name, (draft, source) in sorted(_find_components(drafts, value_stack).items()):
        policy = draft.group.namespace.from_tags
        assert policy is not None
        key = (source.git, str(policy.choice))
        first = components.setdefault(
            key, TaggedComponent(source.git, policy.choice, (), policy.origin)
        )
        components[key] = replace(first, users=(*first.users, name))
    return tuple(components[key] for key in sorted(components))


def draft_tags(
    drafts: Iterable[Draft],
    components: Iterable[TaggedComponent],
    tags: LockedTags,
    templates: Mapping[str, CompiledTemplate],
    value_stack: ValueStack,
) -> list[Draft]:
    """Return the drafts of images in the streams that are made from the tags of components."""
    likes = {draft.overlay.full_name: draft for draft in _drafts_to_copy(drafts)}
    tagged_drafts: list[Draft] = []
    for component in components:
        kin = _groups_by_namespace(component.users)
        for name in component.users:
            draft = likes[name]
            namespace = draft.group.namespace
            assert namespace.from_tags is not None
            chosen = tags.get((component.git, str(component.choice)), ())
            source = _own_component(draft, value_stack)
            for stream in make_streams(namespace, namespace.from_tags, chosen):
                new = draft_image(draft.chain, draft.group, stream, templates, value_stack)
                label = source.name if source else ""
                tagged_drafts.append(replace(new, component=label, kin=kin[namespace.name]))
    return tagged_drafts


def read_locked_tags(root: Path, components: Sequence[TaggedComponent]) -> LockedTags:
    """Return the tags that distgen.lock holds; raise InputError where those of a component lack."""
    try:
        content = read_bounded(root / LOCK_FILE, LOCK_FILE, LOCK_LIMIT)
    except FileNotFoundError:
        content = b"version: 1\n"
    data = check_document(validator_of("lock"), read_yaml(content, LOCK_FILE))
    tags = tags_of(data)
    for component in components:
        if (component.git, str(component.choice)) not in tags:
            raise InputError(
                f"distgen.lock does not hold the git tags of {component.git} ({component.choice})",
                where=component.origin,
                hint="look them up with `distgen lock`",
            )
    return tags


def tags_of(data: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]) -> LockedTags:
    """Return the tags in the data of a lock."""
    return {
        (git, choice): tuple(names)
        for git, choices in data.get("tags", {}).items()
        for choice, names in choices.items()
    }


def _drafts_to_copy(drafts: Iterable[Draft]) -> Iterable[Draft]:
    for draft in drafts:
        policy = draft.group.namespace.from_tags
        if policy is not None and draft.stream.name == policy.like:
            yield draft


def _find_components(
    drafts: Iterable[Draft], value_stack: ValueStack
) -> Mapping[str, tuple[Draft, Source]]:
    """Return the component of each image: its own, or that of the image that it is built from.

    What an image without a component adds to its base belongs to each release of the base.
    """
    likes = {draft.overlay.full_name: draft for draft in _drafts_to_copy(drafts)}
    components: dict[str, tuple[Draft, Source]] = {}
    for name, draft in likes.items():
        seen, current = {name}, draft
        while (source := _own_component(current, value_stack)) is None:
            base = str(current.spec.get("from", ""))
            if base in seen or base not in likes or base.partition("/")[0] != draft.group.name:
                break
            seen.add(base)
            current = likes[base]
        if source is not None:
            components[name] = (draft, source)
    return components


def _own_component(draft: Draft, value_stack: ValueStack) -> Source | None:
    policy = draft.group.namespace.tags
    source = policy.component_of(draft.overlay.name, draft_sources(draft, value_stack))
    # Where the component has a name, an image without such a source only uses other sources.
    return source if source and policy.component in ("", source.name) else None


def _groups_by_namespace(names: Iterable[str]) -> Mapping[str, frozenset[str]]:
    groups: dict[str, frozenset[str]] = {}
    for name in names:
        namespace = name.partition("/")[0]
        groups[namespace] = groups.get(namespace, frozenset()) | {name}
    return groups
