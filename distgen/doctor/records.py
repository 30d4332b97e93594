"""Records of an examination: what was looked at, how it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from distgen.errors import DistgenError

Health = Literal["ok", "warning", "error"]
HEALTHS: tuple[Health, ...] = ("ok", "warning", "error")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How one thing is: `check` is the kind of it, `action` what to do, "" where nothing is."""

    check: str
    subject: str
    status: Health
    detail: str
    action: str = ""


def error_diagnosis(check: str, subject: str, error: DistgenError) -> Diagnosis:
    """Return the diagnosis that an error is."""
    return Diagnosis(check, subject, "error", error.problem, error.hint)
