"""Check what images of a namespace do without: layers, instructions, versions, supervisors."""

from __future__ import annotations

from collections.abc import Iterator

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.packages import left_behind
from distgen.dockerfile.parse import installed
from distgen.lint.findings import Violation
from distgen.lint.rules.image import RuleContext, matches

_LAYERS = frozenset({"RUN", "COPY", "ADD"})
_STARTS = ("CMD", "ENTRYPOINT")
_SUPERVISORS = (
    *("supervisor", "supervisord", "runit", "runit-*", "s6", "s6-*", "daemontools", "monit"),
    *("circus", "honcho", "systemd", "systemd-sysv", "sysvinit-core", "upstart", "openrc"),
)


def layers(subject: RuleContext) -> Iterator[Violation]:
    """Count what makes layers, the triggers of the base included."""
    limit = subject.rule.options.get("max", 5)
    found = [one for one in (*_triggers(subject), *_lineage(subject)) if one.cmd in _LAYERS]
    if len(found) > limit:
        text = f"{len(found)} RUN, COPY and ADD make as many layers; {limit} are allowed"
        yield Violation("DG208", text, subject.line(found[limit]))


def unwanted(subject: RuleContext) -> Iterator[Violation]:
    """Find instructions that no image of the namespace has."""
    refused = subject.option("instructions", _STARTS)
    for one in _lineage(subject):
        if one.cmd in refused:
            yield Violation("DG209", f"{one.cmd} is not for images of this namespace", one.line)
        elif one.trigger and one.trigger.cmd in refused:
            text = f"ONBUILD {one.trigger.cmd} is not for images of this namespace"
            yield Violation("DG209", text, one.line)


def exact_versions(subject: RuleContext) -> Iterator[Violation]:
    """Find packages of the operating system that are installed in one version only."""
    allowed = subject.option("allow")
    for one in subject.own.instructions:
        for operation in installed(one):
            for name, word in operation.exact:
                if not matches(name, allowed):
                    line = subject.own.find(word, one)
                    yield Violation("DG210", f"{word} names an exact version", line)


def supervisors(subject: RuleContext) -> Iterator[Violation]:
    """Find programs that start and watch others."""
    patterns = (*_SUPERVISORS, *subject.option("packages"))
    for one in _lineage(subject):
        for operation in left_behind(installed(one)):
            for name in operation.names:
                if matches(name, patterns):
                    text = f"{name} supervises processes; one container runs one process"
                    yield Violation("DG211", text, subject.own.find(name, one))


def _lineage(subject: RuleContext) -> Iterator[Instruction]:
    """Yield the instructions that end up in the image, in the order they are carried out."""
    for stage in reversed(subject.own.lineage):
        yield from stage.instructions


def _triggers(subject: RuleContext) -> tuple[Instruction, ...]:
    base = subject.family.base(subject.image)
    return base.triggers if base else ()
