"""Connections to ssh servers that a run shares, over a real sshd, and when it shares none."""

import getpass
import os
import stat
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from testing import transports
from testing.dist_git import OPTIONS, QUICK, git, run_publish
from testing.images import image, tree
from testing.sites import distgen, site

from distgen.git.location import locate
from distgen.git.remote import read_remote_heads
from distgen.git.run import isolate, share_connection, share_connections
from distgen.git.ssh import find_destination


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An sshd with ten empty repositories."""
    with serve(tmp_path_factory.mktemp("srv")) as served:
        yield served


def serve(folder, **settings):
    root = folder / "repositories"
    for number in range(10):
        repository = root / f"ns/app{number}.git"
        git("init", "-q", "--bare", "--template=", "-b", "master", str(repository))
    return transports.ssh(root, **settings)


@pytest.fixture
def git_of():
    """A function that returns git of a user with these variables, who shares connections."""
    with ExitStack() as stack:

        def make(environment, retry=QUICK):
            path = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
            shared = share_connections(isolate({**path, **environment}, retry))
            stack.callback(shared.connections.close)
            return shared

        yield make


def logins(server):
    return (server.root.parent / "ssh/log").read_text().count("Accepted publickey")


def sockets(server, git):
    """Return the sockets of the connections that git uses for an address of a server."""
    with share_connection(git, f"{server.url}/ns/app0.git") as shared:
        command = shared.network.get("GIT_SSH_COMMAND", "")
    path = command.rpartition("ControlPath=/")[2]
    return [Path(f"/{path}")] if "ControlPath=/" in command else []


def publish_all(server, git, folder, line="FROM a"):
    url = f"{server.url}/{{namespace}}/{{image}}.git"
    images = [image(f"ns/app{number}", url=url) for number in range(10)]
    trees = {i.key: tree(i, {"Dockerfile": f"{line}\n"}) for i in images}
    results = run_publish(folder, images, trees, replace(OPTIONS, jobs=8), git=git)
    return {(result.status, result.detail) for result in results}


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_connects_once_and_leaves_nothing_behind(catalogue, tmp_path):
    with serve(tmp_path) as server:
        names = [f"app{number}" for number in range(10)]
        root = site(catalogue, *names, url=f"'{server.url}/{{namespace}}/{{image}}.git'")
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        environment = {**server.environment, "TMPDIR": str(scratch)}
        done = distgen(root, "publish", **environment)
        assert (done.code, done.out.count("created")) == (0, 10), done.err
        assert logins(server) == 1
        done = distgen(root, "status", "--format", "json", **environment)
        assert {*done.statuses.values()} == {"unchanged"}
        assert logins(server) == 2
        assert list(scratch.iterdir()) == []
        # sshd logs the end of each connection; a shared one that stayed would be missing
        log = server.root.parent / "ssh/log"
        wait_until(lambda: log.read_text().count("Disconnected from user") == 2)


def test_the_socket_of_a_connection_is_for_its_user_alone(server, git_of):
    (socket,) = sockets(server, git_of(server.environment))
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_more_gits_than_a_server_allows_on_a_connection_get_another(server, git_of):
    """An eleventh session is refused by the settings that sshd has of itself."""
    shared, before = git_of(server.environment), logins(server)
    with ExitStack() as stack:
        places = [f"{server.url}/ns/app{number}.git" for number in range(10)]
        gits = [stack.enter_context(share_connection(shared, place)) for place in places]
        assert len({git.network["GIT_SSH_COMMAND"] for git in gits}) == 2
    assert logins(server) == before + 2


@pytest.mark.parametrize(
    "limits", [{"MaxSessions": "1"}, {"MaxSessions": "3"}, {"MaxStartups": "2:100:2"}], ids=str
)
def test_a_server_with_narrow_limits_is_published_to(tmp_path, git_of, limits):
    """A session too many makes ssh connect by itself; few may connect at a time."""
    with serve(tmp_path, **limits) as server:
        assert publish_all(server, git_of(server.environment), tmp_path) == {("created", "")}


def test_a_connection_that_ended_is_made_again(server, git_of):
    shared = git_of(server.environment)
    (first,) = sockets(server, shared)
    command = server.environment["GIT_SSH_COMMAND"].split()
    ended = subprocess.run(
        [*command, "-O", "exit", "-o", f"ControlPath={first}", "any"],
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0
    wait_until(lambda: not first.exists())
    (second,) = sockets(server, shared)
    assert second != first
    assert second.exists()


def test_a_server_that_breaks_shared_connections_is_asked_as_before(tmp_path, git_of):
    """Some end a connection with its first session, and all other sessions with it."""
    with serve(tmp_path) as server:
        shared = git_of(server.environment)
        (socket,) = sockets(server, shared)
        # in place of a connection that hangs up: what asks there gets no answer
        command = server.environment["GIT_SSH_COMMAND"].split()
        hook = f"#!/bin/sh\n{' '.join(command)} -O exit -o ControlPath={socket} any\nsleep 1\n"
        where = server.root / "ns/app0.git/hooks"
        where.mkdir()
        (where / "pre-receive").write_text(hook)
        (where / "pre-receive").chmod(0o755)
        assert publish_all(server, shared, tmp_path) == {("created", "")}
        assert sockets(server, shared) == []


@pytest.mark.parametrize(
    "variables",
    [
        lambda home, command: {"GIT_SSH": str(home / "mine")},
        lambda home, command: {"GIT_SSH_COMMAND": str(home / "mine")},
        lambda home, command: {"GIT_SSH_COMMAND": f"{command} -o ControlPath=none"},
        lambda home, command: {"GIT_SSH_COMMAND": f"{command} -S none"},
        lambda home, command: {"GIT_SSH_COMMAND": f"{command} -F {home}/shared"},
        lambda home, command: {"GIT_SSH_COMMAND": f"true; {command}"},
        lambda home, command: {"GIT_SSH_COMMAND": command, "GIT_SSH_VARIANT": "plink"},
        lambda home, command: {"GIT_SSH_COMMAND": command, "HOME": str(home)},
    ],
    ids=["GIT_SSH", "a program", "ControlPath", "-S", "configured", "a line", "variant", "pushes"],
)
def test_what_a_user_says_of_ssh_is_left_alone(tmp_path, server, git_of, variables):
    command = server.environment["GIT_SSH_COMMAND"].replace("-F /dev/null ", "")
    port = server.url.partition("127.0.0.1:")[2].partition("/")[0]
    (tmp_path / "mine").write_text(f'#!/bin/sh\necho >>{tmp_path}/ran\nexec {command} "$@"\n')
    (tmp_path / "mine").chmod(0o755)
    (tmp_path / "shared").write_text(f"Host 127.0.0.1\n ControlPath {tmp_path}/own-{port}\n")
    gitconfig = f'[url "{server.url}/"]\n\tpushInsteadOf = ssh://\n'
    (tmp_path / ".gitconfig").write_text(gitconfig)
    environment = variables(tmp_path, command)
    shared, before = git_of(environment), logins(server)
    assert sockets(server, shared) == []
    assert logins(server) == before
    if "GIT_SSH_VARIANT" not in environment and ";" not in str(environment):
        place = locate(f"{server.url}/ns/app0.git", tmp_path)
        assert read_remote_heads(shared, place, ["none"]).exists
        assert (tmp_path / "ran").exists() == ("mine" in str(environment))


def test_an_address_that_the_configuration_turns_into_ssh_shares_a_connection(
    tmp_path, server, git_of
):
    config = f'[url "{server.url}/"]\n\tinsteadOf = https://git.example.org/\n'
    (tmp_path / ".gitconfig").write_text(config)
    shared, before = git_of({**server.environment, "HOME": str(tmp_path)}), logins(server)
    for number in range(3):
        place = locate(f"https://git.example.org/ns/app{number}.git", tmp_path)
        assert read_remote_heads(shared, place, ["none"]).exists
    assert logins(server) == before + 1


def test_a_push_that_leads_to_another_server_has_no_connection_to_this_one(
    tmp_path, server, git_of
):
    """A socket leads to its own server, whatever name ssh is given: the push would go there."""
    config = f"""
