"""What happened to the manifest of a branch, and to its history, is said; no edit is lost by it."""

from dataclasses import replace

import pytest
from testing.dist_git import OPTIONS, commits, content, git, listing, run_publish
from testing.images import image, tree

from distgen.publish.target import branch_target

MASTER, OLD = image("ns/app"), image("ns/app@2024.1")
FILES = {"Dockerfile": "FROM a\nRUN one\n", "etc/app.conf": "x = 1\n"}


@pytest.fixture
def where(tmp_path):
    """A repository with two streams, published once."""
    publish(tmp_path, MASTER, OLD)
    return tmp_path / "dist-git/ns/app.git"


@pytest.fixture
def clone(where, tmp_path):
    git("clone", "-q", str(where), str(tmp_path / "clone"))
    return tmp_path / "clone"


def publish(tmp_path, *images, on_edit="refuse", **changes):
    files = {**FILES, **changes}
    trees = {each.key: tree(each, files) for each in images}
    return run_publish(tmp_path, images, trees, replace(OPTIONS, on_edit=on_edit))


def push(clone, *words):
    git("push", "-q", *words, "origin", "HEAD", folder=clone)
    return git("rev-parse", "HEAD", folder=clone).strip()


def commit(clone, message="Edit"):
    git("add", "-A", folder=clone)
    git("commit", "-q", "-m", message, folder=clone)
    return push(clone)


def test_the_merge_that_brought_the_manifest_of_another_stream_is_named(tmp_path, where, clone):
    """`belongs to ns/app@2024.1` alone did not say since when, nor who to ask."""
    (clone / "NOTES").write_text("mine\n")
    commit(clone)
    merge = ("merge", "-q", "--no-ff", "-X", "theirs", "--allow-unrelated-histories")
    git(*merge, "-m", "Merge old", f"origin/{OLD.stream.branch}", folder=clone)
    merged = push(clone)
    (clone / "NOTES").write_text("more\n")
    commit(clone)
    (result,) = publish(tmp_path, MASTER, Dockerfile="FROM b\n")
    assert result.status == "refused"
    assert result.detail.startswith(
        f"branch master belongs to ns/app@2024.1 since commit {merged[:12]}; "
    )


def test_a_manifest_that_was_deleted_is_no_loss_of_what_it_said(tmp_path, where, clone):
    """Every file was taken for one of somebody else's, and the branch was refused for ever."""
    (clone / ".distgen.json").unlink()
    deleted = commit(clone)
    (clone / "NOTES").write_text("mine\n")
    commit(clone)
    (result,) = publish(tmp_path, MASTER, Dockerfile="FROM b\nRUN one\n")
    sentence = f".distgen.json restored, which commit {deleted[:12]} deleted"
    assert (result.status, result.detail) == ("updated", sentence)
    assert sentence in git("log", "-1", "--format=%b", "master", folder=where).splitlines()
    assert content(where, "Dockerfile") == "FROM b\nRUN one\n"
    assert {".distgen.json", "NOTES"} <= {*listing(where)}
    assert publish(tmp_path, MASTER, Dockerfile="FROM b\nRUN one\n")[0].status == "unchanged"


def test_edits_beside_a_deleted_manifest_are_still_edits(tmp_path, where, clone):
    (clone / ".distgen.json").unlink()
    (clone / "Dockerfile").write_text("FROM a\nRUN one\nUSER me\n")
    (clone / "etc/app.conf").unlink()
    tip = commit(clone)
    (result,) = publish(tmp_path, MASTER, Dockerfile="FROM b\nRUN one\n")
    assert (result.status, commits(where)[0]) == ("refused", tip)
    assert [(edit.path, edit.kind) for edit in result.edits] == [
        ("Dockerfile", "modified"),
        ("etc/app.conf", "deleted"),
    ]
    assert "+USER me\n" in result.edits[0].diff
    assert "FROM b" not in result.edits[0].diff
    (result,) = publish(tmp_path, MASTER, Dockerfile="FROM a\nRUN zero\nRUN one\n", on_edit="merge")
    assert result.status == "updated"
    assert content(where, "Dockerfile") == "FROM a\nRUN zero\nRUN one\nUSER me\n"
    assert "etc/app.conf" not in listing(where)


def test_a_branch_that_was_handed_over_begins_anew(tmp_path, where, clone):
    """Files that went with the manifest of another image are no deleted files of this one."""
    git("rm", "-q", "-r", ".", folder=clone)
    commit(clone)
    (result,) = publish(tmp_path, image("ns/new", url=MASTER.url))
    assert (result.status, result.edits, result.detail) == ("updated", (), "")


def test_a_retired_image_that_comes_back_is_written_whole(tmp_path, where):
    orphan = branch_target(MASTER)
    (result,) = run_publish(tmp_path, [], {}, orphans=(orphan,))
    assert result.status == "retired"
    (result,) = publish(tmp_path, MASTER)
    assert (result.status, result.edits, result.detail) == ("updated", (), "")
    assert {*FILES} <= {*listing(where)}


@pytest.mark.parametrize("on_edit", ["refuse", "merge"])
def test_a_history_without_what_was_generated_is_called_rewritten(tmp_path, where, clone, on_edit):
    (clone / "Dockerfile").write_text("FROM a\nRUN mine\n")
    commit(clone)
    root = git("commit-tree", "-m", "All in one", "HEAD^{tree}", folder=clone).strip()
    git("reset", "-q", "--hard", root, folder=clone)
    push(clone, "--force")
    (result,) = publish(tmp_path, MASTER, Dockerfile="FROM a\nRUN new\n", on_edit=on_edit)
    assert result.status == "refused"
    assert (
        "; the branch's history was rewritten: no commit has the file as distgen last wrote it;"
        in result.detail
    )


def test_an_ordinary_edit_is_not_called_so(tmp_path, where, clone):
    (clone / "Dockerfile").write_text("FROM a\nRUN mine\n")
    commit(clone)
    (result,) = publish(tmp_path, MASTER, Dockerfile="FROM a\nRUN new\n")
    assert (result.status, "rewritten" in result.detail) == ("refused", False)


def test_a_history_that_is_rewritten_during_a_run_is_said(tmp_path, where, clone):
    """The push came too late, and the new plan went on as if nothing had happened."""
    old = git("rev-parse", "HEAD", folder=clone).strip()
    pushes = []

    def observe(step, about):
        if step == "pushing" and not pushes:
            pushes.append(step)
            git("commit", "-q", "--amend", "-m", "Rewritten", folder=clone)
            push(clone, "--force")

    new = {MASTER.key: tree(MASTER, {**FILES, "Dockerfile": "FROM b\n"})}
    (result,) = run_publish(tmp_path, [MASTER], new, replace(OPTIONS, observe=observe))
    note = f"the history of master was rewritten meanwhile, without {old[:12]}"
    assert (result.status, result.detail) == ("updated", note)
