"""Errors that reach a user: one sentence of where, what is wrong, and what to do.

DistgenError        exit 1, something outside failed (git, disk, a registry)
└── InputError      exit 2, the catalogue, the configuration or the command line is wrong
"""

from __future__ import annotations


class DistgenError(Exception):
    """The outside failed: a remote, the disk, a program. The message is a sentence for a person."""

    exit_code = 1

    def __init__(self, problem: str, *, where: object = None, hint: str = "") -> None:
        self.problem = problem
        self.where = where
        self.hint = hint
        super().__init__(problem)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return printable(f"{place}{self.problem}" + (f"; {self.hint}" if self.hint else ""))


class InputError(DistgenError):
    """What the user wrote is wrong; `where` is the file and line, or the option, that says so."""

    exit_code = 2


def printable(text: str) -> str:
    """Return a text without characters that would command the terminal it is shown on."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text)
