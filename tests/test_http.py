"""One way to ask over HTTP: what registries, forges and downloads have in common."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from email.utils import formatdate

import pytest
from testing.servers import Reply, serve

from distgen.errors import DistgenError
from distgen.forges.session import SameHostSession
from distgen.http import HttpFailure, HttpPolicy, HttpSession, exchange, open_answer
from distgen.lock import downloads
from distgen.model.reference import parse_reference
from distgen.registry.client import Registry
from distgen.registry.oci import OCI_MANIFEST
from distgen.registry.transport import Transport

pytest_plugins = ["testing.commandline"]
MANIFEST = b'{"schemaVersion": 2, "config": {}, "layers": []}'
FINE = Reply(200, MANIFEST, {"Content-Type": OCI_MANIFEST})
THEN = "Wed, 21 Oct 2015 07:28:00 GMT"
NINE_SECONDS_LATER = "Wed, 21 Oct 2015 07:28:09 GMT"


class Pauses(threading.Event):
    """Stands for the end of a run, which does not come; keeps the pauses in place of waiting."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return False


def policy(**settings):
    return HttpPolicy(**{"jitter": lambda: 1.0, "stop": Pauses(), "timeout": 5, **settings})


def ask_registry(url, rules):
    reference = parse_reference(f"{url.removeprefix('http://')}/a/b:1")
    Registry(Transport(policy=rules)).manifest(reference)


def ask_forge(url, rules):
    answer = SameHostSession(url, rules).get(f"{url}/x")
    if not answer.ok:
        raise DistgenError(f"answered {answer.status_code}")


def fetch_file(url, rules):
    downloads.fetch_sha256(f"{url}/x", rules)


ASKERS = pytest.mark.parametrize("ask", [ask_registry, ask_forge, fetch_file])


def in_turn(*replies):
    """Answer with the replies one after another, and with the last one for ever."""
    rest = list(replies)
    return lambda asked: rest.pop(0) if len(rest) > 1 else rest[0]


# --- how often, and how long -------------------------------------------------------------------


@ASKERS
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": NINE_SECONDS_LATER, "Date": THEN}, 9),
        ({"Retry-After": " 7 "}, 7),
    ],
)
def test_a_server_is_left_alone_as_long_as_it_asks(ask, status, headers, seconds):
    """Forges waited for a minute when they named a date, and not at all on 503."""
    rules = policy()
    with serve(in_turn(Reply(status, b"{}", headers), FINE)) as front:
        ask(front.url, rules)
    assert rules.stop.seconds == [seconds]


@ASKERS
def test_a_date_without_the_servers_clock_is_compared_with_this_one(ask):
    rules = policy()
    with serve(lambda asked: FINE) as front:
        ask(front.url, rules)
    headers = {"Retry-After": formatdate(time.time() + 30, usegmt=True)}
    with serve(in_turn(Reply(503, headers=headers), FINE)) as front:
        ask(front.url, rules)
    (seconds,) = rules.stop.seconds
    assert 20 < seconds <= 30


@ASKERS
@pytest.mark.parametrize("text", ["", "soon", "-1", "\xb2", "1e3", "Thu, 99 Foo 2015 99:99:99"])
def test_a_retry_after_without_sense_is_ignored(ask, text):
    rules = policy(first_pause=1)
    with serve(in_turn(Reply(503, headers={"Retry-After": text, "Date": THEN}), FINE)) as front:
        ask(front.url, rules)
    assert rules.stop.seconds == [1]


@ASKERS
@pytest.mark.parametrize("failure", [Reply(503), Reply(500), Reply(408), Reply(0)])
def test_a_server_that_stays_broken_is_asked_as_often_as_the_policy_says(ask, failure):
    """A download failed after the first 503."""
    for attempts in (1, 3):
        rules = policy(attempts=attempts, first_pause=1)
        with serve(lambda asked: failure) as front:
            with pytest.raises(DistgenError):
                ask(front.url, rules)
            paths = [asked.path for asked in front.log]
            assert len(paths) == attempts
        assert rules.stop.seconds == [1, 2][: attempts - 1]


@ASKERS
def test_a_server_that_fails_once_is_asked_again_and_the_user_is_told(ask):
    lines = []
    rules = policy(first_pause=1, report=lines.append)
    with serve(in_turn(Reply(503), FINE)) as front:
        ask(front.url, rules)
        assert lines == [
            f"{front.host} answered 503 (service unavailable); trying again in 1.0 seconds"
        ]


@ASKERS
def test_a_server_that_asks_for_too_much_time_is_given_up(ask):
    rules = policy(longest_wait=100)
    with serve(lambda asked: Reply(429, headers={"Retry-After": "101"})) as front:
        with pytest.raises(DistgenError) as caught:
            ask(front.url, rules)
        assert len(front.log) == 1
    assert "answered 429 (too many requests) and asks to wait 101 seconds, which is" in str(
        caught.value
    )


