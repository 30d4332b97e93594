"""Whatever a patch changes, distgen applies it as git does, or refuses it."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.rendered import File
from distgen.render.patch import apply_patch

# Few lines that differ, so that hunks fit in many places.
PLAIN = st.sampled_from([b"a\n", b"b\n"])
ODD = st.sampled_from([b"c\n", b"\n", b"a \n", b"\xc3\xa9\r\n", b"-- \n", b"@@\n"])
LINES = PLAIN | PLAIN | ODD
TEXTS = st.lists(LINES, max_size=16)
ENDS = st.sampled_from([b"", b"", b"end", b"-"])


@st.composite
def edited(draw, lines):
    """Return lines with a few taken out, put in or replaced."""
    result = list(lines)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(result)))
        end = draw(st.integers(start, min(len(result), start + 1)))
        result[start:end] = draw(st.lists(LINES, min_size=end == start, max_size=2))
    return result


@st.composite
def situations(draw):
    """Return a text before and after, a third one to patch, and the lines of context."""
    lines = draw(TEXTS)
    before = b"".join(lines) + draw(ENDS)
    after = b"".join(draw(edited(lines))) + draw(ENDS)
    moved = b"".join(draw(edited(lines))) + draw(ENDS)
    target = draw(st.sampled_from([before, moved, b"new\n" + before, b"a\nb\n" + before]))
    return before, after, target, draw(st.integers(1, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a git repository above no other, where git reads nobody's configuration."""
    path = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q", path], check=True)
    return path


def git(folder, *words, stdin=None):
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", "-c", "core.autocrlf=false", *words],
        cwd=folder,
        input=stdin,
        capture_output=True,
        env={"PATH": os.environ["PATH"], **nothing},
        check=False,
    )


def difference(folder, before, after, context):
    """Return what git says of a change of the file f."""
    for name, content in (("a", before), ("b", after)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "f").write_bytes(content)
    return git(folder, "diff", "--no-index", "--no-prefix", f"-U{context}", "a/f", "b/f").stdout


def by_git(folder, target, diff):
    """Return the file as `git apply` leaves it, None where it refuses."""
    (folder / "f").write_bytes(target)
    done = git(folder, "apply", "--whitespace=nowarn", "-", stdin=diff)
    return (folder / "f").read_bytes() if done.returncode == 0 else None


def by_distgen(target, diff):
    patch = TemplateFile("fix.patch", "patches/fix.patch", diff, False, False)
    try:
        return apply_patch({"f": File("f", target)}, patch, "n/i@m").files["f"].content
    except InputError:
        return None


@given(situations())
@example((b"a\n" * 9, b"a\n" * 8, b"a\n" * 9, 1))
@example((b"a\na\n", b"a\na\na\nend", b"a\na\na\n", 1))
@example((b"a\na\n", b"a\na\nb\n", b"a\na\na\n", 1))
def test_patches_apply_as_git_applies_them_or_not_at_all(folder, situation):
    before, after, target, context = situation
    diff = difference(folder, before, after, context)
    if not diff:
        assert before == after
        return
    assert by_distgen(before, diff) == by_git(folder, before, diff) == after
    ours, theirs = by_distgen(target, diff), by_git(folder, target, diff)
    if ours is not None and theirs is not None:
        assert ours == theirs
