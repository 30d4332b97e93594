"""What Monasca needs to run: databases of Debian, and what stands for Kafka."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode
from urllib.request import urlopen

from e2e.lab import Lab
from e2e.programs import HOST, Container, Program, free_port, open_container, running

DATABASES = """\
FROM {base}
RUN printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \\
    && apt-get update \\
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
        influxdb mariadb-server memcached \\
    && apt-get clean && rm -rf /var/lib/apt/lists/*
"""
MARIADB = """\
echo "GRANT ALL ON *.* TO 'admin'@'%' IDENTIFIED BY 'password' WITH GRANT OPTION;" > /init.sql
exec mariadbd --user=mysql --bind-address=127.0.0.1 --port={port} \\
    --socket=/var/lib/mysql/its.sock --pid-file=/var/lib/mysql/its.pid --init-file=/init.sql
"""
MEMCACHED = ("memcached", "-u", "nobody", "-l", HOST)
KAFKA = """
import sys
from confluent_kafka import Producer

cluster = Producer({"test.mock.num.brokers": 1})
for broker in cluster.list_topics(timeout=60).brokers.values():
    print(f"listens on {broker.host}:{broker.port}", flush=True)
for line in sys.stdin:
    topic, _, message = line.strip().partition(" ")
    cluster.list_topics(topic, timeout=60)
    if message:
        cluster.produce(topic, message.encode())
        cluster.flush(60)
    print(f"took {line.strip()}", flush=True)
"""
"""The cluster of brokers that librdkafka has for its own tests: there is no Kafka in Debian.

A line is the name of a topic, which is made, or that and a message.
"""


def build_databases(lab: Lab, base: str) -> str:
    """Build the image of the databases, on the base of the others, and return its name."""
    folder, reference = lab.folder / "databases", f"{lab.registry}/databases"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DATABASES.format(base=base))
    mounts = [word for volume in lab.volumes for word in ("-v", volume)]
    lab.engine.run("bud", "-q", *mounts, "-t", reference, ".", cwd=folder)
    return reference


@dataclass(frozen=True)
class Ports:
    """Where each database listens."""

    mysql: int
    influx: int
    memcached: int


@dataclass(frozen=True)
class Databases:
    """MariaDB, InfluxDB, memcached, and what stands for Kafka."""

    ports: Ports
    kafka: str
    brokers: Program
    mariadb: Program
    container: Container

    def make_database(self, name: str, *users: str) -> None:
        """Make a database of MariaDB, with users who may do all in it."""
        grants = [
            f"GRANT ALL ON {name}.* TO '{user}'@'%' IDENTIFIED BY 'password';" for user in users
        ]
        sql = f"CREATE DATABASE IF NOT EXISTS {name}; {' '.join(grants)}"
        place = [f"--host={HOST}", f"--port={self.ports.mysql}", "--user=admin"]
        words = ["mariadb", *place, "--password=password", "--execute", sql]
        made = self.container.run_beside(self.mariadb, *words)
        assert made.code == 0, made

    def ask_influx(self, query: str) -> str:
        """Return the answer of InfluxDB, in JSON."""
        words = urlencode({"db": "mon", "q": query}).encode()
        with urlopen(f"http://{HOST}:{self.ports.influx}/query", words, timeout=60) as answer:
            return str(answer.read().decode())

    def count_of_memcached(self, counter: str) -> int:
        with socket.create_connection((HOST, self.ports.memcached), timeout=60) as connection:
            connection.sendall(b"stats\r\nquit\r\n")
            lines = connection.makefile().read().splitlines()
        return next(int(line.split()[2]) for line in lines if line.split()[1:2] == [counter])


@contextmanager
def open_databases(lab: Lab, image: str, client: str) -> Iterator[Databases]:
    """Start all; `client` is an image that has Kafka's client library."""
    ports = Ports(*(free_port() for _ in range(3)))
    influxdb = {
        "INFLUXDB_HTTP_BIND_ADDRESS": f"{HOST}:{ports.influx}",
        "INFLUXDB_BIND_ADDRESS": f"{HOST}:{free_port()}",
        "INFLUXDB_REPORTING_DISABLED": "true",
    }
    with ExitStack() as stack:

        def begin(reference: str, *words: str, **variables: str) -> tuple[Program, Container]:
            container = stack.enter_context(open_container(lab, reference))
            return stack.enter_context(running(container, *words, **variables)), container

        mariadb, container = begin(image, "sh", "-c", MARIADB.format(port=ports.mysql))
        influx, _ = begin(image, "influxd", **influxdb)
        memcached, _ = begin(image, *MEMCACHED, "-p", str(ports.memcached))
        brokers, _ = begin(client, "python3", "-c", KAFKA)
        mariadb.await_port(ports.mysql)
        influx.await_port(ports.influx)
        memcached.await_port(ports.memcached)
        brokers.await_text("listens on")
        address = brokers.text.partition("listens on ")[2].split()[0]
        yield Databases(ports, address, brokers, mariadb, container)
