"""Read the registry, names and tags that a namespace says its images are published under."""

from __future__ import annotations

from distgen.catalogue.imported import SourceRequest
from distgen.catalogue.placeholders import fill_placeholders
from distgen.catalogue.sources.kolla.question import PublishedNames
from distgen.errors import InputError
from distgen.schema.formats import format_problem

_IMAGE = "{image}"
_ANY = "x"
"""Stands for the name of an image where the rest is checked."""


def published_names(request: SourceRequest) -> PublishedNames:
    """Return what Kolla has to know of the names of a namespace."""
    namespace = request.namespace
    path, prefix = _split_repository(request)
    is_prefixed = namespace.repository != _IMAGE
    registry, tags = namespace.registry, request.stream.tags
    return PublishedNames(registry, path, prefix, is_prefixed, tuple(tags), namespace.origin)


def names_key(request: SourceRequest) -> list[str]:
    """Return what a namespace says of where its images are published."""
    namespace = request.namespace
    return [namespace.registry, namespace.repository, *request.stream.tags]


def _split_repository(request: SourceRequest) -> tuple[str, str]:
    """Return the path and the prefix that a namespace puts before the names of its images."""
    repository, where = request.namespace.repository, request.namespace.origin
    before, image, after = repository.partition(_IMAGE)
    if not image or after:
        raise InputError(
            f"the repository `{repository}` does not end in `{_IMAGE}`, as Kolla's do",
            where=where,
        )
    stream = request.stream
    words = {"namespace": request.namespace.name, "stream": stream.name, "branch": stream.branch}
    filled = fill_placeholders(before, {**request.options, **words}, where)
    if problem := format_problem("repository", filled + _ANY):
        raise InputError(f"`{filled}{_IMAGE}` {problem}", where=where)
    path, _, prefix = filled.rpartition("/")
    return path, prefix
