"""Choose the branches to retire: what was asked for and has left the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click

from distgen.catalogue.graph import select_images
from distgen.cli.option_groups import option_group
from distgen.cli.session import Choice
from distgen.errors import InputError
from distgen.git.run import Git
from distgen.model.catalogue import Catalogue, Image
from distgen.publish.target import BranchTarget


@dataclass(frozen=True)
class RetireOptions:
    """Whether, and why, branches are retired whose image or stream has left the catalogue."""

    requested: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if self.reason and not self.requested:
            raise click.UsageError("--reason goes with --retire")
        if not self.reason.isprintable():
            raise click.UsageError("--reason is one line")


retire_options = option_group(
    RetireOptions,
    "retirement",
    click.option(
        "--retire",
        "requested",
        is_flag=True,
        help="Take what left the catalogue off its branches; IMAGE may name it. Nothing is deleted"
        " but generated files.",
    ),
    click.option(
        "--reason",
        metavar="TEXT",
        default="",
        help="Why it is retired, for `dead.package`.",
    ),
)
"""Add --retire and --reason; the command gets them as one `retirement`."""


def split_choice(choice: Choice, catalogue: Catalogue) -> tuple[tuple[Image, ...], tuple[str, ...]]:
    """Return the images that are chosen, and the names of what is in the catalogue no more."""
    present, missing = [], []
    for pattern in choice.patterns:
        try:
            select_images(catalogue, [pattern])
            present.append(pattern)
        except InputError:
            missing.append(pattern)
    if missing and not present:
        return (), tuple(missing)
    return replace(choice, patterns=tuple(present)).of(catalogue), tuple(missing)


def orphans_to_retire(
    catalogue: Catalogue, git: Git, choice: Choice, jobs: int
) -> tuple[BranchTarget, ...]:
    """Return what is left on branches of what was named and is in the catalogue no more."""
    from distgen.publish.orphans import OrphanSearch, find_orphans

    images, missing = split_choice(choice, catalogue)
    image_names = dict.fromkeys(image.full_name for image in images)
    names = (*missing, *image_names) if choice.patterns else ()
    search = OrphanSearch(names, servers=True, jobs=jobs, retired=bool(missing))
    orphans = find_orphans(catalogue, git, search)
    for name in missing:
        if not any(OrphanSearch((name,)).matches(target) for target in orphans):
            raise InputError(
                f"there is no image `{name}`, and no branch of it that could be retired",
                hint="see `distgen list`, and `distgen status` for what left the catalogue",
            )
    return orphans
