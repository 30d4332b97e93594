"""Lines are matched as difflib matches them, and where that would take minutes they end as well."""

from __future__ import annotations

import time
from difflib import SequenceMatcher, unified_diff

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distgen.text.diff import diff_file
from distgen.text.line_matcher import LineMatcher

TEXT = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=30).map("".join)


@given(TEXT, TEXT)
def test_short_texts_are_matched_as_by_difflib(old: str, new: str):
    before, after = old.splitlines(True), new.splitlines(True)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    assert LineMatcher(before, after).get_opcodes() == matcher.get_opcodes()
    expected = "".join(unified_diff(before, after, "a/x", "b/x"))
    assert diff_file("x", old.encode(), new.encode()) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["x"] * 20_000, ["y", *["x"] * 19_999, "z"]),
        ([str(number) for number in range(50_000)], [str(-number) for number in range(50_000)]),
        (list(map(str, range(30_000))), list(map(str, reversed(range(30_000))))),
    ],
    ids=["alike", "unlike", "reversed"],
)
def test_long_texts_end(old: list[str], new: list[str]):
    old, new = ["first", *old, "last"], ["first", *new, "last"]
    begin = time.process_time()
    opcodes = LineMatcher(old, new).get_opcodes()
    assert time.process_time() - begin < 10
    assert opcodes[0][0] == opcodes[-1][0] == "equal"
    assert [old[i1:i2] for _, i1, i2, _, _ in opcodes if i2 > i1]
    rebuilt = [
        line
        for tag, i1, i2, j1, j2 in opcodes
        for line in (old[i1:i2] if tag == "equal" else new[j1:j2])
    ]
    assert rebuilt == new
