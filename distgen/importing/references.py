"""Tell which parents of imported images are images of the catalogue themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from distgen.catalogue.cycles import find_cycle
from distgen.importing.parents import SCRATCH
from distgen.importing.records import DockerfileParents, ImageDraft
from distgen.model.reference import Reference, read_reference

_OFFICIAL = "docker.io/library"
_REPOSITORIES = ("{image}", "{namespace}-{image}")
"""How repositories are usually named after images."""


@dataclass(frozen=True, slots=True)
class Publication:
    """How the images of the namespace are called in their registry.

    `tags` are those of the streams, `known` the images that the catalogue has, by reference.
    """

    namespace: str
    registry: str
    tags: Mapping[str, str]
    repository: str = "{image}"
    known: Mapping[str, str] = field(default_factory=dict)

    def repository_of(self, image: str) -> str:
        """Return the name of an image's repository, with its registry."""
        path = self.repository.replace("{image}", image).replace("{namespace}", self.namespace)
        return f"{self.registry}/{path}"


def choose_registry(drafts: Sequence[ImageDraft], namespace: str) -> tuple[str, str]:
    """Return the registry from which the images name each other most often, "" where none does.

    With it goes the shape of their repositories' names.
    """
    names = {
        shape.format(image=draft.name, namespace=namespace): (shape, draft.name)
        for shape in reversed(_REPOSITORIES)
        for draft in drafts
    }
    counts: Counter[tuple[str, str]] = Counter()
    for reference, draft, _ in _uses(drafts):
        account, _, name = reference.name.rpartition("/")
        shape, image = names.get(name, ("", draft.name))
        # Whoever imports `python` builds on the official one all the same.
        if image != draft.name and account != _OFFICIAL and "/" in account:
            counts[(account, shape)] += 1
    in_order = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return in_order[0] if in_order else ("", _REPOSITORIES[0])


def choose_tags(
    drafts: Sequence[ImageDraft], publication: Publication, streams: Iterable[str]
) -> dict[str, str]:
    """Return for each stream the tag by which its images name each other, else its own name."""
    repositories = {publication.repository_of(draft.name) for draft in drafts}
    counts: dict[str, Counter[str]] = {}
    for reference, _, stream in _uses(drafts):
        if reference.name in repositories and not reference.digest:
            counts.setdefault(stream, Counter())[reference.tag or "latest"] += 1
    tags: dict[str, str] = {}
    for stream in streams:
        in_order = sorted(counts.get(stream, {}).items(), key=lambda pair: (-pair[1], pair[0]))
        free = (tag for tag, _ in in_order if tag not in tags.values())
        tags[stream] = next(free, stream)
    return tags


def _uses(drafts: Iterable[ImageDraft]) -> Iterator[tuple[Reference, ImageDraft, str]]:
    for draft in drafts:
        for stream, parents in draft.parents.items():
            for text in parents.references:
                if reference := read_reference(text):
                    yield reference, draft, stream


def name_parents(
    drafts: Sequence[ImageDraft], publication: Publication
) -> Mapping[str, Mapping[str, DockerfileParents]]:
    """Return the parents by image and stream as overlays say them."""
    streams = {draft.name: tuple(draft.parents) for draft in drafts}
    by_name = {publication.repository_of(name): name for name in streams}

    def translate(text: str, image: str, stream: str) -> str:
        reference = read_reference(text) if text != SCRATCH else None
        if reference is None or reference.digest:
            return text
        other = publication.known.get(f"{reference.name}:{reference.tag or 'latest'}")
        if other is None:
            other = _imported_key(reference, by_name, streams, publication)
        full_name, _, other_stream = (other or "").partition("@")
        if not other or full_name == f"{publication.namespace}/{image}":
            return text
        return full_name if other_stream == stream else other

    return {
        draft.name: {
            stream: DockerfileParents(
                translate(parents.base, draft.name, stream),
                tuple(
                    (role, translate(reference, draft.name, stream))
                    for role, reference in parents.builders
                ),
            )
            for stream, parents in draft.parents.items()
        }
        for draft in drafts
    }


def _imported_key(
    reference: Reference,
    by_name: Mapping[str, str],
    streams: Mapping[str, Sequence[str]],
    publication: Publication,
) -> str | None:
    """Return the imported image and stream that has this name and tag."""
    name = by_name.get(reference.name)
    if name is None:
        return None
    tag = reference.tag or "latest"
    matches = (stream for stream in streams[name] if publication.tags.get(stream) == tag)
    stream = next(matches, None)
    return f"{publication.namespace}/{name}@{stream}" if stream else None


def find_imported_cycle(
    parents: Mapping[str, Mapping[str, DockerfileParents]], namespace: str
) -> tuple[str, ...]:
    """Return the images of a cycle among those that are imported, () when there is none."""
    edges: dict[str, set[str]] = {}
    for image, by_stream in parents.items():
        for stream, names in by_stream.items():
            keys = edges.setdefault(f"{namespace}/{image}@{stream}", set())
            for text in names.references:
                if text.startswith(f"{namespace}/"):
                    keys.add(text if "@" in text else f"{text}@{stream}")
    present = {key: keys & {*edges} for key, keys in edges.items()}
    cycle = find_cycle(present)
    return tuple(dict.fromkeys(key.partition("@")[0].partition("/")[2] for key in cycle))
