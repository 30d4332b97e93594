"""Downstream edits in the histories that real work leaves: none is lost, whatever its shape."""

import subprocess
from dataclasses import replace

import pytest
from testing.dist_git import OPTIONS, commits, content, edit, git, listing, run_publish
from testing.images import image, tree

from distgen.publish.target import branch_target

APP = image("ns/app")
STEPS = [f"RUN step {number}" for number in range(6)]
START = "#!/bin/sh\nexec app\n"


def dockerfile(base, *lines):
    return "\n".join((base, *STEPS, *lines, ""))


def contents(base="FROM a", **more):
    return {"Dockerfile": dockerfile(base), "bin/start": START, "etc/app.conf": "x = 1\n", **more}


def publish(tmp_path, base="FROM a", on_edit="refuse", **more):
    trees_by_key = {APP.key: tree(APP, contents(base, **more))}
    (result,) = run_publish(tmp_path, [APP], trees_by_key, replace(OPTIONS, on_edit=on_edit))
    return result


@pytest.fixture
def where(tmp_path):
    """A repository that was published once."""
    publish(tmp_path)
    return tmp_path / "dist-git/ns/app.git"


@pytest.fixture
def clone(where, tmp_path):
    """A person's clone of it."""
    folder = tmp_path / "theirs"
    git("clone", "-q", str(where), str(folder))
    return folder


def write(clone, line="USER me"):
    (clone / "Dockerfile").write_text(dockerfile("FROM a", line))


def commit(clone, message="Edit"):
    git("add", "-A", folder=clone)
    git("commit", "-q", "-m", message, folder=clone)


def push(clone, *words):
    git("push", "-q", *words, "origin", "HEAD:master", folder=clone)
    return git("rev-parse", "HEAD", folder=clone).strip()


# --- how an edit got there -----------------------------------------------------------------------


def as_commits(clone):
    for line in ("USER one", "USER two", "USER me"):
        write(clone, line)
        commit(clone)
    return push(clone)


def as_merge(clone):
    git("checkout", "-q", "-b", "topic", folder=clone)
    write(clone)
    commit(clone)
    git("checkout", "-q", "master", folder=clone)
    (clone / "NOTES").write_text("mine")
    commit(clone)
    git("merge", "-q", "--no-ff", "-m", "Merge topic", "topic", folder=clone)
    return push(clone)


def as_squash(clone):
    git("checkout", "-q", "-b", "topic", folder=clone)
    for line in ("USER one", "USER me"):
        write(clone, line)
        commit(clone)
    git("checkout", "-q", "master", folder=clone)
    git("merge", "-q", "--squash", "topic", folder=clone)
    commit(clone, "Squashed")
    return push(clone)


def as_amendment(clone):
    """Our own commit is amended, so that it carries the edit and our trailers."""
    write(clone)
    git("add", "-A", folder=clone)
    git("commit", "-q", "--amend", "--no-edit", folder=clone)
    return push(clone, "--force")


def as_rebase_without_trailers(clone):
    write(clone)
    commit(clone)
    root = git("commit-tree", "-m", "Import", "HEAD~^{tree}", folder=clone).strip()
    edited = git("commit-tree", "-p", root, "-m", "Edit", "HEAD^{tree}", folder=clone).strip()
    git("reset", "-q", "--hard", edited, folder=clone)
    return push(clone, "--force")


def as_one_new_root(clone):
    write(clone)
    commit(clone)
    root = git("commit-tree", "-m", "All in one", "HEAD^{tree}", folder=clone).strip()
    git("reset", "-q", "--hard", root, folder=clone)
    return push(clone, "--force")


WAYS = (as_commits, as_merge, as_squash, as_amendment, as_rebase_without_trailers)


@pytest.mark.parametrize("way", [*WAYS, as_one_new_root], ids=lambda way: way.__name__)
def test_an_edit_is_refused_however_it_got_there(tmp_path, where, clone, way):
    theirs = way(clone)
    result = publish(tmp_path, "FROM b")
    assert (result.status, result.commit) == ("refused", theirs)
    assert result.detail.startswith("Dockerfile was edited downstream")
    assert "+USER me\n" in result.edits[0].diff
    assert commits(where)[0] == theirs


