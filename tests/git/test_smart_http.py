"""Our own client of git servers: what it asks, whom it logs in to, and what it survives."""

import gzip
import os
import socket
import threading
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from testing import transports
from testing.dist_git import GIT, QUICK, by_git, git, run_publish
from testing.git_server import Fault, git_server
from testing.images import image, tree
from testing.raw_server import ok, raw_server

from distgen.backoff import Outages
from distgen.errors import DistgenError
from distgen.git.auth import authorize, token_for
from distgen.git.http.choice import HttpChoice
from distgen.git.http.pkt_line import frame
from distgen.git.location import locate
from distgen.git.remote import list_refs, read_remote_heads
from distgen.git.run import isolate

ID = "a" * 40
USER, PASSWORD = "bot", "s3cr3t-TOKEN"
KIND = "application/x-git-upload-pack-advertisement"
BEGIN = frame(b"# service=git-upload-pack\n") + b"0000"
REF = frame(f"{ID} refs/heads/main\0ofs-delta\n".encode())
LISTED = BEGIN + REF + b"0000"
PATTERNS = ("refs/heads/*",)


def place(url, name="ns/app.git"):
    return locate(f"{url}/{name}", Path("/"))


def asking(git=GIT, **policy):
    """Return git with connections of its own, and what it leaves to git, by reason."""
    reasons = []
    choice = HttpChoice(4, lambda address, reason: reasons.append(reason))
    fresh = {"stop": threading.Event(), "outages": Outages(), "http": choice}
    return replace(git, **fresh, retry=replace(QUICK, **policy)), reasons


