"""What a namespace's policy may demand of its images, by code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from distgen.model.words import Level


@dataclass(frozen=True, slots=True)
class Check:
    """A rule of its own; one that is not `always` on speaks only where a policy names its code.

    `options` are the settings a policy may give it, each with what it means.
    """

    code: str
    title: str
    level: Level
    what: str
    why: str
    fix: str
    always: bool = True
    options: Mapping[str, str] = field(default_factory=dict)


DEMANDS = (
    Check(
        "DG201",
        "The image does not build on an agreed root",
        "error",
        "Following ``from`` upwards does not reach one of the policy's ``roots``, each "
        "``namespace/name`` or an external reference; the roots themselves are exempt.",
        "One place to fix the operating system of all images of a namespace.",
        "Change ``from`` to a root or to an image that builds on one.",
        always=False,
    ),
    Check(
        "DG202",
        "The start script is not where it is expected",
        "error",
        "An image that has a start script calls it something else, does not mark it executable, "
        "or does not start it from ``CMD`` or ``ENTRYPOINT``.",
        "Who operates or overrides one image of the namespace then knows all of them.",
        "Rename the script, set its executable bit, and name it in ``CMD``.",
        always=False,
        options={"script": "name of the start script; ``start.sh`` unless given"},
    ),
    Check(
        "DG203",
        "The first process is no init",
        "error",
        "``ENTRYPOINT``, own or inherited from the catalogue, does not begin with an agreed init.",
        "An ordinary program as process 1 neither reaps orphans nor passes signals on.",
        'Write ``ENTRYPOINT ["dumb-init", "--"]``, here or in the root image.',
        always=False,
        options={"init": "list of init programs; ``[dumb-init, tini]`` unless given"},
    ),
    Check(
        "DG204",
        "Build packages stay in the image",
        "warning",
        "A ``RUN`` of a stage that ends up in the image installs compilers or headers (``gcc``, "
        "``make``, ``*-dev``, ``*-devel``, an apk ``--virtual`` group) and does not remove them.",
        "A later layer cannot make the image smaller, and a compiler helps an intruder.",
        "Remove them in the same ``RUN``, or compile in a builder stage and copy the result.",
        always=False,
        options={
            "packages": "list of further globs of build packages",
            "allow": "list of globs of packages that may stay",
        },
    ),
    Check(
        "DG205",
        "There is no HEALTHCHECK",
        "error",
        "Neither the image nor a parent in the catalogue has a ``HEALTHCHECK``, or it is ``NONE``.",
        "An engine can only restart what says that it is ill.",
        "Add a ``HEALTHCHECK`` to the template.",
        always=False,
    ),
    Check(
        "DG206",
        "A required label is missing",
        "error",
        "A label that the policy requires is missing or empty.",
        "Build systems and registries index images by their labels.",
        "Add a ``LABEL`` to the template.",
        always=False,
        options={
            "labels": "list of the required labels",
            "inherit": "true when labels of parents in the catalogue count",
        },
    ),
    Check(
        "DG207",
        "The image runs as root",
        "error",
        "The last ``USER``, own or inherited from the catalogue, is root, or there is none.",
        "What breaks out of the container is then root of the host's kernel too.",
        "End the template with ``USER name``; exempt the images that need root.",
        always=False,
    ),
    Check(
        "DG208",
        "The Dockerfile makes many layers",
        "warning",
        "The stages of the Dockerfile that end up in the image have more ``RUN``, ``COPY`` and "
        "``ADD`` than the policy allows, those that ``ONBUILD`` of the base adds among them.",
        "Each layer is fetched and unpacked on its own, and what one layer writes the next cannot "
        "take out of the image again.",
        "Join commands in one ``RUN`` and files in one ``COPY``.",
        always=False,
        options={"max": "how many there may be; 5 unless given"},
    ),
    Check(
        "DG209",
        "The Dockerfile has an instruction that the namespace does without",
        "error",
        "A stage that ends up in the image has one of the policy's ``instructions``, or an "
        "``ONBUILD`` that adds one to images built on it.",
        "Where the deployer says what a container runs, an image that says it too can contradict.",
        "Remove the instruction.",
        always=False,
        options={"instructions": "list of instructions; ``[CMD, ENTRYPOINT]`` unless given"},
    ),
    Check(
        "DG210",
        "A package of the operating system has an exact version",
        "error",
        "A ``RUN`` installs ``name=version`` with apt or apk, or ``name-version-release`` with an "
        "RPM package manager.",
        "Distributions remove a version when they fix it: the build then fails, or misses the fix.",
        "Name the package only; the digest of the base image says which release it comes from.",
        always=False,
        options={"allow": "list of globs of packages that may have one"},
    ),
    Check(
        "DG211",
        "A supervisor of several processes is installed",
        "error",
        "A ``RUN`` installs an init system or a program that starts and watches others, such as "
        "``supervisor``, ``runit``, ``s6`` or ``systemd-sysv``.",
        "With one process in a container its platform sees each of them live, fail and log.",
        "Make an image for each process.",
        always=False,
        options={"packages": "list of further globs of such packages"},
    ),
)
