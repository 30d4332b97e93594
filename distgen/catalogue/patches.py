"""Tells which patches of an image's folder a stream gets."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from distgen.errors import InputError
from distgen.git.refs import release_version
from distgen.model.catalogue import TemplateFile
from distgen.model.words import Origin
from distgen.text.suggest import did_you_mean

PATCHES = "patches/"


def patches_for_stream(patches: Iterable[TemplateFile], stream: str) -> tuple[TemplateFile, ...]:
    """Return the patches that a stream gets: those of all streams, then those in its own folder."""
    # An edit that was made in one stream must not reach the others.
    all_patches = tuple(patches)
    common = (file for file in all_patches if file.path.count("/") == 1)
    of_stream = (file for file in all_patches if file.path.startswith(f"{PATCHES}{stream}/"))
    return (*common, *of_stream)


def refuse_unknown_streams(
    patches: Iterable[TemplateFile], streams: Collection[str], releases: Collection[str] = ()
) -> None:
    """Raise InputError for a folder of patches that is not named like a stream.

    Its patches would not be applied, and nothing would say so. `releases` are the shapes of git
    tags that streams are made from: those of a release that left the plan stay in its folder.
    """
    for file in patches:
        folder, slash, _ = file.path.removeprefix(PATCHES).partition("/")
        if slash and folder not in streams and release_version(folder, releases) is None:
            raise InputError(
                f"the namespace has no stream `{folder}` to patch",
                where=Origin(file.source),
                hint=did_you_mean(folder, streams),
            )
