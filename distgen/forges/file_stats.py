"""Turn a change into what it does to each file: lines that come and go, instructions concerned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from distgen.dockerfile.filename import is_dockerfile
from distgen.dockerfile.parse import Dockerfile, parse
from distgen.forges.markdown import code_span, escape, one_line, shorten
from distgen.model.published import Change
from distgen.model.words import ATTRIBUTES, MANIFEST
from distgen.text.diff import is_binary
from distgen.text.line_matcher import LineMatcher

_LINE_WIDTH = 240
_CONTEXT = 1
_Opcode = tuple[str, int, int, int, int]
"""What SequenceMatcher says: a word, a range of old lines, a range of new ones."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """What happens to one file.

    `kind` is new, deleted, mode or binary, "" where text changes. Of a Dockerfile, `instructions`
    are those concerned, and `hunks` the lines that change, below their names.
    """

    path: str
    kind: str
    added: int = 0
    removed: int = 0
    instructions: tuple[str, ...] = ()
    hunks: tuple[str, ...] = ()


def list_stats(change: Change) -> Iterator[FileStat]:
    """Yield what happens to each file, distgen's own records last."""
    after: dict[str, bytes | None] = dict.fromkeys(change.delete)
    after |= {file.path: file.content for file in change.write}
    for path in sorted(after, key=lambda path: (path in (MANIFEST, ATTRIBUTES), path)):
        yield _stat(one_line(path), change.before.get(path), after[path])


def format_stat(stat: FileStat, in_markdown: bool) -> str:
    """Return what happens to a file on one line."""
    path = code_span(stat.path) if in_markdown else stat.path
    names = [escape(name) if in_markdown else name for name in stat.instructions]
    counts = f"+{stat.added} -{stat.removed}" if stat.added or stat.removed else ""
    instructions = f"({', '.join(names)})" if names else ""
    return " ".join(filter(None, (f"{path}:", stat.kind, counts, instructions)))


def _stat(path: str, before: bytes | None, after: bytes | None) -> FileStat:
    if before == after:
        return FileStat(path, "mode")
    kind = "new" if before is None else "deleted" if after is None else ""
    if is_binary(before or b"") or is_binary(after or b""):
        return FileStat(path, f"{kind} binary".strip())
    old, new = _lines(before), _lines(after)
    matcher = LineMatcher(old, new)
    edits = [opcode[1:] for opcode in matcher.get_opcodes() if opcode[0] != "equal"]
    removed = sum(i2 - i1 for i1, i2, _, _ in edits)
    added = sum(j2 - j1 for _, _, j1, j2 in edits)
    stat = FileStat(path, kind, added, removed)
    if not is_dockerfile(path):
        return stat
    instructions, hunks = _describe_hunks(old, new, matcher.get_grouped_opcodes(_CONTEXT))
    return replace(stat, instructions=instructions, hunks=hunks)


def _describe_hunks(
    old: list[str], new: list[str], groups: Iterable[Iterable[_Opcode]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the instructions that edits of a Dockerfile touch, and the edits below their names."""
    before, after = parse("\n".join(old)), parse("\n".join(new))
    instructions: dict[str, None] = {}
    hunks: list[str] = []
    for group in groups:
        names: dict[str, None] = {}
        lines: list[str] = []
        first_line = 0
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [f" {line}" for line in new[j1:j2]]
                continue
            first_line = first_line or j1 + 1
            names |= dict.fromkeys(
                (*_names_between(before, i1, i2), *_names_between(after, j1, j2))
            )
            lines += [f"-{line}" for line in old[i1:i2]] + [f"+{line}" for line in new[j1:j2]]
        instructions |= names
        hunks.append(f"@@ {', '.join(names) or 'comment'}, line {first_line} @@")
        hunks += [shorten(one_line(line), _LINE_WIDTH).rstrip() for line in lines]
    return tuple(instructions), tuple(hunks)


def _names_between(dockerfile: Dockerfile, start: int, end: int) -> Iterator[str]:
    """Yield the names of the instructions that have one of these lines."""
    for instruction in dockerfile.instructions:
        if instruction.line <= end and start < instruction.end_line:
            yield instruction.cmd


def _lines(content: bytes | None) -> list[str]:
    lines = (content or b"").decode("utf-8", "replace").split("\n")
    return lines[:-1] if lines[-1] == "" else lines
