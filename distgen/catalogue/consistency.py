"""Refuses what only shows when all images of a catalogue are known."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from distgen.catalogue.graph import reachable
from distgen.catalogue.parents import References, is_external
from distgen.catalogue.records import Assignment, Group
from distgen.errors import InputError
from distgen.model.catalogue import Image
from distgen.model.reference import untagged_name
from distgen.model.words import KeyPath
from distgen.text.suggest import did_you_mean


def refuse_unmatched_assignments(assignments: Iterable[Assignment], references: References) -> None:
    """Raise InputError for a --set that reaches no image."""
    keys = [(name, stream) for name, streams in references.items() for stream in streams]
    for assignment in assignments:
        if not any(assignment.reaches(name, stream) for name, stream in keys):
            raise InputError(
                f"`{assignment.pattern}` matches no image",
                where=assignment.layer.path,
                hint=did_you_mean(assignment.pattern, references),
            )


def refuse_shared_places(images: Iterable[Image]) -> None:
    """Raise InputError when two images meet in one repository, of git or of a registry."""
    # Each would overwrite the other one's files, or move the other one's tag.
    first_by_url: dict[str, Image] = {}
    first_by_tag: dict[str, Image] = {}
    for image in images:
        first = first_by_url.setdefault(image.url, image)
        if first.full_name != image.full_name:
            raise InputError(
                f"has the same dist-git repository as {first.full_name} ({first.origin.path}): "
                f"{image.url}",
                where=image.origin,
                hint="put both {namespace} and {image} into the `url` of `dist_git`",
            )
        repository = untagged_name(image.reference)
        for tag in image.stream.tags:
            first = first_by_tag.setdefault(f"{repository}:{tag}", image)
            # A source names its images itself: for two of them this is a finding, not a mistake.
            if first is not image and not (image.imported_from and first.imported_from):
                raise InputError(
                    f"{image.key} is published as {repository}:{tag}, as is {first.key} "
                    f"({first.origin.path})",
                    where=image.origin,
                    hint="give one another tag or name in the registry",
                )


def refuse_wider_platforms(images: Iterable[Image]) -> None:
    """Raise InputError for an image that is to be built for a platform its parent is not for.

    A parent that names no platforms is for those of its own parents.
    """
    by_key = {image.key: image for image in images}

    def unbounded_parents(key: str) -> tuple[str, ...]:
        image = by_key.get(key)
        return image.parent_keys if image and not image.platforms else ()

    for image in by_key.values():
        for key in reachable(image.parent_keys, unbounded_parents) if image.platforms else ():
            parent = by_key.get(key, image)
            wider = [name for name in image.platforms if name not in parent.platforms]
            if parent.platforms and wider:
                raise InputError(
                    f"{image.key} is to be built for {wider[0]}, and its parent {key} is not",
                    where=image.origin,
                    hint=f"its `platforms` may be {', '.join(parent.platforms)}",
                )


def refuse_unknown_policy_images(groups: Iterable[Group], references: References) -> None:
    """Raise InputError for an image that a policy names and the catalogue does not have.

    The policy would silently not apply.
    """
    for group in groups:
        for glob, key in _policy_globs(group):
            name = glob.partition("@")[0]
            if any(fnmatchcase(image, name) for image in references) or is_external(glob):
                continue
            raise InputError(
                f"`{glob}` matches no image of the catalogue",
                where=group.document.origin(key),
                hint=did_you_mean(name, references),
            )


def _policy_globs(group: Group) -> list[tuple[str, KeyPath]]:
    """Return the patterns of images in a policy, each with its key."""
    policy = group.namespace.policy
    globs: list[tuple[str, KeyPath]] = [
        (root, ("policy", "roots", number)) for number, root in enumerate(policy.roots)
    ]
    for rule in policy.rules:
        key = ("policy", "rules", rule.code)
        globs += [(glob, (*key, "images", number)) for number, glob in enumerate(rule.images)]
        globs += [(glob, (*key, "exempt", glob)) for glob, _ in rule.exempt]
    return globs
