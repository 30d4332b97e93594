"""Tokens: where they are while a run lasts and what is left of them: nothing, anywhere."""

import base64
import os
import subprocess
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from testing.dist_git import GIT, git, run_publish
from testing.event_lines import read_events
from testing.git_server import Fault, git_server
from testing.images import image, tree
from testing.sites import distgen, site

from distgen.git.auth import authorize, token_for
from distgen.git.run import isolate

USER, TOKEN = "bot", "s3cr3t/T0ken+of=the%41bot"
BASIC = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()


def forms():
    """Return what a token may look like: itself, in addresses, and inside any base64 text."""
    inner = [base64.b64encode(b"x" * shift + TOKEN.encode())[4:-4].decode() for shift in range(3)]
    return {TOKEN, quote(TOKEN, safe=""), quote(TOKEN), BASIC, *inner}


class Onlooker:
    """Reads the command line of every process of the machine, again and again."""

    def __enter__(self):
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _look(self):
        while not self._stop.wait(0.01):
            for name in os.listdir("/proc"):
                if name.isdecimal():
                    try:
                        self.seen.add(Path(f"/proc/{name}/cmdline").read_bytes())
                    except OSError:
                        continue


def told(folder):
    """Return all that a git repository holds, unpacked."""
    words = ("cat-file", "--batch", "--batch-all-objects", "--unordered")
    held = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True)
    return held.stdout + git("config", "-l", folder=folder).encode()


def refuse_secrets(text, where):
    for form in forms():
        assert form.encode() not in text, f"{form} is in {where}"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")
@pytest.mark.parametrize(
    ("source", "transport"),
    [
        *(("variable", "git"), ("file", "git"), ("helper", "git")),
        *(("variable", "auto"), ("helper", "auto")),
    ],
)
def test_a_token_is_nowhere_but_in_the_environment_of_git(catalogue, tmp_path, source, transport):
    home = tmp_path / "home"
    home.mkdir()
    kept = tmp_path / "kept"
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        settings = {"url": f"{server.url}/{{namespace}}/{{image}}.git", "user": USER}
        given = {"GIT_TRACE_CURL": f"{tmp_path}/trace", "GIT_TRACE_REDACT": "0"}
        given |= {"GIT_TRACE": f"{tmp_path}/trace", "GIT_CURL_VERBOSE": "1"}
        if source == "variable":
            settings["token_env"] = "LAB_TOKEN"
            given["LAB_TOKEN"] = TOKEN
        elif source == "file":
            settings["token_file"] = str(kept)
            kept.write_text(f"{TOKEN}\n")
            kept.chmod(0o600)
        else:
            address = server.url.replace("://", f"://{USER}:{quote(TOKEN, safe='')}@")
            kept.write_text(f"{address}\n")
            helper = f"[credential]\n\thelper = store --file {kept}\n"
            (home / ".gitconfig").write_text(helper)
        root = site(catalogue, "base", "app", **settings)
        echo = f"echo {TOKEN} {BASIC} >&2\n" if source != "helper" else ""
        for name in ("base", "app"):
            server.repository(f"ns/{name}.git")
        server.hook("ns/base.git", "pre-receive", f"#!/bin/sh\nsleep 0.3\n{echo}")
        server.hook("ns/app.git", "pre-receive", f"#!/bin/sh\n{echo}exit 1\n")
        repeats = [Fault(503, body=f"{TOKEN if echo else ''}\n".encode())]
        server.meddle = lambda asked: repeats.pop() if asked.pushes and repeats else None
        words = ["--events", tmp_path / "events", "--results", tmp_path / "results"]
        words += ["--transport", transport]
        with Onlooker() as onlooker:
            done = distgen(root, "-v", "publish", *words, "--format=json", **given)
            seen = distgen(root, "-v", "status", "--transport", transport, **given)
        assert done.statuses == {"ns/base@main": "created", "ns/app@main": "failed"}
        assert "trying again" in done.err
    assert transport == "auto" or any(b"git-remote-http" in line for line in onlooker.seen)
    steps = {event["event"] for event in read_events(tmp_path / "events")}
    assert "transport" not in steps
    for line in onlooker.seen:
        refuse_secrets(line, line)
    refuse_secrets("".join(one.out + one.err for one in (done, seen)).encode(), "words")
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != kept and "hooks" not in path.parts:
            refuse_secrets(path.read_bytes(), path)
    for folder in (*(tmp_path / "srv/ns").iterdir(), *tmp_path.glob("home/.cache/*/store")):
        refuse_secrets(told(folder), folder)


def app(address):
    return image("ns/app", url=f"{address}/{{namespace}}/{{image}}.git")


