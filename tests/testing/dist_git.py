"""Situations of publishing: images and trees made by hand, and real repositories to look into."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from distgen.git.backoff import RetryPolicy
from distgen.git.run import Git, isolate
from distgen.git.store import open_store
from distgen.model.catalogue import Catalogue, DistGit, Image, Namespace, Parent, Policy, Stream
from distgen.model.lock import Lock
from distgen.model.published import Provenance, Result
from distgen.model.rendered import File, Tree
from distgen.model.words import EXECUTABLE, REGULAR
from distgen.publish.options import PublishOptions
from distgen.publish.run import PublishRequest, plan_only, publish

AUTHOR = "distgen <distgen@localhost>"
STREAMS = (Stream("master", "master", ("master",)), Stream("2024.1", "stable/2024.1", ("2024.1",)))
ORIGIN = Provenance("https://example.org/images.git@abc", AUTHOR, 1_700_000_000, "1.0.0", Lock())
OPTIONS = PublishOptions(ORIGIN, jobs=4)
QUICK = RetryPolicy(timeout=60, first_pause=0.01)
GIT: Git = isolate({"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, QUICK)

Files = Mapping[str, str | bytes | None]


def image(key, *parents, url="dist-git/{namespace}/{image}.git"):
    full, _, name = key.partition("@")
    namespace, short = full.split("/")
    stream = next(stream for stream in STREAMS if stream.name == (name or "master"))
    kin = (parent if "@" in parent else f"{parent}@{stream.name}" for parent in parents)
    return Image(
        namespace=namespace,
        name=short,
        stream=stream,
        description="",
        template="plain",
        parents=tuple(Parent("base", parent, f"quay.io/{parent}") for parent in kin),
        sources=(),
        downloads=(),
        values={},
        layers=(),
        files=(),
        patches=(),
        reference=f"quay.io/{full}:{stream.tags[0]}",
        url=url.format(namespace=namespace, image=short),
    )


def make_catalogue(
    root, *images, forge="none", author=AUTHOR, url="dist-git/{namespace}/{image}.git"
):
    names = sorted({found.namespace for found in images})
    dist_git = DistGit(url, author, forge)
    namespaces = {
        name: Namespace(name, "", "quay.io/x", "{image}", STREAMS, Policy(), (), dist_git)
        for name in names
    }
    return Catalogue(str(root), tuple(sorted(images, key=lambda i: i.key)), {}, namespaces, None)


def files(contents: Files):
    """Return files from text; what starts with `#!` is executable."""
    found = []
    for path, text in sorted(contents.items()):
        content = text.encode() if isinstance(text, str) else text
        found.append(File(path, content, EXECUTABLE if content.startswith(b"#!") else REGULAR))
    return tuple(found)


def tree(found: Image, contents: Files, **pins):
    return Tree(found.full_name, found.stream.name, files(contents), **pins)


def run_publish(root, images, trees, options=OPTIONS, **found) -> list[Result]:
    """Publish `images` with the trees by key, and return the results sorted by key."""
    with open_store(found.get("store") or Path(root) / "store", found.get("git", GIT)) as opened:
        results = publish(_request(root, images, trees, found), opened, options)
        return sorted(results, key=lambda result: result.key)


def plans(root, images, trees, options=OPTIONS, **found):
    """Return the changes that publishing would make."""
    request = _request(root, images, trees, found)
    return plan_only(request, found.get("git", GIT), options, found.get("store"))


def _request(root, images, trees, found):
    retired = tuple(found.get("retired", ()))
    known = [*images, *found.get("known", ())] or [image("ns/known")]
    return PublishRequest(
        make_catalogue(root, *known), tuple(images), lambda i: trees[i.key], retired
    )


def snapshot(path):
    """Return the content and time of everything below a path."""
    found = [path, *sorted(path.rglob("*"))] if path.exists() else []
    return [
        (str(each), each.stat().st_mtime_ns, each.read_bytes() if each.is_file() else None)
        for each in found
    ]


def statuses(results):
    return {found.key: found.status for found in results}


def git(*words, folder=None, stdin=None, check=True):
    """Run the real git and return what it printed."""
    where = ("-C", str(folder)) if folder else ()
    person = {
        f"GIT_{role}_{word}": text
        for role in ("AUTHOR", "COMMITTER")
        for word, text in (("NAME", "Pat"), ("EMAIL", "pat@example.org"))
    }
    done = subprocess.run(
        ["git", *where, *words],
        input=stdin,
        capture_output=True,
        env={**os.environ, **person},
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode()


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
