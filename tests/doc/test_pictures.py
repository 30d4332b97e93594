"""The pictures of the README show what there is: they are drawn again and compared."""

import html
import importlib.util
import re
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("pictures", HERE / "doc/pictures.py")
pictures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pictures)


def words(svg):
    """Return what can be read in a picture; ids of commits differ with the catalogue's."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    shown = " ".join(html.unescape(text).replace("\xa0", " ") for text in texts)
    return re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", " ".join(shown.split()))


def test_the_terminal_shows_what_the_commands_print(tmp_path):
    drawn = pictures.draw_terminal(pictures.run_session(tmp_path / "session/catalogue"))
    kept = (pictures.PICTURES / "terminal.svg").read_text()
    assert words(drawn) == words(kept), "run: python doc/pictures.py terminal"
    assert "refused" in words(kept)


@pytest.mark.skipif(shutil.which("dot") is None, reason="there is no dot")
def test_the_overview_says_what_its_text_says():
    kept = (pictures.PICTURES / "overview.svg").read_text()
    assert words(pictures.draw_overview()) == words(kept), "run: python doc/pictures.py overview"


def test_pictures_are_there_small_and_load_nothing():
    readme = (HERE / "README.rst").read_text()
    shown = re.findall(r"^\.\. image:: (\S+)", readme, re.MULTILINE)
    assert len(shown) == 3
    for path in shown:
        content = (HERE / path).read_bytes()
        assert len(content) < 200_000, path
        assert not re.search(rb'(href|src)="|@import|url\((?!#)', content) or path.endswith(".png")
