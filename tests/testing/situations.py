"""What the pages of the documentation take for granted: servers, and what is on them."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from testing.dist_git import git
from testing.engines import BASE, open_engine_room
from testing.github_server import github_server
from testing.servers import Reply, push, push_index, serve
from testing.sites import distgen
from testing.transports import program, ssh
from testing.world import World

MOMENT = "%Y-%m-%dT%H:%M:%SZ"
DATE = "2026-06-01T12:00:00Z"
HERE = Path(__file__).parents[2]
MINIMAL = HERE / "distgen/minimal"
TOKEN = "t0ken-that-nobody-may-see"
REMOTE = """\
version: 1
dist_git:
  url: https://git.example.org/{namespace}/{image}.git
  user: robot
  token_env: DISTGEN_TOKEN
source: https://example.org/images.git
"""


@dataclass(frozen=True)
class Situation:
    """Servers, and the folder in which the reader begins."""

    prepare: Callable[[World, Path], object] = lambda world, folder: None
    start: str = "work"


def small_catalogue(root: Path, **files: str) -> Path:
    """Write the catalogue of `distgen init --minimal` with other files, and commit it."""
    shutil.copytree(MINIMAL, root)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git("init", "-q", "-b", "master", folder=root)
    git("add", "-A", folder=root)
    git("commit", "-q", "-m", "Begin with two images", folder=root)
    return root


def job(world: World, folder: Path) -> None:
    """A catalogue on one git server, repositories that a robot may push to on another."""
    party = "template: hello\nfrom: example/hello\nvalues: {greeting: Cheers}\n"
    root = small_catalogue(
        folder / "upstream", **{"distgen.yaml": REMOTE, "overlays/example/party.yaml": party}
    )
    served = world.git("example.org")
    git("clone", "-q", "--bare", str(root), str(served.root / "images.git"))
    robot = world.git("git.example.org", {"robot": TOKEN})
    robot.is_public = True
    for image in ("hello", "party"):
        robot.repository(f"example/{image}.git")
    push(world.registry("registry-1.docker.io:443"), "library/debian", "bookworm-slim")
    world.environment["DISTGEN_TOKEN"] = TOKEN


def build(world: World, folder: Path) -> None:
    """buildah with the base image of `distgen init --minimal`, and a registry to push to."""
    room = world.enter(contextmanager(open_engine_room)(world.folder / "engine"))
    room.run("tag", BASE, "docker.io/library/debian:bookworm-slim")
    world.registry("registry.example.net:443")
    world.environment |= room.environment


def packager(world: World, folder: Path) -> None:
    """A generated repository on a server."""
    upstream(world, "git.example.org", "opendev/gitea", "refs/heads/master")


def lock(world: World, folder: Path) -> None:
    """A registry, a git server with a change under review, and a file to fetch."""
    registry = world.registry("registry-1.docker.io:443")
    push_index(registry, "library/debian", "bookworm-slim")
    push_index(registry, "library/python", "3.12-slim-bookworm")
    change, feature = "refs/changes/42/700042/3", "refs/heads/feature/zuul-launcher"
    upstream(world, "opendev.org", "zuul/nodepool", "refs/heads/master", change, feature)
    upstream(world, "git.example.org", "fork/nodepool", "refs/heads/fix")
    files = world.enter(serve(lambda asked: Reply(200, b"a tool\n")))
    world.lead("example.org:443", files.host)


def zuul(world: World, folder: Path) -> None:
    """A branch with two changes under review, and the folder that Zuul prepared on its node."""
    work = folder / "zuul"
    work.mkdir()
    git("init", "-q", "-b", "master", folder=work)
    git("commit", "-q", "--allow-empty", "-m", "Begin", folder=work)
    refs = {"first": "refs/changes/41/700041/2", "second": "refs/changes/42/700042/3"}
    for name in refs:
        git("checkout", "-q", "-b", name, "master", folder=work)
        (work / name).write_text("\n")
        git("add", "-A", folder=work)
        git("commit", "-q", "-m", name, folder=work)
    for host in ("opendev.org", "review.opendev.org"):
        there = world.git(host).repository("zuul/nodepool.git")
        git("push", "-q", str(there), "master", folder=work)
    for name, ref in refs.items():
        git("push", "-q", str(there), f"{name}:{ref}", folder=work)
    upstream(world, "opendev.org", "openstack/openstacksdk", "refs/heads/master")
    git("checkout", "-q", "master", folder=work)
    git("merge", "-q", "--no-edit", "first", folder=work)
    git("merge", "-q", "--no-edit", "second", folder=work)
    prepared = folder / "src/opendev.org/zuul/nodepool"
    git("clone", "-q", "--branch", "master", str(work), str(prepared))
    world.environment["SRC"] = str(folder / "src")


def reviews(world: World, folder: Path) -> None:
    """GitHub with an organisation of our own."""
    root = world.git("github.com", {"x-access-token": TOKEN}).root
    hub = world.enter(github_server(root, TOKEN))
    world.lead("api.github.com:443", hub.url.rpartition("/")[2])
    hub.url, hub.pages = "https://api.github.com", "https://github.com"
    hub.organizations.add("example-containers")
    world.environment["DISTGEN_TOKEN"] = TOKEN


def site(world: World, folder: Path) -> None:
    """The default catalogue on a server, and two servers of the site: ssh and https."""
    images = world.git("example.org").root / "images.git"
    git("clone", "-q", "--bare", str(folder / "catalogue"), str(images))
    upstream(world, "git.example.org", "images", "refs/heads/master")
    world.git("git.example.org").users["robot"] = "secret"
    served = world.enter(ssh(world.folder / "ssh-root"))
    port = served.url.partition("127.0.0.1:")[2].partition("/")[0]
    there = f"-l {getpass.getuser()} -p {port} -o HostName=127.0.0.1"
    world.environment["GIT_SSH_COMMAND"] = f"{served.environment['GIT_SSH_COMMAND']} {there}"


def verify(world: World, folder: Path) -> None:
    """An image that a job signed and published, and the public key of the job."""
    key = folder / "key"
    words = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(words, check=True)
    public = key.with_suffix(".pub").read_text()
    (folder / "catalogue/signers").write_text(f"distgen@localhost {public}")
    server = world.git("git.example.org")
    server.repository("example/hello.git")
    url = "https://git.example.org/{namespace}/{image}.git"
    settings = {"distgen.yaml": f"version: 1\ndist_git: {{url: '{url}'}}\n"}
    root = small_catalogue(folder / "job/signed", **settings)
    git("clone", "-q", "--bare", str(root), str(server.root / "images.git"))
    world.open()
    ran = distgen(root, "publish", "--sign", "ssh", "--signing-key", key, **world.environment)
    assert ran.code == 0, ran.err
    world.environment["COMMIT"] = git(
        "rev-parse", "main", folder=server.root / "example/hello.git"
    ).strip()


def registry(world: World, folder: Path) -> None:
    """A component with releases, and images in a registry: of ours, and of TripleO."""
    refs = [f"refs/tags/v{version}" for version in ("1.0.0", "1.1.0", "1.1.1", "2.0.0rc1")]
    refs += [f"refs/heads/{branch}" for branch in ("master", "stable/1.x", "wip")]
    upstream(world, "git.example.org", "app", *refs)
    served = world.registry("registry.example.net:443")
    now = datetime.now(timezone.utc)
    for image in ("hello", "app"):
        for days, *tags in (
            (0, "master", "4f2a9c"),
            (30, "master-7", "current-passed-ci"),
            (100, "master-6"),
            (101, "spring-demo"),
            (102, "test-1"),
        ):
            created = (now - timedelta(days=days, hours=1)).strftime(MOMENT)
            labels = {"day": str(days)}
            push(served, f"example/{image}", *tags, created=created, labels=labels)
    labels = {"rdo_version": "e1a6f4"}
    push(served, "tripleorocky/keystone", "current-tripleo", "e1a6f4", labels=labels)


def releases(world: World, folder: Path) -> None:
    """A component with releases, and a registry with the base of its image."""
    refs = [f"refs/tags/v{version}" for version in ("1.0.0", "1.1.0", "1.1.1", "2.0.0rc1")]
    upstream(world, "git.example.org", "app", "refs/heads/master", *refs)
    push_index(world.registry("registry-1.docker.io:443"), "library/debian", "bookworm-slim")


def layers(world: World, folder: Path) -> None:
    """Builds of changes of Keystone in the registry, two weeks old, and its sources."""
    upstream(world, "opendev.org", "openstack/keystone", "refs/heads/stable/2026.1")
    served = world.registry("registry-1.docker.io:443")
    created = (datetime.now(timezone.utc) - timedelta(days=14, hours=1)).strftime(MOMENT)
    for number, change in enumerate(("19026_2", "19026_1", "18800_4")):
        labels = {"change": str(number)}
        push(served, "ccp/keystone", f"2026.1-{change}", created=created, labels=labels)


def upstream(world: World, host: str, name: str, *refs: str) -> None:
    """Make a repository with a commit for each ref, all from the same day."""
    folder = world.git(host).repository(f"{name}.git")
    tree = git("mktree", folder=folder, stdin=b"").strip()
    dates = {f"GIT_{role}_DATE": DATE for role in ("AUTHOR", "COMMITTER")}
    person = {f"GIT_{role}_NAME": "Pat" for role in ("AUTHOR", "COMMITTER")}
    mail = {f"GIT_{role}_EMAIL": "pat@example.org" for role in ("AUTHOR", "COMMITTER")}
    for ref in refs:
        made = subprocess.run(
            ["git", "-C", str(folder), "commit-tree", "-m", ref, tree],
            env={**os.environ, **dates, **person, **mail},
            capture_output=True,
            check=True,
            text=True,
        )
        git("update-ref", ref, made.stdout.strip(), folder=folder)


SITUATIONS: Mapping[str, Situation] = {
    "build.rst": Situation(build),
    "ccp-layers.rst": Situation(layers, "catalogue"),
    "job.rst": Situation(job),
    "kolla.rst": Situation(),
    "lock.rst": Situation(lock),
    "packager.rst": Situation(packager),
    "rebuild.rst": Situation(build),
    "registry.rst": Situation(registry),
    "releases.rst": Situation(releases),
    "reviews.rst": Situation(reviews),
    "site.rst": Situation(site, "catalogue"),
    "tripleo.rst": Situation(),
    "tutorial.rst": Situation(),
    "verify.rst": Situation(verify, "catalogue"),
    "zuul.rst": Situation(zuul, "catalogue"),
}
