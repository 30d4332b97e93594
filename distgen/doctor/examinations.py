"""Run examinations at once, each ended in time: no server can keep the others from being seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from distgen.doctor.records import Diagnosis, error_diagnosis
from distgen.errors import DistgenError
from distgen.pool import run_bounded


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing to look at; `subject` names it where looking fails."""

    check: str
    subject: str
    examine: Callable[[], Iterable[Diagnosis]]


def examine_all(
    examinations: Sequence[Examination],
    jobs: int,
    seconds: float,
    stop: threading.Event,
    advance: Callable[[int, int, str], None],
) -> list[Diagnosis]:
    """Return the diagnoses in the order of the examinations, each within the given seconds."""
    tasks = [partial(_diagnose, examination) for examination in examinations]
    answers: dict[int, list[Diagnosis]] = {}
    for number, diagnoses in run_bounded(tasks, jobs, seconds, stop):
        examination = examinations[number]
        answers[number] = [_late(examination, seconds)] if diagnoses is None else diagnoses
        advance(len(answers), len(tasks), examination.subject)
    return [diagnosis for number in sorted(answers) for diagnosis in answers[number]]


def _diagnose(examination: Examination) -> list[Diagnosis]:
    try:
        return list(examination.examine())
    except DistgenError as error:
        return [error_diagnosis(examination.check, examination.subject, error)]


def _late(examination: Examination, seconds: float) -> Diagnosis:
    detail = f"no complete answer within {seconds:g} seconds"
    action = "see whether the server is well, or wait longer with --timeout"
    return Diagnosis(examination.check, examination.subject, "error", detail, action)
