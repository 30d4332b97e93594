"""Check that what a template prints into a RUN cannot be read as commands by the shell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import parse, run_script
from distgen.lint.findings import Violation
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.rule import rule
from distgen.model.rendered import PrintedValue

_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
# A command may be a value as a whole: after RUN and its options, or after an operator.
_COMMAND_BEGINS = re.compile(r"(?:^\s*RUN(?:\s+--\S+)*|[;&|({]|\b(?:then|do|else))[\s\\]*$", re.I)
_BREAKS = frozenset("<>|&;()`\n")
_RUNS = ("$(", "`")  # what runs a command within double quotes


@rule(
    "DG113",
    "A value is printed into RUN without sh",
    "warning",
    problem="A template prints a value as an argument of a ``RUN`` that holds what a shell reads "
    "as more than a word, such as the ``>`` of ``flask>=3``.",
    why="``pip install flask>=3`` installs any flask and writes a file called ``=3``; another "
    "value could run a command.",
    fix="Write ``{{ value | sh }}``; of a list it makes one word of each item, where ``join`` does "
    "not.",
)
def unquoted_values(context: RuleContext) -> Iterator[Violation]:
    printed = context.printed()
    starts = _line_starts(printed.text)
    for step in parse(printed.text).instructions if printed.values else ():
        run = step.trigger or step
        if run.cmd != "RUN" or run.json:
            continue
        start, end = starts[step.line - 1], starts[min(step.end_line, len(starts) - 1)]
        for value in printed.values:
            if start <= value.start < end:
                yield from _violations(context, run, value, printed.text[start : value.start])


def _violations(
    context: RuleContext, run: Instruction, value: PrintedValue, before: str
) -> Iterator[Violation]:
    """Yield a violation where a shell reads more than words in a value; `before` is its RUN."""
    if run.heredocs and value.text not in run_script(run):
        return  # no shell reads it
    _, quote = _scan(_COMMENT.sub("", before), "")
    if not quote and _COMMAND_BEGINS.search(before):
        return
    sign, _ = _scan(value.text, quote)
    line = _find_line(context, value.text)
    if sign and line:
        sign = "a line break" if sign == "\n" else sign
        text = f"{value.text!r} is printed into RUN, where a shell reads {sign}; print it with `sh`"
        yield Violation(text, line, origin=value.origin)


def _scan(text: str, quote: str) -> tuple[str, str]:
    """Read a text as a shell does that is within `quote`, which is "" outside of quotes.

    Return the first sign that is more than part of a word, and the quote that is open at the end.
    """
    sign, before, previous = "", quote, ""
    letters = iter(text)
    for letter in letters:
        if letter == "\\" and quote != "'":
            sign = sign or ("" if next(letters, "") else letter)
        elif letter == quote:
            quote = ""
        elif letter in "'\"" and not quote:
            quote = letter
        elif letter in _BREAKS if not quote else quote == '"' and previous + letter in _RUNS:
            sign = sign or letter
        previous = letter if letter == "$" else ""
    return sign or ("" if quote == before else quote or before), quote


def _find_line(context: RuleContext, text: str) -> int:
    """Return the line of a RUN of the tree that holds a text, 0 where a patch took it away."""
    first = text.strip("\n").partition("\n")[0]
    lines = context.dockerfile.text.splitlines()
    runs = (step for step in context.dockerfile.instructions if (step.trigger or step).cmd == "RUN")
    for step in runs:
        if any(first in line for line in lines[step.line - 1 : step.end_line]):
            return context.dockerfile.find_line(first, step)
    return 0


def _line_starts(text: str) -> list[int]:
    """Return the offset of each line, and that of the end."""
    starts = [0]
    for line in text.split("\n"):  # the parser counts no other line breaks
        starts.append(starts[-1] + len(line) + 1)
    return starts
