"""A small GitHub: repositories and pull requests over real git, held to GitHub's own description.

Every request and every answer is validated against `data/github-api.json`, its OpenAPI document
cut to the paths that are used here. What does not fit it is kept in `violations` and answered 500.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing.requests import MockRequest
from openapi_core.testing.responses import MockResponse
from testing.servers import Asked, Reply, serve

DESCRIPTION = Path(__file__).parents[1] / "data" / "github-api.json"
HOST = "https://api.github.com"
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
NOW = 1_700_000_000
TIME = "2023-11-14T22:13:20Z"
Meddle = Callable[[Asked], "Reply | None"]


@lru_cache(maxsize=1)
def description() -> OpenAPI:
    return OpenAPI.from_file_path(str(DESCRIPTION))


@lru_cache(maxsize=1)
def examples() -> dict[str, Any]:
    return json.loads(DESCRIPTION.read_text())["components"]["examples"]


class GitHub:
    """Organisations, repositories below `root`, pull requests; `meddle` may answer in its place.

    `moved` maps old names of repositories to new ones; `pages` is where people read.
    """

    def __init__(self, root: Path, token: str, prefix: str = "") -> None:
        self.root = root
        self.token = token
        self.prefix = prefix
        self.url = ""
        self.pages = "http://hub.test"
        self.user = "bot"
        self.organizations = {"ns"}
        self.repositories: dict[str, dict[str, Any]] = {}
        self.pulls: dict[str, list[dict[str, Any]]] = {}
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []
        self.violations: list[str] = []
        self.meddle: Meddle = lambda asked: None

    # --- the outside ---------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Reply:
        """Answer one request, both sides held to the description."""
        path = urlsplit(asked.path).path
        self.asked.append(f"{asked.method} {path.removeprefix(self.prefix)}")
        meddled = self.meddle(asked)
        if meddled is not None:
            return meddled
        if not path.startswith(f"{self.prefix}/"):
            return _json(404, {"message": "Not Found"})
        if asked.headers.get("authorization") != f"token {self.token}":
            return _json(401, {"message": "Bad credentials", "documentation_url": "https://docs"})
        path = path.removeprefix(self.prefix)
        if found := re.match(r"/repositories/(\d+)", path):
            # Where renamed repositories are redirected to; it answers as their new names do.
            path = f"/repos/{list(self.repositories)[int(found[1])]}{path[found.end() :]}"
        query = {key: value[0] for key, value in parse_qs(urlsplit(asked.path).query).items()}
        request = MockRequest(
            HOST,
            asked.method,
            path,
            args=query,
            data=asked.body,
            content_type=asked.headers.get("content-type", "application/json"),
        )
        try:
            description().validate_request(request)
            reply = self._route(asked.method, request.path, query, _body(asked))
            kind = reply.headers["Content-Type"]
            mock = MockResponse(reply.body, reply.status, dict(reply.headers), kind)
            description().validate_response(request, mock)
        except (OpenAPIError, LookupError, TypeError, AttributeError) as wrong:
            return self._violated(asked, wrong)
        return reply

    def _violated(self, asked: Asked, wrong: Exception) -> Reply:
        causes = getattr(wrong.__cause__, "schema_errors", ())
        said = "; ".join(getattr(cause, "message", str(cause))[:200] for cause in causes)
        self.violations.append(f"{asked.method} {asked.path}: {said or type(wrong).__name__}")
        return _json(500, {"message": "violates the description"})

    def _route(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Reply:
        if path == "/user":
            return _json(200, self._user(self.user))
        if found := re.fullmatch(r"/orgs/([^/]+)", path):
            return self._organization(found[1])
        if found := re.fullmatch(r"/(?:orgs/([^/]+)|user)/repos", path):
            return self._make(found[1] or self.user, body)
        name, rest = re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?", path).groups()
        if name in self.moved:
            number = list(self.repositories).index(self.moved[name])
            there = f"{self.url}/repositories/{number}{rest or ''}"
            facts = {"url": there, "documentation_url": "https://docs"}
            moved = _json(301, {"message": "Moved Permanently", **facts})
            return replace(moved, headers={**moved.headers, "Location": there})
        if name not in self.repositories:
            return _json(404, {"message": "Not Found", "documentation_url": "https://docs"})
        return self._in_repository(method, name, rest or "", query, body)

    def _in_repository(
        self, method: str, name: str, rest: str, query: Mapping[str, str], body: Any
    ) -> Reply:
        self._settle(name)
        if not rest:
            return _json(200, self._repository(name))
        if rest == "/topics":
            if any(not re.fullmatch("[a-z0-9][a-z0-9-]{0,49}", topic) for topic in body["names"]):
                return _json(
                    422, {"message": "Invalid topics", "documentation_url": "https://docs"}
                )
            self.repositories[name]["topics"] = body["names"]
            return _json(200, {"names": body["names"]})
        if rest == "/pulls":
            return self._open(name, body) if method == "POST" else self._list(name, query)
        kind, number = re.fullmatch(r"/(pulls|issues)/(\d+)(?:/labels)?", rest).groups()
        pull = self.pulls[name][int(number) - 1]
        if kind == "issues":
            pull["labels"] += [label for label in body["labels"] if label not in pull["labels"]]
            return _json(200, [_label(self.url, label) for label in pull["labels"]])
        if method == "PATCH":
            if wrong := _too_long(body):
                return wrong
            pull |= body
        return _json(200, self._pull(name, pull))

    # --- what it knows -------------------------------------------------------------------------

    def add(self, name: str, **facts: Any) -> None:
        """Know a repository whose git lies below the root already."""
        self.repositories[name] = {"description": None, "private": False, "topics": [], **facts}
        self.pulls.setdefault(name, [])

    def branch(self, name: str, branch: str) -> str:
        """Return the commit of a branch, "" without one."""
        ref = f"refs/heads/{branch}"
        words = ["git", "-C", str(self.root / f"{name}.git"), "rev-parse", "-q", "--verify", ref]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()

    def _settle(self, name: str) -> None:
        """Let open pull requests follow their branches, and close those whose branch is gone."""
        for pull in self.pulls[name]:
            tip = self.branch(name, pull["head"])
            if pull["state"] == "open" and tip:
                pull["sha"] = tip
                ref = f"refs/pull/{pull['number']}/head"
                folder = str(self.root / f"{name}.git")
                subprocess.run(["git", "-C", folder, "update-ref", ref, tip], check=True)
            elif pull["state"] == "open":
                pull["state"] = "closed"

    def _organization(self, login: str) -> Reply:
        if login not in self.organizations:
            return _json(404, {"message": "Not Found", "documentation_url": "https://docs"})
        found = self._example("organization-full")
        urls = {"url": f"{self.url}/orgs/{login}", "repos_url": f"{self.url}/orgs/{login}/repos"}
        return _json(200, found | urls | {"login": login, "archived_at": None})

    def _make(self, owner: str, body: Any) -> Reply:
        name = f"{owner}/{body['name']}"
        if name in self.repositories:
            error = {"resource": "Repository", "code": "custom", "field": "name",
                     "message": "name already exists on this account"}  # fmt: skip
            return _json(422, _invalid("Repository creation failed.", error))
        if re.search(r"[\x00-\x1f]", body.get("description") or ""):
            error = {"resource": "Repository", "code": "custom", "field": "description",
                     "message": "description control characters are not allowed"}  # fmt: skip
            return _json(422, _invalid("Repository creation failed.", error))
        words = ["git", "init", "-q", "--bare", "--template=", str(self.root / f"{name}.git")]
        subprocess.run(words, check=True)
        self.add(name, **{key: body[key] for key in ("description", "private") if key in body})
        return _json(201, self._repository(name))

    def _open(self, name: str, body: Any) -> Reply:
        head, base = body["head"].rpartition(":")[2], body["base"]
        if wrong := _too_long(body):
            return wrong
        same = [
            p
            for p in self.pulls[name]
            if (p["head"], p["base"], p["state"]) == (head, base, "open")
        ]
        if same:
            message = f"A pull request already exists for {name.partition('/')[0]}:{head}."
            error = {"resource": "PullRequest", "code": "custom", "message": message}
            return _json(422, _invalid("Validation Failed", error))
        for field, branch in (("head", head), ("base", base)):
            if not self.branch(name, branch):
                error = {"resource": "PullRequest", "field": field, "code": "invalid"}
                return _json(422, _invalid("Validation Failed", error))
        pull = {"number": len(self.pulls[name]) + 1, "state": "open", "labels": [], "merged": False,
                "title": body["title"], "body": body.get("body"), "head": head, "base": base,
                "sha": ""}  # fmt: skip
        self.pulls[name].append(pull)
        self._settle(name)
        return _json(201, self._pull(name, pull))

    def _list(self, name: str, query: Mapping[str, str]) -> Reply:
        state, head = query.get("state", "open"), query.get("head", "")
        owner = name.partition("/")[0]
        found = [
            pull
            for pull in reversed(self.pulls[name])
            if state in ("all", pull["state"])
            and head in ("", f"{owner}:{pull['head']}")
            and query.get("base", pull["base"]) == pull["base"]
        ]
        return _json(200, [self._pull(name, pull) for pull in found[: int(query["per_page"])]])

    # --- how it says it ------------------------------------------------------------------------

    def _example(self, key: str, name: str = "octocat/Hello-World") -> Any:
        text = json.dumps(examples()[key]["value"])
        return json.loads(text.replace("octocat/Hello-World", name).replace(HOST, self.url))

    def _user(self, login: str) -> dict[str, Any]:
        key = "private-user-response-with-public-and-private-profile-information"
        return self._example(key) | {"login": login, "user_view_type": "private"}

    def _repository(self, name: str) -> dict[str, Any]:
        found = self._example("full-repository-default-response", name)
        for key in ("parent", "source", "template_repository", "organization"):
            found.pop(key, None)
        owner = found["owner"] | {"login": name.partition("/")[0]}
        facts = {
            "name": name.partition("/")[2],
            "full_name": name,
            "owner": owner,
            "language": None,
        }
        return found | facts | self.repositories[name]

    def _pull(self, name: str, pull: dict[str, Any]) -> dict[str, Any]:
        found = self._example("pull-request", name)
        number = pull["number"]
        text = json.dumps(found).replace("/1347", f"/{number}")
        head = {"ref": pull["head"], "sha": pull["sha"] or "0" * 40}
        base = {"ref": pull["base"], "sha": self.branch(name, pull["base"]) or "0" * 40}
        found = json.loads(text)
        return found | {
            "number": number,
            "html_url": f"{self.pages}/{name}/pull/{number}",
            "title": pull["title"],
            "body": pull["body"],
            "body_html": "",
            "body_text": "",
            "state": pull["state"],
            "merged": pull["merged"],
            "merged_at": TIME if pull["merged"] else None,
            "closed_at": None if pull["state"] == "open" else TIME,
            "labels": [_label(self.url, label) for label in pull["labels"]],
            "milestone": None,
            "requested_teams": [],
            "head": found["head"] | head,
            "base": found["base"] | base,
        }


@contextmanager
def github_server(root: Path, token: str, prefix: str = "") -> Iterator[GitHub]:
    """Serve a GitHub whose repositories' git lies below `root`; `prefix`: Enterprise's /api/v3."""
    hub = GitHub(root, token, prefix)
    with serve(hub.answer) as front:
        hub.url = f"{front.url}{prefix}"
        yield hub
    assert not hub.violations, "\n".join(hub.violations)


def _body(asked: Asked) -> Any:
    return json.loads(asked.body) if asked.body else None


def _json(status: int, body: Any) -> Reply:
    headers = {"Content-Type": "application/json; charset=utf-8", "Date": DATE}
    return Reply(status, json.dumps(body).encode(), headers)


def _too_long(body: Mapping[str, str]) -> Reply | None:
    for field, most in (("title", 256), ("body", 65_536)):
        if len(body.get(field) or "") > most:
            message = f"{field} is too long (maximum is {most} characters)"
            error = {"resource": "Issue", "code": "custom", "field": field, "message": message}
            return _json(422, _invalid("Validation Failed", error))
    return None


def _invalid(message: str, error: dict[str, str]) -> dict[str, Any]:
    return {"message": message, "errors": [error], "documentation_url": "https://docs"}


def _label(url: str, name: str) -> dict[str, Any]:
    return {"id": 1, "node_id": "x", "url": f"{url}/labels/{name}", "name": name,
            "description": "", "color": "ededed", "default": False}  # fmt: skip
