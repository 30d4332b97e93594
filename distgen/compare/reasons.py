"""Say why the tree of an image differs: what the image read, and what of that differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from distgen.catalogue.overlay import split_operator
from distgen.compare.comparison import Comparison, naming_revision
from distgen.compare.documents import KeyChange, changed_keys, leaves
from distgen.compare.facts import ImagePair
from distgen.compare.relevance import describe_key, is_relevant, names_the_image
from distgen.compare.sources import describe_file_change
from distgen.model.catalogue import Catalogue, Image, TemplateFile
from distgen.model.lock import Lock

_SET = "--set"
_OWN_FOLDERS = ("templates/", "overlays/")


class ReasonFinder:
    """Finds reasons of images; what differs in a file is found once."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._catalogues = comparison.before.catalogue, comparison.now.catalogue
        self._key_changes: dict[str, tuple[KeyChange, ...]] = {}
        self._file_changes: dict[str, tuple[str, ...]] = {}

    def find_reasons(self, key: str) -> tuple[str, ...]:
        """Return the reasons why an image of both states has another tree."""
        pair = self._pair(key)
        reasons = (
            *self._files(pair),
            *self._documents(pair),
            *self._lock_entries(pair),
            *_source(pair),
            *(("exports",) if "exports" in pair.heads else ()),
            *_assignments(pair),
            *(f"option:--source {name}" for name in self._comparison.replaced.get(key, ())),
        )
        return tuple(dict.fromkeys(reasons))

    @cached_property
    def _images(self) -> tuple[Mapping[str, Image], Mapping[str, Image]]:
        before, now = self._catalogues
        return (
            {image.key: image for image in before.images},
            {image.key: image for image in now.images},
        )

    def _pair(self, key: str) -> ImagePair:
        return ImagePair(self._catalogues, (self._images[0][key], self._images[1][key]))

    # --- files -------------------------------------------------------------------------------

    @cached_property
    def _files_by_path(self) -> tuple[Mapping[str, TemplateFile], Mapping[str, TemplateFile]]:
        before, now = self._catalogues
        return _files_by_path(before), _files_by_path(now)

    def _files(self, pair: ImagePair) -> Iterator[str]:
        """Yield the templates, files and patches that the image read and that differ."""
        before, now = pair.images
        with naming_revision(self._comparison.revision):
            earlier_inputs = self._comparison.before.renderer.input_files(before)
        inputs = {*earlier_inputs, *self._comparison.now.renderer.input_files(now)}
        patches = {patch.source for image in pair.images for patch in image.patches}
        for path in sorted(inputs):
            if path.startswith(_OWN_FOLDERS) and (places := self._describe_file(path)):
                yield from (f"patch:{path}",) if path in patches else places
        if pair.imported_from:
            for path in sorted({path for files in self._named_files for path in files}):
                if pair.reads_named_file(path):
                    yield from self._describe_file(path)

    @property
    def _named_files(self) -> tuple[Mapping[str, TemplateFile], ...]:
        return tuple(catalogue.named_files for catalogue in self._catalogues)

    def _describe_file(self, path: str) -> tuple[str, ...]:
        if path not in self._file_changes:
            before, now = (files.get(path) for files in self._files_by_path)
            same = (before and (before.content, before.executable)) == (
                now and (now.content, now.executable)
            )
            self._file_changes[path] = () if same else describe_file_change(before, now)
        return self._file_changes[path]

    # --- YAML files --------------------------------------------------------------------------

    def _documents(self, pair: ImagePair) -> Iterator[str]:
        for path in pair.documents:
            for change in self._changes(path):
                if is_relevant(change, pair):
                    yield describe_key(change)
        for parent in self._moved_parents(pair):
            for path in parent.documents:
                for change in self._changes(path):
                    if names_the_image(change, parent):
                        yield describe_key(change)

    def _changes(self, path: str) -> tuple[KeyChange, ...]:
        if path not in self._key_changes:
            before, now = (catalogue.documents.get(path) for catalogue in self._catalogues)
            self._key_changes[path] = changed_keys(before, now)
        return self._key_changes[path]

    def _moved_parents(self, pair: ImagePair) -> Iterator[ImagePair]:
        """Yield the parents of the catalogue that are published under another reference."""
        references = [
            {parent.image: parent.reference for parent in image.parents if parent.image}
            for image in pair.images
        ]
        for key, reference in references[0].items():
            in_both = all(key in images for images in self._images)
            if in_both and references[1].get(key, reference) != reference:
                yield self._pair(key)

    # --- the lock ----------------------------------------------------------------------------

    def _lock_entries(self, pair: ImagePair) -> Iterator[str]:
        before, now = self._comparison.before.lock, self._comparison.now.lock
        names_before = dict(_lock_names(pair.images[0]))
        for role, name in _lock_names(pair.images[1]):
            entry = _entry(now, name)
            # A mirror gives an entry another name; another name may have had its entry already.
            if entry not in (_entry(before, name), _entry(before, names_before.get(role, name))):
                yield f"lock:{'#'.join(name)}"
        for named_pair in (pair, *self._moved_parents(pair)):
            if named_pair.is_tagged and "tags" in named_pair.heads:
                yield from self._git_tags(named_pair)

    def _git_tags(self, pair: ImagePair) -> Iterator[str]:
        """Yield the component that streams are made from, where it has other git tags."""
        before, now = self._comparison.before.lock, self._comparison.now.lock
        for component in self._comparison.now.catalogue.components:
            key = (component.git, str(component.choice))
            if pair.images[1].full_name in component.users and before.tags.get(key) != now.tags.get(
                key
            ):
                yield f"lock:{component.git}"


def _assignments(pair: ImagePair) -> Iterator[str]:
    """Yield the values that this run sets on top of all overlays, as far as they differ."""
    for layer in pair.images[1].layers:
        if layer.name == _SET:
            for path, _ in leaves(layer.values):
                name, _ = split_operator(str(path[-1]))
                if pair.value_differs(path, ""):
                    yield f"option:--set {'.'.join(map(str, (*path[:-1], name)))}"


def _source(pair: ImagePair) -> Iterator[str]:
    """Yield the source that brings the image, where it is another one or another version."""
    before, now = ((image.imported_from, image.imported_version) for image in pair.images)
    if before != now:
        yield f"source:{'-'.join(filter(None, now if now[0] else before))}"


def _lock_names(image: Image) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    """Yield what the image uses of the lock: what for, and the name of the entry."""
    yield from ((("parent", parent.role), (parent.reference,)) for parent in image.parents)
    yield from ((("source", source.name), (source.git, source.ref)) for source in image.sources)
    yield from ((("download", item.name), (item.url,)) for item in image.downloads)


def _entry(lock: Lock, name: tuple[str, ...]) -> object:
    if len(name) == 2:
        return lock.sources.get((name[0], name[1]))
    return lock.bases.get(name[0]) or lock.downloads.get(name[0])


def _files_by_path(catalogue: Catalogue) -> dict[str, TemplateFile]:
    files = [file for template in catalogue.templates.values() for file in template.files]
    files += catalogue.shared.values()
    for image in catalogue.images:
        files += (*image.files, *image.patches)
    by_path = {file.source: file for file in files if file.source.startswith(_OWN_FOLDERS)}
    return {**by_path, **catalogue.named_files}
