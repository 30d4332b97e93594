"""`distgen init` makes a git repository of the catalogue where it is told to, or on a terminal."""

import os
import pty
import select
import signal
import subprocess

import pytest
from testing.dist_git import git
from testing.sites import COMMAND, distgen

LOG = ("log", "--format=%an <%ae>|%cn <%ce>|%D|%s")


def init(folder, *words, **environment):
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    process = subprocess.run(
        [*COMMAND, "init", "--minimal", *words, str(folder)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environment},
        check=False,
    )
    assert "Traceback" not in process.stderr
    return process


def answer(folder, text):
    """Run `distgen init` on a terminal and type an answer, or interrupt it."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "init", "--minimal", str(folder)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={"PATH": os.environ["PATH"], "HOME": str(folder.parent)},
    )
    os.close(follower)
    output = b""
    is_answered = False
    while True:
        if not select.select([leader], [], [], 1)[0] and is_answered and not text:
            # The first ^C may come between the question and the reading of an answer; a person
            # presses the keys again.
            process.send_signal(signal.SIGINT)
            continue
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        output += chunk
        if not is_answered and b"first commit?" in output:
            if text:
                os.write(leader, text)
            else:
                process.send_signal(signal.SIGINT)
            is_answered = True
    os.close(leader)
    return process.wait(20), output.decode(), is_answered


def test_a_repository_with_a_first_commit(tmp_path):
    folder = tmp_path / "catalogue"
    process = init(folder, "--git")
    commit = git("rev-parse", "HEAD", folder=folder).strip()
    assert (process.returncode, process.stderr.splitlines()) == (0, [
        f"made a catalogue in {folder}",
        f"made a git repository of it; its first commit is {commit[:12]}",
        f"next: distgen -C {folder} list; distgen -C {folder} publish",
    ])  # fmt: skip
    user = "distgen <distgen@localhost>"
    assert git(*LOG, folder=folder) == f"{user}|{user}|HEAD -> main|Begin a catalogue of images\n"
    assert git("status", "--porcelain", "--ignored", folder=folder) == ""
    assert git("fsck", "--strict", "--full", folder=folder) == ""
    assert git("diff", "HEAD", folder=folder) == ""
    git("add", "-A", folder=folder)
    assert git("write-tree", folder=folder) == git("rev-parse", "HEAD^{tree}", folder=folder)
    assert "100755" in git("ls-files", "-s", "templates/hello/start.sh.j2", folder=folder)


def test_what_is_published_from_it_is_proved(tmp_path):
    """The first publication outside git can never be verified."""
    folder = tmp_path / "catalogue"
    assert init(folder, "--git").returncode == 0
    assert distgen(folder, "publish").code == 0
    result = distgen(folder, "verify")
    assert (result.code, result.out.split()[0]) == (0, "reproduced")


@pytest.mark.parametrize("words", [[], ["--no-git"]], ids=["not asked", "refused"])
def test_without_a_terminal_there_is_no_repository_and_no_git(tmp_path, words):
    (tmp_path / "git").write_text(f"#!/bin/sh\necho >>{tmp_path}/ran\n")
    (tmp_path / "git").chmod(0o755)
    process = init(tmp_path / "new", *words, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert process.returncode == 0
    assert (tmp_path / "new/distgen.yaml").is_file()
    assert not (tmp_path / "new/.git").exists()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("text", "is_made"), [(b"\n", True), (b"y\n", True), (b"n\n", False)])
def test_a_terminal_is_asked(tmp_path, text, is_made):
    code, output, is_asked = answer(tmp_path / "catalogue", text)
    assert (code, is_asked) == (0, True), output
    assert (tmp_path / "catalogue/.git").exists() == is_made
    assert (tmp_path / "catalogue/distgen.yaml").exists()


def test_an_interrupted_question_leaves_nothing(tmp_path):
    code, output, is_asked = answer(tmp_path / "catalogue", b"")
    assert (code, is_asked) == (130, True), output
    assert not (tmp_path / "catalogue").exists()


def test_inside_of_a_repository_there_is_another_one_on_request_only(tmp_path):
    git("init", "-q", str(tmp_path))
    code, output, is_asked = answer(tmp_path / "a", b"y\n")
    assert (code, is_asked, (tmp_path / "a/.git").exists()) == (0, False, False), output
    assert init(tmp_path / "b", "--git").returncode == 0
    top = git("rev-parse", "--show-toplevel", folder=tmp_path / "b")
    assert top == f"{tmp_path}/b\n"


def test_the_user_of_git_is_the_author(tmp_path):
    """Their hooks, templates and encodings change nothing."""
    home = tmp_path / "home"
    (home / "template/hooks").mkdir(parents=True)
    for name in ("pre-commit", "post-commit", "commit-msg", "reference-transaction"):
        (home / "template/hooks" / name).write_text(f"#!/bin/sh\necho >>{tmp_path}/ran\nexit 1\n")
        (home / "template/hooks" / name).chmod(0o755)
    (home / ".gitconfig").write_text(
        "[user]\nname = Zoë <z>\nemail = zoe@example.org\n[init]\ndefaultBranch = trunk\n"
        f"templateDir = {home}/template\n[core]\nhooksPath = {home}/template/hooks\n"
        "autocrlf = true\n[i18n]\ncommitEncoding = klingon\n[commit]\ngpgSign = true\n"
    )
    folder = tmp_path / "catalogue"
    process = init(folder, "--git", GIT_DIR=str(tmp_path / "other"), GIT_AUTHOR_NAME="Eve",
                   GIT_INDEX_FILE=str(tmp_path / "index"))  # fmt: skip
    assert process.returncode == 0, process.stderr
    user = "Zoë z <zoe@example.org>"
    assert git(*LOG, folder=folder) == f"{user}|{user}|HEAD -> trunk|Begin a catalogue of images\n"
    assert "encoding" not in git("cat-file", "commit", "HEAD", folder=folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalogue", "home"]


def test_the_first_commit_of_an_epoch_is_always_the_same(tmp_path):
    commits = set()
    for name, zone in (("a", "Asia/Tokyo"), ("b", "UTC")):
        init(tmp_path / name, "--git", SOURCE_DATE_EPOCH="1700000000", TZ=zone)
        commits.add(git("rev-parse", "HEAD", folder=tmp_path / name))
    assert len(commits) == 1


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [("[init]\ndefaultBranch = a b\n", "git cannot make a repository: fatal: invalid initial")],
)
def test_a_repository_that_cannot_be_made_is_a_sentence(tmp_path, setting, sentence):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.gitconfig").write_text(setting)
    process = init(tmp_path / "catalogue", "--git")
    assert process.returncode == 1
    assert f"{tmp_path}/catalogue: {sentence}" in process.stderr


def test_without_git_nothing_is_begun(tmp_path):
    process = init(tmp_path / "catalogue", "--git", PATH=str(tmp_path))
    assert (process.returncode, process.stderr) == (
        1,
        "distgen: git is not on PATH; install git\n",
    )
    assert not (tmp_path / "catalogue").exists()
