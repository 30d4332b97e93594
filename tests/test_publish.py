"""Publishing to real repositories: what lands, what is refused, and what is left alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from dist_git import (
    OPTIONS,
    catalog,
    commits,
    content,
    edit,
    git,
    image,
    listing,
    run_publish,
    statuses,
    tree,
)


def test_first_publication_makes_a_repository_that_clones_to_the_tree(tmp_path):
    app = image("ns/app")
    files = {"Dockerfile": "FROM quay.io/a:1\n", "bin/start": "#!/bin/sh\nexec app\n"}
    (result,) = run_publish(tmp_path, [app], {app.key: tree(app, files)})

    repository = tmp_path / "dist-git/ns/app.git"
    assert (result.status, result.parent) == ("created", None)
    assert result.commit == commits(repository)[0]
    assert git("fsck", "--strict", "--full", folder=repository) == ""
    git("clone", "-q", str(repository), str(tmp_path / "clone"))
    assert (tmp_path / "clone/bin/start").stat().st_mode & 0o111
    assert listing(repository) == [".distgen.json", ".gitattributes", "Dockerfile", "bin/start"]
    assert [path.name for path in repository.parent.iterdir()] == ["app.git"]


def test_publishing_twice_makes_no_commit(tmp_path):
    app = image("ns/app")
    trees = {app.key: tree(app, {"Dockerfile": "FROM a\n"})}
    (first,) = run_publish(tmp_path, [app], trees)
    newer = replace(OPTIONS, provenance=replace(OPTIONS.provenance, version="2.0", source="@new"))
    (second,) = run_publish(tmp_path, [app], trees, newer)
    assert (second.status, second.commit) == ("unchanged", first.commit)
    assert len(commits(tmp_path / "dist-git/ns/app.git")) == 1


def test_a_changed_tree_is_a_child_commit(tmp_path):
    app = image("ns/app")
    (first,) = run_publish(
        tmp_path, [app], {app.key: tree(app, {"Dockerfile": "FROM a\n", "x": "1"})}
    )
    (second,) = run_publish(tmp_path, [app], {app.key: tree(app, {"Dockerfile": "FROM b\n"})})
    repository = tmp_path / "dist-git/ns/app.git"
    assert (second.status, second.parent) == ("updated", first.commit)
    assert commits(repository) == [second.commit, first.commit]
    assert listing(repository) == [".distgen.json", ".gitattributes", "Dockerfile"]
    assert git("fsck", "--strict", "--full", folder=repository) == ""
