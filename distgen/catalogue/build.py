"""Assembles images, one per stream, from their overlays and all that these inherit."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from distgen.catalogue.export_settings import ExportReader, FillText, refuse_unused_settings
from distgen.catalogue.overlay import find_origin, merge_layers
from distgen.catalogue.parents import References, resolve_parent
from distgen.catalogue.patches import patches_for_stream, refuse_unknown_streams
from distgen.catalogue.placeholders import fill_placeholders, fill_tables, placeholder_names
from distgen.catalogue.records import CompiledTemplate, Group, Overlay, edit_policy
from distgen.catalogue.repository_urls import public_url, repository_url
from distgen.catalogue.values import StackedValues, ValueStack
from distgen.errors import InputError
from distgen.exports.repository_formats import REPOSITORY_FORMATS
from distgen.git.refs import TAGS
from distgen.model.catalogue import Download, Image, Layer, Parent, Source, Stream, TemplateFile
from distgen.model.words import Origin
from distgen.schema.formats import SECRET_FORMATS, format_problem
from distgen.text.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Draft:
    """An image with everything but its parents, which may be drafts themselves.

    `chain` is what it extends, farthest first, and its own overlay; `spec` is the merge of all
    their keys but values.
    """

    chain: tuple[Overlay, ...]
    group: Group
    stream: Stream
    template: CompiledTemplate
    stacked: StackedValues
    spec: Mapping[str, Any]
    spec_layers: tuple[Layer, ...]
    reference: str
    url: str
    component: str = ""
    """The source that stands at the git tag, where the stream is made from one."""
    kin: frozenset[str] = frozenset()
    """The images that have the same stream, because they are of the same component."""

    @property
    def overlay(self) -> Overlay:
        return self.chain[-1]

    def origin(self, *key: str) -> Origin:
        """Return where the file of the image, or of one that it extends, has `key`."""
        return find_origin(self.spec_layers, key) or self.overlay.origin()


def draft_images(
    chain: tuple[Overlay, ...],
    group: Group,
    templates: Mapping[str, CompiledTemplate],
    value_stack: ValueStack,
) -> list[Draft]:
    """Return an image's drafts, one per stream in the namespace's order."""
    overlay = chain[-1]
    streams = {stream.name: stream for stream in group.namespace.streams}
    for index, name in enumerate(overlay.streams or ()):
        if name not in streams:
            is_map = ("streams", name) in overlay.spec.marks
            raise InputError(
                f"the namespace `{group.name}` has no stream `{name}`",
                where=overlay.spec.origin(("streams", name if is_map else index)),
                hint=did_you_mean(name, streams),
            )
    tags = group.namespace.from_tags
    refuse_unknown_streams(overlay.folder, streams, tags.choice.shapes if tags else ())
    return [
        draft_image(chain, group, stream, templates, value_stack)
        for name, stream in streams.items()
        if overlay.streams is None or name in overlay.streams
    ]


def finish_image(
    draft: Draft, references: References, value_stack: ValueStack, export_reader: ExportReader
) -> Image:
    """Return the image of a draft, its parents resolved among the catalogue's `references`."""
    spec, fill = _fill_spec(draft, value_stack), _text_filler(draft, value_stack)
    patches = _merge_files(overlay.folder.patches for overlay in draft.chain)
    return Image(
        namespace=draft.group.name,
        name=draft.overlay.name,
        stream=draft.stream,
        description=spec.get("description", draft.template.template.description),
        template=draft.template.name,
        parents=_parents(draft, spec, references),
        sources=_sources(draft, spec.get("sources", {})),
        downloads=_downloads(draft, spec.get("downloads", {})),
        values=draft.stacked.values,
        layers=draft.stacked.layers,
        files=_merge_files(
            overlay.folder.for_stream(draft.stream.pattern) for overlay in draft.chain
        ),
        patches=patches_for_stream(patches, draft.stream.name),
        tests=tuple(file for overlay in draft.chain for file in overlay.folder.tests),
        reference=draft.reference,
        url=draft.url,
        origin=draft.overlay.origin(),
        heritage=tuple(overlay.full_name for overlay in draft.chain[:-1]),
        on_edit=edit_policy(spec.get("on_edit")),
        platforms=tuple(spec.get("platforms", draft.group.namespace.platforms)),
        public_url=public_url(draft.group.namespace.dist_git, draft.group.name, draft.overlay.name),
        exports=export_reader.read(draft.group, draft.spec, draft.spec_layers, fill),
    )


