"""Write what `distgen lint` found in a format, or in several at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from distgen.lint.findings import in_catalogue
from distgen.lint.reports import codequality, github, json, junit, sarif, text, zuul
from distgen.model.catalogue import Image
from distgen.model.rendered import Finding
from distgen.model.words import Level

_WRITERS = {"text": text.report, "json": json.report, "sarif": sarif.report}
_OF_REPOSITORIES = {
    "gitlab-codequality": codequality.report,
    "github": github.report,
    "zuul": zuul.report,
}
"""Reports that name files as the catalogue's repository has them."""
FORMATS = ("text", "json", "sarif", "gitlab-codequality", "junit", "github", "zuul")


@dataclass(frozen=True, slots=True)
class LintResult:
    """Findings of images of a catalogue that stands in `folder` of its repository.

    Those of a `grave` level are what makes the exit code 1.
    """

    findings: tuple[Finding, ...]
    images: Sequence[Image]
    folder: str
    grave: Collection[Level]

    def format(self, form: str) -> str:
        """Return the findings in one of the formats."""
        if form in _WRITERS:
            return _WRITERS[form](self.findings)
        places = {image.key: image.origin for image in self.images}
        located = in_catalogue(self.findings, places, self.folder)
        if form in _OF_REPOSITORIES:
            return _OF_REPOSITORIES[form](located)
        return junit.report(located, [image.key for image in self.images], self.grave)


def _parse_reports(
    ctx: click.Context, param: click.Parameter, words: tuple[str, ...]
) -> tuple[tuple[str, Path], ...]:
    reports = []
    for word in words:
        form, _, path = word.partition("=")
        if form not in FORMATS or not path:
            raise click.BadParameter(
                f"{word!r} is not FORMAT=FILE with one of {', '.join(FORMATS)}"
            )
        reports.append((form, Path(path)))
    return tuple(reports)


report_option = click.option(
    "--report",
    "reports",
    metavar="FORMAT=FILE",
    multiple=True,
    callback=_parse_reports,
    help="Write it in another format into a file as well; may be repeated.",
)
"""Add --report; the command gets formats with files as `reports`."""
