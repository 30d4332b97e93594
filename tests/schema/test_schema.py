"""Schemas of the catalogue's files, the sentences they lead to, and the forms of texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from distgen.errors import InputError
from distgen.schema.check import check_document, compile_schema, refuse_mistakes
from distgen.schema.formats import CHECKS, VALUE_FORMATS
from distgen.schema.packaged import KINDS, load_schema, validator_of
from distgen.schema.scalars import resolve_scalars, with_declared_types
from distgen.schema.yaml import read_yaml


def check(kind: str, text: str) -> dict[str, object]:
    return check_document(validator_of(kind), read_yaml(text, "f.yaml"))


def mistake(kind: str, text: str) -> str:
    with pytest.raises(InputError) as caught:
        check(kind, text)
    return str(caught.value)


def test_every_kind_of_file_has_a_proper_schema():
    assert {"config", "template", "namespace", "image", "lock"} <= set(KINDS)
    for kind in KINDS:
        Draft202012Validator.check_schema(load_schema(kind))
        assert json.loads(json.dumps(load_schema(kind)))["title"]


# What commands print; the other kinds are files that people write.
PRINTED = sorted({*KINDS} - {"config", "template", "namespace", "image", "tests", "lock", "facts"})


@pytest.mark.parametrize("kind", PRINTED)
def test_what_a_command_prints_has_the_keys_of_its_schema_and_no_others(kind):
    """A key that is missing from the schema would be a key that nobody documented."""

    def objects(node: object) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            if "properties" in node and "type" in node:
                yield node
            for inner in node.values():
                yield from objects(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from objects(inner)

    for node in objects(load_schema(kind)):
        assert node["additionalProperties"] is False, sorted(node["properties"])
        assert {*node["required"]} <= {*node["properties"]}


def test_every_key_of_a_schema_is_described_by_its_format_or_in_words():
    """A format nobody checks would let anything pass."""
    formats = set(CHECKS)

    def formats_of(node: object) -> set[str]:
        if isinstance(node, dict):
            formats_here = {node["format"]} if isinstance(node.get("format"), str) else set()
            return formats_here.union(*map(formats_of, node.values()))
        return set().union(*map(formats_of, node)) if isinstance(node, list) else set()

    assert set().union(*(formats_of(load_schema(kind)) for kind in KINDS)) <= formats
    template = json.dumps(load_schema("template"))
    assert json.dumps(list(VALUE_FORMATS)) in template


def test_an_unknown_kind_is_an_error():
    with pytest.raises(InputError, match="there is no schema `imag`; one of config, template"):
        load_schema("imag")


def test_numbers_are_text_where_a_schema_asks_for_text():
    text = "template: 3.10\ndescription: on\nfrom: 1e3\nstreams: [2024.1, 3.10, true]"
    assert check("image", text) == {
        "template": "3.10",
        "description": "on",
        "from": "1e3",
        "streams": ["2024.1", "3.10", "true"],
    }


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"type": "string"}, ["3.10", "7", "true"]),
        ({"type": "number"}, [3.1, 7, True]),
        ({"type": ["string", "integer"]}, ["3.10", 7, "true"]),
        ({"type": ["string", "number", "boolean"]}, [3.1, 7, True]),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, ["3.10", "7", True]),
        ({"enum": ["3.10", "7"]}, ["3.10", "7", "true"]),
        ({}, [3.1, 7, True]),
    ],
)
def test_a_scalar_is_what_its_schema_can_take(schema: dict[str, object], values: list[object]):
    data = read_yaml("a: [3.10, 7, true]", "f").data["a"]
    assert resolve_scalars(data, {"items": schema}) == values


def test_a_value_schema_gives_its_defaults_and_choices_the_type_they_have():
    text = """
a:
  type: object
  default: {version: 3.10, port: 80}
  properties:
    version: {type: string, enum: [3.9, 3.10], default: 3.10}
    port: {type: [integer, null], minimum: 1}
