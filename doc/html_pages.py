"""What the theme leaves out of its HTML, for readers who hear it or use a keyboard only."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

# A block that scrolls sideways is reached by keyboard; sidebars and captions say what they are.
ADDITIONS = (
    (re.compile(r"<pre>"), '<pre tabindex="0">'),
    (re.compile(r'<div class="(table-wrapper[^"]*)"'), r'<div tabindex="0" class="\1"'),
    (re.compile(r'role="heading"(?! aria-level)'), 'role="heading" aria-level="2"'),
    (
        re.compile(r'<aside class="sidebar-drawer"'),
        '<aside class="sidebar-drawer" aria-label="Pages"',
    ),
    (re.compile(r'<aside class="toc-drawer'), '<aside aria-label="This page" class="toc-drawer'),
)


def complete(app: Sphinx, error: Exception | None) -> None:
    """Put into each page that was written what the theme leaves out."""
    if error or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for pattern, words in ADDITIONS:
            text = pattern.sub(words, text)
        path.write_text(text, encoding="utf-8")
