"""What every command shares: where the catalogue is, how to speak, and the options for images."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from distgen.cache.results import NO_CACHE, Cache
from distgen.catalogue.cached import cached_catalogue
from distgen.catalogue.graph import select_images
from distgen.cli.option_groups import option_group
from distgen.cli.streams import narrate
from distgen.errors import InputError
from distgen.lock.cached import cached_lock
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock

if TYPE_CHECKING:
    from distgen.catalogue.tagged_drafts import LockedTags

Command = TypeVar("Command", bound=Callable[..., Any])
SETTINGS = "distgen.yaml"
NO_CACHE_VARIABLE = "DISTGEN_NO_CACHE"


@dataclass(frozen=True)
class Session:
    """One run of the command: where it starts, how much it says, what environment it has."""

    start: Path | None
    verbosity: int
    color: bool | None
    environ: Mapping[str, str] = field(repr=False)
    use_cache: bool = True
    keep_results: bool = True

    @property
    def root(self) -> Path:
        """Find the catalogue: the folder given with -C, or the nearest one above this folder."""
        if self.start is not None:
            if not self.start.is_dir():
                problem = "it is not a folder" if self.start.exists() else "there is no such folder"
                raise InputError(problem, where=self.start, hint=self._make_one())
            if not (self.start / SETTINGS).is_file():
                raise InputError(
                    f"there is no {SETTINGS} in it", where=self.start, hint=self._make_one()
                )
            return self.start
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / SETTINGS).is_file():
                return folder
        raise InputError(f"there is no {SETTINGS} here or above", where=here, hint=self._make_one())

    @staticmethod
    def _make_one() -> str:
        return "name the catalogue with -C DIR, or make one with `distgen init DIR`"

    def catalogue(
        self,
        sets: Sequence[str] = (),
        root: Path | None = None,
        tags: LockedTags | None = None,
    ) -> Catalogue:
        """Read the catalogue, or what `root` holds: another state of it.

        `tags` stand in place of those in distgen.lock.
        """
        place = root or self.root

        def read() -> Catalogue:
            # Reading takes libraries that take longer to import than an earlier run's result.
            from distgen.catalogue.load import load_catalogue
            from distgen.catalogue.sources.source import SourceContext, source_reader

            around = SourceContext(self.environ, self.results.folder)
            return load_catalogue(place, sets, source_reader(around), tags)

        return cached_catalogue(place, sets, read, self.results) if tags is None else read()

    @property
    def cache(self) -> Path:
        """Return the folder of this user for what may be lost."""
        folder = self.environ.get("XDG_CACHE_HOME", "")
        home = Path(folder) if folder and Path(folder).is_absolute() else Path.home() / ".cache"
        return home / "distgen"

    @property
    def results(self) -> Cache:
        """Return where results of earlier runs are, nowhere with --no-cache."""
        cache = Cache(self.cache) if self.use_cache else NO_CACHE
        return replace(cache, is_written=self.keep_results)

    def lock(self) -> Lock:
        return cached_lock(self.root, self.results)

    def say(self, text: str, *, level: int = 0) -> None:
        """Narrate on stderr; level 1 is for -v only."""
        if self.verbosity >= level:
            narrate(text, self.color)

    @property
    def can_ask(self) -> bool:
        """Tell whether a question would be seen and answered."""
        return self.verbosity >= 0 and sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def live(self) -> bool:
        """Tell whether a progress bar has somebody to look at it."""
        return self.verbosity >= 0 and sys.stderr.isatty()


@dataclass(frozen=True)
class Choice:
    """The images that a command was asked to work on."""

    patterns: tuple[str, ...]
    with_parents: bool
    with_dependents: bool

    def of(self, whole: Catalogue) -> tuple[Image, ...]:
        """Return the chosen images, parents first."""
        return select_images(
            whole,
            self.patterns,
            with_parents=self.with_parents,
            with_dependents=self.with_dependents,
        )


image_arguments = option_group(
    Choice,
    "choice",
    click.option("--with-parents", is_flag=True, help="And every image these are built on."),
    click.option("--with-dependents", is_flag=True, help="And every image built on these."),
    click.argument("patterns", metavar="[IMAGE]...", nargs=-1),
)
"""Add IMAGE..., --with-parents, --with-dependents; the command gets them as one `choice`."""


def set_option(command: Command) -> Command:
    """Add --set, which lays values over everything else."""
    option = click.option(
        "--set",
        "sets",
        metavar="[IMAGE:]KEY=VALUE",
        multiple=True,
        help="Set a value on top of all overlays; KEY+= appends, KEY-= removes; may be repeated.",
    )
    return option(command)


def format_option(*names: str) -> Callable[[Command], Command]:
    """Add --format with these choices, the first being the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How to print it.",
    )
