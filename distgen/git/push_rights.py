"""Ask a server whether it would take a push, without pushing anything."""

from __future__ import annotations

from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.location import Place
from distgen.git.retry import run_on_server
from distgen.git.run import Git, GitResult, explain, run
from distgen.git.transport import list_refs_over_http

_REFS = "refs/distgen/probe"
_COMMIT = b"tree %s\nauthor distgen <> 0 +0000\ncommitter distgen <> 0 +0000\n\nprobe\n"


def make_probe(git: Git, folder: Path) -> None:
    """Give an empty repository a ref that `ask_to_push` can begin to push."""
    tree = _write_object(git, folder, "tree", b"")
    commit = _write_object(git, folder, "commit", _COMMIT % tree.encode("ascii"))
    run(git, "update-ref", f"{_REFS}/commit", commit, folder=folder)


def ask_to_push(git: Git, place: Place, folder: Path) -> GitResult:
    """Begin a push and end it before anything is sent; `folder` has the probe.

    A server says at the begin whom it lets in. What its hooks refuse it says in the end only.
    """
    result = list_refs_over_http(git, place, (_REFS,), ("git-receive-pack",))
    if result is not None:
        return result
    # Without anything to push, git would take any page of text for a repository.
    words = ("push", "--dry-run", "--no-verify", place.address, f"{_REFS}/*:{_REFS}/*")
    return run_on_server(git, place, *words, folder=folder)


def _write_object(git: Git, folder: Path, kind: str, content: bytes) -> str:
    words = ("hash-object", "-w", "-t", kind, "--stdin")
    result = run(git, *words, folder=folder, stdin=content)
    if result.code:
        raise DistgenError(f"no temporary repository can be made: {explain(result)}")
    return result.output.decode("ascii").strip()