def draft_image(
    chain: tuple[Overlay, ...],
    group: Group,
    stream: Stream,
    templates: Mapping[str, CompiledTemplate],
    value_stack: ValueStack,
) -> Draft:
    """Return the draft of an image in one stream."""
    overlay, name = chain[-1], stream.pattern
    refuse_unused_settings(overlay, group.namespace)
    spec_layers = _layers(((member.spec, member.stream_specs) for member in chain), name)
    spec_layers = (group.exports, *spec_layers)
    value_layers = _layers(((member.values, member.stream_values) for member in chain), name)
    spec = merge_layers(spec_layers)
    template = _find_template(spec, spec_layers, overlay, templates)
    stacked = value_stack.stack(template, group, overlay, stream, value_layers)
    words = _placeholder_values(overlay, group, stream, stacked)
    stream = _fill_tags(stream, group, words, value_stack)
    repository = _repository(group, words, value_stack)
    reference = f"{group.namespace.registry}/{repository}:{stream.tags[0]}"
    url = repository_url(group.namespace.dist_git, overlay.namespace, overlay.name)
    return Draft(chain, group, stream, template, stacked, spec, spec_layers, reference, url)


def _layers(pairs: Iterable[tuple[Layer, Mapping[str, Layer]]], stream: str) -> tuple[Layer, ...]:
    """Return the layers of a chain of overlays that are not empty, each before its stream's."""
    layers: list[Layer] = []
    for layer, by_stream in pairs:
        layers += [layer] if layer.values else []
        layers += [by_stream[stream]] if stream in by_stream else []
    return tuple(layers)


def _find_template(
    spec: Mapping[str, Any],
    layers: tuple[Layer, ...],
    overlay: Overlay,
    templates: Mapping[str, CompiledTemplate],
) -> CompiledTemplate:
    name = spec.get("template", "")
    if name in templates:
        return templates[name]
    raise InputError(
        f"there is no template `{name}`" if name else "the key `template` is missing",
        where=find_origin(layers, ("template",)) or overlay.origin(),
        hint=did_you_mean(name, templates),
    )


def _placeholder_values(
    overlay: Overlay, group: Group, stream: Stream, stacked: StackedValues
) -> Mapping[str, Any]:
    """Return what `{name}` may stand for: values first, then the image's own words.

    A stream that is made from a tag is like another one in all but its component.
    """
    declared = {item.name: item for item in group.namespace.streams}[stream.pattern]
    words = {"stream": declared.name, "branch": declared.branch}
    words |= {"namespace": overlay.namespace, "image": overlay.name}
    return ChainMap(dict(stacked.values), dict(stacked.spare), words)


def _fill_tags(
    stream: Stream, group: Group, words: Mapping[str, Any], value_stack: ValueStack
) -> Stream:
    tags = []
    for index, tag in enumerate(stream.tags):
        where = group.document.origin(("streams", stream.name, "tags", index))
        value_stack.take(placeholder_names(tag))
        tags.append(fill_placeholders(tag, words, where))
        if problem := format_problem("tag", tags[-1]):
            raise InputError(f"`{tags[-1]}` {problem}", where=where)
    return stream if tuple(tags) == stream.tags else replace(stream, tags=tuple(tags))


def _repository(group: Group, words: Mapping[str, Any], value_stack: ValueStack) -> str:
    where = group.document.origin(("repository",))
    value_stack.take(placeholder_names(group.namespace.repository))
    name = fill_placeholders(group.namespace.repository, words, where)
    if problem := format_problem("repository", name):
        raise InputError(f"`{name}` {problem}", where=where)
    return name


