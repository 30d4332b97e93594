"""Publishing while others push, and after being killed: nothing is lost, nothing is half done."""

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from testing.dist_git import OPTIONS, commits, content, edit, git, listing, run_publish
from testing.images import image, tree
from testing.moments import arrange, await_halt, kill, resume, watch

APP = image("ns/app")
FIRST = {"Dockerfile": "FROM a\n"}
SECOND = {"Dockerfile": "FROM b\n"}


def race(tmp_path, contents, action, options=OPTIONS):
    """Publish while `action` happens between plan and push."""
    rival_pushes = []

    def observe(step, about):
        if step == "pushing" and not rival_pushes:
            rival_pushes.append(step)
            action()

    trees_by_key = {APP.key: tree(APP, contents)}
    (result,) = run_publish(tmp_path, [APP], trees_by_key, replace(options, observe=observe))
    assert rival_pushes
    return result


def test_a_push_that_lost_to_a_harmless_commit_is_planned_again(tmp_path):
    where = tmp_path / "dist-git/ns/app.git"
    run_publish(tmp_path, [APP], {APP.key: tree(APP, FIRST)})
    theirs = []
    result = race(tmp_path, SECOND, lambda: theirs.append(edit(where, {"N": "x"}, tmp_path)))
    assert (result.status, result.parent) == ("updated", theirs[0])
    assert content(where, "Dockerfile") == "FROM b\n"
    assert content(where, "N") == "x"
    assert git("fsck", "--strict", "--full", "--no-dangling", folder=where) == ""


def test_a_push_that_lost_to_an_edit_is_refused(tmp_path):
    where = tmp_path / "dist-git/ns/app.git"
    run_publish(tmp_path, [APP], {APP.key: tree(APP, FIRST)})
    mine = {"Dockerfile": "FROM mine\n"}
    result = race(tmp_path, SECOND, lambda: edit(where, mine, tmp_path))
    assert result.status == "refused"
    assert content(where, "Dockerfile") == "FROM mine\n"


def test_a_push_that_lost_to_the_same_publication_has_nothing_left_to_do(tmp_path):
    trees = {APP.key: tree(APP, FIRST)}
    for contents in (FIRST, SECOND):
        trees = {APP.key: tree(APP, contents)}
        rival_results = []
        result = race(tmp_path, contents, lambda t=trees, o=rival_results: o.extend(
            run_publish(tmp_path, [APP], t, store=tmp_path / "other")))  # fmt: skip
        assert result.commit == rival_results[0].commit
    assert len(commits(tmp_path / "dist-git/ns/app.git")) == 2
    assert [path.name for path in (tmp_path / "dist-git/ns").iterdir()] == ["app.git"]


def test_an_older_catalogue_that_lost_to_a_newer_one_does_not_undo_it(tmp_path):
    """Jobs of two commits of the catalogue overlap; the older one took back the newer's work.

    History says which is newer. Dates said it too, and kept a clock that is behind from it.
    """
    where = tmp_path / "dist-git/ns/app.git"
    older, newer = of_commit("1"), of_commit("2", "1")
    run_publish(tmp_path, [APP], {APP.key: tree(APP, FIRST)}, older)
    third = {APP.key: tree(APP, {"Dockerfile": "FROM c\n"})}
    result = race(tmp_path, SECOND, lambda: run_publish(
        tmp_path, [APP], third, newer, store=tmp_path / "other"), older)  # fmt: skip
    assert result.status == "refused"
    assert result.detail.startswith(f"it was published from commit {'2' * 12} of the catalogue")
    assert content(where, "Dockerfile") == "FROM c\n"


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_a_newer_catalogue_that_lost_to_an_older_one_has_the_last_word(tmp_path, days):
    where = tmp_path / "dist-git/ns/app.git"
    older, newer = of_commit("1"), of_commit("2", "1", days=days)
    run_publish(tmp_path, [APP], {APP.key: tree(APP, FIRST)}, older)
    third = {APP.key: tree(APP, {"Dockerfile": "FROM c\n"})}
    result = race(tmp_path, SECOND, lambda: run_publish(
        tmp_path, [APP], third, older, store=tmp_path / "other"), newer)  # fmt: skip
    assert result.status == "updated"
    assert content(where, "Dockerfile") == "FROM b\n"
    assert len(commits(where)) == 3


def of_commit(digit, *history, days=0):
    """Return the options of a run at a commit of the catalogue, which has others in its history."""
    names = {name * 40 for name in (digit, *history)}
    origin = OPTIONS.provenance
    date = origin.date + days * 86_400
    provenance = replace(origin, source=f"https://example.org/images.git@{digit * 40}", date=date)
    return replace(OPTIONS, provenance=provenance, contains=lambda commit, _: commit in names)


def test_a_branch_deleted_meanwhile_is_begun_again(tmp_path):
    where = tmp_path / "dist-git/ns/app.git"
    run_publish(tmp_path, [APP], {APP.key: tree(APP, FIRST)})
    delete = ("update-ref", "-d", "refs/heads/master")
    result = race(tmp_path, SECOND, lambda: git(*delete, folder=where))
    assert (result.status, result.parent) == ("created", None)
    assert content(where, "Dockerfile") == "FROM b\n"


