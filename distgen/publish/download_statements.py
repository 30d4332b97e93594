"""Find downloads of a Dockerfile that were checked against a sum and no longer are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import Dockerfile
from distgen.model.published import Statement

_FETCHING = {"RUN", "ARG", "ADD"}
_TOKEN = re.compile(
    r"(?P<url>https?://[^\s\"'<>;)\\]+)"
    r"|(?<![0-9a-fA-F])(?P<sum>(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{64}))(?![0-9a-fA-F])"
)
_WIDTH = 120


def download_statements(old: Dockerfile, new: Dockerfile) -> Iterator[Statement]:
    """Yield a statement on the downloads that lost their checksum, none where there are none."""
    before, after = _checksums(old), _checksums(new)
    checked = {_without_version(url): checksum for url, checksum in before if url and checksum}
    unchecked_before = {url for url, checksum in before if not checksum}
    lost = {
        url: checked[_without_version(url)]
        for url, checksum in after
        if url and not checksum and url not in unchecked_before and _without_version(url) in checked
    }
    lines = [
        f"download no longer pinned: {_shorten(url)} (was {checksum[:12]})"
        for url, checksum in sorted(lost.items())
    ]
    if not lines and _count_lost(before, after) > 0:
        sums_after = {checksum for _, checksum in after}
        missing_sums = sorted({checksum for _, checksum in before if checksum} - sums_after)
        lines = [
            f"download no longer pinned: checksum {checksum[:12]} is gone"
            for checksum in missing_sums
        ]
    if lines:
        count = f"{len(lines)} downloads" if len(lines) > 1 else "download"
        yield Statement("lost pin", f"{count} no longer pinned", tuple(lines))


def _count_lost(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> int:
    """Return how many more checksums than addresses went."""
    sums = [sum(bool(checksum) for _, checksum in rows) for rows in (before, after)]
    urls = [sum(bool(url) for url, _ in rows) for rows in (before, after)]
    return (sums[0] - sums[1]) - max(0, urls[0] - urls[1])


def _checksums(file: Dockerfile) -> list[tuple[str, str]]:
    """Return each address with the checksum that comes next after it, "" where there is none."""
    rows: list[tuple[str, str]] = []
    for step in file.instructions:
        if step.cmd not in _FETCHING:
            continue
        for match in _TOKEN.finditer(_text(step)):
            if match["url"]:
                rows.append((match["url"], ""))
            elif rows and not rows[-1][1]:
                rows[-1] = (rows[-1][0], match["sum"])
            else:
                rows.append(("", match["sum"]))
    return rows


def _text(step: Instruction) -> str:
    """Return the text of an instruction; ADD names its checksum before the address."""
    words = " ".join((*step.value, *(heredoc.content for heredoc in step.heredocs)))
    return f"{words} {step.flag('checksum') or ''}"


def _without_version(url: str) -> str:
    return re.sub(r"\d+", "0", url)


def _shorten(url: str) -> str:
    return url if len(url) <= _WIDTH else f"{url[:_WIDTH]}..."
