"""Words of diffs have colors by the language of their file, and no character is lost."""

from __future__ import annotations

import html
import re

import pytest

from distgen.report.assets import read_assets
from distgen.report.colors import COLORED, color_words, find_language
from distgen.report.markup import diff_lines


@pytest.mark.parametrize(
    ("path", "text", "colored"),
    [
        ("Dockerfile", "FROM a", '<span class="k">FROM</span>'),
        ("files/start.sh", "if true; then", '<span class="k">if</span>'),
        ("files/start.sh", "# note", '<span class="c1"># note'),
        ("a.yml", "key: 1", '<span class="nt">key</span>'),
        ("a.json", '{"key": true}', '<span class="kc">true</span>'),
    ],
)
def test_each_language_has_colors(path, text, colored):
    assert colored in color_words(text, find_language(path))


def test_lines_of_a_diff_know_the_language_of_their_file():
    lines = ["--- a/x.sh", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"]
    lines += ["--- a/notes", "+++ b/notes", "@@ -1 +1 @@", "-a", "+b"]
    kept = [line.language for line in diff_lines(lines) if line.kind != "header"]
    assert kept == ["sh", "", ""]


@pytest.mark.parametrize("language", ["", "dockerfile", "sh", "yaml", "json"])
@pytest.mark.parametrize(
    "text", ["", "  ", "\t&& x \\", "<script>&amp;\"'", "'open", "\r", "\x00", "${a:-b} # c  "]
)
def test_colors_keep_every_character(text, language):
    colored = str(color_words(text, language))
    assert html.unescape(re.sub(r"<span class=\"[\w -]+\">|</span>", "", colored)) == text
    assert "<script" not in colored


def test_words_have_the_classes_that_the_style_has_colors_for():
    """Spans for all others were a fifth of a report."""
    files = read_assets().files
    style = next(content for name, content in files.items() if name.endswith(".css")).decode()
    rules = re.findall(
        r"^((?:\.[a-z0-9]+, )*\.[a-z0-9]+) \{ color: var\(--[a-z]+\); \}$", style, re.M
    )
    names = {name.removeprefix(".") for rule in rules for name in rule.split(", ")} - {"note"}
    assert names == COLORED
    assert color_words("FROM a b", "dockerfile").count("<span") == 2
