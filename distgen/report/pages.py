"""Turn a report into its pages, by name: the overview, one for each group, one for each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from distgen.compare.records import EditGroup, StoppedImage
from distgen.compare.sentences import count, describe_members, summarize_diff, word_rows
from distgen.model.words import Origin
from distgen.report.graph import graph_script, reached_branches
from distgen.report.links import line_address
from distgen.report.markup import DiffLine, color_file, diff_lines, show, side_by_side
from distgen.report.names import (
    GRAPH,
    OVERVIEW,
    asset_name,
    group_digest,
    group_page,
    image_page,
)
from distgen.report.records import CompleteImage, Report, ReportedImage

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'none'; base-uri 'none'; form-action 'none'"
)
"""What a page may load: nothing but the style and the scripts that lie beside it."""


@dataclass(frozen=True, slots=True)
class PageTexts:
    """The templates of pages by name, and the names of the style and the scripts they load."""

    templates: Mapping[str, str]
    style: str
    script: str
    picture: str
    d3: str


def render_pages(
    report: Report, texts: PageTexts, complete: CompleteImage
) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page; the same report gives the same pages."""
    environment = _environment(report, texts)
    overview = environment.get_template("overview.html")
    yield OVERVIEW, overview.render(title="Overview", sum=summarize_diff(report.diff))
    yield from _graph_pages(report, environment, texts)
    yield from _group_pages(report.diff.groups, environment.get_template("group.html"))
    yield from _image_pages(report, environment.get_template("image.html"), complete)


def _group_pages(groups: Sequence[EditGroup], page: Template) -> Iterator[tuple[str, str]]:
    for number, group in enumerate(groups):
        words = word_rows(group)
        lines = tuple(line for line in diff_lines(group.hunk) if not _names_file(line))
        text = page.render(
            title=f"{group.kind}: {group.sentence}",
            group=group,
            number=number + 1,
            total=len(groups),
            previous=group_page(groups[number - 1]) if number else "",
            next=group_page(groups[number + 1]) if number + 1 < len(groups) else "",
            digest=group_digest(group),
            repeated=groups[group.repeats - 1] if group.repeats else None,
            members=describe_members(group),
            titles=[title.capitalize() for title in words[0]] if words else [],
            namespaces=_by_namespace(group, words),
            lines=lines,
            pairs=() if _is_one_sided(lines) else tuple(side_by_side(lines)),
        )
        yield group_page(group), text


def _names_file(line: DiffLine) -> bool:
    """Tell whether a line of a diff only says which file it is of."""
    return line.kind == "header" and line.code.startswith(("diff --git ", "--- ", "+++ "))


def _is_one_sided(lines: Sequence[DiffLine]) -> bool:
    """Tell whether a whole file comes or goes: beside its lines would stand nothing."""
    return len({line.kind for line in lines} - {"header", "note"}) < 2


def _image_pages(
    report: Report, page: Template, complete: CompleteImage
) -> Iterator[tuple[str, str]]:
    stopped = {f"{image.image}@{image.stream}": image for image in report.diff.stopped}
    groups_by_image: dict[str, list[tuple[str, EditGroup]]] = {}
    for group in report.diff.groups:
        name = group_page(group)  # a hash of all its members
        for key in group.images:
            groups_by_image.setdefault(key, []).append((name, group))
    for image in map(complete, report.images):
        text = page.render(
            title=image.key,
            image=image,
            groups=groups_by_image.get(image.key, ()),
            copied_from=_find_copied_file(image),
            code=color_file([line.text for line in image.dockerfile], "dockerfile"),
            detail=stopped[image.key].detail if image.key in stopped else "",
            edit=_edit_lines(stopped.get(image.key)),
        )
        yield image_page(image.key), text


def _find_copied_file(image: ReportedImage) -> Origin | None:
    """Return the file that a Dockerfile is a copy of: its lines need not say it each."""
    paths = {line.origin.path if line.origin else "" for line in image.dockerfile}
    is_copied = all(line.kind == "copied" for line in image.dockerfile)
    return Origin(min(paths)) if is_copied and len(paths) == 1 and "" not in paths else None


def _edit_lines(stopped: StoppedImage | None) -> tuple[DiffLine, ...]:
    """Return the diff of the downstream edit that stops an image, none where there is none."""
    text = stopped.diff.removesuffix("\n") if stopped else ""
    return tuple(diff_lines(text.split("\n"))) if text else ()


def _graph_pages(
    report: Report, environment: Environment, texts: PageTexts
) -> Iterator[tuple[str, str]]:
    """Yield the page of the graph, and the script that holds its data."""
    if not any(node.change for node in report.graph):
        return
    pages = {image.key: image_page(image.key) for image in report.images}
    script = graph_script(report.graph, pages.get)
    data = asset_name("graph", ".js", script.encode("utf-8"))
    page = environment.get_template("graph.html")
    branches = reached_branches(report.graph)
    files = {"d3": texts.d3, "data": data, "picture": texts.picture}
    yield GRAPH, page.render(title="Graph", branches=branches, **files)
    yield data, script


def _environment(report: Report, texts: PageTexts) -> Environment:
    environment = Environment(
        loader=DictLoader(dict(texts.templates)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages = {image.key: image_page(image.key) for image in report.images}
    environment.filters |= {"show": show, "group_page": group_page}
    environment.globals |= {
        "policy": POLICY,
        "style": texts.style,
        "script": texts.script,
        "report": report,
        "page_of": pages.get,
        # Thousands of lines come from a few hundred places.
        "place": cache(partial(_link_place, report.address)),
        "overview": OVERVIEW,
        "graph": GRAPH if any(node.change for node in report.graph) else "",
        "count": count,
        "group_digest": group_digest,
        "warnings": [group for group in report.diff.groups if group.level == "warning"],
        "has_reasons": any(image.reasons for image in report.images),
        "findings": _count_findings(report.images),
    }
    return environment


def _link_place(catalogue: str, origin: Origin) -> Markup:
    """Return a line of the catalogue, as a link where a forge shows it."""
    text, address = show(origin, 300), line_address(catalogue, origin)
    return Markup('<a href="{}">{}</a>').format(address, text) if address else escape(text)


def _by_namespace(
    group: EditGroup, words: Sequence[tuple[str, ...]]
) -> Mapping[str, Sequence[tuple[str, ...]]]:
    """Return the members by namespace: the key of each, and its words that others have not."""
    namespaces: dict[str, list[tuple[str, ...]]] = {}
    for row in words[1:] if words else [(key,) for key in group.images]:
        namespaces.setdefault(row[0].partition("/")[0], []).append(row)
    return namespaces


def _count_findings(images: tuple[ReportedImage, ...]) -> list[tuple[ReportedImage, int]]:
    """Return the images with errors and warnings, each with their number."""
    grave = ("error", "warning")
    counted = (
        (image, sum(finding.level in grave for finding in image.findings)) for image in images
    )
    return [(image, number) for image, number in counted if number]
