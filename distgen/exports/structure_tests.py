"""Structure tests: what each image has to be like, for container-structure-test and our build.

https://github.com/GoogleContainerTools/container-structure-test, schema version 2.0.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distgen.exports.records import ExportFormat, ExportResult, Selection
from distgen.model.rendered import File
from distgen.schema.yaml_writer import dump_sorted

VERSION = "2.0.0"
NAMED = ("commandTests", "fileExistenceTests", "fileContentTests")
"""Lists of tests with names."""


def merge_tests(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all layers say, a later one before an earlier one; nothing where none says any.

    A test takes the place of one of its name; keys of `metadataTest` are replaced, and labels and
    variables by their keys.
    """
    merged: dict[str, Any] = {}
    for tests in layers:
        for key in NAMED:
            if key in tests:
                merged[key] = _replace_by("name", merged.get(key, ()), tests[key])
        if "metadataTest" in tests:
            earlier = merged.get("metadataTest", {})
            merged["metadataTest"] = {**earlier, **_merge_metadata(earlier, tests["metadataTest"])}
    return {"schemaVersion": VERSION, **merged} if merged else {}


def _merge_metadata(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _replace_by("key", earlier.get(key, ()), value)
        if key in ("labels", "envVars")
        else value
        for key, value in later.items()
    }


def _replace_by(
    key: str, earlier: Sequence[Mapping[str, Any]], later: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    by_key = {entry[key]: entry for entry in earlier}
    return list({**by_key, **{entry[key]: entry for entry in later}}.values())


def write_structure_tests(selection: Selection) -> ExportResult:
    """Return the tests of each image that has some, `NAMESPACE/IMAGE/STREAM/tests.yaml`."""
    files = []
    for image in selection.images:
        if tests := selection.tests[image.key]:
            path = f"{image.full_name}/{image.stream.name}/tests.yaml"
            files.append(File(path, dump_sorted(tests).encode()))
    return ExportResult(tuple(files))


FORMAT = ExportFormat(
    name="structure-tests",
    place="beside",
    summary="Tests of each image for container-structure-test, from the tests.yaml of the"
    " catalogue.",
    write=write_structure_tests,
    needs=frozenset({"tests"}),
)
