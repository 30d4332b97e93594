"""Check what all images of a namespace share: root, start script, init, user, labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from distgen.dockerfile.instruction import unquote
from distgen.dockerfile.packages import Operation, remaining_installs
from distgen.dockerfile.parse import key_values, package_operations, start_words
from distgen.lint.findings import Violation
from distgen.lint.policy import fits_image, selects, settings_of
from distgen.lint.rules.context import RuleContext, matches
from distgen.lint.rules.files import becomes_executable, is_script
from distgen.lint.rules.rule import NAMED, WORD, Condition, list_of, rule
from distgen.model.catalogue import Image
from distgen.model.policy import Policy
from distgen.model.reference import split_reference

_BUILD_PACKAGES = (
    *("*-dev", "*-devel", "*-headers", "build-essential", "build-base", "gcc", "gcc-[0-9]*"),
    *("gcc-c++", "g++", "g++-[0-9]*", "clang", "make", "cmake", "autoconf", "automake", "bison"),
    *("flex", "libtool", "cargo", "rust", "rustc", "patch", "dpkg-dev", "rpm-build"),
)
# Engines read a number as Go does, and take no user for 0.
_ROOT_USER = re.compile(r"root|[+-]?0+|")


def _has_roots(policy: Policy, code: str, image: Image) -> bool:
    settings = settings_of(policy, code)
    globs = settings.images if settings else ()
    return bool(policy.roots) and selects(globs, image.full_name, image.stream.name)


@rule(
    "DG201",
    "The image does not build on an agreed root",
    "error",
    problem="Following ``from`` upwards does not reach one of the policy's ``roots``, each "
    "``namespace/name`` or an external reference; the roots themselves are exempt.",
    why="One place to fix the operating system of all images of a namespace.",
    fix="Change ``from`` to a root or to an image that builds on one.",
    when=Condition("checked where a policy has ``roots``", _has_roots),
    needs_stages=False,
)
def roots(context: RuleContext) -> Iterator[Violation]:
    agreed = context.policy.roots
    line, external = context.index.ancestors(context.image)
    if any(fits_image(agreed, image.full_name, image.stream.name) for image in line):
        return
    name, tag, _ = split_reference(external)
    if external and any(root in (external, f"{name}:{tag}", name) for root in agreed):
        return
    chain = " -> ".join([*(image.full_name for image in line), *filter(None, [external])])
    text = f"{chain} does not reach {' or '.join(agreed)}"
    row = context.dockerfile.lineage[-1].line if context.dockerfile.stages else 0
    base = context.image.base
    yield Violation(text, row, origin=base.origin if base else context.image.origin)


@rule(
    "DG202",
    "The start script is not where it is expected",
    "error",
    problem="An image that has a start script calls it something else, does not mark it "
    "executable, or does not start it from ``CMD`` or ``ENTRYPOINT``.",
    why="Who operates or overrides one image of the namespace then knows all of them.",
    fix="Rename the script, set its executable bit, and name it in ``CMD``.",
    options={
        "script": {
            "type": "string",
            "description": "Name of the start script; `start.sh` without it.",
            "format": "relative-path",
        }
    },
    when=NAMED,
)
def start_script(context: RuleContext) -> Iterator[Violation]:
    agreed = context.option("script", ["start.sh"])[0].rpartition("/")[2]
    scripts = {file.path.rpartition("/")[2]: file for file in context.tree.files if is_script(file)}
    starts = [step for cmd in ("CMD", "ENTRYPOINT") if (step := context.nearest_instruction(cmd))]
    programs = {word.rpartition("/")[2]: step for step in starts for word in start_words(step)}
    if agreed in programs:
        file = scripts.get(agreed)
        if file and not becomes_executable(file, context):
            text = f"the start script {file.path} is not executable"
            yield Violation(text, 1, path=file.path)
        return
    if agreed in scripts:
        text = f"neither CMD nor ENTRYPOINT starts {scripts[agreed].path}"
        yield Violation(text, context.last_line)
        return
    for name in sorted(set(programs) & set(scripts)):
        text = f"the start script is called {name} and not {agreed}"
        yield Violation(text, context.line(programs[name]))


@rule(
    "DG203",
    "The first process is not an init",
    "error",
    problem="``ENTRYPOINT``, own or inherited from the catalogue, does not begin with an agreed "
    "init: ``dumb-init`` or ``tini``, unless the policy names others.",
    why="An ordinary program as process 1 neither reaps orphans nor passes signals on.",
    fix='Write ``ENTRYPOINT ["dumb-init", "--"]``, here or in the root image.',
    options={
        "init": list_of(
            "Programs that may be process 1.", {"type": "string", "format": "word"}, minItems=1
        )
    },
    when=NAMED,
)
def init(context: RuleContext) -> Iterator[Violation]:
    agreed = context.option("init", ["dumb-init", "tini"])
    entrypoint = context.nearest_instruction("ENTRYPOINT")
    words = start_words(entrypoint) if entrypoint else ()
    if words and (words[0] in agreed or words[0].rpartition("/")[2] in agreed):
        return
    fault = (
        f"begins with {words[0]}" if words else "is not set here or by a parent in the catalogue"
    )
    text = f"ENTRYPOINT {fault}, not with {' or '.join(agreed)}"
    yield Violation(text, context.line(entrypoint))


@rule(
    "DG204",
    "Build packages stay in the image",
    "warning",
    problem="A ``RUN`` of a stage that ends up in the image installs compilers or headers "
    "(``gcc``, ``make``, ``*-dev``, ``*-devel``, an apk ``--virtual`` group) and does not remove "
    "them.",
    why="A later layer cannot make the image smaller, and a compiler helps an intruder.",
    fix="Remove them in the same ``RUN``, or compile in a builder stage and copy the result.",
    options={
        "packages": list_of("Further patterns of packages that only a build needs.", WORD),
        "allow": list_of("Patterns of packages that may stay.", WORD),
    },
    when=NAMED,
)
def build_packages(context: RuleContext) -> Iterator[Violation]:
    patterns = (*_BUILD_PACKAGES, *context.option("packages"))
    allowed = context.option("allow")
    for step in context.instructions:
        names = [
            name
            for operation in remaining_installs(package_operations(step))
            for name in operation.names
            if _is_for_build(name, operation, patterns) and not matches(name, allowed)
        ]
        if names:
            verb = "stays" if len(names) == 1 else "stay"
            text = f"{', '.join(names)} {verb} in the image; remove it in the same RUN"
            yield Violation(text, context.dockerfile.find_line(names[0], step))


@rule(
    "DG205",
    "There is no HEALTHCHECK",
    "error",
    problem="Neither the image nor a parent in the catalogue has a ``HEALTHCHECK``, or it is "
    "``NONE``.",
    why="An engine can only restart what says that it is ill.",
    fix="Add a ``HEALTHCHECK`` to the template.",
    when=NAMED,
)
def healthcheck(context: RuleContext) -> Iterator[Violation]:
    step = context.nearest_instruction("HEALTHCHECK")
    if step is None or [unquote(word).upper() for word in step.value] == ["NONE"]:
        text = "HEALTHCHECK is NONE" if step else "there is no HEALTHCHECK"
        yield Violation(text, context.line(step))


@rule(
    "DG206",
    "A required label is missing",
    "error",
    problem="A label that the policy requires is missing or empty.",
    why="Build systems and registries index images by their labels.",
    fix="Add a ``LABEL`` to the template.",
    options={
        "labels": list_of("Labels that every image must have.", WORD, minItems=1),
        "inherit": {
            "type": "boolean",
            "description": "Whether labels of parents in the catalogue count.",
        },
    },
    when=NAMED,
)
def required_labels(context: RuleContext) -> Iterator[Violation]:
    steps = context.instructions
    if context.settings.options.get("inherit"):
        steps = iter([*context.index.instructions(context.image)][::-1])
    labels = {
        key: value for step in steps if step.cmd == "LABEL" for key, value in key_values(step)
    }
    for label in context.option("labels"):
        if not labels.get(label):
            fault = "is empty" if label in labels else "is missing"
            yield Violation(f"the label {label} {fault}", context.last_line)


@rule(
    "DG207",
    "The image runs as root",
    "error",
    problem="The last ``USER``, own or inherited from the catalogue, is root or a variable, or"
    " there is none.",
    why="What breaks out of the container is then root of the host's kernel too.",
    fix="End the template with ``USER name``; exempt the images that need root.",
    when=NAMED,
)
def root_user(context: RuleContext) -> Iterator[Violation]:
    step = context.nearest_instruction("USER")
    user = unquote(step.value[0]) if step and step.value else ""
    if _ROOT_USER.fullmatch(user.partition(":")[0]):
        fault = f"USER is {user}" if user else "there is no USER"
        yield Violation(f"{fault}, so the image runs as root", context.line(step))
    elif "$" in user:
        fault = f"USER is {user}, which a build argument or a variable may make root"
        yield Violation(fault, context.line(step))


def _is_for_build(name: str, operation: Operation, patterns: Iterable[str]) -> bool:
    if operation.manager == "pip":
        return False
    return "build" in operation.virtual or matches(name, patterns)
