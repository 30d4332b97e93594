"""Merge requests of GitLab: a branch and the options of the push that brings it."""

import pytest
from testing.dist_git import OPTIONS, content, git, run_publish
from testing.git_server import git_server
from testing.images import tree
from testing.review_hooks import load, save
from testing.reviews import TOKEN, USER, Situation, arrived, commit_on, one, refs, reviews

from distgen.publish.options import PublishOptions

REVIEW = "refs/heads/distgen/master"


@pytest.fixture
def lab(tmp_path):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        yield Situation(tmp_path, server, "gitlab")


@pytest.fixture
def app(lab):
    return lab.image("ns/app")


@pytest.fixture
def folder(lab, app):
    return lab.repository(app, "master")


def test_a_change_is_a_branch_with_a_merge_request(lab, app, folder):
    base = refs(folder)["refs/heads/master"]
    result = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))

    assert result.status == "created"
    assert (result.branch, result.parent) == ("master", base)
    assert (
        result.detail
        == "merge request of distgen/master opened http://lab.test/ns/app/-/merge_requests/1"
    )
    assert refs(folder) == {"refs/heads/master": base, REVIEW: result.commit}
    (review,) = reviews(folder)
    assert review["target"] == "master"
    assert review["title"].startswith("ns/app: ")
    assert review["labels"] == ["distgen"]
    assert "- `Dockerfile`: new +1 -0 (FROM)\n" in review["body"]
    assert "```diff\n@@ FROM, line 1 @@\n+FROM quay.io/a:1\n```\n" in review["body"]
    (push,) = arrived(folder)
    assert push["ref"] == REVIEW
    assert sorted(push["options"]) == [
        "merge_request.create",
        "merge_request.description",
        "merge_request.label",
        "merge_request.remove_source_branch",
        "merge_request.target",
        "merge_request.title",
    ]
    assert "Distgen-Image: ns/app\nDistgen-Stream: master\n" in push["message"]


def test_a_branch_that_gets_no_merge_request_is_taken_back(lab, app, folder):
    """GitLab takes the push and only warns; the next run then found all as it should be."""
    base = refs(folder)
    save(load(folder) | {"disabled": True}, folder)
    result = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))
    assert result.status == "failed"
    assert result.detail == (
        f"{app.url}: GitLab takes the branch, but no merge request: "
        "Merge requests are not enabled for project ns/app"
    )
    assert refs(folder) == base

    save(load(folder) | {"disabled": False}, folder)
    first = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))
    assert first.status == "created"
    save(load(folder) | {"disabled": True}, folder)
    lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:2\n"}}, app)
    assert refs(folder)[REVIEW] == first.commit


def test_a_server_that_says_nothing_of_a_merge_request_is_not_quoted(lab, app, folder):
    banner = "echo 'Downtime on Friday: https://lab.test/news/7'\n"
    lab.server.hook("ns/app.git", "post-receive", f"#!/bin/sh\n{banner}")
    result = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))
    assert result.status == "created"
    assert result.detail == (
        "merge request of distgen/master opened, though GitLab does not say where"
    )


def test_a_server_without_push_options_is_told(lab, app, folder):
    git("config", "receive.advertisePushOptions", "false", folder=folder)
    result = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))
    assert result.status == "failed"
    assert "the receiving end does not support push options" in result.detail


def test_the_longest_text_fits_into_an_option(lab, app, folder):
    """A text of many `\\n` grew beyond what git sends in one packet, and nothing was proposed."""
    breaks = "\\n" * 80
    text = "FROM quay.io/a:1\n" + f"RUN printf '{breaks}'\n" * 500
    result = one(lab.propose({app.key: {"Dockerfile": text}}, app))
    assert result.status == "created"


def test_running_again_pushes_nothing(lab, app, folder):
    trees = {app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}
    first = one(lab.propose(trees, app))
    second = one(lab.propose(trees, app, store="another-machine"))
    assert (second.status, second.commit) == ("unchanged", first.commit)
    assert len(arrived(folder)) == 1


def test_another_change_updates_the_same_merge_request(lab, app, folder):
    first = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))
    second = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:2\n"}}, app))

    assert (second.status, second.parent) == ("updated", first.parent)
    (review,) = reviews(folder)
    assert review["commits"] == [first.commit, second.commit]
    assert "+FROM quay.io/a:2" in review["body"]
    assert refs(folder)[REVIEW] == second.commit


def test_a_base_that_moved_is_stood_upon(lab, app, folder):
    trees = {app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}
    one(lab.propose(trees, app))
    moved = commit_on(folder, "master", {"NOTES": "Something else.\n"})
    result = one(lab.propose(trees, app))
    assert (result.status, result.parent) == ("updated", moved)
    assert content(folder, "NOTES", "distgen/master") == "Something else.\n"


def test_a_catalogue_that_went_back_closes_it(lab, app, folder):
    publish(lab, app, "FROM quay.io/a:1\n")
    lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:2\n"}}, app)
    result = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))

    assert result.status == "retired"
    assert result.detail == "branch distgen/master deleted, nothing is left to propose"
    assert [review["state"] for review in reviews(folder)] == ["closed"]
    assert REVIEW not in refs(folder)
    second = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))
    assert (second.status, second.detail) == ("unchanged", "")


def test_a_text_that_says_backslash_n_keeps_it_on_one_line(lab, app, folder):
    lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\nRUN printf 'x\\n'\n"}}, app)
    (review,) = reviews(folder)
    assert "+RUN printf 'x\\\u200bn'\n" in review["body"]


def test_a_merge_request_is_merged_and_the_branch_is_used_again(lab, app, folder):
    first = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))
    git("update-ref", "refs/heads/master", first.commit, folder=folder)
    merged = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:1\n"}}, app))
    assert (merged.status, merged.commit) == ("unchanged", first.commit)
    next_one = one(lab.propose({app.key: {"Dockerfile": "FROM quay.io/a:2\n"}}, app))
    assert (next_one.status, next_one.parent) == ("created", first.commit)
    assert next_one.detail.endswith("opened http://lab.test/ns/app/-/merge_requests/2")
    assert refs(folder)[REVIEW] == next_one.commit
    assert [review["state"] for review in reviews(folder)] == ["merged", "open"]


def publish(lab, app, text):
    """Put a Dockerfile on the branch itself, as `publish` would."""
    options = PublishOptions(OPTIONS.provenance)
    trees = {app.key: tree(app, {"Dockerfile": text})}
    run_publish(lab.root, [app], trees, options, git=lab.git)
