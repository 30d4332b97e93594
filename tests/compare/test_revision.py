"""An earlier state of the catalogue, by what a user may call it."""

import os
import shutil
import signal
import tempfile

import pytest
from testing.dist_git import GIT, git
from testing.sites import save, site

from distgen.catalogue.speculation import Speculation
from distgen.cli.session import Session
from distgen.cli.since import SinceOptions, compare_since
from distgen.compare.comparison import pair_trees, select_keys
from distgen.compare.revision import read_revision
from distgen.errors import InputError


@pytest.fixture
def root(catalogue):
    return site(catalogue, "base", "app")


def compare(root, name, folder=None):
    session = Session(root, 0, None, dict(os.environ))
    return compare_since(
        session, SinceOptions(name, folder), Speculation(session.catalogue()), session.lock()
    )


def changes(root, name, folder=None):
    """Return the images that differ, in order, and what of them there was and is."""
    comparison = compare(root, name, folder)
    return [
        (pair.key, pair.before is not None, pair.now is not None)
        for pair in pair_trees(comparison, select_keys(comparison, ()))
        if pair.differs
    ]


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def change_app(root):
    write(root, "overlays/ns/app.yaml", "template: app\nfrom: ns/base\nvalues: {line: more}\n")


APP, BASE = ("ns/app@main", True, True), ("ns/base@main", True, True)
EVERYTHING = [("ns/base@main", False, True), ("ns/app@main", False, True)]


def test_the_same_state_differs_in_nothing(root):
    assert changes(root, "HEAD") == []


def test_head_is_what_was_committed(root):
    change_app(root)
    assert changes(root, "HEAD") == [APP]


def test_a_commit_may_be_called_by_every_name_that_git_takes(root):
    commit = git("rev-parse", "HEAD", folder=root).strip()
    git("tag", "-a", "-m", "One", "v1", folder=root)
    git("branch", "old", folder=root)
    change_app(root)
    save(root)
    for name in (commit, commit[:10], "v1", "old", "refs/tags/v1", "HEAD~1", "main^", ":/Change"):
        assert changes(root, name) == ([] if name == ":/Change" else [APP]), name


def test_three_dots_leave_out_what_the_other_branch_did_since(root):
    git("checkout", "-q", "-b", "topic", folder=root)
    change_app(root)
    save(root)
    git("checkout", "-q", "main", folder=root)
    write(root, "templates/app/Dockerfile.j2", "FROM {{ base.reference }}\nUSER 1\n")
    save(root)
    git("checkout", "-q", "topic", folder=root)
    assert changes(root, "main") == [BASE, APP]
    assert changes(root, "main...") == [APP]


def test_of_the_empty_catalogue_everything_is_new_even_outside_git(root):
    shutil.rmtree(root / ".git")
    assert changes(root, "@{root}") == EVERYTHING


def test_before_the_catalogue_existed_there_was_nothing(root):
    git("checkout", "-q", "--orphan", "new", folder=root)
    git("rm", "-q", "--cached", "-r", ".", folder=root)
    git("commit", "-q", "--allow-empty", "-m", "Empty", folder=root)
    empty = git("rev-parse", "HEAD", folder=root).strip()
    save(root)
    assert changes(root, empty) == EVERYTHING


def test_an_image_that_is_gone_was_there(root):
    (root / "overlays/ns/app.yaml").unlink()
    assert changes(root, "HEAD") == [("ns/app@main", True, False)]


def test_the_lock_of_then_counts(root):
    digest = f"sha256:{'1' * 64}"
    write(
        root,
        "distgen.lock",
        f"version: 1\nbases:\n  docker.io/library/debian:12: {{digest: '{digest}'}}\n",
    )
    assert changes(root, "HEAD") == [BASE]


def test_images_are_chosen_in_both_states(root):
    (root / "overlays/ns/app.yaml").unlink()
    comparison = compare(root, "HEAD")
    assert select_keys(comparison, ("ns/app",)) == {"ns/app@main"}
    assert select_keys(comparison, ("ns/*",)) == {"ns/app@main", "ns/base@main"}
    with pytest.raises(InputError, match="no image matches `ns/none`"):
        select_keys(comparison, ("ns/none",))


# --- bad input -----------------------------------------------------------------------------------


def refusal(root, name, folder=None):
    with pytest.raises(InputError) as caught:
        changes(root, name, folder)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["mian", "", "-h", "--all", "HEAD:overlays", "0" * 40, "@{nothing}"]
)
def test_a_revision_that_is_not_there(root, name):
    assert f"--since: there is no commit `{name}`; " in refusal(root, name)


def test_the_nearest_branch_is_named(root):
    assert refusal(root, "mian").endswith("did you mean `main`?")


def test_a_branch_that_only_the_remote_has_is_named(root, tmp_path):
    git("branch", "topic", folder=root)
    git("clone", "-q", str(root), str(tmp_path / "clone"))
    assert refusal(tmp_path / "clone", "topic").endswith("did you mean `origin/topic`?")


@pytest.mark.parametrize("name", ["main..HEAD", "main...HEAD", "main..", "..."])
def test_a_range_is_no_revision(root, name):
    if name == "...":  # git: HEAD...HEAD
        assert changes(root, name) == []
    else:
        assert f"--since: `{name}` is not one revision; write REV..." in refusal(root, name)


