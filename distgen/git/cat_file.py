"""Read objects of one repository, one after the other, through one process of git."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from distgen.errors import DistgenError
from distgen.git.processes import start_process
from distgen.git.run import Git, git_command

_MAX_SIZE = 256 * 1024**2  # bytes of one object, which is kept in memory


@dataclass(frozen=True, slots=True)
class GitObject:
    """An object of a repository."""

    id: str
    kind: str
    content: bytes = field(repr=False)


class ObjectReader:
    """A `git cat-file --batch` of one repository; threads may share it.

    `close_count` says how often it was closed, so that threads reset a damaged store only once.
    """

    def __init__(self, git: Git, folder: Path) -> None:
        self.git = git
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._commits: dict[str, GitObject] = {}
        self.close_count = 0

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, name: str) -> GitObject | None:
        """Return the object of an id, a ref or `commit:path`; None if it does not exist."""
        if "\n" in name:
            return None
        if commit := self._commits.get(name):
            return commit
        with self._lock:
            try:
                return self._ask(name)
            except DistgenError:
                self._end()
                raise
            except (OSError, ValueError, IndexError):
                # The next answer would belong to this question. The process stays dead until
                # close(): a new one would read a store that another thread resets.
                if self._process is not None:
                    self._process.kill()
                    self._process.wait()
                raise DistgenError(
                    f"git cannot read {name}", where=self.folder, hint="is the repository damaged?"
                ) from None

    def close(self) -> None:
        """End the process; the next question starts a new one."""
        with self._lock:
            self._end()
            self.close_count += 1

    def _end(self) -> None:
        process, self._process = self._process, None
        self._commits.clear()
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, name: str) -> GitObject | None:
        question, answer = self._pipes()
        question.write(name.encode("utf-8", "surrogateescape") + b"\n")
        question.flush()
        words = answer.readline().split()
        if len(words) != 3 or not words[2].isdigit():
            if words and words[-1] in (b"missing", b"ambiguous"):
                return None
            raise ValueError(words)
        size = int(words[2])
        if size > _MAX_SIZE:  # one large file of a repository once filled the memory
            sentence = f"{name} has {size} bytes; no more than {_MAX_SIZE} are read"
            raise DistgenError(sentence, where=self.folder)
        content = answer.read(size + 1)
        if len(content) != size + 1:
            raise ValueError(size)
        git_object = GitObject(words[0].decode("ascii"), words[1].decode("ascii"), content[:-1])
        if git_object.kind == "commit":  # each tip is read twice: does it exist, what is its tree
            self._commits[git_object.id] = git_object
        return git_object

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            words = git_command(self.folder, False, ("cat-file", "--batch"))
            self._process = start_process(words, self.git.local, subprocess.DEVNULL)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        return process.stdin, process.stdout
