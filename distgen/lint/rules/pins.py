"""Check that the bases, sources and downloads of an image are in the lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from distgen.dockerfile.parse import Dockerfile
from distgen.lint.findings import Violation
from distgen.lint.parent_uses import SCRATCH
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.rule import rule

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@rule(
    "DG101",
    "A base, source or download is not pinned",
    "warning",
    problem="``distgen.lock`` does not hold the digest of an external base, the commit of a "
    "source or the checksum of a download, or the ``FROM`` leaves out the digest that the lock "
    "holds.",
    why="A tag or branch moves: the same repository would build something else tomorrow.",
    fix="Run ``distgen lock`` and commit ``distgen.lock``; write ``{{ base.reference }}`` in the "
    "template, which carries the digest.",
)
def unpinned_inputs(context: RuleContext) -> Iterator[Violation]:
    yield from _bases(context)
    for source in context.image.sources:
        if (source.git, source.ref) in context.lock.sources or COMMIT.fullmatch(source.ref):
            continue
        text = f"{source.git} at {source.ref} is not pinned to a commit; run distgen lock"
        line = _first_mention(context.dockerfile, source.git)
        yield Violation(text, line, origin=source.origin)
    yield from _moving_changes(context)
    for download in context.image.downloads:
        if download.url not in context.lock.downloads:
            text = f"{download.url} is not pinned to a checksum; run distgen lock"
            line = _first_mention(context.dockerfile, download.url)
            yield Violation(text, line, origin=download.origin)


def _moving_changes(context: RuleContext) -> Iterator[Violation]:
    # A patch set of Gerrit never changes; of a pull request, Zuul says the commit.
    for source in context.image.sources:
        for change in source.changes:
            is_pinned = change.commit or change.ref.startswith("refs/changes/")
            if not is_pinned and (change.git, change.ref) not in context.lock.sources:
                text = f"{change.git} at {change.ref} is not pinned to a commit; run distgen lock"
                line = _first_mention(context.dockerfile, change.ref)
                yield Violation(text, line, origin=source.origin)


def _bases(context: RuleContext) -> Iterator[Violation]:
    for use in context.uses:
        if use.parent is None or use.parent.image or SCRATCH in (use.word, use.parent.reference):
            continue
        if "@" not in use.word:
            is_locked = use.parent.reference in context.lock.bases
            fix = "write the digest that the lock knows" if is_locked else "run distgen lock"
            yield Violation(f"{use.word} is not pinned to a digest; {fix}", use.line)


def _first_mention(dockerfile: Dockerfile, word: str) -> int:
    lines = enumerate(dockerfile.text.splitlines(), 1)
    return next((number for number, line in lines if word in line), 1)