def test_a_shallow_clone_lacks_old_commits(root, tmp_path):
    old = save(root)
    change_app(root)
    save(root)
    git("checkout", "-q", "--orphan", "other", folder=root)
    save(root)
    git("clone", "-q", "--depth=1", "--no-single-branch", f"file://{root}", str(tmp_path / "clone"))
    fetch = "fetch it: the clone is shallow (`git fetch --unshallow`)"
    expected = f"--since: there is no commit `{old}`; {fetch}"
    assert refusal(tmp_path / "clone", old) == expected
    expected = f"--since: `origin/main` and HEAD have no common commit; {fetch}"
    assert refusal(tmp_path / "clone", "origin/main...") == expected


def test_a_catalogue_outside_git_has_no_earlier_states(root):
    shutil.rmtree(root / ".git")
    assert "is not in a git repository" in refusal(root, "HEAD")


def test_a_repository_without_commits(root):
    shutil.rmtree(root / ".git")
    git("init", "-q", folder=root)
    expected = "--since: the repository has no commit yet; name @{root}, the empty catalogue"
    assert refusal(root, "HEAD") == expected


MISTAKES = [
    ("overlays/ns/app.yaml", "template: app\nform: ns/base\n", "HEAD:overlays/ns/app.yaml:2:1: "),
    ("templates/app/Dockerfile.j2", "\n{{ none_such }}\n", "HEAD:templates/app/Dockerfile.j2:2: "),
    ("distgen.lock", "version: 1\nbases: 1\n", "HEAD:distgen.lock:2:1: "),
    ("overlays/ns/none/file", "", "HEAD:overlays/ns/none: "),
    ("distgen.yaml", "version: 2\n", "HEAD:distgen.yaml:1:"),
]


@pytest.mark.parametrize(("path", "text", "place"), MISTAKES)
def test_an_old_catalogue_that_no_longer_loads(root, path, text, place):
    earlier_text = (root / path).read_text() if (root / path).exists() else None
    write(root, path, text)
    save(root)
    (root / path).unlink()
    if earlier_text is not None:
        write(root, path, earlier_text)
    elif path.endswith("file"):
        (root / path).parent.rmdir()
    message = refusal(root, "HEAD")
    assert message.startswith(place)
    assert message.endswith(
        "; this distgen cannot read the catalogue of then; name another revision"
    )
    assert tempfile.gettempdir() not in message


# --- folders -------------------------------------------------------------------------------------


@pytest.fixture
def moved(root):
    """Return a catalogue whose folder had another name at HEAD."""
    for name in ("distgen.yaml", "templates", "overlays"):
        (root / "old").mkdir(exist_ok=True)
        (root / name).rename(root / "old" / name)
    save(root)
    (root / "old").rename(root / "images")
    change_app(root / "images")
    return root / "images"


def test_a_folder_that_moved_is_named_and_found(moved):
    expected = "--since: HEAD has the catalogue in another folder; name it: --since-path old"
    assert refusal(moved, "HEAD") == expected
    assert changes(moved, "HEAD", "old") == changes(moved, "HEAD", "./old/") == [APP]
    assert changes(moved, "HEAD~1", ".") == [APP]


def test_a_folder_that_is_not_there(moved):
    expected = "--since-path: HEAD has no distgen.yaml in `odl`; did you mean `old`?"
    assert refusal(moved, "HEAD", "odl") == expected


@pytest.mark.parametrize("folder", ["/", "/old", "../old", "old/../.."])
def test_a_folder_outside_the_repository(moved, folder):
    assert refusal(moved, "HEAD", folder).startswith(
        f"--since-path: `{folder}` is not a path below"
    )


def test_another_catalogue_that_stays_is_not_this_one(root):
    """A second catalogue of the same repository was not there before: all of it is new."""
    for name in ("distgen.yaml", "templates", "overlays"):
        source, target = root / name, root / "second" / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    assert changes(root / "second", "HEAD") == EVERYTHING


def test_a_mistake_in_a_folder_is_named_as_git_names_it(moved):
    write(moved.parent, "images/overlays/ns/bad.yaml", "template: none\n")
    save(moved.parent)
    (moved / "overlays/ns/bad.yaml").unlink()
    assert refusal(moved, "HEAD").startswith("HEAD:images/overlays/ns/bad.yaml:1:")


# --- what it leaves ------------------------------------------------------------------------------


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_nothing_stays_behind_after_success_and_error(root, scratch):
    changes(root, "HEAD")
    refusal(root, "mian")
    write(root, "overlays/ns/bad.yaml", "template: none\n")
    save(root)
    (root / "overlays/ns/bad.yaml").unlink()
    refusal(root, "HEAD")
    assert list(scratch.iterdir()) == []
    assert git("worktree", "list", folder=root).count("\n") == 1
    assert git("status", "--porcelain", "--ignored", folder=root) == " D overlays/ns/bad.yaml\n"


def test_the_next_run_removes_what_a_killed_one_left(root, scratch):
    """While the files of the old state are there, the process that reads them is killed."""
    child = os.fork()
    if child == 0:
        read_revision(GIT, root, "HEAD", lambda place: os.kill(os.getpid(), signal.SIGKILL))
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert list(scratch.glob("*/tree/distgen.yaml"))
    assert changes(root, "HEAD") == []
    assert list(scratch.iterdir()) == []
