"""Every way to reach a repository, with a real server at its end, from first push to last edit."""

import os
import shutil
from dataclasses import replace

import pytest
from testing import dist_git, transports
from testing.dist_git import (
    OPTIONS,
    QUICK,
    by_distgen,
    by_git,
    commits,
    content,
    edit,
    git,
    run_publish,
    statuses,
)
from testing.images import image, tree
from testing.transports import Served

from distgen.git.auth import authorize, token_for
from distgen.git.run import isolate

NAMES = ("ns/base", "ns/app")
STREAM = "ns/app@2024.1"


def https_by_git(root):
    """Serve with TLS, as `--transport git` meets it."""
    return transports.https(root)


def nginx_by_git(root):
    """Serve with nginx, as `--transport git` meets it."""
    return transports.nginx(root)


BY_GIT = (https_by_git, nginx_by_git)


@pytest.fixture(params=(*transports.ALL, *BY_GIT), ids=lambda transport: transport.__name__)
def server(request, tmp_path, monkeypatch):
    """A server with two empty repositories."""
    root = tmp_path / "srv/repositories"
    root.mkdir(parents=True)
    # It stands for --transport, which each test would have to pass on otherwise.
    way = by_git if request.param in BY_GIT else by_distgen
    monkeypatch.setattr(dist_git, "chosen_way", way)
    with request.param(root) as server:
        for name in NAMES:
            git("init", "-q", "--bare", "--template=", "-b", "master", str(root / f"{name}.git"))
        yield server


def git_of_user(server: Served, home):
    """Return git of a user with the rights that the server asks for."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **server.environment}
    isolated = isolate(environment, QUICK)
    if "TOKEN" in server.environment:
        token = token_for(server.url, transports.USER, server.environment["TOKEN"])
        return authorize(isolated, [token])
    return isolated


def hook(folder, script):
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks/update").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "hooks/update").chmod(0o755)


def images(server):
    url = f"{server.url}/{{namespace}}/{{image}}.git"
    return [image("ns/base", url=url), image("ns/app", "ns/base", url=url), image(STREAM, url=url)]


def test_a_repository_is_published_on_every_transport(server, tmp_path):
    targets, isolated = images(server), git_of_user(server, tmp_path)
    app, base = server.root / "ns/app.git", server.root / "ns/base.git"

    def publish(line, **options):
        trees = {i.key: tree(i, {"Dockerfile": f"{line}\n", "run": "#!/bin/sh\n"}) for i in targets}
        publish_options = replace(OPTIONS, **options)
        return run_publish(tmp_path, targets, trees, publish_options, git=isolated)

    assert {result.status for result in publish("FROM a")} == {"created"}
    assert git("fsck", "--strict", "--full", folder=app) == ""
    if "://" not in server.url and server.url != str(server.root):
        return  # the rest is as with ssh://, whose connections take long

    shutil.rmtree(tmp_path / "store")
    edited_tip = edit(base, {"Dockerfile": "FROM a\nUSER me\n"}, tmp_path)
    results = publish("FROM c", independent=True)
    assert statuses(results) == {
        "ns/base@master": "refused",
        "ns/app@master": "updated",
        STREAM: "updated",
    }
    assert commits(base)[0] == edited_tip
    assert len(commits(app)) == 2

    hook(app, 'test "$1" != refs/heads/stable/2024.1 || { echo not this; exit 1; }')
    before = commits(app, "--all")
    results = [result for result in publish("FROM d", independent=True) if result.image == "ns/app"]
    assert [result.status for result in results] == ["failed", "failed"]
    assert all("not this; [remote rejected] (hook declined)" in result.detail for result in results)
    assert commits(app, "--all") == before
    assert content(app, "Dockerfile") == "FROM c\n"


@pytest.mark.parametrize(
    "server",
    [way for way in transports.ALL if way not in (transports.folder, transports.file)],
    indirect=True,
    ids=lambda transport: transport.__name__,
)
def test_a_missing_repository_is_named_on_every_transport(server, tmp_path):
    """In a local folder it would be made."""
    url = f"{server.url}/{{namespace}}/{{image}}.git"
    missing = image("ns/missing", url=url)
    trees = {missing.key: tree(missing, {"Dockerfile": "FROM a\n"})}
    (result,) = run_publish(tmp_path, [missing], trees, git=git_of_user(server, tmp_path))
    assert result.status == "failed"
    assert "there is no repository" in result.detail
    assert "; create it with: " in result.detail
    assert ("not shown to the token" in result.detail) == ("TOKEN" in server.environment)


def test_a_changed_key_of_a_host_is_a_sentence(tmp_path):
    """Only the first lines of the long text of ssh were shown."""
    root = tmp_path / "srv/repositories"
    root.mkdir(parents=True)
    with transports.ssh(root) as server:
        known_hosts = root.parent / "ssh/known"
        other_key = (root.parent / "ssh/id.pub").read_text()
        known_hosts.write_text(f"{known_hosts.read_text().split()[0]} {other_key}")
        app = images(server)[1]
        trees = {app.key: tree(app, {"Dockerfile": "FROM a\n"})}
        (result,) = run_publish(tmp_path, [app], trees, git=git_of_user(server, tmp_path))
    assert result.detail.endswith(
        "has changed and you have requested strict checking.; Host key verification failed."
    )
    assert "@@@" not in result.detail


@pytest.mark.parametrize(
    ("transport", "words"),
    [
        *((transports.https, 0), (transports.https, 2500)),
        *((transports.daemon, 0), (transports.daemon, 10)),
    ],
    ids=["https at once", "https amid its words", "git at once", "git amid its words"],
)
def test_a_server_that_hangs_up_is_asked_again(tmp_path, transport, words):
    """Each transport has messages of its own for a connection that was cut."""
    root = tmp_path / "srv/repositories"
    root.mkdir(parents=True)
    git("init", "-q", "--bare", "--template=", "-b", "master", str(root / "ns/app.git"))
    with transport(root) as server, transports.cut(server, 2, words) as cut:
        app = images(cut)[1]
        trees = {app.key: tree(app, {"Dockerfile": "FROM a\n"})}
        (result,) = run_publish(tmp_path, [app], trees, git=git_of_user(cut, tmp_path))
    assert (result.status, result.detail) == ("created", "")
