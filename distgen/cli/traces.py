"""Send a run to OpenTelemetry, where its standard environment asks for it."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from distgen import __version__
from distgen.cli.session import Session
from distgen.errors import DistgenError, printable
from distgen.git.run import hide_secrets
from distgen.publish.events import Observer, ignore_step

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_LAST_SECONDS = 10
"""How long the end of a run waits until its spans are sent."""
_SDK = re.compile(r"opentelemetry(\.sdk(\..*)?)?")
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_CANNOT_BE_MADE = (
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)


def exporter_names(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the exporters that OpenTelemetry's standard environment asks for, none by default."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    asked = environ.get("OTEL_TRACES_EXPORTER", "")
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if not asked and (endpoint or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")):
        asked = "otlp"
    names = (name.strip() for name in asked.split(","))
    return tuple(name for name in names if name not in ("", "none"))


@contextmanager
def open_traces(session: Session, command: str) -> Iterator[Observer]:
    """Yield an observer that makes spans of the steps of a run, or one that ignores them."""
    names = exporter_names(session.environ)
    with _kept_warnings() as warnings:
        # Without names nothing of OpenTelemetry is imported.
        provider = _make_provider(session, names) if names else None
        for warning in warnings:
            session.say(f"OpenTelemetry: {_clean(session, warning)}")
        if provider is None:
            yield ignore_step
            return
        from distgen.tracing.spans import RunSpans

        warnings.clear()  # from here on they are of spans that are lost
        tracer = provider.get_tracer("distgen", __version__)
        spans = RunSpans(tracer, command, time.time_ns, _find_parent(session.environ))
        problem = "interrupted"
        try:
            yield spans
            problem = ""
        except DistgenError as error:
            problem = str(error)
            raise
        finally:
            spans.end(problem)
            _shut_down(session, provider.shutdown, warnings)


def _make_provider(session: Session, names: tuple[str, ...]) -> TracerProvider | None:
    """Return what sends spans to these exporters; None where it cannot: that fails no run."""
    # An exporter is anybody's code, and the environment may say what none of them takes.
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        attributes = {"service.version": __version__}
        if not _names_service(session.environ):
            attributes["service.name"] = "distgen"
        provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        for name in names:
            exporter = _load_exporter(session, name)
            if exporter is not None:
                provider.add_span_processor(BatchSpanProcessor(exporter))
    except _CANNOT_BE_MADE as error:
        if isinstance(error, ImportError) and _SDK.fullmatch(error.name or ""):
            session.say("no traces are sent: opentelemetry-sdk is not installed", level=1)
        else:
            reason = _clean(session, str(error) or type(error).__name__)
            session.say(f"no traces are sent: {reason}")
        return None
    return provider


def _clean(session: Session, text: str) -> str:
    """Return what OpenTelemetry says, without the headers that hold the collector's token.

    It quotes those that it cannot read.
    """
    headers = [session.environ.get(name, "") for name in _HEADERS]
    pairs = [pair.strip() for header in headers for pair in header.split(",")]
    values = [pair.partition("=")[2].strip() for pair in pairs]
    words = [word for value in values for word in unquote(value).split()]
    for secret in (*pairs, *values, *words):
        if len(secret) > 3:  # what is shorter is no secret, and a part of many words
            text = text.replace(secret, "***")
    return hide_secrets(printable(text))[:300]


def _names_service(environ: Mapping[str, str]) -> bool:
    attributes = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return bool(environ.get("OTEL_SERVICE_NAME")) or "service.name=" in attributes


def _load_exporter(session: Session, name: str) -> SpanExporter | None:
    """Return an exporter by the word of OTEL_TRACES_EXPORTER; None where it is not installed."""
    if name == "otlp":
        protocol = session.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        protocol = protocol or session.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        name = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    entries = metadata.entry_points(group="opentelemetry_traces_exporter", name=name)
    for entry in entries:
        make: Callable[..., SpanExporter] = entry.load()
        # stdout is for what the command prints.
        return make(out=sys.stderr) if name == "console" else make()
    session.say(f"no traces are sent to {name}: there is no such exporter installed")
    return None


def _find_parent(environ: Mapping[str, str]) -> Any:
    """Return the span of the job that started this run, as CI systems hand it on."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent, state = environ.get("TRACEPARENT", ""), environ.get("TRACESTATE", "")
    carrier = {"traceparent": parent, "tracestate": state}
    return TraceContextTextMapPropagator().extract(carrier)


def _shut_down(session: Session, shut_down: Callable[[], None], warnings: Sequence[str]) -> None:
    """Send what was not sent yet, for some seconds, and say whether spans are lost."""
    thread = threading.Thread(target=shut_down, daemon=True)
    thread.start()
    thread.join(_LAST_SECONDS)
    if thread.is_alive() or warnings:
        reason = _clean(session, warnings[0]) if warnings else "no answer in time"
        session.say(f"spans of this run are lost: {reason}")


class _Keeper(logging.Handler):
    """Keeps what is logged, instead of what would be printed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.texts.append(f"{record.getMessage()} {error or ''}".strip())


@contextmanager
def _kept_warnings() -> Iterator[list[str]]:
    """Yield what OpenTelemetry warns of; without a handler Python prints it, with tracebacks."""
    logger, keeper = logging.getLogger("opentelemetry"), _Keeper()
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(keeper)
    try:
        yield keeper.texts
    finally:
        logger.removeHandler(keeper)
        logger.propagate = propagates
