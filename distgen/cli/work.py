"""What commands do with images, within the limits of processor time and memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distgen.cli.session import Session
from distgen.errors import InputError
from distgen.lint.work import Work, plan_work, render_trees
from distgen.model.catalogue import DEFAULT_LIMITS, Catalogue, Image, RenderLimits
from distgen.model.lock import Lock
from distgen.render.late import LateRenderer

if TYPE_CHECKING:
    from distgen.catalogue.records import Settings


def limited_work(
    catalogue: Catalogue,
    lock: Lock,
    images: tuple[Image, ...],
    stop: threading.Event | None = None,
) -> Work:
    """Return the work to do on `images`; what renders them ends once `stop` is set."""
    return plan_work(catalogue, lock, images, LateRenderer(catalogue, lock, stop))


def render_structure_tests(
    catalogue: Catalogue, lock: Lock, images: tuple[Image, ...]
) -> Mapping[str, Mapping[str, Any]]:
    """Return the structure tests of images by key, merged in overlay order."""
    from distgen.catalogue.structure_tests import catalogue_of_tests, read_tests

    keys = {image.key for image in images}
    tests = catalogue_of_tests(catalogue)
    chosen = tuple(image for image in tests.images if image.key in keys)
    return {tree.key: read_tests(tree) for tree in render_trees(limited_work(tests, lock, chosen))}


def site_settings(session: Session) -> Settings | None:
    """Return the settings of the catalogue, None where there is none."""
    try:
        root = session.root
    except InputError:
        return None
    from distgen.catalogue.settings import read_settings

    return read_settings(root)


def render_limits(session: Session) -> RenderLimits:
    """Return the limits for a template that needs no catalogue."""
    settings = site_settings(session)
    return settings.limits if settings else DEFAULT_LIMITS
