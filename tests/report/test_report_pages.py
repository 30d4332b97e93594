"""Pages show what a report holds as text, whatever that is, and the same each time."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from testing.comparisons import compare_trees

from distgen.catalogue.value_origins import ValueOrigin
from distgen.compare.records import StoppedImage
from distgen.compare.words import words_by_image
from distgen.model.rendered import File, Finding
from distgen.model.words import Origin
from distgen.report.assets import read_assets
from distgen.report.markup import color_file, diff_lines, show, side_by_side
from distgen.report.names import OVERVIEW, group_page, image_page
from distgen.report.pages import POLICY, render_pages
from distgen.report.records import (
    BranchCommit,
    Report,
    ReportedImage,
    ReportedValue,
    SourceLine,
    ValueSetting,
)

HOSTILE = "<script>alert(1)</script>]]>\u202e\x1b[31m'\"&<img src=x onerror=y>"
HUGE = "x" * 1_000_000
PLACE = Origin("templates/<b>.j2", 7)
KEY = "ns/app@main"
PROVENANCE = {
    "catalogue": f"https://example.org/{HOSTILE}@1234",
    "compared with": "main",
    "lock": "",
    "distgen": "1.0.0",
}


def diff_of(old: str, new: str, *keys: str):
    before, after = (
        {key: {"Dockerfile": File("Dockerfile", text.encode())} for key in keys}
        for text in (old, new)
    )
    return compare_trees(before, after, words_by_image(()), (), len(keys))


def report(text: str = HOSTILE) -> Report:
    """Return a report in which everything that people write holds a text."""
    keys = ("ns/app@main", "ns/other@main")
    setting = ValueSetting(text, text, "+", text)
    image = ReportedImage(
        key=keys[0],
        change="changed",
        reasons=(text, f"parent:{text}", f"parent:{keys[1]}"),
        description=text,
        reference=text,
        url=text,
        tags=(text,),
        parents=(text, keys[1]),
        dependents=(keys[1],),
        labels=((text, text),),
        findings=(Finding("ns/app", "main", "Dockerfile", 1, 0, "DG1", "error", text, PLACE),),
        dockerfile=(
            SourceLine("FROM a", "patch", PLACE),
            SourceLine(f"RUN {text}", "template", PLACE, (ValueOrigin(text, PLACE),)),
            SourceLine("", "blank", PLACE),
        ),
        commits=(BranchCommit("1" * 40, "2026-01-02", text),),
        values=(ReportedValue(text, text, (setting, setting)),),
    )
    diff = diff_of("FROM a\n", f"FROM a\nRUN {text}\n", *keys)
    return Report(diff, (image, ReportedImage(keys[1], "removed")), PROVENANCE)


def pages_of(content: Report) -> dict[str, str]:
    return dict(render_pages(content, read_assets().texts, lambda image: image))


class Reader(HTMLParser):
    """Reads a page as a browser would: its elements, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_there_is_a_page_for_each_group_and_each_image():
    content = report()
    assert [*pages_of(content)] == [
        OVERVIEW,
        *(group_page(group) for group in content.diff.groups),
        *(image_page(image.key) for image in content.images),
    ]
    assert all(
        re.fullmatch(r"(index|(group|image)-[0-9a-f]{20})\.html", n) for n in pages_of(content)
    )


@pytest.mark.parametrize("number", range(4))
def test_a_page_holds_what_people_wrote_as_text_only(number):
    page = [*pages_of(report()).values()][number]
    reader = Reader(page)
    scripts = [attributes for tag, attributes in reader.elements if tag == "script"]
    assert [[*attributes] for attributes in scripts] == [["src", "defer"]]
    for tag, attributes in reader.elements:
        assert tag not in {"img", "b", "style", "iframe", "object", "form"}
        assert not any(name == "style" or name.startswith("on") for name in attributes), tag
    assert "\u202e" not in page and "\x1b" not in page
    if number < 3:  # the last is of an image that is gone
        assert "<script>alert(1)</script>]]>\\u202e^[[31m'\"&<img src=x onerror=y>" in reader.text


def test_a_page_loads_only_what_lies_beside_it():
    names = {*pages_of(report()), *read_assets().files}
    for page in pages_of(report()).values():
        reader = Reader(page)
        policies = [a["content"] for tag, a in reader.elements if a.get("http-equiv")]
        assert policies == [POLICY]
        addresses = [a.get("href") or a.get("src") for _, a in reader.elements]
        assert {name for name in addresses if name and not name.startswith("#")} <= names


def test_a_value_of_a_million_letters_is_cut_and_says_so():
    pages = pages_of(report(HUGE))
    assert all(len(page) < 100_000 for page in pages.values())
    assert sum("(1000000 characters)" in page for page in pages.values()) >= 2


def test_the_same_report_gives_the_same_pages():
    assert pages_of(report()) == pages_of(report())


def test_the_page_of_a_group_is_another_when_its_text_or_a_member_is():
    diffs = [
        diff_of("FROM a\n", "FROM b\n", "ns/app@main"),
        diff_of("FROM a\n", "FROM c\n", "ns/app@main"),
        diff_of("FROM a\n", "FROM b\n", "ns/app@main", "ns/other@main"),
    ]
    names = [group_page(diff.groups[0]) for diff in diffs]
    assert len({*names}) == 3
    assert names[0] == group_page(diff_of("FROM a\n", "FROM b\n", "ns/app@main").groups[0])


