"""Turn the drafts of images into the files that a catalogue gets, and say what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from distgen.importing.overlays import common_url, namespace_yaml, overlay_yaml
from distgen.importing.records import DockerfileParents, ImageDraft, ImportChoice, ImportResult
from distgen.importing.references import (
    Publication,
    choose_registry,
    choose_tags,
    find_imported_cycle,
    name_parents,
)
from distgen.model.catalogue import Catalogue, Namespace


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The images to import, and the texts that the catalogue gets by path.

    The files of the images themselves are kept elsewhere until then.
    """

    images: tuple[str, ...]
    texts: Mapping[str, str] = field(repr=False)
    results: tuple[ImportResult, ...] = ()


def plan_import(
    drafts: Sequence[ImageDraft],
    branches: Mapping[str, str],
    choice: ImportChoice,
    catalogue: Catalogue,
) -> ImportPlan:
    """Return the overlays of all images that can be imported; `branches` are by stream.

    Refused are images that are there already, namesakes, and cycles.
    """
    new, refused = _split_namesakes(drafts, choice.namespace, catalogue)
    namespace = catalogue.namespaces.get(choice.namespace)
    while True:
        publication = _publication(new, branches, choice, catalogue)
        parents = name_parents(new, publication)
        cycle = find_imported_cycle(parents, choice.namespace)
        if not cycle:
            break
        sentence = f"builds on itself: {' -> '.join((*cycle, cycle[0]))}"
        in_cycle = [draft for draft in new if draft.name in cycle]
        refused += [_refuse(draft, sentence, choice.namespace) for draft in in_cycle]
        new = [draft for draft in new if draft.name not in cycle]
    texts = {
        f"overlays/{choice.namespace}/{draft.name}.yaml": overlay_yaml(
            draft, parents[draft.name], tuple(publication.tags)
        )
        for draft in new
    }
    if new and namespace is None:
        texts |= _namespace_text(new, publication, branches, choice)
    results = [_result(draft, parents[draft.name], choice.namespace) for draft in new]
    names = tuple(draft.name for draft in new)
    return ImportPlan(names, texts, (*results, *refused))


def _split_namesakes(
    drafts: Sequence[ImageDraft], namespace: str, catalogue: Catalogue
) -> tuple[list[ImageDraft], list[ImportResult]]:
    """Return the drafts with names of their own, and why the others are refused."""
    names = {image.full_name for image in catalogue.images}
    places: dict[str, str] = {}
    refused: list[ImportResult] = []
    new: list[ImageDraft] = []
    for draft in drafts:
        full_name = f"{namespace}/{draft.name}"
        rename = f"choose another name with --name '{draft.name}=NEW'"
        if full_name in names:
            refused.append(_refuse(draft, f"is in the catalogue already; {rename}", namespace))
        elif full_name in places:
            sentence = f"has the name of what {places[full_name]} gives; {rename}"
            refused.append(_refuse(draft, sentence, namespace))
        else:
            places[full_name] = draft.place
            new.append(draft)
    return new, refused


def _publication(
    drafts: Sequence[ImageDraft],
    branches: Mapping[str, str],
    choice: ImportChoice,
    catalogue: Catalogue,
) -> Publication:
    """Return how the images are called in the registry: as the namespace says, or as they do."""
    known = {image.reference: image.key for image in catalogue.images}
    namespace = catalogue.namespaces.get(choice.namespace)
    if namespace is not None:
        tags = _tags_of_streams(namespace)
        place = (namespace.registry, tags, namespace.repository)
        return Publication(namespace.name, *place, known=known)
    registry, repository = choose_registry(drafts, choice.namespace)
    registry = choice.registry or registry or f"localhost:5000/{choice.namespace}"
    untagged = Publication(choice.namespace, registry, {}, repository, known)
    return replace(untagged, tags=choose_tags(drafts, untagged, branches))


def _tags_of_streams(namespace: Namespace) -> dict[str, str]:
    return {stream.name: stream.tags[0] for stream in namespace.streams if stream.tags}


def _namespace_text(
    drafts: Iterable[ImageDraft],
    publication: Publication,
    branches: Mapping[str, str],
    choice: ImportChoice,
) -> dict[str, str]:
    used = {stream: branches[stream] for stream in branches if _is_used(stream, drafts)}
    url = common_url({draft.name: draft.url for draft in drafts})
    description = f"Images of {choice.namespace}, imported as they were"
    text = namespace_yaml(publication, used, description, url)
    return {f"overlays/{choice.namespace}/namespace.yaml": text}


def _is_used(stream: str, drafts: Iterable[ImageDraft]) -> bool:
    return any(stream in draft.parents for draft in drafts)


def _result(
    draft: ImageDraft, parents: Mapping[str, DockerfileParents], namespace: str
) -> ImportResult:
    references = (text for names in parents.values() for text in names.references)
    return ImportResult(
        image=f"{namespace}/{draft.name}",
        source=draft.place,
        status="imported",
        streams=tuple(parents),
        parents=tuple(dict.fromkeys(references)),
        detail="; ".join(draft.notes),
    )


def _refuse(draft: ImageDraft, sentence: str, namespace: str) -> ImportResult:
    return ImportResult(f"{namespace}/{draft.name}", draft.place, "refused", detail=sentence)
