"""Monasca on Debian: built from clones of published repositories, and run with its databases.

There is no Keystone and no Kafka. Nothing asks the one before a token comes; for the other stands
the cluster of brokers that its client library brings for tests.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from e2e.chain import SUMMARY, Built, build_all, keep
from e2e.deployment import START, STATSD, TOPICS, Deployment, open_deployment
from e2e.facts import PYTHON as BASE
from e2e.keystone import PROJECT
from e2e.lab import Lab, timed
from e2e.monasca import (
    CONSTRAINTS,
    IMAGES,
    PROJECTS,
    RELEASES,
    publish_debian,
    serve_files,
    serve_sources,
    settle_debian,
)
from e2e.programs import HOST, Container, await_that, free_port, open_container
from e2e.services import build_databases

GIVES_UP = {
    "api": "gave up waiting for kafka",
    "client": "gave up waiting for mysql",
    "log-api": "gave up waiting for kafka",
    "notification": "gave up waiting for kafka",
    "persister": "gave up waiting for kafka",
    "tempest-tests": "did not answer in 1 attempts",
}
"""What an image says when the first that it waits for does not come; others wait for nothing."""

ILL = "Connection refused|does not run|nothing listens on UDP port"
"""What a health check says where nothing is."""

AGENTS = tuple(
    name for name in ("agent-collector", "agent-forwarder", "statsd") if name in PROJECTS
)


@dataclass(frozen=True)
class Site:
    """The site's catalogue was published, and its images and that of the databases were built."""

    lab: Lab
    commits: Mapping[str, str]
    images: Mapping[str, Built]
    databases: str

    def reference(self, name: str) -> str:
        return self.images[f"monasca/{name}"].reference


@pytest.fixture(scope="module")
def site(lab: Lab) -> Iterator[Site]:
    ours = replace(lab, folder=lab.folder / "monasca")
    ours.folder.mkdir()
    ours.write_volumes()
    with serve_files(CONSTRAINTS.parent) as files:
        commits = serve_sources(ours)
        settle_debian(ours, files)
        clones = publish_debian(ours)
        with timed("Monasca on Debian"), ThreadPoolExecutor(1) as pool:
            databases = pool.submit(build_databases, ours, f"{ours.registry}/{BASE}")
            images = build_all(ours, list(clones.values()), keep)
        SUMMARY.extend(str(image) for image in images.values())
        yield Site(ours, commits, images, databases.result())


@pytest.fixture(params=IMAGES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def config(site: Site, name: str) -> Mapping[str, Any]:
    """What an engine is told by an image."""
    inspected = site.lab.engine.run("inspect", "--type", "image", site.reference(name))
    settings: Mapping[str, Any] = json.loads(inspected)["Docker"]["config"]
    return settings


@pytest.fixture
def container(site: Site, name: str) -> Iterator[Container]:
    with open_container(site.lab, site.reference(name)) as opened:
        yield opened


def test_labels_name_debian_and_the_release_inside(
    site: Site, config: Mapping[str, Any], name: str
) -> None:
    labels, title = config["Labels"], "org.opencontainers.image"
    assert config["Entrypoint"] == ["/usr/bin/tini", "-s", "--"]
    assert labels["name"] == labels[f"{title}.title"] == f"monasca/{name}"
    assert "alpine" not in json.dumps(config).lower()
    if name == "base":
        assert labels[f"{title}.base.name"].endswith(BASE.rpartition("/")[2])
        return
    project = PROJECTS[name]
    assert config["Cmd"] == ["/start.sh"]
    assert config["Healthcheck"]["Test"] == ["CMD", "python3", "/health_check.py"]
    assert labels[f"{title}.revision"] == site.commits[project]
    assert labels[f"{title}.version"] == RELEASES[project]
    assert labels["org.openstack.monasca.common.revision"] == site.commits["monasca-common"]
    assert labels["org.openstack.constraints_uri"].endswith(CONSTRAINTS.name)


def test_versions_tell_what_was_built(site: Site, container: Container, name: str) -> None:
    lines = container.run("cat", "/VERSIONS").out.splitlines()
    told = dict(line.split(": ", 1) for line in lines)
    assert told["Base"] == "monasca/base master"
    assert told["Base built from"].endswith(BASE)
    if name == "base":
        return
    assert told["App"] == f"monasca/{name}"
    assert told["Revision"] == site.commits[PROJECTS[name]]
    assert told["monasca-common revision"] == site.commits["monasca-common"]
    version = f"import importlib.metadata as m; print(m.version({PROJECTS[name]!r}))"
    assert container.run("python3", "-c", version).out.strip() == RELEASES[PROJECTS[name]]


def test_what_was_borrowed_is_gone(container: Container) -> None:
    tools = "for p in git gcc; do ! command -v $p; done && ls -A /tmp /var/lib/apt/lists"
    left = container.run("sh", "-ec", tools)
    assert (left.code, left.out.split()) == (0, ["/tmp:", "/var/lib/apt/lists:"]), left
    kept = container.run("sh", "-ec", "for p in nc curl gosu tini bash; do command -v $p; done")
    assert kept.code == 0, kept


@pytest.fixture(scope="module")
def lonely(site: Site) -> dict[str, tuple[int, str]]:
    """How each image that waits ends where nothing is: exit code and text."""
    nowhere = f"{HOST}:{free_port()}"
    variables = {
        "KAFKA_URI": nowhere,
        "KAFKA_WAIT_RETRIES": "1",
        "MYSQL_HOST": HOST,
        "MYSQL_PORT": nowhere.partition(":")[2],
        "MYSQL_WAIT_RETRIES": "1",
        "KEYSTONE_IDENTITY_URI": f"http://{nowhere}",
        "WAIT_RETRIES": "1",
    }

    def end(name: str) -> tuple[int, str]:
        with open_container(site.lab, site.reference(name)) as container:
            ended = container.run(*START, **variables)
            return ended.code, ended.out + ended.err

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(GIVES_UP, pool.map(end, GIVES_UP), strict=True))


