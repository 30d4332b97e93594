"""What OSBS demands of a Dockerfile: of its labels above all, as osbs-client reads them.

It reads with dockerfile-parse: the labels of the last stage alone, and heredocs as instructions.
Sources: osbs-client `osbs/api.py` (`_check_labels`), atomic-reactor `check_user_settings.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from distgen.dockerfile.instruction import has_variable
from distgen.dockerfile.parse import Dockerfile, Stage, key_values
from distgen.exports.repository_records import Demand
from distgen.model.reference import split_reference

NAMES = {
    "name": ("name", "Name"),
    "com.redhat.component": ("com.redhat.component", "BZComponent"),
    "version": ("version", "Version"),
    "release": ("release", "Release"),
}
"""The labels that OSBS asks for, each with its old spelling."""
SET_BY_OSBS = ("architecture", "build-date", "vcs-ref", "vcs-type")
BUNDLE, APPREGISTRY = "com.redhat.delivery.operator.bundle", "com.redhat.delivery.appregistry"
MISSPELT = {
    "container.yml": "container.yaml",
    "content_sets.yaml": "content_sets.yml",
    "content-sets.yml": "content_sets.yml",
    "content-sets.yaml": "content_sets.yml",
}
_NAME = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)?")
_RELEASE = re.compile(r"[0-9]+(?:[._]?[a-zA-Z0-9]+)*")
_MISREAD = re.compile(r"\s*(from|label)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Label:
    """A label of the last stage; a value that is not literal holds a variable."""

    value: str
    line: int
    is_literal: bool


def check_repository(paths: Iterable[str], dockerfile: Dockerfile) -> Iterator[Demand]:
    """Yield what OSBS would refuse in the files of a repository."""
    for path in paths:
        if path in MISSPELT:
            yield Demand(1, f"OSBS refuses a file {path}; it is to be called {MISSPELT[path]}")
    labels = _read_labels(dockerfile)
    last = dockerfile.stages[-1].line if dockerfile.stages else 1
    yield from _missing_labels(labels, last)
    yield from _bad_labels(labels)
    yield from _bundle_problems(labels, dockerfile)
    for stage in dockerfile.stages:
        yield from _base_problems(stage, dockerfile)
    yield from _misread_heredocs(dockerfile)


def _read_labels(dockerfile: Dockerfile) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    for instruction in dockerfile.stages[-1].instructions if dockerfile.stages else ():
        if instruction.cmd == "LABEL":
            words = instruction.value[1::2]
            for (name, value), word in zip(key_values(instruction), words, strict=False):
                line = dockerfile.find_line(name, instruction)
                labels[name] = Label(value, line, not has_variable(word))
    return labels


def _find(labels: dict[str, Label], name: str) -> Label | None:
    return next((labels[spelling] for spelling in NAMES[name] if spelling in labels), None)


def _missing_labels(labels: dict[str, Label], last: int) -> Iterator[Demand]:
    for name in ("name", "com.redhat.component", "version"):
        label = _find(labels, name)
        if label is None:
            yield Demand(
                last, f"OSBS asks for the label `{name}` in the last stage, which lacks it"
            )
        elif not label.value:
            yield Demand(label.line, f"OSBS asks for a value of the label `{name}`")
        elif not label.is_literal and name != "version":
            yield Demand(label.line, f"OSBS takes no variable in the label `{name}`")


def _bad_labels(labels: dict[str, Label]) -> Iterator[Demand]:
    name, version = _find(labels, "name"), _find(labels, "version")
    if name and name.is_literal and name.value:
        if "." in name.value.partition("/")[0]:
            text = f"OSBS takes no dot before the slash of a name: `{name.value}`"
            yield Demand(name.line, text)
        elif not _NAME.fullmatch(name.value):
            text = f"OSBS asks for a name of lower-case letters, digits and dashes: `{name.value}`"
            yield Demand(name.line, text, "warning")
    if version and version.is_literal:
        for sign in "-/":
            if sign in version.value:
                text = f"OSBS takes no `{sign}` in the label `version`: `{version.value}`"
                yield Demand(version.line, text)
    release = _find(labels, "release")
    if release and release.is_literal and not _RELEASE.fullmatch(release.value):
        text = f"OSBS takes a release that begins with a digit: not `{release.value}`"
        yield Demand(release.line, text)
    for key in SET_BY_OSBS:
        if key in labels:
            yield Demand(labels[key].line, f"OSBS sets the label `{key}` itself", "warning")


def _bundle_problems(labels: dict[str, Label], dockerfile: Dockerfile) -> Iterator[Demand]:
    if BUNDLE not in labels:
        return
    line = labels[BUNDLE].line
    if APPREGISTRY in labels:
        yield Demand(line, f"OSBS takes one of the labels `{BUNDLE}` and `{APPREGISTRY}`")
    if [stage.base for stage in dockerfile.stages] != ["scratch"]:
        yield Demand(line, "OSBS builds an operator bundle from scratch, in one stage")


def _base_problems(stage: Stage, dockerfile: Dockerfile) -> Iterator[Demand]:
    name, tag, digest = split_reference(stage.base)
    if tag and digest:
        yield Demand(
            stage.line, f"OSBS takes a tag or a digest of {name}, not both: `{stage.base}`"
        )


def _misread_heredocs(dockerfile: Dockerfile) -> Iterator[Demand]:
    # dockerfile-parse knows no heredocs: `from os import path` begins a stage, without any label.
    for instruction in dockerfile.instructions:
        for heredoc in instruction.heredocs:
            for text in heredoc.content.splitlines():
                if word := _MISREAD.match(text):
                    yield Demand(
                        instruction.line,
                        f"OSBS reads no heredocs, and takes `{text.strip()[:40]}` for an "
                        f"instruction {word[1].upper()}; put it into a file",
                    )
