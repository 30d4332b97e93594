"""Each event that the code tells is in the schema, and each of the schema's is told."""

import ast
import re
from pathlib import Path

import pytest
from jsonschema import ValidationError

from distgen.schema.packaged import load_schema, validator_of

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "distgen"
OBSERVERS = re.compile(r"(?:\w+\.)*(?:observe|events|measured)")
OF_BUILD = ("build", "cli/commands/build.py")


def emitted(path: Path) -> set[str]:
    """Return the events that a module tells an observer of, by its literal words."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and OBSERVERS.fullmatch(ast.unparse(node.func))
        if len(node.args) == 2 and isinstance(node.args[0], ast.Constant)
    }


def is_of_build(path: Path) -> bool:
    name = path.relative_to(PACKAGE).as_posix()
    return name.startswith("build/") or name in OF_BUILD


@pytest.mark.parametrize(("kind", "of_build"), [("events", False), ("build-events", True)])
def test_events_of_the_code_and_of_the_schema_are_the_same(kind, of_build):
    modules = [path for path in PACKAGE.rglob("*.py") if is_of_build(path) is of_build]
    told = set().union(*map(emitted, modules))
    schema = load_schema(kind)
    assert told == schema["$defs"].keys()
    assert schema["oneOf"] == [{"$ref": f"#/$defs/{event}"} for event in schema["$defs"]]
    for event, of_event in schema["$defs"].items():
        assert of_event["properties"]["event"]["const"] == event
        assert sorted(of_event["required"]) == sorted(of_event["properties"])
        assert of_event["additionalProperties"] is False


def test_words_that_only_a_variable_knows_come_from_elsewhere():
    """A step is passed on in two places; all others name it, or the test above misses it."""
    passing = [
        f"{path.relative_to(PACKAGE).as_posix()}: {ast.unparse(node)}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and OBSERVERS.fullmatch(ast.unparse(node.func))
        if len(node.args) == 2 and not isinstance(node.args[0], ast.Constant)
    ]
    assert {line.partition(": ")[2] for line in passing} <= {
        "observe(step, about)",
        "events(step, about)",
    }


@pytest.mark.parametrize(
    "event",
    [
        {"time": "2026-01-01T00:00:00.000Z", "event": "waiting"},
        {"time": "2026-01-01T00:00:00.000Z", "event": "waiting", "detail": "", "more": 1},
        {"time": "2026-01-01 00:00", "event": "waiting", "detail": ""},
        {"time": "2026-01-01T00:00:00.000Z", "event": "unheard", "detail": ""},
    ],
)
def test_other_lines_are_none(event):
    with pytest.raises(ValidationError):
        validator_of("events").validate(event)


def test_tests_that_write_events_hold_them_to_the_schema():
    careless = [
        path.name
        for path in TESTS.rglob("test_*.py")
        if path != Path(__file__) and '"--events"' in (text := path.read_text(encoding="utf-8"))
        if "read_events(" not in text
    ]
    assert careless == []