@pytest.mark.parametrize("way", WAYS[:4], ids=lambda way: way.__name__)
def test_an_edit_is_merged_however_it_got_there(tmp_path, where, clone, way):
    theirs = way(clone)
    if way is as_amendment:  # what was generated is in no commit any more
        assert publish(tmp_path, "FROM b", "merge").status == "refused"
        return
    result = publish(tmp_path, "FROM b", "merge")
    assert (result.status, result.parent) == ("updated", theirs)
    assert content(where, "Dockerfile") == dockerfile("FROM b", "USER me")
    assert publish(tmp_path, "FROM b", "merge").status == "unchanged"
    assert publish(tmp_path, "FROM c", "merge").status == "updated"
    assert content(where, "Dockerfile") == dockerfile("FROM c", "USER me")
    assert git("fsck", "--strict", "--full", folder=where) == ""


def test_a_merge_that_collides_commits_no_marker(tmp_path, where, clone):
    (clone / "Dockerfile").write_text(dockerfile("FROM mine"))
    commit(clone)
    theirs = push(clone)
    result = publish(tmp_path, "FROM b", "merge")
    assert (result.status, result.commit) == ("refused", theirs)
    assert result.detail.startswith("Dockerfile was edited downstream and cannot be merged")
    assert "<<<<" not in git("log", "-p", "--all", folder=where)


def test_an_edit_beside_one_that_the_catalogue_took_is_merged(tmp_path, where, clone):
    """Git sees a conflict in changes of neighbouring lines, even where one side has them all."""
    lines = {"line": "a = 1\nb = 1\n"}
    publish(tmp_path, **lines)
    git("pull", "-q", folder=clone)
    (clone / "line").write_text("a = 2\nb = 1\n")
    commit(clone)
    (clone / "line").write_text("a = 2\nb = 2\n")
    commit(clone)
    theirs = push(clone)
    changed_line = {"line": "a = 2\nb = 1\n"}
    refused = publish(tmp_path, **changed_line)
    assert refused.edits[0].diff.endswith("@@ -1,2 +1,2 @@\n a = 2\n-b = 1\n+b = 2\n")
    result = publish(tmp_path, on_edit="merge", **changed_line)
    assert (result.status, result.parent) == ("updated", theirs)
    assert content(where, "line") == "a = 2\nb = 2\n"
    assert publish(tmp_path, on_edit="merge", **changed_line).status == "unchanged"
    assert publish(tmp_path, on_edit="merge", **lines).status == "refused"


def test_an_edit_that_was_taken_back_is_none(tmp_path, where, clone):
    write(clone)
    commit(clone)
    git("revert", "--no-edit", "HEAD", folder=clone)
    theirs = push(clone)
    result = publish(tmp_path, "FROM b")
    assert (result.status, result.parent) == ("updated", theirs)


def test_an_edit_that_the_catalogue_caught_up_with_is_none(tmp_path, where, clone):
    (clone / "Dockerfile").write_text(dockerfile("FROM b"))
    commit(clone)
    push(clone)
    assert publish(tmp_path, "FROM b").status == "updated"  # the manifest follows
    assert publish(tmp_path, "FROM b").status == "unchanged"
    assert publish(tmp_path, "FROM c").status == "updated"


# --- what an edit is -----------------------------------------------------------------------------


def delete(clone):
    git("rm", "-q", "bin/start", folder=clone)


def delete_folder(clone):
    git("rm", "-q", "-r", "bin", folder=clone)


def rename(clone):
    git("mv", "bin/start", "bin/run", folder=clone)


def make_plain(clone):
    (clone / "bin/start").chmod(0o644)


def make_link(clone):
    (clone / "bin/start").unlink()
    (clone / "bin/start").symlink_to("/bin/sh")


def link_folder(clone):
    git("rm", "-q", "-r", "bin", folder=clone)
    (clone / "bin").symlink_to("/bin")


def make_folder(clone):
    (clone / "bin/start").unlink()
    (clone / "bin/start").mkdir()
    (clone / "bin/start/mine").write_text("x")


def make_submodule(clone):
    git("rm", "-q", "bin/start", folder=clone)
    word = f"160000,{'1' * 40},bin/start"
    git("update-index", "--add", "--cacheinfo", word, folder=clone)


def end_lines_otherwise(clone):
    (clone / "bin/start").write_bytes(START.replace("\n", "\r\n").encode())


KINDS = {
    delete: "bin/start was deleted downstream",
    delete_folder: "bin/start was deleted downstream",
    rename: "bin/start was deleted downstream",
    make_plain: "the mode of bin/start was changed downstream",
    make_link: "bin/start became a link to /bin/sh",
    link_folder: "bin/start was deleted downstream",
    make_folder: "bin/start was deleted downstream",
    make_submodule: "bin/start was edited downstream",
    end_lines_otherwise: "the line endings of bin/start were changed downstream",
}


