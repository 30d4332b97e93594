"""Building with podman-build(1), which has buildah inside."""

from __future__ import annotations

from functools import partial

from distgen.build.engines.engine import (
    Engine,
    KilledBuilds,
    Words,
    build_call,
    image_id_call,
    pull_call,
    push_call,
    refuse_nothing,
    run_words,
)


def _remove(container: str) -> Words:
    return ("podman", "rm", "--force", container)


def _save(reference: str, file: str) -> Words:
    return ("podman", "save", "--format=docker-archive", f"--output={file}", reference)


ENGINE = Engine(
    name="podman",
    package="podman",
    build=partial(build_call, "podman"),
    pull=partial(pull_call, "podman"),
    push=partial(push_call, "podman"),
    image_id=partial(image_id_call, "podman"),
    save=_save,
    command=partial(run_words, "podman"),
    refuse=refuse_nothing,
    killed_builds=KilledBuilds(
        containers=("podman", "ps", "--all", "--external", "--quiet", "--no-trunc"),
        storage=("podman", "info", "--format={{.Store.GraphRoot}} {{.Store.GraphDriverName}}"),
        remove=_remove,
    ),
)
