"""Changes that are merged into a source for a run: how they are written; none may be missing."""

from __future__ import annotations

from collections.abc import Mapping

from distgen.errors import InputError
from distgen.model.catalogue import Image
from distgen.model.rendered import File
from distgen.render.context import SourceFacts


def format_changes(source: SourceFacts) -> str:
    """Return the changes as the manifest lists them: `URL#REF`, a blank between them."""
    return " ".join(f"{change.git}#{change.commit or change.ref}" for change in source.changes)


def check_changes(files: Mapping[str, File], image: Image) -> None:
    """Refuse a tree that leaves out a change: its template may not know that there are any."""
    texts = [file.content for path, file in files.items() if not path.startswith("README")]
    for source in image.sources:
        for change in source.changes:
            if not any(change.ref.encode() in text for text in texts):
                raise InputError(
                    f"template {image.template} does not merge {change.ref} into the source"
                    f" {source.name} ({image.key})",
                    where=source.origin,
                    hint=f"merge `sources.{source.name}.changes` in it, as the macros of"
                    f" _shared/git.j2 do, or build one change alone: --source {source.name}=REF",
                )
