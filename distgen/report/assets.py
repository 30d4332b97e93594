"""Read the templates, the style and the script of pages from the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from distgen.report.names import asset_name
from distgen.report.pages import PageTexts


@dataclass(frozen=True, slots=True)
class Assets:
    """The texts of pages, and the files that lie beside every page, by name."""

    texts: PageTexts
    files: Mapping[str, bytes]


def read_assets() -> Assets:
    """Return what every report is made with."""
    package = resources.files("distgen.report")
    style = (package / "assets" / "style.css").read_bytes()
    script = (package / "assets" / "script.js").read_bytes()
    names = (asset_name("style", ".css", style), asset_name("script", ".js", script))
    templates = {path.name: path.read_text("utf-8") for path in (package / "templates").iterdir()}
    return Assets(PageTexts(templates, *names), dict(zip(names, (style, script), strict=True)))
