"""Pull requests of GitHub: what its interface is asked, held to its own description."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests
from testing.dist_git import OPTIONS, ORIGIN, git
from testing.git_server import git_server
from testing.github_server import NOW, github_server
from testing.reviews import TOKEN, USER, Situation, commit_on, one, refs
from testing.servers import Reply, serve

from distgen.errors import InputError
from distgen.forges import github
from distgen.forges.records import WITHDRAWAL_NOTE, Account, RepositoryProfile
from distgen.git.location import Place
from distgen.http import HttpPolicy

FIRST, SECOND = {"Dockerfile": "FROM quay.io/a:1\n"}, {"Dockerfile": "FROM quay.io/a:2\n"}
REVIEW = "refs/heads/distgen/master"


@pytest.fixture
def lab(tmp_path):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        yield Situation(tmp_path, server, "github")


@pytest.fixture
def hub(lab):
    with github_server(lab.server.root, TOKEN) as hub:
        lab.account = Account(USER, TOKEN, hub.url)
        yield hub


@pytest.fixture
def app(lab):
    return lab.image("ns/app")


@pytest.fixture
def folder(lab, hub, app):
    hub.add("ns/app")
    folder = lab.server.repository("ns/app.git")
    commit_on(folder, "master", {"README": "Made by hand.\n"})
    return folder


def test_a_change_is_a_branch_with_a_pull_request(lab, hub, app, folder):
    base = refs(folder)["refs/heads/master"]
    result = one(lab.propose({app.key: FIRST}, app))

    assert (result.status, result.parent) == ("created", base)
    assert result.detail == "pull request #1 opened http://hub.test/ns/app/pull/1"
    assert branches(folder) == {"refs/heads/master": base, REVIEW: result.commit}
    (pull,) = hub.pulls["ns/app"]
    assert (pull["head"], pull["base"], pull["labels"]) == ("distgen/master", "master", ["distgen"])
    assert pull["title"] == "ns/app: first publication of stream master"
    assert "- `Dockerfile`: new +1 -0 (FROM)\n" in pull["body"]


def test_running_again_changes_nothing(lab, hub, app, folder):
    first = one(lab.propose({app.key: FIRST}, app))
    hub.asked.clear()
    second = one(lab.propose({app.key: FIRST}, app, store="another-machine"))
    assert (second.status, second.commit) == ("unchanged", first.commit)
    assert all(request.startswith("GET ") for request in hub.asked)


def test_another_change_updates_branch_title_body_and_labels(lab, hub, app, folder):
    lab.propose({app.key: FIRST}, app)
    hub.pulls["ns/app"][0] |= {"title": "old", "labels": ["theirs"]}
    second = one(lab.propose({app.key: SECOND}, app))
    assert (second.status, refs(folder)[REVIEW]) == ("updated", second.commit)
    (pull,) = hub.pulls["ns/app"]
    assert pull["title"].startswith("ns/app: ")
    assert "+FROM quay.io/a:2" in pull["body"]
    assert pull["labels"] == ["theirs", "distgen"]


def test_the_same_change_of_other_repositories_is_linked_and_no_reason_for_an_update(lab, hub):
    """The first review cannot know the others; that they are known later is no news to it."""
    images = [lab.image("ns/app"), lab.image("ns/child", "ns/app"), lab.image("ns/other")]
    for image in images:
        hub.add(image.full_name)
        commit_on(lab.server.repository(f"{image.full_name}.git"), "master", {"README": "x\n"})
    texts = [{"Dockerfile": f"FROM quay.io/a:1\nLABEL name={name}\n"} for name in ("app", "child")]
    trees = dict(zip((image.key for image in images), (*texts, SECOND), strict=True))
    lab.propose(trees, *images)
    bodies = {name: pulls[0]["body"] for name, pulls in hub.pulls.items()}
    sentence = "The same change is proposed in 1 other repository: "
    assert f"{sentence}ns/child@master.\n" in bodies["ns/app"]
    link = "[ns/app@master](http://hub.test/ns/app/pull/1)"
    assert f"{sentence}{link}.\n" in bodies["ns/child"]
    assert "The same change" not in bodies["ns/other"]

    hub.asked.clear()
    again = lab.propose(trees, *images, store="another-machine")
    assert [result.status for result in again] == ["unchanged"] * 3
    assert all(request.startswith("GET ") for request in hub.asked)


def test_a_pull_request_that_was_never_opened_is_opened_now(lab, hub, app, folder):
    hub.meddle = lambda request: Reply(500, b"{}") if request.method == "POST" else None
    first = one(lab.propose({app.key: FIRST}, app))
    assert first.status == "failed"
    assert REVIEW in refs(folder)
    hub.meddle = lambda request: None
    assert one(lab.propose({app.key: FIRST}, app)).status == "created"
    assert len(hub.pulls["ns/app"]) == 1


def test_a_pull_request_that_somebody_opened_meanwhile_is_used(lab, hub, app, folder):
    def meddle(request):
        if request.method == "POST" and not hub.pulls["ns/app"]:
            body = {"title": "x", "body": "y", "head": "distgen/master", "base": "master"}
            hub._open("ns/app", body)

    hub.meddle = meddle
    assert one(lab.propose({app.key: FIRST}, app)).status == "updated"
    (pull,) = hub.pulls["ns/app"]
    assert pull["title"].startswith("ns/app: ")


def test_nothing_left_to_propose_closes_it_and_news_open_another(lab, hub, app, folder):
    first = one(lab.propose({app.key: FIRST}, app))
    merge(hub, folder, first.commit)
    lab.propose({app.key: SECOND}, app)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "retired"
    assert result.detail == (
        "pull request #2 http://hub.test/ns/app/pull/2 closed, nothing is left to propose"
    )
    last = hub.pulls["ns/app"][-1]
    assert last["state"] == "closed"
    assert last["body"].startswith(f"{WITHDRAWAL_NOTE}\n\n")
    assert REVIEW not in refs(folder)
    assert one(lab.propose({app.key: FIRST}, app)).status == "unchanged"

    back = one(lab.propose({app.key: SECOND}, app))
    assert (back.status, hub.pulls["ns/app"][-1]["number"]) == ("created", 3)


def test_a_review_that_a_person_pushed_to_is_theirs(lab, hub, app, folder):
    lab.propose({app.key: FIRST}, app)
    theirs = commit_on(folder, REVIEW, {"NOTES": "x\n"})
    before = (branches(folder), [dict(pull) for pull in hub.pulls["ns/app"]])
    hub.asked.clear()
    result = one(lab.propose({app.key: SECOND}, app))
    assert result.status == "refused"
    assert result.detail == (
        "pull request #1 http://hub.test/ns/app/pull/1 is left alone, "
        f"for somebody else pushed {theirs[:12]} to it"
    )
    after = [pull | {"sha": before[1][0]["sha"]} for pull in hub.pulls["ns/app"]]
    assert (branches(folder), after) == before
    assert all(request.startswith("GET ") for request in hub.asked)

    git("update-ref", "-d", REVIEW, folder=folder)
    assert one(lab.propose({app.key: SECOND}, app)).status == "created"
    assert [pull["state"] for pull in hub.pulls["ns/app"]] == ["closed", "open"]


@pytest.mark.parametrize("deleted", [True, False])
def test_what_a_person_closed_is_not_proposed_again_until_there_is_news(
    lab, hub, app, folder, deleted
):
    """It was opened again when somebody mended the README, and without its branch at any time."""
    lab.propose({app.key: FIRST}, app)
    hub.pulls["ns/app"][0]["state"] = "closed"
    if deleted:
        git("update-ref", "-d", REVIEW, folder=folder)
    later = replace(ORIGIN, source="https://example.org/images.git@def", date=1_800_000_000)
    options = replace(OPTIONS, provenance=later)
    result = one(lab.propose({app.key: FIRST}, app, options=options, store="another-machine"))
    assert result.status == "unchanged"
    assert "was turned down" in result.detail
    assert (REVIEW in refs(folder)) is not deleted
    commit_on(folder, "master", {"README": "Mended by hand.\n"})
    assert one(lab.propose({app.key: FIRST}, app, options=options)).status == "unchanged"
    assert one(lab.propose({app.key: SECOND}, app)).status == "created"
    assert [pull["state"] for pull in hub.pulls["ns/app"]] == ["closed", "open"]


def test_a_review_of_uncommitted_changes_gets_the_commit_that_has_them(lab, hub, app, folder):
    """It stayed as it was, and nobody could verify it."""
    results = []
    for commit in ("abc-dirty", "def", "012"):
        origin = replace(ORIGIN, source=f"https://example.org/images.git@{commit}")
        options = replace(OPTIONS, provenance=origin)
        results.append(one(lab.propose({app.key: FIRST}, app, options=options)))
    assert [result.status for result in results] == ["created", "updated", "unchanged"]
    assert "from `https://example.org/images.git@def`, as `dist" in hub.pulls["ns/app"][0]["body"]


def test_a_squashed_pull_request_gives_its_branch_back(lab, hub, app, folder):
    lab.propose({app.key: FIRST}, app)
    commit_on(folder, REVIEW, {"NOTES": "x\n"})
    hub.pulls["ns/app"][0] |= {"state": "closed", "merged": True}
    commit_on(folder, "master", {"NOTES": "x\n"})
    result = one(lab.propose({app.key: SECOND}, app))
    assert (result.status, refs(folder)[REVIEW]) == ("created", result.commit)


def test_a_missing_repository_is_made_in_its_organisation(lab, hub, app):
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "created"
    assert hub.repositories == {
        "ns/app": {"description": "", "private": False, "topics": ["distgen", "ns"]}
    }
    there = branches(lab.server.root / "ns/app.git")
    assert set(there) == {"refs/heads/master", REVIEW}


def test_a_missing_repository_is_made_for_the_tokens_own_user(lab, hub, app):
    hub.organizations, hub.user = set(), "ns"
    assert one(lab.propose({app.key: FIRST}, app)).status == "created"


def test_a_repository_is_described_as_github_takes_it(lab, hub):
    about = RepositoryProfile(
        "Two\nlines\n", ("C++ things", "--", "Æ", "x" * 60, "x" * 70), private=True
    )
    github.create_repository(Place(f"{lab.server.url}/ns/app.git", None), lab.account, about)
    assert hub.repositories == {
        "ns/app": {"description": "Two lines", "private": True, "topics": ["c-things", "x" * 50]}
    }


def test_a_repository_of_a_stranger_is_not_made(lab, hub, app):
    hub.organizations = set()
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert "there is no organisation ns, and the token is not of a user ns" in result.detail


def test_the_branch_of_a_stream_is_not_taken_for_that_of_a_review(lab, hub, app, folder):
    """Its commits were pushed to the dist-git branch itself, unread."""
    odd = replace(app, stream=replace(app.stream, branch="distgen/master"))
    with pytest.raises(InputError) as error:
        lab.propose({odd.key: FIRST}, odd)
    assert "branch distgen/master of ns/app@master is one that reviews are" in str(error.value)


def test_a_dry_run_asks_and_changes_nothing(lab, hub, app):
    result = one(lab.propose({app.key: FIRST}, app, dry=True))
    assert result.status == "created"
    assert hub.repositories == {}
    assert all(request.startswith("GET ") for request in hub.asked)


def test_a_renamed_repository_is_noticed(lab, hub, app, folder):
    hub.repositories["ns/renamed"] = hub.repositories.pop("ns/app")
    hub.pulls["ns/renamed"] = []
    hub.moved["ns/app"] = "ns/renamed"
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert result.detail.endswith("is called ns/renamed now; change dist_git.url")
    assert REVIEW not in refs(folder)


def test_the_token_is_not_shown_to_a_host_that_an_answer_names(lab, hub, app, folder):
    requests_seen = []

    def elsewhere(request):
        requests_seen.append(request)
        return Reply(200, b"[]")

    with serve(elsewhere) as stranger:
        genuine, hub.url = hub.url, stranger.url
        result = one(lab.propose({app.key: FIRST}, app))
        hub.url = genuine
    assert result.status == "failed"
    assert f"an answer led to another server, {stranger.host}" in result.detail
    assert requests_seen == []


def test_a_next_page_on_another_host_is_not_asked_for(lab, hub, app, folder):
    requests_seen = []

    def elsewhere(request):
        requests_seen.append(request)
        return Reply(200, b"[]")

    with serve(elsewhere) as stranger:
        link = {"Link": f'<{stranger.url}/x?page=2>; rel="next"'}

        def meddle(request):
            return Reply(200, b"[]", link) if "/pulls?" in request.path else None

        hub.meddle = meddle
        result = one(lab.propose({app.key: FIRST}, app))
    assert (result.status, requests_seen) == ("failed", [])


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW)}),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW)}),
        (403, {"Retry-After": "1"}),
        (429, {"Retry-After": "1"}),
    ],
)
def test_rate_limits_are_waited_for(lab, hub, app, folder, status, headers):
    narration = []
    lab.account = Account(USER, TOKEN, hub.url, HttpPolicy(report=narration.append))
    limits = [Reply(status, b'{"message": "API rate limit exceeded"}', headers)]
    headers["Date"] = "Tue, 14 Nov 2023 22:13:20 GMT"
    hub.meddle = lambda request: limits.pop() if limits and request.method == "POST" else None
    assert one(lab.propose({app.key: FIRST}, app)).status == "created"
    assert len(narration) == 1
    assert narration[0].endswith("asks to wait 1 seconds")
    assert len(hub.pulls["ns/app"]) == 1


def test_a_limit_that_is_too_far_away_is_told(lab, hub, app, folder):
    hub.meddle = lambda request: Reply(429, b"{}", {"Retry-After": "7200"})
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert result.detail.endswith("asks to wait 120 minutes, which is too long")


def test_a_forbidden_request_is_told_in_githubs_words(lab, hub, app, folder):
    words = f'{{"message": "Resource not accessible by {TOKEN}"}}'.encode()
    hub.meddle = lambda request: Reply(403, words)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert "GitHub says Resource not accessible by ***; may the token write" in result.detail


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'"x"', b"3", b"<html>", b'[{"url": 1}]'])
@pytest.mark.parametrize("path", ["/repos/ns/app", "/repos/ns/app/pulls"])
def test_an_answer_that_makes_no_sense_is_told(lab, hub, app, folder, path, body):
    """It ended the run with a traceback."""
    odd = Reply(200, body)
    hub.meddle = lambda request: odd if urlsplit(request.path).path == path else None
    result = one(lab.propose({app.key: FIRST}, app))
    if (path[-1], body) != ("s", b"[]"):  # no pull requests
        assert result.status == "failed"
        assert result.detail == f"{hub.url}: what GitHub answers is not as GitHub describes it"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "No", "errors": "in words"}', "No; in words"),
        (b'{"errors": [{"resource": "Label", "field": "name", "code": "too_long"}, "x"]}',
         "HTTP 422; Label name too long; x"),
        (b"<html>", "HTTP 422"),
    ],
)  # fmt: skip
def test_what_github_says_is_quoted_whatever_its_form(lab, hub, app, folder, body, words):
    hub.meddle = lambda request: Reply(422, body) if request.method == "POST" else None
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.detail.endswith(f"GitHub says {words}")


@pytest.mark.parametrize(("token", "words"), [("wrong", "does not know the token"), ("", "wants")])
def test_a_wrong_token_is_told_as_one(lab, hub, app, folder, token, words):
    lab.account = Account(USER, token, hub.url)
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.status == "failed"
    assert f"GitHub {words}" in result.detail
    assert "dist_git.token_env" in result.detail
    assert TOKEN not in result.detail


def test_a_server_error_is_asked_again(lab, hub, app, folder):
    ill = [Reply(502, b"bad gateway")]
    hub.meddle = lambda request: ill.pop() if ill else None
    assert one(lab.propose({app.key: FIRST}, app)).status == "created"


def test_an_enterprise_is_asked_below_api_v3(lab, app):
    with github_server(lab.server.root, TOKEN, prefix="/api/v3") as hub:
        hub.add("ns/app")
        commit_on(lab.server.repository("ns/app.git"), "master", {"README": "x\n"})
        lab.account = Account(USER, TOKEN, hub.url)
        assert one(lab.propose({app.key: FIRST}, app)).status == "created"
        assert hub.asked[0] == "GET /repos/ns/app"


def test_an_address_that_github_gives_cannot_command_the_terminal(lab, hub, app, folder):
    genuine = hub._pull
    hub._pull = lambda *words: genuine(*words) | {"html_url": "http://x/\x1b[31m1"}
    result = one(lab.propose({app.key: FIRST}, app))
    assert result.detail == "pull request #1 opened http://x/ [31m1"


@pytest.mark.parametrize(
    ("query", "spoilt", "words"),
    [
        ("state=nonsense", {}, "'nonsense' is not one of"),
        ("state=all", {"number": "1"}, "'1' is not of type 'integer'"),
    ],
)
def test_what_github_does_not_describe_fails_a_test(lab, query, spoilt, words):
    headers = {"Authorization": f"token {TOKEN}"}
    with pytest.raises(AssertionError) as error, github_server(lab.server.root, TOKEN) as hub:
        genuine = hub._pull
        hub._pull = lambda *words: genuine(*words) | spoilt
        hub.add("ns/app")
        commit_on(lab.server.repository("ns/app.git"), "master", {"README": "x\n"})
        hub._open("ns/app", {"title": "x", "head": "master", "base": "master"})
        url = f"{hub.url}/repos/ns/app/pulls?per_page=5&{query}"
        assert requests.get(url, headers=headers, timeout=10).status_code == 500
    assert words in str(error.value)


def test_no_repr_shows_the_token(lab, hub):
    assert TOKEN not in repr(lab.account)
    assert TOKEN not in repr(lab.git)


def branches(folder):
    return {ref: tip for ref, tip in refs(folder).items() if ref.startswith("refs/heads/")}


def merge(hub, folder, commit):
    """Merge the newest pull request, as a person does."""
    hub.pulls["ns/app"][-1] |= {"state": "closed", "merged": True}
    git("update-ref", "refs/heads/master", commit, folder=folder)
