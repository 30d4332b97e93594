"""Spans of runs: what OpenTelemetry's own SDK makes of them, and what a collector receives."""

import os
import subprocess
import sys
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from testing.servers import Reply, serve
from testing.sites import distgen, save, site

from distgen.cli.traces import exporter_names
from distgen.tracing.spans import RunSpans

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def row(name, status, detail=""):
    return {
        "image": f"ns/{name}",
        "stream": "main",
        "url": f"https://git.test/{name}.git",
        "branch": "main",
        "status": status,
        "commit": None,
        "parent": None,
        "detail": detail,
    }


@pytest.fixture
def traced():
    """Return a function that tells steps, one a second, and returns the spans by name."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    def tell(*steps, problem=""):
        clock = iter(range(0, 10**12, 10**9))
        spans = RunSpans(provider.get_tracer("test"), "publish", lambda: next(clock))
        for step, about in steps:
            spans(step, about)
        spans.end(problem)
        return exporter.get_finished_spans()

    return tell


def seconds(span):
    return (span.name, span.start_time // 10**9, span.end_time // 10**9)


def test_a_run_its_stages_and_what_happened_to_repositories_are_spans(traced):
    spans = traced(
        ("waiting", {"detail": "a lock"}),
        ("started", {"version": "1", "repositories": 3, "jobs": 2}),
        ("planned", row("app", "updated")),
        ("planned", row("same", "unchanged")),
        ("planned", row("edited", "refused", "Dockerfile was edited")),
        ("result", row("same", "unchanged")),
        ("result", row("edited", "refused", "Dockerfile was edited")),
        ("pushing", {"url": row("app", "")["url"], "attempt": 1, "commits": []}),
        ("pushing", {"url": row("app", "")["url"], "attempt": 2, "commits": []}),
        ("result", row("app", "updated")),
        ("ended", {"summary": {"updated": 1, "refused": 1}, "exit_code": 1}),
    )
    *others, run = spans
    assert seconds(run) == ("distgen publish", 0, 12)
    assert all(span.parent.span_id == run.context.span_id for span in others)
    assert [seconds(span) for span in others] == [
        ("read", 0, 2),
        ("plan", 2, 5),
        ("repository", 5, 7),
        ("repository", 8, 10),
        ("publish", 5, 12),
    ]
    refused, updated = others[2:4]
    assert (refused.status.is_ok, refused.status.description) == (False, "Dockerfile was edited")
    assert updated.status.is_ok
    assert dict(updated.attributes) == {
        "distgen.url": "https://git.test/app.git",
        "distgen.branches": ("ns/app@main",),
        "distgen.statuses": ("updated",),
    }
    assert [event.attributes["distgen.attempt"] for event in updated.events] == [1, 2]
    assert [event.name for event in run.events] == ["waiting"]
    assert run.attributes["distgen.results.refused"] == 1
    assert not run.status.is_ok


def test_a_run_that_came_to_no_end_ends_its_spans(traced):
    spans = traced(
        ("started", {"version": "1", "repositories": 1, "jobs": 1}),
        ("planned", row("app", "updated")),
        ("pushing", {"url": row("app", "")["url"], "attempt": 1, "commits": []}),
        problem="interrupted",
    )
    assert [span.name for span in spans] == [
        "read", "plan", "publish", "repository", "distgen publish",
    ]  # fmt: skip
    assert spans[-1].status.description == "interrupted"
    assert all(span.end_time >= span.start_time for span in spans)


def test_threads_may_tell_at_once(traced):
    rows = [row(str(number), "created") for number in range(200)]

    def tell(spans, mine):
        for about in mine:
            spans("pushing", {"url": about["url"], "attempt": 1, "commits": []})
            spans("result", about)

    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = RunSpans(provider.get_tracer("test"), "publish", lambda: 1)
    threads = [threading.Thread(target=tell, args=(spans, rows[n::8])) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans.end()
    names = [span.name for span in exporter.get_finished_spans()]
    assert names.count("repository") == 200


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ()),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"}, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "otlp, console"}, ("otlp", "console")),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, ()),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://a"}, ()),
    ],
)
def test_the_standard_environment_switches_it_on(environ, names):
    assert exporter_names(environ) == names


# --- the whole way -----------------------------------------------------------------------------


def test_a_collector_receives_the_spans_of_a_run(catalogue):
    root = site(catalogue, "base", "app")
    with serve(lambda asked: Reply(200)) as collector:
        done = distgen(
            root,
            "publish",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_HEADERS="x-key=s3cret",
            TRACEPARENT=f"00-{TRACE}-{PARENT}-01",
            NO_PROXY="*",
        )
    assert (done.code, done.err) == (0, "2 created\n")
    requests = [ExportTraceServiceRequest.FromString(asked.body) for asked in collector.log]
    assert {(asked.path, asked.headers["x-key"]) for asked in collector.log} == {
        ("/v1/traces", "s3cret")
    }
    resources = [resource for request in requests for resource in request.resource_spans]
    attributes = {pair.key: pair.value.string_value for pair in resources[0].resource.attributes}
    assert attributes["service.name"] == "distgen"
    spans = [span for r in resources for scope in r.scope_spans for span in scope.spans]
    assert sorted(span.name for span in spans) == [
        "distgen publish", "plan", "publish", "read", "repository", "repository",
    ]  # fmt: skip
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    (run,) = [span for span in spans if span.name == "distgen publish"]
    assert run.parent_span_id.hex() == PARENT
    assert {span.parent_span_id for span in spans} == {run.parent_span_id, run.span_id}


def test_a_collector_that_is_not_there_fails_no_run(catalogue):
    with serve(lambda asked: Reply(200)) as gone:
        url = gone.url
    done = distgen(
        site(catalogue, "base"),
        "publish",
        OTEL_EXPORTER_OTLP_ENDPOINT=url,
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
        NO_PROXY="*",
    )
    assert done.code == 0
    said, lost = sorted(done.err.splitlines(), key=lambda line: "spans" in line)
    assert said == "1 created"
    assert lost.startswith("spans of this run are lost: ")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "no traces are sent: max_queue_size must be"),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x"}, "no traces are sent: "),
        ({"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "none"}, ("OpenTelemetry: ", "no traces")),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "Authorization: Bearer s3cret"}, "OpenTelemetry: Header"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=b,key=a%0As3cret"}, "spans of this run are lost: "),
    ],
)
def test_an_environment_that_nobody_understands_fails_no_run(catalogue, settings, sentence):
    """OpenTelemetry raises some of these, prints tracebacks, and quotes headers with tokens."""
    root = site(catalogue, "base")
    with serve(lambda asked: Reply(200)) as collector:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "NO_PROXY": "*"}
        done = distgen(root, "publish", **environ, **settings)
    assert done.code == 0
    lines = done.err.splitlines()
    assert "1 created" in lines
    assert any(line.startswith(sentence) for line in lines), lines
    assert len(lines) <= 3 and "Traceback" not in done.err
    assert "s3cret" not in done.err


def test_a_run_with_bad_input_is_a_span_with_an_error(catalogue):
    root = site(catalogue, "base")
    (root / "overlays/ns/base.yaml").write_text("template: nothing\n")
    save(root)
    done = distgen(root, "publish", OTEL_TRACES_EXPORTER="console")
    assert (done.code, done.out) == (2, "")
    assert '"name": "distgen publish"' in done.err
    assert '"status_code": "ERROR"' in done.err
    done = distgen(root, "publish", OTEL_TRACES_EXPORTER="unheard")
    assert "no traces are sent to unheard: there is no such exporter installed" in done.err


def test_nothing_of_it_is_imported_otherwise(catalogue):
    root = site(catalogue, "base")
    code = (
        "import sys; from distgen.cli.main import main\n"
        f"sys.argv = ['distgen', '-C', {str(root)!r}, 'publish']\n"
        "main(); print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    hidden = "import sys; sys.modules['opentelemetry.sdk'] = None; import runpy\n"
    hidden += f"sys.argv = ['distgen', '-v', '-C', {str(root)!r}, 'publish']\n"
    hidden += "runpy.run_module('distgen', run_name='__main__')"
    environ = {
        "OTEL_TRACES_EXPORTER": "console",
        "PATH": os.environ["PATH"],
        "HOME": str(root.parent),
    }
    words = [sys.executable, "-c", hidden]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stderr
    assert "no traces are sent: opentelemetry-sdk is not installed" in done.stderr
