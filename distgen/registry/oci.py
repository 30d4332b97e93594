"""Manifests and indexes of images as registries keep them: the OCI image specification 1.1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from distgen.model.reference import Reference, is_digest
from distgen.registry.errors import NotFound, RegistryError, Unreadable

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = (OCI_INDEX, DOCKER_INDEX)
TYPES = (*INDEXES, OCI_MANIFEST, DOCKER_MANIFEST)
ACCEPT = ", ".join(TYPES)


def read_json(body: bytes) -> Any:
    """Parse a body; return None when it is not JSON, or nested too deeply."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class ImageManifest:
    """A manifest or index as the registry keeps it; `body` is exactly what the digest is of."""

    digest: str
    media_type: str
    body: bytes = field(repr=False)

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """Return the parsed body."""
        data = read_json(self.body)
        if not isinstance(data, dict):
            raise RegistryError("the registry answered with something that is not a manifest")
        return data

    @property
    def is_index(self) -> bool:
        """Tell whether this lists one manifest per platform."""
        return self.media_type in INDEXES

    @cached_property
    def platforms(self) -> Mapping[str, str]:
        """Map each platform of an index (`linux/arm64/v8`) to the digest of its manifest."""
        digests: dict[str, str] = {}
        for entry in self._entries:
            platform = entry.get("platform")
            if not isinstance(platform, dict):
                continue
            parts = [platform.get(key) for key in ("os", "architecture", "variant")]
            # BuildKit lists attestations in the index as images of an unknown platform.
            if parts[0] and parts[0] != "unknown" and is_digest(str(entry.get("digest"))):
                digests.setdefault("/".join(str(part) for part in parts if part), entry["digest"])
        return digests

    @cached_property
    def children(self) -> tuple[str, ...]:
        """Return the digests of all manifests of an index."""
        digests = (str(entry.get("digest")) for entry in self._entries)
        return tuple(digest for digest in digests if is_digest(digest))

    @property
    def _entries(self) -> tuple[Mapping[str, Any], ...]:
        entries = self.document.get("manifests") if self.is_index else None
        if not isinstance(entries, list):
            return ()
        return tuple(entry for entry in entries if isinstance(entry, dict))


def choose_platform(manifest: ImageManifest, platform: str | None, where: object) -> str:
    """Return the digest of one platform of an index: the given one, else linux/amd64, else any."""
    digests = manifest.platforms
    if platform is None:
        platform = "linux/amd64" if "linux/amd64" in digests else next(iter(digests), None)
    matches = [name for name in digests if name == platform or name.startswith(f"{platform}/")]
    if platform is None or not matches:
        raise NotFound(
            f"the image is not built for {platform or 'any platform'}",
            where=where,
            hint=f"it is for {', '.join(digests)}" if digests else "",
        )
    return digests[matches[0]]


def digest_of(body: bytes, like: str) -> str:
    """Return the digest of a body, by the algorithm of another digest."""
    algorithm = "sha512" if like.startswith("sha512:") else "sha256"
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def verify_manifest(body: bytes, headers: Mapping[str, str], reference: Reference) -> ImageManifest:
    """Return the manifest in a body; raise RegistryError when it is not what was asked for."""
    header = headers.get("docker-content-digest", "")
    expected_digest = reference.digest or (header if is_digest(header) else "")
    digest = digest_of(body, expected_digest)
    if expected_digest and digest != expected_digest:
        raise RegistryError("what the registry sent does not have its digest", where=reference)
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    manifest = ImageManifest(digest, media_type, body)
    if media_type not in TYPES:
        raise Unreadable(
            f"the registry answered with {media_type or 'nothing'}, which is not an image",
            where=reference,
        )
    manifest_type = manifest.document.get("mediaType", media_type)
    if manifest_type != media_type:
        raise RegistryError(
            f"the manifest says {manifest_type} and the registry says {media_type}", where=reference
        )
    return manifest
