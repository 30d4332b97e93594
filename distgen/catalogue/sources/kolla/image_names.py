"""Give Kolla the registry, names and tag that a namespace says its images are published under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from distgen.catalogue.imported import SourceRequest
from distgen.catalogue.placeholders import fill_placeholders
from distgen.errors import InputError
from distgen.model.reference import names_a_registry
from distgen.model.words import Origin
from distgen.schema.formats import format_problem

FindOrigin = Callable[[SourceRequest, str], Origin]
_IMAGE = "{image}"
_ANY = "x"
"""Stands for the name of an image where the rest is checked."""


def apply_names(conf: Any, request: SourceRequest, find_origin: FindOrigin) -> None:
    """Set Kolla's options to what the namespace says, so that each FROM names what is published.

    Raise InputError where the settings of Kolla say something else.
    """
    for option, value in _options(conf, request).items():
        if not _is_chosen(conf, request, option):
            conf.set_override(option, value)
        elif conf[option] != value:
            raise InputError(
                f"Kolla's option {option} is `{conf[option]}`, and the namespace says `{value}`",
                where=find_origin(request, option),
                hint="say it in one of the two places",
            )


def names_key(request: SourceRequest) -> list[str]:
    """Return what a namespace says of where its images are published."""
    namespace = request.namespace
    return [namespace.registry, namespace.repository, *request.stream.tags]


def _options(conf: Any, request: SourceRequest) -> Mapping[str, str]:
    """Return Kolla's options that a namespace decides, with their values."""
    options: dict[str, str] = {}
    registry = request.namespace.registry
    path, prefix = _split_repository(request)
    host, _, account = f"{registry}/{path}".strip("/").partition("/")
    if registry and not names_a_registry(host):
        raise InputError(
            f"the registry `{registry}` does not begin with the name of a host",
            where=request.namespace.origin,
            hint=f"write it in full, such as docker.io/{registry}",
        )
    if registry and account:
        options |= {"registry": host, "namespace": account}
    elif registry and _is_chosen(conf, request, "namespace"):
        options["registry"] = host
    elif registry and conf.registry != host:
        # Kolla has a namespace always, and joins the two with a slash.
        options["namespace"] = host
    elif path:
        options["namespace"] = path
    if request.namespace.repository != _IMAGE:
        options["image_name_prefix"] = prefix
    # A tag that Kolla is told stands first, and those of the stream are further ones.
    if request.stream.tags and not _is_chosen(conf, request, "tag"):
        options["tag"] = request.stream.tags[0]
    return options


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


def _is_chosen(conf: Any, request: SourceRequest, option: str) -> bool:
    """Tell whether the settings of Kolla, or a file that they name, give an option."""
    # Kolla sets defaults after it has read the settings, and they then count as where it is from.
    place = conf.get_location(option)
    return option in {name.replace("-", "_") for name in request.options} or bool(
        place is not None and place.location.is_user_controlled
    )
