"""Choose who talks to an http(s) repository: our own client, or git where only git can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from distgen.git.http.pkt_line import NotUnderstood
from distgen.git.location import Place
from distgen.git.run import Git, GitResult
from distgen.git.store import Store
from distgen.model.published import Change

if TYPE_CHECKING:
    from distgen.git.http.client import SmartHttp


def list_refs_over_http(
    git: Git, place: Place, patterns: Sequence[str], services: Sequence[str]
) -> GitResult | None:
    """Answer as `git ls-remote` does; None: git has to be asked."""
    return _ask(git, place, lambda http: http.list_refs(git, place.address, patterns, services))


def push_over_http(store: Store, place: Place, changes: Sequence[Change]) -> GitResult | None:
    """Push as `git push --atomic --porcelain` does; None: git has to."""
    return _ask(store.git, place, lambda http: http.push(store, place.address, changes))


def _ask(git: Git, place: Place, ask: Callable[[SmartHttp], GitResult]) -> GitResult | None:
    if git.http is None or not place.address.startswith(("http://", "https://")):
        return None
    # Most runs ask no server, and the HTTP library takes longer to start than they do.
    from distgen.git.http.client import SmartHttp

    try:
        return ask(git.http.client(SmartHttp))
    except NotUnderstood as reason:
        git.http.tell(place.address, str(reason))
        return None
