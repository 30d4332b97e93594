"""Names of images in registries: `registry/repository:tag@digest`, taken apart and put together.

Grammar: https://github.com/distribution/reference and the OCI distribution specification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from distgen.errors import InputError

_HOST = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?")
HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image in a registry; `registry` may carry `http://` where plain HTTP was asked for."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Return registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return self.name + tag + (f"@{self.digest}" if self.digest else "")

    def at(self, version: str) -> Reference:
        """Return the same repository at a tag or digest and nothing else."""
        if is_digest(version):
            return replace(self, tag=None, digest=version)
        return replace(self, tag=version, digest=None)


def parse_reference(text: str, where: object = None) -> Reference:
    """Take a reference apart; it must name its registry, and an http:// in front is kept."""
    scheme, rest = ("http://", text[7:]) if text.startswith("http://") else ("", text)
    host, slash, path = rest.partition("/")
    if not slash or not names_a_registry(host):
        raise InputError(
            f"{text!r} does not name its registry",
            where=where,
            hint=f"write it in full, such as docker.io/library/{rest}",
        )
    repository, tag, digest = split_reference(path)
    reference = Reference(scheme + host, repository, tag or None, digest or None)
    if not (
        _HOST.fullmatch(host)
        and _REPOSITORY.fullmatch(repository)
        and (not tag or is_tag(tag))
        and (not digest or is_digest(digest))
        and str(reference) == text
    ):
        raise InputError(
            f"{text!r} is not the name of an image",
            where=where,
            hint="write registry/repository:tag in lower case, or registry/repository@sha256:...",
        )
    return reference


def read_reference(text: str) -> Reference | None:
    """Take a reference apart, one of the Docker Hub without its registry too."""
    host, slash, _ = text.partition("/")
    if not slash:
        text = f"{HUB}/library/{text}"
    elif not names_a_registry(host):
        text = f"{HUB}/{text}"
    try:
        return parse_reference(text)
    except InputError:
        return None


def split_reference(text: str) -> tuple[str, str, str]:
    """Return the name, tag and digest of a reference, "" for missing ones; nothing is checked.

    In `host:5000/name` the colon belongs to the host.
    """
    rest, _, digest = text.partition("@")
    name, colon, tag = rest.rpartition(":")
    return (name, tag, digest) if colon and "/" not in tag else (rest, "", digest)


def untagged_name(text: str) -> str:
    """Return a reference without its tag and digest."""
    return split_reference(text)[0]


def names_a_registry(host: str) -> bool:
    """Tell whether the first part of a name is a host rather than the account of a repository."""
    return "." in host or ":" in host or host == "localhost"


def is_tag(text: str) -> bool:
    """Tell whether a registry would take this tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Tell whether this is a digest that can be verified."""
    return _DIGEST.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Tell whether this host is this machine, where plain HTTP is harmless."""
    return _LOOPBACK.fullmatch(host) is not None


def replace_registry(name: str, registry: str | None) -> str:
    """Return a name at another registry, or itself; a host that it names gives way."""
    if registry is None:
        return name
    host, slash, path = name.partition("/")
    names_host = bool(slash) and names_a_registry(host)
    return f"{registry.rstrip('/')}/{path if names_host else name}"


def mirror_of(reference: Reference, mirrors: Mapping[str, str]) -> Reference:
    """Return the reference in a mirror, or itself; the longest matching mirror wins.

    A mirror maps a registry, or a registry with a path, to another; one that begins with http://
    is asked in plain HTTP.
    """
    parts = reference.name.split("/")
    for length in range(len(parts), 0, -1):
        target = mirrors.get("/".join(parts[:length]))
        if target is not None:
            scheme = "http://" if target.startswith("http://") else ""
            place = "/".join([target.removeprefix(scheme).strip("/"), *parts[length:]])
            host, _, repository = place.partition("/")
            return replace(reference, registry=scheme + host, repository=repository)
    return reference
