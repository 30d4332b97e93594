"""The run-time templates of monasca, filled in as templer does when a container starts."""

from __future__ import annotations

import configparser
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import jinja2
import pytest
import yaml
from testing.monasca import COMPONENTS, text_of, trees, words_of

from distgen.model.rendered import Tree

STORM = {
    **{f"{name}_CHILDOPTS": '-Da="b"' for name in ("NIMBUS", "SUPERVISOR", "UI", "WORKER")},
    **{f"{name}_ZOOKEEPER_SERVERS": "one, two" for name in ("STORM", "TRANSACTIONAL")},
    **{f"{name}_ZOOKEEPER_PORT": "2181" for name in ("STORM", "TRANSACTIONAL")},
    "STORM_LOCAL_HOSTNAME": "10.0.0.1",
}
EVERYTHING = {
    "DATABASE_BACKEND": "cassandra",
    "NF_PLUGINS": "email, jira, pagerduty, slack, webhook",
    **{f"NF_EMAIL_{name}": "x" for name in ("SERVER", "FROM_ADDR", "USER", "PASSWORD")},
    **{f"NF_JIRA_{name}": "x" for name in ("USER", "PASSWORD")},
    "NF_SLACK_PROXY": "http://proxy",
    "MONASCA_MONITORING": "true",
    "MONASCA_LOG_MONITORING": "true",
    "PROMETHEUS_ENDPOINTS": "http://a|x=y&z=1,http://b",
    "DIMENSIONS": "region=one, rack=a:b",
    "CADVISOR_URL": "http://cadvisor:8080",
    "CADVISOR_MINIMUM_WHITELIST": "true",
    "KUBERNETES_MINIMUM_WHITELIST": "true",
    "KUBERNETES_NAMESPACE_ANNOTATIONS": "a,b",
    "KUBERNETES_API_HOST": "kubernetes",
    "KUBERNETES_API_CUSTOM_LABELS": "a,b",
    "STORAGE_PARAMETERS_DIMENSIONS": "a,b",
}


def filled(tree: Tree, path: str, environment: Mapping[str, str] | None = None) -> str:
    """Render a run-time template as templer does: plain Jinja2, nothing may be undefined."""
    runtime = jinja2.Environment(undefined=jinja2.StrictUndefined)
    values = {**words_of(tree, "ENV"), **STORM, **(environment or {})}
    return runtime.from_string(text_of(tree, path)).render(values)


def ini(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="", strict=True)
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def understood(path: str, text: str) -> object:
    """Parse a configuration as the program that reads it would."""
    if "gunicorn" in path:
        settings: dict[str, object] = {}
        exec(compile(text, path, "exec"), {}, settings)
        return settings
    if path.endswith((".yaml", ".yml")):
        return yaml.safe_load(text)
    if path.endswith(".xml"):
        return ElementTree.fromstring(text)
    return ini(text)


@pytest.mark.parametrize("name", [*COMPONENTS, "thresh"])
@pytest.mark.parametrize("environment", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_run_time_templates_become_configuration(name: str, environment: Mapping[str, str]) -> None:
    tree = trees()[f"{name}@master"]
    paths = [file.path for file in tree.files if file.path.endswith(".j2")]
    assert bool(paths) == (name != "client")
    for path in paths:
        text = filled(tree, path, environment)
        assert understood(path.removesuffix(".j2"), text), path
        assert "{{" not in text


def test_every_run_time_template_is_written_by_the_start_script() -> None:
    for key, tree in trees().items():
        script = text_of(tree, "start.sh") if not key.startswith("base") else ""
        for file in tree.files:
            if file.path.endswith(".j2"):
                name = Path(file.path).name.removesuffix(".yaml.j2")
                assert f"/{Path(file.path).name}" in script or f" {name}" in script, (
                    key,
                    file.path,
                )


def test_api_is_configured_by_its_environment() -> None:
    tree = trees()["api@master"]
    environment = {
        "MYSQL_PASSWORD": "p@ss/word",
        "KEYSTONE_INSECURE": "True",
        "ADD_ACCESS_LOG": "x",
    }
    settings = ini(filled(tree, "monasca-api.conf.j2", environment))
    assert settings["database"] == {
        "connection": "mysql+pymysql://monapi:p%40ss%2Fword@mysql:3306/mon"
    }
    assert settings["keystone_authtoken"]["insecure"] == "true"
    assert settings["kafka"]["uri"] == "kafka:9092"
    assert settings["influxdb"]["ip_address"] == "influxdb"
    assert "cassandra" not in settings
    gunicorn = understood("gunicorn", filled(tree, "api-gunicorn.conf.j2", environment))
    assert gunicorn == {
        "bind": "0.0.0.0:8070",
        "proc_name": "monasca-api",
        "workers": 9,
        "worker_class": "gevent",
        "worker_connections": 2000,
        "backlog": 1000,
        "timeout": 10,
        "capture_output": True,
    }
    logged = understood("gunicorn", filled(tree, "api-gunicorn.conf.j2"))
    assert isinstance(logged, dict)
    assert logged["access_log_format"] == words_of(tree, "ENV")["ACCESS_LOG_FIELDS"]


def test_agent_keeps_strings_strings() -> None:
    tree = trees()["agent-forwarder@master"]
    environment = {"OS_PASSWORD": 'no: "1.10"', "OS_PROJECT_ID": "0123", "DIMENSIONS": "a=b=c, d=1"}
    agent = yaml.safe_load(filled(tree, "agent.yaml.j2", environment))
    assert agent["Api"]["password"] == 'no: "1.10"'
    assert agent["Api"]["project_id"] == "0123"
    assert agent["Main"]["dimensions"] == {"a": "b=c", "d": "1"}
    assert agent["Main"]["hostname"] is None
    assert agent["Main"]["non_local_traffic"] is False
