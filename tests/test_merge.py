"""Three-way merging agrees with git, and diffs are ones that git applies."""

import random
import subprocess

import pytest
from dist_git import git

from distgen.plan.merge import merge, unified


def text(*lines):
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(
    ("base", "left", "right", "merged"),
    [
        (text(1, 2, 3), text(1, 2, 3), text(1, 3), text(1, 3)),
        (text(1, 2, 3), text(0, 1, 2, 3), text(1, 2, 4), text(0, 1, 2, 4)),
        (text(1, 2, 3), text(1, "x", 3), text(1, "x", 3), text(1, "x", 3)),
        (text(1, 2, 3), text(1, "x", 3), text(1, "y", 3), None),
        (text(1, 2, 3), text("x", 2, 3), text(1, "y", 3), None),
        (text(1, 2, 3), text(2, 3), text("x", 2, 3), None),
        (b"", text(1), text(2), None),
        (b"a\0b", b"a\0c", b"a\0d", None),
        (b"a\0b", b"a\0b", b"a\0d", b"a\0d"),
        (text(1, 2, 3, 4) + b"end", b"0\n" + text(1, 2, 3, 4) + b"end", text(1, 2, 3, 4) + b"END",
         b"0\n" + text(1, 2, 3, 4) + b"END"),
        (b"a\rb\nc\nd\n", b"a\rb\nc\nd\ne\n", b"A\rb\nc\nd\n", b"A\rb\nc\nd\ne\n"),
    ],
)  # fmt: skip
def test_merge(base, left, right, merged):
    assert merge(base, left, right) == merged


def test_a_clean_merge_is_the_one_git_makes(tmp_path):
    """Random edits of one text: what we merge, git merges to the same bytes."""
    rand = random.Random(7)
    clean = 0
    for _ in range(60):
        base = [f"line {rand.randrange(30)}" for _ in range(20)]
        versions = [base, _scribbled(base, rand), _scribbled(base, rand)]
        paths = [tmp_path / name for name in ("base", "left", "right")]
        for path, lines in zip(paths, versions, strict=True):
            path.write_bytes(text(*lines))
        ours = merge(*(path.read_bytes() for path in paths))
        command = ["git", "merge-file", "-p", paths[1], paths[0], paths[2]]
        done = subprocess.run(command, capture_output=True, check=False)
        if ours is not None:
            clean += 1
            assert (done.returncode, done.stdout) == (0, ours)
    assert clean > 15


def _scribbled(lines, rand):
    found = list(lines)
    for _ in range(rand.randrange(1, 3)):
        at = rand.randrange(len(found))
        found[at : at + rand.randrange(2)] = [f"new {rand.random()}"] * rand.randrange(2)
    return found


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
    git("apply", "-", folder=tmp_path, stdin=unified("file", old, new).encode())
    found = tmp_path / "file"
    assert (found.read_bytes() if found.exists() else None) == new


def test_equal_files_have_no_diff_and_binary_ones_a_note():
    assert unified("a", b"x", b"x") == ""
    assert unified("a", b"\0", b"x") == "Binary files a/a and b/a differ\n"
