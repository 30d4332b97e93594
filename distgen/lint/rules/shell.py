"""Check that what a template prints into a RUN cannot be read as commands by the shell."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import parse, run_script, split_lines
from distgen.lint.findings import Violation
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.rule import rule
from distgen.model.rendered import PrintedValue

_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
# A command may be a value as a whole: after RUN and its options, or after an operator.
_COMMAND_BEGINS = re.compile(r"(?:^\s*RUN(?:\s+--\S+)*|[;&|({]|\b(?:then|do|else))[\s\\]*$", re.I)
_LOOK_BACK = 4096  # letters of a RUN in which a command may begin before a value
_BREAKS = frozenset("<>|&;()`\n")
_SIGNS = _BREAKS | set("'\"\\")  # a value without any is a word, or part of one
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
    if all(_SIGNS.isdisjoint(value.text) for value in printed.values):
        return  # most images end here, and are not read again
    starts = _line_starts(printed.text)
    for step in parse(printed.text).instructions:
        run = step.trigger or step
        if run.cmd != "RUN" or run.json:
            continue
        start, end = starts[step.line - 1], starts[min(step.end_line, len(starts) - 1)]
        first = bisect_left(printed.values, start, key=_start_of)
        last = bisect_left(printed.values, end, key=_start_of)
        values = printed.values[first:last]
        for value, quote in _with_quotes(printed.text[start:end], start, values):
            if sign := _unquoted_sign(run, value, quote, printed.text[start : value.start]):
                yield from _violations(context, value, sign)


def _start_of(value: PrintedValue) -> int:
    return value.start


def _with_quotes(
    text: str, start: int, values: Iterable[PrintedValue]
) -> Iterator[tuple[PrintedValue, str]]:
    """Yield each value with the quote that is open where it begins, in the text of its RUN."""
    # Comments become blanks of the same length: a RUN of many values is read once, not once each.
    masked = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    at, quote, is_escaped = 0, "", False
    for value in values:
        _, quote, is_escaped = _scan(masked[at : value.start - start], quote, is_escaped)
        at = value.start - start
        yield value, quote


def _unquoted_sign(run: Instruction, value: PrintedValue, quote: str, before: str) -> str:
    """Return the first sign in a value that a shell reads as more than part of a word.

    `before` is what stands before it in its RUN. "" is for a value that is a command as a whole.
    """
    sign, _, is_escaped = _scan(value.text, quote)
    sign = sign or ("\\" if is_escaped else "")
    if not sign or (run.heredocs and value.text not in run_script(run)):
        return ""
    return sign if quote or not _begins_command(before) else ""


def _begins_command(before: str) -> bool:
    nearest = max(0, len(before.rstrip(" \t\r\n\\")) - _LOOK_BACK)
    return _COMMAND_BEGINS.search(before, nearest) is not None


def _violations(context: RuleContext, value: PrintedValue, sign: str) -> Iterator[Violation]:
    if line := _find_line(context, value.text):
        sign = "a line break" if sign == "\n" else sign
        text = f"{value.text!r} is printed into RUN, where a shell reads {sign}; print it with `sh`"
        yield Violation(text, line, origin=value.origin)


def _scan(text: str, quote: str, is_escaped: bool = False) -> tuple[str, str, bool]:
    """Read a text as a shell does that is within `quote`, which is "" outside of quotes.

    Return the first sign that is more than part of a word, the quote that is open at the end, and
    whether the last letter escapes the next one; `is_escaped` says so of the text before.
    """
    sign, before, previous = "", quote, ""
    for letter in text:
        if is_escaped:
            is_escaped = False
        elif letter == "\\" and quote != "'":
            is_escaped = True
        elif letter == quote:
            quote = ""
        elif letter in "'\"" and not quote:
            quote = letter
        elif letter in _BREAKS if not quote else quote == '"' and previous + letter in _RUNS:
            sign = sign or letter
        previous = letter if letter == "$" else ""
    return sign or ("" if quote == before else quote or before), quote, is_escaped


def _find_line(context: RuleContext, text: str) -> int:
    """Return the line of a RUN of the tree that holds a text, 0 where a patch took it away."""
    first = text.strip("\n").partition("\n")[0]
    lines = split_lines(context.dockerfile.text)
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