[url "{server.url}/"]
    insteadOf = https://git.example.org/ns/
[url "ssh://other.example.org/"]
    pushInsteadOf = https://git.example.org/
"""
    (tmp_path / ".gitconfig").write_text(config)
    shared = git_of({**server.environment, "HOME": str(tmp_path)})
    with share_connection(shared, "https://git.example.org/ns/app0.git") as connection:
        assert connection.network == shared.network


@pytest.mark.parametrize("name", ["long" * 30, "with a blank", "100%C", "quote'"])
def test_a_folder_in_which_no_socket_can_be_is_not_used(
    tmp_path, server, git_of, monkeypatch, name
):
    """The path of a socket is short, and ssh replaces what begins with a per cent."""
    (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / name))
    (socket,) = sockets(server, git_of(server.environment))
    assert socket.exists()
    assert tmp_path not in socket.parents


def test_the_sentence_of_a_server_that_refuses_is_that_of_git(tmp_path, server, git_of):
    other_key = server.environment["GIT_SSH_COMMAND"].replace("/id ", "/host ")
    shared = git_of({"GIT_SSH_COMMAND": other_key})
    for status, detail in publish_all(server, shared, tmp_path):
        assert status == "failed"
        assert detail.endswith("Permission denied (publickey).")


@pytest.mark.parametrize(
    ("address", "destination"),
    [
        ("ssh://git@host/a.git", ("git@host",)),
        ("ssh://Alias:2222/a.git", ("-p", "2222", "Alias")),
        ("git@host:a/b.git", ("git@host",)),
        ("host:/a/b.git", ("host",)),
        ("https://host/a.git", None),
        ("git://host/a.git", None),
        ("/folder/a.git", None),
        ("ssh://[::1]/a.git", None),
        ("ssh://-oProxyCommand=x/a.git", None),
        ("-oProxyCommand=x:a.git", None),
    ],
)
def test_the_server_of_an_address_is_what_git_tells_ssh(address, destination):
    assert find_destination(address) == destination


def test_a_user_of_ssh_is_named_to_it():
    person = getpass.getuser()
    assert find_destination(f"ssh://{person}@127.0.0.1:22/x") == ("-p", "22", f"{person}@127.0.0.1")
