"""Reads the template folders: their files, and the schema and defaults of the values they take.

`values` of a template.yaml maps each value's name to the JSON Schema of that value. A value with a
`default` may be left alone; one without must be set by an overlay, unless its schema takes null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distgen.catalogue.cycles import find_cycle
from distgen.catalogue.folder import list_folder, read_document, read_folder
from distgen.catalogue.records import CompiledTemplate
from distgen.catalogue.template_files import TESTS
from distgen.errors import InputError
from distgen.model.catalogue import Layer, Template, TemplateFile
from distgen.model.words import KeyPath, Origin
from distgen.schema.check import (
    Check,
    FindOrigin,
    check_document,
    compile_schema,
    refuse_bad_schema,
    refuse_mistakes,
)
from distgen.schema.formats import format_problem
from distgen.schema.packaged import load_schema, validator_of
from distgen.schema.scalars import resolve_scalars, with_declared_types, with_null_types
from distgen.schema.yaml import Document
from distgen.text.suggest import did_you_mean

FOLDER = "templates"
_FILE = "template.yaml"


@dataclass(frozen=True, slots=True)
class _TemplateFolder:
    """A folder of templates/, before inheritance; `properties` are the schemas of its values."""

    document: Document
    data: Mapping[str, Any]
    properties: Mapping[str, Mapping[str, Any]]
    files: tuple[TemplateFile, ...]


def read_templates(
    root: Path, check: Check = refuse_mistakes
) -> tuple[dict[str, CompiledTemplate], dict[str, TemplateFile]]:
    """Return the templates by name, and by path below templates/ the files others may include."""
    folders: dict[str, _TemplateFolder] = {}
    includable: dict[str, TemplateFile] = {}
    for entry in list_folder(root, FOLDER):
        if entry.name.startswith(".") or not entry.is_folder:
            continue
        files = read_folder(root, entry.path)
        is_shared = entry.name.startswith("_")
        if not is_shared:
            folders[entry.name] = _read_template(root, entry.name, files)
        for file in files:
            if is_shared or file.is_rendered:
                includable[file.source.removeprefix(f"{FOLDER}/")] = file
    chains = _extension_chains(folders)
    return {
        name: _compile(name, chain, folders, check) for name, chain in chains.items()
    }, includable


def _read_template(root: Path, name: str, files: tuple[TemplateFile, ...]) -> _TemplateFolder:
    path = f"{FOLDER}/{name}/{_FILE}"
    if problem := format_problem("name", name):
        raise InputError(f"`{name}` {problem}", where=Origin(f"{FOLDER}/{name}"))
    if not (root / path).is_file():
        raise InputError(
            f"the folder has no {_FILE}",
            where=Origin(f"{FOLDER}/{name}"),
            hint="write one, or begin the folder's name with _ when it only holds shared files",
        )
    document = read_document(root, path)
    data = check_document(validator_of("template"), with_null_types(document))
    properties = _properties(document) if data.get("values") else {}
    for value, schema in properties.items():
        refuse_bad_schema(schema, document.origin, ("values", value))
    files = tuple(file for file in files if file.source != path)
    return _TemplateFolder(document, data, properties, files)


def _properties(document: Document) -> Mapping[str, Mapping[str, Any]]:
    """Return the schemas of a checked template's values, defaults in the types they declare."""
    schemas = {
        value: with_declared_types(schema) for value, schema in document.data["values"].items()
    }
    template: dict[str, Any] = resolve_scalars({"values": schemas}, load_schema("template"))
    properties: Mapping[str, Mapping[str, Any]] = template["values"]
    return properties


def _extension_chains(folders: Mapping[str, _TemplateFolder]) -> dict[str, tuple[str, ...]]:
    """Return what each template extends, nearest first."""
    edges: dict[str, list[str]] = {}
    for name, folder in folders.items():
        parent = folder.data.get("extends")
        if parent is not None and parent not in folders:
            raise InputError(
                f"there is no template `{parent}` to extend",
                where=folder.document.origin(("extends",)),
                hint=did_you_mean(parent, folders),
            )
        edges[name] = [parent] if parent else []
    if cycle := find_cycle(edges):
        problem = f"templates extend each other: {' -> '.join(cycle)}"
        where = folders[cycle[0]].document.origin(("extends",))
        raise InputError(problem, where=where, hint="break the cycle")
    chains: dict[str, tuple[str, ...]] = {}
    for name in folders:
        chain: list[str] = []
        while parents := edges[chain[-1] if chain else name]:
            chain += parents
        chains[name] = tuple(chain)
    return chains


def _compile(
    name: str, chain: tuple[str, ...], folders: Mapping[str, _TemplateFolder], check: Check
) -> CompiledTemplate:
    """Return the template of a folder, with all that the templates of its chain have."""
    ancestors = [folders[ancestor] for ancestor in reversed(chain)]
    farthest_first = [*ancestors, folders[name]]
    properties: dict[str, Mapping[str, Any]] = {}
    files: dict[str, TemplateFile] = {}
    for folder in farthest_first:
        properties.update(folder.properties)
        files.update({file.path: file for file in folder.files if file.path != TESTS})
    checks = {value: compile_schema(schema) for value, schema in properties.items()}
    layers = tuple(
        _default_layer(folder, farthest_first[index + 1 :])
        for index, folder in enumerate(farthest_first)
    )
    for layer in layers:
        for value, default in layer.values.items():
            _refuse_bad_default((value,), default, partial(check, checks[value]), layer)
    template = Template(
        name=name,
        description=folders[name].data["description"],
        schema=_object_schema(properties),
        defaults=layers[-1],
        files=tuple(files[path] for path in sorted(files)),
        extends=chain,
        origin=folders[name].document.origin(),
        tests=tuple(
            file for folder in farthest_first for file in folder.files if file.path == TESTS
        ),
        verbatim=any(folder.data.get("verbatim") for folder in farthest_first),
    )
    nullable = frozenset(value for value, check in checks.items() if check.is_valid(None))
    return CompiledTemplate(template, layers, checks, nullable, folders[name].document)


def _default_layer(folder: _TemplateFolder, nearer: list[_TemplateFolder]) -> Layer:
    """Return a template's defaults, less those of values that a nearer template declares anew."""
    values: dict[str, Any] = {}
    marks: dict[KeyPath, tuple[int, int]] = {}
    for value, schema in folder.properties.items():
        if "default" in schema and not any(value in heir.properties for heir in nearer):
            values[value] = schema["default"]
    for key, mark in folder.document.marks.items():
        if len(key) > 2 and key[0] == "values" and key[2] == "default":
            inner: KeyPath = (*key[1:2], *key[3:])
            marks[inner] = mark
    return Layer("template", folder.document.path, values, marks)


def _refuse_bad_default(
    key: KeyPath,
    default: Any,
    refuse: Callable[[Any, FindOrigin, KeyPath], None],
    layer: Layer,
) -> None:
    try:
        refuse(default, layer.origin, key)
    except InputError as error:
        problem = f"the default does not fit its own schema: {error.problem}"
        raise InputError(problem, where=error.where, hint=error.hint) from None


def _object_schema(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": dict(properties),
        "required": [name for name, schema in properties.items() if "default" not in schema],
        "additionalProperties": False,
    }