@pytest.mark.parametrize("change", KINDS, ids=lambda change: change.__name__)
def test_each_kind_of_edit_is_refused_kept_and_overwritten(tmp_path, where, clone, change):
    change(clone)
    if change is not make_submodule:
        git("add", "-A", folder=clone)
    git("commit", "-q", "-m", "Edit", folder=clone)
    theirs = push(clone)
    shape = git("ls-tree", "-r", "HEAD", "bin", folder=clone)
    new = {"bin/start": START.replace("app", "app --fast")}
    result = publish(tmp_path, "FROM b", **new)
    assert (result.status, result.commit) == ("refused", theirs)
    assert result.detail.startswith(KINDS[change])

    assert publish(tmp_path, "FROM b", "keep", **new).status == "updated"
    assert content(where, "Dockerfile") == dockerfile("FROM b")
    assert git("ls-tree", "-r", "master", "bin", folder=where) == shape
    assert publish(tmp_path, "FROM b", "keep", **new).status == "unchanged"
    again = publish(tmp_path, "FROM b", **new)  # it is still known as an edit
    assert (again.status, again.detail.split(":")[0]) == ("unchanged", "downstream edits kept")

    result = publish(tmp_path, "FROM b", "overwrite", **new)
    if change in (link_folder, make_folder):  # somebody's own file would have to go
        assert (result.status, "share a name" in result.detail) == ("refused", True)
        return
    assert result.status == "updated"
    assert content(where, "bin/start") == new["bin/start"]
    assert git("ls-tree", "master", "bin/start", folder=where).startswith("100755")
    assert git("merge-base", "--is-ancestor", theirs, "master", folder=where) == ""


@pytest.mark.parametrize("change", [delete, make_plain, end_lines_otherwise])
def test_a_merge_keeps_what_the_catalogue_left_alone(tmp_path, where, clone, change):
    change(clone)
    commit(clone)
    push(clone)
    shape = git("ls-tree", "-r", "HEAD", "bin", folder=clone)
    assert publish(tmp_path, "FROM b", "merge").status == "updated"
    assert git("ls-tree", "-r", "master", "bin", folder=where) == shape


def test_a_changed_mode_and_a_changed_text_are_merged(tmp_path, where, clone):
    make_plain(clone)
    commit(clone)
    push(clone)
    new = START.replace("app", "app --fast")
    assert publish(tmp_path, "FROM a", "merge", **{"bin/start": new}).status == "updated"
    assert content(where, "bin/start") == new
    assert git("ls-tree", "master", "bin/start", folder=where).startswith("100644")


def test_a_changed_mode_that_was_kept_is_merged_with_the_text_it_missed(tmp_path, where, clone):
    """The old text was taken for the packager's, so the catalogue's change never arrived."""
    make_plain(clone)
    commit(clone)
    push(clone)
    new = {"bin/start": START.replace("app", "app --fast")}
    assert publish(tmp_path, "FROM a", "keep", **new).status == "updated"
    kept = publish(tmp_path, "FROM a", **new)
    assert (kept.status, kept.detail) == ("unchanged", "downstream edits kept: bin/start")
    assert publish(tmp_path, "FROM a", "merge", **new).status == "updated"
    assert content(where, "bin/start") == new["bin/start"]
    assert git("ls-tree", "master", "bin/start", folder=where).startswith("100644")
    assert publish(tmp_path, "FROM a", "merge", **new).status == "unchanged"


def test_an_edit_that_is_rendered_with_a_new_mode_is_none(tmp_path, where, clone):
    """What the edit stands on is in no commit, so nothing could be merged."""
    (clone / "bin/start").write_text(START + "# mine\n")
    git("commit", "-q", "-a", "--amend", "--no-edit", folder=clone)
    push(clone, "--force")
    rendered = tree(APP, contents(**{"bin/start": START + "# mine\n"}))
    files = tuple(replace(f, mode=0o100644) if f.path == "bin/start" else f for f in rendered.files)
    trees_by_key = {APP.key: replace(rendered, files=files)}
    (result,) = run_publish(tmp_path, [APP], trees_by_key)
    assert result.status == "updated"
    assert git("ls-tree", "master", "bin/start", folder=where).startswith("100644")