@pytest.mark.parametrize("waiting", GIVES_UP)
def test_a_start_gives_up(lonely: Mapping[str, tuple[int, str]], waiting: str) -> None:
    code, text = lonely[waiting]
    reasons = {reason for reason in GIVES_UP.values() if reason in text}
    assert (code, reasons) == (1, {GIVES_UP[waiting]}), text
    assert "start.sh: running" not in text


@pytest.mark.parametrize("short", [*PROJECTS])
def test_a_health_check_fails_where_nothing_runs(site: Site, short: str) -> None:
    with open_container(site.lab, site.reference(short)) as container:
        ended = container.run_alone("python3", "/health_check.py")
    assert (ended.code, bool(re.search(ILL, ended.err))) == (1, True), ended
    assert "Traceback" not in ended.err


@pytest.fixture(scope="module")
def deployment(site: Site, lonely: object) -> Iterator[Deployment]:
    images = {name: site.reference(name) for name in PROJECTS}
    with ExitStack() as stack:
        with timed("Monasca begins"):
            opened = stack.enter_context(open_deployment(site.lab, site.databases, images))
        yield opened


@pytest.mark.parametrize("waiting", TOPICS)
def test_a_start_waits_for_topics(deployment: Deployment, waiting: str) -> None:
    text = deployment.programs[waiting].text
    topics = ", ".join(sorted(TOPICS[waiting]))
    lacking = f"kafka at {deployment.databases.kafka} lacks {topics} (attempt 1 of 1000)"
    assert text.index(lacking) < text.index(f"has {topics}") < text.index("start.sh: running")


@pytest.mark.parametrize("waiting", ["api", "notification"])
def test_then_it_waits_for_the_database(deployment: Deployment, waiting: str) -> None:
    text = deployment.programs[waiting].text
    places = [text.index(w) for w in (" has ", "mysql is not ready", "mysql is ready", "running")]
    assert places == sorted(places)


def test_the_client_waits_for_the_api_as_well(deployment: Deployment) -> None:
    program = deployment.programs["client"]
    assert program.await_end() == 0, program.text
    api = deployment.variables("client")["MONASCA_URI"]
    words = ["mysql is ready", f"{api} answers", RELEASES["python-monascaclient"]]
    places = [program.text.index(word) for word in words]
    assert places == sorted(places), program.text


def test_tempest_waits_for_keystone_and_for_the_api(deployment: Deployment) -> None:
    program = deployment.programs["tempest-tests"]
    assert program.await_end() == 0, program.text
    keystone = f"{HOST}:{deployment.ports['keystone']}"
    words = [
        f"{keystone} does not answer yet (attempt 1 of 1000)",
        f"{keystone} answers",
        "no endpoint of type monitoring, its tests are left out",
    ]
    places = [program.text.index(word) for word in words]
    assert places == sorted(places), program.text
    assert "monasca_tempest_tests" in program.text


