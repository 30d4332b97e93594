"""Building with docker-build(1): the daemon builds, and ends a build when its client ends."""

from __future__ import annotations

from functools import partial

from distgen.build.engines.engine import (
    Engine,
    Words,
    image_id_call,
    passed_words,
    run_words,
)
from distgen.build.records import BuildCall, PassedOptions


def _build(call: BuildCall) -> Words:
    # BuildKit dates what it writes by this argument; it is no argument of the Dockerfile's own.
    # https://docs.docker.com/build/building/variables/#source_date_epoch
    date = f"--build-arg=SOURCE_DATE_EPOCH={call.context.timestamp}"
    options = ("--no-cache", "--force-rm", f"--iidfile={call.id_file}", date)
    tag = f"--tag={call.reference}"
    return ("docker", "build", *options, *passed_words(call.passed), tag, call.context.folder)


def _pull(reference: str, passed: PassedOptions) -> Words:
    return ("docker", "pull", reference)


def _push(reference: str, digest_file: str, passed: PassedOptions) -> Words:
    return ("docker", "push", reference)


def _pushed_digests(reference: str) -> Words:
    return ("docker", "image", "inspect", '--format={{join .RepoDigests "\\n"}}', reference)


def _refuse(passed: PassedOptions) -> str:
    if passed.volumes:
        return "docker mounts no --volume into a build; use buildah or podman"
    if passed.tls_verify is not None:
        return "docker has no --tls-verify; name the registry in insecure-registries of its daemon"
    return ""


def _save(reference: str, file: str) -> Words:
    return ("docker", "save", f"--output={file}", reference)


ENGINE = Engine(
    name="docker",
    package="docker.io",
    build=_build,
    pull=_pull,
    push=_push,
    image_id=partial(image_id_call, "docker"),
    save=_save,
    command=partial(run_words, "docker"),
    refuse=_refuse,
    pushed_digests=_pushed_digests,
)
