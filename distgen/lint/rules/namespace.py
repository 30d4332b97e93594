"""Apply a policy: its own rules on images, its levels and exemptions on findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from distgen.dockerfile.packages import Operation, left_behind
from distgen.dockerfile.parse import argv, installed, pairs
from distgen.lint.findings import Violation, findings
from distgen.lint.rules import limits
from distgen.lint.rules.files import becomes_executable, is_script, steps
from distgen.lint.rules.image import ImageIndex, RuleContext, matches
from distgen.model.catalogue import Image, Policy, RuleSettings
from distgen.model.reference import split_reference
from distgen.model.rendered import Finding, Tree

_BUILD_PACKAGES = (
    *("*-dev", "*-devel", "*-headers", "build-essential", "build-base", "gcc", "gcc-[0-9]*"),
    *("gcc-c++", "g++", "g++-[0-9]*", "clang", "make", "cmake", "autoconf", "automake", "bison"),
    *("flex", "libtool", "cargo", "rust", "rustc", "patch", "dpkg-dev", "rpm-build"),
)
_ROOT = {"root", "0"}


def apply(policy: Policy, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings of one namespace with its levels, without what it ignores or exempts."""
    rules = {rule.code: rule for rule in policy.rules}
    kept = []
    for finding in found:
        rule = rules.get(finding.code)
        if rule is None or not selects(rule.images, finding.image, finding.stream):
            kept.append(finding)
        elif rule.level != "ignore" and not exempted(rule, finding.image, finding.stream):
            kept.append(replace(finding, level=rule.level or finding.level))
    return tuple(kept)


def selects(globs: Sequence[str], image: str, stream: str) -> bool:
    """Tell whether globs mean an image, by `ns/name` or `ns/name@stream`; no globs mean all."""
    return not globs or _any(globs, image, stream)


def exempted(rule: RuleSettings, image: str, stream: str) -> bool:
    """Tell whether a rule exempts an image."""
    return _any((glob for glob, _ in rule.exempt), image, stream)


def exempts(policy: Policy, code: str, image: str, stream: str) -> bool:
    """Tell whether a policy says that an image need not follow a rule."""
    rule = next((rule for rule in policy.rules if rule.code == code), None)
    if rule is None or not selects(rule.images, image, stream):
        return False
    return rule.level == "ignore" or exempted(rule, image, stream)


def check(policy: Policy, image: Image, tree: Tree, family: ImageIndex) -> tuple[Finding, ...]:
    """Check one image against the rules its namespace's policy names; `apply` sets the levels."""
    remarks: list[Violation] = []
    rules = {rule.code: rule for rule in policy.rules}
    if policy.roots:
        rules.setdefault("DG201", RuleSettings("DG201"))
    own = family.dockerfiles.get(image.key)
    for code, rule in sorted(rules.items()):
        if not selects(rule.images, image.full_name, image.stream.name):
            continue
        if code == "DG201":
            remarks.extend(_roots(policy.roots, image, family))
        elif own is not None and own.stages and code in _RULES:
            remarks.extend(_RULES[code](RuleContext(image, tree, own, family, rule)))
    return findings(tree, remarks)


def _roots(roots: Sequence[str], image: Image, family: ImageIndex) -> Iterator[Violation]:
    line, external = family.ancestors(image)
    if not roots or any(_any(roots, one.full_name, one.stream.name) for one in line):
        return
    name, tag, _ = split_reference(external)
    if external and any(root in (external, f"{name}:{tag}", name) for root in roots):
        return
    chain = " -> ".join([*(one.full_name for one in line), *filter(None, [external])])
    text = f"{chain} does not reach {' or '.join(roots)}"
    own = family.dockerfiles.get(image.key)
    at = own.lineage[-1].line if own and own.stages else 0
    origin = next((p.origin for p in image.parents if p.role == "base"), image.origin)
    yield Violation("DG201", text, at, origin=origin)