def published(tmp_path, address, **options):
    found = app(address)
    trees = {found.key: tree(found, {"Dockerfile": "FROM a\n"})}
    (result,) = run_publish(tmp_path, [found], trees, **options)
    return result


def test_a_token_does_not_follow_a_redirect(tmp_path):
    """git sent the header along when it went on at the address that a redirect named."""
    with git_server(tmp_path / "a", {USER: TOKEN}) as mine, git_server(tmp_path / "b") as other:
        other.repository("ns/app.git")
        mine.meddle = lambda asked: Fault(
            301, {"Location": f"{other.url}{asked.path}?{asked.query}"}
        )
        shown = authorize(GIT, [token_for(mine.url, USER, TOKEN)])
        result = published(tmp_path, mine.url, git=shown)
        assert (result.status, result.detail) == (
            "failed",
            f"{mine.url}/ns/app.git: the server leads to another address, where the token is not "
            "sent; change dist_git.url",
        )
        assert other.requests == []


def test_what_a_credential_helper_knows_does_not_follow_a_redirect_either(tmp_path):
    (tmp_path / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    known = isolate({"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    users = {USER: TOKEN}
    with git_server(tmp_path / "a") as mine, git_server(tmp_path / "b", users) as other:
        other.repository("ns/app.git")
        secret = quote(TOKEN, safe="")
        (tmp_path / ".git-credentials").write_text(
            f"{mine.url.replace('://', f'://{USER}:{secret}@')}\n"
        )
        mine.meddle = lambda asked: Fault(
            301, {"Location": f"{other.url}{asked.path}?{asked.query}"}
        )
        result = published(tmp_path, mine.url, git=known)
        assert result.status == "failed"
        assert "could not read Username" in result.detail
        assert other.requests
        assert not any("authorization" in asked.headers for asked in other.requests)


def test_a_secret_that_the_configuration_puts_into_addresses_is_refused(tmp_path):
    """With such an insteadOf, git would show the secret to whoever lists processes."""
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        server.repository("ns/app.git")
        hidden = server.url.replace("://", f"://{USER}:{quote(TOKEN, safe='')}@")
        config = f'[url "{hidden}/"]\n\tinsteadOf = {server.url}/\n'
        (tmp_path / ".gitconfig").write_text(config)
        known = isolate({"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        with Onlooker() as onlooker:
            result = published(tmp_path, server.url, git=known)
        assert result.status == "failed"
        assert "plaintext credentials" in result.detail
        refuse_secrets(result.detail.encode(), "the detail")
        for line in onlooker.seen:
            refuse_secrets(line, line)
        assert server.requests == []


def words(script):
    return f"#!/bin/sh\n{script}\nexit 1\n"


def test_a_server_s_words_do_not_command_the_terminal(catalogue, tmp_path):
    with git_server(tmp_path / "srv") as server:
        server.repository("ns/base.git")
        tricks = r"printf 'closed \033]0;title\007\033[2J\302\233 now\rfatal: \342\200\256olleh\n'"
        server.hook("ns/base.git", "pre-receive", words(tricks))
        url = f"{server.url}/{{namespace}}/{{image}}.git"
        done = distgen(site(catalogue, "base", url=url), "-v", "publish", "--format", "text")
    assert "closed" in done.out
    assert all(sign.isprintable() or sign == "\n" for sign in done.out + done.err)


@pytest.mark.parametrize(
    "said", ["yes a- | tr -d '\\n'", "yes babble-TOKEN", "yes babble-TOKEN | tr -d '\\n'"]
)
def test_a_server_that_talks_without_end_is_quoted_in_a_few_words(tmp_path, said):
    """A line of 200 kB took half a minute, and all that was said was kept and printed."""
    with git_server(tmp_path / "srv", {USER: "babble-TOKEN"}) as server:
        server.repository("ns/app.git")
        server.hook("ns/app.git", "pre-receive", words(f"{said} | head -c 2000000"))
        shown = authorize(GIT, [token_for(server.url, USER, "babble-TOKEN")])
        detail = published(tmp_path, server.url, git=shown).detail
    assert detail.endswith("[remote rejected] (pre-receive hook declined)")
    assert len(detail) < 2500
    assert "TOKEN" not in detail


def test_names_of_a_server_s_refs_may_be_odd(tmp_path):
    """The end of a line that git knows is only one of many that Python knows."""
    with git_server(tmp_path / "srv") as server:
        folder = server.repository("ns/app.git")
        created = published(tmp_path, server.url)
        for sign in ("\u2028", "\x85"):
            git("update-ref", f"refs/x{sign}y/refs/heads/master", created.commit, folder=folder)
        assert published(tmp_path, server.url).status == "unchanged"
