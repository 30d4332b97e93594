"""Tells which patches of an image's folder a stream gets, and refuses what no stream gets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from distgen.catalogue.records import ImageFiles
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
    files: ImageFiles, streams: Collection[str], releases: Collection[str] = ()
) -> None:
    """Raise InputError for a folder of patches, or of copied files, not named like a stream.

    They would reach no image, and nothing would say so. `releases` are the shapes of git tags that
    streams are made from: the patches of a release that left the plan stay in its folder.
    """
    _refuse_unknown_verbatim(files.verbatim, streams)
    for file in files.patches:
        folder, slash, _ = file.path.removeprefix(PATCHES).partition("/")
        if slash and folder not in streams and release_version(folder, releases) is None:
            raise InputError(
                f"the namespace has no stream `{folder}` to patch",
                where=Origin(file.source),
                hint=did_you_mean(folder, streams),
            )


def _refuse_unknown_verbatim(
    verbatim: Mapping[str, tuple[TemplateFile, ...]], streams: Collection[str]
) -> None:
    """Raise InputError for a folder `verbatim@STREAM` that is not named like a stream."""
    for name, files in verbatim.items():
        if name and name not in streams:
            raise InputError(
                f"the namespace has no stream `{name}` to copy this for",
                where=Origin(files[0].source),
                hint=did_you_mean(name, streams),
            )
