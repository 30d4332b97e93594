"""What the options of the CI formats say of the machines that jobs run on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from distgen.errors import InputError
from distgen.exports.records import FormatOption
from distgen.model.reference import parse_reference

INSTALL = FormatOption(
    "install", "REQUIREMENT", "What pip installs to have distgen; without it, it is there."
)
CATALOGUE = FormatOption("catalogue", "DIR", "The catalogue's folder in its repository (the top).")
RUNNER = FormatOption("runner", "LABEL", "The runner that jobs are for (ubuntu-24.04).")
BRANCH = FormatOption("branch", "NAME", "The branch whose pushes are built (main).")
IMAGE = FormatOption("image", "REFERENCE", "The image that jobs run in, with Python and git.")

# Expressions, variables and quotes of shells are no part of these words.
_FORMS = {
    "install": (r"(?!-)[A-Za-z0-9_@%+=:,./#&\[\]<>!~ -]+", "write a requirement of pip"),
    "catalogue": (
        r"\.|(?!(?:.*/)?\.\.(?:/|$))[A-Za-z0-9_][A-Za-z0-9_./+-]*",
        "write a folder below the top of the repository",
    ),
    "runner": (r"[A-Za-z0-9][A-Za-z0-9_.-]*", "write the label of a runner"),
    "branch": (r"[A-Za-z0-9_][A-Za-z0-9_./-]*", "write the name of a branch"),
    "image": (r"[^\x00-\x20]+", "write a reference with its registry"),
}
# `git@` of an address of ssh is nobody's name.
_CREDENTIALS = re.compile(r"https?://[^/\s]*@|://[^/\s@]*:[^/\s]*@", re.IGNORECASE)
_PYTHON_IMAGE = "docker.io/library/python:3.12-bookworm"


@dataclass(frozen=True, slots=True)
class CiOptions:
    """What jobs run on, and where they find distgen and the catalogue."""

    install: str = ""
    catalogue: str = "."
    runner: str = "ubuntu-24.04"
    branch: str = "main"
    image: str = _PYTHON_IMAGE


def parse_ci_options(options: Mapping[str, str]) -> CiOptions:
    """Read the options of a CI format; raise InputError for a word that could not stand there."""
    values = {name: text for name, text in options.items() if text}
    refuse_credentials(values.get("install", ""), "--install")
    for name, text in values.items():
        pattern, hint = _FORMS[name]
        if not re.fullmatch(pattern, text):
            raise InputError(f"{text!r} cannot stand there", where=f"--{name}", hint=hint)
    if "image" in values:
        reference = parse_reference(values["image"], "--image")
        if reference.tag == "latest" or not (reference.tag or reference.digest):
            raise InputError(
                f"{values['image']!r} is another image every time",
                where="--image",
                hint="name a tag that is not `latest`, or a digest",
            )
    return CiOptions(**values)


def refuse_credentials(text: str, where: str) -> None:
    """Raise InputError, which does not repeat them, for a user or token in an address."""
    if _CREDENTIALS.search(text):
        raise InputError(
            "holds the user or token of an address, and everybody reads the files of an export",
            where=where,
            hint="leave it out and give it to git or pip where the jobs run",
        )


def warn_of_missing_install(options: CiOptions) -> tuple[str, ...]:
    """Return a warning where jobs take for granted that distgen is there."""
    if options.install:
        return ()
    return ("jobs take for granted that distgen is there; --install names what pip installs",)
