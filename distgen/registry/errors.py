"""The errors of registries, as sentences without secrets."""

from __future__ import annotations

from distgen.errors import DistgenError


class RegistryError(DistgenError):
    """A registry, or the way to it, failed; `where` is the image or the host."""

    def __init__(self, problem: str, *, where: object = None, hint: str = "") -> None:
        super().__init__(_one_line(problem), where=where, hint=_one_line(hint))


class NotFound(RegistryError):
    """The registry answers, and has no such repository, tag or digest."""


class Unreadable(RegistryError):
    """The registry holds something else than an image there, or an image of an unknown kind."""


class Unsupported(RegistryError):
    """The registry does not do what it was asked."""


class Refused(RegistryError):
    """The registry wants credentials, or others than these."""


def _one_line(text: str) -> str:
    """Return the words of a server without line breaks and control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
