"""Reads a catalogue, a folder of templates and overlays, into images with everything merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from distgen.catalogue import build, folder, images, imported, namespaces, settings, templates
from distgen.catalogue.build import Draft
from distgen.catalogue.cycles import refuse_cycles
from distgen.catalogue.folder import FolderEntry
from distgen.catalogue.images import Overlay
from distgen.catalogue.imported import ImageFiles, ReadSource
from distgen.catalogue.namespaces import FOLDER, Group
from distgen.catalogue.parents import is_external
from distgen.catalogue.settings import Assignment, Settings
from distgen.catalogue.values import ValueStack
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.words import KeyPath, Origin
from distgen.text.suggest import did_you_mean


def load_catalogue(
    root: str | Path, sets: Sequence[str] = (), ask: ReadSource | None = None
) -> Catalogue:
    """Read the catalogue in `root` with the assignments of `--set` on top.

    `ask` is asked for the images of namespaces that have a `source`. Raise InputError for the first
    mistake, with the file and line of what was written.
    """
    base = Path(root).absolute()
    site = settings.read_settings(base)
    assignments = [settings.parse_assignment(text) for text in sets]
    kinds, shared = templates.read_templates(base)
    groups, overlays, owned = _overlays(base, site)
    stacks = ValueStack(site.values, assignments)
    drafts = [
        draft
        for chain in images.extension_chains(overlays).values()
        for draft in build.draft_images(chain, groups[chain[-1].namespace], kinds, stacks)
    ]
    brought = imported.read_sources(groups.values(), assignments, base, owned, ask)
    known = _references(drafts, brought.images)
    _refuse_unmatched(assignments, known)
    finished = sorted(
        (*(build.finish_image(draft, known, stacks) for draft in drafts), *brought.images),
        key=lambda image: image.key,
    )
    stacks.refuse_unused()
    refuse_cycles(finished)
    _refuse_shared_places(finished)
    _refuse_strangers(groups.values(), known)
    return Catalogue(
        root=str(base),
        images=tuple(finished),
        templates={name: kind.template for name, kind in kinds.items()}
        | imported.empty_templates(brought.images),
        namespaces={name: group.namespace for name, group in groups.items()},
        source=site.source,
        mirrors=site.mirrors,
        shared=shared,
        findings=brought.findings,
    )


def _references(drafts: Iterable[Draft], brought: Iterable[Image]) -> dict[str, dict[str, str]]:
    """Return what FROM must say of each image, by full name and stream."""
    known: dict[str, dict[str, str]] = {}
    for draft in drafts:
        known.setdefault(draft.own.full_name, {})[draft.stream.name] = draft.reference
    for image in brought:
        known.setdefault(image.full_name, {})[image.stream.name] = image.reference
    return known


def _overlays(
    root: Path, site: Settings
) -> tuple[dict[str, Group], dict[str, Overlay], dict[str, ImageFiles]]:
    groups: dict[str, Group] = {}
    overlays: dict[str, Overlay] = {}
    owned: dict[str, ImageFiles] = {}
    for entry in folder.list_folder(root, FOLDER):
        if not entry.is_folder:
            _refuse_stray(entry)
        elif not entry.name.startswith("."):
            groups[entry.name] = namespaces.read_namespace(root, entry.name, site.dist_git)
            if groups[entry.name].source:
                owned.update(_owned(root, entry))
            else:
                overlays.update({one.full_name: one for one in _images(root, entry)})
    return groups, overlays, owned


def _owned(root: Path, namespace: FolderEntry) -> Iterator[tuple[str, ImageFiles]]:
    """Yield the files and patches that stand in folders of images which a source brings."""
    for one in folder.list_folder(root, namespace.path):
        if one.is_folder and not one.name.startswith("."):
            yield f"{namespace.name}/{one.name}", images.read_image_files(root, one.path)
        elif one.name.endswith((".yaml", ".yml")) and one.name != namespaces.FILE:
            raise InputError(
                "would not be read: the images of this namespace come from its source",
                where=Origin(one.path),
                hint="move it to another namespace, or write a folder of files and patches",
            )


def _images(root: Path, namespace: FolderEntry) -> Iterator[Overlay]:
    found = folder.list_folder(root, namespace.path)
    files = {one.name: one for one in found if not one.is_folder and one.name != namespaces.FILE}
    folders = {one.name: one for one in found if one.is_folder and not one.name.startswith(".")}
    for name, one in folders.items():
        if f"{name}.yaml" not in files:
            raise InputError(
                f"there is no {name}.yaml beside the folder",
                where=Origin(one.path),
                hint="write the image's overlay, or remove the folder",
            )
    for name, one in files.items():
        if name.endswith(".yaml"):
            image = name.removesuffix(".yaml")
            yield images.read_overlay(root, namespace.name, image, image in folders)
        else:
            _refuse_stray(one)


def _refuse_stray(one: FolderEntry) -> None:
    """Other files may lie about, such as a README, but none that looks like an overlay."""
    if one.name.endswith(".yml"):
        raise InputError("would not be read", where=Origin(one.path), hint="call it .yaml")
    if one.name.endswith(".yaml"):
        hint = "put it into a namespace's folder"
        raise InputError("belongs to no namespace", where=Origin(one.path), hint=hint)


def _refuse_unmatched(
    assignments: Iterable[Assignment], known: Mapping[str, Mapping[str, str]]
) -> None:
    for one in assignments:
        if not any(one.reaches(name, stream) for name in known for stream in known[name]):
            raise InputError(
                f"`{one.pattern}` matches no image",
                where=one.layer.path,
                hint=did_you_mean(one.pattern, known),
            )


def _refuse_shared_places(found: Iterable[Image]) -> None:
    """Two images must not meet in one repository, neither of git nor of a registry."""
    urls: dict[str, Image] = {}
    tags: dict[str, Image] = {}
    for image in found:
        first = urls.setdefault(image.url, image)
        if first.full_name != image.full_name:
            raise InputError(
                f"has the same dist-git repository as {first.full_name} ({first.origin.path}): "
                f"{image.url}",
                where=image.origin,
                hint="put both {namespace} and {image} into the `url` of `dist_git`",
            )
        repository = image.reference.rpartition(":")[0]
        for tag in image.stream.tags:
            other = tags.setdefault(f"{repository}:{tag}", image)
            if other is not image and not (
                imported.is_imported(image) and imported.is_imported(other)
            ):
                raise InputError(
                    f"{image.key} is published as {repository}:{tag}, as is {other.key} "
                    f"({other.origin.path})",
                    where=image.origin,
                    hint="give one another tag or name in the registry",
                )


def _refuse_strangers(groups: Iterable[Group], known: Mapping[str, object]) -> None:
    """Images that a policy calls by name must be there, or it would silently not apply."""
    for group in groups:
        policy, origin = group.namespace.policy, group.document.origin
        asked: list[tuple[str, KeyPath]] = [
            (root, ("policy", "roots", n)) for n, root in enumerate(policy.roots)
        ]
        for rule in policy.rules:
            at = ("policy", "rules", rule.code)
            asked += [(glob, (*at, "images", n)) for n, glob in enumerate(rule.images)]
            asked += [(glob, (*at, "exempt", glob)) for glob, _ in rule.exempt]
        for glob, key in asked:
            name = glob.partition("@")[0]
            if any(fnmatchcase(image, name) for image in known) or is_external(glob):
                continue
            raise InputError(
                f"`{glob}` matches no image of the catalogue",
                where=origin(key),
                hint=did_you_mean(name, known),
            )
