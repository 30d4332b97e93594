"""The start scripts of monasca: what they wait for, write and run, and how they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from testing.monasca import SHELL, SHELLS, Container, container, templer, trees

AGENT = templer("/etc/monasca/agent", "agent.yaml")
STARTS = {
    "api": [
        "kafka_wait_for_topics.py",
        "mysql_check.py",
        *templer(
            "/etc/monasca",
            *("monasca-api.conf", "api-config.ini", "api-logging.conf", "api-gunicorn.conf"),
        ),
        "gunicorn --config /etc/monasca/api-gunicorn.conf --paste /etc/monasca/api-config.ini",
    ],
    "log-api": [
        "kafka_wait_for_topics.py",
        *templer("/etc/monasca", "monasca-log-api.conf", "log-api-gunicorn.conf"),
        *templer("/etc/monasca", "log-api-logging.conf", "log-api-paste.ini"),
        "gunicorn --config /etc/monasca/log-api-gunicorn.conf"
        " --paste /etc/monasca/log-api-paste.ini",
    ],
    "notification": [
        "kafka_wait_for_topics.py",
        "mysql_check.py",
        *templer("/etc/monasca", "monasca-notification.conf", "notification-logging.conf"),
        "monasca-notification --config-file /etc/monasca/monasca-notification.conf",
    ],
    "persister": [
        "kafka_wait_for_topics.py",
        *templer("/etc/monasca", "monasca-persister.conf", "persister-logging.conf"),
        "monasca-persister --config-file /etc/monasca/monasca-persister.conf",
    ],
    "agent-collector": [*AGENT, "monasca-collector foreground"],
    "agent-forwarder": [*AGENT, "monasca-forwarder"],
    "statsd": [*AGENT, "monasca-statsd"],
}
SERVICES = sorted({calls[-1].partition(" ")[0] for calls in STARTS.values()})


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("name", STARTS)
def test_start_waits_configures_and_becomes_the_service(
    tmp_path: Path, name: str, shell: Sequence[str]
) -> None:
    root = container(trees()[f"{name}@master"], tmp_path)
    for service in SERVICES:
        root.program(service, 'echo $$ > "$LOG.pid"; exit 7')
    assert root.start(shell) == (7, STARTS[name])
    root.log.write_text("")
    process = subprocess.Popen([*shell, root.script], env=root.environment)
    assert process.wait(timeout=30) == 7
    assert Path(f"{root.log}.pid").read_text().split() == [str(process.pid)]


@pytest.mark.parametrize("name", STARTS)
def test_a_service_that_fails_can_be_kept(tmp_path: Path, name: str) -> None:
    root = container(trees()[f"{name}@master"], tmp_path)
    for service in SERVICES:
        root.program(service, "exit 7")
    kept = [*STARTS[name], "sleep 7200"]
    assert root.start([SHELL], STAY_ALIVE_ON_FAILURE="true") == (7, kept)
    root.log.write_text("")
    for service in SERVICES:
        root.program(service)
    assert root.start([SHELL], STAY_ALIVE_ON_FAILURE="true") == (0, STARTS[name])


def test_nothing_starts_when_a_wait_is_in_vain(tmp_path: Path) -> None:
    root = container(trees()["notification@master"], tmp_path)
    root.program("mysql_check.py", "exit 1")
    waits = ["kafka_wait_for_topics.py", "mysql_check.py"]
    assert root.start([SHELL]) == (1, waits)
    root.log.write_text("")
    assert root.start([SHELL], STAY_ALIVE_ON_FAILURE="true") == (1, [*waits, "sleep 7200"])


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_agent_fills_in_keystone_and_the_node(tmp_path: Path, shell: Sequence[str]) -> None:
    root = container(trees()["agent-forwarder@master"], tmp_path)
    root.program("python3", "echo node-1")
    root.program("templer", 'echo "$OS_USERNAME $OS_PROJECT_NAME ${AGENT_HOSTNAME:-}" >> "$LOG"')
    root.program("monasca-forwarder")
    assert root.start(shell, OS_USERNAME="me", HOSTNAME_FROM_KUBERNETES="true") == (
        0,
        ["python3 /kubernetes_get_host.py", *AGENT, "me mini-mon node-1", "monasca-forwarder"],
    )
    root.program("python3", "exit 1")
    root.log.write_text("")
    status, calls = root.start(shell, HOSTNAME_FROM_KUBERNETES="true")
    assert (status, calls) == (1, ["python3 /kubernetes_get_host.py"])


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_collector_runs_the_checks_that_were_asked_for(
    tmp_path: Path, shell: Sequence[str]
) -> None:
    root = container(trees()["agent-collector@master"], tmp_path)
    root.program("monasca-collector")
    plugins = tmp_path / "plugins.d"
    plugins.mkdir()
    (plugins / "own.yaml.j2").touch()
    (plugins / "plain.yaml").write_text("instances: []\n")
    status, calls = root.start(shell, DOCKER="true", MONASCA_LOG_MONITORING="true")
    checks = "/etc/monasca/agent/conf.d"
    assert (status, calls) == (
        0,
        [
            *AGENT,
            *(
                f"templer --force --verbose /templates/{name}.yaml.j2 {checks}/{name}.yaml"
                for name in ("docker", "elastic", "http_check", "process")
            ),
            "templer --ignore-undefined-variables --force --verbose /plugins.d/own.yaml.j2"
            f" {checks}/own.yaml",
            "monasca-collector foreground",
        ],
    )
    assert (tmp_path / checks[1:] / "plain.yaml").read_text() == "instances: []\n"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_client_waits_and_then_runs_what_it_is_given(tmp_path: Path, shell: Sequence[str]) -> None:
    root = container(trees()["client@master"], tmp_path)
    root.program("monasca")
    waits = ["kafka_wait_for_topics.py", "mysql_check.py", "wait_for.sh monasca:8070"]
    assert root.start(shell) == (0, [*waits, "monasca --version"])
    root.log.write_text("")
    status, calls = root.start(shell, "monasca", "metric-list")
    assert (status, calls) == (0, [*waits, "monasca metric-list"])


def test_tempest_runs_the_suites_of_the_endpoints_there_are(tmp_path: Path) -> None:
    root = container(trees()["tempest-tests@master"], tmp_path)
    root.program("monasca", '[ -e "$LOG.ready" ] || { touch "$LOG.ready"; exit 1; }')
    root.program("openstack", "echo identity; echo monitoring")
    root.program("tempest", 'case "$*" in run*) exit 3;; esac')
    assert root.start([SHELL]) == (
        3,
        [
            "wait_for.sh http://keystone:35357",
            "monasca alarm-list --limit 1",
            "sleep 5",
            "monasca alarm-list --limit 1",
            *templer("/etc/tempest", "tempest.conf"),
            "tempest init",
            "tempest list-plugins",
            "openstack endpoint list --column Service Type --format value",
            "tempest run --regex monasca_tempest_tests.tests.api",
        ],
    )
    root.log.write_text("")
    root.program("monasca", "exit 1")
    status, calls = root.start([SHELL], MONASCA_API_WAIT_RETRIES="2")
    assert (status, calls[1:]) == (
        1,
        ["monasca alarm-list --limit 1", "sleep 5", "monasca alarm-list --limit 1"],
    )


@pytest.fixture
def thresh(tmp_path: Path) -> Container:
    root = container(trees()["thresh@master"], tmp_path)
    root.environment["STORM_CONF_DIR"] = "/conf"
    root.program("nc", '[ -e "$LOG.ready" ] || { touch "$LOG.ready"; exit 1; }; echo imok')
    root.program("memory.py", "echo 256m")
    root.program("ip", "echo '8.8.8.8 via 10.0.0.1 dev eth0 src 10.0.0.7 uid 0'")
    root.program("templer", 'echo "$STORM_LOCAL_HOSTNAME $NIMBUS_CHILDOPTS" >> "$LOG"')
    root.program("timeout", 'shift; "$@"')
    return root


SUBMIT = (
    "storm jar /monasca-thresh.jar monasca.thresh.ThresholdingEngine"
    " /etc/monasca/thresh-config.yml thresh-cluster"
)


def test_thresh_hands_its_topology_over_once(thresh: Container) -> None:
    thresh.program("storm", '[ "$1" != list ] || cat "$LOG.topologies" 2>/dev/null || true')
    status, calls = thresh.start([SHELL])
    assert status == 0
    assert calls[:5] == [
        "nc -w 3 zookeeper 2181",
        "sleep 10",
        "nc -w 3 zookeeper 2181",
        "kafka_wait_for_topics.py",
        "mysql_check.py",
    ]
    assert "10.0.0.7 -XX:MaxRAM=256m -Xss1024k -XX:+UseSerialGC" in calls
    assert [call for call in calls if call.startswith("storm")] == [
        "storm list",
        "storm list",
        SUBMIT,
    ]
    Path(f"{thresh.log}.topologies").write_text("thresh-cluster ACTIVE\n")
    thresh.log.write_text("")
    status, calls = thresh.start([SHELL])
    assert (status, calls[-1]) == (0, "storm list")


def test_thresh_runs_without_a_cluster(thresh: Container) -> None:
    thresh.program("storm", "exit 5")
    status, calls = thresh.start([SHELL], NO_STORM_CLUSTER="true")
    assert (status, calls[-1]) == (5, f"{SUBMIT} local")
    thresh.log.write_text("")
    status, calls = thresh.start([SHELL], NO_STORM_CLUSTER="true", STAY_ALIVE_ON_FAILURE="true")
    assert (status, calls[-2:]) == (5, [f"{SUBMIT} local", "sleep 7200"])
