"""What distgen's own rules say of one image, for tests of rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from distgen.dockerfile.parse import Dockerfile
from distgen.lint.rules.context import ImageIndex, describe
from distgen.lint.ruleset import check_image
from distgen.model.catalogue import Image
from distgen.model.lock import Lock
from distgen.model.policy import Policy
from distgen.model.rendered import Finding, Tree


def check_tree(
    image: Image,
    tree: Tree,
    dockerfiles: Mapping[str, Dockerfile],
    codes: tuple[str, ...] = ("DG",),
    lock: Lock | None = None,
    policy: Policy | None = None,
    others: Iterable[Image] = (),
    reported: Iterable[Finding] = (),
) -> tuple[Finding, ...]:
    """Return the findings of codes that begin so; `dockerfiles` are by the keys of images.

    `others` are the images that the first may build on, `reported` is what its source says of it.
    """
    index = ImageIndex({one.key: one for one in (*others, image)}, dockerfiles)
    context = describe(image, tree, index, lock or Lock(), policy or Policy(), reported)
    return tuple(finding for finding in check_image(context) if finding.code.startswith(codes))
