"""Adds the sources of images to the schema of a namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distgen.schema.subschemas import Schema


def with_sources(namespace: Schema, sources: Mapping[str, Mapping[str, str]]) -> Schema:
    """Return the schema of a namespace that may name these sources, each with its settings.

    `sources` maps the word for `source` to texts: what its `images` are, and its `settings`, which
    are written below a key of that word.
    """
    properties: dict[str, Any] = {}
    for name, schema in namespace["properties"].items():
        properties[name] = schema
        if name == "source":
            properties[name] = {**schema, "description": _description(schema, sources)}
            properties[name]["enum"] = list(sources)
            properties |= {
                source: {"$ref": "#/$defs/settings", "description": texts["settings"]}
                for source, texts in sources.items()
            }
    needs_source = {source: ["source"] for source in sources}
    return {**namespace, "properties": properties, "dependentRequired": needs_source}


def _description(source: Schema, sources: Mapping[str, Mapping[str, str]]) -> str:
    meanings = (f"`{name}` {texts['images']}" for name, texts in sources.items())
    return f"{source['description']}: {', '.join(meanings)}."