def _start_script(subject: RuleContext) -> Iterator[Violation]:
    wanted = subject.option("script", ["start.sh"])[0].rpartition("/")[2]
    scripts = {file.path.rpartition("/")[2]: file for file in subject.tree.files if is_script(file)}
    starts = [found for cmd in ("CMD", "ENTRYPOINT") if (found := subject.inherited(cmd))]
    started = {word.rpartition("/")[2]: found for found in starts for word in argv(found)}
    if wanted in started:
        file = scripts.get(wanted)
        done = steps(subject.own, subject.family.base(subject.image))
        if file and not becomes_executable(file, done):
            text = f"the start script {file.path} is not executable"
            yield Violation("DG202", text, 1, path=file.path)
        return
    if wanted in scripts:
        text = f"neither CMD nor ENTRYPOINT starts {scripts[wanted].path}"
        yield Violation("DG202", text, subject.last_line)
        return
    for name in sorted(set(started) & set(scripts)):
        text = f"the start script is called {name} and not {wanted}"
        yield Violation("DG202", text, subject.line(started[name]))


def _init(subject: RuleContext) -> Iterator[Violation]:
    allowed = subject.option("init", ["dumb-init", "tini"])
    found = subject.inherited("ENTRYPOINT")
    words = argv(found) if found else ()
    if words and (words[0] in allowed or words[0].rpartition("/")[2] in allowed):
        return
    what = f"begins with {words[0]}" if words else "is not set here or by a parent in the catalogue"
    text = f"ENTRYPOINT {what}, not with {' or '.join(allowed)}"
    yield Violation("DG203", text, subject.line(found) if found else subject.last_line)


def _build_packages(subject: RuleContext) -> Iterator[Violation]:
    patterns = (*_BUILD_PACKAGES, *subject.option("packages"))
    allowed = subject.option("allow")
    for stage in subject.own.lineage:
        for instruction in stage.instructions:
            kept = [
                name
                for operation in left_behind(installed(instruction))
                for name in operation.names
                if _is_for_build(name, operation, patterns) and not matches(name, allowed)
            ]
            if kept:
                line = subject.own.find(kept[0], instruction)
                stay = "stays" if len(kept) == 1 else "stay"
                text = f"{', '.join(kept)} {stay} in the image; remove it in the same RUN"
                yield Violation("DG204", text, line)


def _is_for_build(name: str, operation: Operation, patterns: Iterable[str]) -> bool:
    system = operation.manager != "pip"
    return system and ("build" in operation.virtual or matches(name, patterns))


def _healthcheck(subject: RuleContext) -> Iterator[Violation]:
    found = subject.inherited("HEALTHCHECK")
    if found is None or [word.upper() for word in found.value] == ["NONE"]:
        what = "HEALTHCHECK is NONE" if found else "there is no HEALTHCHECK"
        yield Violation("DG205", what, subject.line(found) if found else subject.last_line)


def _labels(subject: RuleContext) -> Iterator[Violation]:
    inherit = subject.rule.options.get("inherit")
    mine = (found for stage in subject.own.lineage for found in reversed(stage.instructions))
    present: dict[str, str] = {}
    for instruction in subject.family.instructions(subject.image) if inherit else mine:
        if instruction.cmd == "LABEL":
            present = {**dict(pairs(instruction)), **present}
    for label in subject.option("labels"):
        if not present.get(label):
            what = "is empty" if label in present else "is missing"
            yield Violation("DG206", f"the label {label} {what}", subject.last_line)


def _user(subject: RuleContext) -> Iterator[Violation]:
    found = subject.inherited("USER")
    user = found.value[0] if found and found.value else ""
    if user.partition(":")[0] in _ROOT or not user:
        what = f"USER is {user}" if user else "there is no USER"
        text = f"{what}, so the image runs as root"
        yield Violation("DG207", text, subject.line(found) if found else subject.last_line)


_RULES: Mapping[str, Callable[[RuleContext], Iterator[Violation]]] = {
    "DG202": _start_script,
    "DG203": _init,
    "DG204": _build_packages,
    "DG205": _healthcheck,
    "DG206": _labels,
    "DG207": _user,
    "DG208": limits.layers,
    "DG209": limits.unwanted,
    "DG210": limits.exact_versions,
    "DG211": limits.supervisors,
}


def _any(globs: Iterable[str], image: str, stream: str) -> bool:
    return any(fnmatchcase(image, g) or fnmatchcase(f"{image}@{stream}", g) for g in globs)
