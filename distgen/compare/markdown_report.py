"""A grouped diff as Markdown for a comment on a review: a table, then groups that unfold."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from distgen.compare.records import EditGroup, GroupedDiff
from distgen.compare.sentences import (
    count,
    describe_left_out,
    describe_members,
    short_sentence,
    summarize_diff,
    word_rows,
)
from distgen.forges.markdown import byte_length, code_fence, code_span, escape
from distgen.text.visible import visible

_TABLE = "| | Kind | Images | What |\n|---:|---|---:|---|\n"
_WIDTH = 200
_ZERO_WIDTH = "&#8203;"
_MOST_NAMED = 20


def format_markdown(
    diff: GroupedDiff, limit: int | None = None, rest: str = "", *, words: bool = False
) -> str:
    """Return the diff in at most `limit` bytes: whole groups, and the names of those left out.

    `rest` says where all of it is; `words` adds the table of what differs in each image.
    """
    whole = "".join((*_head(diff), *_rows(diff.groups, None), *_stopped_rows(diff, None)))
    whole += "".join(
        _group(number, group, words) for number, group in enumerate(diff.groups, start=1)
    )
    if limit is None or byte_length(whole) <= limit:
        return whole
    text = "".join(_head(diff))
    # The table may not take the room of what it is about.
    text += "".join(_rows(diff.groups, (limit - byte_length(text)) // 2))
    text += "".join(_stopped_rows(diff, (limit - byte_length(text)) // 2))
    missing: list[int] = []
    reserve = byte_length(_left_out_groups(range(len(diff.groups), -_MOST_NAMED, -1), rest)) + 20
    room = limit - byte_length(text) - reserve
    for number, group in enumerate(diff.groups, start=1):
        block = _group(number, group, words)
        room_left = room - byte_length(block)
        if room_left < 0:
            missing.append(number)
            continue
        text, room = text + block, room_left
    return text + (_left_out_groups(missing, rest) if missing else "")


def _head(diff: GroupedDiff) -> Iterator[str]:
    yield f"**{escape(summarize_diff(diff))}**\n"
    left_out = describe_left_out(diff)
    if left_out:
        yield f"\n{escape(visible(left_out))}\n"


def _rows(groups: Sequence[EditGroup], room: int | None) -> Iterator[str]:
    """Yield the lines of the table, as many as there is room for."""
    if not groups:
        return
    rows = [
        f"| {number} | {group.kind} | {len(group.images)} | {_cell(short_sentence(group))} |\n"
        for number, group in enumerate(groups, start=1)
    ]
    end = f"| | | | {count(len(rows), 'more group')} |\n"
    room = None if room is None else room - byte_length(f"\n{_TABLE}{end}")
    fitting = _take_fitting(rows, room)
    yield f"\n{_TABLE}"
    yield from fitting
    if len(fitting) < len(rows):
        yield f"| | | | {count(len(rows) - len(fitting), 'more group')} |\n"


def _stopped_rows(diff: GroupedDiff, room: int | None) -> Iterator[str]:
    if not diff.stopped:
        return
    rows = [
        f"- {image.status}: {_cell(f'{image.image}@{image.stream}: {image.detail}')}\n"
        for image in diff.stopped
    ]
    room = None if room is None else room - byte_length(f"\n- {len(rows)} more images\n")
    fitting = _take_fitting(rows, room)
    yield "\n"
    yield from fitting
    if len(fitting) < len(rows):
        yield f"- {count(len(rows) - len(fitting), 'more image')}\n"


def _take_fitting(rows: Sequence[str], room: int | None) -> Sequence[str]:
    """Return the first rows that fit into a number of bytes, all without one."""
    if room is None:
        return rows
    for number, row in enumerate(rows):
        room -= byte_length(row)
        if room < 0:
            return rows[:number]
    return rows


def _group(number: int, group: EditGroup, words: bool) -> str:
    lines = [visible(line) for line in group.hunk]
    fence = code_fence(lines)
    notes = [escape(visible(describe_members(group)))]
    if group.origin:
        notes.append(f"from {code_span(visible(str(group.origin)))}")
    rows = word_rows(group)
    if rows:
        notes.append(f"each with its own {', '.join(rows[0][1:])}")
    title = f"{number}. {group.kind}: {short_sentence(group)}"
    text = f"\n<details><summary>{_html_text(title)}</summary>\n\n"
    text += "<br>\n".join(notes) + "\n" + _code(lines, fence, "diff")
    if words and rows:
        table = ["  ".join(map(visible, row)) for row in rows]
        text += _code(table, code_fence(table), "")
    return f"{text}\n</details>\n"


def _code(lines: Iterable[str], fence: str, language: str) -> str:
    return f"\n{fence}{language}\n" + "".join(f"{line}\n" for line in lines) + f"{fence}\n"


def _cell(text: str) -> str:
    text = visible(text)
    return escape(text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}...")


def _html_text(text: str) -> str:
    """Return text for a line of HTML, in which Markdown has no say but forges look for names."""
    escaped = html.escape(visible(text), quote=False)
    return (
        escaped.replace("@", f"@{_ZERO_WIDTH}")
        .replace("#", f"#{_ZERO_WIDTH}")
        .replace(f"&#{_ZERO_WIDTH}", "&#")
    )


def _left_out_groups(numbers: Sequence[int], rest: str) -> str:
    """Return the sentence on groups that did not fit, by number."""
    names = ", ".join(map(str, numbers[:_MOST_NAMED]))
    more = len(numbers) - _MOST_NAMED
    names += f" and {more} more" if more > 0 else ""
    verb = "does" if len(numbers) == 1 else "do"
    return f"\n*{count(len(numbers), 'group')} {verb} not fit here: {names}.{escape(rest)}*\n"
