"""Objects of Tekton as it takes them: by its own OpenAPI description, unknown keys refused.

The description has names and types of Go. Its rules for values are those of
`pkg/apis/pipeline/v1/pipeline_validation.go` in https://github.com/tektoncd/pipeline.
"""

from __future__ import annotations

import graphlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from testing.kubernetes_objects import kubernetes_definitions

DESCRIPTION = Path(__file__).parent.parent / "data" / "tekton-pipeline-v1.json"
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
TEXTS = {"type": "array", "items": {"type": "string"}}
# Of Kubernetes: what the description refers to and does not hold.
ELSEWHERE = {
    "v1.ObjectMeta": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string"},
            "generateName": {"type": "string"},
            "namespace": {"type": "string"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
    "v1.Duration": {"type": "string", "pattern": r"^(0|([0-9]+(\.[0-9]+)?(h|m|s|ms))+)$"},
    # "a single JSON field can accept either an individual string or an array of strings"
    "v1.ParamValue": {
        "oneOf": [
            {"type": "string"},
            TEXTS,
            {"type": "object", "additionalProperties": {"type": "string"}},
        ]
    },
}


@cache
def schema(kind: str) -> Mapping[str, Any]:
    """Return the JSON Schema of a kind of object."""
    definitions = json.loads(DESCRIPTION.read_text())["definitions"]
    for definition in definitions.values():
        if definition.get("properties"):
            definition["additionalProperties"] = False
    named = {*re.findall(r'"#/definitions/([^"]+)"', json.dumps(definitions))}
    parts = {"v1.Task": _task(definitions["v1.EmbeddedTask"]), **_of_kubernetes(named)}
    # What we write nothing of, whatever it may be, is refused.
    absent = dict.fromkeys(named - definitions.keys(), False)
    return {
        "$ref": f"#/definitions/v1.{kind}",
        "definitions": {**absent, **definitions, **parts, **ELSEWHERE},
    }


def _task(embedded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a Task, whose spec is that of a task in a pipeline, without a kind."""
    properties = dict(embedded["properties"])
    for name in ("apiVersion", "kind", "metadata", "spec"):
        del properties[name]
    text = {"type": "string"}
    named = {"apiVersion": text, "kind": text, "metadata": {"$ref": "#/definitions/v1.ObjectMeta"}}
    return {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {**named, "spec": {**embedded, "properties": properties}},
        "additionalProperties": False,
    }


def _of_kubernetes(names: Iterable[str]) -> dict[str, Any]:
    """Return what the description refers to of Kubernetes, and what that refers to."""
    definitions = kubernetes_definitions()
    core = {name: f"io.k8s.api.core.{name}" for name in names}
    aliases = {
        name: {"$ref": f"#/definitions/{full}"}
        for name, full in core.items()
        if full in definitions
    }
    return {**definitions, **aliases}


class Loader(yaml.SafeLoader):
    """Reads YAML as Kubernetes does, which takes `y` and `n` for truth values."""


Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))
Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}


def tekton_problems(text: str) -> list[str]:
    """Return what is wrong with an object; empty for one that Tekton takes."""
    data = yaml.load(text, Loader=Loader)
    kind = data.get("kind")
    if kind not in ("Pipeline", "PipelineRun", "Task") or data.get("apiVersion") != "tekton.dev/v1":
        return [f"no kind {kind} of tekton.dev/v1"]
    problems = [error.message for error in Draft202012Validator(schema(kind)).iter_errors(data)]
    if problems:
        return problems
    return [*_metadata(data["metadata"]), *(_pipeline(data["spec"]) if kind == "Pipeline" else ())]


def _metadata(metadata: Mapping[str, Any]) -> Iterator[str]:
    name = metadata.get("name") or metadata.get("generateName", "").rstrip("-")
    if not LABEL.fullmatch(name) or len(name) > 63:
        yield f'invalid resource name "{name}": must be a valid DNS label'


def _pipeline(spec: Mapping[str, Any]) -> Iterator[str]:
    if not spec.get("tasks"):
        yield "missing field(s): spec.tasks"
    names = [task.get("name", "") for task in spec.get("tasks", ())]
    for name in names:
        if not LABEL.fullmatch(name) or len(name) > 63:
            yield f'invalid value "{name}": must be a valid DNS label: spec.tasks.name'
        if names.count(name) > 1:
            yield f"expected exactly one, got both: {name}"
    edges = {}
    declared = {param["name"] for param in spec.get("params", ())}
    for task in spec.get("tasks", ()):
        edges[task["name"]] = task.get("runAfter", [])
        for parent in edges[task["name"]]:
            if parent not in names:
                yield f"task {task['name']} depends on {parent} but {parent} wasn't present"
        if len([key for key in ("taskRef", "taskSpec", "pipelineRef") if key in task]) != 1:
            yield "expected exactly one, got neither: taskRef, taskSpec"
        if not re.fullmatch(r"[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?", task["taskRef"].get("name", "")):
            yield "name part must consist of alphanumeric characters: taskRef.name"
        params = [param["name"] for param in task.get("params", ())]
        if len(set(params)) < len(params):
            yield f"parameters must have unique names: {task['name']}"
        for name in re.findall(r"\$\(params\.([^)]+)\)", json.dumps(task)):
            if name not in declared:
                yield f'non-existent variable in "$(params.{name})"'
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        yield f"cycle detected: {error.args[1]}"