RUNNING = ("api", "log-api", "notification", "persister", *AGENTS)


@pytest.mark.parametrize("short", ["client", "tempest-tests"])
def test_a_health_check_succeeds_while_a_start_waits(deployment: Deployment, short: str) -> None:
    """These two end by themselves afterwards."""
    assert deployment.waiting[short] == (0, "")


@pytest.fixture(scope="module")
def lacking(deployment: Deployment) -> str:
    """What the API says of its health while Kafka lacks a topic, which comes then."""
    await_that(
        lambda: "503" in deployment.check_health("api")[1],
        lambda: f"{deployment.check_health('api')} {deployment.programs['api'].text[-3000:]}",
    )
    with pytest.raises(HTTPError) as ill:
        urlopen(f"http://{HOST}:{deployment.ports['api']}/healthcheck", timeout=60)
    deployment.databases.brokers.say("events")
    return ill.value.read().decode()


def test_a_health_check_asks_for_what_the_start_does_not_wait_for(lacking: str) -> None:
    told = json.loads(lacking)
    assert "'events' not found" in told.pop("kafka")
    assert told == {"alarms_database": "OK", "metrics_database": "OK"}


@pytest.mark.parametrize("short", RUNNING)
def test_a_health_check_succeeds(deployment: Deployment, lacking: str, short: str) -> None:
    await_that(
        lambda: deployment.check_health(short) == (0, ""),
        lambda: f"{deployment.check_health(short)} {deployment.programs[short].text[-3000:]}",
    )


def await_measurement(deployment: Deployment, name: str, *images: str) -> str:
    """Wait until InfluxDB has a measurement, and return what it has."""

    def ask() -> str:
        return deployment.databases.ask_influx(f'SELECT * FROM "{name}"')

    logs = (deployment.programs[image] for image in images)
    await_that(lambda: '"series"' in ask(), lambda: "\n".join(log.text[-3000:] for log in logs))
    return ask()


AGENT = ("agent-collector", "agent-forwarder", "api", "persister")
SCOPE = {
    "OS_PROJECT_NAME": "mini-mon",
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_PROJECT_DOMAIN_NAME": "Default",
    "OS_IDENTITY_API_VERSION": "3",
}
MEASURED = "mysql.net.connections"


def test_what_the_agent_measures_comes_through_all_services(deployment: Deployment) -> None:
    """Collector, forwarder, API, Kafka and persister, in this order."""
    assert f'"{PROJECT}"' in await_measurement(deployment, MEASURED, *AGENT)


def test_what_a_program_tells_statsd_comes_as_well(deployment: Deployment) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"page.views:7|c", (HOST, STATSD))
    assert f'"{PROJECT}"' in await_measurement(deployment, "page.views", "statsd", *AGENT[1:])


def test_the_client_is_told_by_the_api_what_was_measured(
    site: Site, deployment: Deployment
) -> None:
    await_measurement(deployment, MEASURED, *AGENT)
    variables = deployment.variables("client") | SCOPE
    with open_container(site.lab, site.reference("client")) as container:
        words = ("monasca", "metric-list", "--name", MEASURED)
        listed = container.run_alone(*words, **variables)
        alarms = container.run_alone("monasca", "alarm-definition-list", **variables)
    assert (listed.code, MEASURED in listed.out) == (0, True), listed
    assert alarms.code == 0, alarms


def test_a_token_is_kept_in_memcached(deployment: Deployment) -> None:
    await_measurement(deployment, MEASURED, *AGENT)
    assert deployment.databases.count_of_memcached("cmd_set") > 0
    before = deployment.databases.count_of_memcached("get_hits")
    address = f"http://{HOST}:{deployment.ports['api']}/v2.0/metrics"
    request = Request(address, headers={"X-Auth-Token": "token-of-monasca-agent"})
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=120)
    assert refused.value.code in (401, 403)
    assert deployment.databases.count_of_memcached("get_hits") > before


def test_a_health_check_fails_when_a_database_goes(deployment: Deployment, lacking: str) -> None:
    assert deployment.check_health("api") == (0, "")
    deployment.databases.mariadb.stop()
    code, reason = deployment.check_health("api")
    assert (code, "503" in reason or "timed out" in reason) == (1, True), reason
