"""Makes the files and lines by which editors know what an overlay may hold."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from distgen.catalogue.folder import list_folder, read_document
from distgen.catalogue.namespaces import FILE, FOLDER
from distgen.catalogue.templates import FOLDER as TEMPLATES
from distgen.catalogue.templates import read_templates
from distgen.errors import InputError
from distgen.schema.packaged import KINDS, load_schema
from distgen.schema.subschemas import Schema
from distgen.schema.typed_values import image_schema_of
from distgen.text.suggest import did_you_mean

SCHEMAS = ".schemas"
"""The folder of a catalogue for schemas, from which editors read them offline."""


def template_schema(root: Path, name: str) -> Schema:
    """Return the schema of an image whose values are those of a template."""
    schemas = _template_schemas(root)
    if name not in schemas:
        hint = did_you_mean(name, schemas)
        raise InputError(f"there is no template `{name}`", where=TEMPLATES, hint=hint)
    return schemas[name]


def schema_files(root: Path | None) -> dict[str, str]:
    """Return the texts of all schemas by file name, with those for the templates in `root`."""
    schemas = {f"{kind}.json": load_schema(kind) for kind in KINDS}
    for name, schema in _template_schemas(root).items() if root else ():
        schemas[f"image-{name}.json"] = schema
    return {name: schema_text(schema) for name, schema in schemas.items()}


def _template_schemas(root: Path) -> dict[str, Schema]:
    templates, _ = read_templates(root)
    return {
        name: image_schema_of(load_schema("image"), name, compiled.template.schema["properties"])
        for name, compiled in templates.items()
    }


def schema_text(schema: Schema) -> str:
    """Return a schema as it is printed and written."""
    return json.dumps(schema, indent=2) + "\n"


def schema_lines(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each YAML file of a catalogue, and the comment that names its schema to editors."""
    yield "distgen.yaml", _line("distgen.yaml", "config")
    for template in read_templates(root)[0]:
        path = f"{TEMPLATES}/{template}/template.yaml"
        yield path, _line(path, "template")
    for namespace in list_folder(root, FOLDER):
        for file in list_folder(root, namespace.path) if namespace.is_folder else ():
            if file.is_folder or not file.name.endswith(".yaml"):
                continue
            if file.name == FILE:
                yield file.path, _line(file.path, "namespace")
            else:
                name = read_document(root, file.path).data.get("template")
                of_image = f"image-{name}" if name else "image"
                yield file.path, _line(file.path, of_image)


def _line(path: str, schema: str) -> str:
    address = os.path.relpath(f"{SCHEMAS}/{schema}.json", Path(path).parent)
    return f"# yaml-language-server: $schema={address}\n"
