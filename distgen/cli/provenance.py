"""Find out which commit of the catalogue is published, and of which date."""

from __future__ import annotations

from distgen import __version__
from distgen.catalogue.commit import CatalogueCommit
from distgen.cli.session import Session
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock
from distgen.model.published import Provenance
from distgen.model.words import DIRTY, UNCOMMITTED

EPOCH = 315532800  # 1980-01-01, the earliest date that every archive format knows


def origin(
    session: Session, head: CatalogueCommit, catalogue: Catalogue, lock: Lock, altered: bool
) -> tuple[Provenance, tuple[str, ...]]:
    """Return where commits come from, and what of that is not in the commit that they name."""
    dirty = (*head.dirty, *(("what --set or --source say",) if altered else ()))
    provenance = Provenance(
        source=source(catalogue.source, head.commit, bool(dirty)),
        author="",
        date=head.date if head.date is not None else epoch(session),
        version=__version__,
        lock=lock,
    )
    return provenance, dirty


def source(address: str | None, commit: str | None, dirty: bool) -> str:
    """Return the words of the commit trailer that say where a tree came from."""
    stand = f"{commit}{DIRTY if dirty else ''}" if commit else UNCOMMITTED
    return f"{address}@{stand}" if address else stand


def epoch(session: Session) -> int:
    """Return the date of commits where the catalogue has no history of its own."""
    text = session.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return EPOCH
    if not text.isdecimal() or len(text) > 12:
        raise InputError(
            f"SOURCE_DATE_EPOCH is {text!r}", hint="it must be a number of seconds since 1970"
        )
    return int(text)