def test_a_text_that_is_not_utf8_is_merged_after_it_was_kept(tmp_path, where):
    rows = [b"caf\xe9\n", *(b"%d\n" % number for number in range(6))]
    publish(tmp_path, **{"latin": b"".join(rows)})
    edit(where, {"latin": b"".join([*rows, b"mine\n"])}, tmp_path)
    changed = {"latin": b"".join([b"CAF\xc9\n", *rows[1:]])}
    assert publish(tmp_path, on_edit="keep", **changed).status == "updated"
    assert publish(tmp_path, on_edit="keep", **changed).status == "unchanged"
    assert publish(tmp_path, on_edit="merge", **changed).status == "updated"
    words = ["git", "-C", where, "show", "master:latin"]
    process = subprocess.run(words, capture_output=True, check=True)
    assert process.stdout == b"".join([b"CAF\xc9\n", *rows[1:], b"mine\n"])


def test_a_link_is_merged_with_nothing(tmp_path, where, clone):
    """Its target may well be the text that was generated: git stores both alike."""
    publish(tmp_path, **{"name": "app"})
    git("pull", "-q", folder=clone)
    (clone / "name").unlink()
    (clone / "name").symlink_to("app")
    commit(clone)
    theirs = push(clone)
    result = publish(tmp_path, on_edit="merge", **{"name": "other"})
    assert (result.status, result.commit) == ("refused", theirs)


def test_a_checkout_with_other_line_ends_is_no_edit(tmp_path, where):
    """git converts on the way in and out; what it stores is what distgen wrote."""
    folder = tmp_path / "windows"
    git("clone", "-q", "-c", "core.autocrlf=true", str(where), str(folder))
    assert b"\r\n" in (folder / "Dockerfile").read_bytes()
    (folder / "NOTES").write_bytes(b"mine\r\n")
    commit(folder)
    theirs = push(folder)
    result = publish(tmp_path, "FROM b")
    assert (result.status, result.parent) == ("updated", theirs)


def test_line_ends_that_collide_with_a_change_are_refused(tmp_path, where, clone):
    (clone / "Dockerfile").write_bytes(dockerfile("FROM a").replace("\n", "\r\n").encode())
    commit(clone)
    theirs = push(clone)
    result = publish(tmp_path, "FROM b", "merge")
    assert (result.status, result.commit) == ("refused", theirs)


# --- what is not ours ----------------------------------------------------------------------------


def test_other_branches_tags_and_files_of_their_own_stay(tmp_path, where, clone):
    for path in ("NOTES", "bin/extra", ".gitignore", "deep/er/file"):
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text(f"mine: {path}\n")
    commit(clone)
    theirs = push(clone)
    write(clone)
    commit(clone)
    git("tag", "v1", folder=clone)
    git("push", "-q", "origin", "HEAD:refs/heads/stable/2024.1-fixes", "v1", folder=clone)
    git("notes", "add", "-m", "note", "HEAD", folder=clone)
    git("push", "-q", "origin", "refs/notes/commits", folder=clone)
    before = git("for-each-ref", folder=where).replace(theirs, "")
    result = publish(tmp_path, "FROM b")
    assert (result.status, result.parent) == ("updated", theirs)
    assert git("for-each-ref", folder=where).replace(result.commit, "") == before
    assert {"NOTES", "bin/extra", ".gitignore", "deep/er/file"} <= {*listing(where)}
    assert publish(tmp_path, "FROM b").status == "unchanged"


def test_a_file_that_is_generated_where_theirs_stands_is_refused(tmp_path, where):
    theirs = edit(where, {"bin/extra": "mine\n"}, tmp_path)
    result = publish(tmp_path, "FROM a", **{"bin/extra": "ours\n"})
    assert (result.status, result.commit) == ("refused", theirs)
    assert result.detail.startswith("bin/extra stands there and was not written by distgen")
    same = publish(tmp_path, "FROM a", **{"bin/extra": "mine\n"})
    assert same.status == "updated"


def test_a_file_that_is_generated_no_more_goes_unless_it_was_edited(tmp_path, where):
    publish(tmp_path, **{"old": "x\n", "older": "y\n"})
    theirs = edit(where, {"older": "mine\n"}, tmp_path)
    result = publish(tmp_path)
    assert (result.status, result.commit) == ("refused", theirs)
    result = publish(tmp_path, on_edit="keep")
    assert result.status == "updated"
    assert "older" in listing(where)
    assert "old" not in listing(where)


def test_a_retired_branch_keeps_an_edit_that_is_to_be_kept(tmp_path, where):
    edit(where, {"Dockerfile": "FROM mine\n"}, tmp_path)
    options = replace(OPTIONS, on_edit="keep")
    (result,) = run_publish(tmp_path, [], {}, options, orphans=[branch_target(APP)])
    assert result.status == "retired"
    assert listing(where) == ["Dockerfile", "dead.package"]
