"""What the forges share: where their interfaces are, and how a server is asked."""

import time
from contextlib import suppress
from threading import Event, Thread

import pytest
import requests
from testing.servers import Reply, serve

from distgen.errors import DistgenError
from distgen.forges import forgejo, gerrit, github_api
from distgen.forges.addresses import find_link, host_name, project_path
from distgen.forges.forge import Forge
from distgen.forges.load import forge_names, load_forge
from distgen.forges.records import Account
from distgen.forges.session import (
    LONGEST_WAIT,
    AuthorizationHeader,
    SameHostSession,
    limit_pause,
)
from distgen.git.location import Place
from distgen.http import HttpPolicy

HTTPS = "https://host.example.org"


@pytest.mark.parametrize(
    ("address", "name", "server"),
    [
        ("https://github.com/org/app.git", "org/app", "github.com"),
        ("https://host:8443/group/sub/app", "group/sub/app", "host"),
        ("ssh://git@host:29418/ns/app.git", "ns/app", "host"),
        ("git@github.com:org/app.git", "org/app", "github.com"),
        ("host:~/app.git", "~/app", "host"),
    ],
)
def test_an_address_names_a_server_and_a_project(address, name, server):
    place = Place(address, None)
    assert (project_path(place), host_name(place)) == (name, server)


@pytest.mark.parametrize(
    ("name", "address", "api", "expected"),
    [
        ("github", "https://github.com/o/r.git", "", "https://api.github.com"),
        ("github", "git@github.com:o/r.git", "", "https://api.github.com"),
        ("github", "ssh://git@ssh.github.com:443/o/r.git", "", "https://api.github.com"),
        ("github", f"{HTTPS}/o/r.git", "", f"{HTTPS}/api/v3"),
        ("github", f"{HTTPS}:8443/o/r.git", "", f"{HTTPS}:8443/api/v3"),
        ("github", "https://sub.ghe.com/o/r.git", "", "https://api.sub.ghe.com"),
        ("github", "git@host.example.org:o/r.git", "", f"{HTTPS}/api/v3"),
        ("github", f"{HTTPS}/o/r.git", "https://x/api/v3/", "https://x/api/v3"),
        ("forgejo", f"{HTTPS}/o/r.git", "", f"{HTTPS}/api/v1"),
        ("forgejo", f"{HTTPS}/below/o/r.git", "", f"{HTTPS}/below/api/v1"),
        ("forgejo", "git@host.example.org:o/r.git", "", ""),
        ("forgejo", "git@host.example.org:o/r.git", f"{HTTPS}/api/v1", f"{HTTPS}/api/v1"),
        ("gerrit", f"{HTTPS}/ns/app", "", HTTPS),
        ("gerrit", f"{HTTPS}/a/ns/app", "", HTTPS),
        ("gerrit", f"{HTTPS}/gerrit/a/ns/app", "", f"{HTTPS}/gerrit"),
        ("gerrit", "ssh://bot@host.example.org:29418/ns/app", "", ""),
        ("gerrit", "ssh://bot@host.example.org:29418/ns/app", HTTPS, HTTPS),
    ],
)
def test_an_interface_is_where_the_forge_has_it_or_where_the_site_says(
    name, address, api, expected
):
    api_address = {
        "github": github_api.api_address,
        "forgejo": forgejo.api_address,
        "gerrit": gerrit.api_address,
    }[name]
    assert api_address(Place(address, None), Account(api=api)) == expected


@pytest.mark.parametrize(
    ("name", "url", "command"),
    [
        ("github", "https://github.com/acme/app.git", "gh repo create acme/app"),
        ("gitlab", "git@gitlab.com:acme/app.git", "glab repo create acme/app"),
        ("gerrit", "ssh://review.example.org:29418/acme/app",
         "ssh -p 29418 review.example.org gerrit create-project acme/app"),
        ("gerrit", "https://review.example.org:8443/r/a/acme/app",
         "ssh -p 29418 review.example.org gerrit create-project acme/app"),
        ("forgejo", "https://codeberg.org/acme/app.git",
         "tea repos create --owner acme --name app"),
        ("gitea", "https://host/below/acme/app.git", "tea repos create --owner acme --name app"),
    ],
)  # fmt: skip
def test_a_forge_names_the_command_that_makes_a_repository(name, url, command):
    assert load_forge(name).creation_hint(Place(url, None)) == command


def test_the_schema_names_the_forges_that_there_are():
    assert forge_names() == ("github", "gitlab", "gerrit", "forgejo", "gitea")
    assert all(isinstance(load_forge(name), Forge) for name in forge_names())


def test_the_link_of_a_review_is_found_in_a_servers_words():
    lines = ["Downtime on Friday: https://lab.example.org/news/7", "View merge request for x:",
            "  https://lab.example.org/g/p/-/merge_requests/7", ""]  # fmt: skip
    assert find_link(lines, r"/merge_requests/\d+$") == (
        "https://lab.example.org/g/p/-/merge_requests/7"
    )
    new = "  https://lab.example.org/g/p/-/merge_requests/new?merge_request%5Bsource_branch%5D=7"
    assert find_link([new], r"/merge_requests/\d+$") == ""


