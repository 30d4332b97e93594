"""Pictures drawn by Graphviz from text in a page, in the colours of the page around them."""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from draw_graphs import DOT, draw


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