b: {type: array, items: {type: string}, default: [1, 2.0], examples: [[1]]}
"""
    schemas = {
        name: with_declared_types(schema) for name, schema in read_yaml(text, "f").data.items()
    }
    assert schemas["a"]["default"] == {"version": "3.10", "port": 80}
    assert schemas["a"]["properties"]["version"] == {
        "type": "string",
        "enum": ["3.9", "3.10"],
        "default": "3.10",
    }
    assert schemas["a"]["properties"]["port"]["type"] == ["integer", "null"]
    assert schemas["b"]["default"] == ["1", "2.0"]


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("config", "", "f.yaml:1:1: the key `version` is missing"),
        ("config", "version: 2", "f.yaml:1:1: `version: 2` must be 1"),
        ("config", "version: 1\nsuorce: x", "f.yaml:2:1: unknown key `suorce`; "
         "did you mean `source`?"),
        ("config", "version: 1\ndist_git: {forge: gihub}", "f.yaml:2:12: `dist_git.forge: gihub` "
         "is not one of none, github, gitlab, gerrit, forgejo, gitea; did you mean `github`?"),
        ("config", "version: 1\ndist_git: [a]", "f.yaml:2:1: `dist_git` must be a mapping, "
         "not a list"),
        ("config", "version: 1\nsource: https://me:secret@example.org/x", "f.yaml:2:1: `source` "
         "holds a user or password; leave it out and give a token in the environment"),
        ("config", "version: 1\nmirrors: {git: {'ext::sh -c id': 'http://h/'}}", "f.yaml:2:17: "
         "the key `ext::sh -c id` names a remote helper (`::`), which may run commands"),
        ("image", "template: x\nstreams: 3", "f.yaml:2:1: `streams` must be a list or a mapping, "
         "not `3`"),
        ("image", "template: x\nstreams: {a: {vales: {}}}", "f.yaml:2:15: unknown key `vales` in "
         "`streams.a`; did you mean `values`?"),
        ("image", "template: x\nstreams: []", "f.yaml:2:1: `streams: []` needs at least 1 item(s)"),
        ("image", "template: x\nstreams: [a, a]", "f.yaml:2:1: `streams: [\"a\", \"a\"]` holds "
         "the same item twice"),
        ("image", "template:", "f.yaml:1:1: `template` must be text, not empty"),
        ("image", "template: {a: b}", "f.yaml:1:1: `template` must be text, not a mapping"),
        ("image", "values: {base: x}", "f.yaml:1:10: the key `base` is a name that distgen gives "
         "to templates itself"),
        ("image", "values: {loop+: x}", "f.yaml:1:10: the key `loop+` is a word of the template "
         "language"),
        ("image", 'description: "a\\nb"', "f.yaml:1:1: `description` holds a line break or a "
         "control character; write it on one line (`>-` folds lines into one)"),
        ("image", "sources: {a: {gti: x}}", "f.yaml:1:15: unknown key `gti` in `sources.a`; "
         "did you mean `git`?"),
        ("image", "builders: {base: x}", "f.yaml:1:12: the key `base` is not a name of a builder"),
        ("namespace", "registry: quay.io\nstreams: {a: }\nkolla: {base: debian}",
         "f.yaml:3:1: the key `kolla` needs `source` beside it"),
        ("namespace", "registry: quay.io\nstreams: {}", "f.yaml:2:1: `streams: {}` needs at least "
         "1 key(s)"),
        ("namespace", "registry: https://quay.io\nstreams: {a: }", "f.yaml:1:1: `registry: "
         "https://quay.io` is not a registry: `host[:port][/account]` without a scheme"),
        ("namespace", "registry: quay.io\nstreams: {a: {branch: a..b}}", "f.yaml:2:15: "
         "`streams.a.branch: a..b` is not a branch name that git accepts"),
        ("namespace", "registry: quay.io\nstreams: {a: }\npolicy: {rules: {DL3008: {level: "
         "ignore}}}", "f.yaml:3:18: the key `reason` is missing in `policy.rules.DL3008`"),
        ("namespace", "registry: quay.io\nstreams: {a: }\npolicy: {rules: {DG203: {inti: []}}}",
         "f.yaml:3:26: unknown key `inti` in `policy.rules.DG203`; did you mean `init`?"),
        ("template", "description: x\nvalues: {a: {type: strin}}", "f.yaml:2:14: `values.a.type: "
         "strin` is not one of string, number, integer, boolean, array, object, null; "
         "did you mean `string`?"),
        ("template", "description: x\nvalues: {a-b: {}}", "f.yaml:2:10: the key `a-b` is not a "
         "name for a value: letters, digits and `_`"),
        ("lock", "version: 1\nbases: {python: {digest: x}}", "f.yaml:2:9: the key `python` is not "
         "a reference with its registry: `docker.io/library/python:3.11`"),
        ("lock", "version: 1\ndownloads: {'https://h/x': {sha256: abc}}", "f.yaml:2:29: "
         "`downloads.https://h/x.sha256: abc` is not a SHA-256: 64 lower-case hexadecimal digits"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_where_it_stands(kind: str, text: str, message: str):
    assert mistake(kind, text) == message


def test_the_first_of_several_mistakes_in_the_file_is_named():
    text = "template: app\nfrom: 3\nbuidlers: {}\nvalues: {image: 1}\nstreams: 5"
    assert mistake("image", text).startswith("f.yaml:3:1: unknown key `buidlers`")


def test_text_is_free_below_multiline_but_never_of_control_characters():
    validator = compile_schema({"type": "string", "multiline": True})
    refuse_mistakes(validator, "a\n\tb", lambda key: None, ("v",))
    with pytest.raises(InputError, match="`v` holds a line break or a control character"):
        refuse_mistakes(validator, "a\rb", lambda key: None, ("v",))
    below = compile_schema({"type": "object", "multiline": True})
    refuse_mistakes(below, {"a": ["b\nc"]}, lambda key: None, ("v",))


def test_a_schema_cannot_reach_out():
    text = "description: x\nvalues: {a: {$ref: 'http://localhost:9/'}}"
    assert mistake("template", text).startswith("f.yaml:2:14: unknown key `$ref` in `values.a`")
