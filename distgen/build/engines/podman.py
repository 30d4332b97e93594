"""Building with podman-build(1), which has buildah inside."""

from __future__ import annotations

from distgen.build.engines.engine import (
    Engine,
    KilledBuilds,
    Words,
    build_words,
    refuse_nothing,
    tls_words,
)
from distgen.build.records import BuildCall, PassedOptions


def _build(call: BuildCall) -> Words:
    return ("podman", "build", *build_words(call))


def _pull(reference: str, passed: PassedOptions) -> Words:
    return ("podman", "pull", *tls_words(passed), reference)


def _push(reference: str, digest_file: str, passed: PassedOptions) -> Words:
    return ("podman", "push", f"--digestfile={digest_file}", *tls_words(passed), reference)


def _image_id(reference: str) -> Words:
    return ("podman", "image", "inspect", "--format={{.Id}}", reference)


def _remove(container: str) -> Words:
    return ("podman", "rm", "--force", container)


ENGINE = Engine(
    name="podman",
    package="podman",
    build=_build,
    pull=_pull,
    push=_push,
    image_id=_image_id,
    refuse=refuse_nothing,
    killed_builds=KilledBuilds(
        containers=("podman", "ps", "--all", "--external", "--quiet", "--no-trunc"),
        storage=("podman", "info", "--format={{.Store.GraphRoot}} {{.Store.GraphDriverName}}"),
        remove=_remove,
    ),
)
