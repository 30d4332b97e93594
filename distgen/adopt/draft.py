"""The images of a catalogue as they become while edits are adopted one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from distgen.adopt.overlay_files import with_overlay_files
from distgen.adopt.records import EditedBranch
from distgen.errors import InputError
from distgen.lint.check import fault
from distgen.lint.work import Work
from distgen.model.catalogue import Catalogue, Image, TemplateFile
from distgen.model.lock import Lock
from distgen.model.rendered import Tree
from distgen.render.tree_renderer import TreeRenderer

FilesByImage = Mapping[str, tuple[TemplateFile, ...]]
"""What is added to overlays, by the keys of the images that need it."""


class CatalogueDraft:
    """The images of a catalogue, with the overlay files that adoption has added so far."""

    def __init__(self, catalogue: Catalogue, lock: Lock, renderer: TreeRenderer) -> None:
        self.catalogue, self.lock = catalogue, lock
        self.renderer = renderer
        self.images = {image.key: image for image in catalogue.images}

    def tree(self, image: Image) -> Tree:
        return self.renderer.tree(image)

    def streams(self, image: Image) -> tuple[Image, ...]:
        """Return the image in all its streams."""
        images = self.images.values()
        return tuple(sibling for sibling in images if sibling.full_name == image.full_name)

    def heirs(self, image: Image) -> tuple[Image, ...]:
        """Return the images whose overlays extend the one of this image."""
        return tuple(heir for heir in self.images.values() if image.full_name in heir.heritage)

    def add(
        self, branches: Sequence[EditedBranch], new: FilesByImage
    ) -> tuple[str, tuple[str, ...]]:
        """Add overlay files; say what goes wrong, and which other images change.

        When anything goes wrong the draft stays as it is.
        """
        changed: dict[str, Image] = {}
        try:
            for branch in branches:
                image = with_overlay_files(branch.image, new[branch.image.key])
                # A patch without a number in its name is applied after all that have one.
                if {file.path: file for file in self.tree(image).files} != branch.targets:
                    return "patches of other names come after those of the edit; number them", ()
                changed[image.key] = image
            heirs, touches = self._change_heirs(branches[0].image, new)
            changed |= heirs
            fault = self._new_fault(changed)
        except InputError as error:
            return f"it would not be rendered any more: {error}", ()
        if fault:
            return f"it would not be published any more: {fault}", ()
        self.images |= changed
        return "", touches

    def _change_heirs(
        self, image: Image, new: FilesByImage
    ) -> tuple[dict[str, Image], tuple[str, ...]]:
        """Return the heirs with the files, and the keys of those that change by them."""
        every_file = [file for files in new.values() for file in files]
        changed, touches = {}, []
        for heir in self.heirs(image):
            changed[heir.key] = with_overlay_files(heir, every_file)
            if self.tree(changed[heir.key]) != self.tree(heir):
                touches.append(heir.key)
        return changed, tuple(touches)

    def _new_fault(self, changed: Mapping[str, Image]) -> str:
        """Say why an image that could be published before cannot as changed, "" if all can."""
        # Edits were adopted that the rules refuse, and the publication that carried them failed.
        fault_before = self._find_fault(self.images)
        fault_after = self._find_fault({**self.images, **changed})
        for key, image in changed.items():
            reason = fault_after(self.tree(image))
            if reason and not fault_before(self.tree(self.images[key])):
                return reason
        return ""

    def _find_fault(self, images: Mapping[str, Image]) -> Callable[[Tree], str]:
        catalogue = replace(self.catalogue, images=tuple(images.values()))
        return fault(Work(catalogue, self.lock, (), self.renderer))
