"""Pages that come from the code say what the code says."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from distgen.lint.ruleset import RULES

HERE = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("regenerate", HERE / "doc/regenerate.py")
regenerate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(regenerate)


@pytest.mark.parametrize("page", regenerate.PAGES)
def test_generated_pages_are_current(page):
    expected = regenerate.PAGES[page]().rstrip("\n") + "\n"
    assert (HERE / "doc" / page).read_text() == expected, "run: python doc/regenerate.py"


def test_the_help_that_ships_is_what_click_prints():
    shipped = {path.name: path.read_text() for path in (HERE / "distgen/cli/help").iterdir()}
    assert shipped == regenerate.help_texts(), "run: python doc/regenerate.py"


@pytest.mark.parametrize("words", [("--help",), ("publish", "-h"), ("export", "tripleo", "--help")])
def test_help_is_the_same_from_a_file_and_from_click(words):
    """A number of columns in the environment sends the call to click."""
    command = [sys.executable, "-m", "distgen_git", *words]
    texts = [
        subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, check=True
        ).stdout
        for variables in ({}, {"COLUMNS": "80"})
    ]
    assert texts[0].replace("distgen_git.py", "distgen") == texts[1].replace(
        "distgen_git.py", "distgen"
    )
    assert texts[0].startswith("Usage: ")


def test_every_rule_has_a_section():
    text = regenerate.manual()
    assert list(RULES) == sorted(RULES)
    assert [code for code in RULES if f"\n{code}: {RULES[code].title}\n--" not in text] == []


def test_change_notes_are_one_sentence_each():
    for note in (HERE / "doc/changes").iterdir():
        assert re.fullmatch(r"[a-z0-9-]+\.(feature|fix|removal)\.rst", note.name)
        text = note.read_text().strip()
        assert text.endswith("."), note.name
