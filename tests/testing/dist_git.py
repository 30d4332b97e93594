"""Situations of publishing: real repositories to publish to, and to look into."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from testing.images import AUTHOR, image, make_catalogue

from distgen.backoff import RetryPolicy
from distgen.git.http.choice import HttpChoice
from distgen.git.run import Git, isolate
from distgen.git.store import open_store
from distgen.model.lock import Lock
from distgen.model.published import Provenance, Result
from distgen.publish.options import PublishOptions
from distgen.publish.run import PublishRequest, plan_each, publish_images

ORIGIN = Provenance("https://example.org/images.git@abc", AUTHOR, 1_700_000_000, "1.0.0", Lock())
OPTIONS = PublishOptions(ORIGIN, jobs=4)
QUICK = RetryPolicy(timeout=60, first_pause=0.01)
GIT: Git = isolate({"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, QUICK)


def by_git(git: Git) -> Git:
    """Return git that itself talks to http(s) repositories, as with `--transport git`."""
    return replace(git, http=None)


def by_distgen(git: Git) -> Git:
    """Return git whose http(s) repositories distgen talks to, over connections of its own."""
    return replace(git, http=HttpChoice())


WAYS = {"git": by_git, "distgen": by_distgen}


def as_it_is(git: Git) -> Git:
    return git


chosen_way = as_it_is
"""What a test lets talk to http(s) repositories; see `WAYS`."""

Files = Mapping[str, str | bytes | None]


def run_publish(
    root, images, trees, options=OPTIONS, *, git=GIT, store=None, orphans=(), others=()
) -> list[Result]:
    """Publish `images` with the trees by key, and return the results sorted by key.

    The catalogue holds `others` as well, and `orphans` are branches to retire.
    """
    request = _request(root, images, trees, orphans, others)
    git = chosen_way(git)
    with open_store(store or Path(root) / "store", git) as opened:
        return sorted(publish_images(request, opened, options), key=lambda result: result.key)


def plans(root, images, trees, options=OPTIONS, *, git=GIT, store=None, orphans=(), others=()):
    """Return the changes that publishing would make, in the order of the images."""
    request = _request(root, images, trees, orphans, others)
    planned = plan_each(request, chosen_way(git), options, store)
    changes = {change.key: change for change in planned}
    return tuple(changes[key] for key in request.keys)


def _request(root, images, trees, orphans, others):
    in_catalogue = [*images, *others] or [image("ns/unrelated")]
    catalogue = make_catalogue(root, *in_catalogue)
    return PublishRequest(catalogue, tuple(images), lambda i: trees[i.key], tuple(orphans))


def snapshot(path):
    """Return the content and time of everything below a path."""
    entries = [path, *sorted(path.rglob("*"))] if path.exists() else []
    return [
        (str(entry), entry.stat().st_mtime_ns, entry.read_bytes() if entry.is_file() else None)
        for entry in entries
    ]


def statuses(results):
    return {result.key: result.status for result in results}


def git(*words, folder=None, stdin=None, check=True):
    """Run the real git and return what it printed."""
    where = ("-C", str(folder)) if folder else ()
    person = {
        f"GIT_{role}_{word}": text
        for role in ("AUTHOR", "COMMITTER")
        for word, text in (("NAME", "Pat"), ("EMAIL", "pat@example.org"))
    }
    process = subprocess.run(
        ["git", *where, *words],
        input=stdin,
        capture_output=True,
        env={**os.environ, **person},
        check=False,
    )
    if check and process.returncode:
        raise AssertionError(process.stderr.decode())
    return process.stdout.decode()


def content(repository, path, branch="master"):
    return git("show", f"{branch}:{path}", folder=repository)


def listing(repository, branch="master"):
    return git("ls-tree", "-r", "--name-only", branch, folder=repository).split()


def commits(repository, branch="master"):
    return git("rev-list", branch, folder=repository).split()


def edit(repository, contents: Files, tmp_path, branch="master", mode=None):
    """Commit what a downstream person does: text to write, None to delete, a mode to set."""
    clone = tmp_path / f"clone-{len(list(tmp_path.iterdir()))}"
    git("clone", "-q", "-b", branch, str(repository), str(clone))
    for path, text in contents.items():
        if text is None:
            git("rm", "-q", path, folder=clone)
            continue
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        if mode:
            (clone / path).chmod(mode)
    git("add", "-A", folder=clone)
    git("commit", "-q", "-m", "Downstream edit", folder=clone)
    git("push", "-q", "origin", f"HEAD:{branch}", folder=clone)
    return git("rev-parse", "HEAD", folder=clone).strip()
