"""What the scripts of jobs work on: a clone of a catalogue, its sources, and servers for git."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testing.dist_git import git
from testing.git_server import GitServer, git_server
from testing.reader import begin

ROOT = Path(__file__).parents[2]
SCRIPTS = ("distgen-check", "distgen-publish", "distgen-lock-update")
USER, TOKEN = "robot", "t0ken-that-nobody-may-see"
SETTINGS = """\
version: 1
dist_git:
  url: {url}/{{namespace}}/{{image}}.git
  user: {user}
  token_env: DISTGEN_TOKEN
"""
FILES = {
    "templates/app/template.yaml": "description: A program\nvalues: {}\n",
    "templates/app/Dockerfile.j2": (
        "FROM scratch\nLABEL commit={{ sources.lib.commit or 'none' }}\n"
    ),
    "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {main: {}}\n",
    "overlays/ns/app.yaml": "template: app\nfrom: scratch\nsources: {lib: {git: GIT, ref: main}}\n",
}
BROKEN = "templates/app/Dockerfile.j2", "FROM scratch\nWORKDIR relative/folder\n"
"""A file with an error of hadolint, DL3000, on its second line."""


@dataclass(frozen=True)
class JobSite:
    """A clone of a catalogue, the bare repository it came from, and a source that can move."""

    folder: Path
    clone: Path
    upstream: Path
    lib: Path
    first: str
    server: GitServer
    environment: Mapping[str, str]

    def reset(self) -> None:
        """Take back what a test did, but for the commits of the source."""
        git("reset", "-q", "--hard", self.first, folder=self.clone)
        git("clean", "-q", "-fdx", folder=self.clone)
        for place in (self.upstream, self.server.root / "ns/app.git"):
            kept = "refs/heads/main" if place == self.upstream else ""
            for name in git("for-each-ref", "--format=%(refname)", folder=place).split():
                if name != kept:
                    git("update-ref", "-d", name, folder=place)

    def commit(self, path: str, text: str) -> str:
        """Commit a file to the clone and return the commit before it."""
        before = git("rev-parse", "HEAD", folder=self.clone).strip()
        (self.clone / path).write_text(text)
        git("add", "-A", folder=self.clone)
        git("commit", "-q", "-m", "A change", folder=self.clone)
        return before

    def move_source(self) -> str:
        """Let the source have a new commit, and return it."""
        git("commit", "-q", "--allow-empty", "-m", "Go on", folder=self.lib)
        return git("rev-parse", "HEAD", folder=self.lib).strip()

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script in the clone."""
        return subprocess.run(
            words,
            cwd=self.clone,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    @property
    def reports(self) -> dict[str, str]:
        """Return what the last script wrote, by the names of the files."""
        places = sorted((self.clone / "distgen-reports").iterdir())
        return {path.name: path.read_text() for path in places}

    @property
    def statuses(self) -> list[str]:
        """Return what became of each image that was published."""
        rows = json.loads(self.reports["results.json"])["results"]
        return [f"{row['image']} {row['status']}" for row in rows]


def write_files(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@contextmanager
def job_site(folder: Path) -> Iterator[JobSite]:
    """Make a catalogue whose lock is complete, a server to publish to, and the scripts' PATH."""
    lib, start, upstream, clone = (folder / n for n in ("lib", "start", "images.git", "images"))
    lib.mkdir()
    git("init", "-q", "-b", "main", folder=lib)
    git("commit", "-q", "--allow-empty", "-m", "Begin", folder=lib)
    environment = begin(folder, {"DISTGEN_TOKEN": TOKEN})
    (folder / "server").mkdir()
    with git_server(folder / "server", {USER: TOKEN}) as server:
        server.repository("ns/app.git")
        files = {name: text.replace("GIT", f"file://{lib}") for name, text in FILES.items()}
        settings = SETTINGS.format(url=server.url, user=USER)
        write_files(start, {**files, "distgen.yaml": settings})
        git("init", "-q", "-b", "main", folder=start)
        subprocess.run(["distgen", "-C", start, "lock"], env=environment, check=True)
        git("add", "-A", folder=start)
        git("commit", "-q", "-m", "Begin", folder=start)
        git("clone", "-q", "--bare", str(start), str(upstream), folder=folder)
        git("clone", "-q", str(upstream), str(clone), folder=folder)
        first = git("rev-parse", "HEAD", folder=clone).strip()
        yield JobSite(folder, clone, upstream, lib, first, server, environment)
