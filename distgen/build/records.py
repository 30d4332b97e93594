"""Records of a build: the files it is made from, how an engine is called, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

BuildStatus = Literal["built", "unchanged", "failed", "skipped"]
BUILD_STATUSES: tuple[BuildStatus, ...] = get_args(BuildStatus)
UNFINISHED: tuple[BuildStatus, ...] = ("failed", "skipped")
"""The statuses after which there is no image to build on."""


@dataclass(frozen=True, slots=True)
class PassedOptions:
    """What the command line hands through to the engine, as it is written there."""

    build_args: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    network: str = ""
    tls_verify: bool | None = None


@dataclass(frozen=True, slots=True)
class ContextFolder:
    """The files that an image is built from, in `folder`; `tree` is git's id of them.

    `timestamp` is the date of `commit`, in seconds since 1970; None is a tree that was rendered.
    """

    folder: str
    tree: str
    timestamp: int
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class BuildCall:
    """One build, as every engine is asked for it.

    The engine writes the id of the image into `id_file`. `mark` stands in what the engine keeps of
    a build that was killed, and in no image.
    """

    context: ContextFolder
    reference: str
    id_file: str
    mark: str
    passed: PassedOptions


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What came of one image; `digest` is that of the image as it was pushed.

    `trouble` is what kept its log from being complete. `exit_code` is what the
    command ends with if this failed: 2 when the catalogue is to blame.
    """

    image: str
    stream: str
    reference: str
    url: str | None
    status: BuildStatus
    commit: str | None = None
    image_id: str | None = None
    digest: str | None = None
    seconds: float = 0
    detail: str = ""
    exit_code: int = 1
    trouble: str = ""

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"
