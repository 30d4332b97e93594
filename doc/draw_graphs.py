"""Graphs that Graphviz draws, without colours of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape

DOT = shutil.which("dot")
DEFAULTS = """\
bgcolor=transparent; pad=0.02; nodesep=0.25; ranksep=0.3;
node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12, margin="0.13,0.07"];
edge [fontname="Helvetica", fontsize=11, arrowsize=0.7];
"""


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
