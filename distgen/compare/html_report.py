"""A grouped diff as one page of HTML that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from distgen.compare.records import EditGroup, GroupedDiff
from distgen.compare.sentences import (
    describe_left_out,
    describe_members,
    short_sentence,
    summarize_diff,
    word_rows,
)
from distgen.text.visible import visible

_STYLE = """\
:root { color-scheme: light dark; font-family: sans-serif; }
pre { overflow-x: auto; border: 1px solid; padding: 0.5em; }
.warning { font-weight: bold; }
.add { color: light-dark(#116329, #7ee787); }
.del { color: light-dark(#a40e26, #ff9492); }
td, th { text-align: left; padding-right: 1em; vertical-align: top; }
"""
_HEAD = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>distgen diff</title>
<style>
{_STYLE}</style>
</head>
<body>
"""
_CLASSES = {"+": "add", "-": "del"}


def format_html(diff: GroupedDiff, *, words: bool = False) -> str:
    """Return the page; `words` adds the table of what differs in each image."""
    return "".join(f"{line}\n" for line in _lines(diff, words))


def _lines(diff: GroupedDiff, words: bool) -> Iterator[str]:
    yield f"{_HEAD}<h1>{_text(summarize_diff(diff))}</h1>"
    left_out = describe_left_out(diff)
    if left_out:
        yield f"<p>{_text(left_out)}</p>"
    for image in diff.stopped:
        sentence = f"{image.image}@{image.stream}: {image.status}: {image.detail}"
        yield f'<p class="warning">{_text(sentence)}</p>'
        if image.diff:
            yield _diff(image.diff.removesuffix("\n").split("\n"))
    for number, group in enumerate(diff.groups, start=1):
        yield from _group(number, group, words)
    yield "</body>\n</html>"


def _group(number: int, group: EditGroup, words: bool) -> Iterator[str]:
    level = ' class="warning"' if group.level == "warning" else ""
    yield f"<h2{level}>{_text(f'{number}. {group.kind}: {short_sentence(group)}')}</h2>"
    yield f"<p>{_text(describe_members(group))}</p>"
    if group.origin:
        yield f"<p>from <code>{_text(str(group.origin))}</code></p>"
    yield _diff(group.hunk)
    rows = word_rows(group) if words else []
    if rows:
        yield "<table>"
        for tag, row in zip(("th", *["td"] * len(rows)), rows, strict=False):
            yield f"<tr>{''.join(f'<{tag}>{_text(cell)}</{tag}>' for cell in row)}</tr>"
        yield "</table>"


def _diff(lines: list[str] | tuple[str, ...]) -> str:
    return f"<pre>{chr(10).join(map(_line, lines))}</pre>"


def _line(line: str) -> str:
    kind = _CLASSES.get(line[:1])
    is_header = line.startswith(("--- ", "+++ "))
    return f'<span class="{kind}">{_text(line)}</span>' if kind and not is_header else _text(line)


def _text(text: str) -> str:
    return escape(visible(text))
