"""Reads a catalogue, a folder of templates and overlays, into images with everything merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from distgen.catalogue.build import Draft, draft_images, finish_image
from distgen.catalogue.consistency import (
    refuse_shared_places,
    refuse_unknown_policy_images,
    refuse_unmatched_assignments,
    refuse_wider_platforms,
)
from distgen.catalogue.cycles import refuse_cycles
from distgen.catalogue.deployments import refuse_unknown_images
from distgen.catalogue.export_settings import ExportReader, refuse_export_settings
from distgen.catalogue.extension import extension_chains
from distgen.catalogue.folder import FolderEntry, list_folder
from distgen.catalogue.images import read_image_files, read_overlay
from distgen.catalogue.imported import ReadSource, empty_templates, read_sources
from distgen.catalogue.inputs import PARTS
from distgen.catalogue.namespaces import FILE, FOLDER, read_namespace
from distgen.catalogue.parents import References
from distgen.catalogue.records import (
    Assignment,
    CompiledTemplate,
    Group,
    ImageFiles,
    Overlay,
    Settings,
)
from distgen.catalogue.settings import parse_assignment, read_settings
from distgen.catalogue.tagged_drafts import (
    LockedTags,
    draft_tags,
    read_locked_tags,
    tagged_components,
)
from distgen.catalogue.templates import read_templates
from distgen.catalogue.timed_check import TimedCheck
from distgen.catalogue.values import ValueStack
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image, Layer, TemplateFile
from distgen.model.releases import TaggedComponent
from distgen.model.words import Origin
from distgen.schema.yaml import Document


def load_catalogue(
    root: str | Path,
    sets: Sequence[str] = (),
    read_source: ReadSource | None = None,
    tags: LockedTags | None = None,
) -> Catalogue:
    """Read the catalogue in `root` with the assignments of `--set` on top.

    `read_source` returns the images of namespaces that have a `source`. Streams are made from the
    git tags in `tags`, where it holds them, else from those in distgen.lock, which must be there.
    Raise InputError for the first mistake, with its file and line.
    """
    base = Path(root).absolute()
    site = read_settings(base)
    assignments = [parse_assignment(text) for text in sets]
    drafted = _draft(base, site, assignments, tags)
    source_images = read_sources(
        drafted.groups.values(), assignments, base, drafted.folders, read_source, site.limits
    )
    references = _references(drafted.drafts, source_images.images)
    refuse_unmatched_assignments(assignments, references)
    own_images = drafted.finish_images(references)
    images = tuple(sorted((*own_images, *source_images.images), key=attrgetter("key")))
    _refuse_inconsistency(drafted, images, references)
    templates = {name: compiled.template for name, compiled in drafted.templates.items()}
    return Catalogue(
        root=str(base),
        images=images,
        templates=templates | empty_templates(source_images.images),
        namespaces={name: group.namespace for name, group in drafted.groups.items()},
        source=site.source,
        mirrors=site.mirrors,
        shared=drafted.includable,
        findings=source_images.findings,
        limits=site.limits,
        inputs=(*PARTS, *source_images.inputs),
        documents=_documents(site.document, *drafted.documents()),
        components=drafted.components,
    )


@dataclass(frozen=True, slots=True)
class _DraftedCatalogue:
    """What the catalogue's own files say, before images of sources are known.

    `folders` are those of overlays for images that a source brings, by full name.
    """

    templates: dict[str, CompiledTemplate]
    includable: dict[str, TemplateFile]
    groups: dict[str, Group]
    overlays: dict[str, Overlay]
    folders: dict[str, ImageFiles]
    values: ValueStack
    drafts: tuple[Draft, ...]
    components: tuple[TaggedComponent, ...]

    def finish_images(self, references: References) -> Iterator[Image]:
        """Yield the images, whose parents are among these references."""
        export_reader = ExportReader()
        for draft in self.drafts:
            yield finish_image(draft, references, self.values, export_reader)

    def documents(self) -> Iterator[Document]:
        """Return the YAML files that were read, settings aside."""
        yield from (compiled.document for compiled in self.templates.values())
        yield from (group.document for group in self.groups.values())
        yield from (overlay.document for overlay in self.overlays.values())


def _draft(
    root: Path, site: Settings, assignments: Sequence[Assignment], tags: LockedTags | None
) -> _DraftedCatalogue:
    check = TimedCheck(site.limits.seconds)
    with check.watch_time():
        templates, includable = read_templates(root, check)
        groups, overlays, folders = _read_overlays(root, site)
        values = ValueStack(site.values, assignments, check)
        drafts = [
            draft
            for chain in extension_chains(overlays).values()
            for draft in draft_images(chain, groups[chain[-1].namespace], templates, values)
        ]
        components = tagged_components(drafts, values)
        if components and tags is None:
            tags = read_locked_tags(root, components)
        drafts += draft_tags(drafts, components, tags or {}, templates, values)
    return _DraftedCatalogue(
        templates, includable, groups, overlays, folders, values, tuple(drafts), components
    )


def _refuse_inconsistency(
    drafted: _DraftedCatalogue, images: Sequence[Image], references: dict[str, dict[str, str]]
) -> None:
    drafted.values.refuse_unused()
    refuse_cycles(images)
    refuse_shared_places(images)
    refuse_wider_platforms(images)
    refuse_export_settings(images, drafted.groups)
    refuse_unknown_policy_images(drafted.groups.values(), references)
    refuse_unknown_images(drafted.groups.values(), references)


def _documents(*documents: Document) -> dict[str, Layer]:
    return {
        document.path: Layer("document", document.path, document.data, document.marks)
        for document in documents
    }


def _references(
    drafts: Iterable[Draft], source_images: Iterable[Image]
) -> dict[str, dict[str, str]]:
    """Return what FROM must say of each image, by full name and stream."""
    references: dict[str, dict[str, str]] = {}
    for draft in drafts:
        references.setdefault(draft.overlay.full_name, {})[draft.stream.name] = draft.reference
    for image in source_images:
        references.setdefault(image.full_name, {})[image.stream.name] = image.reference
    return references


def _read_overlays(
    root: Path, site: Settings
) -> tuple[dict[str, Group], dict[str, Overlay], dict[str, ImageFiles]]:
    """Return namespaces, overlays of images, and folders for images that a source brings."""
    groups: dict[str, Group] = {}
    overlays: dict[str, Overlay] = {}
    source_overlays: dict[str, ImageFiles] = {}
    for entry in list_folder(root, FOLDER):
        if not entry.is_folder:
            _refuse_stray(entry)
        elif not entry.name.startswith("."):
            groups[entry.name] = read_namespace(root, entry.name, site)
            if groups[entry.name].source:
                source_overlays.update(_read_source_overlays(root, entry))
            else:
                for overlay in _read_images(root, entry):
                    overlays[overlay.full_name] = overlay
    return groups, overlays, source_overlays


def _read_source_overlays(root: Path, namespace: FolderEntry) -> Iterator[tuple[str, ImageFiles]]:
    """Yield the files and patches in folders of images that a source brings."""
    for entry in list_folder(root, namespace.path):
        if entry.is_folder and not entry.name.startswith("."):
            yield f"{namespace.name}/{entry.name}", read_image_files(root, entry.path)
        elif entry.name.endswith((".yaml", ".yml")) and entry.name != FILE:
            raise InputError(
                "would not be read: the images of this namespace come from its source",
                where=Origin(entry.path),
                hint="move it to another namespace, or write a folder of files and patches",
            )


def _read_images(root: Path, namespace: FolderEntry) -> Iterator[Overlay]:
    entries = list_folder(root, namespace.path)
    files = {entry.name: entry for entry in entries if not entry.is_folder and entry.name != FILE}
    folders = {
        entry.name: entry for entry in entries if entry.is_folder and not entry.name.startswith(".")
    }
    for name, folder in folders.items():
        if f"{name}.yaml" not in files:
            raise InputError(
                f"there is no {name}.yaml beside the folder",
                where=Origin(folder.path),
                hint="write the image's overlay, or remove the folder",
            )
    for name, file in files.items():
        if name.endswith(".yaml"):
            image = name.removesuffix(".yaml")
            yield read_overlay(root, namespace.name, image, image in folders)
        else:
            _refuse_stray(file)


def _refuse_stray(entry: FolderEntry) -> None:
    """Refuse a file that looks like an overlay where none is read; a README may lie there."""
    if entry.name.endswith(".yml"):
        raise InputError("would not be read", where=Origin(entry.path), hint="call it .yaml")
    if entry.name.endswith(".yaml"):
        hint = "put it into a namespace's folder"
        raise InputError("belongs to no namespace", where=Origin(entry.path), hint=hint)
