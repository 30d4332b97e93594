"""Pull requests of Forgejo and Gitea: what is pushed to refs/for, and what /api/v1 is asked."""

import json

import pytest
from testing.dist_git import git
from testing.git_server import git_server
from testing.review_hooks import load, save
from testing.reviews import TOKEN, USER, Situation, arrived, commit_on, one, refs, reviews
from testing.servers import Reply, serve

from distgen.forges.records import WITHDRAWAL_NOTE, Account
from distgen.http import HttpPolicy

FIRST, SECOND = {"Dockerfile": "FROM quay.io/a:1\n"}, {"Dockerfile": "FROM quay.io/a:2\n"}


@pytest.fixture
def lab(tmp_path):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        yield Situation(tmp_path, server, "forgejo")


@pytest.fixture
def web(lab):
    """The interface of Forgejo over the pull requests that the git server has."""

    def answer(request):
        if request.headers.get("authorization") != f"token {TOKEN}":
            return Reply(401, b'{"message": "token is required"}')
        head, _, number = request.path.rpartition("/")
        assert head == "/api/v1/repos/ns/app/pulls"
        folder = lab.root / "srv/ns/app.git"
        state = load(folder)
        review = state["reviews"][int(number) - 1]
        if request.method == "PATCH":
            review |= json.loads(request.body)
            save(state, folder)
        fields = {key: review[key] for key in ("number", "state", "merged", "title", "body")}
        fields["head"] = {"label": review.get("label", "")}  # empty for what was pushed to refs/for
        return Reply(200, json.dumps(fields | {"html_url": f"http://forge.test/{number}"}).encode())

    with serve(answer) as front:
        lab.account = Account(USER, TOKEN, f"{front.url}/api/v1", HttpPolicy(attempts=1))
        yield front


@pytest.fixture
def app(lab):
    return lab.image("ns/app")


@pytest.fixture
def folder(lab, app):
    return lab.repository(app, "master", "stable/2024.1")


def test_a_change_is_pushed_for_review_with_topic_and_text(lab, app, folder):
    old = lab.image("ns/app@2024.1")
    results = lab.propose({app.key: FIRST, old.key: FIRST}, app, old)
    assert [r.status for r in results] == ["created", "created"]
    assert [r.detail for r in results] == [
        f"pull request #{number} opened http://forge.test/ns/app/pulls/{number}"
        for number in (numbers(folder)["stable/2024.1"], numbers(folder)["master"])
    ]
    pushes = {push["ref"]: push["options"] for push in arrived(folder)}
    assert sorted(pushes) == ["refs/for/master", "refs/for/stable/2024.1"]
    options = pushes["refs/for/master"]
    assert sorted(options) == ["description", "force-push", "title", "topic"]
    assert options["topic"] == ["distgen/master"]
    assert options["title"][0].startswith("ns/app: ")
    text = "### Files&#10;&#10;- `Dockerfile`: new +1 -0 (FROM)&#10;"
    assert text in options["description"][0]
    heads = {ref: commit for ref, commit in refs(folder).items() if ref.startswith("refs/pull/")}
    assert sorted(heads.values()) == sorted(r.commit for r in results)


@pytest.mark.parametrize("api", [True, False])
def test_running_again_pushes_nothing(lab, app, folder, api, request):
    if api:
        request.getfixturevalue("web")
    first = one(lab.propose({app.key: FIRST}, app))
    second = one(lab.propose({app.key: FIRST}, app, store="another-machine"))
    assert (second.status, second.commit) == ("unchanged", first.commit)
    assert len(arrived(folder)) == 1


@pytest.mark.parametrize("api", [True, False])
def test_another_change_updates_the_same_pull_request(lab, app, folder, api, request):
    if api:
        request.getfixturevalue("web")
    first = one(lab.propose({app.key: FIRST}, app))
    second = one(lab.propose({app.key: SECOND}, app))
    assert second.status == "updated"
    (review,) = reviews(folder)
    assert review["commits"] == [first.commit, second.commit]
    assert ("FROM quay.io/a:2\n```" in review["body"]) is api


def test_a_text_has_its_lines_from_the_beginning_where_it_can(lab, app, folder, web):
    """An option has no line breaks, and the text it brought was never replaced."""
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "created"
    (review,) = reviews(folder)
    assert "### Files\n\n- `Dockerfile`: new +1 -0 (FROM)\n" in review["body"]


def test_the_longest_text_fits_into_an_option(lab, app, folder):
    text = "FROM quay.io/a:1\n" + f"{'&' * 80}\n" * 500
    assert one(lab.propose({app.key: {"Dockerfile": text}}, app)).status == "created"


