"""A grouped diff as JSON: the sum, then each group with all of its members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from distgen.compare.records import EditGroup, GroupedDiff, GroupMember
from distgen.compare.sentences import summarize_diff


def diff_report(diff: GroupedDiff) -> dict[str, Any]:
    """Return the JSON object of a diff; its keys are stable."""
    return {
        "summary": {
            "text": summarize_diff(diff),
            "since": diff.since,
            "compared": diff.compared,
            "changed": len(diff.states),
            "edits": diff.edits,
            "groups": len(diff.groups),
            "rebuilt": len(diff.rebuilt),
            "left_out": list(diff.left_out),
            **{
                status: _count_by_status(diff)[status]
                for status in ("refused", "failed", "skipped")
            },
        },
        "stopped": [
            {
                "image": image.image,
                "stream": image.stream,
                "status": image.status,
                "detail": image.detail,
                "diff": image.diff,
            }
            for image in diff.stopped
        ],
        "images": [
            {**_image(key), "change": change}
            for key, change in (*diff.states.items(), *((key, "rebuilt") for key in diff.rebuilt))
        ],
        "groups": [group_row(group) for group in diff.groups],
    }


def group_row(group: EditGroup) -> dict[str, Any]:
    """Return the JSON object of a group: `hunk` is the text of its first member."""
    old_mode, new_mode = group.modes
    origin = group.origin
    return {
        "kind": group.kind,
        "level": group.level,
        "sentence": group.sentence,
        "repeats": group.repeats or None,
        "path": group.path,
        "operation": group.operation,
        "old_mode": _octal(old_mode),
        "new_mode": _octal(new_mode),
        "hunk": "".join(f"{line}\n" for line in group.hunk),
        "origin": {"path": origin.path, "line": origin.line} if origin else None,
        "pattern": {"pieces": list(group.pattern.pieces), "roles": list(group.pattern.roles)},
        "members": [_member_row(member) for member in group.members],
    }


def _member_row(member: GroupMember) -> dict[str, Any]:
    return {
        "image": member.image,
        "stream": member.stream,
        "path": member.path,
        "old_line": member.old_start,
        "new_line": member.new_start,
        "words": list(member.words),
    }


def _image(key: str) -> Mapping[str, str]:
    image, _, stream = key.rpartition("@")
    return {"image": image, "stream": stream}


def _count_by_status(diff: GroupedDiff) -> Counter[str]:
    return Counter(image.status for image in diff.stopped)


def _octal(mode: int | None) -> str | None:
    return None if mode is None else f"{mode:o}"
