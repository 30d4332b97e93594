"""An instruction of a Dockerfile, and why a builder would refuse it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import dockerfile  # type: ignore[import-not-found]

KEYWORDS = frozenset(command.upper() for command in dockerfile.all_cmds())
_NEEDS_VALUE = KEYWORDS - {"CMD", "ENTRYPOINT", "SHELL"}
_VARIABLE = re.compile(r"\$[\w{@*#?$!-]", re.ASCII)
# A pair of a backslash and what it escapes, a quoted text, or a letter.
_PIECE = re.compile(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*"|[^\\'"]+|.""", re.DOTALL)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_STAGE_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A file written inside an instruction; `name` is the word that ends it."""

    name: str
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its keyword in capitals; `trigger` is what an ONBUILD holds for children."""

    cmd: str
    value: tuple[str, ...]
    flags: tuple[tuple[str, str], ...] = ()
    line: int = 1
    end_line: int = 1
    original: str = field(default="", repr=False)
    heredocs: tuple[Heredoc, ...] = ()
    json: bool = False
    trigger: Instruction | None = None

    def flag(self, name: str) -> str | None:
        """Return the value of the last flag of that name, "" for a bare one, None without it."""
        return next((value for key, value in reversed(self.flags) if key == name), None)


def refusal(instruction: Instruction, in_stage: bool) -> str:
    """Return why a builder refuses an instruction, "" when it does not.

    `in_stage` says that a FROM is above it, or that it is one.
    """
    cmd, words, trigger = instruction.cmd, instruction.value, instruction.trigger
    if cmd not in KEYWORDS:
        return f"unknown instruction {cmd}"
    if not in_stage and cmd != "ARG":
        return f"{cmd} is before the first FROM"
    if not words and not instruction.heredocs and cmd in _NEEDS_VALUE:
        return f"{cmd} needs an argument"
    if cmd == "FROM" and not (len(words) == 1 or names_stage(words)):
        return f"FROM takes IMAGE or IMAGE AS NAME, not {' '.join(words)}"
    if cmd == "FROM" and names_stage(words) and not _STAGE_NAME.fullmatch(words[2]):
        return f"{words[2]} is not a name of a stage: letters, digits, . _ and - without quotes"
    if cmd == "HEALTHCHECK" and words[0].upper() not in {"NONE", "CMD"}:
        return f"HEALTHCHECK takes NONE or CMD without quotes, not {words[0]}"
    if cmd in {"COPY", "ADD"} and len(words) < 2:
        return f"{cmd} needs a source and a destination"
    if trigger and trigger.cmd in {"FROM", "MAINTAINER", "ONBUILD"}:
        return f"ONBUILD cannot hold {trigger.cmd}"
    return refusal(trigger, in_stage) if trigger else ""


def names_stage(words: tuple[str, ...]) -> bool:
    """Tell whether the words of a FROM name its stage."""
    return len(words) == 3 and words[1].upper() == "AS"


def unquote(word: str) -> str:
    """Return a word without its quotes and escapes, or as it is when they do not match.

    That is how BuildKit reads it (frontend/dockerfile/shell/lex.go), variables left as they are.
    """
    text, quote = "", ""
    letters = iter(word)
    for letter in letters:
        if letter == "\\" and quote != "'":
            escaped = next(letters, "")
            text += escaped if not quote or escaped in ('"', "$", "\\", "") else f"\\{escaped}"
        elif letter == quote:
            quote = ""
        elif letter in "\"'" and not quote:
            quote = letter
        else:
            text += letter
    return word if quote else text


def has_variable(word: str) -> bool:
    """Tell whether a builder replaces a variable in a word: one that is not escaped or in ''."""
    pieces = (piece for piece in _PIECE.findall(word) if not piece.startswith("'"))
    return _VARIABLE.search(_ESCAPED.sub("", "".join(pieces))) is not None