def test_an_empty_report_says_that_nothing_changes():
    content = Report(diff_of("FROM a\n", "FROM a\n", "ns/app@main"), (), PROVENANCE)
    (page,) = pages_of(content).values()
    assert "nothing changes: 1 image compared" in Reader(page).text
    assert "No file changes." in page


def test_the_edit_that_stops_an_image_is_on_its_page():
    edit = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+<b>\n--- a/b\n+++ b/b\n@@ -1 +0,0 @@\n-gone\n"
    stopped = StoppedImage("ns", "main", "refused", "it was edited", edit)
    diff = replace(diff_of("a", "a", "ns@main"), stopped=(stopped,))
    content = Report(diff, (ReportedImage("ns@main", "refused"),), PROVENANCE)
    overview, page = (Reader(page).text for page in pages_of(content).values())
    assert "it was edited" in overview
    for text in ("it was edited", "<b>", "gone", "+++ b/b"):
        assert text in page


HUNK = ["diff --git a/x b/x", "--- a/x", "+++ b/x", "@@ -1,4 +1,4 @@", " one", "-two 2", "-three",
        "+two 3", " four", "\\ No newline at end of file"]  # fmt: skip


def test_lines_of_a_diff_are_numbered_and_their_changed_words_marked():
    lines = [*diff_lines([*HUNK[:5], "-two 2", "+two 3", " four"])]
    assert [(line.kind, line.old, line.new) for line in lines[3:]] == [
        ("header", 0, 0),
        ("context", 1, 1),
        ("removed", 2, 0),
        ("added", 0, 2),
        ("context", 3, 3),
    ]
    assert lines[5].code == "two <mark>2</mark>"


def test_of_a_long_line_the_part_that_changes_is_shown():
    long = "a" * 1_000_000
    lines = ["--- a/x", "+++ b/x", "@@ -1 +1 @@", f"-{long}one", f"+{long}two", "@@ -9 +9 @@"]
    codes = [line.code for line in diff_lines([*lines, f"+{long}"]) if line.kind != "header"]
    assert codes[:2] == [f"...{'a' * 80}{word} (1000003 characters)" for word in ("one", "two")]
    assert codes[2] == f"{'a' * 2000}... (1000000 characters)"


def test_side_by_side_every_line_is_there_once():
    lines = [*diff_lines(HUNK)]
    pairs = [*side_by_side(lines)]
    for kind, side in (("removed", 0), ("added", 1)):
        shown = [pair[side] for pair in pairs if pair[side] and pair[side].kind == kind]
        assert shown == [line for line in lines if line.kind == kind]
    kinds = [tuple(line and line.kind for line in pair) for pair in pairs[4:]]
    assert kinds == [
        ("context", "context"),
        ("removed", "added"),
        ("removed", None),
        ("context", "context"),
    ]


@pytest.mark.parametrize(
    "text", ["FROM a", "", "\n", "RUN x \\\n\n  && y\n", "\r", "RUN <<EOF\n\nEOF\n"]
)
def test_colours_leave_each_line_where_it_is(text):
    lines = text.split("\n")
    colored = color_file(lines, "dockerfile")
    assert [Reader(str(line)).text for line in colored] == [show(line) for line in lines]


def test_a_file_that_is_new_has_no_side_by_side():
    """Beside its lines would stand nothing; the pages of a first publication were twice as long."""
    before = {"ns/app@main": {"Dockerfile": File("Dockerfile", b"FROM a\n")}}
    after = {"ns/app@main": {path: File(path, b"FROM b\n") for path in ("Dockerfile", "new")}}
    diff = compare_trees(before, after, words_by_image(()), (), 1)
    pages = pages_of(Report(diff, (), PROVENANCE))
    views = {group.path: "Side by side" in pages[group_page(group)] for group in diff.groups}
    assert views == {"Dockerfile": True, "new": False}


def test_the_file_that_a_dockerfile_is_a_copy_of_is_named_once():
    places = [Origin("templates/app/Dockerfile", number) for number in (1, 2)]
    copied = tuple(SourceLine("FROM a", "copied", place) for place in places)
    patched = (copied[0], replace(copied[1], kind="patch"))
    texts = [
        pages_of(
            Report(
                diff_of("", "", KEY), (ReportedImage(KEY, "added", dockerfile=lines),), PROVENANCE
            )
        )[image_page(KEY)]
        for lines in (copied, patched)
    ]
    assert [text.count("templates/app/Dockerfile") for text in texts] == [1, 2]


def test_findings_of_many_images_are_folded():
    """Those of 60 images stood above the two changes that were to be read."""
    finding = Finding("ns/app", "main", "Dockerfile", 1, 0, "DG1", "warning", "late", PLACE)
    images = tuple(
        ReportedImage(f"ns/app{number}@main", "changed", findings=(finding,))
        for number in range(11)
    )
    few, many = (
        pages_of(Report(diff_of("", ""), shown, PROVENANCE))[OVERVIEW]
        for shown in (images[:10], images)
    )
    assert "<details>" not in few
    assert "<summary>11 images with errors or warnings</summary>" in many
