"""The options of `distgen build`: which engine, how it builds, and what it is handed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from distgen.build.records import PassedOptions
from distgen.cli.events import EventFiles, event_options_of
from distgen.cli.option_groups import option_group
from distgen.cli.session import format_option
from distgen.errors import InputError

_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(=.*)?", re.DOTALL)
_VOLUME = re.compile(r"[^:-][^:]*:[^:]+(:[A-Za-z,]+)?")
_SECRET = re.compile(r"(?=.*\bid=[^,])[^-].*")
_NETWORK = re.compile(r"[A-Za-z0-9][\w.:/-]*")
Check = Callable[[click.Context, click.Parameter, "tuple[str, ...] | str | None"], object]


def _refuse_other_words(pattern: re.Pattern[str], form: str) -> Check:
    """Return a callback that refuses what the engine could take for something else."""

    def check(
        ctx: click.Context, option: click.Parameter, value: tuple[str, ...] | str | None
    ) -> object:
        for text in (value,) if isinstance(value, str) else value or ():
            if not pattern.fullmatch(text):
                # The value of a build argument may be a secret, so it is not repeated.
                raise InputError("the value is not one of this option", where=option.opts[0],
                                 hint=f"write {form}")  # fmt: skip
        return value

    return check


@dataclass(frozen=True)
class EngineOptions:
    """What the command line says of the engine and hands through to it."""

    engine: str | None
    build_args: tuple[str, ...]
    volumes: tuple[str, ...]
    secrets: tuple[str, ...]
    network: str | None
    tls_verify: bool | None

    @property
    def passed_options(self) -> PassedOptions:
        return PassedOptions(
            self.build_args, self.volumes, self.secrets, self.network or "", self.tls_verify
        )


engine_options = option_group(
    EngineOptions,
    "engine_choice",
    click.option(
        "--engine",
        metavar="NAME",
        help="buildah, podman or docker.  [default: the first of them on PATH]",
    ),
    click.option(
        "--build-arg",
        "build_args",
        metavar="NAME[=VALUE]",
        multiple=True,
        callback=_refuse_other_words(_ARGUMENT, "NAME=VALUE, or NAME for that of the environment"),
        help="Set an argument of every build; without a value, from the environment.",
    ),
    click.option(
        "--volume",
        "volumes",
        metavar="SRC:DST[:ro]",
        multiple=True,
        callback=_refuse_other_words(_VOLUME, "SRC:DST, or SRC:DST:ro"),
        help="Mount a file or folder into every RUN, such as a CA bundle.",
    ),
    click.option(
        "--secret",
        "secrets",
        metavar="id=ID,src=FILE",
        multiple=True,
        callback=_refuse_other_words(_SECRET, "id=ID,src=FILE"),
        help="Give a secret to the steps that mount it.",
    ),
    click.option(
        "--network",
        metavar="MODE",
        callback=_refuse_other_words(_NETWORK, "host, none or what else the engine knows"),
        help="The network of every RUN, as the engine names it.",
    ),
    click.option(
        "--tls-verify",
        type=click.BOOL,
        help="Whether registries have to show a certificate that is trusted.",
    ),
)
"""Add the options of the engine; the command gets them as one `engine_choice`."""


@dataclass(frozen=True)
class BuildChoices:
    """How the run builds, and what it writes about it."""

    rendered: bool
    jobs: int
    timeout: float
    rebuild: bool
    refresh: bool
    test: bool
    push: bool
    digests: Path | None
    logs: Path | None
    form: str
    event_files: EventFiles


_FILE = click.Path(path_type=Path, dir_okay=False)
build_options = option_group(
    BuildChoices,
    "choices",
    click.option(
        "--rendered", is_flag=True, help="Build the trees of the catalogue, not published commits."
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="How many images of one level to build at once.",
    ),
    click.option(
        "--timeout",
        metavar="SECONDS",
        type=click.FloatRange(0.1),
        default=3600,
        show_default=True,
        help="How long one image may take.",
    ),
    click.option("--rebuild", is_flag=True, help="Build also what the store has from this commit."),
    click.option(
        "--pull-always",
        "refresh",
        is_flag=True,
        help="Pull parents that are not built here although the store has them.",
    ),
    click.option(
        "--test", is_flag=True, help="Run the structure tests of each image (tests.yaml)."
    ),
    click.option("--push", is_flag=True, help="Push what was built, under its reference."),
    click.option(
        "--digests",
        metavar="FILE",
        type=_FILE,
        help="With --push: write the digests of what was pushed, for `distgen lock --digests`.",
    ),
    click.option(
        "--logs",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Write the log of each image to DIR/namespace/image/stream.log.",
    ),
    format_option("text", "json"),
    event_options_of("build-events"),
)
"""Add the options of a run that builds; the command gets them as one `choices`."""
