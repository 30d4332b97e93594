"""Read the YAML files of Kolla's template functions once for all images."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import yaml

from distgen.catalogue.sources.kolla.package import YAML_LOADER


def yaml_reader() -> Callable[[Any], Any]:
    """Return a `yaml.safe_load` that parses each text once."""
    parse = read_once(lambda text: yaml.load(text, Loader=YAML_LOADER))

    def safe_load(stream: Any) -> Any:
        return parse(stream if isinstance(stream, str) else stream.read())

    return safe_load


def read_once(read: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a function that reads once and then returns copies, since Kolla changes the data."""
    pickles: dict[Any, bytes] = {}

    def copy(key: Any = None) -> Any:
        if key not in pickles:
            pickles[key] = pickle.dumps(read(key))
        return pickle.loads(pickles[key])

    return copy