def user(tmp_path, *settings, **variables):
    """Return git of somebody with settings of their own."""
    config = tmp_path / "user.config"
    for key, value in settings:
        git("config", "-f", str(config), "--add", key, value)
    config.touch()
    variables |= {"GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1"}
    return isolate({"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}, QUICK)


# --- what is asked -------------------------------------------------------------------------------


def test_a_repository_is_asked_with_one_request_over_kept_connections(tmp_path):
    with git_server(tmp_path / "srv") as server:
        for number in range(12):
            server.repository(f"ns/a{number}.git")
        own_git, reasons = asking()
        for number in range(12):
            assert list_refs(own_git, place(server.url, f"ns/a{number}.git"), PATTERNS) == {}
        assert [request.query for request in server.requests] == ["service=git-upload-pack"] * 12
        assert len(server.connections) == 1
        assert reasons == []


def test_what_is_listed_is_what_git_lists(tmp_path):
    with git_server(tmp_path / "srv") as server:
        where = server.repository("ns/app.git")
        commit = git("commit-tree", "-m", "x", "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
                     folder=where, check=False).strip()  # fmt: skip
        if not commit:
            git("hash-object", "-t", "tree", "-w", "--stdin", folder=where, stdin=b"")
            commit = git("commit-tree", "-m", "x", "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
                         folder=where).strip()  # fmt: skip
        for ref in ("heads/master", "heads/a/b", "heads/ü", "changes/1/1", "notes/heads/a/b"):
            git("update-ref", f"refs/{ref}", commit, folder=where)
        git("tag", "-a", "-m", "x", "v1", commit, folder=where)
        for patterns in (("refs/heads/*",), ("HEAD",), ("refs/tags/*", "refs/heads/a/b"), ("no",)):
            own_git, reasons = asking()
            assert list_refs(own_git, place(server.url), patterns) == list_refs(
                by_git(GIT), place(server.url), patterns
            )
            assert reasons == []


def test_more_threads_than_connections_share_them(tmp_path):
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/app.git")
        own_git, _ = asking()
        threads = [
            threading.Thread(target=list_refs, args=(own_git, place(server.url), PATTERNS))
            for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 12
        assert len(server.connections) <= 4


def test_a_commit_is_delivered_in_two_round_trips(tmp_path):
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/app.git")
        app = image("ns/app", url=f"{server.url}/ns/app.git")
        own_git, reasons = asking()
        trees = {app.key: tree(app, {"Dockerfile": "FROM a\n", "a/b/c": "x\n"})}
        (result,) = run_publish(tmp_path, [app], trees, git=own_git)
        assert (result.status, reasons) == ("created", [])
        steps = [(request.method, request.path.rpartition("/")[2]) for request in server.requests]
        assert steps == [("GET", "refs"), ("POST", "git-receive-pack")]
        assert git("fsck", "--strict", "--full", folder=tmp_path / "srv/ns/app.git") == ""


def test_who_may_only_read_is_told_where_the_branch_stands(tmp_path):
    with git_server(tmp_path / "srv", {USER: PASSWORD}) as server:
        server.is_public = True
        server.repository("ns/app.git")
        own_git, reasons = asking(user(tmp_path))
        own_git = replace(own_git, pushes=True)
        assert read_remote_heads(own_git, place(server.url), ["master"]).exists
        assert reasons == []


# --- who is logged in ----------------------------------------------------------------------------


def test_a_credential_helper_is_asked_once_for_a_server(tmp_path):
    helper = tmp_path / "helper"
    helper.write_text(
        f'#!/bin/sh\necho "$1" >>{tmp_path}/asked\n'
        f"[ $1 = get ] && echo username={USER} && echo password={PASSWORD}\n"
    )
    helper.chmod(0o755)
    with git_server(tmp_path / "srv", {USER: PASSWORD}) as server:
        own_git, reasons = asking(user(tmp_path, ("credential.helper", str(helper))))
        for number in range(3):
            server.repository(f"ns/a{number}.git")
            assert list_refs(own_git, place(server.url, f"ns/a{number}.git"), PATTERNS) == {}
        assert [request.user for request in server.requests] == ["", USER, USER, USER]
        assert (tmp_path / "asked").read_text().split() == ["get", "store"]
        assert reasons == []
        server.users = {USER: "another"}
        with pytest.raises(DistgenError, match="Authentication failed") as caught:
            list_refs(own_git, place(server.url), PATTERNS)
        assert PASSWORD not in str(caught.value)


def test_a_stored_password_that_is_for_reading_alone_stays_stored(tmp_path):
    """A plan asks as who pushes; where that is refused, git's helper forgot the password."""
    stored = tmp_path / "stored"
    wrong = Fault(401, {"WWW-Authenticate": "Basic realm=writers"})
    with git_server(tmp_path / "srv", {USER: PASSWORD}) as server:
        server.meddle = lambda request: wrong if "receive-pack" in request.query else None
        stored.write_text(f"{server.url.replace('://', f'://{USER}:{PASSWORD}@')}\n")
        own_git, reasons = asking(user(tmp_path, ("credential.helper", f"store --file {stored}")))
        for number in range(3):
            server.repository(f"ns/a{number}.git")
            address = place(server.url, f"ns/a{number}.git")
            assert read_remote_heads(replace(own_git, pushes=True), address, ["master"]).exists
            assert f"{USER}:{PASSWORD}@" in stored.read_text()
        assert reasons == []


def test_a_token_goes_to_its_own_folder_only(tmp_path):
    with git_server(tmp_path / "srv", {USER: PASSWORD}) as server:
        server.is_public = True
        for name in ("ns/app.git", "other/app.git"):
            server.repository(name)
        token = replace(token_for(server.url, USER, PASSWORD), url=f"{server.url}/ns/")
        own_git, reasons = asking(authorize(GIT, [token]))
        for name in ("ns/app.git", "other/app.git"):
            assert list_refs(own_git, place(server.url, name), PATTERNS) == {}
        assert [request.user for request in server.requests] == [USER, ""]
        assert reasons == []


@pytest.mark.parametrize("target", ["same", "other"])
def test_a_redirect_is_followed_on_the_same_server_only(tmp_path, target):
    with git_server(tmp_path / "a") as server, git_server(tmp_path / "b") as other:
        to = server if target == "same" else other
        to.repository("new/app.git")
        server.meddle = lambda asked: (
            Fault(301, {"Location": f"{to.url}/new/app.git/info/refs?{asked.query}"})
            if asked.path.startswith("/ns/")
            else None
        )
        own_git, reasons = asking()
        assert list_refs(own_git, place(server.url), PATTERNS) == {}
        assert reasons == ([] if target == "same" else ["it leads to another address"])


@pytest.mark.parametrize(
    ("challenge", "is_ours"),
    [
        ('Basic realm="git, and Digest x"', True),
        ("Negotiate, Basic realm=x", False),
        ('NTLM, Basic realm="x"', False),
        ("Bearer", False),
        ("", False),
    ],
)
def test_a_login_that_only_git_knows_is_left_to_git(tmp_path, challenge, is_ours):
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/app.git")
        server.meddle = lambda asked: (
            Fault(401, {"WWW-Authenticate": challenge}) if "authorization" not in asked.headers
            and "distgen" in asked.headers["user-agent"] else None
        )  # fmt: skip
        askpass = tmp_path / "askpass"
        askpass.write_text("#!/bin/sh\necho x\n")
        askpass.chmod(0o755)
        own_git, reasons = asking(user(tmp_path, GIT_ASKPASS=str(askpass)))
        assert list_refs(own_git, place(server.url), PATTERNS) == {}
        assert (reasons == []) == is_ours


# --- how it is reached ---------------------------------------------------------------------------


def test_a_proxy_and_headers_and_another_address_are_used_as_configured(tmp_path):
    body = Fault(200, {"Content-Type": KIND}, LISTED)
    with git_server(tmp_path / "srv", meddle=lambda asked: body) as proxy:
        settings = [
            ("url.http://repos.invalid/.insteadOf", "https://alias.invalid/"),
            ("http.http://repos.invalid.proxy", proxy.url.removeprefix("http://")),
            ("http.extraHeader", "X-Team: images"),
            ("http.https://elsewhere.invalid.extraHeader", "X-Other: no"),
        ]
        own_git, reasons = asking(user(tmp_path, *settings, http_proxy="http://127.0.0.1:9"))
        assert list_refs(own_git, place("https://alias.invalid"), PATTERNS) == {
            "refs/heads/main": ID
        }
        (request,) = proxy.requests
        assert request.path == "http://repos.invalid/ns/app.git/info/refs"
        assert request.headers["x-team"] == "images"
        assert "x-other" not in request.headers
        assert reasons == []


def test_a_password_in_an_address_is_not_sent(tmp_path):
    with git_server(tmp_path / "srv", {USER: PASSWORD}) as server:
        base = server.url.replace("://", f"://{USER}:{PASSWORD}@")
        setting = (f"url.{base}/.insteadOf", "https://alias.invalid/")
        own_git, reasons = asking(user(tmp_path, setting))
        with pytest.raises(DistgenError) as caught:
            list_refs(own_git, place("https://alias.invalid"), PATTERNS)
        assert PASSWORD not in str(caught.value)
        assert (server.requests, reasons) == ([], ["its address holds a password"])


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A server with TLS that knows its clients by a certificate."""
    root = tmp_path_factory.mktemp("tls") / "repositories"
    root.mkdir()
    git("init", "-q", "--bare", "--template=", str(root / "ns/app.git"))
    with transports.https(root):
        chain, key = root.parent / "tls.crt", root.parent / "tls.key"
    with git_server(root, certificate=(chain, key), clients=chain) as server:
        yield server, chain, key


def test_a_server_is_reached_with_the_certificates_of_the_configuration(lab, tmp_path):
    server, chain, key = lab
    ours = [("http.sslCert", str(chain)), ("http.sslKey", str(key))]
    trusted, reasons = asking(user(tmp_path, ("http.sslCAInfo", str(chain)), *ours))
    assert list_refs(trusted, place(server.url), PATTERNS) == {}
    blind, more_reasons = asking(user(tmp_path, *ours, GIT_SSL_NO_VERIFY="1"))
    assert list_refs(blind, place(server.url), PATTERNS) == {}
    assert (reasons, more_reasons, len(server.requests)) == ([], [], 2)


@pytest.mark.parametrize("missing", ["authority", "certificate"])
def test_a_server_that_is_not_proved_is_not_asked(lab, tmp_path, missing):
    server, chain, key = lab
    settings = [("http.sslCert", str(chain)), ("http.sslKey", str(key))]
    if missing == "certificate":
        settings = [("http.sslCAInfo", str(chain))]
    own_git, _ = asking(user(tmp_path, *settings), attempts=1)
    before = len(server.requests)
    with pytest.raises(DistgenError):
        list_refs(own_git, place(server.url), PATTERNS)
    assert len(server.requests) == before


@pytest.mark.parametrize(
    "setting",
    [
        *(("http.cookieFile", "/nowhere"), ("http.proxyAuthMethod", "ntlm")),
        *(("http.http://127.0.0.1.sslBackend", ""), ("credential.useHttpPath", "true")),
        ("http.curloptResolve", "localhost:1:127.0.0.1"),
    ],
)
def test_a_setting_that_only_git_knows_leaves_the_server_to_git(tmp_path, setting):
    key, value = setting
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/app.git")
        own_git, reasons = asking(user(tmp_path, (key.replace("0.0.1.", "0.0.1:*."), value)))
        assert list_refs(own_git, place(server.url), PATTERNS) == {}
        assert len(reasons) == 1
        assert all("distgen" not in request.headers["user-agent"] for request in server.requests)


# --- what it survives ----------------------------------------------------------------------------


def drip(client, data, seconds=0.05):
    for number in range(len(data)):
        client.sendall(data[number : number + 1])
        time.sleep(seconds)


ENDLESS_HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {KIND}\r\n\r\n".encode()


def endless_refs(client):
    client.sendall(ENDLESS_HEAD + BEGIN + REF)
    lines = b"".join(frame(f"{ID} refs/pull/{n}\n".encode()) for n in range(1000))
    while True:
        client.sendall(lines)
        time.sleep(0.01)


def slow_body(client):
    client.sendall(ENDLESS_HEAD)
    drip(client, LISTED * 100)


def slow_head(client):
    drip(client, ENDLESS_HEAD * 100)


def slow_bomb(client):
    client.sendall(ENDLESS_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"))
    packer = zlib.compressobj(wbits=31)
    client.sendall(packer.compress(BEGIN + REF))
    lines = b"".join(frame(f"{ID} refs/pull/1\n".encode()) for _ in range(20_000))
    while True:
        client.sendall(packer.compress(lines) + packer.flush(zlib.Z_SYNC_FLUSH))
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [endless_refs, slow_body, slow_head, slow_bomb])
def test_a_server_that_never_ends_is_given_up_in_time(answer):
    own_git, reasons = asking(timeout=1.5, attempts=1)
    with raw_server(answer) as url:
        begin = time.monotonic()
        with pytest.raises(DistgenError, match=r"no answer within 1\.5 seconds"):
            list_refs(own_git, place(url), PATTERNS)
        assert time.monotonic() - begin < 60
    assert reasons == []


def test_the_end_of_a_run_ends_what_is_asked():
    own_git, _ = asking(timeout=300)
    begun = threading.Event()

    def answer(client):
        begun.set()
        slow_head(client)

    with raw_server(answer) as url:
        errors = []

        def ask():
            try:
                list_refs(own_git, place(url), PATTERNS)
            except DistgenError as error:
                errors.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        assert begun.wait(60)
        own_git.stop.set()
        thread.join(60)
        assert not thread.is_alive()
    assert "the run was interrupted" in errors[0]


def test_what_a_server_compresses_unasked_is_read(tmp_path):
    body = ok(KIND, gzip.compress(LISTED), "Content-Encoding: gzip")
    own_git, reasons = asking()
    with raw_server(lambda client: client.sendall(body)) as url:
        assert list_refs(own_git, place(url), PATTERNS) == {"refs/heads/main": ID}
    assert reasons == []


def test_what_comes_after_the_end_of_what_is_compressed_is_not_kept(tmp_path):
    """It counted as nothing and filled the memory until the time was over."""
    body = ok(KIND, gzip.compress(LISTED) + bytes(1 << 17), "Content-Encoding: gzip")
    own_git, reasons = asking()
    with raw_server(lambda client: client.sendall(body)) as url, pytest.raises(DistgenError):
        list_refs(own_git, place(url), PATTERNS)
    assert reasons == ["what it compressed goes on after its end"]


def test_half_a_secret_in_a_long_page_is_not_shown(tmp_path):
    line = b"wrong\n"
    page = line * ((1 << 16) // len(line) - 1) + f"you are {PASSWORD * 3}".encode()
    page += b"x" * (1 << 17)
    refusal = ok("text/plain", page).replace(b"200 OK", b"403 Forbidden", 1)
    own_git, _ = asking(replace(user(tmp_path), secrets=(PASSWORD * 3,)))
    server = raw_server(lambda client: client.sendall(refusal))
    with server as url, pytest.raises(DistgenError) as caught:
        list_refs(own_git, place(url), PATTERNS)
    assert "wrong" in str(caught.value) and "you are" not in str(caught.value)


def test_an_address_that_is_none_after_rewriting_is_a_sentence(tmp_path):
    own_git, reasons = asking(user(tmp_path, ("url.https://[.insteadOf", "https://a.example/")))
    with pytest.raises(DistgenError, match="cannot be reached"):
        list_refs(own_git, place("https://a.example"), PATTERNS)
    assert reasons == ["its address is one that only git knows"]


@pytest.mark.parametrize(
    "body",
    [
        ok(KIND, b"<html>log in</html>"),
        ok(KIND, BEGIN + b"fffe" + REF),
        ok(KIND, BEGIN + frame(b"a" * 64 + b" refs/heads/main\0\n") + b"0000"),
        ok(KIND, LISTED, "Content-Encoding: gzip"),
        ok(KIND, LISTED, "Content-Encoding: br"),
        b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n",
        b"HTTP/1.1 99999999999999999999 OK\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ext::sh -c x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "
        + KIND.encode() + b"\r\n\r\nfffffffffffffffffffff\r\n" + LISTED,
        b"SSH-2.0-x\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_a_sentence(body):
    def answer(client):
        client.sendall(body)
        client.shutdown(socket.SHUT_RDWR)

    own_git, _ = asking(timeout=20, attempts=2)
    with raw_server(answer) as url, pytest.raises(DistgenError) as caught:
        list_refs(own_git, place(url), PATTERNS)
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"<html>thanks</html>",
        frame(b"\x01" + frame(b"unpack ok\n") + frame(b"ok refs/heads/other\n") + b"0000")
        + b"0000",
        frame(b"\x01" + frame(b"unpack ok\n") + frame(b"ng refs/heads/master no\n") + b"0000")
        + b"0000",
        frame(b"\x01" + frame(b"unpack ok\n") + frame(b"ok refs/heads/master\n")) + b"0000",
        frame(b"\x03no more\n"),
        frame(b"\x09"),
    ],
    ids=["empty", "page", "of another ref", "refused", "cut short", "fatal", "no band"],
)
def test_a_push_without_a_whole_report_is_not_believed(tmp_path, report):
    kind = {"Content-Type": "application/x-git-receive-pack-result"}
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/app.git")
        server.meddle = lambda asked: Fault(200, kind, report) if asked.pushes else None
        app = image("ns/app", url=f"{server.url}/ns/app.git")
        trees = {app.key: tree(app, {"Dockerfile": "FROM a\n"})}
        own_git, reasons = asking()
        (result,) = run_publish(tmp_path, [app], trees, git=own_git)
        assert result.status == "failed"
        assert result.detail
        assert reasons == []


def test_a_password_that_a_server_repeats_is_not_shown(tmp_path):
    store = tmp_path / "kept"
    with git_server(tmp_path / "srv", {USER: PASSWORD}) as server:
        store.write_text(f"{server.url.replace('://', f'://{USER}:{PASSWORD}@')}\n")
        server.repository("ns/app.git")
        server.hook("ns/app.git", "pre-receive", f"#!/bin/sh\necho you are {PASSWORD}\nexit 1\n")
        app = image("ns/app", url=f"{server.url}/ns/app.git")
        trees = {app.key: tree(app, {"Dockerfile": "FROM a\n"})}
        own_git, reasons = asking(user(tmp_path, ("credential.helper", f"store --file {store}")))
        (result,) = run_publish(tmp_path, [app], trees, git=own_git)
        assert result.detail == "you are ***; [remote rejected] (pre-receive hook declined)"
        assert reasons == []
