"""Turn a call for help into the help text that ships with the package, without importing click.

`distgen COMMAND --help` takes ten times as long where click is imported, and forty times where the
command is imported, too. `doc/regenerate.py` writes the texts from click's own, at the 80 columns
that click prints at most.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

FOLDER = os.path.join(os.path.dirname(__file__), "help")  # noqa: PTH118,PTH120 - pathlib costs 8 ms
COLUMNS = 80


def read(words: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return the help text that `words` of the command line ask for; None where click has to.

    A terminal of fewer columns needs lines that are broken elsewhere, and click breaks them.
    """
    *command, option = words or ("",)
    plain = all(word.replace("-", "").isalpha() and word[0] != "-" for word in command)
    if option not in ("-h", "--help") or not plain or "COLUMNS" in environ:
        return None
    with suppress(OSError):  # standard output is not a terminal
        if os.get_terminal_size().columns < COLUMNS:
            return None
    name = "-".join(("distgen", *command))
    try:
        with open(f"{FOLDER}/{name}.txt", encoding="utf-8") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return None
