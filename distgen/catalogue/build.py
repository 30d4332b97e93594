"""Assembles images, one per stream, from their overlays and all that these inherit."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from distgen.catalogue.images import Overlay, patches_for_stream, refuse_unknown_streams
from distgen.catalogue.namespaces import Group
from distgen.catalogue.overlay import find_origin, merge_layers
from distgen.catalogue.parents import resolve_parent
from distgen.catalogue.placeholders import fill_placeholders, placeholder_names
from distgen.catalogue.templates import CompiledTemplate
from distgen.catalogue.values import StackedValues, ValueStack
from distgen.errors import InputError
from distgen.model.catalogue import Download, Image, Layer, Parent, Source, Stream, TemplateFile
from distgen.model.words import Origin
from distgen.schema.formats import SECRET_FORMATS, format_problem
from distgen.text.suggest import did_you_mean

References = Mapping[str, Mapping[str, str]]
"""The references of all images of a catalogue, by full name and stream."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An image of which all is known but what its parents are called.

    `chain` is what it extends, farthest first, and its own overlay; `spec` is the merge of all
    their keys but values.
    """

    chain: tuple[Overlay, ...]
    group: Group
    stream: Stream
    kind: CompiledTemplate
    stacked: StackedValues
    spec: Mapping[str, Any]
    spec_layers: tuple[Layer, ...]
    reference: str
    url: str

    @property
    def own(self) -> Overlay:
        return self.chain[-1]

    def origin(self, *key: str) -> Origin:
        """Return where the file of the image, or what it extends, says `key`."""
        return find_origin(self.spec_layers, key) or self.own.origin()


def draft_images(
    chain: tuple[Overlay, ...],
    group: Group,
    kinds: Mapping[str, CompiledTemplate],
    stacks: ValueStack,
) -> list[Draft]:
    """Return an image's drafts, one per stream in the namespace's order."""
    own = chain[-1]
    offered = {stream.name: stream for stream in group.namespace.streams}
    for index, name in enumerate(own.streams or ()):
        if name not in offered:
            is_map = ("streams", name) in own.spec.marks
            raise InputError(
                f"the namespace `{group.name}` has no stream `{name}`",
                where=own.spec.origin(("streams", name if is_map else index)),
                hint=did_you_mean(name, offered),
            )
    wanted = offered if own.streams is None else own.streams
    streams = [stream for name, stream in offered.items() if name in wanted]
    refuse_unknown_streams(own.patches, offered)
    return [_draft(chain, group, stream, kinds, stacks) for stream in streams]


def finish_image(draft: Draft, known: References, stacks: ValueStack) -> Image:
    """Return the image of a draft, its parents resolved among the `known` references."""
    spec = _filled(draft, stacks)
    return Image(
        namespace=draft.group.name,
        name=draft.own.name,
        stream=draft.stream,
        description=spec.get("description", draft.kind.template.description),
        template=draft.kind.template.name,
        parents=_parents(draft, spec, known),
        sources=_sources(draft, spec.get("sources", {})),
        downloads=_downloads(draft, spec.get("downloads", {})),
        values=draft.stacked.values,
        layers=draft.stacked.layers,
        files=_laid(one.files for one in draft.chain),
        patches=patches_for_stream(_laid(one.patches for one in draft.chain), draft.stream.name),
        reference=draft.reference,
        url=draft.url,
        origin=draft.own.origin(),
        heritage=tuple(one.full_name for one in draft.chain[:-1]),
    )


def _draft(
    chain: tuple[Overlay, ...],
    group: Group,
    stream: Stream,
    kinds: Mapping[str, CompiledTemplate],
    stacks: ValueStack,
) -> Draft:
    own = chain[-1]
    spec_layers = _layers(((one.spec, one.stream_specs) for one in chain), stream.name)
    value_layers = _layers(((one.values, one.stream_values) for one in chain), stream.name)
    spec = merge_layers(spec_layers)
    kind = _kind(spec, spec_layers, own, kinds)
    stacked = stacks.stack(kind, group, own, stream.name, value_layers)
    words = _words(own, stream, stacked)
    tagged = _tagged(stream, group, words, stacks)
    reference = f"{group.namespace.registry}/{_repository(group, words, stacks)}:{tagged.tags[0]}"
    return Draft(
        chain, group, tagged, kind, stacked, spec, spec_layers, reference, _url(own, group)
    )


def _layers(pairs: Iterable[tuple[Layer, Mapping[str, Layer]]], stream: str) -> tuple[Layer, ...]:
    """Return the layers of a chain of overlays that say something, each before its stream's."""
    found: list[Layer] = []
    for layer, by_stream in pairs:
        found += [layer] if layer.values else []
        found += [by_stream[stream]] if stream in by_stream else []
    return tuple(found)


