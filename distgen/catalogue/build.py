"""Assembles images, one per stream, from their overlays and all that these inherit."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from distgen.catalogue import overlay
from distgen.catalogue import parents as bases
from distgen.catalogue.images import Overlay, for_stream, refuse_strangers
from distgen.catalogue.namespaces import Group
from distgen.catalogue.placeholders import fill, names
from distgen.catalogue.templates import Kind
from distgen.catalogue.values import Stacked, Stacks
from distgen.errors import InputError
from distgen.model.catalogue import Download, Image, Layer, Parent, Source, Stream, TemplateFile
from distgen.model.words import Origin
from distgen.schema import formats
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
    kind: Kind
    stacked: Stacked
    spec: Mapping[str, Any]
    spec_layers: tuple[Layer, ...]
    reference: str
    url: str

    @property
    def own(self) -> Overlay:
        return self.chain[-1]

    def origin(self, *key: str) -> Origin:
        """Return where the file of the image, or what it extends, says `key`."""
        return overlay.origin(self.spec_layers, key) or self.own.origin()


def drafts(
    chain: tuple[Overlay, ...], group: Group, kinds: Mapping[str, Kind], stacks: Stacks
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
    refuse_strangers(own.patches, offered)
    return [_draft(chain, group, stream, kinds, stacks) for stream in streams]


def finish(draft: Draft, known: References, stacks: Stacks) -> Image:
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
        patches=for_stream(_laid(one.patches for one in draft.chain), draft.stream.name),
        reference=draft.reference,
        url=draft.url,
        origin=draft.own.origin(),
        heritage=tuple(one.full_name for one in draft.chain[:-1]),
    )


def _draft(
    chain: tuple[Overlay, ...],
    group: Group,
    stream: Stream,
    kinds: Mapping[str, Kind],
    stacks: Stacks,
) -> Draft:
    own = chain[-1]
    spec_layers = _layers(((one.spec, one.stream_specs) for one in chain), stream.name)
    value_layers = _layers(((one.values, one.stream_values) for one in chain), stream.name)
    spec = overlay.merge(spec_layers)
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
    spec: Mapping[str, Any], layers: tuple[Layer, ...], own: Overlay, kinds: Mapping[str, Kind]
) -> Kind:
    name = spec.get("template", "")
    if name in kinds:
        return kinds[name]
    raise InputError(
        f"there is no template `{name}`" if name else "the key `template` is missing",
        where=overlay.origin(layers, ("template",)) or own.origin(),
        hint=did_you_mean(name, kinds),
    )


def _words(own: Overlay, stream: Stream, stacked: Stacked) -> Mapping[str, Any]:
    """Return what `{name}` may stand for: values first, then the image's own words."""
    words = {"stream": stream.name, "branch": stream.branch}
    words |= {"namespace": own.namespace, "image": own.name}
    return ChainMap(dict(stacked.values), dict(stacked.spare), words)


def _tagged(stream: Stream, group: Group, words: Mapping[str, Any], stacks: Stacks) -> Stream:
    tags = []
    for index, tag in enumerate(stream.tags):
        where = group.document.origin(("streams", stream.name, "tags", index))
        stacks.take(names(tag))
        tags.append(fill(tag, words, where))
        if problem := formats.problem("tag", tags[-1]):
            raise InputError(f"`{tags[-1]}` {problem}", where=where)
    return stream if tuple(tags) == stream.tags else replace(stream, tags=tuple(tags))


def _repository(group: Group, words: Mapping[str, Any], stacks: Stacks) -> str:
    where = group.document.origin(("repository",))
    stacks.take(names(group.namespace.repository))
    name = fill(group.namespace.repository, words, where)
    if problem := formats.problem("repository", name):
        raise InputError(f"`{name}` {problem}", where=where)
    return name


def _url(own: Overlay, group: Group) -> str:
    place = group.namespace.dist_git
    url = fill(place.url, {"namespace": own.namespace, "image": own.name}, place.origin)
    if problem := formats.problem("git-url", url):
        raise InputError(f"the address of the dist-git repository {problem}", where=place.origin)
    return url


def _filled(draft: Draft, stacks: Stacks) -> dict[str, Any]:
    """Return the spec with `{value}` filled in where it may stand."""
    words = _words(draft.own, draft.stream, draft.stacked)

    def filled(says: Any, *key: str) -> Any:
        if isinstance(says, dict):
            return {name: filled(inner, *key, name) for name, inner in says.items()}
        stacks.take(names(says))
        return fill(says, words, draft.origin(*key))

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
    parents = [bases.resolve("base", spec["from"], stream, known, draft.origin("from"))]
    for role, text in spec.get("builders", {}).items():
        where = draft.origin("builders", role)
        parents.append(bases.resolve(role, text, stream, known, where))
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
    if problem := formats.problem(form, text):
        shown = ".".join(key) if form in formats.SECRET_FORMATS else f"{'.'.join(key)}: {text}"
        raise InputError(f"`{shown}` {problem}", where=where)


def _laid(files: Iterable[tuple[TemplateFile, ...]]) -> tuple[TemplateFile, ...]:
    """Lay files over one another by path, later wins."""
    groups = [group for group in files if group]
    if len(groups) < 2:
        return groups[0] if groups else ()
    laid = {file.path: file for group in groups for file in group}
    return tuple(laid[path] for path in sorted(laid))
