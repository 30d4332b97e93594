"""Check that the images a Dockerfile builds on are those that the catalogue declares."""

from __future__ import annotations

from collections.abc import Iterator

from distgen.dockerfile.filename import DOCKERFILE
from distgen.lint.findings import Violation
from distgen.lint.parent_uses import SCRATCH, ParentUse
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.rule import rule
from distgen.model.catalogue import Parent
from distgen.model.reference import read_reference
from distgen.text.suggest import suggest_nearest


@rule(
    "DG001",
    "The Dockerfile cannot be read",
    "error",
    problem="The tree has no ``Dockerfile``, or BuildKit's parser refuses it: an unknown "
    "instruction, an unterminated heredoc, a ``COPY`` without destination. A file of more than "
    "262144 characters is not read: the parser can take hours for it.",
    why="No builder would build it, and the other rules cannot see what the parser cannot read.",
    fix="Correct the template line that the finding names.",
    needs_stages=False,
)
def unreadable(context: RuleContext) -> Iterator[Violation]:
    if not any(file.path == DOCKERFILE for file in context.tree.files):
        yield Violation("the tree has no Dockerfile")
    for problem in context.dockerfile.problems:
        yield Violation(problem.message, problem.line)


@rule(
    "DG102",
    "The Dockerfile uses a parent that is not declared",
    "error",
    problem="A ``FROM``, ``COPY --from`` or ``RUN --mount=from`` names an image that is neither "
    "``from`` nor one of ``builders``, or the last stage builds on another image than ``from`` "
    "says.",
    why="Rebuild order, impact and the lock follow the declared parents; what is not declared is "
    "neither pinned nor rebuilt when it changes.",
    fix="Declare it in the image's overlay, and let the template say ``{{ base.reference }}`` or "
    "``{{ builders.ROLE.reference }}``.",
)
def undeclared_parents(context: RuleContext) -> Iterator[Violation]:
    for use in context.uses:
        if use.is_image and use.parent is None and use.word != SCRATCH:
            text = f"{use.how} {use.word}, but {_declaration(use, context.image.parents)}"
            yield Violation(f"{text}; correct `from` or `builders`", use.line)
    base = context.image.base
    if base is None or base.reference not in _used_references(context):
        return
    last = context.dockerfile.lineage[-1]
    final = next((use for use in context.uses if (use.line, use.how) == (last.line, "FROM")), None)
    if final and final.parent and final.parent.reference != base.reference:
        text = f"the image builds on {final.word}, but `from` declares {base.reference}"
        yield Violation(text, last.line)


@rule(
    "DG103",
    "A declared parent is not used",
    "error",
    problem="``from`` or ``builders`` declares an image that no ``FROM``, ``COPY --from`` or "
    "mount of the Dockerfile names.",
    why="The image would be rebuilt, and wait, for something that is not in it.",
    fix="Remove it from the overlay, or use it in the template.",
)
def unused_parents(context: RuleContext) -> Iterator[Violation]:
    used = _used_references(context)
    for parent in context.image.parents:
        if parent.reference not in used:
            role = "from" if parent.role == "base" else f"builder {parent.role}"
            text = f"the {role} {parent.reference} is declared but the Dockerfile does not use it"
            yield Violation(text, 1, origin=parent.origin)


@rule(
    "DG104",
    "A parent depends on a build argument",
    "error",
    problem="A ``FROM``, ``COPY --from`` or mount holds a variable.",
    why="What is built then depends on the builder's command line, and nothing can tell from the "
    "repository which parent that is.",
    fix="Make it a value of the catalogue and render it.",
)
def variable_parents(context: RuleContext) -> Iterator[Violation]:
    for use in context.uses:
        if use.is_variable:
            text = f"{use.how} {use.word} depends on a build argument; name the image itself"
            yield Violation(text, use.line)


@rule(
    "DG105",
    "A parent has no version",
    "error",
    problem="A parent has no tag, or the tag ``latest``, and no digest.",
    why="It is whatever was pushed last.",
    fix="Name a version in the catalogue, or lock its digest.",
)
def parents_without_version(context: RuleContext) -> Iterator[Violation]:
    for use in context.uses:
        reference = read_reference(use.word)
        if not use.is_image or use.word == SCRATCH or reference is None or reference.digest:
            continue
        if reference.tag in {None, "latest"}:
            fault = "has no tag" if reference.tag is None else "is tagged latest"
            yield Violation(f"{use.how} {use.word} {fault}; name a version", use.line)


@rule(
    "DG107",
    "A stage does not exist",
    "error",
    problem="``COPY --from`` or ``RUN --mount=from`` names a stage that is not above it.",
    why="The builder would look for an image of that name on the Docker Hub.",
    fix="Correct the name; a stage of another image must be one of ``builders``.",
)
def absent_stages(context: RuleContext) -> Iterator[Violation]:
    for use in context.uses:
        if use.is_stage:
            above = context.dockerfile.stages[: use.stage]
            hint = suggest_nearest(use.word, (stage.name for stage in above if stage.name))
            text = f"{use.how} names {use.word}, which is not a stage above it"
            yield Violation(f"{text}; {hint}" if hint else text, use.line)


def _used_references(context: RuleContext) -> set[str]:
    return {use.parent.reference for use in context.uses if use.parent}


def _declaration(use: ParentUse, parents: tuple[Parent, ...]) -> str:
    """Return what the catalogue declares of the same name in another version, for a message."""
    reference = read_reference(use.word)
    for parent in parents:
        declared = read_reference(parent.reference)
        name = declared.name if declared else parent.reference
        if reference and name == reference.name:
            return f"the catalogue declares {parent.reference}"
    return "no parent is declared so"
