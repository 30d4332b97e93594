"""Pages that come from the code say what the code says."""

import importlib.util
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("regenerate", HERE / "doc/regenerate.py")
regenerate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(regenerate)


@pytest.mark.parametrize("page", regenerate.PAGES)
def test_generated_pages_are_current(page):
    expected = regenerate.PAGES[page]().rstrip("\n") + "\n"
    assert (HERE / "doc" / page).read_text() == expected, "run: python doc/regenerate.py"


def test_change_notes_are_one_sentence_each():
    for note in (HERE / "doc/changes").iterdir():
        assert re.fullmatch(r"[a-z0-9-]+\.(feature|fix|removal)\.rst", note.name)
        text = note.read_text().strip()
        assert text.endswith("."), note.name
