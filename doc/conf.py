"""Sphinx settings of the documentation."""

import re
import sys
from pathlib import Path

from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

import html_pages
import pictures_of_text

project = "distgen"
PACKAGE = Path(__file__).parents[1] / "distgen/__init__.py"
release = re.findall(r'^__version__ = "(.+)"', PACKAGE.read_text(encoding="utf-8"), re.M)[0]
author = "the distgen authors"
copyright = author
extensions: list[str] = []
templates_path: list[str] = []
exclude_patterns = ["_build", "changes/*"]
html_theme = "furo"
html_title = f"distgen {release}"
html_static_path = ["_static"]
html_css_files = ["distgen.css"]
html_theme_options = {"source_edit_link": ""}
html_show_sourcelink = False
html_copy_source = False
highlight_language = "text"
nitpicky = True
smartquotes_action = "q"  # a dash is two dashes where it stands before an option


class Console(BashSessionLexer):
    """A terminal whose only prompt is `$`: `#` begins the first line of many generated files."""

    _ps1rgx = re.compile(r"^(\$ )(.*\n?)")


def name_other_guides(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the guides that the index does not name itself where it says `OTHER GUIDES`."""
    if docname == "index":
        named = set(re.findall(r"^   (howto/\S+)$", content[0], re.MULTILINE))
        others = sorted(
            name
            for name in app.env.found_docs
            if name.partition("/")[0] not in ("reference", "explanation", "changes")
            and "/" in name
            and name not in named
        )
        content[0] = content[0].replace("   OTHER GUIDES", "\n".join(f"   {n}" for n in others))


def setup(app: Sphinx) -> None:
    """Read `console` blocks so, draw pictures, and complete what the theme writes."""
    app.add_lexer("console", Console)
    app.add_directive("graphviz", pictures_of_text.Picture)
    app.connect("source-read", name_other_guides)
    app.connect("build-finished", html_pages.complete)
