"""Every way to reach a repository, with a real server at its end, from first push to last edit."""

import os
import shutil
from dataclasses import replace

import pytest
from testing import transports
from testing.dist_git import OPTIONS, QUICK, commits, content, edit, git, run_publish, statuses
from testing.images import image, tree
from testing.transports import Served

from distgen.git.auth import authorize, token_for
from distgen.git.run import isolate

NAMES = ("ns/base", "ns/app")
STREAM = "ns/app@2024.1"


@pytest.fixture(params=transports.ALL, ids=lambda transport: transport.__name__)
def served(request, tmp_path):
    """A server with two empty repositories."""
    root = tmp_path / "srv/repositories"
    root.mkdir(parents=True)
    with request.param(root) as server:
        for name in NAMES:
            git("init", "-q", "--bare", "--template=", "-b", "master", str(root / f"{name}.git"))
        yield server


def person(served: Served, home, **more):
    """Return git for somebody with the rights that the server wants."""
    given = {"PATH": os.environ["PATH"], "HOME": str(home), **served.environment}
    known = isolate(given, replace(QUICK, **more))
    if "TOKEN" in served.environment:
        token = token_for(served.url, transports.USER, served.environment["TOKEN"])
        return authorize(known, [token])
    return known


def hook(folder, script):
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks/update").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "hooks/update").chmod(0o755)


def images(served):
    url = f"{served.url}/{{namespace}}/{{image}}.git"
    return [image("ns/base", url=url), image("ns/app", "ns/base", url=url), image(STREAM, url=url)]


def test_a_repository_is_served_whatever_the_way_to_it(served, tmp_path):
    found, known = images(served), person(served, tmp_path)
    app, base = served.root / "ns/app.git", served.root / "ns/base.git"

    def publish(line, **options):
        trees = {i.key: tree(i, {"Dockerfile": f"{line}\n", "run": "#!/bin/sh\n"}) for i in found}
        wanted = replace(OPTIONS, **options)
        return run_publish(tmp_path, found, trees, wanted, git=known)

    assert {result.status for result in publish("FROM a")} == {"created"}
    assert git("fsck", "--strict", "--full", folder=app) == ""
    if "://" not in served.url and served.url != str(served.root):
        return  # the rest is as with ssh://, whose connections take long

    shutil.rmtree(tmp_path / "store")
    theirs = edit(base, {"Dockerfile": "FROM a\nUSER me\n"}, tmp_path)
    results = publish("FROM c", independent=True)
    assert statuses(results) == {
        "ns/base@master": "refused",
        "ns/app@master": "updated",
        STREAM: "updated",
    }
    assert commits(base)[0] == theirs
    assert len(commits(app)) == 2

    hook(app, 'test "$1" != refs/heads/stable/2024.1 || { echo not this; exit 1; }')
    before = commits(app, "--all")
    results = [one for one in publish("FROM d", independent=True) if one.image == "ns/app"]
    assert [result.status for result in results] == ["failed", "failed"]
    assert all("not this; [remote rejected] (hook declined)" in one.detail for one in results)
    assert commits(app, "--all") == before
    assert content(app, "Dockerfile") == "FROM c\n"


@pytest.mark.parametrize(
    "served",
    [way for way in transports.ALL if way not in (transports.folder, transports.file)],
    indirect=True,
    ids=lambda transport: transport.__name__,
)
def test_a_missing_repository_is_told_as_one_whatever_the_way(served, tmp_path):
    """In a folder it would be made."""
    url = f"{served.url}/{{namespace}}/{{image}}.git"
    gone = image("ns/gone", url=url)
    trees = {gone.key: tree(gone, {"Dockerfile": "FROM a\n"})}
    (result,) = run_publish(tmp_path, [gone], trees, git=person(served, tmp_path))
    assert result.status == "failed"
    assert "there is no repository" in result.detail
    assert "; create it with: " in result.detail
    assert ("not shown to the token" in result.detail) == ("TOKEN" in served.environment)


def test_a_key_of_a_host_that_changed_is_told(tmp_path):
    """Of the wall of text that ssh puts up, its first bricks were shown."""
    root = tmp_path / "srv/repositories"
    root.mkdir(parents=True)
    with transports.ssh(root) as served:
        known = root.parent / "ssh/known"
        other = (root.parent / "ssh/id.pub").read_text()
        known.write_text(f"{known.read_text().split()[0]} {other}")
        app = images(served)[1]
        trees = {app.key: tree(app, {"Dockerfile": "FROM a\n"})}
        (result,) = run_publish(tmp_path, [app], trees, git=person(served, tmp_path))
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
    """Each transport has words of its own for a connection that was cut."""
    root = tmp_path / "srv/repositories"
    root.mkdir(parents=True)
    git("init", "-q", "--bare", "--template=", "-b", "master", str(root / "ns/app.git"))
    with transport(root) as served, transports.cut(served, 2, words) as cut:
        app = images(cut)[1]
        trees = {app.key: tree(app, {"Dockerfile": "FROM a\n"})}
        (result,) = run_publish(tmp_path, [app], trees, git=person(cut, tmp_path))
    assert (result.status, result.detail) == ("created", "")
