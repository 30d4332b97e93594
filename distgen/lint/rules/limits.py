"""Check what images of a namespace do without: layers, instructions, versions, supervisors."""

from __future__ import annotations

from collections.abc import Iterator

from distgen.dockerfile.packages import remaining_installs
from distgen.dockerfile.parse import package_operations
from distgen.lint.findings import Violation
from distgen.lint.rules.context import RuleContext, matches
from distgen.lint.rules.rule import NAMED, WORD, list_of, rule

_LAYERS = frozenset({"RUN", "COPY", "ADD"})
_STARTS = ("CMD", "ENTRYPOINT")
_SUPERVISORS = (
    *("supervisor", "supervisord", "runit", "runit-*", "s6", "s6-*", "daemontools", "monit"),
    *("circus", "honcho", "systemd", "systemd-sysv", "sysvinit-core", "upstart", "openrc"),
)
_INSTRUCTIONS = [
    *("ADD", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER"),
    *("ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
]


@rule(
    "DG208",
    "The Dockerfile makes many layers",
    "warning",
    problem="The stages of the Dockerfile that end up in the image have more ``RUN``, ``COPY`` "
    "and ``ADD`` than the policy allows, those that ``ONBUILD`` of the base adds among them.",
    why="Each layer is fetched and unpacked on its own, and what one layer writes the next cannot "
    "take out of the image again.",
    fix="Join commands in one ``RUN`` and files in one ``COPY``.",
    options={
        "max": {
            "type": "integer",
            "description": "How many RUN, COPY and ADD there may be; 5 without it.",
            "minimum": 1,
        }
    },
    when=NAMED,
)
def layers(context: RuleContext) -> Iterator[Violation]:
    limit = context.settings.options.get("max", 5)
    steps = [step for step in (*context.triggers, *context.instructions) if step.cmd in _LAYERS]
    if len(steps) > limit:
        text = f"{len(steps)} RUN, COPY and ADD make as many layers; {limit} are allowed"
        yield Violation(text, context.line(steps[limit]))


@rule(
    "DG209",
    "The Dockerfile has an instruction that the namespace does without",
    "error",
    problem="A stage that ends up in the image has one of the policy's ``instructions``, or an "
    "``ONBUILD`` that adds one to images built on it.",
    why="Where the deployer says what a container runs, an image that says it too can contradict.",
    fix="Remove the instruction.",
    options={
        "instructions": list_of(
            "Instructions that no image may have; CMD and ENTRYPOINT without it.",
            {"type": "string", "enum": _INSTRUCTIONS},
            minItems=1,
            uniqueItems=True,
        )
    },
    when=NAMED,
)
def forbidden_instructions(context: RuleContext) -> Iterator[Violation]:
    forbidden = context.option("instructions", _STARTS)
    for step in context.instructions:
        if step.cmd in forbidden:
            yield Violation(f"{step.cmd} is not for images of this namespace", step.line)
        elif step.trigger and step.trigger.cmd in forbidden:
            text = f"ONBUILD {step.trigger.cmd} is not for images of this namespace"
            yield Violation(text, step.line)


@rule(
    "DG210",
    "A package of the operating system has an exact version",
    "error",
    problem="A ``RUN`` installs ``name=version`` with apt or apk, or ``name-version-release`` "
    "with an RPM package manager.",
    why="Distributions remove a version when they fix it: the build then fails, or misses the fix.",
    fix="Name the package only; the digest of the base image says which release it comes from.",
    options={"allow": list_of("Patterns of packages that may have an exact version.", WORD)},
    when=NAMED,
)
def exact_versions(context: RuleContext) -> Iterator[Violation]:
    allowed = context.option("allow")
    for step in context.dockerfile.instructions:
        for operation in package_operations(step):
            for name, word in operation.exact:
                if not matches(name, allowed):
                    line = context.dockerfile.find_line(word, step)
                    yield Violation(f"{word} names an exact version", line)


@rule(
    "DG211",
    "A supervisor of several processes is installed",
    "error",
    problem="A ``RUN`` installs an init system or a program that starts and watches others, such "
    "as ``supervisor``, ``runit``, ``s6`` or ``systemd-sysv``.",
    why="With one process in a container its platform sees each of them live, fail and log.",
    fix="Make an image for each process.",
    options={"packages": list_of("Further patterns of packages that supervise processes.", WORD)},
    when=NAMED,
)
def supervisors(context: RuleContext) -> Iterator[Violation]:
    patterns = (*_SUPERVISORS, *context.option("packages"))
    for step in context.instructions:
        for operation in remaining_installs(package_operations(step)):
            for name in operation.names:
                if matches(name, patterns):
                    text = f"{name} supervises processes; one container runs one process"
                    yield Violation(text, context.dockerfile.find_line(name, step))
