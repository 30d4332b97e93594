"""Turn remarks on a tree into findings, and give each the template line it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from distgen.dockerfile.filename import DOCKERFILE
from distgen.lint.rules.catalogue import RULES
from distgen.model.rendered import Finding, Tree
from distgen.model.words import Origin

LineMap = Callable[[str, str], Sequence[Origin | None]]


@dataclass(frozen=True, slots=True)
class Violation:
    """What a rule says of a line; line 0 means the whole file or, without path, the whole tree."""

    code: str
    message: str
    line: int = 0
    path: str = DOCKERFILE
    column: int = 0
    origin: Origin | None = None


def findings(tree: Tree, remarks: Iterable[Violation]) -> tuple[Finding, ...]:
    """Return remarks as findings of a tree, each of its rule's own level."""
    return tuple(
        Finding(
            image=tree.image,
            stream=tree.stream,
            path=remark.path,
            line=remark.line,
            column=remark.column,
            code=remark.code,
            level=RULES[remark.code].level,
            message=remark.message,
            origin=remark.origin,
        )
        for remark in remarks
    )


def with_origins(found: Iterable[Finding], line_map: LineMap) -> tuple[Finding, ...]:
    """Return findings with the origin of their line where they have none yet.

    `line_map` is asked once for each image (`ns/name@stream`) and path that has a finding.
    """
    known: dict[tuple[str, str], Sequence[Origin | None]] = {}
    placed = []
    for finding in found:
        if finding.origin is None and finding.line:
            key = (f"{finding.image}@{finding.stream}", finding.path)
            if key not in known:
                known[key] = line_map(*key)
            lines = known[key]
            if finding.line <= len(lines):
                finding = replace(finding, origin=lines[finding.line - 1])  # noqa: PLW2901
        placed.append(finding)
    return tuple(placed)


def in_order(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by image, stream, path, line, column, code and message, each once."""
    return tuple(
        sorted(
            set(found),
            key=lambda f: (f.image, f.stream, f.path, f.line, f.column, f.code, f.message),
        )
    )


def grouped(found: Iterable[Finding]) -> tuple[tuple[Finding, ...], ...]:
    """Return findings in order, those that one line of the catalogue causes together."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in in_order(found):
        place = finding.origin or (finding.image, finding.stream, finding.path, finding.line)
        key = (place, finding.column, finding.code, finding.level, finding.message)
        groups.setdefault(key, []).append(finding)
    return tuple(tuple(group) for group in groups.values())
