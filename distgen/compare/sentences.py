"""Say in sentences what a grouped diff adds up to, and which images a group is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from distgen.compare.records import EditGroup, GroupedDiff

_MOST_NAMES = 4


def summarize_diff(diff: GroupedDiff) -> str:
    """Return the first line: how many images change, how many edits there are to read."""
    more = len(diff.rebuilt)
    rebuilt = f"{'is' if more == 1 else 'are'} rebuilt because a parent changed"
    if not diff.states:
        text = f"nothing changes: {count(diff.compared, 'image')} compared"
        text += f"; {more} {rebuilt}" if more else ""
        return f"{text}{_count_stopped(diff)}"
    states = [*diff.states.values()]
    numbers = ((states.count("added"), "new"), (states.count("removed"), "gone"))
    extra = [f"{number} {word}" for number, word in numbers if number]
    images = count(len(diff.states), "image") + (f" ({', '.join(extra)})" if extra else "")
    verb = "changes" if len(diff.states) == 1 else "change"
    repeats = sum(group.repeats > 0 for group in diff.groups)
    note = f" ({repeats} {'repeats another' if repeats == 1 else 'repeat others'})"
    edits = f"{count(diff.edits, 'edit')} in {count(len(diff.groups), 'group')}"
    edits += note if repeats else ""
    return f"{images} {verb}, {edits}; {more} more {rebuilt}{_count_stopped(diff)}"


def _count_stopped(diff: GroupedDiff) -> str:
    statuses = Counter(image.status for image in diff.stopped)
    if diff.states or diff.since is None:
        statuses.setdefault("refused", 0)
    return "".join(f"; {statuses[status]} {status}" for status in sorted(statuses, reverse=True))


def describe_left_out(diff: GroupedDiff) -> str:
    """Return the sentence on distgen's own files, "" where none is left out."""
    if not diff.left_out:
        return ""
    grouped_images = {image for group in diff.groups for image in group.images}
    alone = len([key for key in diff.states if key not in grouped_images])
    note = f", which is all that changes in {count(alone, 'image')}" if alone else ""
    return f"left out: {' and '.join(diff.left_out)}{note} (--all-files shows it)"


def describe_members(group: EditGroup) -> str:
    """Return how many images a group is about, and which: by name where they are few."""
    images = group.images
    repeats = len(group.members) - len(images)
    often = f", {count(repeats, 'edit')} more in the same images" if repeats else ""
    return f"in {count(len(images), 'image')}: {name_images(images)}{often}"


def describe_repeat(group: EditGroup) -> str:
    """Return which group this one only says again, "" where it says something of its own."""
    return f"only repeats {group.repeats}" if group.repeats else ""


def short_sentence(group: EditGroup) -> str:
    """Return what happens on one line, after what it only repeats."""
    repeat = describe_repeat(group)
    return f"{repeat}: {group.sentence}" if repeat else group.sentence


def name_images(keys: Sequence[str]) -> str:
    """Return the keys, counted by namespace where they are many."""
    if len(keys) <= _MOST_NAMES:
        return ", ".join(keys)
    by_namespace: dict[str, list[str]] = {}
    for key in keys:
        by_namespace.setdefault(key.partition("/")[0], []).append(key)
    return ", ".join(
        members[0] if len(members) == 1 else f"{namespace}/* ({len(members)})"
        for namespace, members in by_namespace.items()
    )


def word_rows(group: EditGroup) -> list[tuple[str, ...]]:
    """Return a table of the words that differ in a group: a row of titles, then one a member."""
    slots = tuple(group.differing_slots())
    if not slots:
        return []
    titles = _number_repeats([group.pattern.roles[slot] for slot in slots])
    rows = [(member.key, *(member.words[slot] for slot in slots)) for member in group.members]
    return [("image", *titles), *rows]


def _number_repeats(titles: Iterable[str]) -> Iterator[str]:
    numbers: Counter[str] = Counter()
    for title in titles:
        numbers[title] += 1
        yield title if numbers[title] == 1 else f"{title} {numbers[title]}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