def _kind(
    spec: Mapping[str, Any],
    layers: tuple[Layer, ...],
    own: Overlay,
    kinds: Mapping[str, CompiledTemplate],
) -> CompiledTemplate:
    name = spec.get("template", "")
    if name in kinds:
        return kinds[name]
    raise InputError(
        f"there is no template `{name}`" if name else "the key `template` is missing",
        where=find_origin(layers, ("template",)) or own.origin(),
        hint=did_you_mean(name, kinds),
    )


def _words(own: Overlay, stream: Stream, stacked: StackedValues) -> Mapping[str, Any]:
    """Return what `{name}` may stand for: values first, then the image's own words."""
    words = {"stream": stream.name, "branch": stream.branch}
    words |= {"namespace": own.namespace, "image": own.name}
    return ChainMap(dict(stacked.values), dict(stacked.spare), words)


def _tagged(stream: Stream, group: Group, words: Mapping[str, Any], stacks: ValueStack) -> Stream:
    tags = []
    for index, tag in enumerate(stream.tags):
        where = group.document.origin(("streams", stream.name, "tags", index))
        stacks.take(placeholder_names(tag))
        tags.append(fill_placeholders(tag, words, where))
        if problem := format_problem("tag", tags[-1]):
            raise InputError(f"`{tags[-1]}` {problem}", where=where)
    return stream if tuple(tags) == stream.tags else replace(stream, tags=tuple(tags))


def _repository(group: Group, words: Mapping[str, Any], stacks: ValueStack) -> str:
    where = group.document.origin(("repository",))
    stacks.take(placeholder_names(group.namespace.repository))
    name = fill_placeholders(group.namespace.repository, words, where)
    if problem := format_problem("repository", name):
        raise InputError(f"`{name}` {problem}", where=where)
    return name


def _url(own: Overlay, group: Group) -> str:
    place = group.namespace.dist_git
    url = fill_placeholders(
        place.url, {"namespace": own.namespace, "image": own.name}, place.origin
    )
    if problem := format_problem("git-url", url):
        raise InputError(f"the address of the dist-git repository {problem}", where=place.origin)
    return url


def _filled(draft: Draft, stacks: ValueStack) -> dict[str, Any]:
    """Return the spec with `{value}` filled in where it may stand."""
    words = _words(draft.own, draft.stream, draft.stacked)

    def filled(says: Any, *key: str) -> Any:
        if isinstance(says, dict):
            return {name: filled(inner, *key, name) for name, inner in says.items()}
        stacks.take(placeholder_names(says))
        return fill_placeholders(says, words, draft.origin(*key))

    keep = ("template", "description")
    return {key: says if key in keep else filled(says, key) for key, says in draft.spec.items()}


def _parents(draft: Draft, spec: Mapping[str, Any], known: References) -> tuple[Parent, ...]:
    if "from" not in spec:
        raise InputError(
            "the key `from` is missing",
            where=draft.own.origin(),
            hint="name an image of the catalogue, an external reference or `scratch`",
        )
    stream = draft.stream.name
    parents = [resolve_parent("base", spec["from"], stream, known, draft.origin("from"))]
    for role, text in spec.get("builders", {}).items():
        where = draft.origin("builders", role)
        parents.append(resolve_parent(role, text, stream, known, where))
    return tuple(parents)


def _sources(draft: Draft, sources: Mapping[str, Mapping[str, str]]) -> tuple[Source, ...]:
    for name, says in sources.items():
        for key, form in (("git", "git-url"), ("ref", "git-ref")):
            _refuse_field(draft, ("sources", name, key), says.get(key), form)
    return tuple(
        Source(name, says["git"], says["ref"], draft.origin("sources", name))
        for name, says in sources.items()
    )


def _downloads(draft: Draft, downloads: Mapping[str, Mapping[str, str]]) -> tuple[Download, ...]:
    for name, says in downloads.items():
        _refuse_field(draft, ("downloads", name, "url"), says.get("url"), "url")
    return tuple(
        Download(name, says["url"], draft.origin("downloads", name))
        for name, says in downloads.items()
    )


def _refuse_field(draft: Draft, key: tuple[str, str, str], text: str | None, form: str) -> None:
    where = draft.origin(*key)
    if text is None:
        raise InputError(f"the key `{key[2]}` is missing in `{'.'.join(key[:2])}`", where=where)
    if problem := format_problem(form, text):
        shown = ".".join(key) if form in SECRET_FORMATS else f"{'.'.join(key)}: {text}"
        raise InputError(f"`{shown}` {problem}", where=where)


def _laid(files: Iterable[tuple[TemplateFile, ...]]) -> tuple[TemplateFile, ...]:
    """Lay files over one another by path, later wins."""
    groups = [group for group in files if group]
    if len(groups) < 2:
        return groups[0] if groups else ()
    laid = {file.path: file for group in groups for file in group}
    return tuple(laid[path] for path in sorted(laid))