@ASKERS
def test_a_server_that_never_answers_is_given_up(ask):
    release = threading.Event()

    def hang(asked):
        release.wait(60)
        return FINE

    rules = policy(timeout=0.3)
    with serve(hang) as front:
        begin = time.monotonic()
        with pytest.raises(DistgenError) as caught:
            ask(front.url, rules)
        assert time.monotonic() - begin < 30
        assert rules.stop.seconds == [], "what took all the time there is will take it again"
        release.set()
    assert "did not answer within 0.3 s" in str(caught.value)


@ASKERS
def test_an_answer_that_trickles_is_given_up(ask):
    """Each byte came soon enough, so nothing ended it."""
    with TricklingServer() as url:
        begin = time.monotonic()
        with pytest.raises(DistgenError) as caught:
            ask(url, policy(timeout=1, silence=1))
        assert time.monotonic() - begin < 30
    assert "did not answer completely within 1 s (--timeout)" in str(caught.value)


class TricklingServer:
    """Answer with a body that never ends, one byte at a time."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def _serve(self):
        while not self.ended.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._trickle, args=(client,), daemon=True).start()

    def _trickle(self, client):
        with client:
            try:
                if client.recv(1) != b"G":  # a TLS handshake
                    return
                client.recv(65536)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not self.ended.wait(0.05):
                    client.sendall(b"x")
            except OSError:
                return

    def __exit__(self, *_):
        self.ended.set()
        self.listener.close()


# --- the end of a run --------------------------------------------------------------------------


@ASKERS
def test_a_pause_ends_with_the_run(ask):
    stop, errors = threading.Event(), []

    def work():
        try:
            ask(front.url, HttpPolicy(stop=stop))
        except DistgenError as error:
            errors.append(str(error))

    with serve(lambda asked: Reply(503, headers={"Retry-After": "60"})) as front:
        thread = threading.Thread(target=work)
        thread.start()
        while not front.log:
            time.sleep(0.01)
        stop.set()
        thread.join(5)
    assert len(errors) == 1
    assert errors[0].endswith("answered 503 (service unavailable), and the run was interrupted")


IMAGE = """
    template: app
    from: {base}
    downloads: {{file: {{url: "{url}/file"}}}}
    """
FILES = {
    "templates/app/template.yaml": "description: An application\nvalues: {}\n",
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\nCMD [1]\n",
}


def catalogue_at(catalogue, front, base="scratch"):
    files = {
        **FILES,
        "overlays/ns/namespace.yaml": f"registry: {front.host}/ns\nstreams: {{master: {{}}}}\n",
        "overlays/ns/one.yaml": IMAGE.format(base=base, url=front.url),
    }
    return catalogue(files)


@pytest.mark.parametrize(
    "words",
    [["lock"], ["discover"], ["promote", "--from", "a", "--to", "b"]],
    ids=["lock", "discover", "promote"],
)
def test_an_interrupt_during_a_pause_ends_the_run_at_once(catalogue, words, tmp_path):
    with serve(lambda asked: Reply(503, headers={"Retry-After": "60"})) as front:
        root = catalogue_at(catalogue, front)
        before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        process = subprocess.Popen(
            [sys.executable, "-m", "distgen", "-C", str(root), *words],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = process.stderr.readline()
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "asks to wait 60 seconds" in line
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert time.monotonic() - begin < 30
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


# --- what the options say ----------------------------------------------------------------------

COMMANDS = pytest.mark.parametrize(
    "words",
    [
        ["lock"],
        ["lock", "--check"],
        ["discover"],
        ["promote", "--from", "a", "--to", "b"],
        ["prune"],
    ],
    ids=["lock", "check", "discover", "promote", "prune"],
)


def with_retention(catalogue, front):
    root = catalogue_at(catalogue, front, f"{front.host}/base:1")
    namespace = root / "overlays/ns/namespace.yaml"
    namespace.write_text(namespace.read_text() + 'retention: {days: {"*": 1}}\n')
    (root / "distgen.lock").write_text(
        f"version: 1\nbases:\n  {front.host}/base:1: {{digest: 'sha256:{'0' * 64}'}}\n"
        f"downloads:\n  {front.url}/file: {{sha256: '{'0' * 64}'}}\n"
    )
    return root


@COMMANDS
@pytest.mark.parametrize("retries", [0, 1])
def test_commands_ask_again_as_often_as_they_are_told(catalogue, distgen, words, retries):
    with serve(lambda asked: Reply(503, headers={"Retry-After": "0"})) as front:
        root = with_retention(catalogue, front)
        if words == ["lock"]:
            words = ["lock", "--upgrade"]
        ran = distgen(root, *words, "--retries", str(retries))
        assert ran.code == 1
        counts = Counter(asked.path for asked in front.log)
    assert set(counts.values()) == {retries + 1}
    assert "answered 503 (service unavailable)" in ran.out + ran.err


@COMMANDS
def test_commands_wait_for_an_exchange_as_long_as_they_are_told(catalogue, distgen, words):
    release = threading.Event()

    def hang(asked):
        release.wait(60)
        return Reply(503)

    with serve(hang) as front:
        root = with_retention(catalogue, front)
        if words == ["lock"]:
            words = ["lock", "--upgrade"]
        begin = time.monotonic()
        ran = distgen(root, *words, "--timeout", "0.5")
        seconds = time.monotonic() - begin
        release.set()
    assert ran.code == 1
    assert "did not answer within 0.5 s" in ran.out + ran.err
    assert seconds < 30


def test_pauses_are_said_once_for_each_server_and_all_of_them_with_v(catalogue, distgen):
    with serve(lambda asked: Reply(503, headers={"Retry-After": "0"})) as front:
        root = catalogue_at(catalogue, front)
        ran = distgen(root, "lock", "--retries", "3")
        assert ran.err.count("asks to wait") == 1
        ran = distgen(root, "-v", "lock", "--retries", "3")
        assert ran.err.count("asks to wait") == 3


# --- downloads ---------------------------------------------------------------------------------


def test_a_file_that_was_cut_off_is_fetched_again_from_its_beginning():
    cut = Reply(200, b"half", {"Content-Length": "8", "Connection": "close"})
    with serve(in_turn(cut, Reply(200, b"half and"))) as front:
        checksum = downloads.fetch_sha256(f"{front.url}/x", policy(first_pause=0))
        assert len(front.log) == 2
    assert checksum == hashlib.sha256(b"half and").hexdigest()


def test_a_file_that_is_cut_off_each_time_has_no_checksum():
    cut = Reply(200, b"half", {"Content-Length": "8", "Connection": "close"})
    with serve(lambda asked: cut) as front:
        with pytest.raises(DistgenError) as caught:
            downloads.fetch_sha256(f"{front.url}/x", policy(attempts=2, first_pause=0))
        assert len(front.log) == 2
    assert str(caught.value) == (
        f"{front.url}/x: cannot be fetched: {front.host} broke off the connection"
    )


def test_a_file_that_is_not_there_is_asked_for_once():
    for ask in (downloads.fetch_sha256, downloads.check_served):
        with serve(lambda asked: Reply(404)) as front:
            with pytest.raises(downloads.FileGone):
                ask(f"{front.url}/x", policy())
            assert len(front.log) == 1


def test_a_download_is_followed_to_another_server_without_a_password(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password hush\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serve(lambda asked: Reply(200, b"content", {"Set-Cookie": "a=b"})) as there:
        lead = Reply(302, headers={"Location": f"{there.url}/\xfc", "Set-Cookie": "c=d"})
        with serve(lambda asked: lead) as front:
            downloads.fetch_sha256(f"{front.url}/x", policy())
            asked = [*front.log, *there.log]
    assert len(asked) == 2
    assert not any({"authorization", "cookie"} & set(one.headers) for one in asked)


# --- limits ------------------------------------------------------------------------------------


def test_the_body_of_an_answer_is_bounded():
    with serve(lambda asked: Reply(200, b"x" * 1001)) as front:
        with HttpSession() as session, pytest.raises(HttpFailure) as caught:
            exchange(lambda **options: session.get(front.url, **options), policy(), limit=1000)
        assert str(caught.value) == "answered with more than 1000 bytes"
        assert not caught.value.passing


def test_a_forge_cannot_fill_the_memory():
    endless = Reply(200, b"x" * (17 << 20))
    with serve(lambda asked: endless) as front, pytest.raises(DistgenError) as caught:
        SameHostSession(front.url, policy()).get(f"{front.url}/x")
    assert str(caught.value) == f"{front.url}/x: answered with more than {16 << 20} bytes"


def test_the_body_of_a_redirect_of_a_download_is_not_read():
    size = 64 << 20
    lead = Reply(302, b"x" * size, {"Location": "/there", "Connection": "close"})
    with serve(lambda asked: FINE if asked.path == "/there" else lead) as front:
        with HttpSession() as session:
            send = lambda **options: session.get(f"{front.url}/x", **options)  # noqa: E731
            with open_answer(send, policy()) as answer:
                assert answer.response.status_code == 302
                assert answer.response.raw.tell() == 0
        downloads.fetch_sha256(f"{front.url}/x", policy())


def test_a_redirect_to_a_port_that_is_none_is_a_sentence():
    lead = Reply(302, headers={"Location": "http://127.0.0.1:99999/"})
    for ask in (ask_registry, ask_forge, fetch_file):
        with serve(lambda asked: lead) as front, pytest.raises(DistgenError) as caught:
            ask(front.url, policy())
        assert str(caught.value).endswith("redirects to what is not a URL")


def test_proxies_are_not_asked_for_this_very_machine(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for ask in (ask_registry, ask_forge, fetch_file):
        with serve(lambda asked: FINE) as front:
            ask(front.url, policy(attempts=1))
