"""Turn diagnoses into rows for programs and for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace

from distgen.doctor.records import HEALTHS, Diagnosis
from distgen.errors import printable


def format_json(diagnoses: Sequence[Diagnosis]) -> str:
    """Return the diagnoses as JSON, with how many have each status."""
    counts = count_statuses(diagnoses)
    return json.dumps({"checks": [*map(asdict, diagnoses)], "summary": counts}, indent=2)


def count_statuses(diagnoses: Sequence[Diagnosis]) -> dict[str, int]:
    """Return how many diagnoses have each status that any has."""
    counts = Counter(diagnosis.status for diagnosis in diagnoses)
    return {status: counts[status] for status in HEALTHS if counts[status]}


def summary(diagnoses: Sequence[Diagnosis]) -> str:
    """Return the last line: how many are well, and how many are not."""
    counts = count_statuses(diagnoses)
    words = {
        "ok": "{} ok",
        "warning": "1 warning" if counts.get("warning") == 1 else "{} warnings",
        "error": "1 error" if counts.get("error") == 1 else "{} errors",
    }
    return ", ".join(words[status].format(count) for status, count in counts.items())


def join_alike(diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Return one diagnosis for all that say the same of different subjects, the first's place."""
    subjects: dict[Diagnosis, list[str]] = {}
    for diagnosis in diagnoses:
        subjects.setdefault(replace(diagnosis, subject=""), []).append(diagnosis.subject)
    return [
        replace(diagnosis, subject=_name_subjects(names)) for diagnosis, names in subjects.items()
    ]


def table_row(diagnosis: Diagnosis) -> tuple[str, str, str]:
    """Return the cells of a line: how it is, of what, and what to do."""
    text = "; ".join(filter(None, (diagnosis.detail, diagnosis.action)))
    line = " ".join(f"{diagnosis.subject}: {text}".split())
    return diagnosis.status, diagnosis.check, printable(line)


def _name_subjects(names: Sequence[str]) -> str:
    first, *others = dict.fromkeys(names)
    return f"{first} and {len(others)} more" if others else first
