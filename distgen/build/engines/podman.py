"""Building with podman-build(1), which has buildah inside."""

from __future__ import annotations

from distgen.build.engines.engine import (
    CommandCall,
    CommandWords,
    Engine,
    KilledBuilds,
    Words,
    build_words,
    refuse_nothing,
    run_words,
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


def _save(reference: str, file: str) -> Words:
    return ("podman", "save", "--format=docker-archive", f"--output={file}", reference)


def _command(call: CommandCall) -> CommandWords:
    return run_words("podman", call)


ENGINE = Engine(
    name="podman",
    package="podman",
    build=_build,
    pull=_pull,
    push=_push,
    image_id=_image_id,
    save=_save,
    command=_command,
    refuse=refuse_nothing,
    killed_builds=KilledBuilds(
        containers=("podman", "ps", "--all", "--external", "--quiet", "--no-trunc"),
        storage=("podman", "info", "--format={{.Store.GraphRoot}} {{.Store.GraphDriverName}}"),
        remove=_remove,
    ),
)