def test_a_pull_request_that_was_closed_unseen_is_followed_by_another(lab, app, folder):
    """Without a token only the number tells that the server has opened another one."""
    lab.propose({app.key: FIRST}, app)
    state = load(folder)
    state["reviews"][0]["state"] = "closed"
    save(state, folder)
    result = one(lab.propose({app.key: SECOND}, app))
    assert (result.status, result.detail) == (
        "created", "pull request #2 opened http://forge.test/ns/app/pulls/2"
    )  # fmt: skip


def test_a_pull_request_that_somebody_bases_on_ours_is_not_ours(lab, app, folder, web):
    first = one(lab.propose({app.key: FIRST}, app))
    git("update-ref", "refs/pull/2/head", first.commit, folder=folder)
    commit_on(folder, "refs/pull/2/head", {"NOTES": "x\n"})
    state = load(folder)
    theirs = state["reviews"][0] | {"number": 2, "topic": "mine", "label": "pat/mine"}
    state["reviews"].append(theirs)
    save(state, folder)
    assert one(lab.propose({app.key: SECOND}, app)).status == "updated"
    assert reviews(folder)[1] == theirs


@pytest.mark.parametrize("api", [True, False])
def test_a_pull_request_that_a_person_pushed_to_is_theirs(lab, app, folder, api, request):
    if api:
        request.getfixturevalue("web")
    lab.propose({app.key: FIRST}, app)
    theirs = commit_on(folder, "refs/pull/1/head", {"NOTES": "x\n"})
    before = (refs(folder), reviews(folder))
    result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "refused"
    assert f"somebody else pushed {theirs[:12]} to it" in result.detail
    assert (refs(folder), reviews(folder)) == before


def test_nothing_left_to_propose_closes_it_and_news_open_it_again(lab, app, folder, web):
    first = one(lab.propose({app.key: FIRST}, app))
    merge(folder, first.commit)
    lab.propose({app.key: SECOND}, app)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "retired"
    last = reviews(folder)[-1]
    assert last["state"] == "closed"
    assert last["body"].startswith(f"{WITHDRAWAL_NOTE}\n\n") and "FROM quay.io/a:2" in last["body"]
    assert one(lab.propose({app.key: FIRST}, app)).status == "unchanged"

    back = one(lab.propose({app.key: SECOND}, app))
    assert (back.status, reviews(folder)[-1]["state"]) == ("updated", "open")
    assert "FROM quay.io/a:2" in reviews(folder)[-1]["body"]


def test_without_a_token_it_is_left_to_a_person_to_close_it(lab, app, folder):
    first = one(lab.propose({app.key: FIRST}, app))
    merge(folder, first.commit)
    lab.propose({app.key: SECOND}, app)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "unchanged"
    assert result.detail == "pull request #2 has nothing left to propose; close it, if it is open"


def test_what_a_person_closed_is_not_proposed_again_until_there_is_news(lab, app, folder, web):
    lab.propose({app.key: FIRST}, app)
    state = load(folder)
    state["reviews"][0]["state"] = "closed"
    save(state, folder)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "unchanged"
    assert "was turned down" in result.detail
    news = one(lab.propose({app.key: SECOND}, app))
    assert news.status == "created"
    assert [review["state"] for review in reviews(folder)] == ["closed", "open"]


def test_a_squashed_pull_request_is_followed_by_a_new_one(lab, app, folder, web):
    lab.propose({app.key: FIRST}, app)
    state = load(folder)
    state["reviews"][0] |= {"state": "closed", "merged": True}
    save(state, folder)
    commit_on(folder, "master", {"NOTES": "squashed\n"})
    result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "created"
    assert len(reviews(folder)) == 2


def test_a_forge_that_refuses_is_told_in_its_words(lab, app, folder, web):
    lab.propose({app.key: FIRST}, app)
    lab.account = Account(USER, "wrong", lab.account.api, HttpPolicy(attempts=1))
    result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "failed"
    assert result.detail == f"{web.url}/api/v1: Forgejo says token is required"


def test_an_interface_that_is_not_there_is_told_with_what_to_set(lab, app, folder, web):
    lab.propose({app.key: FIRST}, app)
    with serve(lambda request: Reply(404, b"<html>Not found</html>")) as page:
        lab.account = Account(USER, TOKEN, page.url, HttpPolicy(attempts=1))
        result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "failed"
    assert result.detail == (
        f"{page.url}: Forgejo says HTTP 404; "
        "is this Forgejo's interface, as /api/v1 is? dist_git.api says another"
    )


def numbers(folder):
    return {review["branch"]: review["number"] for review in reviews(folder)}


def merge(folder, commit):
    """Merge the newest pull request, as a person does."""
    state = load(folder)
    state["reviews"][-1] |= {"state": "closed", "merged": True}
    save(state, folder)
    git("update-ref", "refs/heads/master", commit, folder=folder)
