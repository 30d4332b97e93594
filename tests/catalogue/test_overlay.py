"""Reading strict YAML with its positions, and stacking layers."""

from __future__ import annotations

import pytest

from distgen.catalogue.overlay import Setting, find_origin, merge_layers, trace_settings
from distgen.errors import InputError
from distgen.model.catalogue import Layer
from distgen.model.words import Origin
from distgen.schema.yaml import Scalar, read_value, read_yaml


def layer(name: str, text: str) -> Layer:
    document = read_yaml(text, f"{name}.yaml")
    return Layer(name, document.path, document.data, document.marks)


def test_bare_numbers_and_booleans_keep_the_text_that_was_typed():
    data = read_yaml("a: 3.10\nb: 0o17\nc: 0x1F\nd: 1e3\ne: true\nf: -7\ng: TRUE\nh: +.5", "f").data
    assert data == {
        "a": Scalar(3.1, "3.10"),
        "b": Scalar(15, "0o17"),
        "c": Scalar(31, "0x1F"),
        "d": Scalar(1000.0, "1e3"),
        "e": Scalar(True, "true"),
        "f": Scalar(-7, "-7"),
        "g": Scalar(True, "TRUE"),
        "h": Scalar(0.5, "+.5"),
    }


def test_what_yaml_1_2_calls_text_is_text():
    text = "a: on\nb: no\nc: yes\nd: 2024-05-01\ne: 1:30\nf: '3.10'\ng: 1_000\nh: .inf\ni: 0b1"
    assert read_yaml(text, "f").data == {
        "a": "on",
        "b": "no",
        "c": "yes",
        "d": "2024-05-01",
        "e": "1:30",
        "f": "3.10",
        "g": "1_000",
        "h": ".inf",
        "i": "0b1",
    }


def test_keys_are_what_was_typed():
    assert read_yaml("3.10: a\non: b\ntrue: c\n'~': d", "f").data == {
        "3.10": "a",
        "on": "b",
        "true": "c",
        "~": "d",
    }


def test_empty_values_are_null_and_an_empty_file_is_an_empty_mapping():
    assert read_yaml("a:\nb: ~\nc: null", "f").data == {"a": None, "b": None, "c": None}
    assert read_yaml("", "f").data == {}
    assert read_yaml(b"\xef\xbb\xbf# nothing\n", "f").data == {}


def test_every_key_and_item_knows_where_it_stands():
    document = read_yaml("a:\n  b: [x, y]\n  c:\n    - d: 1\n", "f.yaml")
    assert document.marks == {
        (): (1, 1),
        ("a",): (1, 1),
        ("a", "b"): (2, 3),
        ("a", "b", 0): (2, 7),
        ("a", "b", 1): (2, 10),
        ("a", "c"): (3, 3),
        ("a", "c", 0): (4, 7),
        ("a", "c", 0, "d"): (4, 7),
    }
    assert document.origin(("a", "c", 5, "z")) == Origin("f.yaml", 3, 3)


def test_aliases_repeat_a_value():
    assert read_yaml("a: &x [1]\nb: *x", "f").data["b"] == [Scalar(1, "1")]


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
)
DEEP = "is nested too deeply"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: the key `a` is defined twice, first in line 1; remove "
         "one"),
        ("a: {b: 1, b: 2}", "f.yaml:1:11: the key `b` is defined twice, first in line 1; remove "
         "one"),
        ("a: b: c", "f.yaml:1:5: is not YAML: mapping values are not allowed in this context; "
         "put text that holds `: ` in quotes"),
        ("a:\n\tb: c", "f.yaml:2:1: is not YAML: found character that cannot start any token; "
         "indent with spaces, not tabs"),
        ("a: @b", "f.yaml:1:4: is not YAML: found character that cannot start any token; "
         "put the text in quotes"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1: a second YAML document begins here; keep one"),
        ("- a", "f.yaml:1:1: holds a list where `key: value` lines are expected"),
        ("a", "f.yaml:1:1: holds text where `key: value` lines are expected"),
        ("? [a]\n: b", "f.yaml:1:3: a key must be plain text; write the key out"),
        ("~: b", "f.yaml:1:1: a key is empty; write the key out"),
        ("a: &x {b: 1}\nc: {<<: *x}", "f.yaml:2:5: merge keys (`<<`) are not read; "
         "write the key out"),
        ("a: !!python/object/apply:os.system [id]", "f.yaml:1:4: the tag "
         "`tag:yaml.org,2002:python/object/apply:os.system` is not read here; "
         "leave it out: the schema says what a value is"),
        ("a: !x 3", "f.yaml:1:4: the tag `!x` is not read here; "
         "leave it out: the schema says what a value is"),
        ("a: *b", "f.yaml:1:4: is not YAML: found undefined alias"),
        ("a: &a [*a]", f"f.yaml:1:4: {DEEP}"),
        (BOMB, "f.yaml:1:1: the aliases of this file repeat too much; write it out"),
        ("a: " + "[" * 50_000 + "]" * 50_000, f"f.yaml:1: {DEEP}"),
        ("- " * 50_000, f"f.yaml:1: {DEEP}"),
        ("a: \x07", "f.yaml:1:4: holds the unprintable character U+0007; "
         'write it as an escape in double quotes, such as "\\u001b"'),
        (b"a: b\nc: \xff", "f.yaml:2: is not UTF-8 text"),
    ],
)  # fmt: skip
def test_a_broken_file_is_one_sentence_with_its_place(text: str | bytes, message: str):
    with pytest.raises(InputError) as caught:
        read_yaml(text, "f.yaml")
    assert str(caught.value) == message


