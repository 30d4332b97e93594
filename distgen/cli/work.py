"""What commands do with images, within the limits of processor time and memory."""

from __future__ import annotations

import threading

from distgen.lint.check import Work, plan_work
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.render.limited import LimitedRenderer


def limited_work(
    catalogue: Catalogue,
    lock: Lock,
    images: tuple[Image, ...],
    stop: threading.Event | None = None,
) -> Work:
    """Return the work to do on `images`; what renders them ends once `stop` is set."""
    return plan_work(catalogue, lock, images, LimitedRenderer(catalogue, lock, stop))
