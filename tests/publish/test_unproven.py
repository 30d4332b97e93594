"""Commits that name no commit of the catalogue are called unproven when they are made."""

import shutil

import pytest
from testing.sites import distgen, site

SENTENCE = "`distgen verify` cannot prove them; commit the catalogue before you publish"


@pytest.mark.parametrize("state", ["outside git", "dirty", "clean"])
def test_publish_says_what_cannot_be_verified(catalogue, state):
    root = site(catalogue, "base")
    if state == "outside git":
        shutil.rmtree(root / ".git")
    if state == "dirty":
        overlay = root / "overlays/ns/base.yaml"
        overlay.write_text(f"{overlay.read_text()}values: {{line: more}}\n")
    first, second = distgen(root, "publish"), distgen(root, "publish")
    assert (first.code, SENTENCE in first.err) == (0, state != "clean")
    assert SENTENCE not in second.err, "nothing was published"
