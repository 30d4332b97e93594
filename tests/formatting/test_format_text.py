"""What the text of an overlay becomes: order, indentation, spaces, quotes; and what stays."""

import re
from textwrap import dedent

import pytest
from ruamel.yaml import YAML

from distgen.errors import DistgenError, InputError
from distgen.formatting.text import format_text
from distgen.schema.packaged import load_schema
from distgen.schema.yaml import read_yaml

IMAGE, NAMESPACE = load_schema("image"), load_schema("namespace")


def formatted(text, schema=IMAGE):
    content = text if isinstance(text, bytes) else dedent(text).encode()
    result = format_text(content, "overlays/ns/app.yaml", schema)
    assert format_text(result, "overlays/ns/app.yaml", schema) == result
    return result.decode()


def is_formatted_as(before, after, schema=IMAGE):
    assert formatted(before, schema) == dedent(after)


def stays(text, schema=IMAGE):
    assert formatted(text, schema) == dedent(text)


def is_left(text, message):
    with pytest.raises(DistgenError, match=re.escape(message)):
        format_text(text.encode(), "overlays/ns/app.yaml", IMAGE)


def test_keys_stand_in_the_order_of_the_schema_and_take_their_comments_along():
    is_formatted_as(
        """\
        # The image of the app.

        # Set by its tests, too.
        values:
          # The port.
          port: 80  # as everywhere
          # Nothing else.
        from: docker.io/library/debian:12
        # Chosen
        # for a reason.
        template: app  # the usual one
        # Later: streams.
        """,
        """\
        # The image of the app.

        # Chosen
        # for a reason.
        template: app  # the usual one
        from: docker.io/library/debian:12
        # Set by its tests, too.
        values:
          # The port.
          port: 80  # as everywhere
          # Nothing else.
        # Later: streams.
        """,
    )


def test_what_the_top_of_a_file_says_of_the_file_stays_there():
    is_formatted_as(
        """\
        # SPDX-License-Identifier: Apache-2.0
        # yaml-language-server: $schema=../../.schemas/image.json
        # From here.
        from: scratch
        template: app
        """,
        """\
        # SPDX-License-Identifier: Apache-2.0
        # yaml-language-server: $schema=../../.schemas/image.json
        template: app
        # From here.
        from: scratch
        """,
    )


def test_a_map_with_free_keys_and_each_list_keep_their_order():
    stays(
        """\
        template: app
        streams:
          two: {values: {b: 1, a: 2}}
          one:
            values:
              z: 1
              a: 2
        values:
          packages: [vim, curl]
          env: {Z: "1", A: "2"}
          b: 1
          a: 2
        """
    )


def test_maps_in_braces_are_ordered_as_well():
    is_formatted_as(
        """\
        streams: {master: {values: {b: 1, a: [x,y]}, tags: [ "1" ],branch: "main"  }}
        policy: { rules: {DG203: {exempt: {a/b: "a, b"}, init: [tini], level: error}}, roots: [] }
        """,
        """\
        streams: {master: {branch: "main", tags: ["1"], values: {b: 1, a: [x, y]}}}
        policy: {roots: [], rules: {DG203: {level: error, init: [tini], exempt: {a/b: "a, b"}}}}
        """,
        NAMESPACE,
    )


def test_levels_are_two_columns_apart_and_lists_stand_below_their_key():
    is_formatted_as(
        """\
        template:   app
        values:
            # Above.
            packages+:
            # Of vim.
            - vim
            -   curl
            # At the end.
            # And more.
            deep:
                -   - 1
                    - 2
                -
                    x: [1,
                        2]
                -   a: 1
                    b: "long
                        text"
                  # Of the item above.
                -   c: 1
        """,
        """\
        template: app
        values:
          # Above.
          packages+:
            # Of vim.
            - vim
            - curl
          # At the end.
          # And more.
          deep:
            - - 1
              - 2
            -
              x: [1,
                  2]
            - a: 1
              b: "long
                  text"
              # Of the item above.
            - c: 1
        """,
    )


BLOCKS = (
    "|\n      one\n        two\n\n      three\n",
    "|-\n      one\n",
    ">\n      one\n      two\n\n        kept\n      three\n",
    ">-\n      one  \n      two\n",
    "|2\n         one\n      two\n",
    "|+\n      one\n\n\n",
    "|+\n      one\n      two\n",
    "|  # why\n      # no comment\n      one\n",
    "|\n\n\n      one\n     \n      two   \n",
    "|\n",
)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "before", ["values:\n    script: ", "values:\n  - script: ", "values:\n    - "]
)
@pytest.mark.parametrize(
    "after", ["", "template: app\n", "# The end.\n", "\n\n# The end.\ntemplate: app\n"]
)
def test_a_block_of_text_keeps_each_of_its_characters(block, before, after):
    text = before + block + after
    result = formatted(text)
    assert read_yaml(result, "new").data == read_yaml(text, "old").data
    assert "\n\n\n" not in result or "+" in block or "\n\n\n" in block


@pytest.mark.parametrize("ending", ["", "-", "+"])
@pytest.mark.parametrize("style", "|>")
def test_a_block_at_the_end_of_a_file_without_a_newline_gets_none_into_its_text(style, ending):
    text = f"template: app\nvalues:\n  script: {style}{ending}\n    one\n    two"
    result = formatted(text)
    assert result == f"template: app\nvalues:\n  script: {style}-\n    one\n    two\n"
    assert read_yaml(result, "new").data == read_yaml(text, "old").data


QUOTED = (
    "yes",
    "no",
    "on",
    "1.10",
    "017",
    "0o17",
    "2001-01-01",
    "null",
    "~",
    "1_000",
    "12:30",
    "",
    "# x",
    "a: b",
)


