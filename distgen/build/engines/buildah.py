"""Building with buildah(1)."""

from __future__ import annotations

from distgen.build.engines.engine import (
    CommandCall,
    CommandWords,
    Engine,
    KilledBuilds,
    Words,
    build_words,
    refuse_nothing,
    tls_words,
)
from distgen.build.records import BuildCall, PassedOptions


def _build(call: BuildCall) -> Words:
    return ("buildah", "build", *build_words(call))


def _pull(reference: str, passed: PassedOptions) -> Words:
    return ("buildah", "pull", *tls_words(passed), reference)


def _push(reference: str, digest_file: str, passed: PassedOptions) -> Words:
    return ("buildah", "push", f"--digestfile={digest_file}", *tls_words(passed), reference)


def _image_id(reference: str) -> Words:
    return ("buildah", "inspect", "--type=image", "--format={{.FromImageID}}", reference)


def _remove(container: str) -> Words:
    return ("buildah", "rm", container)


def _save(reference: str, file: str) -> Words:
    return ("buildah", "push", "--quiet", reference, f"docker-archive:{file}:{reference}")


def _command(call: CommandCall) -> CommandWords:
    # With this isolation buildah takes --network=none, and gives the network of the host.
    alone = ("unshare", "--net") if call.is_chroot else ()
    variables = (f"--env={variable}" for variable in call.variables)
    words = (call.container, "--", call.command, *call.arguments)
    return CommandWords(
        make=("buildah", "from", "--pull-never", f"--name={call.container}", call.reference),
        run=(*alone, "buildah", "run", "--network=none", *variables, *words),
        remove=("buildah", "rm", call.container),
        added=r"(?:subprocess exited with status \d+\n)*(?:Error: [^\n]*exit status \d+\n)?\Z",
    )


ENGINE = Engine(
    name="buildah",
    package="buildah",
    build=_build,
    pull=_pull,
    push=_push,
    image_id=_image_id,
    save=_save,
    command=_command,
    refuse=refuse_nothing,
    killed_builds=KilledBuilds(
        containers=("buildah", "containers", "--all", "--quiet", "--notruncate"),
        storage=("buildah", "info", "--format={{.store.GraphRoot}} {{.store.GraphDriverName}}"),
        remove=_remove,
    ),
)
