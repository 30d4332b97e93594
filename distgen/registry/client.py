"""Registries of images: what a tag points at, what an image says of itself, and moving tags.

The OCI distribution specification 1.1, and Docker's registry API 2 that it grew from.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from requests.utils import parse_header_links

from distgen.errors import InputError
from distgen.model.reference import HUB, Reference, is_digest, is_tag, mirror_of
from distgen.registry.auth import Scope
from distgen.registry.errors import NotFound, Refused, RegistryError, Unsupported, status_text
from distgen.registry.http import Answer, Request, Transport
from distgen.registry.oci import (
    ACCEPT,
    TYPES,
    ImageManifest,
    choose_platform,
    digest_of,
    read_json,
    verified,
)

HUB_HOST = "registry-1.docker.io"
PAGE = 1000
MAX_PAGES = 1000
BLOB_LIMIT = 16 << 20


class Registry:
    """What registries say, asked through one transport; made once per run, used by all threads."""

    def __init__(self, transport: Transport, mirrors: Mapping[str, str] | None = None) -> None:
        self.transport = transport
        self._mirrors = dict(mirrors or {})
        self._seen: dict[Reference, tuple[str, ImageManifest]] = {}
        self._blobs: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def digest(self, reference: Reference) -> str:
        """Return the digest that a tag points at now, or see that a digest is still served."""
        try:
            answer = self._ask("HEAD", reference, "manifests", {"Accept": ACCEPT})
        except Unsupported:
            return self.manifest(reference).digest
        found = answer.headers.get("docker-content-digest", "")
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if not is_digest(found) or media_type not in TYPES:
            return self.manifest(reference).digest
        if reference.digest and found != reference.digest:
            raise RegistryError(f"the registry answers with {found} instead", where=reference)
        return found

    def manifest(self, reference: Reference) -> ImageManifest:
        """Return the manifest or index of a tag or digest, verified; what is known is not sent."""
        with self._lock:
            known = self._seen.get(reference)
        if known is not None and reference.digest:
            return known[1]
        headers = {"Accept": ACCEPT}
        if known is not None and known[0]:
            headers["If-None-Match"] = known[0]
        answer = self._ask("GET", reference, "manifests", headers)
        if answer.status == 304 and known is not None:
            return known[1]
        found = verified(answer.body, answer.headers, reference)
        with self._lock:
            self._seen[reference] = (answer.headers.get("etag", ""), found)
            self._seen[reference.at(found.digest)] = ("", found)
        return found

    def config(self, reference: Reference, platform: str | None = None) -> Mapping[str, Any]:
        """Return the configuration of an image: its labels, creation and platform.

        Of an index, that of the given platform, else of linux/amd64, else of the first one.
        """
        manifest = self.manifest(reference)
        if manifest.is_index:
            child = choose_platform(manifest, platform, reference)
            manifest = self.manifest(reference.at(child))
        described = manifest.document.get("config")
        digest = described.get("digest") if isinstance(described, dict) else None
        if not isinstance(digest, str) or not is_digest(digest):
            raise RegistryError("the image has no configuration", where=reference)
        with self._lock:
            known = self._blobs.get(digest)
        if known is None:
            known = self._blob(reference.at(digest))
            with self._lock:
                self._blobs[digest] = known
        return known

    def tags(self, reference: Reference) -> tuple[str, ...]:
        """Return all tags of a repository, sorted."""
        place = self._located(reference)
        path: str | None = f"/v2/{place.repository}/tags/list?n={PAGE}"
        found: set[str] = set()
        for _ in range(MAX_PAGES):
            request = Request("GET", str(path), Scope(place.repository))
            answer = self._checked(self._send(place, request), reference, tag=None)
            page, before = _tags_of(answer, reference), len(found)
            found.update(page)
            path = _next_page(answer, str(path), reference)
            if path is None or (page and len(found) == before):
                return tuple(sorted(found))
        raise RegistryError(f"the registry lists more than {MAX_PAGES} pages", where=reference.name)

    def is_plain(self, reference: Reference) -> bool:
        """Tell whether a registry was asked in plain HTTP."""
        return self.transport.is_plain(self._located(reference).registry)

    def put(self, reference: Reference, manifest: ImageManifest) -> None:
        """Make a tag point at a manifest that the repository holds."""
        place = self._located(reference)
        headers = {"Content-Type": manifest.media_type}
        scope = Scope(place.repository, "pull,push")
        path = f"/v2/{place.repository}/manifests/{_version(place)}"
        request = Request("PUT", path, scope, headers, manifest.body)
        answer = self._checked(self._send(place, request), reference)
        stored = answer.headers.get("docker-content-digest", manifest.digest)
        if stored != manifest.digest:
            raise RegistryError(f"the registry stored {stored} instead", where=reference)

    def delete(self, reference: Reference) -> bool:
        """Delete a digest with all its tags, or one tag; False where tags cannot be deleted."""
        place = self._located(reference)
        path = f"/v2/{place.repository}/manifests/{_version(place)}"
        request = Request("DELETE", path, Scope(place.repository, "delete,pull"))
        answer = self._send(place, request)
        if answer.status in (400, 405) and reference.tag and not reference.digest:
            return False
        if answer.status == 405:
            raise RegistryError(
                "the registry does not let anybody delete",
                where=reference,
                hint="switch deletion on in its configuration",
            )
        if answer.status != 404:
            self._checked(answer, reference)
        return True

    def _blob(self, reference: Reference) -> Mapping[str, Any]:
        answer = self._ask("GET", reference, "blobs", {}, BLOB_LIMIT)
        if digest_of(answer.body, str(reference.digest)) != reference.digest:
            raise RegistryError("what the registry sent does not have this digest", where=reference)
        data = read_json(answer.body)
        if not isinstance(data, dict):
            raise RegistryError("the image's configuration is not JSON", where=reference)
        return data

    def _ask(
        self,
        method: str,
        reference: Reference,
        kind: str,
        headers: Mapping[str, str],
        limit: int = 4 << 20,
    ) -> Answer:
        place = self._located(reference)
        path = f"/v2/{place.repository}/{kind}/{_version(place)}"
        request = Request(method, path, Scope(place.repository), headers, limit=limit)
        return self._checked(self._send(place, request), reference)

    def _located(self, reference: Reference) -> Reference:
        place = mirror_of(reference, self._mirrors)
        if place.registry == HUB:
            repository = place.repository
            if "/" not in repository:
                repository = f"library/{repository}"
            return Reference(HUB_HOST, repository, place.tag, place.digest)
        return place

    def _send(self, place: Reference, request: Request) -> Answer:
        return self.transport.send(place.registry, request)

    def _checked(self, answer: Answer, reference: Reference, tag: str | None = "") -> Answer:
        if answer.status in (200, 201, 202, 304):
            return answer
        code, said = _first_error(answer)
        if answer.status == 404:
            whole = tag is None or code == "NAME_UNKNOWN"
            raise NotFound(
                f"the registry has no such {'repository' if whole else _thing(reference)}",
                where=reference.name if whole else reference,
            )
        if answer.status in (401, 403):
            raise Refused("the registry denies access to it", where=reference)
        if answer.status in (405, 501):
            raise Unsupported("the registry does not do that", where=reference)
        reason = f": {said}" if said else ""
        raise RegistryError(
            f"the registry answered {status_text(answer.status)}{reason}", where=reference
        )


def _version(reference: Reference) -> str:
    version = reference.digest or reference.tag
    if version is None:
        raise InputError("a tag or digest is missing", where=reference)
    return version


def _thing(reference: Reference) -> str:
    return "digest" if reference.digest else "tag"


def _tags_of(answer: Answer, reference: Reference) -> tuple[str, ...]:
    listed = read_json(answer.body)
    tags = listed.get("tags") or [] if isinstance(listed, dict) else None
    if not isinstance(tags, list):
        raise RegistryError("the registry's list of tags is not JSON", where=reference.name)
    # What cannot be a tag would be a path to somewhere else in the next request.
    return tuple(tag for tag in tags if isinstance(tag, str) and is_tag(tag))


def _next_page(answer: Answer, path: str, reference: Reference) -> str | None:
    """Return path and query of the next page (RFC 8288); only the registry itself is asked."""
    for link in parse_header_links(answer.headers.get("link", "")):
        if link.get("rel") == "next":
            try:
                parts = urlsplit(urljoin(path, link["url"]))
            except ValueError:
                parts = urlsplit("")
            # Put behind a host's name, any other path could continue that name.
            if not parts.path.startswith("/"):
                raise RegistryError(
                    "the registry names no place for its next page of tags", where=reference.name
                )
            return parts.path + (f"?{parts.query}" if parts.query else "")
    return None


def _first_error(answer: Answer) -> tuple[str, str]:
    said = read_json(answer.body)
    errors = said.get("errors") if isinstance(said, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("code", "")), str(first.get("message", ""))[:200]
