"""That our own client of https repositories leaves them exactly as git leaves them."""

import os
import random
import subprocess
from dataclasses import replace

from testing.dist_git import GIT, OPTIONS, WAYS, git, run_publish
from testing.git_server import git_server
from testing.images import image, tree

NUMBER = 200
FIRST = {"Dockerfile": "FROM a\n", "etc/app.conf": "a\nb\nc\n", "run.sh": "#!/bin/sh\n"}
SECOND = {"Dockerfile": "FROM b\n", "etc/app.conf": "a\nb\nd\n", "bin/run.sh": "#!/bin/sh\n"}
KINDS = ("plain", "edited", "conflict", "protected", "raced", "raced by an edit", "deleted")
REFUSE = "#!/bin/sh\ncase $1 in refs/heads/master) echo this branch is protected; exit 1;; esac\n"


def kind_of(number):
    return KINDS[number % len(KINDS)]


def commit(where, path, text):
    """Commit as somebody downstream does, without a clone."""
    person = {f"GIT_{role}_{word}": value for role in ("AUTHOR", "COMMITTER")
              for word, value in (("NAME", "Pat"), ("EMAIL", "pat@example.org"),
                                  ("DATE", "1700000000 +0000"))}  # fmt: skip
    variables = {**os.environ, **person, "GIT_INDEX_FILE": str(where / "downstream-index")}

    def run(*words, stdin=""):
        done = subprocess.run(["git", "-C", str(where), *words], input=stdin, env=variables,
                              capture_output=True, text=True, check=True)  # fmt: skip
        return done.stdout.strip()

    run("read-tree", "master")
    blob = run("hash-object", "-w", "--stdin", stdin=text)
    run("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    edit = run("commit-tree", "-p", "master", "-m", "Edit", run("write-tree"))
    run("update-ref", "refs/heads/master", edit)


def disturb(where, kind):
    """Do what others do to a repository after it was published, and before it is pushed to."""
    if kind in ("edited", "raced"):
        commit(where, "NOTES", "mine\n")
    elif kind in ("conflict", "raced by an edit"):
        commit(where, "Dockerfile", "FROM mine\n")
    elif kind == "protected":
        (where / "hooks").mkdir(exist_ok=True)
        (where / "hooks/update").write_text(REFUSE)
        (where / "hooks/update").chmod(0o755)
    elif kind == "deleted":
        git("update-ref", "-d", "refs/heads/stable/2024.1", folder=where)


def publish_twice(folder, numbers, way):
    """Return the results of two publications, and all refs of all repositories in the end."""
    with git_server(folder / "srv") as server:
        images, kinds = [], {}
        for number in numbers:
            server.repository(f"ns/a{number}.git")
            url = f"{server.url}/ns/a{number}.git"
            images += [image(f"ns/a{number}@{s}", url=url) for s in ("master", "2024.1")]
            kinds[url] = folder / f"srv/ns/a{number}.git", kind_of(number)
        first = {i.key: tree(i, FIRST) for i in images}
        second = {i.key: tree(i, SECOND) for i in images}
        isolated = WAYS[way](GIT)
        results = run_publish(folder, images, first, replace(OPTIONS, jobs=8), git=isolated)
        for where, kind in kinds.values():
            if not kind.startswith("raced"):
                disturb(where, kind)
        raced = set()

        def race(step, about):
            if step == "pushing" and about["url"] not in raced:
                raced.add(about["url"])
                where, kind = kinds[about["url"]]
                if kind.startswith("raced"):
                    disturb(where, kind)

        options = replace(OPTIONS, jobs=8, observe=race)
        results += run_publish(folder, images, second, options, git=isolated)
        pushes = [request for request in server.requests if request.pushes]
        assert pushes
        for request in pushes:
            assert ("distgen" in request.headers["user-agent"]) == (way == "distgen")
        refs = {where.name: git("for-each-ref", folder=where) for where, _ in kinds.values()}
        for where, _ in random.Random(1).sample(list(kinds.values()), 3):
            assert git("fsck", "--strict", "--full", "--no-dangling", folder=where) == ""
    rows = [
        (r.image, r.stream, r.status, r.commit, r.parent, r.detail.replace(server.url, ""))
        for r in results
    ]
    return sorted(rows), refs


def test_repositories_are_left_as_git_leaves_them(tmp_path, sample):
    numbers = sorted(range(len(KINDS))) + sample(range(len(KINDS), NUMBER), len(KINDS))
    (rows, refs), (git_rows, git_refs) = (
        publish_twice(tmp_path / way, numbers, way) for way in ("distgen", "git")
    )
    assert refs == git_refs
    assert [row[:5] for row in rows] == [row[:5] for row in git_rows]
    assert {row[2] for row in rows} >= {"created", "updated", "refused", "failed"}
    assert {row[5] for row in rows} == {row[5] for row in git_rows}