# --- asking --------------------------------------------------------------------------------------


def session(front, **settings):
    policy = HttpPolicy(**{"first_pause": 0, "longest_wait": LONGEST_WAIT, **settings})
    guarded = SameHostSession(front.url, policy)
    guarded.auth = AuthorizationHeader("token secret-of-the-test")
    return guarded


def test_a_redirect_to_another_host_is_not_followed():
    requests_seen = []

    def elsewhere(request):
        requests_seen.append(request)
        return Reply(200)

    with serve(elsewhere) as stranger:
        moved = Reply(302, headers={"Location": f"{stranger.url}/x"})
        with serve(lambda request: moved) as front, pytest.raises(DistgenError) as error:
            session(front).get(f"{front.url}/x")
    assert f"an answer led to another server, {stranger.host}" in str(error.value)
    assert requests_seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_change_that_is_redirected_is_an_error_and_no_question(status):
    with serve(lambda request: Reply(status, headers={"Location": "/there"})) as front:
        with pytest.raises(DistgenError) as error:
            session(front).post(f"{front.url}/here", json={})
        assert str(error.value) == f"{front.url}/here: has moved to /there"
        assert [request.method for request in front.log] == ["POST"]


def test_a_server_that_is_not_there_is_told_without_the_query():
    with serve(lambda request: Reply(200)) as front:
        url = front.url
    guarded = SameHostSession(url, HttpPolicy(attempts=1))
    with pytest.raises(DistgenError) as error:
        guarded.get(f"{url}/x?token=secret")
    assert str(error.value) == f"{url}/x: cannot be reached (connection refused)"


def test_a_netrc_does_not_replace_the_token(tmp_path, monkeypatch):
    """It did behind a redirect, so that a renamed repository was told as a wrong token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(netrc))
    moved = Reply(301, headers={"Location": "/y"})
    with serve(lambda request: moved if request.path == "/x" else Reply(200)) as front:
        session(front).get(f"{front.url}/x")
        headers = [request.headers["authorization"] for request in front.log]
    assert headers == ["token secret-of-the-test"] * 2


def test_waiting_ends_when_the_run_does():
    stop, wrong = Event(), []

    def ask():
        try:
            session(front, stop=stop).get(f"{front.url}/x")
        except DistgenError as error:
            wrong.append(str(error))

    with serve(lambda request: Reply(429, headers={"Retry-After": "600"})) as front:
        waiting = Thread(target=ask)
        waiting.start()
        while not front.log:
            time.sleep(0.01)
        stop.set()
        waiting.join(5)
    assert wrong == [
        f"{front.url}/x: answered 429 (too many requests), and the run was interrupted"
    ]


def test_a_limit_that_never_ends_is_waited_for_as_long_as_one_that_is_told_at_once():
    """It was given up after five answers, however little time had passed."""
    with serve(lambda request: Reply(429, headers={"Retry-After": "0"})) as front:
        with pytest.raises(DistgenError) as error:
            session(front, longest_wait=2, attempts=1).get(f"{front.url}/x")
        assert len(front.log) == 3
    assert str(error.value).endswith("which is too long")


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (403, {"Retry-After": "30"}, b"{}", [30, 30]),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000050"}, b"{}", [51, 51]),
        (403, {}, b'{"message": "You have exceeded a secondary rate limit."}', [60, 120]),
        (403, {}, b'{"message": "You have triggered an abuse detection mechanism."}', [60, 120]),
        (429, {}, b"{}", [60, 120]),
        (403, {"X-RateLimit-Remaining": "7"}, b'{"message": "Forbidden"}', [None, None]),
        (503, {"Retry-After": "30"}, b"{}", [None, None]),
    ],
)
def test_limits_are_read_as_github_describes_them(status, headers, body, expected):
    date = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}  # 1700000000
    with serve(lambda request: Reply(status, body, headers | date)) as front:
        answer = requests.get(front.url, timeout=10)
    assert [limit_pause(answer, attempt) for attempt in (0, 1)] == expected


def test_what_may_be_asked_twice_is_asked_again_when_the_server_fails():
    for ill in (Reply(0), Reply(502)):
        for method, times in (("GET", 3), ("PATCH", 3), ("POST", 1)):
            with serve(lambda request, ill=ill: ill) as front:
                with suppress(DistgenError):
                    session(front, attempts=3).request(method, f"{front.url}/x")
                assert (method, len(front.log)) == (method, times)


def test_nothing_that_is_shown_of_a_session_holds_the_token():
    with serve(lambda request: Reply(200)) as front:
        guarded = session(front)
        for text in (repr(guarded.auth), str(guarded.auth), repr(vars(guarded))):
            assert "secret-of-the-test" not in text
        assert isinstance(guarded, requests.Session)
