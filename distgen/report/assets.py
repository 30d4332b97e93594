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
    assets, vendored = package / "assets", package / "vendored"
    files = {
        asset_name(stem, suffix, content): content
        for stem, suffix, content in (
            ("style", ".css", (assets / "style.css").read_bytes()),
            ("script", ".js", (assets / "script.js").read_bytes()),
            ("picture", ".js", (assets / "graph.js").read_bytes()),
            ("d3", ".js", (vendored / "d3.min.js").read_bytes()),
        )
    }
    templates = {path.name: path.read_text("utf-8") for path in (package / "templates").iterdir()}
    license_text = (vendored / "d3-LICENSE.txt").read_bytes()
    return Assets(PageTexts(templates, *files), {**files, "d3-LICENSE.txt": license_text})
