"""A grouped diff as Markdown and HTML: it fits, it is balanced, and no text of it commands."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from distgen.compare.html_report import format_html
from distgen.compare.markdown_report import format_markdown
from distgen.compare.records import (
    EditGroup,
    EditPattern,
    GroupedDiff,
    GroupMember,
    StoppedImage,
)
from distgen.model.words import CHANGE_KINDS, Origin

HOSTILE = st.lists(
    st.sampled_from(
        (
            *("```", "````", "~~~", "`", "</details>", "<details>", "</summary>", "<script>", "|"),
            *("@somebody", "#1", "\r", "\n", "\x1b[31m", "\u202e", "\x00", "\u2028", "é", "\udc80"),
            *("]]>", "&amp;", "<!--", "-->", "a", " ", "**", "\\", "# ", "x" * 300),
        )
    ),
    max_size=8,
).map("".join)
LINE = st.tuples(st.sampled_from("+- "), HOSTILE.map(lambda text: text.replace("\n", ""))).map(
    "".join
)
MEMBERS = st.lists(
    st.builds(GroupMember, st.just("ns/app"), HOSTILE, HOSTILE, st.tuples(HOSTILE)),
    min_size=1,
    max_size=3,
)
GROUPS = st.builds(
    EditGroup,
    kind=st.sampled_from(CHANGE_KINDS),
    sentence=HOSTILE,
    path=HOSTILE,
    operation=st.just("changed"),
    modes=st.just((None, None)),
    hunk=st.lists(LINE, max_size=4).map(tuple),
    pattern=st.just(EditPattern(("", ""), ("name",))),
    members=MEMBERS.map(tuple),
    level=st.sampled_from(["info", "warning"]),
    origin=st.one_of(st.none(), st.builds(Origin, HOSTILE, st.just(3))),
)
STOPPED = st.builds(
    StoppedImage, st.just("ns/app"), st.just("master"), st.just("refused"), HOSTILE, HOSTILE
)
DIFFS = st.builds(
    GroupedDiff,
    compared=st.just(9),
    states=st.just({"ns/app@master": "changed"}),
    groups=st.lists(GROUPS, max_size=6).map(tuple),
    stopped=st.lists(STOPPED, max_size=4).map(tuple),
    left_out=st.just((".distgen.json",)),
)


def blocks_of(text):
    """Return the lines of Markdown outside of code, having seen that all code ends."""
    fence, outside = "", []
    for line in re.split(r"\r\n|\n|\r", text):
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if fence and mark and line.strip() == mark[1] and mark[1].startswith(fence):
            fence = ""
        elif not fence and mark:
            fence = mark[1]
        elif not fence:
            outside.append("from" if line.startswith("from `") else line)  # one code span
    assert not fence, "code that does not end"
    return outside


def depth_of(lines):
    depth = 0
    for tag in re.findall(r"(?<!\\)</?details>", "\n".join(lines)):
        depth += -1 if tag.startswith("</") else 1
        assert 0 <= depth <= 1
    return depth


@given(DIFFS, st.integers(1000, 4000), st.booleans())
def test_markdown_is_balanced_and_fits(diff, limit, words):
    for text in (format_markdown(diff, limit, words=words), format_markdown(diff, words=words)):
        lines = blocks_of(text)
        assert depth_of(lines) == 0
        outside = "\n".join(lines)
        assert not re.search(r"(?<!\\)<(?!/?details>|/?summary>|br>)", outside)
        assert not re.search(r"(?<!\w)@somebody|(?<!&)#\d", outside)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e\u2028\udc80]", text)
    fitted = format_markdown(diff, limit, words=words)
    assert len(fitted.encode()) <= limit


@given(DIFFS, st.integers(1000, 4000))
def test_each_group_is_whole_or_named(diff, limit):
    whole, fitted = format_markdown(diff), format_markdown(diff, limit)
    blocks = whole.split("\n<details>")[1:]
    shown = [f"<details>{block}" in fitted for block in blocks]
    named = re.search(r"^\*(\d+) groups? (?:does|do) not fit here: ", fitted, re.M)
    assert (int(named[1]) if named else 0) == shown.count(False)
    # Images that were stopped are counted as well, where there are too many.
    is_cut = not all(shown) or bool(re.search(r"^- \d+ more images?", fitted, re.MULTILINE))
    assert (fitted != whole) == is_cut


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.names = [], set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@given(DIFFS, st.booleans())
def test_html_holds_texts_only(diff, words):
    page = format_html(diff, words=words)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.names.isdisjoint({"script", "details", "img", "a"})
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e\u2028\udc80]", page)