def test_a_single_value_can_be_read():
    assert read_value("[a, 3.10]", "--set") == ["a", Scalar(3.1, "3.10")]
    assert read_value("", "--set") is None


def test_later_layers_win_and_maps_merge():
    layers = [
        layer("one", "a: x\nm: {b: x, c: x}\nl: [p]"),
        layer("two", "a: y\nm: {c: y, d: y}\nl: [q]"),
    ]
    assert merge_layers(layers) == {"a": "y", "m": {"b": "x", "c": "y", "d": "y"}, "l": ["q"]}


def test_null_deletes_what_is_inherited_and_nothing_else():
    layers = [layer("one", "a: x\nm: {b: x, c: x}"), layer("two", "a:\nm: {b: }\nz:")]
    assert merge_layers(layers) == {"m": {"c": "x"}}


def test_operators_remove_then_append_to_the_inherited_list():
    layers = [
        layer("one", "l: [a, b, a]\nm: {l: [a]}"),
        layer("two", "l+: [c, b]\nl-: [a]\nm: {l+: [d]}\nnew+: [e]"),
    ]
    assert merge_layers(layers) == {"l": ["b", "c", "b"], "m": {"l": ["a", "d"]}, "new": ["e"]}


def test_a_map_replaces_what_is_no_map_and_the_other_way_round():
    assert merge_layers([layer("one", "a: x\nb: {c: x}"), layer("two", "a: {d: y}\nb: y")]) == {
        "a": {"d": "y"},
        "b": "y",
    }


def test_merging_changes_no_layer():
    layers = [layer("one", "l: [a]\nm: {n: [a]}"), layer("two", "l+: [b]\nm: {n+: [b]}")]
    merge_layers(layers)
    assert merge_layers(layers[:1]) == {"l": ["a"], "m": {"n": ["a"]}}


@pytest.mark.parametrize(
    ("below", "above", "message"),
    [
        ("l: [vim]", "l-: [vi]", "two.yaml:1:1: `l-` removes `vi`, which is not in the inherited "
         "list; did you mean `vim`?"),
        ("l: []", "l-: [vi]", "two.yaml:1:1: `l-` removes `vi`, which is not in the inherited "
         "list; the inherited `l` is empty"),
        ("", "l-: [vi]", "two.yaml:1:1: `l-` has no list to change: nothing is inherited"),
        ("l: x", "l+: [vi]", "two.yaml:1:1: `l+` has no list to change: the inherited value is "
         "not a list"),
        ("l: [a]", "l+: b", "two.yaml:1:1: `l+` needs a list; write `l+: [...]`"),
        ("l: [a]", "m: {l: [a], l-: [b]}", "two.yaml:1:13: `l` and `l-` are both written; "
         "write one list"),
    ],
)  # fmt: skip
def test_an_operator_without_its_list_is_an_error(below: str, above: str, message: str):
    with pytest.raises(InputError) as caught:
        merge_layers([layer("one", below), layer("two", above)])
    assert str(caught.value) == message


def test_a_trace_names_every_setting_and_the_losers_too():
    layers = [
        layer("one", "a: x\nm: {b: x}\nl: [a]"),
        layer("two", "a: y\nl+: [b]\nl-: [a]\nm: {b: }"),
    ]
    assert trace_settings(layers) == {
        ("a",): (
            Setting("one", Origin("one.yaml", 1, 1), "", "x"),
            Setting("two", Origin("two.yaml", 1, 1), "", "y"),
        ),
        ("m", "b"): (
            Setting("one", Origin("one.yaml", 2, 5), "", "x"),
            Setting("two", Origin("two.yaml", 4, 5), "", None),
        ),
        ("l",): (
            Setting("one", Origin("one.yaml", 3, 1), "", ["a"]),
            Setting("two", Origin("two.yaml", 2, 1), "+", ["b"]),
            Setting("two", Origin("two.yaml", 3, 1), "-", ["a"]),
        ),
    }


def test_the_origin_of_a_value_is_the_layer_that_won():
    layers = [
        layer("one", "a: x\nm: {b: x, c: x}\nl: [a, z]"),
        layer("two", "m: {b: y}\nl-: [a]\nl+: [b,\n c]"),
    ]
    assert find_origin(layers, ("a",)) == Origin("one.yaml", 1, 1)
    assert find_origin(layers, ("m", "b")) == Origin("two.yaml", 1, 5)
    assert find_origin(layers, ("m", "c")) == Origin("one.yaml", 2, 11)
    assert find_origin(layers, ("l",)) == Origin("two.yaml", 3, 1)
    assert [find_origin(layers, ("l", index)) for index in range(3)] == [
        Origin("one.yaml", 3, 8),
        Origin("two.yaml", 3, 6),
        Origin("two.yaml", 4, 2),
    ]
    assert find_origin(layers, ("m", "b", "deeper")) == Origin("two.yaml", 1, 5)
    assert find_origin(layers, ("unknown",)) is None
