"""Patterns of .dockerignore: those of many stars match as others do, and in no longer time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distgen.lint.wildcard import Wildcard, _compile, _letter_expression, wildcard

LETTERS = st.sampled_from(["a", "b", "/", "*", "**", "**/", "?", "[ab]", "[^a]", r"\*", "."])


@given(st.lists(LETTERS, max_size=9), st.text("ab/*.", max_size=9))
def test_each_letter_by_itself_gives_what_the_expression_gives(parts, name):
    stars = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    read = wildcard("".join(parts)).parts
    expression = "".join(stars.get(part) or _letter_expression(part) for part in read)
    expected = _compile(expression).fullmatch(name) is not None
    assert Wildcard(read, None).matches(name) == expected == wildcard("".join(parts)).matches(name)


@pytest.mark.parametrize("star", ["*", "**", "**/"])
def test_many_stars_end(star):
    """`*a` thirty times tried all ways to part a name of 200 letters among the stars."""
    before = time.process_time()
    assert not wildcard(f"{star}a" * 30 + "b").matches("a" * 200)
    assert not wildcard(f"{star}a" * 30 + "b").matches("a/" * 200)
    assert wildcard(f"{star}" * 30 + "a").matches("a")
    assert time.process_time() - before < 5
