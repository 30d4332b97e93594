"""Whatever a value is, what a filter writes is read back as that value by those who read it."""

from __future__ import annotations

import io
import json
import math
import subprocess

import dockerfile
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from distgen.dockerfile.parse import copy_sources, key_values, parse
from distgen.render import filters

# A filter refuses control characters; half a surrogate pair is no text.
LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)
MARKS = st.text(st.sampled_from("\"'\\$`#<>|&;{}[]()*?!~=%,:- aé☃EOF0"), max_size=12)
VALUES = LINE | MARKS
WORDS = st.text(st.sampled_from("aA0.-_/"), min_size=1, max_size=8)


@given(VALUES)
@example("a$b.txt")
@example("${x:-y}")
@example("\\")
@example("<<EOF")
def test_a_builder_reads_back_what_dq_wrote(value):
    word = filters.dq(value)
    text = f"FROM x\nLABEL a={word} b={word}\nENV C={word} D={word}\nUSER y\n"
    assert [command.cmd.upper() for command in dockerfile.parse_string(text)] == [
        "FROM",
        "LABEL",
        "ENV",
        "USER",
    ]
    _, label, env, _ = parse(text).instructions
    assert (key_values(label), key_values(env)) == (
        (("a", value), ("b", value)),
        (("C", value), ("D", value)),
    )


# A builder splits a COPY at each blank, quoted or not; names with blanks want its JSON form.
NAMES = VALUES.filter(lambda value: value and " " not in value)


@given(st.lists(NAMES, min_size=1, max_size=3))
@example(["a$b.txt"])
def test_a_file_whose_name_dq_wrote_is_found(names):
    text = f"FROM x\nCOPY {' '.join(map(filters.dq, names))} /x/\n"
    parsed = parse(text)
    assert parsed.problems == ()
    assert copy_sources(parsed.instructions[1]) == tuple(names)


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_a_builder_reads_back_what_exec_form_wrote(words):
    text = f"FROM x\nCMD {filters.exec_form(words)}\nUSER y\n"
    _, command, _ = dockerfile.parse_string(text)
    assert (command.json, list(command.value)) == (True, words)


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_a_shell_that_a_builder_starts_reads_back_what_sh_and_lines_wrote(values):
    script = f"printf '%s\\0' {filters.sh(values)}"
    longer = f"printf '%s\\0' {filters.lines(values)}"
    _, run, other, _ = dockerfile.parse_string(f"FROM x\nRUN {script}\nRUN {longer}\nUSER y\n")
    for command in (run, other):
        assert (len(command.value), command.heredocs) == (1, ())
        done = subprocess.run(["sh", "-c", command.value[0]], check=True, capture_output=True)
        assert done.stdout.decode().split("\0")[:-1] == values


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)  # JSON has neither
    | st.text(max_size=20)
    | MARKS
    | st.from_regex(r"[-+]?[0-9a-fox_.:eE+-]{1,9}", fullmatch=True)
    | st.sampled_from(["yes", "No", "on", "null", "~", "=", "<<", "y", "TRUE", ".inf", "08", "1_0"])
)
KEYS = st.text(max_size=8)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(DATA)
@example("12e4567")
@example({"0o17": ["1e3", "+1e2", "08", "0o17", "0x1f", ".5", "1.", "-_0", "\x85"]})
def test_readers_of_yaml_1_1_and_1_2_and_of_json_read_back_the_data(data):
    assert same(yaml.safe_load(filters.yaml(data)), data)
    assert same(YAML(typ="safe", pure=True).load(io.StringIO(filters.yaml(data))), data)
    assert same(json.loads(filters.json(data)), data)


@given(st.dictionaries(WORDS, DATA, min_size=1, max_size=3), st.integers(0, 6))
def test_data_may_stand_indented_below_a_key(data, indent):
    text = f"above:\n{' ' * indent}x:\n{' ' * indent}  {filters.yaml(data, indent + 2)}\n"
    if indent:
        assert same(yaml.safe_load(text), {"above": {"x": data}})


def test_infinity_is_a_number_of_yaml_and_none_of_json():
    assert yaml.safe_load(filters.yaml(-math.inf)) == -math.inf
    with pytest.raises(ValueError, match="not JSON compliant"):
        filters.json([math.inf])


def same(one, other):
    """Say whether data is equal, where 1, 1.0 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [*one] == [*other] and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other
