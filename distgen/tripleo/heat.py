"""Read and write the YAML of TripleO's tools: defaults, Heat environments, roles, container lists.

They are written for PyYAML, so words such as `yes` and `off` are booleans here as they are there;
numbers stay as typed, since a tag 2.10 is not 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from distgen.errors import InputError
from distgen.model.catalogue import Image
from distgen.model.reference import untagged_name
from distgen.model.words import Origin
from distgen.schema.yaml_writer import dump_yaml

if TYPE_CHECKING:
    from yaml import SafeLoader as _FastestLoader
else:
    _FastestLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: dict[str, str | bool | None] = {"true": True, "false": False, "null": None}
OFF = "OS::Heat::None"
HEADER = "# Written by distgen export tripleo; edit the template instead.\n"
LIST_KEY = "container_images"
_LISTS = ("container_images_template", LIST_KEY, "uploads")
_ONLY_IN_TEMPLATE = ("params", "services")
# A reader that took a tag 2.10 for a number asked the registry for 2.1.
_TEXTS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
_DISTRO = re.compile(r"^(?:openstack|centos|rhel|ubi[0-9]+)-")
_KIND = re.compile(r"^(?:binary|source|rdo|rhos)-")


class _HeatLoader(_FastestLoader):
    """PyYAML's safe loader, which leaves numbers and dates as text."""


_HeatLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _TEXTS]
    for first, resolvers in _FastestLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str, path: str) -> Any:
    """Return the data of one YAML file; raise InputError with the line of a mistake."""
    try:
        return yaml.load(text, Loader=_HeatLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Origin(path, mark.line + 1, mark.column + 1) if mark else Origin(path)
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise InputError(f"cannot be read: {problem}", where=place) from None
    except (ValueError, RecursionError):
        problem = "it is nested too deeply, or holds a number or date that there is not"
        raise InputError(f"cannot be read: {problem}", where=Origin(path)) from None


def parse_value(text: str) -> str | bool | None:
    """Return the value of `--set NAME=VALUE`: true, false and null mean themselves."""
    return _WORDS.get(text, text)


def parse_defaults(text: str, path: str) -> dict[str, Any]:
    """Return the values of a prepare-defaults file: those of its first entry's `set`."""
    data = _mapping(read_yaml(text, path), path).get("parameter_defaults")
    entries = _mapping(data or {}, path).get("ContainerImagePrepare")
    if not isinstance(entries, list) or not entries:
        raise InputError(
            "has no parameter_defaults.ContainerImagePrepare with a list of entries", where=path
        )
    values = _mapping(_mapping(entries[0], path).get("set") or {}, path)
    for name, value in values.items():
        if not isinstance(value, str | bool | None):
            raise InputError(f"the value of {name} is not a plain one", where=path)
    return values


def parse_list(text: str, path: str) -> tuple[Mapping[str, Any], ...]:
    """Return the entries of a container list of any release, in its order."""
    data = read_yaml(text, path)
    key = next((key for key in _LISTS if isinstance(data, dict) and key in data), None)
    if key is None:
        raise InputError(f"has none of {', '.join(_LISTS)}", where=path)
    return _entries(data[key], path)


def parse_images(text: str, path: str) -> tuple[Mapping[str, Any], ...]:
    """Return the entries of a container list, each image once."""
    by_name: dict[str, Mapping[str, Any]] = {}
    for entry in parse_list(text, path):
        by_name.setdefault(entry["imagename"], entry)
    return tuple(by_name.values())


def _entries(data: Any, path: str) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(data, list):
        raise InputError("has no list of images", where=path)
    for number, entry in enumerate(data, 1):
        name = entry.get("imagename") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise InputError(f"entry {number} of the list has no imagename", where=path)
        if not name.isprintable() or " " in name:
            raise InputError(f"entry {number} of the list has the name {name!r}", where=path)
        for key in _ONLY_IN_TEMPLATE:
            _words(entry.get(key), f"the {key} of {name}", path)
    return tuple(data)


def format_list(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the plain list in YAML, in the order of the template."""
    images = [
        {key: value for key, value in entry.items() if key not in _ONLY_IN_TEMPLATE}
        for entry in entries
    ]
    return dump_yaml({LIST_KEY: images})


def format_parameters(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the environment of Heat: each parameter with its image, by name."""
    images = {name: entry["imagename"] for entry in entries for name in entry.get("params") or ()}
    return HEADER + dump_yaml({"parameter_defaults": dict(sorted(images.items()))})


def format_catalogue(images: Iterable[Image]) -> str:
    """Return images of a catalogue as such a list; those that a source brought name it."""
    return format_list(
        {"imagename": image.reference}
        | ({"image_source": image.imported_from} if image.imported_from else {})
        for image in images
    )


def short_names(imagename: str) -> tuple[str, ...]:
    """Return the names that an image may have where it is built, likeliest first."""
    name = untagged_name(imagename).rpartition("/")[2]
    bare = _DISTRO.sub("", name)
    return tuple(dict.fromkeys((name, bare, _KIND.sub("", bare))))


def merge_environments(environments: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return environments of Heat, (text, path) each, later ones laid over earlier."""
    sections: dict[str, dict[str, Any]] = {"parameter_defaults": {}, "resource_registry": {}}
    for text, path in environments:
        data = _mapping(read_yaml(text, path) or {}, path)
        for key, section in sections.items():
            section.update(_mapping(data.get(key) or {}, path))
    return sections


def deployed_services(
    roles: str, path: str, environment: Mapping[str, Mapping[str, Any]]
) -> frozenset[str]:
    """Return the services of the roles that have machines, but those that Heat leaves out."""
    data = read_yaml(roles, path)
    if not isinstance(data, list):
        raise InputError("is not a list of roles", where=path)
    parameters, registry = environment["parameter_defaults"], environment["resource_registry"]
    services: set[str] = set()
    for role in data:
        name = _mapping(role, path).get("name")
        count = str(parameters.get(f"{name}Count", role.get("CountDefault", "0")))
        if not count.isdecimal():
            raise InputError(f"{name}Count is {count!r}, which is not a number", where=path)
        if int(count):
            names = parameters.get(f"{name}Services", role.get("ServicesDefault"))
            services.update(_words(names, f"the services of {name}", path))
    return frozenset(service for service in services if registry.get(service) != OFF)


def neutron_driver(environment: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the driver that an environment's NeutronMechanismDrivers mean, None without them."""
    drivers = environment["parameter_defaults"].get("NeutronMechanismDrivers")
    if drivers is None:
        return None
    # Heat takes a list of them, or one text with commas
    words = drivers.split(",") if isinstance(drivers, str) else drivers
    if not isinstance(words, list):
        raise InputError(f"NeutronMechanismDrivers are {drivers!r}, which is not a list")
    return "ovn" if "ovn" in words else "other"


def _mapping(data: Any, path: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InputError("has something else where a mapping is expected", where=path)
    return data


def _words(data: Any, subject: str, path: str) -> list[str]:
    words = [] if data is None else data
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError(f"{subject} are not a list of words", where=path)
    return words
