"""Verdicts: what came of judging one published commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from distgen.git.commits import Commit
from distgen.model.published import Edit
from distgen.verify.claims import Claim

VerdictStatus = Literal[
    "reproduced", "edited downstream", "unknown source", "forged", "unsigned", "failed"
]
VERDICT_STATUSES: tuple[VerdictStatus, ...] = get_args(VerdictStatus)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of judging one commit; `url` and `branch` say where the commit is.

    `source` is the catalogue's commit that leads to the files. `exact` says whether it leads to the
    very id of the commit. `unmanaged` are the files that distgen does not generate.
    """

    image: str
    stream: str
    url: str
    branch: str
    commit: str | None
    status: VerdictStatus
    detail: str = ""
    source: str = ""
    version: str = ""
    exact: bool = False
    edits: tuple[Edit, ...] = ()
    unmanaged: tuple[str, ...] = ()
    signature: Literal["good", "bad", "none"] | None = None
    signer: str = ""

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


def verdict_on(claim: Claim, commit: Commit, status: VerdictStatus, detail: str = "") -> Verdict:
    """Return the verdict on a commit that makes a claim; the caller knows where the commit is."""
    return Verdict(
        image=claim.image,
        stream=claim.stream,
        url="",
        branch="",
        commit=commit.id,
        status=status,
        detail=detail,
        source=claim.source,
        version=claim.version,
    )
