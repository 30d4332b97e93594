"""Three-way merging is git's own, and diffs are ones that git applies."""

import random

import pytest
from testing.dist_git import GIT, git

from distgen.errors import DistgenError
from distgen.publish.merge_file import three_way_merge
from distgen.text.diff import diff_file


def text(*lines):
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        (text(1, 2, 3), text(0, 1, 2, 3), text(1, 2, 4), text(0, 1, 2, 4)),
        (text(1, 2, 3), text(1, "x", 3), text(1, "x", 3), text(1, "x", 3)),
        (text(1, 2, 3), text(1, "x", 3), text(1, "y", 3), None),
        (text(1, 2, 3), text("x", 2, 3), text(1, "y", 3), None),
        (text(1, 2, 3), text(2, 3), text("x", 2, 3), None),
        (b"", text(1), text(2), None),
        (text(1, 2, 3, 4) + b"end", b"0\n" + text(1, 2, 3, 4) + b"end", text(1, 2, 3, 4) + b"END",
         b"0\n" + text(1, 2, 3, 4) + b"END"),
        (b"a\rb\nc\nd\n", b"a\rb\nc\nd\ne\n", b"A\rb\nc\nd\n", b"A\rb\nc\nd\ne\n"),
    ],
)  # fmt: skip
def test_merge(base, ours, theirs, merged):
    assert three_way_merge(GIT)(base, ours, theirs) == merged


def test_a_merge_is_the_one_that_git_makes(tmp_path):
    """Random edits of one text: where `git merge` is clean so are we, with the same bytes."""
    rand = random.Random(7)
    clean = 0
    git("init", "-q", "-b", "base", folder=tmp_path)
    for number in range(25):
        base = [f"line {rand.randrange(30)}" for _ in range(20)]
        versions = text(*base), text(*_scribble(base, rand)), text(*_scribble(base, rand))
        tips = [_write_commit(tmp_path, f"base-{number}", versions[0], [])]
        tips += [_write_commit(tmp_path, f"{number}", side, tips[:1]) for side in versions[1:]]
        git("checkout", "-q", "-f", tips[1], folder=tmp_path)
        git("merge", "-q", "-s", "recursive", tips[2], folder=tmp_path, check=False)
        conflicted = git("ls-files", "-u", folder=tmp_path)
        merged = None if conflicted else (tmp_path / "file").read_bytes()
        assert three_way_merge(GIT)(*versions) == merged
        clean += merged is not None
        git("reset", "-q", "--hard", folder=tmp_path)
    assert 5 < clean < 25


def _write_commit(folder, subject, content, parents):
    blob = git("hash-object", "-w", "--stdin", folder=folder, stdin=content).strip()
    tree = git("mktree", folder=folder, stdin=f"100644 blob {blob}\tfile\n".encode()).strip()
    above = [word for parent in parents for word in ("-p", parent)]
    return git("commit-tree", *above, "-m", subject, tree, folder=folder).strip()


def _scribble(lines, rand):
    edited_lines = list(lines)
    for _ in range(rand.randrange(1, 3)):
        at = rand.randrange(len(edited_lines))
        edited_lines[at : at + rand.randrange(2)] = [f"new {rand.random()}"] * rand.randrange(2)
    return edited_lines


def test_what_git_cannot_merge_is_said(tmp_path):
    with pytest.raises(DistgenError, match="cannot be merged"):
        three_way_merge(GIT)(b"a\0b", b"a\0c", b"a\0d")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a\nb\n", b"a\nc\n"),
        (b"a\nb", b"a\nb\n"),
        (b"a\nb\n", b"a\nb"),
        (None, b"a\nb"),
        (b"a\n", None),
        (b"a\x0cb\nc\n", b"a\x0cb\nd\n"),
        (b"x\r\ny\r\n", b"x\r\nz\r\n"),
        ("Zoë\u2028é\n".encode(), b"b\n"),
    ],
)
def test_git_applies_the_diff(tmp_path, old, new):
    if old is not None:
        (tmp_path / "file").write_bytes(old)
    git("apply", "-", folder=tmp_path, stdin=diff_file("file", old, new).encode())
    path = tmp_path / "file"
    assert (path.read_bytes() if path.exists() else None) == new


def test_equal_files_have_no_diff_and_binary_ones_a_note():
    assert diff_file("a", b"x", b"x") == ""
    assert diff_file("a", b"\0", b"x") == "Binary files a/a and b/a differ\n"
