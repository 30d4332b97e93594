"""The options that replace sources of images for one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from distgen.catalogue.mirrors import apply_mirrors
from distgen.catalogue.speculation import Speculation
from distgen.cli.option_groups import option_group
from distgen.cli.session import Session
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock

if TYPE_CHECKING:
    from distgen.catalogue.zuul_items import ZuulItem


@dataclass(frozen=True)
class SourceOptions:
    """The sources that the command line replaces for this run."""

    sources: tuple[str, ...] = ()
    zuul_items: Path | None = None

    def of(self, catalogue: Catalogue, lock: Lock) -> Speculation:
        """Return the catalogue with its sources replaced; refuse what matches nothing."""
        if not self.sources and self.zuul_items is None:
            return Speculation(catalogue)
        from distgen.catalogue.source_overrides import override_sources, parse_override

        overrides = [parse_override(text) for text in self.sources]
        return override_sources(catalogue, overrides, self._items(), lock)

    def _items(self) -> tuple[ZuulItem, ...]:
        if self.zuul_items is None:
            return ()
        from distgen.catalogue.zuul_items import parse_zuul_items

        try:
            return parse_zuul_items(self.zuul_items.read_text(encoding="utf-8"), self.zuul_items)
        except UnicodeDecodeError:
            raise InputError("the file is not text", where=self.zuul_items) from None


def warn_of_unused_items(
    session: Session, speculation: Speculation, images: Sequence[Image]
) -> None:
    """Name on stderr the items of Zuul that have no effect on the chosen images."""
    if not speculation.items:
        return
    from distgen.catalogue.zuul_changes import item_warnings

    keys = {image.key for image in images}
    for warning in item_warnings(speculation.items, speculation.originals, keys):
        session.say(f"warning: {warning}")


def load_catalogue(
    session: Session, sets: tuple[str, ...], overrides: SourceOptions
) -> tuple[Speculation, Lock]:
    """Return what this run renders from: sources replaced, mirrors in the place of names."""
    lock = session.lock()
    speculation = overrides.of(session.catalogue(sets), lock)
    catalogue, lock = apply_mirrors(speculation.catalogue, lock)
    return replace(speculation, catalogue=catalogue), lock


source_options = option_group(
    SourceOptions,
    "overrides",
    click.option(
        "--source",
        "sources",
        metavar="[IMAGE:]NAME=REF",
        multiple=True,
        help="Take a source from a change, branch or fork: REF, URL#REF or CHANGE,PATCHSET.",
    ),
    click.option(
        "--zuul-items",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Merge the changes that a Zuul inventory lists into the tips of their branches.",
    ),
)
"""Add --source and --zuul-items; the command gets them as one `overrides`."""