def test_a_repository_that_never_stands_still_is_given_up(tmp_path):
    """A hook moves the branch before each push, so that every push is late."""
    where = tmp_path / "dist-git/ns/app.git"
    run_publish(tmp_path, [APP], {APP.key: tree(APP, FIRST)})
    script = """\
        #!/bin/sh
        unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
        export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x
        new=$(git commit-tree -p master -m "$$" master^{tree})
        git update-ref refs/heads/master "$new"
    """
    (where / "hooks").mkdir()
    (where / "hooks/pre-receive").write_text(textwrap.dedent(script))
    (where / "hooks/pre-receive").chmod(0o755)
    (result,) = run_publish(tmp_path, [APP], {APP.key: tree(APP, SECOND)})
    assert result.status == "failed"
    assert content(where, "Dockerfile") == "FROM a\n"
    assert "\n" not in result.detail


PROGRAM = """
    import sys
    sys.path[:0] = {path!r}
    from pathlib import Path
    from testing.dist_git import run_publish
    from testing.images import image, tree
    images = [image("ns/base"), *(image(f"ns/app{{n}}", "ns/base") for n in range(12))]
    trees = {{i.key: tree(i, {{"Dockerfile": "FROM {line}\\n", "a/b": "x"}}) for i in images}}
    results = run_publish(Path({root!r}), images, trees, store=Path({store!r}))
    print(*sorted(f"{{r.key}}={{r.status}}={{r.commit}}={{r.detail}}" for r in results), sep="\\n")
"""


def publisher(root, store, line, path=os.environ["PATH"]):
    """Start publishing 13 images in a process of its own."""
    modules = [str(Path(__file__).parents[1]), *sys.path]
    program = PROGRAM.format(path=modules, root=str(root), store=str(store), line=line)
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": path},
        start_new_session=True,
    )


# When a publisher of 13 images is killed, and how many of them may have been published by then.
# The first repository that is made is the store; four are pushed at once, after their parent.
MOMENTS = [
    ("init", "after", 1, 0, 0),
    ("init", "before", 6, 1, 12),
    ("fast-import", "before", 1, 0, 0),
    ("fast-import", "within", 1, 0, 0),
    ("fast-import", "after", 1, 0, 0),
    ("push", "before", 1, 0, 0),
    ("push", "after", 12, 8, 12),
    ("ref", "before", 3, 1, 12),
    ("ref", "after", 7, 7, 13),
]


def test_a_publisher_killed_at_any_moment_hurts_nobody(tmp_path):
    """It was killed after a time by the clock: each time before there even was a store."""
    folder = tmp_path / "dist-git/ns"
    for number, (action, when, nth, least, most) in enumerate(MOMENTS):
        moment = arrange(tmp_path / f"moment{number}", action, when, nth)
        for where in folder.glob("*.git"):
            watch(moment, where)
        process = publisher(tmp_path, tmp_path / "store", number, moment.path)
        await_halt(moment, process)
        kill(process, also_git=bool(number % 2))
        resume(moment)
        published = [
            where
            for where in folder.glob("*.git")
            if content(where, "Dockerfile") == f"FROM {number}\n"
        ]
        assert least <= len(published) <= most, moment.seen
    process = publisher(tmp_path, tmp_path / "store", "last")
    out, error = process.communicate()
    assert (process.returncode, error) == (0, b"")
    rows = [row.split("=") for row in out.decode().splitlines()]
    assert [row for row in rows if row[1] not in ("created", "updated")] == []
    for where in folder.glob("*.git"):
        assert content(where, "Dockerfile") == "FROM last\n"
        assert git("fsck", "--strict", "--full", "--no-dangling", folder=where) == ""
    assert len([*folder.glob("*.git")]) == 13


def test_what_a_killed_publisher_left_is_swept_and_what_people_keep_stays(tmp_path):
    left = tmp_path / "dist-git/ns/.other.git.distgen-abcd_123"
    mine = tmp_path / "dist-git/ns/.app.git.distgen-mine"
    for path in (left, mine):
        path.mkdir(parents=True)
    run_publish(tmp_path, [APP], {APP.key: tree(APP, FIRST)})
    assert (left.exists(), mine.exists()) == (False, True)


def test_an_edit_made_while_a_killed_run_slept_is_seen(tmp_path):
    run_publish(tmp_path, [APP], {APP.key: tree(APP, FIRST)})
    where = tmp_path / "dist-git/ns/app.git"
    edit(where, {"Dockerfile": "FROM mine\n"}, tmp_path)
    shutil.rmtree(tmp_path / "store/objects")
    (result,) = run_publish(tmp_path, [APP], {APP.key: tree(APP, SECOND)})
    assert result.status == "refused"
    keep_edits = replace(OPTIONS, on_edit="keep")
    (result,) = run_publish(tmp_path, [APP], {APP.key: tree(APP, SECOND)}, keep_edits)
    assert result.status == "updated"
    assert listing(where) == [".distgen.json", ".gitattributes", "Dockerfile"]
