"""Ask registries for tags, manifests and configurations of images, and move and delete tags.

The OCI distribution specification 1.1, and Docker's registry API 2 that it grew from.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from requests import Response
from requests.utils import parse_header_links

from distgen.errors import InputError
from distgen.http import MAX_BODY, status_text
from distgen.model.reference import HUB, Reference, is_digest, is_tag, mirror_of
from distgen.registry.auth import Scope
from distgen.registry.errors import NotFound, Refused, RegistryError, Unsupported
from distgen.registry.oci import (
    ACCEPT,
    TYPES,
    ImageManifest,
    choose_platform,
    digest_of,
    read_json,
    verify_manifest,
)
from distgen.registry.transport import RegistryRequest, Transport

HUB_HOST = "registry-1.docker.io"
PAGE = 1000
MAX_PAGES = 1000
BLOB_LIMIT = 16 << 20
_ABSENT_TAG = "distgen-asks-whether-tags-can-be-deleted"


class Registry:
    """Registries behind one transport; made once per run and used by all threads."""

    def __init__(self, transport: Transport, mirrors: Mapping[str, str] | None = None) -> None:
        self.transport = transport
        self._mirrors = dict(mirrors or {})
        self._manifests: dict[Reference, tuple[str, ImageManifest]] = {}
        self._configs: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def digest(self, reference: Reference) -> str:
        """Return the digest that a tag points at now, or that of the reference if it is served."""
        try:
            answer = self._ask("HEAD", reference, "manifests", {"Accept": ACCEPT})
        except Unsupported:
            return self.manifest(reference).digest
        digest = answer.headers.get("docker-content-digest", "")
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        # HEAD may lack the digest, and some servers answer it with the page of a login.
        if not is_digest(digest) or media_type not in TYPES:
            return self.manifest(reference).digest
        if reference.digest and digest != reference.digest:
            raise RegistryError(f"the registry answers with {digest} instead", where=reference)
        return digest

    def manifest(self, reference: Reference) -> ImageManifest:
        """Return the manifest or index of a tag or digest, verified; it is sent once."""
        with self._lock:
            etag, manifest = self._manifests.get(reference, ("", None))
        if manifest is not None and reference.digest:
            return manifest
        headers = {"Accept": ACCEPT, **({"If-None-Match": etag} if etag else {})}
        answer = self._ask("GET", reference, "manifests", headers)
        if answer.status_code == 304 and manifest is not None:
            return manifest
        manifest = verify_manifest(answer.content, answer.headers, reference)
        with self._lock:
            self._manifests[reference] = (answer.headers.get("etag", ""), manifest)
            self._manifests[reference.at(manifest.digest)] = ("", manifest)
        return manifest

    def config(self, reference: Reference, platform: str | None = None) -> Mapping[str, Any]:
        """Return the configuration of an image: its labels, creation and platform.

        Of an index, that of the given platform, else of linux/amd64, else of the first one.
        """
        manifest = self.manifest(reference)
        if manifest.is_index:
            child = choose_platform(manifest, platform, reference)
            manifest = self.manifest(reference.at(child))
        descriptor = manifest.document.get("config")
        digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
        if not isinstance(digest, str) or not is_digest(digest):
            raise RegistryError("the image has no configuration", where=reference)
        with self._lock:
            config = self._configs.get(digest)
        if config is None:
            config = self._fetch_config(reference.at(digest))
            with self._lock:
                self._configs[digest] = config
        return config

    def tags(self, reference: Reference) -> tuple[str, ...]:
        """Return all tags of a repository, sorted."""
        place = self._place(reference)
        path: str | None = f"/v2/{place.repository}/tags/list?n={PAGE}"
        tags: set[str] = set()
        for _ in range(MAX_PAGES):
            request = RegistryRequest("GET", str(path), Scope(place.repository))
            answer = self._send(place, request)
            _raise_for_status(answer, reference, is_about_repository=True)
            page, count = _tags_of(answer, reference), len(tags)
            tags.update(page)
            path = _next_page(answer, str(path), reference)
            if path is None or (page and len(tags) == count):
                return tuple(sorted(tags))
        raise RegistryError(f"the registry lists more than {MAX_PAGES} pages", where=reference.name)

    def is_plain(self, reference: Reference) -> bool:
        """Tell whether a registry was asked in plain HTTP."""
        return self.transport.is_plain(self._place(reference).registry)

    def put(self, reference: Reference, manifest: ImageManifest) -> None:
        """Make a tag point at a manifest that the repository holds."""
        place = self._place(reference)
        headers = {"Content-Type": manifest.media_type}
        scope = Scope(place.repository, "pull,push")
        path = f"/v2/{place.repository}/manifests/{_version(place)}"
        request = RegistryRequest("PUT", path, scope, headers, manifest.body)
        answer = self._send(place, request)
        _raise_for_status(answer, reference)
        stored_digest = answer.headers.get("docker-content-digest", manifest.digest)
        if stored_digest != manifest.digest:
            raise RegistryError(f"the registry stored {stored_digest} instead", where=reference)

    def delete(self, reference: Reference) -> bool:
        """Delete a digest with all its tags, or one tag; False where tags cannot be deleted."""
        place = self._place(reference)
        path = f"/v2/{place.repository}/manifests/{_version(place)}"
        request = RegistryRequest("DELETE", path, Scope(place.repository, "delete,pull"))
        answer = self._send(place, request)
        if answer.status_code in (400, 405) and reference.tag and not reference.digest:
            return False
        if answer.status_code == 405:
            raise RegistryError(
                "the registry does not let anybody delete",
                where=reference,
                hint="switch deletion on in its configuration",
            )
        if answer.status_code != 404:
            _raise_for_status(answer, reference)
        return True

    def deletes_tags(self, reference: Reference) -> bool:
        """Tell whether tags of a repository can be deleted, by asking it for one that is absent."""
        try:
            return self.delete(replace(reference, tag=_ABSENT_TAG, digest=None))
        except (Refused, Unsupported):
            return False

    def _fetch_config(self, reference: Reference) -> Mapping[str, Any]:
        answer = self._ask("GET", reference, "blobs", {}, BLOB_LIMIT)
        if digest_of(answer.content, str(reference.digest)) != reference.digest:
            raise RegistryError("the registry sent content of another digest", where=reference)
        data = read_json(answer.content)
        if not isinstance(data, dict):
            raise RegistryError("the image's configuration is not JSON", where=reference)
        return data

    def _ask(
        self,
        method: str,
        reference: Reference,
        kind: str,
        headers: Mapping[str, str],
        limit: int = MAX_BODY,
    ) -> Response:
        place = self._place(reference)
        path = f"/v2/{place.repository}/{kind}/{_version(place)}"
        request = RegistryRequest(method, path, Scope(place.repository), headers, limit=limit)
        answer = self._send(place, request)
        _raise_for_status(answer, reference)
        return answer

    def _place(self, reference: Reference) -> Reference:
        place = mirror_of(reference, self._mirrors)
        if place.registry == HUB:
            repository = place.repository
            if "/" not in repository:
                repository = f"library/{repository}"
            return Reference(HUB_HOST, repository, place.tag, place.digest)
        return place

    def _send(self, place: Reference, request: RegistryRequest) -> Response:
        return self.transport.send(place.registry, request)


def _raise_for_status(
    answer: Response, reference: Reference, *, is_about_repository: bool = False
) -> None:
    if answer.status_code in (200, 201, 202, 304):
        return
    code, words = _first_error(answer)
    if answer.status_code == 404 and (is_about_repository or code == "NAME_UNKNOWN"):
        raise NotFound("the registry has no such repository", where=reference.name)
    if answer.status_code == 404:
        kind = "digest" if reference.digest else "tag"
        raise NotFound(f"the registry has no such {kind}", where=reference)
    if answer.status_code in (401, 403):
        raise Refused("the registry denies access to it", where=reference)
    if answer.status_code in (405, 501):
        raise Unsupported("the registry does not do that", where=reference)
    reason = f": {words}" if words else ""
    problem = f"the registry answered {status_text(answer.status_code)}{reason}"
    raise RegistryError(problem, where=reference)


def _version(reference: Reference) -> str:
    version = reference.digest or reference.tag
    if version is None:
        raise InputError("a tag or digest is missing", where=reference)
    return version


def _tags_of(answer: Response, reference: Reference) -> tuple[str, ...]:
    document = read_json(answer.content)
    tags = document.get("tags") or [] if isinstance(document, dict) else None
    if not isinstance(tags, list):
        raise RegistryError("the registry's list of tags is not JSON", where=reference.name)
    # A text that cannot be a tag, such as ../x, would lead the next request to another place.
    return tuple(tag for tag in tags if isinstance(tag, str) and is_tag(tag))


def _next_page(answer: Response, path: str, reference: Reference) -> str | None:
    """Return path and query of the next page (RFC 8288); only the registry itself is asked."""
    for link in parse_header_links(answer.headers.get("link", "")):
        if link.get("rel") == "next":
            try:
                parts = urlsplit(urljoin(path, link["url"]))
            except ValueError:
                parts = urlsplit("")
            # Behind the name of a host, any other path continues that name: `@evil.example/x`.
            if not parts.path.startswith("/"):
                raise RegistryError(
                    "the registry links to a page of tags that it cannot have", where=reference.name
                )
            return parts.path + (f"?{parts.query}" if parts.query else "")
    return None


def _first_error(answer: Response) -> tuple[str, str]:
    document = read_json(answer.content)
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("code", "")), str(first.get("message", ""))[:200]
