"""Repeat what a source of images, such as Kolla's, found while it read them.

Only the source can find these: it knows what its own build tool does besides the Dockerfile. Its
findings have a code and a message; the levels and descriptions are here.
"""

from __future__ import annotations

from collections.abc import Iterator

from distgen.dockerfile.parse import copy_sources
from distgen.lint.findings import Violation
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.rule import rule
from distgen.model.archives import Archive
from distgen.render.archives import SOURCES, is_pinned


def repeat_source(context: RuleContext, code: str) -> Iterator[Violation]:
    """Yield the findings of an image's source under a code."""
    for finding in context.reported:
        if finding.code == code:
            yield Violation(
                finding.message, finding.line, finding.path, finding.column, finding.origin
            )


def missing_archives(context: RuleContext) -> Iterator[tuple[int, Archive]]:
    """Yield line and archive where the Dockerfile takes one that is not in the tree."""
    archives = {archive.path: archive for archive in context.image.archives}
    if not archives:
        return
    for stage in context.dockerfile.stages:
        for instruction in stage.instructions:
            if instruction.cmd in {"ADD", "COPY"} and instruction.flag("from") is None:
                for word in copy_sources(instruction):
                    path = word.removeprefix("./").rstrip("/")
                    if path in archives and path not in context.build_context.present:
                        yield context.dockerfile.find_line(word, instruction), archives[path]


@rule(
    "DG109",
    "A file that the original build tool makes is not in the tree",
    "warning",
    problem="The Dockerfile of an image that comes from Kolla takes an archive of sources, "
    "plugins or additions which ``kolla-build`` fetches and packs just before it builds.",
    why="Whoever clones the repository cannot build it before that file is there.",
    fix="Run ``sh SOURCES`` in a clone, which fetches and checks it, or let the build fetch it: "
    "``archives: fetch`` and a lock. What is on one machine only has to be put on a server.",
    needs_stages=False,
)
def absent_archives(context: RuleContext) -> Iterator[Violation]:
    for line, archive in missing_archives(context):
        problem = f"{archive.path} is made by kolla-build and not in the repository"
        yield Violation(f"{problem}; {_way_to(archive, context)}", line)


def _way_to(archive: Archive, context: RuleContext) -> str:
    """Say how a build comes to an archive that is not there."""
    if archive.problem:
        return f"nothing else can make it: {archive.problem}"
    if archive.in_build and not is_pinned(archive, context.image, context.lock):
        return "run `distgen lock`, and the build fetches it"
    return f"`sh {SOURCES}` in a clone makes it"


@rule(
    "DG110",
    "A container list names an image that does not exist",
    "warning",
    problem="The ``container_list`` of a namespace names images as Kolla's which the installed "
    "Kolla does not have.",
    why="They are neither rendered nor published, and somebody may wait for them.",
    fix="Install the Kolla release that the list was written for, or take them off the list.",
    needs_stages=False,
)
def unknown_images(context: RuleContext) -> Iterator[Violation]:
    return repeat_source(context, unknown_images.code)


@rule(
    "DG111",
    "The rendering depends on the environment",
    "info",
    problem="A template asks for an environment variable by its name, as Kolla allows: its own "
    "base image for ``http_proxy``, template overrides and images of a ``docker_dir`` for any that "
    "is not called like a secret.",
    why="Another machine may render other files from the same catalogue.",
    fix="Write the value into the override, and publish where the variable is always the same.",
    needs_stages=False,
)
def environment_variables(context: RuleContext) -> Iterator[Violation]:
    return repeat_source(context, environment_variables.code)


@rule(
    "DG112",
    "Images of two streams are published under one name",
    "warning",
    problem="Kolla gives an image the same registry name and tag in two streams or namespaces; "
    "before release 23 its tag does not say which distribution it is.",
    why="Whoever builds both overwrites one with the other.",
    fix="Give one of the streams another ``tag``, or another ``namespace`` in its Kolla settings.",
    needs_stages=False,
)
def shared_names(context: RuleContext) -> Iterator[Violation]:
    return repeat_source(context, shared_names.code)
