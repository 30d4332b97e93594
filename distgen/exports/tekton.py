"""Turn images into a Pipeline of Tekton that builds each after its parents, and a run of it.

The keys are those of `tekton.dev/v1` (https://tekton.dev/docs/pipelines/pipeline-api/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from distgen.errors import InputError
from distgen.exports.records import (
    ExportFormat,
    ExportResult,
    FormatOption,
    MatrixEntry,
    Selection,
)
from distgen.exports.unique_names import unique_names
from distgen.model.rendered import File
from distgen.schema.yaml_writer import dump_yaml

PIPELINE, RUN = "pipeline.yaml", "pipelinerun.yaml"
DEFAULT_NAME, DEFAULT_TASK = "images", "build-image"
_LONGEST = 63
"""The longest label that Kubernetes takes (RFC 1123)."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_FOREIGN = re.compile(r"[^a-z0-9]+")
_MUCH = 1_000_000
"""Bytes; the store of Kubernetes takes objects of a little more, what it adds included."""


def write_tekton(selection: Selection) -> ExportResult:
    """Return a Pipeline with a task for each image, and a PipelineRun that starts it."""
    name = _label(selection, "pipeline", DEFAULT_NAME)
    task = _label(selection, "task", DEFAULT_TASK)
    names = _task_names(selection.entries)
    tasks = [_format_task(entry, task, names) for entry in selection.entries]
    pipeline = {**_head("Pipeline", {"name": name}), "spec": {"tasks": tasks}}
    run = {
        **_head("PipelineRun", {"generateName": f"{name}-"}),
        # Without this Tekton ends it after an hour.
        "spec": {"pipelineRef": {"name": name}, "timeouts": {"pipeline": "0"}},
    }
    content = dump_yaml(pipeline).encode()
    warnings: tuple[str, ...] = ()
    if len(content) > _MUCH:
        warnings = (
            f"{PIPELINE} has {len(content)} bytes, and Kubernetes takes little more than {_MUCH}; "
            "export fewer images",
        )
    return ExportResult((File(PIPELINE, content), File(RUN, dump_yaml(run).encode())), (), warnings)


def _label(selection: Selection, option: str, default: str) -> str:
    label = selection.options.get(option, "") or default
    if not _LABEL.fullmatch(label) or len(label) > _LONGEST:
        raise InputError(
            f"{label!r} is not a name in Kubernetes",
            where=f"--{option}",
            hint=f"write at most {_LONGEST} lower-case letters, digits and dashes",
        )
    return label


def _task_names(entries: Sequence[MatrixEntry]) -> dict[str, str]:
    parts = {entry.key: f"{entry.image}/{entry.stream}" for entry in entries}
    spelled = {key: _FOREIGN.sub("-", text.lower()).strip("-") for key, text in parts.items()}
    exact = {key for key, text in parts.items() if text.replace("/", "-") == spelled[key]}
    return unique_names(spelled, exact, limit=_LONGEST)


def _head(kind: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": dict(metadata)}


def _format_task(entry: MatrixEntry, task: str, names: Mapping[str, str]) -> dict[str, Any]:
    params = {
        "url": entry.repository,
        "revision": entry.commit,
        "context": entry.path,
        "image": entry.reference,
        "tags": list(entry.tags),
        **({"platforms": list(entry.platforms)} if entry.platforms else {}),
    }
    parents = sorted(names[key] for key in entry.depends_on)
    return {
        "name": names[entry.key],
        "displayName": entry.key,
        "taskRef": {"name": task},
        **({"runAfter": parents} if parents else {}),
        "params": [{"name": name, "value": value} for name, value in params.items()],
    }


FORMAT = ExportFormat(
    name="tekton",
    place="beside",
    summary="A Pipeline of Tekton that builds images in the order of their parents.",
    write=write_tekton,
    needs=frozenset({"commits"}),
    options=(
        FormatOption("pipeline", "NAME", f"The name of the Pipeline; `{DEFAULT_NAME}` without it."),
        FormatOption(
            "task",
            "NAME",
            f"The Task that builds one image; `{DEFAULT_TASK}` without it. It takes `url`, "
            "`revision`, `context`, `image`, the array `tags`, and `platforms` where these are "
            "set.",
        ),
    ),
)
