"""Patches apply exactly or not at all, whether git or diff wrote them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, REGULAR, Origin
from distgen.render.patch import apply_patch

SCRIPT = "#!/bin/sh\nset -e\none\ntwo\nthree\nfour\nfive\n"


def patch(text: str | bytes) -> TemplateFile:
    content = text if isinstance(text, bytes) else text.encode()
    return TemplateFile("fix.patch", "overlays/n/i/patches/fix.patch", content, False, False)


def files(**named: str) -> dict[str, File]:
    return {name: File(name, text.encode()) for name, text in named.items()}


def texts(result) -> dict[str, str]:
    return {path: file.content.decode() for path, file in result.files.items()}


def refusal(before: dict[str, File], text: str) -> str:
    with pytest.raises(InputError) as caught:
        apply_patch(before, patch(text), "n/i@master")
    return str(caught.value)


def git(cwd: Path, *words: str) -> str:
    options = ("-c", "user.name=n", "-c", "user.email=e@x", "-c", "core.autocrlf=false")
    done = subprocess.run(["git", *options, *words], cwd=cwd, check=True, capture_output=True)
    return done.stdout.decode()


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (
            path.read_bytes(),
            EXECUTABLE if path.stat().st_mode & 0o100 else REGULAR,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


def as_files(content: dict[str, tuple[bytes, int]]) -> dict[str, File]:
    return {name: File(name, *rest) for name, rest in content.items()}


def as_state(result) -> dict[str, tuple[bytes, int]]:
    return {path: (file.content, file.mode) for path, file in sorted(result.files.items())}


def test_a_changed_line():
    done = apply_patch(
        files(s=SCRIPT),
        patch("--- a/s\n+++ b/s\n@@ -3,3 +3,3 @@ set\n one\n-two\n+2\n three\n"),
        "n/i@master",
    )
    assert texts(done) == {"s": SCRIPT.replace("two", "2")}


def test_lines_know_where_they_come_from():
    done = apply_patch(
        files(s=SCRIPT),
        patch("--- a/s\n+++ b/s\n@@ -3,3 +3,3 @@\n one\n-two\n+2\n three\n"),
        "n/i@master",
    )
    assert done.origins["s"].old == "s"
    added = Origin("overlays/n/i/patches/fix.patch", 6)
    assert done.origins["s"].rows == (0, 1, 2, added, 4, 5, 6)


def test_a_hunk_moves_to_the_only_place_where_it_fits():
    before = files(s="new\nnew\n" + SCRIPT)
    text = "--- a/s\n+++ b/s\n@@ -3,3 +3,3 @@\n one\n-two\n+2\n three\n"
    assert texts(apply_patch(before, patch(text), "i"))["s"] == "new\nnew\n" + SCRIPT.replace(
        "two", "2"
    )


def test_a_hunk_that_fits_in_two_places_is_refused():
    text = "--- a/s\n+++ b/s\n@@ -9,1 +9,1 @@\n-x\n+y\n"
    assert refusal(files(s="x\na\nx\n"), text) == (
        "overlays/n/i/patches/fix.patch:3: the hunk does not fit 's' (n/i@master), which has the "
        "same lines at 1, 3; it says\n@@ -9,1 +9,1 @@\n-x\n+y"
    )


def test_changed_context_is_refused_and_shown():
    text = "--- a/s\n+++ b/s\n@@ -3,3 +3,3 @@\n one\n-two\n+2\n three\n"
    assert refusal(files(s=SCRIPT.replace("three", "drei")), text) == (
        "overlays/n/i/patches/fix.patch:3: the hunk does not fit 's' (n/i@master), where line 5 is "
        "'drei' and not 'three'; it says\n@@ -3,3 +3,3 @@\n one\n-two\n+2\n three"
    )


def test_blanks_at_the_end_of_a_context_line_count():
    text = "--- a/s\n+++ b/s\n@@ -3,2 +3,2 @@\n one \n-two\n+2\n"
    assert "line 3 is 'one' and not 'one '" in refusal(files(s=SCRIPT), text)


def test_a_deletion_that_leaves_lines_names_one_and_is_shown():
    text = "--- a/s\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n"
    assert refusal(files(s="x\ny\nz\n"), text) == (
        "overlays/n/i/patches/fix.patch:1: the patch deletes 's' but leaves lines of it, such as "
        "'z' (n/i@master); it says\n@@ -1,2 +0,0 @@\n-x\n-y"
    )


def test_a_newline_that_is_missing_at_the_end_is_told():
    """The sentence said that a line is 'x' and not 'x'."""
    text = "--- a/s\n+++ b/s\n@@ -1 +1 @@\n-x\n+y\n"
    assert "line 1 is 'x' without a newline and not 'x'; it" in refusal(files(s="x"), text)
    text = "--- a/s\n+++ b/s\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n"
    assert refusal(files(s="x\n"), text).endswith(
        "line 1 is 'x' and not 'x' without a newline; it says\n"
        "@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y"
    )


def test_a_line_without_newline_is_the_last_one():
    """It was joined with the one after it."""
    text = "--- a/s\n+++ b/s\n@@ -1 +1 @@\n-x\n+y\n\\ No newline at end of file\n"
    assert "which goes on after the line that has no newline" in refusal(files(s="x\nz\n"), text)
    assert texts(apply_patch(files(s="x\nz\nx\n"), patch(text), "i"))["s"] == "x\nz\ny"


def test_a_hunk_that_git_would_apply_elsewhere_is_refused():
    """Without context after its changes git takes it to the end, or to what is nearest."""
    text = "--- a/s\n+++ b/s\n@@ -1 +1,2 @@\n x\n+y\n"
    assert texts(apply_patch(files(s="x\nz\n"), patch(text), "i"))["s"] == "x\ny\nz\n"
    assert "which has the same lines at 1, 3" in refusal(files(s="x\nz\nx\n"), text)
    assert texts(apply_patch(files(s="z\nx\nx\n"), patch(text), "i"))["s"] == "z\nx\nx\ny\n"
    text = "--- a/s\n+++ b/s\n@@ -1 +1 @@\n-x\n+y\n@@ -3 +3 @@\n-z\n+y\n"
    shifted = files(s="w\nx\nz\nz\n")
    assert "which has the same lines at 3, 4" in refusal(shifted, text)


def test_nothing_is_applied_when_a_later_hunk_does_not_fit():
    before = files(s=SCRIPT)
    text = "--- a/s\n+++ b/s\n@@ -3 +3 @@\n-one\n+1\n@@ -7 +7 @@\n-six\n+6\n"
    refusal(before, text)
    assert before == files(s=SCRIPT)


def test_insertion_without_context_is_refused():
    text = "--- a/s\n+++ b/s\n@@ -2,0 +3 @@\n+x\n"
    assert "it has no line of context" in refusal(files(s=SCRIPT), text)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("nothing here\n", "", "there is no diff in this patch"),
        ("--- a/s\n+++ b/s\n", ":2", "no hunk below"),
        ("--- a/s\n+++ b/s\n@@ -1,3 +1,3 @@\n one\n-two\n", ":3", "fewer lines"),
        ("--- a/s\n+++ b/s\n@@ -3 +3 @@\n-one\n+1\n+2\n", ":3", "other lines"),
        ("--- a/s\n+++ b/s\n@@ -3,1 +3,1 @@\n-one\n-two\n+1\n", ":3", "other lines"),
        ("--- a/t\n+++ b/t\n@@ -1 +1 @@\n-a\n+b\n", ":1", "'t', which is not there"),
        ("--- /dev/null\n+++ b/s\n@@ -0,0 +1 @@\n+b\n", ":1", "'s', which is there already"),
        ("--- a/s\n+++ /dev/null\n@@ -1 +0,0 @@\n-#!/bin/sh\n", ":1", "leaves lines"),
        ("--- a/../s\n+++ b/../s\n@@ -1 +1 @@\n-a\n+b\n", ":1", "'../s' is not a path"),
        (
            "--- /dev/null\n+++ /etc/passwd\n@@ -0,0 +1 @@\n+b\n",
            ":2",
            "'/etc/passwd' is not a path",
        ),
        ("--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+b\n", ":2", "is not a path"),
        ("--- /dev/null\n+++ b/.distgen.json\n@@ -0,0 +1 @@\n+b\n", ":2", "is not a path"),
        (
            "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+x\n",
            ":2",
            "cannot make a file of mode 120000",
        ),
        (
            "diff --git a/s b/s\nindex 1..2 100644\nGIT binary patch\nliteral 3\n",
            ":3",
            "cannot change a binary file",
        ),
        ("diff --git a/s b/t\nrename from s\nrename to ../t\n", ":3", "'../t' is not a path"),
    ],
)
def test_a_bad_patch_is_refused(text, line, words):
    message = refusal(files(s=SCRIPT), text)
    assert message.startswith(f"overlays/n/i/patches/fix.patch{line}: ")
    assert words in message


def test_names_without_prefix_and_with_times():
    done = apply_patch(
        files(s="a\n"),
        patch(
            "--- s.orig\t2024-01-01 00:00:00.0 +0000\n+++ s\t2024-01-02 00:00:00.0 +0000\n"
            "@@ -1 +1 @@\n-a\n+b\n"
            "diff -Nur o/n w/n\n--- o/n\t1970-01-01 00:00:00.0 +0000\n"
            "+++ w/n\t2024-01-02 00:00:00.0 +0000\n@@ -0,0 +1 @@\n+new\n"
        ),
        "i",
    )
    assert texts(done) == {"s": "b\n", "n": "new\n"}


def test_no_newline_at_the_end_of_the_file():
    before = files(s="a\nb")
    no = "\\ No newline at end of file\n"
    add = patch(f"--- a/s\n+++ b/s\n@@ -1,2 +1,2 @@\n a\n-b\n{no}+b\n")
    assert texts(apply_patch(before, add, "i")) == {"s": "a\nb\n"}
    drop = patch(f"--- a/s\n+++ b/s\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n{no}")
    assert texts(apply_patch(before, drop, "i")) == {"s": "A\nb"}
    wrong = "--- a/s\n+++ b/s\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n"
    assert "does not fit" in refusal(before, wrong)


def test_a_file_touched_twice_in_one_patch():
    text = (
        "--- a/s\n+++ b/s\n@@ -3 +3 @@\n-one\n+1\n--- a/s\n+++ b/s\n@@ -3,2 +3,2 @@\n 1\n-two\n+2\n"
    )
    done = apply_patch(files(s=SCRIPT), patch(text), "i")
    assert texts(done) == {"s": SCRIPT.replace("one", "1").replace("two", "2")}
    source = "overlays/n/i/patches/fix.patch"
    assert done.origins["s"].rows == (0, 1, Origin(source, 5), Origin(source, 11), 4, 5, 6)


def test_every_kind_of_change_as_git_writes_it(tmp_path):
    git(tmp_path, "init", "-q")
    body = "".join(f"line {number}\n" for number in range(40))
    for name in ("edit", "gone", "old name", "exec", "copied", "crlf", "naïve", "sub/dir/file"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body.replace("\n", "\r\n" if name == "crlf" else "\n").encode())
    (tmp_path / "empty").write_bytes(b"")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    before = state(tmp_path)
    (tmp_path / "edit").write_text(
        body.replace("line 3\n", "line three\n").replace("line 30\n", "")
    )
    (tmp_path / "gone").unlink()
    (tmp_path / "empty").unlink()
    (tmp_path / "old name").rename(tmp_path / "new name")
    (tmp_path / "new name").write_text(body.replace("line 7\n", "seven\n"))
    (tmp_path / "exec").chmod(0o755)
    (tmp_path / "copy").write_text(body + "more\n")
    (tmp_path / "copied").write_text("first\n" + body)
    (tmp_path / "crlf").write_bytes(body.replace("\n", "\r\n").replace("line 9", "nine").encode())
    (tmp_path / "naïve").write_text(body + "last")
    (tmp_path / "sub/dir/file").write_text("")
    (tmp_path / "new").write_text("#!/bin/sh\n--- not a header\n")
    (tmp_path / "new").chmod(0o755)
    (tmp_path / "void").write_text("")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "two\n\n--- a word\n@@ -1 +1 @@\n")
    after = state(tmp_path)
    for words in (
        ("diff", "HEAD~1", "HEAD"),
        ("diff", "-M", "-C", "--find-copies-harder", "HEAD~1", "HEAD"),
        ("diff", "--no-prefix", "HEAD~1", "HEAD"),
        ("diff", "-U1", "HEAD~1", "HEAD"),
        ("format-patch", "--stdout", "-M", "HEAD~1"),
    ):
        text = git(tmp_path, "-c", "diff.mnemonicPrefix=true", *words)
        assert as_state(apply_patch(as_files(before), patch(text), "i")) == after, words


def test_a_series_of_mails_builds_on_itself(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text(SCRIPT)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    (tmp_path / "a").write_text(SCRIPT.replace("one", "1"))
    git(tmp_path, "commit", "-qam", "two")
    git(tmp_path, "mv", "a", "b")
    (tmp_path / "b").write_text(SCRIPT.replace("one", "1").replace("five", "5"))
    git(tmp_path, "commit", "-qam", "three")
    text = git(tmp_path, "format-patch", "-M", "--stdout", "HEAD~2")
    done = apply_patch(files(a=SCRIPT), patch(text), "i")
    assert as_state(done) == state(tmp_path)
    assert (done.origins["b"].old, done.origins["b"].rows[:2]) == ("a", (0, 1))


def test_what_git_diffs_is_what_comes_back(tmp_path):
    chance = random.Random(7)
    git(tmp_path, "init", "-q")
    for round_ in range(12):
        words = [chance.choice(["a", "b", "", "{", "}", "x y"]) for _ in range(60)]
        (tmp_path / f"f{round_}").write_text("\n".join(words))
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    before = state(tmp_path)
    for round_ in range(12):
        rows = (tmp_path / f"f{round_}").read_text().split("\n")
        for _ in range(chance.randrange(1, 8)):
            at = chance.randrange(len(rows))
            rows[at : at + chance.randrange(3)] = chance.choice([[], ["new"], ["a", ""], ["{"]])
        (tmp_path / f"f{round_}").write_text("\n".join(rows))
    text = git(tmp_path, "diff")
    assert as_state(apply_patch(as_files(before), patch(text), "i")) == state(tmp_path)