@pytest.mark.parametrize("text", QUOTED)
def test_what_is_quoted_stays_quoted(text):
    is_formatted_as(
        f"values:\n  a: '{text}'\n  b: [\"{text}\"]\n", f'values:\n  a: "{text}"\n  b: ["{text}"]\n'
    )


@pytest.mark.parametrize("text", QUOTED[:-3])
def test_what_is_bare_stays_bare(text):
    stays(f"values:\n  a: {text}\n  b: [{text}]\n")


def test_single_quotes_stay_where_double_ones_would_need_escapes():
    stays("values: {a: 'C:\\temp', b: 'say \"x\"', c: 'it''s', d: \"\\u00e9\"}\n")


def test_line_ends_marks_and_blanks_are_tidied_and_text_is_not():
    text = '\ufeff\n---\ntemplate: app  \n\n\n\nvalues:\n  a: "x \\\n    y  z"\n  ö: 日本  # é \n'
    text += "...\n\n"
    result = 'template: app\n\nvalues:\n  a: "x \\\n    y  z"\n  ö: 日本  # é\n'
    for ending in ("\n", "\r\n", "\r"):
        assert formatted(text.replace("\n", ending).encode()) == result


@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("\n\n", ""), ("# Alone.", "# Alone.\n"), ("{}", "{}\n")]
)
def test_a_file_with_nothing_in_it_has_an_end(before, after):
    is_formatted_as(before, after)


def test_a_long_line_stays_one():
    line = "values: {text: " + "word " * 500 + "end}\n"
    stays(f"template: app\ndescription: {'x' * 3000}\n".replace("template: app\n", "") + line)


def test_a_key_in_braces_may_have_no_value():
    is_formatted_as(
        "streams: {a: {values: , branch:  }}\n", "streams: {a: {branch: , values: }}\n", NAMESPACE
    )


def test_many_comments_are_read_once():
    """Each looked for the line that it stands above: that took hours."""
    comments = "# c\n" * 30_000
    is_formatted_as(
        f"values: {{}}\n{comments}template: app\n", f"{comments}template: app\nvalues: {{}}\n"
    )


def test_a_map_with_an_anchor_and_its_alias_keeps_its_order_and_maps_in_it_do_not():
    is_formatted_as(
        """\
        values: &v {a: 1}
        streams:
          one: {values: *v, branch: main}
          two:
            tags: [x]
            branch: &b main
        description: App
        """,
        """\
        values: &v {a: 1}
        streams:
          one: {branch: main, values: *v}
          two:
            branch: &b main
            tags: [x]
        description: App
        """,
        NAMESPACE,
    )


def test_an_alias_in_the_entry_of_its_anchor_hinders_nothing():
    is_formatted_as(
        "values: {a: &a [1], b: *a}\ntemplate: app\n",
        "template: app\nvalues: {a: &a [1], b: *a}\n",
    )


@pytest.mark.parametrize(
    "text",
    [
        "streams: {x: {values: &a {b: 1}, from: *a}}\n",
        "values: {a: &a 1}\nfrom: *a\n",
    ],
)
def test_an_alias_finds_the_anchor_that_it_found(text):
    stays(text)


def test_comments_in_a_list_over_several_lines_stay_where_they_are():
    stays(
        """\
        template: app
        values:
          packages: [
            vim,  # to edit

            # For downloads.
            curl,
          ]
        """
    )


def test_a_key_that_no_schema_knows_leaves_its_map_in_order():
    stays("values: {}\nunknown: 1\ntemplate: app\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("template: a\ntemplate: b\n", ":2:1: the key `template` is defined twice"),
        ("template: a\n---\ntemplate: b\n", ":2:1: a second YAML document"),
        ("a: 1\n<<<<<<< HEAD\n", ":2: holds a merge conflict"),
        ("template: !x a\n", ":1:11: the tag `!x` is not read here"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", ":3:3: merge keys"),
        ("%YAML 1.2\n---\na: 1\n", ":1:1: is not formatted: it begins with a dir"),
        ("a: 1\n? b\n: c\n", ":2:1: is not formatted: `? ` begins a key"),
        ("a: &a b\n*a : c\n", ":2:1: is not formatted: a key is an alias"),
        ("a: 1\nb: \"x\u2028y\"\n", ":2:6: is not formatted: it holds the line sep"),
        ("a: b\t# c\n", ":1:5: is not formatted: found character '\\t'"),
        ("a: \x1b\n", ":1:4: holds the unprintable character"),
        ("- a\n", ":1:1: holds a list where"),
    ],
)  # fmt: skip
def test_what_cannot_be_formatted_is_named_with_its_line(text, message):
    is_left(text, f"overlays/ns/app.yaml{message}")
    with pytest.raises(InputError):
        format_text(text.encode(), "overlays/ns/app.yaml", IMAGE)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("app", "other", "mean the same"),
        ("# x", "", "lose a comment"),
        ("{a", "{ {a", "not be read"),
        ("a: 1, b: [2]", "b: [2], a: 1", "mean the same"),
    ],
)
def test_nothing_that_is_lost_or_changed_gets_through(old, new, problem, monkeypatch):
    """A mock breaks a step, for no text is known that a step gets wrong."""

    def broken_step(tree, schema):
        return tree.text.replace(old, new)

    monkeypatch.setattr("distgen.formatting.text.order_flow_maps", broken_step)
    is_left("template: app  # x\nvalues: {a: 1, b: [2]}\n", problem)


def test_another_reader_finds_the_same_values():
    text = """\
values:
    a:
    - 1
    -   b: 'x'
        c: >-
            folded
            text
from: scratch
"""
    reader = YAML(typ="safe")
    assert reader.load(formatted(text)) == reader.load(text)
