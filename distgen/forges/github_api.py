"""Ask the interface of GitHub through github3.py; what it refuses is told as a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import github3  # type: ignore[import-untyped]
from github3.exceptions import (  # type: ignore[import-untyped]
    AuthenticationFailed,
    ForbiddenError,
    GitHubError,
    GitHubException,
    IncompleteResponse,
    NotFoundError,
    UnexpectedResponse,
    UnprocessableResponseBody,
)
from github3.session import GitHubSession  # type: ignore[import-untyped]

from distgen.errors import DistgenError
from distgen.forges.addresses import host_name, project_path
from distgen.forges.records import Account
from distgen.forges.session import AuthorizationHeader, SameHostSession, error_message
from distgen.git.location import Place

# github3 takes answers apart without asking what they are.
_UNREADABLE = (IncompleteResponse, UnexpectedResponse, UnprocessableResponseBody,
               AttributeError, LookupError, TypeError, ValueError)  # fmt: skip


class _Session(SameHostSession, GitHubSession):  # type: ignore[misc]
    """github3's session, which by itself would show the token to any host that an answer names."""


def repository_of(place: Place, hub: Any) -> Any:
    """Return the repository; raise when GitHub leads to one of another name."""
    owner, name = owner_and_name(place)
    found = hub.repository(owner, name)
    if found.full_name.lower() != f"{owner}/{name}".lower():
        raise DistgenError(
            f"is called {found.full_name} now", where=place, hint="change dist_git.url"
        )
    return found


def owner_and_name(place: Place) -> tuple[str, str]:
    """Return whose repository an address means, and its name."""
    owner, _, name = project_path(place).partition("/")
    if not owner or not name or "/" in name:
        raise DistgenError("is no address of GitHub: OWNER/REPOSITORY.git", where=place)
    return owner, name


def interface(place: Place, account: Account) -> str:
    """Return the address of the interface: GitHub's own, or that of an Enterprise."""
    if account.api:
        return account.api.rstrip("/")
    server = host_name(place)
    if server in ("github.com", "ssh.github.com"):
        return "https://api.github.com"
    if server.endswith(".ghe.com"):
        return f"https://api.{server}"
    parts = urlsplit(place.address)
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/api/v3"
    return f"https://{server}/api/v3"


@contextmanager
def asking(place: Place, account: Account) -> Iterator[Any]:
    """Yield the interface; what GitHub refuses is told as a sentence."""
    session = _Session(interface(place, account), account.policy)
    session.base_url = session.base
    if account.token:
        session.auth = AuthorizationHeader(f"token {account.token}")
    try:
        yield github3.GitHub(session=session)
    except AuthenticationFailed:
        raise unknown(place, account) from None
    except NotFoundError:
        what = "GitHub has no such repository, or does not show it to this token"
        raise DistgenError(what, where=place) from None
    except _UNREADABLE:
        what = "what GitHub answers is not as GitHub describes it"
        raise DistgenError(what, where=session.base) from None
    except GitHubError as error:
        hint = "may the token write contents and pull requests?"
        raise DistgenError(
            f"GitHub says {account.hide(reason(error))}",
            where=place,
            hint=hint if isinstance(error, ForbiddenError) else "",
        ) from None
    except GitHubException as error:
        raise DistgenError(f"GitHub: {type(error).__name__}", where=place) from None
    finally:
        session.close()


def unknown(place: Place, account: Account) -> DistgenError:
    """Return what to raise when GitHub takes nobody for the owner of the token."""
    what = "does not know the token" if account.token else "wants a token"
    hint = "name the variable that holds it: dist_git.token_env"
    return DistgenError(f"GitHub {what}", where=place, hint=hint)


def reason(error: GitHubError) -> str:
    """Return what GitHub says is wrong, with the parts of it, on one line."""
    parts = error.errors if isinstance(error.errors, list) else [error.errors]
    said = "; ".join((error_message(error.response), *map(_part, parts)))
    return " ".join(said.split())[:300]


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        return str(part)
    named = (str(part[key]) for key in ("resource", "field", "code") if part.get(key))
    return str(part.get("message") or " ".join(named).replace("_", " "))
