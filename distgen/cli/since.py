"""The options that name an earlier state of the catalogue, and the comparison with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from distgen.catalogue.inputs import with_named_files
from distgen.catalogue.mirrors import apply_mirrors
from distgen.catalogue.speculation import Speculation
from distgen.cli.option_groups import option_group
from distgen.cli.session import Session
from distgen.cli.work import limited_work
from distgen.compare.comparison import Comparison
from distgen.compare.revision import read_revision
from distgen.git.run import isolate
from distgen.lock.file import read_lock
from distgen.model.catalogue import Catalogue
from distgen.model.lock import LOCK_FILE, Lock


@dataclass(frozen=True)
class SinceOptions:
    """The revision that the command line names, None without one, and the catalogue's folder."""

    since: str | None = None
    since_path: str | None = None


def since_options(*, required: bool) -> Callable[..., Any]:
    """Add --since and --since-path; the command gets them as one `since`."""
    return option_group(
        SinceOptions,
        "since",
        click.option(
            "--since",
            metavar="REV",
            required=required,
            help="A commit, tag or branch; HEAD: uncommitted changes; REV...: from where HEAD left"
            " REV; @{root}: everything.",
        ),
        click.option(
            "--since-path",
            metavar="DIR",
            help="Where the catalogue was at REV, below the top of its repository, when it moved.",
        ),
    )


def compare_since(
    session: Session, since: SinceOptions, speculation: Speculation, lock: Lock
) -> Comparison:
    """Read the catalogue as it was, to compare it with what it is; nothing is rendered yet."""
    catalogue = speculation.catalogue

    def read(root: Path) -> tuple[Catalogue, Lock]:
        earlier = with_named_files(session.catalogue(root=root))
        return apply_mirrors(earlier, read_lock(root / LOCK_FILE))

    assert since.since is not None
    git = isolate(session.environ)
    root = Path(catalogue.root)
    revision, earlier, earlier_lock = read_revision(git, root, since.since, read, since.since_path)
    return Comparison(
        revision,
        before=limited_work(earlier, earlier_lock, tuple(earlier.images)),
        now=limited_work(with_named_files(catalogue), lock, tuple(catalogue.images)),
        replaced=speculation.replaced,
    )
