"""The wait scripts and health checks of monasca, against real sockets and processes."""

from __future__ import annotations

import contextlib
import http.server
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from testing.monasca import SHELL, text_of, trees, written

from distgen.model.rendered import Tree

NC = """
import socket, sys
host, port = sys.argv[-2:]
try:
    socket.create_connection((host, int(port)), timeout=2).close()
except OSError:
    sys.exit(1)
"""
KAFKA = """
import os, socket
class KafkaException(Exception):
    pass
"""
KAFKA_ADMIN = """
import os, socket
from types import SimpleNamespace
from confluent_kafka import KafkaException
class AdminClient:
    def __init__(self, settings):
        host, _, port = settings["bootstrap.servers"].partition(",")[0].rpartition(":")
        self.address, self.calls = (host, int(port)), 0
    def list_topics(self, timeout):
        try:
            socket.create_connection(self.address, timeout=timeout).close()
        except OSError as error:
            raise KafkaException(str(error))
        self.calls += 1
        names = ["metrics", "alarms"][:self.calls]
        return SimpleNamespace(topics={name: SimpleNamespace(error=None) for name in names})
"""
PYMYSQL = """
import contextlib, socket
class Error(Exception):
    pass
class Cursor:
    def execute(self, query):
        pass
class Connection:
    def cursor(self):
        return contextlib.nullcontext(Cursor())
    def close(self):
        pass
def connect(host, port, user, password, database, connect_timeout):
    try:
        socket.create_connection((host, port), timeout=connect_timeout).close()
    except OSError as error:
        raise Error(f"cannot connect as {user} to {database}: {error}")
    return Connection()
"""


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The base's scripts, with stand-ins for what only its children and Alpine have.

    Kafka's and MySQL's clients are not needed by anything else here; the stand-ins open the same
    connections and raise the same exceptions.
    """
    root = written(trees()["base@master"], tmp_path / "base")
    modules = tmp_path / "modules"
    (modules / "confluent_kafka").mkdir(parents=True)
    (modules / "confluent_kafka/__init__.py").write_text(KAFKA)
    (modules / "confluent_kafka/admin.py").write_text(KAFKA_ADMIN)
    (modules / "pymysql.py").write_text(PYMYSQL)
    words = shlex.join([sys.executable, "-c", NC])
    (root / "nc").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (root / "nc").chmod(0o755)
    return root


def waited(base: Path, *command: str, **environment: str) -> tuple[int, list[str], str]:
    done = subprocess.run(
        command,
        env={
            "PATH": f"{base}:{os.environ['PATH']}",
            "PYTHONPATH": str(base.parent / "modules"),
            **environment,
        },
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.strip()


QUICK = {"WAIT_RETRIES": "3", "WAIT_INTERVAL": "0"}


def test_wait_for_addresses(base: Path, open_port: int, closed_port: int) -> None:
    script = [SHELL, str(base / "wait_for.sh")]
    url = f"http://127.0.0.1:{open_port}/v3"
    assert waited(base, *script, url, f"127.0.0.1:{open_port}", **QUICK) == (
        0,
        [f"wait_for.sh: 127.0.0.1:{open_port} answers"] * 2,
        "",
    )
    closed = f"127.0.0.1:{closed_port}"
    assert waited(base, *script, closed, url, **QUICK) == (
        1,
        [
            f"wait_for.sh: {closed} does not answer yet (attempt 1 of 3)",
            f"wait_for.sh: {closed} does not answer yet (attempt 2 of 3)",
        ],
        f"wait_for.sh: {closed} did not answer in 3 attempts",
    )
    assert waited(base, *script, "monasca")[::2] == (
        1,
        'wait_for.sh: no port in "monasca"; write HOST:PORT',
    )
    assert waited(base, *script)[::2] == (2, "usage: wait_for.sh HOST:PORT|URL...")


def test_wait_for_kafka_topics(base: Path, open_port: int, closed_port: int) -> None:
    script = [sys.executable, str(base / "kafka_wait_for_topics.py")]
    quick = {f"KAFKA_{key}": value for key, value in QUICK.items()}
    uri = f"127.0.0.1:{open_port}"
    topics = {"KAFKA_WAIT_FOR_TOPICS": "metrics, alarms", **quick}
    assert waited(base, *script, KAFKA_URI=uri, **topics) == (
        0,
        [f"kafka at {uri} lacks alarms (attempt 1 of 3)", f"kafka at {uri} has alarms, metrics"],
        "",
    )
    status, lines, error = waited(base, *script, KAFKA_URI=f"127.0.0.1:{closed_port}", **topics)
    assert (status, len(lines), error) == (
        1,
        3,
        f"gave up waiting for kafka at 127.0.0.1:{closed_port}",
    )
    assert waited(base, *script, KAFKA_URI=uri) == (0, [], "")


def test_wait_for_mysql(base: Path, open_port: int, closed_port: int) -> None:
    script = [sys.executable, str(base / "mysql_check.py")]
    quick = {f"MYSQL_{key}": value for key, value in QUICK.items()}
    local = {"MYSQL_HOST": "127.0.0.1", **quick}
    assert waited(base, *script, MYSQL_PORT=str(open_port), **local) == (0, ["mysql is ready"], "")
    status, lines, error = waited(base, *script, MYSQL_PORT=str(closed_port), **local)
    assert (status, len(lines), error) == (1, 3, "gave up waiting for mysql")
    assert lines[0].startswith("mysql is not ready: cannot connect as monapi to mon:")


def health(
    tree: Tree,
    folder: Path,
    replace: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> int:
    text = text_of(tree, "health_check.py")
    for old, new in (replace or {}).items():
        assert old in text
        text = text.replace(old, new)
    script = folder / "health_check.py"
    script.write_text(text)
    done = subprocess.run([sys.executable, script], env=env or {}, capture_output=True, check=False)
    return done.returncode


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204 if self.path == "/healthcheck" and self.server.well else 503)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.mark.parametrize(
    ("name", "variable"),
    [("api", "MONASCA_CONTAINER_API_PORT"), ("log-api", "MONASCA_CONTAINER_LOG_API_PORT")],
)
def test_an_api_is_healthy_when_it_says_so(tmp_path: Path, name: str, variable: str) -> None:
    tree = trees()[f"{name}@master"]
    with http.server.HTTPServer(("localhost", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = {variable: str(server.server_port)}
        server.well = True  # type: ignore[attr-defined]
        assert health(tree, tmp_path, env=port) == 0
        server.well = False  # type: ignore[attr-defined]
        assert health(tree, tmp_path, env=port) == 1
        server.shutdown()
    assert health(tree, tmp_path, env=port) == 1


def test_forwarder_is_healthy_when_it_accepts(
    tmp_path: Path, open_port: int, closed_port: int
) -> None:
    tree = trees()["agent-forwarder@master"]
    assert health(tree, tmp_path, {"17123": str(open_port)}) == 0
    assert health(tree, tmp_path, {"17123": str(closed_port)}) == 1


def test_statsd_is_healthy_when_its_port_is_bound(tmp_path: Path) -> None:
    tree = trees()["statsd@master"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = {":1FBD": f":{bound.getsockname()[1]:04X}"}
        assert health(tree, tmp_path, port) == 0
    assert health(tree, tmp_path, port) == 1


@pytest.mark.parametrize("name", ["agent-collector", "notification", "persister", "client"])
def test_others_are_healthy_while_their_program_runs(tmp_path: Path, name: str) -> None:
    tree = trees()[f"{name}@master"]
    program = {
        "agent-collector": "monasca-collector",
        "notification": "monasca-notification",
        "persister": "monasca-persister",
        "client": "start.sh",
    }[name]
    unique = {f'"{program}"': f'"{program}-{tmp_path.name}"'}
    assert health(tree, tmp_path, unique) == 1
    script = tmp_path / f"{program}-{tmp_path.name}"
    script.write_text("import sys; print(flush=True); sys.stdin.read()\n")
    with (
        contextlib.ExitStack() as running,
        subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process,
    ):
        running.callback(process.kill)
        assert process.stdout is not None
        process.stdout.readline()
        assert health(tree, tmp_path, unique) == 0


def test_memory_of_a_jvm_is_the_smallest_of_all_limits(tmp_path: Path) -> None:
    script = written(trees()["thresh@master"], tmp_path) / "memory.py"
    for words, environment, expected in (
        (["64"], {}, "64m\n"),
        (["64"], {"JVM_MAX_MB": "32"}, "32m\n"),
        (["64"], {"MAX_OVERRIDE_MB": "4096"}, "4096m\n"),
        (["999999999"], {"JVM_MAX_RATIO": "0"}, "1m\n"),
    ):
        done = subprocess.check_output([sys.executable, script, *words], env=environment, text=True)
        assert done == expected
