"""Whatever a catalogue and people do to a branch in turn, nothing that people wrote is lost."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from testing.dist_git import OPTIONS, commits, git, plans, run_publish
from testing.images import image, tree

APP = image("ns/app")
GENERATED = ("Dockerfile", "conf/a", "run")
POLICIES = ("refuse", "keep", "merge", "overwrite")
FEW = max(1, settings.default.max_examples // 5)  # each begins many processes


def read_branch(where):
    """Return the files of the branch: whether each is executable, and its lines."""
    if "master" not in git("branch", "--list", "master", folder=where):
        return {}
    archive = git("archive", "--format=tar", "master", folder=where).encode()
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        return {
            entry.name: (bool(entry.mode & 0o100), files.extractfile(entry).read().decode())
            for entry in files
            if entry.isfile()
        }


def commit(where, files):
    """Commit these files, and no others, to the branch as a person does."""
    stream = ["commit refs/heads/master", "committer Pat <pat@example.org> 1700000000 +0000"]
    stream += ["data 4", "edit", "from refs/heads/master^0", "deleteall"]
    for path, (is_executable, text) in files.items():
        mode = "100755" if is_executable else "100644"
        stream += [f"M {mode} inline {path}", f"data {len(text)}", text]
    git("fast-import", "--quiet", folder=where, stdin="\n".join([*stream, ""]).encode())


def changed(draw, text, new):
    """Return a text with a line put in, taken out or replaced."""
    lines = text.splitlines(keepends=True)
    at = draw(st.integers(0, len(lines)))
    taken = draw(st.integers(0, 1))
    lines[at : at + taken] = [new] if draw(st.booleans()) or not taken else []
    return "".join(lines)


def regenerated(draw, contents, tokens):
    """Return what the catalogue gives next: a file changed, come or gone."""
    path = draw(st.sampled_from(GENERATED))
    if path not in contents:
        return contents | {path: "".join(f"new{next(tokens)}\n" for _ in range(4))}
    if path != "Dockerfile" and draw(st.integers(0, 3)) == 0:
        return {name: text for name, text in contents.items() if name != path}
    return contents | {path: changed(draw, contents[path], f"new{next(tokens)}\n")}


def edited(draw, files, tokens):
    """Return the files after an edit of a person."""
    action = draw(st.sampled_from(["change", "change", "add", "delete", "mode"]))
    if action == "add":
        path = draw(st.sampled_from(["NOTES", "run", "conf", "conf/b"]))
        folders = {str(Path(name).parent) for name in files}
        if path in files or path in folders or "conf" in files:
            path = "NOTES"
        return files | {path: (False, files.get(path, (False, ""))[1] + f"mine{next(tokens)}\n")}
    path = draw(st.sampled_from([name for name in sorted(files) if not name.startswith(".")]))
    is_executable, text = files[path]
    if action == "change":
        return files | {path: (is_executable, changed(draw, text, f"mine{next(tokens)}\n"))}
    if action == "mode":
        return files | {path: (not is_executable, text)}
    return {name: file for name, file in files.items() if name != path}


def lines_of_people(files):
    """Return the lines that people wrote, each with its file."""
    return {
        (path, line)
        for path, (_, text) in files.items()
        for line in text.splitlines()
        if line.startswith("mine")
    }


@settings(max_examples=FEW)
@given(st.data())
def test_no_edit_is_lost_and_a_plan_is_what_is_published(tmp_path_factory, data):
    root = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    where = root / "dist-git/ns/app.git"
    tokens = count()
    contents = {"Dockerfile": "".join(f"line{number}\n" for number in range(8))}
    publish(root, contents, "refuse")
    for _ in range(data.draw(st.integers(2, 5))):
        if data.draw(st.booleans()):
            files = edited(data.draw, read_branch(where), tokens)
            if any(not name.startswith(".") for name in files):
                commit(where, files)
        contents = regenerated(data.draw, contents, tokens)
        before, tips = read_branch(where), commits(where)
        on_edit = data.draw(st.sampled_from(POLICIES))
        result = publish(root, contents, on_edit)
        after = read_branch(where)
        if result.status == "updated":
            assert commits(where)[1:] == tips
            assert result.commit == commits(where)[0]
        else:
            assert result.status in ("refused", "unchanged")
            assert (after, commits(where)) == (before, tips)
        owned = {*json.loads(before[".distgen.json"][1])["files"], *contents, ".distgen.json"}
        others = {name: file for name, file in before.items() if name not in owned}
        assert {name: after.get(name) for name in others} == others
        if result.status == "refused":  # a file in the place of a folder is not even overwritten
            assert on_edit != "overwrite" or "conf" in before
        elif on_edit == "overwrite":
            assert {name: after[name][1] for name in contents} == contents
        else:
            assert lines_of_people(before) <= lines_of_people(after)
        again = publish(root, contents, on_edit)
        assert (again.status, again.commit) == (
            "refused" if result.status == "refused" else "unchanged",
            commits(where)[0],
        )
    assert git("fsck", "--strict", "--full", "--no-dangling", folder=where) == ""


def publish(root, contents, on_edit):
    """Publish, and see that the plan said so."""
    options = replace(OPTIONS, on_edit=on_edit)
    trees = {APP.key: tree(APP, contents)}
    (change,) = plans(root, [APP], trees, options, store=root / "store")
    (result,) = run_publish(root, [APP], trees, options)
    assert (result.status, result.commit) == (change.status, change.commit)
    return result
