"""Pictures drawn by Graphviz from text in a page, in the colours of the page around them."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape

from docutils import nodes
from docutils.parsers.rst import Directive, directives

DOT = shutil.which("dot")
DEFAULTS = """\
bgcolor=transparent; pad=0.02; nodesep=0.25; ranksep=0.3;
node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12, margin="0.13,0.07"];
edge [fontname="Helvetica", fontsize=11, arrowsize=0.7];
"""


class Picture(Directive):
    """`.. graphviz::` with an `alt` text; the text itself where nothing draws it."""

    has_content = True
    option_spec = {"alt": directives.unchanged_required, "caption": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.content)
        if DOT is None:
            return [nodes.literal_block(text, text, language="text")]
        figure = nodes.figure(classes=["picture"])
        drawn = f'<div class="drawn" tabindex="0">{draw(text, self.options["alt"])}</div>'
        figure += nodes.raw("", drawn, format="html")
        if "caption" in self.options:
            inline, _ = self.state.inline_text(self.options["caption"], self.lineno)
            figure += nodes.caption("", "", *inline)
        return [figure]


def draw(text: str, alt: str) -> str:
    """Return an SVG element; style sheets colour it by the classes of its nodes and edges."""
    text = text.replace("{", "{\n" + DEFAULTS, 1)
    svg = subprocess.run(
        [str(DOT), "-Tsvg"], input=text, capture_output=True, text=True, check=True
    ).stdout
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<title>.*?</title>\n?|<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:id|fill|stroke|font-family)="[^"]*"', "", svg)
    svg = re.sub(r' (?:xmlns:xlink)="[^"]*"', "", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1)
