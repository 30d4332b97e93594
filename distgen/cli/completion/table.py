"""The commands, with their options and arguments, as `doc/regenerate.py` wrote them down."""

from __future__ import annotations

import os

from distgen.cli.completion.answers import Row

FILE = os.path.join(os.path.dirname(__file__), "commands.txt")  # noqa: PTH118,PTH120 - as in help


def read_table() -> list[Row]:
    """Return the rows of all commands."""
    rows: list[Row] = []
    with open(FILE, encoding="utf-8") as file:  # noqa: PTH123
        for line in file:
            command, kind, name, value, text = line.rstrip("\n").split("\t")
            rows.append((command, kind, name, value, text))
    return rows
