"""Check that what a build copies exists in the tree and, from the web, has a checksum.

What COPY and ADD take is described at https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import copy_sources, mounts, variable_sources
from distgen.lint.build_context import BuildContext, copy_failure
from distgen.lint.findings import Violation
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.pins import COMMIT
from distgen.lint.rules.rule import rule
from distgen.lint.rules.sources import missing_archives

_URL = re.compile(r"(?:https?|ftp)://.*", re.IGNORECASE)
_GIT = re.compile(r"(?:git@|git://|ssh://).*|https?://[^#]*\.git(?:#.*)?", re.IGNORECASE)


@rule(
    "DG106",
    "A file that the build copies is not there",
    "error",
    problem="A source of ``COPY``, ``ADD`` or a bind mount matches no file of the tree, is kept "
    "out by ``.dockerignore``, leaves the build context or depends on a build argument. The "
    "``ONBUILD`` instructions of a parent in the catalogue are checked against the tree of the "
    "child.",
    why="The repository must build by itself.",
    fix="Add the file to the template or the image's folder, or correct the path.",
)
def absent_files(context: RuleContext) -> Iterator[Violation]:
    # DG109 says how the file of this line is made, which helps more than "not there".
    archives = {line for line, _ in missing_archives(context)}
    absent = partial(_absent_sources, context.build_context)
    for violation in _violations(context, absent):
        if violation.line not in archives:
            yield violation


@rule(
    "DG108",
    "A URL is added without a checksum",
    "error",
    problem="``ADD`` fetches a URL without ``--checksum``, or a git repository without a commit.",
    why="The content behind a URL can change, by accident or by malice.",
    fix="Make it one of the image's ``downloads`` and write "
    "``ADD --checksum=sha256:{{ downloads.NAME.sha256 }}``.",
)
def urls_without_checksum(context: RuleContext) -> Iterator[Violation]:
    yield from _violations(context, _unverified_urls)


def _violations(
    context: RuleContext, problems: Callable[[Instruction], Iterator[tuple[str, str]]]
) -> Iterator[Violation]:
    """Yield the problems of the Dockerfile's instructions and of its parents' ONBUILD."""
    dockerfile = context.dockerfile
    for stage in dockerfile.stages:
        for instruction in stage.instructions:
            for source, problem in problems(instruction):
                text = f"{instruction.cmd} {source}: it {problem}"
                yield Violation(text, dockerfile.find_line(source, instruction))
    for use in context.uses:
        key = use.parent.image if use.parent and use.how == "FROM" else None
        if key is not None and key in context.index.dockerfiles:
            for trigger in context.index.dockerfiles[key].triggers:
                for source, problem in problems(trigger):
                    yield Violation(f"ONBUILD {source} of {key}: it {problem}", use.line)


def _absent_sources(context: BuildContext, instruction: Instruction) -> Iterator[tuple[str, str]]:
    """Yield what an instruction takes from the build context that is not there, and why."""
    binds = [
        mount.source for mount in mounts(instruction) if mount.type == "bind" and not mount.image
    ]
    copies = [source for source in _copies(instruction) if not _is_url(instruction, source)]
    variable = variable_sources(instruction) if copies else frozenset()
    for source in (*binds, *copies):
        if source in variable or (source in binds and "$" in source):
            yield source, "depends on a build argument, so a check cannot tell whether it exists"
        elif why := copy_failure(source, context):
            yield source, why


def _unverified_urls(instruction: Instruction) -> Iterator[tuple[str, str]]:
    for source in _copies(instruction):
        if _is_url(instruction, source) and not _is_verified(source, instruction):
            yield source, "is fetched without a checksum; add --checksum=sha256:..."


def _copies(instruction: Instruction) -> tuple[str, ...]:
    if instruction.cmd not in {"COPY", "ADD"} or instruction.flag("from") is not None:
        return ()
    return copy_sources(instruction)


def _is_url(instruction: Instruction, source: str) -> bool:
    return instruction.cmd == "ADD" and bool(_URL.fullmatch(source) or _GIT.fullmatch(source))


def _is_verified(url: str, instruction: Instruction) -> bool:
    # A fragment is a commit to git alone: of a plain download it is never sent to the server.
    fragment = url.partition("#")[2].partition(":")[0]
    commit = _GIT.fullmatch(url) and COMMIT.fullmatch(fragment)
    return bool(commit or instruction.flag("checksum"))
