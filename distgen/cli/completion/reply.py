"""Turn the variables that a shell asks with into what it is told."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from distgen.cli.completion.answers import DIR, FILE, Names, find_candidates
from distgen.cli.completion.names import find_root, read_names
from distgen.cli.completion.scripts import SCRIPTS
from distgen.cli.completion.table import read_table

VARIABLE = "_DISTGEN_COMPLETE"


def reply(environ: Mapping[str, str]) -> str | None:
    """Return the function for a shell (`bash_source`), or lines for it (`bash_complete`).

    None where the variable is not set to one of them.
    """
    shell, _, request = environ.get(VARIABLE, "").partition("_")
    if shell not in SCRIPTS or request not in ("source", "complete"):
        return None
    if request == "source":
        return SCRIPTS[shell]
    line = environ.get("COMP_LINE", "")
    words, begun = split_line(line)
    candidates = find_candidates(read_table(), words[1:], begun, lambda: _names(words, environ))
    if shell != "bash":
        return "".join(f"{word}\t{text}\n" if text else f"{word}\n" for word, text in candidates)
    # bash itself splits words at some characters, and replaces what comes after the last of them;
    # a word may begin with `@`.
    is_quoted = line.split(" ")[-1].startswith(("'", '"'))
    breaks = "" if is_quoted else environ.get("COMP_WORDBREAKS", "")
    starts = {"@": begun.rfind("@"), "=": begun.rfind("=") + 1, ":": begun.rfind(":") + 1}
    kept = max([0, *(start for sign, start in starts.items() if sign in breaks)])
    return "".join(f"{word if word in (FILE, DIR) else word[kept:]}\n" for word, _ in candidates)


def split_line(line: str) -> tuple[list[str], str]:
    """Return the whole words of a command line, and what the last one begins with."""
    words = [word.strip("'\"") for word in line.split()]
    return (words, "") if line[-1:].isspace() or not words else (words[:-1], words[-1])


def _names(words: Sequence[str], environ: Mapping[str, str]) -> Names:
    start = words[words.index("-C") + 1] if "-C" in words[:-1] else "."
    root = find_root(os.path.expanduser(start))  # noqa: PTH111 - see names
    return read_names(root, environ) if root else {}
