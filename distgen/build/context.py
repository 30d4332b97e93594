"""Put the files that an image is built from into a folder: a published commit, or a tree."""

from __future__ import annotations

from pathlib import Path

from distgen.build.records import ContextFolder
from distgen.errors import DistgenError
from distgen.git.location import locate
from distgen.git.objects import blob_id, tree_id
from distgen.git.refs import HEADS
from distgen.git.remote import read_remote_heads
from distgen.git.retry import run_with_retries
from distgen.git.run import Git, explain, run
from distgen.model.catalogue import Image
from distgen.model.published import TreeEntry
from distgen.model.rendered import Tree
from distgen.model.words import EXECUTABLE
from distgen.output.files import explain_os_errors
from distgen.render.manifest import published_files

_BUILT = "refs/distgen/built"


def check_out_published(git: Git, image: Image, root: Path, folder: Path) -> ContextFolder:
    """Check the tip of an image's branch out, as a clone would, without its `.git`."""
    place = locate(image.url, root)
    branch = image.stream.branch
    if branch not in read_remote_heads(git, place, (branch,)).tips:
        raise DistgenError(
            f"has no branch {branch} yet",
            where=place,
            hint="publish it first (`distgen publish`), or build the tree with --rendered",
        )
    store, files = folder / "git", folder / "files"
    files.mkdir()
    _run_git(git, "init", "-q", "--bare", "--template=", str(store))
    fetch = ("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
    refspec = f"+{HEADS}{branch}:{_BUILT}"
    fetched = run_with_retries(
        git, place, *fetch, "--depth=1", place.address, refspec, folder=store
    )
    if fetched.code:
        raise DistgenError(f"cannot be fetched: {explain(fetched)}", where=place)
    said = _run_git(git, "show", "-s", "--format=%H %T %ct", _BUILT, store=store).split()
    as_clone = ("-c", "core.bare=false", "--work-tree", str(files))
    _run_git(git, *as_clone, "checkout", "-q", "--force", "--detach", _BUILT, store=store)
    return ContextFolder(str(files), tree=said[1], timestamp=int(said[2]), commit=said[0])


def _run_git(git: Git, *words: str, store: Path | None = None) -> str:
    result = run(git, *words, folder=store)
    if result.code:
        raise DistgenError(f"git cannot check it out: {explain(result)}")
    return result.output.decode("utf-8", "replace")


def write_rendered(tree: Tree, timestamp: int, folder: Path) -> ContextFolder:
    """Write a tree as it would be published."""
    files = folder / "files"
    entries = {}
    with explain_os_errors(files):
        for file in published_files(tree):
            path = files / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            if file.mode == EXECUTABLE:
                path.chmod(path.stat().st_mode | 0o111)
            entries[file.path] = TreeEntry(file.mode, blob_id(file.content))
    return ContextFolder(str(files), tree_id(entries), timestamp)
