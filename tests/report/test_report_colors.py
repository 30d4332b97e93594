"""Words of files have colors by the language of their file, and no character is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distgen.report.assets import read_assets
from distgen.report.colors import LONGEST, color_lines, find_language
from distgen.report.markup import diff_lines


@pytest.mark.parametrize(
    ("path", "text", "piece"),
    [
        ("Dockerfile", "FROM a", ("FROM", "k")),
        ("Dockerfile", "      a.b=c \\", ("a.b", "n")),
        ("files/start.sh", "if true; then", ("if", "k")),
        ("files/start.sh", "# note", ("# note", "c")),
        ("a.yml", "key: 1", ("key", "n")),
        ("a.json", '{"key": true}', ("true", "k")),
    ],
)
def test_each_language_has_colors(path, text, piece):
    assert piece in color_lines([text], find_language(path))[0]


def colored(text):
    """Return the words of a Dockerfile by line, each between what it is."""
    rows = color_lines(text.split("\n"), "dockerfile")
    return ["".join(f"<{kind}>{word}</>" if kind else word for word, kind in row) for row in rows]


def test_a_string_ends_where_it_ends():
    assert colored('LABEL a="one \\\nENV two" \\\n  # why\n  b=c\nUSER d') == [
        '<k>LABEL</> <n>a</>=<s>"one \\</>',
        '<s>ENV two"</> \\',
        "<c>  # why</>",
        "  <n>b</>=c",
        "<k>USER</><s> d</>",
    ]


def test_a_heredoc_is_a_script_where_a_shell_reads_it():
    assert colored("RUN <<EOF\n# why\nif x; then\nFROM y\nEOF\nUSER z") == [
        "<k>RUN</> <<EOF",
        "<c># why</>",
        "<k>if</> x; <k>then</>",
        "FROM y",
        "<s>EOF</>",
        "<k>USER</><s> z</>",
    ]


def test_a_heredoc_of_another_program_is_a_text():
    rows = colored(
        "COPY <<-'A' <<B /etc/x.conf\nFROM # a\n\tA\nUSER b\nB\nRUN cat <<< x <<C\nUSER d"
    )
    assert rows[1:5] == ["<s>FROM # a</>", "<s>\tA</>", "<s>USER b</>", "<s>B</>"]
    assert rows[6] == "<k>USER</><s> d</>"  # nothing ends what C begins
    assert colored("COPY <<A /a.yaml\nk: 1\nA")[1].startswith("<n>k</>")


def test_lines_of_a_diff_know_the_language_of_their_file():
    lines = ["--- a/x.sh", "+++ /dev/null", "@@ -1 +0,0 @@", "-if"]
    lines += ["--- a/notes", "+++ b/notes", "@@ -1 +1 @@", "-if", "+if"]
    codes = [line.code for line in diff_lines(lines) if line.kind != "header"]
    assert codes[0] == '<span class="k">if</span>'
    assert not any("<span" in code for code in codes[1:])


def test_a_word_that_changes_leaves_the_colors_around_it():
    lines = ["--- a/Dockerfile", "+++ b/Dockerfile", "@@ -1 +1 @@"]
    lines += ['-LABEL a="x 1 y"', '+LABEL a="x 2 y"']
    assert [line.code for line in diff_lines(lines) if line.kind == "added"] == [
        '<span class="k">LABEL</span> <span class="n">a</span>='
        '<span class="s">&#34;x </span><mark>2</mark><span class="s"> y&#34;</span>'
    ]


def test_the_style_has_a_color_for_each_class():
    """Spans for words without one were a fifth of a report."""
    files = read_assets().files
    style = next(content for name, content in files.items() if name.endswith(".css")).decode()
    assert {*re.findall(r"^\.([a-z]) \{ color: var\(--[a-z]+\); \}$", style, re.M)} == {*"kscn"}


WORDS = st.sampled_from(
    (
        *(
            "FROM",
            "RUN ",
            "LABEL",
            "ONBUILD",
            "COPY <<E x",
            "<<-'E'",
            "E",
            "\t",
            " ",
            "\\",
            "'",
            '"',
        ),
        *(
            "\r",
            "\x00",
            "\u2028",
            "# x",
            "a=b",
            "[",
            "]",
            "{",
            "${a:-b}",
            "$(",
            "`",
            "<<<",
            ": ",
            "- ",
        ),
        *("<script>", "&amp;", "\u202e", "\udc80", "# escape=`"),
    )
)


@pytest.mark.parametrize("language", ["", "dockerfile", "sh", "yaml", "json"])
@given(st.lists(st.lists(WORDS, max_size=4).map("".join), max_size=8))
def test_colors_keep_every_character(language, lines):
    rows = color_lines(lines, language)
    assert ["".join(word for word, _ in row) for row in rows] == lines
    assert {kind for row in rows for _, kind in row} <= {"", "k", "s", "c", "n"}


def test_what_is_too_long_to_look_at_is_plain():
    line = "x" * (LONGEST + 1)
    assert color_lines(["RUN a \\", line, "USER b"], "dockerfile")[1:] == [
        ((line, ""),),
        (("USER", "k"), (" b", "s")),
    ]
    rows = color_lines(["USER b"] * 100_000, "dockerfile")
    assert {*rows} == {(("USER b", ""),)}
