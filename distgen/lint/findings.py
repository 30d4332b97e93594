"""Turn violations of rules into findings, and give each the template line that it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from distgen.dockerfile.filename import DOCKERFILE
from distgen.model.rendered import Finding, Tree
from distgen.model.words import Level, Origin

LineMap = Callable[[str, str], Sequence[Origin | None]]
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Violation:
    """What a rule says of a line; line 0 means the whole file or, without path, the whole tree."""

    message: str
    line: int = 0
    path: str = DOCKERFILE
    column: int = 0
    origin: Origin | None = None


def as_findings(
    tree: Tree, code: str, level: Level, violations: Iterable[Violation]
) -> tuple[Finding, ...]:
    """Return violations of one rule as findings of a tree."""
    return tuple(
        Finding(
            image=tree.image,
            stream=tree.stream,
            path=violation.path,
            line=violation.line,
            column=violation.column,
            code=code,
            level=level,
            message=violation.message,
            origin=violation.origin,
        )
        for violation in violations
    )


def with_origins(findings: Iterable[Finding], line_map: LineMap) -> tuple[Finding, ...]:
    """Return findings with the origin of their line where they have none yet.

    `line_map` is asked once for each image (`ns/name@stream`) and path that has a finding.
    """
    line_maps: dict[tuple[str, str], Sequence[Origin | None]] = {}

    def with_origin(finding: Finding) -> Finding:
        if finding.origin is not None or not finding.line:
            return finding
        key = (f"{finding.image}@{finding.stream}", finding.path)
        if key not in line_maps:
            line_maps[key] = line_map(*key)
        origins = line_maps[key]
        is_mapped = finding.line <= len(origins)
        return replace(finding, origin=origins[finding.line - 1]) if is_mapped else finding

    return tuple(with_origin(finding) for finding in findings)


def in_catalogue(
    findings: Iterable[Finding], places: Mapping[str, Origin], folder: str = ""
) -> tuple[Finding, ...]:
    """Return findings that all have an origin, for those who only show files of a repository.

    One without a line of the catalogue gets the place of its image, of which `places` has each by
    key, and says in its message where it is in the rendered files. `folder` is where the catalogue
    is in its repository.
    """
    return tuple(_in_repository(_with_place(finding, places), folder) for finding in findings)


def _with_place(finding: Finding, places: Mapping[str, Origin]) -> Finding:
    if finding.origin is not None:
        return finding
    rendered = f"{finding.path}:{finding.line}" if finding.line else finding.path
    place = places[f"{finding.image}@{finding.stream}"]
    return replace(finding, origin=place, message=f"{rendered}: {finding.message}")


def _in_repository(finding: Finding, folder: str) -> Finding:
    assert finding.origin is not None
    path = f"{folder}/{finding.origin.path}" if folder else finding.origin.path
    return replace(finding, origin=replace(finding.origin, path=path))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by image, stream, path, line, column, code and message, each once."""
    return tuple(
        sorted(
            set(findings),
            key=lambda f: (f.image, f.stream, f.path, f.line, f.column, f.code, f.message),
        )
    )


def group_by_origin(findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], ...]:
    """Return findings in order, those that one line of the catalogue causes together."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in in_order(findings):
        place = finding.origin or (finding.image, finding.stream, finding.path, finding.line)
        key = (place, finding.column, finding.code, finding.level, finding.message)
        groups.setdefault(key, []).append(finding)
    return tuple(tuple(group) for group in groups.values())


def describe_group(group: Sequence[Finding]) -> str:
    """Return the message that findings share, and the first of the images that have it."""
    images = list(dict.fromkeys(f"{finding.image}@{finding.stream}" for finding in group))
    more = f" and {len(images) - _NAMED} more" if len(images) > _NAMED else ""
    return f"{group[0].message} [{', '.join(images[:_NAMED])}{more}]"
