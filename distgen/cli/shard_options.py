"""How a run is shared among equal jobs, as engines start them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import click

from distgen.cli.option_groups import option_group
from distgen.publish.shard import Shard

_MOST = 1000
_SHARD = re.compile(r"([0-9]{1,4})/([0-9]{1,4})", re.ASCII)


def parse_shard(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> tuple[int, int] | None:
    """Return both numbers of K/N, None without them."""
    if text is None:
        return None
    match = _SHARD.fullmatch(text)
    number, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= count <= _MOST:
        words = f"{text!r} is not K/N, such as 2/4: K from 1 to N, N up to {_MOST}"
        raise click.BadParameter(words, ctx, param)
    return number, count


def check_wait(ctx: click.Context, param: click.Parameter, seconds: float) -> float:
    """Refuse what is no number: no time would be up by then."""
    if math.isnan(seconds):
        raise click.BadParameter("nan is no number of seconds", ctx, param)
    return seconds


@dataclass(frozen=True)
class ShardOptions:
    """Which part of the repositories is this run's, and how long it waits for those of others."""

    part: tuple[int, int] | None = None
    wait: float = 600

    @property
    def shard(self) -> Shard | None:
        """Return the part, None for all repositories."""
        return Shard(*self.part, self.wait) if self.part else None

    def folder(self, store: Path) -> Path:
        """Return the store: jobs on one machine have one each, for a run locks it."""
        if self.part is None:
            return store
        place = store if store.name not in ("", "..") else store.resolve()
        return place.parent / f"{place.name}-{self.part[0]}-of-{self.part[1]}"


shard_options = option_group(
    ShardOptions,
    "sharding",
    click.option(
        "--shard",
        "part",
        metavar="K/N",
        callback=parse_shard,
        help="Publish the K-th of N parts; N such runs together publish all, parents first.",
    ),
    click.option(
        "--wait",
        metavar="SECONDS",
        type=click.FloatRange(0),
        callback=check_wait,
        default=600,
        show_default=True,
        help="How long a shard waits for a parent that is another's.",
    ),
)
"""Add --shard and --wait; the command gets them as one `sharding`."""
