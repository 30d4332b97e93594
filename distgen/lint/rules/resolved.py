"""Tell whether a tree is complete and resolved: all that its Dockerfile names exists and is fixed.

What COPY, ADD and FROM take is described at https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import Dockerfile, mounts, sources
from distgen.errors import InputError
from distgen.lint.build_context import BuildContext, context_of, copy_failure
from distgen.lint.findings import Violation, findings
from distgen.model.catalogue import Image, Parent
from distgen.model.lock import Lock
from distgen.model.reference import HUB, Reference, names_a_registry, parse_reference
from distgen.model.rendered import Finding, Tree
from distgen.text.suggest import suggest_nearest

SCRATCH = "scratch"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_URL = re.compile(r"(?:https?|ftp)://.*", re.IGNORECASE)
_GIT = re.compile(r"(?:git@|git://|ssh://).*|https?://[^#]*\.git(?:#.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Use:
    """An image named by a FROM, a --from or a mount, and the declared parent that it is."""

    word: str
    line: int
    how: str
    parent: Parent | None


def read(tree: Tree) -> str | None:
    """Return the text of the tree's Dockerfile, None without one."""
    content = next((file.content for file in tree.files if file.path == DOCKERFILE), None)
    return None if content is None else content.decode("utf-8", "replace")


def completeness(
    image: Image, tree: Tree, lock: Lock, dockerfiles: Mapping[str, Dockerfile]
) -> tuple[Finding, ...]:
    """Check one image's tree; `dockerfiles` holds its own and its parents', by key, parsed once."""
    own = dockerfiles.get(image.key)
    if own is None:
        return findings(tree, [Violation("DG001", "the tree has no Dockerfile")])
    unread = [Violation("DG001", problem.message, problem.line) for problem in own.problems]
    if not own.stages:
        return findings(tree, unread)
    uses, remarks = _uses(own, image.parents, lock)
    seen = context_of(tree)
    return findings(
        tree,
        [
            *unread,
            *remarks,
            *_declared(own, image, uses),
            *_copied(own, seen),
            *_triggered(own, uses, dockerfiles, seen),
            *_unpinned(own, image, lock, uses),
        ],
    )


# --- parents ---------------------------------------------------------------------------------


def _uses(
    own: Dockerfile, parents: Iterable[Parent], lock: Lock
) -> tuple[tuple[Use, ...], list[Violation]]:
    """Return the images a Dockerfile uses, and what is wrong with how it names them."""
    declared = tuple(parents)
    uses: list[Use] = []
    remarks: list[Violation] = []
    for word, line, how, index in _named(own):
        if how != "FROM" and own.stage(word, index):
            continue
        if "$" in word:
            text = f"{how} {word} depends on a build argument; name the image itself"
            remarks.append(Violation("DG104", text, line))
        elif how != "FROM" and not re.search(r"[/:.@]", word) and word != SCRATCH:
            text = f"{how} names {word}, which is no stage above it{_similar(word, own, index)}"
            remarks.append(Violation("DG107", text, line))
        else:
            parent = next((p for p in declared if _is_parent(word, p, lock)), None)
            uses.append(Use(word, line, how, parent))
            remarks.extend(_wrong_reference(uses[-1], declared))
    return tuple(uses), remarks


def _named(own: Dockerfile) -> Iterator[tuple[str, int, str, int]]:
    """Yield word, line, instruction and stage of every place that names an image or a stage."""
    for stage in own.stages:
        if stage.parent is None and stage.base:
            yield stage.base, stage.line, "FROM", stage.index
        for instruction in stage.instructions:
            if word := instruction.flag("from"):
                yield word, own.find(word, instruction), "COPY --from", stage.index
            for mount in mounts(instruction):
                if mount.image:
                    line = own.find(mount.image, instruction)
                    yield mount.image, line, "RUN --mount from", stage.index


def _wrong_reference(use: Use, declared: Iterable[Parent]) -> Iterator[Violation]:
    reference = _reference(use.word)
    if use.word == SCRATCH:
        return
    if reference and reference.digest is None and reference.tag in {None, "latest"}:
        what = "has no tag" if reference.tag is None else "is tagged latest"
        yield Violation("DG105", f"{use.how} {use.word} {what}; name a version", use.line)
    if use.parent is None:
        near = [p for p in declared if reference and _name(p) == reference.name]
        what = f"the catalogue declares {near[0].reference}" if near else "no parent is declared so"
        text = f"{use.how} {use.word}, but {what}; correct `from` or `builders`"
        yield Violation("DG102", text, use.line)


