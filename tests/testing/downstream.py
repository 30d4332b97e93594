"""Situations of packagers: a published catalogue, and clones of its repositories to work in."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from testing.git_server import git_server

TEMPLATE = """
    description: A program
    values:
      packages: {description: Packages, type: array, items: {type: string}, default: []}
      title: {description: Title, type: string, default: A program}
      user: {description: User, type: string, default: nobody}
    """
DOCKERFILE = """
    FROM {{ base.reference }}
    LABEL title={{ title | dq }}
    {% for package in packages %}
    RUN install {{ package }}
    {% endfor %}
    COPY start /usr/bin/start
    COPY settings.ini /etc/tool.ini
    ENV LANG=C
    WORKDIR /srv
    USER {{ user }}
    CMD ["start"]
    """
SETTINGS = b"[tool]\nlevel = 1\ncolor = no\nname = tool\nlast = yes\n"
NAMESPACE = """
    description: Small images
    registry: registry.example.org/small
    streams:
      main: {branch: main, tags: [main]}
    """
FILES = {
    "distgen.yaml": "version: 1\nsource: https://example.org/images.git\n",
    ".gitignore": "/dist-git/\n/cache/\n",
    "templates/app/template.yaml": TEMPLATE,
    "templates/app/Dockerfile.j2": DOCKERFILE,
    "templates/app/start": "#!/bin/sh\nset -e\nexec tool\n",
    "templates/app/settings.ini": SETTINGS,
    "templates/app/logo.png": b"\x89PNG\0\0old\n",
    "overlays/small/namespace.yaml": NAMESPACE,
    "overlays/small/base.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
    "overlays/small/tool.yaml": "template: app\nfrom: small/base\nvalues: {packages+: [jq]}\n",
}
STREAMS = """
    description: Small images
    registry: registry.example.org/small
    streams:
      main: {branch: main, tags: [main]}
      old: {branch: stable/old, tags: [old], values: {title: An old program}}
    """
MOMENT = "2024-05-01T12:00:00+02:00"


def git(folder, *words, name="Pat Packager", date=MOMENT, check=True, stdin=None, **env):
    """Run git in a folder as a person; return what it printed."""
    person = {
        f"GIT_{role}_{word}": text
        for role in ("AUTHOR", "COMMITTER")
        for word, text in (("NAME", name), ("EMAIL", "pat@example.org"), ("DATE", date))
    }
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **person, **env},
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape")


def commit(root, subject="Change the catalogue"):
    """Commit everything in a folder; return the commit."""
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", subject)
    return git(root, "rev-parse", "HEAD").strip()


@dataclass(frozen=True)
class Clone:
    """A packager's clone of a dist-git repository."""

    path: Path

    def git(self, *words, **more):
        return git(self.path, *words, **more)

    def read(self, path):
        return (self.path / path).read_text()

    def write(self, **files):
        """Write files, whose names have no dots here: `_` stands for one; None deletes."""
        for name, text in files.items():
            path = self.path / name.replace("__", "/").replace("_", ".")
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def replace(self, path, old, new):
        text = self.read(path)
        assert old in text
        (self.path / path).write_text(text.replace(old, new))

    def commit(self, subject="Change it here", **more):
        """Commit everything; return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject, **more)
        return self.head

    def push(self, *words):
        self.git("push", "-q", *words, "origin", "HEAD")

    @property
    def head(self):
        return self.git("rev-parse", "HEAD").strip()

    def files(self):
        """Return mode and bytes of every file of the present commit but distgen's own."""
        found = {}
        for row in self.git("ls-tree", "-r", "-z", "HEAD").split("\0")[:-1]:
            head, _, path = row.partition("\t")
            if path not in (".distgen.json", ".gitattributes"):
                mode, _, blob = head.split()
                found[path] = mode, self.git("cat-file", "blob", blob)
        return found


@pytest.fixture
def small(catalogue):
    """A catalogue of two images, committed to git."""
    root = catalogue(FILES)
    commit(root, "Begin")
    return root


SECRET = "s3cr3t-TOKEN"


@pytest.fixture
def served(catalogue, tmp_path, monkeypatch):
    """A catalogue whose repositories are on a server that wants a token, and that server."""
    with git_server(tmp_path / "srv", {"bot": SECRET}) as server:
        where = f"  url: {server.url}/{{namespace}}/{{image}}.git\n"
        rest = "  token_env: TOKEN\n  user: bot\n"
        root = catalogue({**FILES, "distgen.yaml": f"version: 1\ndist_git:\n{where}{rest}"})
        commit(root, "Begin")
        for name in ("base", "tool"):
            server.repository(f"small/{name}.git", core__bare="true")
        monkeypatch.setenv("TOKEN", SECRET)
        yield root, server


@pytest.fixture
def cloned(tmp_path):
    """Return a function that clones an image's repository as a packager does."""

    def clone(root, image="small/tool", branch="main"):
        path = tmp_path / f"clone-{len(list(tmp_path.glob('clone-*')))}"
        git(tmp_path, "clone", "-q", "-b", branch, f"{root}/dist-git/{image}.git", str(path))
        return Clone(path)

    return clone
