"""The variables of each image, as tcib gives them to the role that writes its Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_BASE_WORDS = re.compile(r"^(openstack|centos|rhel|ubi8)-")
_TYPE_WORDS = re.compile(r"^(binary|source|rdo|rhos)-")
OWN_KEYS = frozenset(("tcib_packages", "tcib_meta", "tcib_rhel_modules"))
"""Keys of image files that the role has no default for."""


def short_name(image_name: str) -> str:
    """Return the name of an image without registry, tag, distribution and kind of installation."""
    name = image_name.rsplit("/", maxsplit=1)[-1].split(":", maxsplit=1)[0]
    return _TYPE_WORDS.sub("", _BASE_WORDS.sub("", name))


def image_variables(
    options: Mapping[str, Any], name: str, common: Mapping[str, Any], reference: str
) -> dict[str, Any]:
    """Return the variables of an image; `reference` is what it is built on.

    Maps are sorted by their keys: tcib writes them to files which are.
    """
    variables = {**options, "tcib_meta": {"name": short_name(name)}, **common}
    variables.setdefault("tcib_from", reference)
    sorted_variables: dict[str, Any] = sort_maps(variables)
    return sorted_variables


def label_variables(labels: Mapping[str, str], words: Mapping[str, str]) -> dict[str, Any]:
    """Return the labels of an image that has labels from the settings: these and tcib's usual ones.

    `%(word)s` in a label stands for one of `words`: registry, namespace, prefix, image, tag, name.
    Raise KeyError or ValueError for another one.
    """
    title = f"OpenStack Platform {words['name']}"
    usual: dict[str, Any] = {
        "tcib_managed": True,
        "maintainer": "OpenStack Kubernetes Operator Team",
        "description": title,
        "summary": title,
        "io.k8s.display-name": title,
    }
    return usual | {name: str(text) % words for name, text in labels.items()}


def sort_maps(data: Any) -> Any:
    """Return data with the keys of all maps in it sorted."""
    if isinstance(data, Mapping):
        return {key: sort_maps(data[key]) for key in sorted(data, key=str)}
    if isinstance(data, list):
        return [sort_maps(item) for item in data]
    return data
