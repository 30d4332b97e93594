"""Pages that come from the code say what the code says."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from distgen import __version__
from distgen.cli.main import cli
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


def test_the_man_pages_that_ship_say_what_click_says():
    shipped = {path.name: path.read_text() for path in (HERE / "doc/man").iterdir()}
    assert shipped == regenerate.manual_pages(), "run: python doc/regenerate.py"


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
def test_man_has_no_warning_of_its_pages():
    pages = sorted((HERE / "doc/man").iterdir())
    words = ["man", "--warnings=w", "--encoding=UTF-8", "--local-file", *pages]
    shown = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (shown.stderr, shown.stdout.count("\nSYNOPSIS\n")) == ("", len(pages))


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


def test_every_command_and_option_has_a_place_to_link_to():
    """Hidden options have none, and no help."""
    text = regenerate.PAGES["reference/commands.rst"]()
    for words, command in commands_below(("distgen",), cli):
        _, program, rest = text.partition(f"\n.. program:: {' '.join(words)}\n")
        assert program
        section = rest.partition("\n.. program:: ")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert re.search(rf"^\.\. option:: (.*, )?{parameter.opts[0]}\b", section, re.M)


def commands_below(words, command):
    yield words, command
    context = click.Context(command)
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        inner = command.get_command(context, name)
        if not inner.hidden:
            yield from commands_below((*words, name), inner)


def test_every_template_is_shown_with_its_values():
    text = regenerate.PAGES["reference/shipped-templates.rst"]()
    for path in HERE.glob("templates/*/template.yaml"):
        section = text.partition(f"\n.. _template-{path.parent.name}:\n")[2].partition("\n.. _")[0]
        values = yaml.safe_load(path.read_text()).get("values", {})
        assert [name for name in values if f"\n``{name}``\n" not in section] == []
        assert "literalinclude" in section or "No image names it" in section


def test_change_notes_are_sentences_of_a_kind_that_there_is():
    kinds = re.findall(r'^directory = "([a-z]+)"$', (HERE / "towncrier.toml").read_text(), re.M)
    for note in (HERE / "doc/changes").glob("*.rst"):
        assert re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(kinds)})\.rst", note.name)
        text = note.read_text().strip()
        assert text.endswith("."), note.name


def test_the_page_of_changes_begins_with_this_version():
    text = (HERE / "doc/changes.rst").read_text()
    titles = re.findall(r"^(\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)\n-+$", text, re.MULTILINE)
    assert titles[0] == __version__
    assert ".. towncrier release notes start\n" in text


def test_pages_name_a_release_by_its_tag():
    assert "tag that commit ``vX.Y.Z``" in (HERE / "CONTRIBUTING.rst").read_text()
    pattern = r"(?:example/distgen\S*@|example/distgen, ref: |/distgen\.git\n +rev: )([\w.]+)"
    pages = (HERE / "doc/howto").glob("*.rst")
    tags = [(page.name, tag) for page in pages for tag in re.findall(pattern, page.read_text())]
    assert len(tags) > 8
    assert {tag for _, tag in tags} == {f"v{__version__}"}, tags
