"""Ask the interface of GitHub through github3.py, and raise what it refuses as a sentence."""

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


class SameHostGitHubSession(SameHostSession, GitHubSession):  # type: ignore[misc]
    """github3's session, which by itself would show the token to any host that an answer names."""


def find_repository(place: Place, hub: Any) -> Any:
    """Return the repository; raise when GitHub leads to one of another name."""
    owner, name = owner_and_name(place)
    repository = hub.repository(owner, name)
    if repository.full_name.lower() != f"{owner}/{name}".lower():
        problem = f"is called {repository.full_name} now"
        raise DistgenError(problem, where=place, hint="change dist_git.url")
    return repository


def owner_and_name(place: Place) -> tuple[str, str]:
    """Return the owner and the name of the repository that an address means."""
    owner, _, name = project_path(place).partition("/")
    if not owner or not name or "/" in name:
        raise DistgenError("is not an address of GitHub: OWNER/REPOSITORY.git", where=place)
    return owner, name


def api_address(place: Place, account: Account) -> str:
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
def open_github(place: Place, account: Account) -> Iterator[Any]:
    """Yield the interface; raise what GitHub refuses as a sentence."""
    session = SameHostGitHubSession(api_address(place, account), account.policy)
    session.base_url = session.base
    if account.token:
        session.auth = AuthorizationHeader(f"token {account.token}")
    try:
        yield github3.GitHub(session=session)
    except AuthenticationFailed:
        raise token_error(place, account) from None
    except NotFoundError:
        problem = "GitHub has no such repository, or does not show it to this token"
        raise DistgenError(problem, where=place) from None
    except _UNREADABLE:
        problem = "what GitHub answers is not as GitHub describes it"
        raise DistgenError(problem, where=session.base) from None
    except GitHubError as error:
        hint = "may the token write contents and pull requests?"
        raise DistgenError(
            f"GitHub says {account.hide(error_sentence(error))}",
            where=place,
            hint=hint if isinstance(error, ForbiddenError) else "",
        ) from None
    except GitHubException as error:
        raise DistgenError(f"GitHub: {type(error).__name__}", where=place) from None
    finally:
        session.close()


def token_error(place: Place, account: Account) -> DistgenError:
    """Return what to raise when GitHub does not accept the token, or wants one."""
    problem = "GitHub does not know the token" if account.token else "GitHub wants a token"
    hint = "name the variable that holds it: dist_git.token_env"
    return DistgenError(problem, where=place, hint=hint)


def error_sentence(error: GitHubError) -> str:
    """Return what GitHub says is wrong, with the parts of it, on one line."""
    parts = error.errors if isinstance(error.errors, list) else [error.errors]
    sentence = "; ".join((error_message(error.response), *map(_format_part, parts)))
    return " ".join(sentence.split())[:300]


def _format_part(part: Any) -> str:
    if not isinstance(part, dict):
        return str(part)
    words = (str(part[key]) for key in ("resource", "field", "code") if part.get(key))
    return str(part.get("message") or " ".join(words).replace("_", " "))
