"""Sphinx settings of the documentation."""

import re
import shutil

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

project = "distgen"
author = "the distgen authors"
copyright = author
# Graphviz draws the pictures; where it is not installed, their text is shown.
HAS_GRAPHVIZ = shutil.which("dot") is not None
extensions = ["sphinx.ext.graphviz"] if HAS_GRAPHVIZ else []
graphviz_output_format = "svg"
templates_path: list[str] = []
exclude_patterns = ["_build", "changes/*"]
html_theme = "furo"
html_title = "distgen"
html_static_path = ["_static"]
html_css_files = ["distgen.css"]
html_theme_options = {"source_edit_link": ""}
highlight_language = "text"
nitpicky = True
smartquotes_action = "q"  # a dash is two dashes where it stands before an option


class Console(BashSessionLexer):
    """A terminal whose only prompt is `$`: `#` begins the first line of many generated files."""

    _ps1rgx = re.compile(r"^(\$ )(.*\n?)")


class TextOfPicture(Directive):
    """A picture shown as the text it is drawn from."""

    has_content = True
    option_spec = {"alt": directives.unchanged, "caption": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.content)
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> None:
    """Read `console` blocks so, and pictures as text where nothing can draw them."""
    app.add_lexer("console", Console)
    if not HAS_GRAPHVIZ:
        app.add_directive("graphviz", TextOfPicture)
