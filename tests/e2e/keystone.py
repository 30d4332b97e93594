"""What stands for Keystone: users with a role each, tokens that tell who has them, a catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from testing.servers import Asked, Front, Reply, serve

PROJECT = "11112222333344445555666677778888"
ROLES = {"admin": "admin", "mini-mon": "monasca-user", "monasca-agent": "monasca-agent"}
"""The users of Monasca's images, by default, and what each may do."""


@dataclass(frozen=True)
class Keystone:
    """An identity service of version 3, in its words; `services` are addresses by type."""

    services: Mapping[str, str]

    def serve(self, port: int) -> Front:
        return serve(self.answer, port)

    def answer(self, asked: Asked) -> Reply:
        host = f"http://{asked.headers['host']}"
        path = asked.path.partition("?")[0].rstrip("/")
        if path.endswith("/auth/tokens"):
            return self._issue(asked, host) if asked.method == "POST" else self._tell(asked, host)
        if path in ("/v3/endpoints", "/v3/services"):
            return _json(200, {path.rpartition("/")[2]: []})
        links = [{"rel": "self", "href": f"{host}/v3/"}]
        version = {"id": "v3.14", "status": "stable", "links": links}
        if path == "/v3":
            return _json(200, {"version": version})
        return _json(300, {"versions": {"values": [version]}})

    def _issue(self, asked: Asked, host: str) -> Reply:
        user = json.loads(asked.body)["auth"]["identity"]["password"]["user"]["name"]
        if user not in ROLES:
            return _json(401, {"error": {"code": 401, "message": "no such user"}})
        return _json(201, self._token(user, host), {"X-Subject-Token": f"token-of-{user}"})

    def _tell(self, asked: Asked, host: str) -> Reply:
        user = asked.headers["x-subject-token"].removeprefix("token-of-")
        if user not in ROLES:
            return _json(404, {"error": {"code": 404, "message": "no such token"}})
        return _json(200, self._token(user, host))

    def _token(self, user: str, host: str) -> object:
        now = datetime.now(UTC)
        domain = {"id": "default", "name": "Default"}
        urls = {"identity": f"{host}/v3", **self.services}
        catalogue = [
            {"type": kind, "id": kind, "name": kind, "endpoints": _endpoints(url)}
            for kind, url in urls.items()
        ]
        token = {
            "methods": ["password"],
            "user": {"id": user, "name": user, "domain": domain},
            "project": {"id": PROJECT, "name": "mini-mon", "domain": domain},
            "roles": [{"id": ROLES[user], "name": ROLES[user]}],
            "issued_at": f"{now:%Y-%m-%dT%H:%M:%S.000000Z}",
            "expires_at": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%S.000000Z}",
            "catalog": catalogue,
        }
        return {"token": token}


def _endpoints(url: str) -> list[Mapping[str, str]]:
    kinds = ("public", "internal", "admin")
    return [
        {"id": kind, "interface": kind, "region": "RegionOne", "region_id": "RegionOne", "url": url}
        for kind in kinds
    ]


def _json(status: int, content: object, headers: Mapping[str, str] | None = None) -> Reply:
    told = {"Content-Type": "application/json", **(headers or {})}
    return Reply(status, json.dumps(content).encode(), told)
