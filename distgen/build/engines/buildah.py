"""Building with buildah(1)."""

from __future__ import annotations

from functools import partial

from distgen.build.engines.engine import (
    CommandCall,
    CommandWords,
    Engine,
    KilledBuilds,
    Words,
    build_call,
    pull_call,
    push_call,
    refuse_nothing,
)


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
    build=partial(build_call, "buildah"),
    pull=partial(pull_call, "buildah"),
    push=partial(push_call, "buildah"),
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
