"""Records of adoption: what packagers did, what an overlay needs, and what came of each branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from distgen.adopt.mbox import FileChange, PatchHeader
from distgen.model.catalogue import Image, TemplateFile
from distgen.model.published import Edit
from distgen.model.rendered import File

PATCHES = "patches"
Files = Mapping[str, File]
Targets = Mapping[str, File | None]
"""What is to be rendered at some paths; None: nothing."""
AdoptionStatus = Literal["adopted", "unchanged", "refused", "failed"]
ADOPTION_STATUSES: tuple[AdoptionStatus, ...] = get_args(AdoptionStatus)


@dataclass(frozen=True, slots=True)
class PackagerCommit:
    """A commit of a packager: who made it and why, and how files changed."""

    header: PatchHeader
    changes: tuple[FileChange, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """What an overlay needs for one stream: patches in order, and whole files."""

    patches: tuple[PackagerCommit, ...] = ()
    files: tuple[File, ...] = ()
    edits: tuple[Edit, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class EditedBranch:
    """A branch with edits: what its rendered files should be, and the plan that leads there."""

    image: Image
    commit: str
    plan: AdoptionPlan
    targets: Files = field(default_factory=dict, repr=False)
    patch_plan: AdoptionPlan | None = None
    """The plan without a packager's own files for downstreams as whole ones, where it has any."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What came of the edits of one branch; `files` are to be written into the catalogue.

    `touches` are other images that the files reach, for they extend this one.
    """

    image: Image
    status: AdoptionStatus
    commit: str | None = None
    detail: str = ""
    files: tuple[TemplateFile, ...] = ()
    edits: tuple[Edit, ...] = ()
    touches: tuple[str, ...] = ()
