"""What all engines have in common: the words that their programs are called with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from distgen.build.records import BuildCall, PassedOptions

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KilledBuilds:
    """How to find what a killed build left, and to remove it.

    `containers` prints the id of each container, `storage` the folder of all images and containers
    and the name of its driver.
    """

    containers: Words
    storage: Words
    remove: Callable[[str], Words]


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command to run in a container of an image, with no network and as the image's user.

    `container` is a name that no other has. `is_chroot` says that the engine isolates nothing but
    files, and that the network has to be taken from it by other means.
    """

    reference: str
    container: str
    command: str
    arguments: Words = ()
    variables: Words = ()
    is_chroot: bool = False


@dataclass(frozen=True, slots=True)
class CommandWords:
    """The calls that run one command: `make` the container if need be, `run`, and `remove` it.

    `added` is a pattern of what the program adds to stderr where the command fails.
    """

    make: Words
    run: Words
    remove: Words
    added: str = r"\Z"


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that builds images; every call is a list of words, and no shell reads it.

    A value stands behind `=` in the word of its option, so that one with a `-` in front is never
    taken for an option. `push` writes the digest into the file that it is given; where the program
    cannot do that, `pushed_digests` prints it. `save` writes an image into an archive of docker's
    form. `refuse` says what the program cannot do.
    """

    name: str
    package: str
    build: Callable[[BuildCall], Words]
    pull: Callable[[str, PassedOptions], Words]
    push: Callable[[str, str, PassedOptions], Words]
    image_id: Callable[[str], Words]
    save: Callable[[str, str], Words]
    command: Callable[[CommandCall], CommandWords]
    refuse: Callable[[PassedOptions], str]
    pushed_digests: Callable[[str], Words] | None = None
    killed_builds: KilledBuilds | None = None


def build_call(program: str, call: BuildCall) -> Words:
    """Return the call of buildah and podman that builds an image."""
    return (program, "build", *build_words(call))


def pull_call(program: str, reference: str, passed: PassedOptions) -> Words:
    """Return the call of buildah and podman that pulls an image."""
    return (program, "pull", *tls_words(passed), reference)


def push_call(program: str, reference: str, digest_file: str, passed: PassedOptions) -> Words:
    """Return the call of buildah and podman that pushes an image and writes its digest."""
    return (program, "push", f"--digestfile={digest_file}", *tls_words(passed), reference)


def image_id_call(program: str, reference: str) -> Words:
    """Return the call of podman and docker that prints the id of an image."""
    return (program, "image", "inspect", "--format={{.Id}}", reference)


def run_words(program: str, call: CommandCall) -> CommandWords:
    """Return the calls of podman and docker that run a command."""
    options = ("--rm", "--pull=never", "--network=none", f"--name={call.container}")
    variables = (f"--env={variable}" for variable in call.variables)
    start = (f"--entrypoint={call.command}", call.reference, *call.arguments)
    return CommandWords(
        make=(),
        run=(program, "run", *options, *variables, *start),
        remove=(program, "rm", "--force", call.container),
    )


def refuse_nothing(passed: PassedOptions) -> str:
    """Say that the program can do all that is asked of it."""
    return ""


def tls_words(passed: PassedOptions) -> Iterator[str]:
    """Yield the option of buildah and podman that says whether a registry has to prove itself."""
    if passed.tls_verify is not None:
        yield f"--tls-verify={str(passed.tls_verify).lower()}"


def build_words(call: BuildCall) -> Iterator[str]:
    """Yield the options of a build that buildah and podman have in common.

    The parents are in the store before: a child is never built on what a registry has meanwhile.
    Nothing is taken from a cache: packages of yesterday would hide that a build fails today.
    """
    yield from ("--format=docker", "--pull=never", "--layers=false", "--force-rm=true")
    yield f"--timestamp={call.context.timestamp}"
    yield f"--iidfile={call.id_file}"
    yield f"--secret={call.mark}"
    yield from tls_words(call.passed)
    yield from passed_words(call.passed)
    yield from (f"--tag={call.reference}", call.context.folder)


def passed_words(passed: PassedOptions) -> Iterator[str]:
    """Yield the options that are handed through; docker has all of them but `--volume`."""
    yield from (f"--build-arg={argument}" for argument in passed.build_args)
    yield from (f"--volume={volume}" for volume in passed.volumes)
    yield from (f"--secret={secret}" for secret in passed.secrets)
    if passed.network:
        yield f"--network={passed.network}"
