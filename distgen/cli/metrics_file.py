"""The file of --metrics: what Prometheus is told of a run, also of one that fails."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from distgen.cli.events import write_results
from distgen.cli.session import Session
from distgen.cli.streams import narrate
from distgen.errors import DistgenError, printable
from distgen.git.run import isolate
from distgen.metrics.exposition import format_metrics, parse_earlier_metrics
from distgen.metrics.families import RunFacts, run_families
from distgen.metrics.measurements import Measurements
from distgen.metrics.records import Labels
from distgen.model.published import Result

_LARGEST = 4 << 20
metrics_option = click.option(
    "--metrics",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write metrics of the run for Prometheus, whole or not at all; - is stdout.",
)


@dataclass
class MetricsFile:
    """What a run tells its metrics; without a path it is told for nothing."""

    path: Path | None
    measurements: Measurements
    own: Labels = ()
    exit_code: int = 1
    results: Sequence[Result] | None = None
    trouble: str = ""

    def __call__(self, step: str, about: Mapping[str, object]) -> None:
        """Take note of a step; any thread may."""
        if self.path is not None:
            self.measurements(step, about)

    def end(self, results: Sequence[Result], exit_code: int) -> None:
        """Take note of how the run ended."""
        self.results, self.exit_code = results, exit_code

    def write(self, session: Session) -> None:
        """Write the file; what keeps it from being written is the trouble."""
        ended = self.measurements.end()
        facts = RunFacts(
            begun=self.measurements.begun,
            ended=ended,
            exit_code=self.exit_code,
            results=self.results,
            stages=self.measurements.stages,
            counts=self.measurements.counts,
            lock_changed=_lock_changed(session),
        )
        earlier = parse_earlier_metrics(_read(self.path), self.own)
        text = format_metrics(run_families(facts, earlier, self.own))
        self.trouble = write_results(self.path, text.removesuffix("\n"), "metrics")


@contextmanager
def open_metrics(
    session: Session, path: Path | None, command: str, shard: tuple[int, int] | None = None
) -> Iterator[MetricsFile]:
    """Measure what runs meanwhile, and write it down in the end, however that came."""
    metrics = MetricsFile(path, Measurements(time.time))
    if path is None:
        yield metrics
        return
    # A name may have bytes that are no text.
    catalogue = printable(session.root.resolve().name)
    metrics.own = (("command", command), ("catalogue", catalogue))
    if shard is not None:
        metrics.own += (("shard", f"{shard[0]}/{shard[1]}"),)
    is_complete = False
    try:
        yield metrics
        is_complete = True
    except DistgenError as error:
        metrics.exit_code = error.exit_code
        raise
    except KeyboardInterrupt:
        metrics.exit_code = 130
        raise
    finally:
        metrics.write(session)
        if metrics.trouble and not is_complete:
            narrate(f"distgen: {metrics.trouble}")


def _read(path: Path | None) -> str:
    """Return what an earlier run wrote, "" for what cannot be that."""
    with suppress(OSError):
        if path is not None and path.is_file() and path.stat().st_size <= _LARGEST:
            return path.read_bytes().decode("utf-8", "replace")
    return ""


def _lock_changed(session: Session) -> float | None:
    # Other commands do without it, and it starts git.
    from distgen.lock.age import read_change_time

    with suppress(DistgenError, OSError):
        return read_change_time(isolate(session.environ), session.root)
    return None