def _declared(own: Dockerfile, image: Image, uses: tuple[Use, ...]) -> Iterator[Violation]:
    used = {use.parent.reference for use in uses if use.parent}
    for parent in image.parents:
        if parent.reference not in used:
            role = "from" if parent.role == "base" else f"builder {parent.role}"
            text = f"the {role} {parent.reference} is declared but the Dockerfile does not use it"
            yield Violation("DG103", text, 1, origin=parent.origin)
    base = next((parent for parent in image.parents if parent.role == "base"), None)
    if base and base.reference in used and own.lineage:
        last = own.lineage[-1]
        final = next((use for use in uses if (use.line, use.how) == (last.line, "FROM")), None)
        if final and final.parent and final.parent.reference != base.reference:
            text = f"the image builds on {final.word}, but `from` declares {base.reference}"
            yield Violation("DG102", text, last.line)


def _is_parent(word: str, parent: Parent, lock: Lock) -> bool:
    if SCRATCH in (word, parent.reference):
        return word == parent.reference
    found, wanted = _reference(word), _reference(parent.reference)
    if not found or not wanted or found.name != wanted.name:
        return False
    locked = lock.bases.get(parent.reference)
    digest = wanted.digest or (locked.digest if locked else None)
    tag_only_in_catalogue = found.tag is None and found.digest is not None
    return found.digest in (None, digest) and (found.tag == wanted.tag or tag_only_in_catalogue)


def _reference(text: str) -> Reference | None:
    """Take a reference apart, one of the Docker Hub without its registry too."""
    host, slash, _ = text.partition("/")
    if not slash:
        text = f"{HUB}/library/{text}"
    elif not names_a_registry(host):
        text = f"{HUB}/{text}"
    try:
        return parse_reference(text)
    except InputError:
        return None


def _name(parent: Parent) -> str:
    reference = _reference(parent.reference)
    return reference.name if reference else parent.reference


def _similar(word: str, own: Dockerfile, before: int) -> str:
    hint = suggest_nearest(word, (stage.name for stage in own.stages[:before] if stage.name))
    return f"; {hint}" if hint else ""


# --- sources ---------------------------------------------------------------------------------


def _copied(own: Dockerfile, seen: BuildContext) -> Iterator[Violation]:
    for stage in own.stages:
        for instruction in stage.instructions:
            for code, source, why in _absent(instruction, seen):
                text = f"{instruction.cmd} {source}: it {why}"
                yield Violation(code, text, own.find(source, instruction))


def _triggered(
    own: Dockerfile, uses: Iterable[Use], dockerfiles: Mapping[str, Dockerfile], seen: BuildContext
) -> Iterator[Violation]:
    """Check what the ONBUILD instructions of a parent want from this tree."""
    for use in uses:
        key = use.parent.image if use.parent and use.how == "FROM" else None
        if key not in dockerfiles or key is None:
            continue
        for trigger in dockerfiles[key].triggers:
            for code, source, why in _absent(trigger, seen):
                yield Violation(code, f"ONBUILD {source} of {key}: it {why}", use.line)


def _absent(instruction: Instruction, seen: BuildContext) -> Iterator[tuple[str, str, str]]:
    """Yield code, source and reason of everything an instruction takes that is not there."""
    for mount in mounts(instruction):
        if mount.type == "bind" and not mount.image and (why := copy_failure(mount.source, seen)):
            yield "DG106", mount.source, why
    if instruction.cmd not in {"COPY", "ADD"} or instruction.flag("from") is not None:
        return
    for source in sources(instruction):
        if instruction.cmd == "ADD" and (_URL.fullmatch(source) or _GIT.fullmatch(source)):
            if not _fixed(source, instruction):
                yield "DG108", source, "is fetched without a checksum; add --checksum=sha256:..."
        elif why := copy_failure(source, seen):
            yield "DG106", source, why


def _fixed(url: str, instruction: Instruction) -> bool:
    fragment = url.partition("#")[2].partition(":")[0]
    commit = _GIT.fullmatch(url) and _COMMIT.fullmatch(fragment)
    return bool(commit or instruction.flag("checksum"))


# --- pins ------------------------------------------------------------------------------------


def _unpinned(
    own: Dockerfile, image: Image, lock: Lock, uses: Iterable[Use]
) -> Iterator[Violation]:
    for use in uses:
        if use.parent is None or use.parent.image or SCRATCH in (use.word, use.parent.reference):
            continue
        if "@" not in use.word:
            locked = use.parent.reference in lock.bases
            how = "write the digest that the lock knows" if locked else "run distgen lock"
            yield Violation("DG101", f"{use.word} is not pinned to a digest; {how}", use.line)
    for source in image.sources:
        if (source.git, source.ref) not in lock.sources and not _COMMIT.fullmatch(source.ref):
            text = f"{source.git} at {source.ref} is not pinned to a commit; run distgen lock"
            yield Violation("DG101", text, _mention(own, source.git), origin=source.origin)
    for download in image.downloads:
        if download.url not in lock.downloads:
            text = f"{download.url} is not pinned to a checksum; run distgen lock"
            yield Violation("DG101", text, _mention(own, download.url), origin=download.origin)


def _mention(own: Dockerfile, word: str) -> int:
    lines = enumerate(own.text.splitlines(), 1)
    return next((number for number, line in lines if word in line), 1)
