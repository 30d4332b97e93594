"""A closed network on one machine: a registry, git servers, a cache of packages, and buildah."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from e2e.facts import DEBIAN, PYTHON, UPSTREAM, VERSIONS
from testing.apt_cache import AptCache, apt_cache
from testing.comparisons import default_catalogue, replace_in
from testing.containers import Engine
from testing.debian import bootstrap
from testing.dist_git import git
from testing.git_server import GitServer, git_server
from testing.sdists import commit_release, fetch_sdist
from testing.servers import start_registry
from testing.sites import Ran, ended, start
from testing.wheels import build_wheel

from distgen import DISTRIBUTION

BOT, TOKEN = "bot", "s3cr3t-TOKEN"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""Whom this machine trusts, perhaps the proxy of a closed network as well."""

BUNDLE_INSIDE = "/run/site-ca.crt"
"""Not where it is on the machine: the package ca-certificates replaces that file."""

WHEELS_INSIDE = "/run/site-wheels"
"""Packages that pip takes from the site itself: this distgen, and not a release of its version."""

BASES = {
    PYTHON: ("bookworm", ("ca-certificates", "python3", "python3-pip", "python3-venv"), "python3"),
    DEBIAN: ("trixie", (), "bash"),
}
"""Public images that are made here: release of Debian, packages, and command."""

BASE = """\
FROM scratch
ADD rootfs.tar /
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin LANG=C.UTF-8
LABEL made={label}
CMD ["{command}"]
"""
SITE = """\
version: 1
dist_git:
  url: {git}/dist-git/{{namespace}}/{{image}}.git
  author: Image Robot <images@example.org>
  user: {bot}
  token_env: DIST_GIT_TOKEN
source: {git}/images.git
mirrors:
  registries: {{docker.io: "{registry}/docker.io"}}
  git: {{"https://opendev.org/": "{git}/opendev.org/"}}
"""
REGISTRIES = {"opendev": "quay.io/opendevorg", "ccp": "docker.io", "distgen": "localhost/distgen"}
"""Namespaces of images that are built here, and the registry that the site's stands for."""

NAMESPACES = ("opendev/*", "zuul/*", "ccp/*", "distgen/*")
"""What is published: there is more than is built, so that too much would be noticed."""


@dataclass
class Lab:
    """The servers, and the folder of all that is made; `commits` are those of the sources."""

    folder: Path
    registry: str
    server: GitServer
    cache: AptCache
    engine: Engine
    commits: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def distgen(self, *words: object) -> Ran:
        """Run distgen on the site's catalogue."""
        environment = {"DIST_GIT_TOKEN": TOKEN, **self.engine.settings}
        return ended(start(self.site, *words, **environment), patience=1800)

    def commit(self, message: str) -> str:
        """Commit the site's catalogue, and push it where packagers find it."""
        git("add", "-A", folder=self.site)
        git("commit", "-q", "-m", message, folder=self.site)
        git("push", "-q", str(self.server.root / "images.git"), "HEAD:main", folder=self.site)
        return git("rev-parse", "HEAD", folder=self.site).strip()

    def dist_git(self, name: str) -> Path:
        return self.server.root / f"dist-git/{name}.git"

    def write_volumes(self) -> None:
        """Write what a build in this network needs to know: proxies, and whom to trust."""
        self.cache.write_settings(self.folder / "proxy.conf", BUNDLE_INSIDE)
        pip = ConfigParser()
        pip.read("/etc/pip.conf")
        if BUNDLE.exists():
            pip.read_dict({"global": {"cert": BUNDLE_INSIDE}})
        wheels = self.folder / "wheels"
        wheels.mkdir()
        wheel = build_wheel(wheels).name
        line = f"{DISTRIBUTION} @ file://{WHEELS_INSIDE}/{wheel}\n"
        (wheels / "constraints.txt").write_text(line)
        pip.read_dict({"install": {"constraint": f"{WHEELS_INSIDE}/constraints.txt"}})
        with (self.folder / "pip.conf").open("w") as file:
            pip.write(file)

    @property
    def volumes(self) -> list[str]:
        """Return what is mounted into each step of a build."""
        places = {
            self.folder / "proxy.conf": "/etc/apt/apt.conf.d/99proxy",
            self.folder / "pip.conf": "/etc/pip.conf",
            self.folder / "wheels": WHEELS_INSIDE,
            BUNDLE: BUNDLE_INSIDE,
        }
        return [f"{here}:{inside}:ro" for here, inside in places.items() if here.exists()]


@contextmanager
def open_lab(folder: Path) -> Iterator[Lab]:
    """Start the servers; all of them end, and the images go, with the context."""
    with ExitStack() as stack:
        start_one = contextmanager(start_registry)(folder / "registry", folder / "data", {})
        registry = stack.enter_context(start_one).host
        server = stack.enter_context(git_server(folder / "git", {BOT: TOKEN}))
        server.is_public = True
        cache = stack.enter_context(apt_cache(folder / "apt"))
        engine = Engine(folder / "engine", [registry])
        stack.callback(engine.close)
        lab = Lab(folder, registry, server, cache, engine)
        lab.write_volumes()
        yield lab


def fill(lab: Lab) -> None:
    """Make what the world has: bases in the registry, and sources on the git server."""
    with ThreadPoolExecutor(2) as pool:
        bases = [pool.submit(_make_base, lab, reference) for reference in BASES]
        for name, version in VERSIONS.items():
            lab.commits[name] = _serve_source(lab, name, version)
        for made in bases:
            made.result()


def _make_base(lab: Lab, reference: str) -> None:
    suite, packages, _ = BASES[reference]
    with timed(f"debootstrap {suite}"):
        bootstrap(lab.folder / suite, suite, packages, lab.cache.url)
    push_base(lab, reference, "once")


def push_base(lab: Lab, reference: str, label: str) -> str:
    """Build a base image from its archive, push it, and return its digest."""
    suite, _, command = BASES[reference]
    context, digest = lab.folder / suite, lab.folder / suite / "digest"
    (context / "Dockerfile").write_text(BASE.format(command=command, label=label))
    address = f"{lab.registry}/{reference}"
    lab.engine.run("bud", "-q", "-t", address, ".", cwd=context)
    lab.engine.run("push", "-q", "--digestfile", digest, address)
    return digest.read_text().strip()


def _serve_source(lab: Lab, name: str, version: str) -> str:
    path = UPSTREAM[name].removeprefix("https://")
    address = lab.server.repository(path)
    source = fetch_sdist(name, version, lab.folder / "sdists" / name)
    return commit_release(source, version, address)


def settle(lab: Lab) -> None:
    """Write the site's catalogue: the default one, with mirrors and a registry of its own."""
    lab.site.mkdir()
    default_catalogue(lab.site)
    settings = SITE.format(git=lab.server.url, registry=lab.registry, bot=BOT)
    (lab.site / "distgen.yaml").write_text(settings)
    for namespace, public in REGISTRIES.items():
        ours = f"registry: {lab.registry}/{public.rpartition('/')[2]}".removesuffix("/docker.io")
        path = f"overlays/{namespace}/namespace.yaml"
        replace_in(path, f"registry: {public}\n", f"{ours}\n")(lab.site)
    lab.server.repository("images.git")
    git("init", "-q", "-b", "main", folder=lab.site)
    lab.commit("Build in our own network")


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - began:.0f} s")


def say(line: str) -> None:
    """Tell whoever waits, also where pytest keeps what tests print."""
    print(f"  {line}", file=sys.__stderr__, flush=True)
