"""The schemas that editors read accept what the catalogue holds and refuse mistakes in it."""

import copy
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from testing.commandline import distgen

from distgen.schema.packaged import KINDS

__all__ = ["distgen"]
ROOT = Path(__file__).parents[2]
READER = YAML(typ="safe", pure=True)
LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a catalogue as `distgen init --schemas` makes it."""
    root = tmp_path_factory.mktemp("whole") / "images"
    command = [sys.executable, "-m", "distgen", "-q", "init", "--schemas", str(root)]
    subprocess.run(command, check=True, cwd=ROOT)
    return root


def checked_files(root):
    """Yield each file that names a schema, its data, and the validator of that schema."""
    validators = {}
    for pattern in ("distgen.yaml", "templates/*/template.yaml", "overlays/*/*.yaml"):
        for path in sorted(root.glob(pattern)):
            line = LINE.match(path.read_text())
            assert line, path
            schema = (path.parent / line[1]).resolve()
            if schema not in validators:
                validators[schema] = Draft202012Validator(json.loads(schema.read_text()))
            yield path, READER.load(path), validators[schema]


def test_every_file_of_a_new_catalogue_keeps_to_the_schema_that_it_names(whole):
    count = 0
    for path, data, validator in checked_files(whole):
        assert not [error.message for error in validator.iter_errors(data)], path
        count += 1
    assert count > 160


def mistakes(data, template):
    """Yield an overlay with a mistake planted, as somebody might make it."""
    yield {**data, "valuse": {}}
    yield {**data, "from": 12}
    yield {**data, "template": "other"}
    yield {**data, "values": {**(data.get("values") or {}), "no_such_value": 1}}
    yield {**data, "streams": {"master": {"values": {"no_such_value": 1}}}}
    for name, schema in template["properties"]["values"]["properties"].items():
        if schema.get("type") == "array":
            yield {**data, "values": {name: "text"}}
            yield {**data, "values": {name: [{"no": "item"}]}} if schema.get("items") else {}
    yield []


def test_the_schema_of_each_template_refuses_planted_mistakes(whole):
    templates = set()
    for path, data, validator in checked_files(whole):
        template = data.get("template")
        if path.parent.parent.name != "overlays" or not template or template in templates:
            continue
        templates.add(template)
        for wrong in filter(None, mistakes(copy.deepcopy(data), validator.schema)):
            assert not validator.is_valid(wrong), (path, wrong)
    assert len(templates) > 10


def test_an_overlay_may_say_a_part_and_delete_and_change_lists(catalogue, distgen):
    root = catalogue(
        {
            "templates/base/template.yaml": """\
                description: Base
                values:
                  name: {type: string}
                """,
            "templates/app/template.yaml": """\
                description: App
                extends: base
                values:
                  list: {type: array, items: {type: string}, minItems: 2}
                  map:
                    type: object
                    required: [a, b]
                    additionalProperties: false
                    properties:
                      a: {type: integer}
                      b: {type: array, items: {type: integer}}
                """,
        }
    )
    schema = json.loads(distgen(root, "schema", "image", "--template", "app").out)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    right = (
        *({"list+": ["a"]}, {"list-": ["a"]}, {"list": None}, {"map": None}, {"name": "x"}, {}),
        *({"map": {"a": 1}}, {"map": {"b+": [1]}}, {"map": {"b": None}}, None),
    )
    wrong = (
        *({"list": ["a"]}, {"list+": "a"}, {"list+": [1]}, {"list+": None}, {"name+": ["x"]}),
        *({"map": {"c": 1}}, {"map": {"a": "x"}}, {"map": {"b+": ["x"]}}, {"other": 1}),
    )
    for values in right:
        assert validator.is_valid({"template": "app", "values": values}), values
        assert validator.is_valid({"streams": {"main": {"values": values}}}), values
    for values in wrong:
        assert not validator.is_valid({"template": "app", "values": values}), values
        assert not validator.is_valid({"streams": {"main": {"values": values}}}), values
    assert not validator.is_valid({"template": "base"})


def test_all_schemas_are_written_with_those_of_templates(tmp_path, distgen):
    folder = tmp_path / "new/schemas"
    ran = distgen(ROOT / "distgen/minimal", "schema", "--all", "-o", folder)
    assert ran.code == 0
    assert ran.err == f"wrote {len(KINDS) + 1} schemas into {folder}\n"
    names = {path.name for path in folder.iterdir()}
    assert names == {*(f"{kind}.json" for kind in KINDS), "image-hello.json"}
    for path in folder.iterdir():
        Draft202012Validator.check_schema(json.loads(path.read_text()))
    text = distgen(ROOT / "distgen/minimal", "schema", "image", "--template", "hello").out
    assert text == (folder / "image-hello.json").read_text()


def test_all_schemas_are_written_where_there_is_no_catalogue(tmp_path):
    command = [sys.executable, "-m", "distgen", "-q", "schema", "--all", "-o", "schemas"]
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(command, check=True, cwd=folder, env=environment)
    assert len(list((folder / "schemas").iterdir())) == len(KINDS)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "name a KIND, or write all with --all -o DIR"),
        (("--all",), "name a KIND, or write all with --all -o DIR"),
        (("-o", "x"), "name a KIND, or write all with --all -o DIR"),
        (("image", "--all", "-o", "x"), "name a KIND, or write all with --all -o DIR"),
        (("lock", "--template", "hello"), "--template goes with the kind `image`"),
        (("image", "--template", "helo"), "there is no template `helo`; did you mean `hello`?"),
    ],
)
def test_what_does_not_go_together_is_refused(distgen, words, problem):
    ran = distgen(ROOT / "distgen/minimal", "schema", *words)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err


def test_a_catalogue_with_schemas_is_formatted_and_renders_the_same(tmp_path, distgen):
    plain, lined = tmp_path / "plain", tmp_path / "lined"
    for root, words in ((plain, ()), (lined, ("--schemas",))):
        assert distgen(tmp_path, "init", "--no-git", "--minimal", *words, root).code == 0
        assert distgen(root, "format", "--check").code == 0
        assert distgen(root, "render", "-o", tmp_path / f"{root.name}-trees").code == 0
    assert not (plain / ".schemas").exists()
    trees = [tmp_path / "plain-trees", tmp_path / "lined-trees"]
    subprocess.run(["diff", "-r", *trees], check=True)


def test_check_jsonschema_says_the_same(tmp_path, distgen):
    root = tmp_path / "images"
    shutil.copytree(ROOT / "distgen/minimal", root)
    assert distgen(root, "schema", "--all", "-o", tmp_path / "schemas").code == 0
    file = root / "overlays/example/hello.yaml"
    schema = tmp_path / "schemas/image-hello.json"
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), str(file)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    file.write_text(file.read_text().replace("greeting", "greting"))
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "greting" in ran.stdout
