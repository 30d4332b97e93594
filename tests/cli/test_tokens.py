"""Tokens on their way from the environment or a file to a server: where they go, and where not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from testing.event_lines import read_events
from testing.git_server import Fault, git_server
from testing.github_server import github_server
from testing.review_hooks import install
from testing.reviews import TOKEN, USER, arrived, commit_on, refs

from distgen.git.auth import ask_credential_helpers, authorize, token_for
from distgen.git.run import isolate, run

SCHEMAS = Path(__file__).parents[2] / "distgen" / "schema" / "json"
TREE = {
    "templates/app/template.yaml": "description: A program\nvalues: {}\n",
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n",
    "overlays/ns/app.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
}
NAMESPACE = """
    registry: registry.example.org/ns
    streams: {master: {branch: master}}
    """


@pytest.fixture
def lab(tmp_path):
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        yield server


@pytest.fixture
def site(catalogue, lab):
    """Return a function that makes a catalogue which proposes on the server."""

    def make(forge, *more):
        url = f"url: {lab.url}/{{namespace}}/{{image}}.git"
        dist_git = [url, f"forge: {forge}", f"user: {USER}", *more]
        config = "version: 1\ndist_git:\n" + "".join(f"  {line}\n" for line in dist_git)
        return catalogue({**TREE, "distgen.yaml": config, "overlays/ns/namespace.yaml": NAMESPACE})

    return make


@pytest.fixture
def folder(lab):
    folder = lab.repository("ns/app.git")
    install(folder, "gitlab")
    commit_on(folder, "master", {"README": "Made by hand.\n"})
    return folder


def propose(root, *words, **environment):
    """Run the command as a person does, in a process of its own."""
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "distgen", "-C", str(root), *words],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environment},
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_a_token_is_in_no_argument_no_file_and_no_word(lab, site, folder, tmp_path):
    root = site("gitlab", "token_env: LAB_TOKEN")
    seen = tmp_path / "processes"
    lab.hook(
        "ns/app.git", "pre-receive", f"#!/bin/sh\ncat /proc/[0-9]*/cmdline >>{seen}\necho {TOKEN}\n"
    )
    done = propose(root, "propose", "--allow-dirty", "--format=json", LAB_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert '"status": "created"' in done.stdout
    assert "refs/heads/distgen/master" in refs(folder)
    assert b"git-remote-http" in seen.read_bytes() or b"push" in seen.read_bytes()

    secrets = (TOKEN, token_for(lab.url, USER, TOKEN).basic)
    for secret in secrets:
        assert secret not in done.stdout + done.stderr
        assert secret.encode() not in seen.read_bytes()
        assert secret not in str(arrived(folder))
        for path in Path(tmp_path).rglob("*"):
            if path.is_file() and "hooks" not in path.parts:
                assert secret.encode() not in path.read_bytes(), path


def test_a_job_hears_of_each_step_of_a_proposal(lab, site, folder, tmp_path):
    root = site("gitlab", "token_env: LAB_TOKEN")
    files = tmp_path / "events", tmp_path / "results"
    words = ("--events", files[0], "--results", files[1], "--format", "json")
    done = propose(root, "propose", "--allow-dirty", *map(str, words), LAB_TOKEN=TOKEN)
    events = read_events(files[0])
    steps = ["started", "planned", "pushing", "result", "ended"]
    assert [event["event"] for event in events] == steps
    assert files[1].read_text() == done.stdout
    jsonschema.validate(json.loads(done.stdout), json.loads((SCHEMAS / "results.json").read_text()))


@pytest.mark.parametrize("command", ["propose", "publish"])
def test_a_wrong_token_is_told_as_one(lab, site, folder, command):
    root = site("gitlab", "token_env: LAB_TOKEN")
    done = propose(root, command, "--allow-dirty", LAB_TOKEN="not-the-right-one")
    assert done.returncode == 1
    assert "does not accept the token; is it still valid?" in done.stdout
    assert "not-the-right-one" not in done.stdout + done.stderr


SAID = {
    401: "does not accept the token; is it still valid?",
    403: "refuses the token: not you; ",
    404: "there is no repository, or it is not shown to the token"
    " (the server says: not you); create it with: glab",
}


@pytest.mark.parametrize(
    ("command", "step", "status"),
    [
        *(("publish", "info/refs", status) for status in SAID),
        *((command, "receive-pack", s) for command in ("publish", "propose") for s in (401, 403)),
    ],
)
def test_what_a_server_has_against_a_token_is_told(lab, site, folder, command, step, status):
    """Where everybody may read, a wrong token shows with the push only."""
    headers = {"WWW-Authenticate": "Basic", "Content-Type": "text/plain"}
    lab.users = {}
    lab.meddle = lambda asked: (
        Fault(status, headers, b"not you\n") if step in asked.path + asked.query else None
    )
    done = propose(site("gitlab", "token_env: X"), command, "--allow-dirty", X="wrong")
    assert done.returncode == 1
    assert SAID[status] in done.stdout


@pytest.fixture
def two(catalogue, lab):
    """Return a function that makes a catalogue of two namespaces, each with a token of its own."""

    def make(folder):
        own = "{{token_env: {}, forge: gitlab, user: {}}}"
        config = f"version: 1\ndist_git: {{url: '{lab.url}/{folder}{{image}}.git'}}\n"
        files = {**TREE, "distgen.yaml": config}
        for name in ("ns", "other"):
            dist_git = f"    dist_git: {own.format(name.upper(), name)}\n"
            files[f"overlays/{name}/namespace.yaml"] = NAMESPACE.rstrip(" ") + dist_git
            files[f"overlays/{name}/{name}-app.yaml"] = TREE["overlays/ns/app.yaml"]
        del files["overlays/ns/app.yaml"]
        return catalogue(files)

    return make


def test_two_namespaces_on_one_server_have_tokens_of_their_own(lab, two):
    """The last one was shown for both."""
    lab.users = {"ns": "first-token", "other": "second-token"}
    for name in ("ns", "other"):
        lab.repository(f"{name}/{name}-app.git")
    tokens = {"NS": "first-token", "OTHER": "second-token"}
    done = propose(two("{namespace}/"), "publish", "--allow-dirty", **tokens)
    assert done.returncode == 0, done.stdout
    assert {(asked.user, asked.path.split("/")[1]) for asked in lab.requests} == {
        ("ns", "ns"),
        ("other", "other"),
    }


def test_two_tokens_for_one_folder_are_refused(lab, two):
    tokens = {"NS": "first-token", "OTHER": "second-token"}
    done = propose(two(""), "publish", "--allow-dirty", **tokens)
    assert (done.returncode, lab.requests) == (2, [])
    assert done.stderr == (
        f"distgen: {lab.url}/: ns and other name different tokens for one place; name one, or give "
        "each namespace a folder of its own in dist_git.url\n"
    )


def test_publishing_uses_the_same_token(lab, site, folder):
    root = site("gitlab", "token_env: LAB_TOKEN")
    done = propose(root, "publish", "--allow-dirty", LAB_TOKEN=TOKEN)
    assert done.returncode == 0, done.stdout


def test_a_token_may_stand_in_a_file_of_its_owner(lab, site, folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(f"{TOKEN}\n")
    root = site("gitlab", "token_env: LAB_TOKEN", f"token_file: {secret}")
    secret.chmod(0o644)
    done = propose(root, "propose", "--allow-dirty")
    assert done.returncode == 2
    assert done.stderr == (
        f"distgen: {secret}: holds a token and is open to others; chmod 600 {secret}\n"
    )
    secret.chmod(0o600)
    assert propose(root, "propose", "--allow-dirty").returncode == 0
    for words in ("two words\n", "tök€n\n"):
        secret.write_text(words)
        done = propose(root, "propose", "--allow-dirty")
        assert done.stderr == f"distgen: what {secret} holds is not a token; a token is one word\n"
    secret.unlink()
    secret.mkdir()
    done = propose(root, "propose", "--allow-dirty")
    assert (done.returncode, done.stderr) == (
        2,
        f"distgen: {secret}: the token cannot be read: Is a directory\n",
    )


def test_gits_own_credential_helper_is_asked_for_the_interface_as_well(lab, site, tmp_path):
    folder = lab.repository("ns/app.git")
    commit_on(folder, "master", {"README": "x\n"})
    with github_server(lab.root, TOKEN) as hub:
        hub.add("ns/app")
        root = site("github", f"api: {hub.url}")
        store = tmp_path / "home" / ".git-credentials"
        store.parent.mkdir()
        store.write_text(f"{lab.url.replace('://', f'://{USER}:{TOKEN}@')}\n")
        (store.parent / ".gitconfig").write_text("[credential]\n helper = store\n")
        done = propose(root, "propose", "--allow-dirty")
        assert done.returncode == 0, done.stdout
        assert len(hub.pulls["ns/app"]) == 1


def test_publishing_makes_a_missing_repository_on_github(lab, site):
    with github_server(lab.root, TOKEN) as hub:
        root = site("github", f"api: {hub.url}", "token_env: LAB_TOKEN", "private: true")
        lab.users = {}
        told = propose(root, "publish", "--allow-dirty").stdout
        words = "there is no repository; create it with: gh repo create ns/app, or name a token"
        assert words in told
        lab.users = {USER: TOKEN}
        dry = propose(root, "publish", "--allow-dirty", "--dry-run", LAB_TOKEN=TOKEN)
        assert (dry.returncode, hub.repositories) == (0, {})
        done = propose(root, "publish", "--allow-dirty", LAB_TOKEN=TOKEN)
        assert done.returncode == 0, done.stdout
        assert hub.repositories["ns/app"]["private"] is True
        assert hub.repositories["ns/app"]["topics"] == ["distgen", "dist-git", "ns"]
    assert "refs/heads/master" in refs(lab.root / "ns/app.git")


def test_a_token_never_leaves_in_the_clear(catalogue):
    config = """
        version: 1
        dist_git: {url: "http://git.example.org/{image}.git", forge: gitlab, token_env: LAB_TOKEN}
        """
    files = {**TREE, "distgen.yaml": config, "overlays/ns/namespace.yaml": NAMESPACE}
    done = propose(catalogue(files), "propose", "--allow-dirty", LAB_TOKEN=TOKEN)
    assert done.returncode == 2
    assert done.stderr == (
        "distgen: http://git.example.org/: a token is not sent without encryption; use https\n"
    )


def test_without_a_forge_nothing_can_be_proposed(catalogue):
    root = catalogue({**TREE, "overlays/ns/namespace.yaml": NAMESPACE})
    done = propose(root, "propose")
    assert done.returncode == 2
    assert done.stderr == (
        "distgen: distgen.yaml: none of these images has a forge where it could be proposed; "
        "set dist_git.forge to github, gitlab, gerrit, forgejo or gitea\n"
    )


def test_a_token_is_shown_to_its_own_server_alone(tmp_path):
    with git_server(tmp_path / "a", {USER: TOKEN}) as mine, git_server(tmp_path / "b") as other:
        mine.repository("x.git")
        other.repository("x.git")
        git = isolate({"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        shown = authorize(git, [token_for(mine.url, USER, TOKEN)])
        for server in (mine, other):
            assert run(shown, "ls-remote", f"{server.url}/x.git", network=True).code == 0
        assert [request.user for request in mine.requests] == [USER] * len(mine.requests)
        assert not any("authorization" in request.headers for request in other.requests)


def test_a_credential_helper_learns_nothing_and_tells_nothing_where_a_token_is_given(tmp_path):
    (tmp_path / ".gitconfig").write_text("[credential]\n helper = store\n")
    with git_server(tmp_path / "srv", {USER: TOKEN}) as server:
        server.repository("x.git")
        (tmp_path / ".git-credentials").write_text(
            f"{server.url.replace('://', f'://{USER}:{TOKEN}@')}\n"
        )
        before = (tmp_path / ".git-credentials").read_text()
        git = isolate({"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        assert ask_credential_helpers(git, server.url).secret == TOKEN
        wrong = authorize(git, [token_for(server.url, USER, "wrong")])
        assert run(wrong, "ls-remote", f"{server.url}/x.git", network=True).code != 0
        assert (tmp_path / ".git-credentials").read_text() == before


def test_a_token_is_for_a_whole_server_that_is_reached_over_http():
    assert token_for("https://host:8443/x/y.git", "bot", "s").url == "https://host:8443/"
    assert token_for("https://[::1]:8443/x", "bot", "s").url == "https://[::1]:8443/"
    assert token_for("git@host:x/y.git", "bot", "s") is None
    assert token_for("ssh://git@host/x/y.git", "bot", "s") is None


def test_inherited_configuration_of_git_stays(tmp_path):
    given = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.proxy",
        "GIT_CONFIG_VALUE_0": "http://proxy.example.org",
    }
    git = authorize(isolate(given), [token_for("https://host/", USER, TOKEN)])
    for name, value in (("http.proxy", "http://proxy.example.org"), ("http.extraHeader", "")):
        words = ("config", "--get-urlmatch", name, "https://host/x.git")
        said = run(git, *words, network=True).output.decode().strip()
        assert said == (value or "Authorization: Basic ***")
