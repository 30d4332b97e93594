"""Types the values in the schema of images by what one template declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distgen.schema.subschemas import Schema

_OF_WHOLE_LISTS = ("minItems", "contains", "minContains", "default")
_OF_WHOLE_MAPS = ("required", "minProperties", "dependentRequired", "default")


def image_schema_of(image: Schema, template: str, values: Mapping[str, Schema]) -> Schema:
    """Return the schema of an image of a template whose values have these schemas.

    An overlay is a part of the whole: it may leave values out, delete them with null, and say
    `key+` and `key-` of lists.
    """
    typed = _overlay_map(values)
    properties = {**image["properties"]}
    properties["template"] = {**properties["template"], "const": template}
    properties["values"] = {**properties["values"], **typed}
    del properties["values"]["propertyNames"]
    definitions = dict(image["$defs"])
    stream = definitions["stream"]
    of_stream = {**stream["properties"]["values"], **typed}
    definitions["stream"] = {**stream, "properties": {**stream["properties"], "values": of_stream}}
    return {
        **image,
        "$id": f"{image['$id']}:{template}",
        "title": f"overlays/NAMESPACE/IMAGE.yaml: one image of the template {template}",
        "properties": properties,
        "$defs": definitions,
    }


def _overlay_map(values: Mapping[str, Schema]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, schema in values.items():
        properties[name] = _overlay_value(schema)
        if _takes(schema, "array"):
            part = {key: rule for key, rule in schema.items() if key not in _OF_WHOLE_LISTS}
            properties[f"{name}+"] = properties[f"{name}-"] = {**part, "type": "array"}
    return {"properties": properties, "additionalProperties": False}


def _overlay_value(schema: Any) -> Any:
    """Return the schema of what an overlay may say of a value."""
    if not isinstance(schema, Mapping):
        return schema
    words = {key: schema[key] for key in ("description", "title") if key in schema}
    return {**words, "anyOf": [_overlay_part(schema), {"type": "null"}]}


def _overlay_part(schema: Any) -> Any:
    """Return the schema of a map that is merged with the one below it; others stay as they are."""
    if not isinstance(schema, Mapping) or not _takes(schema, "object"):
        return schema
    part = {key: rule for key, rule in schema.items() if key not in _OF_WHOLE_MAPS}
    if isinstance(part.get("properties"), Mapping):
        part["properties"] = _overlay_map(part["properties"])["properties"]
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if isinstance(part.get(keyword), Mapping):
            part[keyword] = _overlay_value(part[keyword])
    if isinstance(part.get("patternProperties"), Mapping):
        patterns = part["patternProperties"]
        part["patternProperties"] = {key: _overlay_value(rule) for key, rule in patterns.items()}
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in part:
            part[keyword] = [_overlay_part(inner) for inner in part[keyword]]
    return part


def _takes(schema: Schema, kind: str) -> bool:
    """Tell whether a schema takes a list or a map."""
    types = schema.get("type", ())
    if kind in ((types,) if isinstance(types, str) else types):
        return True
    return any(
        isinstance(inner, Mapping) and _takes(inner, kind)
        for keyword in ("anyOf", "oneOf", "allOf")
        for inner in schema.get(keyword, ())
    )
