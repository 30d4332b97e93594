"""Pages of the documentation as steps: what a reader types, sees, and writes into files.

* A `console` block holds commands behind `$ `, each with all that it prints below it. `...` on a
  line of its own stands for any lines, `# exit N` behind a command for its exit code.
* A `sh` block is a script that succeeds; what it prints does not matter.
* A block of any language but `text` that has a caption is a file of that name; a script is
  executable.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DIRECTIVE = re.compile(r"^(?P<indent> *)\.\. code-block:: (?P<language>\S+)$")
OPTION = re.compile(r"^ +:(?P<name>[a-z]+): *(?P<value>.*)$")
TYPED = re.compile(r"\$ (?P<words>.*?)(?:  # exit (?P<code>\d+))?$")
COMMIT = re.compile(r"\b(?=[0-9a-f]*[0-9])(?:[0-9a-f]{40}|[0-9a-f]{12})\b")
"""A commit, whole or as distgen shortens it: the only thing that differs from run to run."""

ANYTHING = "..."
SHORT = 12


@dataclass(frozen=True)
class Block:
    """A block of code; `start` is the number of its first line in the page, from 0."""

    language: str
    caption: str
    indent: int
    start: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip("\n") + "\n"


@dataclass(frozen=True)
class Command:
    """One command of a console block; the lines `start` to `end` of the page are its output."""

    words: str
    code: int
    shown: tuple[str, ...]
    indent: int
    start: int
    end: int


@dataclass(frozen=True)
class Script:
    """Commands that succeed."""

    text: str
    start: int


@dataclass(frozen=True)
class WrittenFile:
    """A file that the reader makes."""

    path: str
    text: str


Step = Command | Script | WrittenFile


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of code of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        directive = DIRECTIVE.match(lines[at])
        at += 1
        if not directive:
            continue
        options = {}
        while at < len(lines) and (option := OPTION.match(lines[at])):
            options[option["name"]] = option["value"]
            at += 1
        start, outside = at, len(directive["indent"])
        while at < len(lines) and (not lines[at] or lines[at].startswith(" " * (outside + 1))):
            at += 1
        body = lines[start:at]
        indent = min((len(line) - len(line.lstrip()) for line in body if line), default=0)
        inside = tuple(line[indent:].rstrip() for line in body)
        yield Block(directive["language"], options.get("caption", ""), indent, start, inside)


def steps(page: Path) -> Iterator[Step]:
    """Yield what a page has its reader do, in order."""
    for block in blocks(page):
        if block.language == "console":
            yield from _commands(block)
        elif block.caption and block.language != "text":
            yield WrittenFile(block.caption, block.text)
        elif block.language == "sh":
            yield Script(block.text, block.start)


def _commands(block: Block) -> Iterator[Command]:
    begins = [at for at, line in enumerate(block.lines) if line.startswith("$ ")]
    for at, following in zip(begins, [*begins[1:], len(block.lines)], strict=True):
        first = at + 1
        while block.lines[first - 1].endswith("\\"):
            first += 1
        typed = TYPED.match("\n".join(block.lines[at:first]).replace("\\\n", ""))
        assert typed, f"no command: {block.lines[at]}"
        rows = block.lines[first:following]
        shown = tuple("\n".join(rows).rstrip("\n").splitlines())
        start = block.start + first
        code = int(typed["code"] or 0)
        yield Command(typed["words"], code, shown, block.indent, start, start + len(shown))


class Commits:
    """Which commit of this run stands for which one of the page; the same one, always."""

    def __init__(self) -> None:
        self._of_page: dict[str, str] = {}
        self._of_run: dict[str, str] = {}

    def are_same(self, shown: Sequence[str], printed: Sequence[str]) -> bool:
        """Compare output with what the page shows, and remember the commits where it is that."""
        pattern, new = self._pattern(shown)
        match = re.fullmatch(pattern, "".join(f"{line}\n" for line in printed))
        if not match:
            return False
        pairs = {page: match[group] for page, group in new.items()}
        unlike = len(set(pairs.values())) == len(pairs) and not set(pairs.values()) & set(
            self._of_run
        )
        if unlike:
            self._of_page.update(pairs)
            self._of_run.update({run: page for page, run in pairs.items()})
        return unlike

    def _pattern(self, shown: Sequence[str]) -> tuple[str, dict[str, str]]:
        """Return what output must match, and the groups of commits that were not seen before."""
        new: dict[str, str] = {}

        def commit(match: re.Match[str]) -> str:
            page, rest = match[0][:SHORT], len(match[0]) - SHORT
            if page in self._of_page:
                begin = self._of_page[page]
            elif page in new:
                begin = f"(?P={new[page]})"
            else:
                new[page] = f"commit{len(new)}"
                begin = f"(?P<{new[page]}>[0-9a-f]{{{SHORT}}})"
            return f"{begin}[0-9a-f]{{{rest}}}"

        lines = [
            "(?:.*\n)*?" if line.strip() == ANYTHING else COMMIT.sub(commit, re.escape(line)) + "\n"
            for line in shown
        ]
        return "".join(lines), new

    def as_on_page(self, printed: Sequence[str]) -> list[str]:
        """Return output with the commits that the page shows in the place of this run's."""

        def commit(match: re.Match[str]) -> str:
            page = self._of_run.get(match[0][:SHORT])
            return match[0] if page is None else page + match[0][SHORT:]

        return [COMMIT.sub(commit, line) for line in printed]


def abridge(shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    """Return output with the lines left out that a page leaves out of it."""
    if not any(line.strip() == ANYTHING for line in shown):
        return list(printed)
    lines: list[str] = []
    matcher = difflib.SequenceMatcher(None, shown, printed, autojunk=False)
    for kind, *(first, last, begin, end) in matcher.get_opcodes():
        before, dots, after = _around_dots(shown[first:last])
        if kind == "equal" or not dots:
            lines += printed[begin:end]
        else:
            head = printed[begin : min(begin + before, end)]
            tail = printed[max(end - after, begin + len(head)) : end]
            lines += [*head, *dots, *tail]
    return lines


def _around_dots(shown: Sequence[str]) -> tuple[int, list[str], int]:
    """Return how many lines are before the first `...`, that one, and how many after the last."""
    places = [at for at, line in enumerate(shown) if line.strip() == ANYTHING]
    if not places:
        return len(shown), [], 0
    return places[0], [shown[places[0]]], len(shown) - places[-1] - 1
