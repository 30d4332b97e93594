"""A value that went through a filter cannot break out of where it stands."""

from __future__ import annotations

import json
import subprocess

import dockerfile
import pytest
import yaml
from jinja2.exceptions import FilterArgumentError

from distgen.render import filters
from distgen.render.context import SourceFacts

NASTY = [
    'a"b',
    "a'b",
    "a\\",
    "a\\\\b",
    "$HOME ${X:-y}",
    "`id`",
    "# no",
    "a && b",
    "<<EOF",
    "ä ☃",
    "",
]


@pytest.mark.parametrize("value", NASTY)
def test_dq_is_one_word_of_an_instruction(value):
    text = f"FROM x\nENV A={filters.dq(value)} B={filters.dq(value, expand=True)}\nUSER y\n"
    commands = dockerfile.parse_string(text)
    assert [command.cmd.upper() for command in commands] == ["FROM", "ENV", "USER"]
    words = commands[1].value
    assert (len(words), words[0], words[2]) == (4, "A", "B")
    assert _unquoted(words[1]) == value


def _unquoted(word: str) -> str:
    """Read a double-quoted word as BuildKit's shell lexer does, where no variable stays."""
    assert word[0] == word[-1] == '"'
    found, rest = [], iter(word[1:-1])
    for letter in rest:
        assert letter not in '"$'
        escaped = next(rest) if letter == "\\" else ""
        assert not escaped or escaped in '"$\\'
        found.append(escaped or letter)
    return "".join(found)


def test_dq_lets_variables_through_when_asked():
    assert filters.dq('"$PATH":\\x', expand=True) == '"\\"$PATH\\":\\\\x"'


def test_numbers_and_truth_are_written_as_yaml_says_them():
    assert [filters.dq(value) for value in (1, 1.5, True, False)] == [
        '"1"',
        '"1.5"',
        '"true"',
        '"false"',
    ]
    assert filters.sh(True) == "true"


@pytest.mark.parametrize("value", NASTY)
def test_a_shell_reads_back_what_sh_wrote(value):
    script = f"printf '%s|' {filters.sh(value)} {filters.sh([value, 'x y'])}"
    done = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == f"{value}|{value}|x y|"


def test_exec_form_is_a_json_array():
    assert filters.exec_form(["sh", "-c", 'echo "ä" \\']) == '["sh", "-c", "echo \\"ä\\" \\\\"]'
    assert json.loads(filters.exec_form(NASTY)) == NASTY


@pytest.mark.parametrize("value", [None, [], {}, NASTY, {"a": [1, {"b": True}], "c": None}, "x\ny"])
def test_json_and_yaml_read_back(value):
    assert json.loads(filters.json(value)) == value
    assert json.loads(filters.json(value, indent=2)) == value
    assert yaml.safe_load(filters.yaml(value)) == value
    nested = f"key:\n    {filters.yaml(value, 4)}\n"
    assert yaml.safe_load(nested) == {"key": value}


def test_text_of_any_language_stays_readable():
    assert filters.yaml({"größe": "ä ☃ 日本"}) == "größe: ä ☃ 日本"
    assert filters.json(["ä ☃"]) == filters.exec_form(["ä ☃"]) == '["ä ☃"]'


@pytest.mark.parametrize("value", ["on", "3.10", "null", "1e3", "- a", "a: b", "# c", "*x", " a "])
def test_yaml_quotes_what_is_not_text_otherwise(value):
    assert yaml.safe_load(f"key: {filters.yaml(value)}\n") == {"key": value}


def test_json_writes_facts_and_tuples():
    facts = SourceFacts("https://x", "master", None, None, None, "master", None, "https://x")
    assert json.loads(filters.json({"s": facts, "t": ("a",)})) == {
        "s": {
            "git": "https://x",
            "ref": "master",
            "commit": None,
            "date": None,
            "version": None,
            "checkout": "master",
            "revision": None,
            "url": "https://x",
            "changes": [],
        },
        "t": ["a"],
    }


def test_lines_continue_with_an_indent():
    assert filters.lines(["git", "pkg>=1", "a b"]) == "git \\\n    'pkg>=1' \\\n    'a b'"
    assert filters.lines(["a", "b"], 2) == "a \\\n  b"
    assert filters.lines({"A": 'x "y"', "org.x.y": 1}) == 'A="x \\"y\\"" \\\n    org.x.y="1"'
    assert filters.lines({"odd key": "v"}) == '"odd key"="v"'


@pytest.mark.parametrize("name", ["dq", "sh", "exec_form", "lines"])
@pytest.mark.parametrize("letter", ["\n", "\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028"])
def test_control_characters_are_refused(name, letter):
    value = f"a{letter}b"
    with pytest.raises(FilterArgumentError, match=f"{name} refuses the control character"):
        filters.FILTERS[name]([value] if name in ("exec_form", "lines") else value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("dq", None, "takes text or a number, not nothing"),
        ("dq", ["a"], "takes text or a number, not a list"),
        ("sh", {"a": 1}, "takes text or a number, not a map"),
        ("exec_form", "sh -c x", "takes a list, not text"),
        ("exec_form", [["a"]], "takes text or a number, not a list"),
        ("lines", "a", "takes a list, not text"),
        ("lines", [], "takes at least one item; put an if around"),
        ("lines", {}, "takes at least one item"),
        ("json", object, "cannot be written as data"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name, value, words):
    with pytest.raises(FilterArgumentError, match=words):
        filters.FILTERS[name](value)
