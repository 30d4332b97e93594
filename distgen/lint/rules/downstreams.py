"""Check that the downstreams of an image take its Dockerfile, and read it as builders do."""

from __future__ import annotations

from collections.abc import Iterator

from distgen.exports.repository_formats import REPOSITORY_FORMATS
from distgen.exports.repository_records import Demand
from distgen.lint.findings import Violation
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.rule import rule
from distgen.model.words import Level


@rule(
    "DG401",
    "A downstream would refuse the image",
    "error",
    problem="The namespace names a downstream in ``exports`` that does not take this Dockerfile: "
    "OSBS asks for the labels ``name``, ``version`` and ``com.redhat.component``, and reads no "
    "heredocs.",
    why="The repository would be published, and its first build there would fail.",
    fix="Do what the message says, or take the downstream out of ``exports``.",
)
def refused_by_downstream(context: RuleContext) -> Iterator[Violation]:
    return _violations(context, "error")


@rule(
    "DG402",
    "A downstream would misread the image",
    "warning",
    problem="The namespace names a downstream in ``exports`` that builds this Dockerfile and "
    "understands it differently: the container pipeline of CentOS looks for the base in lines that "
    "begin with ``FROM``, and OSBS sets some labels itself.",
    why="What it says of the image would not be true.",
    fix="Write the Dockerfile so that the downstream reads it, or ignore the rule with a reason.",
)
def misread_by_downstream(context: RuleContext) -> Iterator[Violation]:
    return _violations(context, "warning")


def _violations(context: RuleContext, level: Level) -> Iterator[Violation]:
    for demand in _demands(context):
        if demand.level == level:
            yield Violation(demand.message, demand.line)


def _demands(context: RuleContext) -> Iterator[Demand]:
    paths = [file.path for file in context.tree.files]
    for settings in context.image.exports:
        yield from REPOSITORY_FORMATS[settings.format].check(paths, context.dockerfile)
