"""Records of releases of components that streams are made from."""

from __future__ import annotations

from dataclasses import dataclass

from distgen.model.words import NOWHERE, Origin


@dataclass(frozen=True, slots=True)
class ReleaseChoice:
    """The newest `count` releases of a component, of all whose git tags match `pattern`.

    `shapes` are those of git tags of releases (`v{version}`).
    """

    count: int
    shapes: tuple[str, ...]
    pattern: str = "*"
    prereleases: bool = False

    def __str__(self) -> str:
        of = f"newest {self.count} of {', '.join(self.shapes)}"
        like = f" like {self.pattern}" if self.pattern != "*" else ""
        return of + like + (" with pre-releases" if self.prereleases else "")


@dataclass(frozen=True, slots=True)
class TagStreams:
    """The streams that a namespace makes from git tags; `streams.from_tags`.

    `branch` holds `{tag}`; the streams are otherwise `like` another stream of the namespace.
    """

    choice: ReleaseChoice
    like: str
    branch: str
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True)
class TaggedComponent:
    """A component with git tags that streams of images are made from.

    `users` are the full names of the images, `origin` is what asks for the streams.
    """

    git: str
    choice: ReleaseChoice
    users: tuple[str, ...]
    origin: Origin = NOWHERE
