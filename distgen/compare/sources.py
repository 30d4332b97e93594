"""Find the lines that two states of a file of the catalogue differ in."""

from __future__ import annotations

from distgen.model.catalogue import TemplateFile
from distgen.text.line_matcher import LineMatcher

SHARED = "templates/_"


def describe_file_change(before: TemplateFile | None, now: TemplateFile | None) -> tuple[str, ...]:
    """Name a file that differs, once for each place where it does.

    Templates are `template:PATH:LINE`, files of shared folders `macro:PATH:LINE`, and what is
    copied `file:PATH`. What is gone, and what differs in its mode only, has no line.
    """
    file = now or before
    assert file is not None
    is_shared = file.source.startswith(SHARED)
    kind = "macro" if is_shared else "template" if file.is_rendered else "file"
    if now is None or kind == "file":
        return (f"{kind}:{file.source}",)
    lines = changed_lines(before.content if before else b"", now.content)
    return tuple(f"{kind}:{file.source}:{line}" for line in lines) or (f"{kind}:{file.source}",)


def changed_lines(before: bytes, now: bytes) -> tuple[int, ...]:
    """Return the first line of each change, as `now` counts; what is gone was at that line."""
    old, new = before.split(b"\n"), now.split(b"\n")
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    changed_old, changed_new = old[start : len(old) - end], new[start : len(new) - end]
    matcher = LineMatcher(changed_old, changed_new)
    last = len(new) if new[-1] else max(len(new) - 1, 1)
    return tuple(
        min(start + at + 1, last) for tag, _, _, at, _ in matcher.get_opcodes() if tag != "equal"
    )
