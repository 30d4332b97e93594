"""All of Monasca at once, on the network of this machine, with its databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from e2e.keystone import Keystone
from e2e.lab import Lab
from e2e.monasca import PROJECTS
from e2e.programs import (
    HOST,
    Container,
    Program,
    free_port,
    open_container,
    running,
)
from e2e.services import Databases, open_databases
from testing.containers import Ended

START = ("/usr/bin/tini", "-s", "--", "/start.sh")
TOPICS = {
    "api": ("alarm-state-transitions", "metrics"),
    "log-api": ("log",),
    "notification": (
        "retry-notifications",
        "alarm-state-transitions",
        "alarm-notifications",
        "60-seconds-notifications",
    ),
    "persister": ("alarm-state-transitions", "metrics"),
}
"""What an image waits for in Kafka, by default."""

FORWARDER = 17123
STATSD = 8125
"""Where these two listen, whatever they are told."""


@dataclass(frozen=True)
class Deployment:
    """All of Monasca, with programs and containers by image.

    `waiting` is what health checks said of those that end after their waits.
    """

    databases: Databases
    ports: Mapping[str, int]
    containers: Mapping[str, Container]
    programs: dict[str, Program]
    waiting: dict[str, tuple[int, str]]

    def run(self, name: str, *words: str) -> Ended:
        """Run a command beside a program, with its environment."""
        container, program = self.containers[name], self.programs[name]
        return container.run_beside(program, *words, **self.variables(name))

    def check_health(self, name: str) -> tuple[int, str]:
        ended = self.run(name, "python3", "/health_check.py")
        return ended.code, ended.err

    def variables(self, name: str) -> dict[str, str]:
        """Return the environment of a container."""
        ports, databases = self.ports, self.databases.ports
        keystone = f"http://{HOST}:{ports['keystone']}"
        api = f"{HOST}:{ports['api']}"
        own = {
            "agent-collector": {"MYSQL_USER": "admin", "MYSQL_PASSWORD": "password"},
        }
        return {
            "KAFKA_URI": self.databases.kafka,
            "KAFKA_WAIT_INTERVAL": "0.5",
            "KAFKA_WAIT_RETRIES": "1000",
            "MYSQL_HOST": HOST,
            "MYSQL_PORT": str(databases.mysql),
            "MYSQL_WAIT_INTERVAL": "0.5",
            "MYSQL_WAIT_RETRIES": "1000",
            "WAIT_INTERVAL": "1",
            "WAIT_RETRIES": "1000",
            "INFLUX_HOST": HOST,
            "INFLUX_PORT": str(databases.influx),
            "MEMCACHED_URI": f"{HOST}:{databases.memcached}",
            "KEYSTONE_IDENTITY_URI": keystone,
            "KEYSTONE_AUTH_URI": keystone,
            "OS_AUTH_URL": f"{keystone}/v3",
            "MONASCA_CONTAINER_API_PORT": str(ports["api"]),
            "MONASCA_CONTAINER_LOG_API_PORT": str(ports["log-api"]),
            "MONASCA_URI": api,
            "MONASCA_URL": f"http://{api}/v2.0",
            "MONASCA_API_WAIT_INTERVAL": "1",
            "MONASCA_API_WAIT_RETRIES": "1000",
            "FORWARDER_URL": f"http://{HOST}:{FORWARDER}",
            "CHECK_FREQ": "2",
            "MONASCA_MONITORING": "true",
            "MYSQL_SERVER": HOST,
            "STATSD_HOST": HOST,
            "GUNICORN_WORKERS": "1",
            "KAFKA_METRICS_WAIT_TIME": "1",
            **own.get(name, {}),
        }


@contextmanager
def open_deployment(lab: Lab, databases: str, images: Mapping[str, str]) -> Iterator[Deployment]:
    """Begin all at once, and let what they wait for come bit by bit."""
    with ExitStack() as stack:
        opened = stack.enter_context(open_databases(lab, databases, images["client"]))
        ports = {name: free_port() for name in ("api", "log-api", "keystone")}
        containers = {
            name: stack.enter_context(open_container(lab, images[name])) for name in PROJECTS
        }
        deployment = Deployment(opened, ports, containers, {}, {})
        for name, container in containers.items():
            program = running(container, *START, **deployment.variables(name))
            deployment.programs[name] = stack.enter_context(program)
        _bring_databases(deployment)
        keystone = Keystone({"monitoring": f"http://{HOST}:{ports['api']}/v2.0"})
        stack.enter_context(keystone.serve(ports["keystone"]))
        yield deployment


def _bring_databases(deployment: Deployment) -> None:
    """Let each thing come once it was missed."""
    databases, programs = deployment.databases, deployment.programs
    for name in TOPICS:
        programs[name].await_text(f"kafka at {databases.kafka} lacks ")
    for name in ("client", "tempest-tests"):
        programs[name].await_text("(attempt 1 of 1000)")
        deployment.waiting[name] = deployment.check_health(name)
    for topic in sorted({topic for topics in TOPICS.values() for topic in topics}):
        databases.brokers.say(topic)
    for name in ("api", "notification"):
        programs[name].await_text("mysql is not ready")
    databases.ask_influx("CREATE DATABASE mon")
    databases.make_database("mon", "monapi")
    programs["api"].await_text("start.sh: running ")
    # As upstream's image for that does: the API has the tables of all.
    made = deployment.run(
        "api", "monasca_db", "--config-file", "/etc/monasca/monasca-api.conf", "upgrade"
    )
    assert made.code == 0, made
    databases.make_database("mon", "notification")
    for name in TOPICS:
        programs[name].await_text("start.sh: running ")
