"""A source of images is a package and one entry in a list: nothing else knows its name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from distgen.errors import InputError
from distgen.schema.check import check_document, compile_schema
from distgen.schema.packaged import load_schema, source_texts
from distgen.schema.sources import with_sources
from distgen.schema.yaml import read_yaml

PACKAGE = Path(__file__).parents[2] / "distgen"
SOURCES = PACKAGE / "catalogue/sources"
STREAMS = "streams: {master: }\n"


def test_every_source_of_the_schema_is_a_package_that_reads_images():
    assert load_schema("namespace")["properties"]["source"]["enum"] == [*source_texts()]
    packages = {path.parent.name for path in SOURCES.glob("*/images.py")}
    assert packages == {*source_texts()}


def test_nothing_else_names_a_source():
    """It stood in the schema three times, and lists of TripleO compared with it."""
    places = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "exports"  # a format is called as the tool that it is for
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.rstrip(":/") in source_texts()
        if not any(path.is_relative_to(SOURCES / name) for name in source_texts())
    ]
    assert places == []
    schemas = (PACKAGE / "schema/json").glob("*.json")
    assert [path.name for path in schemas if '"kolla"' in path.read_text()] == ["sources.json"]


@pytest.fixture
def two_sources():
    """Compile the schema of a namespace that could have another source beside Kolla."""
    second_source = {"images": "are the images of another tool", "settings": "Its options."}
    return compile_schema(
        with_sources(load_schema("namespace"), {**source_texts(), "other": second_source})
    )


def test_a_second_source_needs_one_entry(two_sources):
    text = f"source: other\nother: {{release: 3.10}}\n{STREAMS}"
    data = check_document(two_sources, read_yaml(text, "f.yaml"))
    assert (data["source"], data["other"]) == ("other", {"release": "3.10"})
    assert (
        "`other` are the images of another tool."
        in (two_sources.schema["properties"]["source"]["description"])
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "other: {}\nregistry: a.example\n",
            "f.yaml:1:1: the key `other` needs `source` beside it",
        ),
        (
            "source: othr\n",
            "`source: othr` is not one of kolla, tcib, other; did you mean `other`?",
        ),
    ],
)
def test_a_second_source_is_checked_as_the_first_is(two_sources, text, message):
    with pytest.raises(InputError) as error:
        check_document(two_sources, read_yaml(text + STREAMS, "f.yaml"))
    assert message in str(error.value)


def test_no_source_is_imported_before_it_is_asked():
    """Kolla's configuration takes longer to import than most runs take."""
    code = "import sys; from distgen.catalogue.sources.source import source_reader, SourceContext;"
    code += "source_reader(SourceContext()); print([m for m in sys.modules if '.sources.' in m])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "['distgen.catalogue.sources.source']\n"
