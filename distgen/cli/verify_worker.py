"""What `distgen verify` starts to render an earlier state of the catalogue, within limits."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from distgen.catalogue.load import load_catalogue
from distgen.catalogue.mirrors import apply_mirrors
from distgen.catalogue.sources.source import SourceContext, source_reader
from distgen.cli.session import NO_CACHE_VARIABLE, Session
from distgen.lock.file import read_lock
from distgen.model.catalogue import Catalogue
from distgen.model.lock import LOCK_FILE, Lock
from distgen.verify.worker import answer_questions

_MEMORY = 2 * 1024**3
_OUTPUT = 64 * 1024**2


def main() -> None:
    """Answer on standard output, where nothing else may be written."""
    for limit, most in ((resource.RLIMIT_DATA, _MEMORY), (resource.RLIMIT_FSIZE, _OUTPUT)):
        with suppress(ValueError, OSError):  # a stricter one is set already, or unknown here
            resource.setrlimit(limit, (most, most))
    environ = dict(os.environ)
    use_cache = NO_CACHE_VARIABLE not in environ
    session = Session(None, verbosity=-1, color=False, environ=environ, use_cache=use_cache)

    def read(root: Path) -> tuple[Catalogue, Lock]:
        around = SourceContext(environ, session.results.folder)
        catalogue = load_catalogue(root, read_source=source_reader(around))
        return apply_mirrors(catalogue, read_lock(root / LOCK_FILE))

    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    answer_questions(read, sys.stdin.buffer, answers)
