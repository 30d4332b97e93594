"""The site that builds Monasca on Debian: sources from PyPI, and one line in the namespace."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from e2e.chain import Clone
from e2e.lab import BOT, SITE, Lab
from testing.comparisons import default_catalogue
from testing.dist_git import git
from testing.sdists import commit_release, fetch_sdist

STREAM = "master"
PYTHON = "3.11"
"""The Python of Debian 12, in place of an official image of the same release."""

RELEASES = {
    "monasca-agent": "10.0.0",
    "monasca-api": "11.0.0",
    "monasca-common": "3.8.0",
    "monasca-log-api": "2.11.0",
    "monasca-notification": "9.0.0",
    "monasca-persister": "9.0.0",
    "monasca-tempest-plugin": "2.7.0",
    "python-monascaclient": "2.8.0",
}
"""The last release of each project. The sources of the stream are few commits younger."""

PROJECTS = {
    "agent-collector": "monasca-agent",
    "agent-forwarder": "monasca-agent",
    "api": "monasca-api",
    "client": "python-monascaclient",
    "log-api": "monasca-log-api",
    "notification": "monasca-notification",
    "persister": "monasca-persister",
    "statsd": "monasca-agent",
    "tempest-tests": "monasca-tempest-plugin",
}
"""The component of each image."""

IMAGES = ("base", *PROJECTS)
CONSTRAINTS = Path(__file__).with_name("monasca-constraints.txt")


@contextmanager
def serve_files(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, and yield the address."""
    handler = partial(_QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def serve_sources(lab: Lab) -> dict[str, str]:
    """Put the components on the git server; return the commit of each."""

    def serve_source(name: str) -> str:
        version = RELEASES[name]
        address = lab.server.repository(f"opendev.org/openstack/{name}")
        source = fetch_sdist(name, version, lab.folder / "monasca-sdists" / name)
        return commit_release(source, version, address)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(RELEASES, pool.map(serve_source, RELEASES), strict=True))


def settle_debian(lab: Lab, files: str) -> None:
    """Write the site's catalogue: the default one on Debian, with sources and files of here."""
    site = lab.site
    site.mkdir()
    default_catalogue(site)
    settings = SITE.format(git=lab.server.url, registry=lab.registry, bot=BOT)
    (site / "distgen.yaml").write_text(settings.replace("/dist-git/", "/monasca-git/"))
    overlays = site / "overlays/monasca"
    namespace = (overlays / "namespace.yaml").read_text()
    namespace = namespace.replace("docker.io/monasca\n", f"{lab.registry}/monasca\n", 1)
    namespace += f'values: {{distribution: debian, python: "{PYTHON}"}}\n'
    common = RELEASES["monasca-common"]
    (overlays / "namespace.yaml").write_text(_with_releases(namespace, common, common, files))
    for name, project in PROJECTS.items():
        overlay = overlays / f"{name}.yaml"
        text = _with_releases(overlay.read_text(), RELEASES[project], common, files)
        overlay.write_text(text)
    git("init", "-q", "-b", "main", folder=site)
    git("add", "-A", folder=site)
    git("commit", "-q", "-m", "Build Monasca on Debian", folder=site)


def _with_releases(text: str, app: str, common: str, files: str) -> str:
    """Name what is built in the stream, where the catalogue names commits of upstream."""
    text = re.sub(r"(?m)(app_ref: )[0-9a-f]{40}", rf'\g<1>"{app}"', text)
    text = re.sub(r"(?m)(common_ref: )([0-9a-f]{40}|2023\.1-eom)", rf'\g<1>"{common}"', text)
    address = f"{files}/{CONSTRAINTS.name}"
    return re.sub(r"https://releases.openstack.org/constraints/upper/[0-9.]+", address, text)


def publish_debian(lab: Lab) -> dict[str, Clone]:
    """Lock and publish what is built; return a clone of each, the base first."""
    names = [f"monasca/{name}@{STREAM}" for name in IMAGES]
    for upgraded in (f"docker.io/library/python:{PYTHON}-*", "https://opendev.org/openstack/*"):
        locked = lab.distgen("lock", *names, "--upgrade", upgraded)
        assert locked.code == 0, locked
    git("add", "-A", folder=lab.site)
    git("commit", "-q", "-m", "Lock what is built here", folder=lab.site)
    for name in IMAGES:
        lab.server.repository(f"monasca-git/monasca/{name}.git")
    published = lab.distgen("publish", *names)
    assert published.code == 0, published
    return {name: clone_image(lab, name) for name in IMAGES}


def clone_image(lab: Lab, name: str) -> Clone:
    """Clone a repository over HTTP, as anybody may."""
    folder = lab.folder / "clones" / name
    git("clone", "-q", f"{lab.server.url}/monasca-git/monasca/{name}.git", str(folder))
    return Clone(f"monasca/{name}", folder)