def _fill_spec(draft: Draft, value_stack: ValueStack) -> dict[str, Any]:
    """Return the spec with `{value}` filled in where it is allowed."""
    words = _placeholder_values(draft.overlay, draft.group, draft.stream, draft.stacked)

    def fill(data: Any, *key: str) -> Any:
        if isinstance(data, dict):
            return {name: fill(inner, *key, name) for name, inner in data.items()}
        value_stack.take(placeholder_names(data))
        return fill_placeholders(data, words, draft.origin(*key))

    verbatim = ("template", "description", "on_edit", "platforms", *REPOSITORY_FORMATS)
    spec = {key: data if key in verbatim else fill(data, key) for key, data in draft.spec.items()}
    if "description" in spec:
        spec["description"] = fill_tables(spec["description"], words, draft.origin("description"))
    return spec


def _text_filler(draft: Draft, value_stack: ValueStack) -> FillText:
    words = _placeholder_values(draft.overlay, draft.group, draft.stream, draft.stacked)

    def fill(text: str, where: Origin) -> str:
        value_stack.take(placeholder_names(text))
        return fill_placeholders(text, words, where)

    return fill


def _parents(draft: Draft, spec: Mapping[str, Any], references: References) -> tuple[Parent, ...]:
    if "from" not in spec:
        raise InputError(
            "the key `from` is missing",
            where=draft.overlay.origin(),
            hint="name an image of the catalogue, an external reference or `scratch`",
        )
    stream = _parent_stream(draft, spec["from"])
    parents = [resolve_parent("base", spec["from"], stream, references, draft.origin("from"))]
    for role, text in spec.get("builders", {}).items():
        where = draft.origin("builders", role)
        stream = _parent_stream(draft, text)
        parents.append(resolve_parent(role, text, stream, references, where))
    return tuple(parents)


def _parent_stream(draft: Draft, text: str) -> str:
    """Return the stream of a parent that does not name one.

    Tags of other components have names of their own, which may be the same by chance.
    """
    return draft.stream.name if text in draft.kin else draft.stream.pattern


def draft_sources(draft: Draft, value_stack: ValueStack) -> tuple[Source, ...]:
    """Return the sources of a draft."""
    return _sources(draft, _fill_spec(draft, value_stack).get("sources", {}))


def _sources(draft: Draft, sources: Mapping[str, Mapping[str, str]]) -> tuple[Source, ...]:
    for name, keys in sources.items():
        for key, form in (("git", "git-url"), ("ref", "git-ref")):
            _refuse_bad_field(draft, ("sources", name, key), keys.get(key), form)
    tag = f"{TAGS}{draft.stream.name}"
    return tuple(
        Source(
            name,
            keys["git"],
            tag if name == draft.component else keys["ref"],
            draft.origin("sources", name),
        )
        for name, keys in sources.items()
    )


def _downloads(draft: Draft, downloads: Mapping[str, Mapping[str, str]]) -> tuple[Download, ...]:
    for name, keys in downloads.items():
        _refuse_bad_field(draft, ("downloads", name, "url"), keys.get("url"), "url")
    return tuple(
        Download(name, keys["url"], draft.origin("downloads", name))
        for name, keys in downloads.items()
    )


def _refuse_bad_field(draft: Draft, key: tuple[str, str, str], text: str | None, form: str) -> None:
    where = draft.origin(*key)
    if text is None:
        raise InputError(f"the key `{key[2]}` is missing in `{'.'.join(key[:2])}`", where=where)
    if problem := format_problem(form, text):
        field = ".".join(key) if form in SECRET_FORMATS else f"{'.'.join(key)}: {text}"
        raise InputError(f"`{field}` {problem}", where=where)


def _merge_files(folders: Iterable[tuple[TemplateFile, ...]]) -> tuple[TemplateFile, ...]:
    """Return files by path; where two folders have one path, the file of the later folder."""
    with_files = [files for files in folders if files]
    if not with_files:
        return ()
    if len(with_files) == 1 and not with_files[0][0].is_literal:  # all streams share most files
        return with_files[0]
    by_path = {file.path: file for files in with_files for file in files}
    return tuple(by_path[path] for path in sorted(by_path))
