"""Compose files: what runs a deployment reads them as they are meant."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from testing.catalogues import TEMPLATE
from testing.compose_file import compose_problems, interpolate
from testing.transports import program

import distgen
from distgen.catalogue.load import load_catalogue
from distgen.exports.compose import write_compose
from distgen.exports.records import Selection
from distgen.model.deployment import Deployment, EnvironmentValue, Service
from distgen.model.lock import Lock

pytest_plugins = ["testing.commandline"]

ROOT = Path(__file__).parents[2]
MINIMAL = Path(distgen.__file__).parent / "minimal"
VALID = """
services:
  web:
    image: quay.io/ns/web:1
    command: [serve, "50% of $$HOME"]
    environment: {PASSWORD: "${PASSWORD:?set PASSWORD}", EMPTY: ""}
    ports: ["22:22", "127.0.0.1:8125:8125/udp"]
    volumes: ["data:/data:ro", "/var/run:/run"]
    depends_on:
      db: {condition: service_healthy}
      setup: {condition: service_completed_successfully}
    restart: "no"
  setup: {image: "quay.io/ns/setup:1", depends_on: {web2: {condition: service_healthy}}}
  web2: {image: "quay.io/ns/healthy:1"}
  db:
    image: docker.io/library/mariadb@sha256:DIGEST
    healthcheck: {test: [CMD, "true"], interval: 5s, retries: 3}
volumes: {data: {}}
""".replace("DIGEST", "0123456789abcdef" * 4)
INVALID = [
    ("image: quay.io/ns/web:1", "image: quay.io/ns/web", "is another one every time"),
    ("image: quay.io/ns/web:1", "image: quay.io/ns/web:latest", "is another one every time"),
    ("image: quay.io/ns/web:1", "imagee: quay.io/ns/web:1", "'imagee' "),
    ("      db: {", "      bd: {", "depends on bd, which is not there"),
    ("service_healthy}\n      setup", "healthy}\n      setup", "services.web.depends_on: "),
    ('"data:/data:ro"', '"dta:/data:ro"', "the volume dta is not declared"),
    ("ns/healthy:1", "ns/sick:1", "waits for the health of web2, which has no health check"),
    ("$$HOME", "$(HOME)", "is not interpolated"),
    ('restart: "no"', "restart: 1", "1 is not of type 'string'"),
    ('"quay.io/ns/setup:1",', '"quay.io/ns/setup:1", restart: always,', "which is restarted"),
    (
        '"quay.io/ns/setup:1",',
        '"quay.io/ns/setup:1", profiles: [x],',
        "which only a profile starts",
    ),
    ("EMPTY: ", "EMPTY: [1], E: ", "is not valid under any of the given schemas"),
]


def test_the_checker_takes_what_compose_takes():
    assert compose_problems(VALID, {"quay.io/ns/healthy:1"}) == []


@pytest.mark.parametrize(("old", "new", "problem"), INVALID)
def test_the_checker_refuses_what_compose_refuses(old, new, problem):
    assert VALID.count(old) >= 1
    problems = compose_problems(VALID.replace(old, new, 1), {"quay.io/ns/healthy:1"})
    assert any(problem in line for line in problems), problems


@pytest.mark.parametrize("text", ["a: 22:22", "a: on", "a: 010", "a: 1e3"])
def test_the_checker_refuses_what_two_versions_of_yaml_read_differently(text):
    with pytest.raises(AssertionError):
        compose_problems(text)


def run_compose(folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    words = [program("docker-compose"), "-f", "compose.yaml", "config"]
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def variables_of(text: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+):\?set", text))


@pytest.fixture(scope="module")
def default_files(tmp_path_factory):
    """The compose files of the default catalogue."""
    folder = tmp_path_factory.mktemp("compose")
    words = [sys.executable, "-m", "distgen", "-C", ROOT, "export", "compose", "-o", folder]
    subprocess.run(words, check=True)
    return {path.parent.name: path.read_text() for path in sorted(folder.glob("*/compose.yaml"))}


def test_monasca_runs_in_each_of_its_streams(default_files):
    assert [*default_files] == ["monasca-2023_1", "monasca-2023_2", "monasca-master"]
    for folder, text in default_files.items():
        services = yaml.safe_load(text)["services"]
        own = {
            name: service["image"].partition("/monasca/")[2]
            for name, service in services.items()
            if "/monasca/" in service["image"]
        }
        stream = folder.removeprefix("monasca-").replace("_", ".")
        assert own == {
            name: f"{image}:{stream}"
            for name, image in {
                "agent-collector": "agent-collector",
                "agent-forwarder": "agent-forwarder",
                "monasca": "api",
                "monasca-notification": "notification",
                "monasca-persister": "persister",
                "monasca-statsd": "statsd",
                "tempest-tests": "tempest-tests",
                "thresh": "thresh",
            }.items()
        }


def test_no_image_of_monasca_looks_for_a_host_that_is_not_there(default_files):
    """Hosts that images name by default are services, or come from whoever starts them."""
    services = yaml.safe_load(default_files["monasca-master"])["services"]
    defaults = yaml.safe_load((ROOT / "overlays/monasca/api.yaml").read_text())["values"]
    hosts = {
        re.sub(r"^http://|:\d+$", "", row["default"])
        for name, row in defaults["environment"].items()
        if re.search("_(HOST|URI|URL)$", name) and name not in services["monasca"]["environment"]
    }
    assert hosts == {"kafka", "influxdb", "mysql", "memcached"}
    assert hosts <= {*services}


def test_the_files_of_the_default_catalogue_pass_their_checks(default_files, tmp_path):
    healthy = {
        f"docker.io/monasca/{name}:{stream}"
        for name in ("api", "agent-forwarder")
        for stream in ("master", "2023.2", "2023.1")
    }
    for text in default_files.values():
        assert compose_problems(text, healthy) == []
        path = tmp_path / "compose.yaml"
        path.write_text(text)
        checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
        subprocess.run([*checker, "vendor.compose-spec", path], check=True)


def test_docker_compose_takes_them_and_asks_for_what_is_not_set(default_files, tmp_path):
    text = default_files["monasca-master"]
    (tmp_path / "compose.yaml").write_text(text)
    names = variables_of(text)
    assert "MYSQL_ROOT_PASSWORD" in names
    values = {name: f"value of {name}" for name in names}
    ran = run_compose(tmp_path, values)
    assert ran.returncode == 0, ran.stderr
    printed = yaml.safe_load(ran.stdout)["services"]
    written = yaml.safe_load(text)["services"]
    assert {*printed} == {*written}
    for name, service in written.items():
        expected = {
            key: interpolate(value, values) for key, value in service.get("environment", {}).items()
        }
        assert printed[name].get("environment", {}) == expected
    for name in names:
        ran = run_compose(tmp_path, {key: values[key] for key in names - {name}})
        assert ran.returncode != 0
        assert f"set {name}" in ran.stderr


HOSTILE = r"""
registry: quay.io/ns
streams:
  master: {}
  "1.0": {tags: ["1.0"]}
  Rel.1_0: {tags: [rel]}
deployment:
  services:
    "2":
      image: ns/app
      command: ["${HOME}", "$(id)", "`id`", "a: b # c", on, 3.10, "{{ x }}"]
      environment:
        CURLY: "${{ github.token }}"
        DOLLAR: "$HOME ${HOME:-x} $$ $"
        OCTAL: 010
        SEXAGESIMAL: 22:22
        SWITCH: on
        VERSION: 3.10
        NOTHING: ""
        NULL_WORD: "null"
        DB_PASSWORD: {variable: on}
      ports: [22:22, 80:8080/udp]
    on:
      image: docker.io/library/mariadb:10
      healthcheck: {test: [CMD-SHELL, "mariadb -p$PASSWORD"], interval: 1m30s, retries: 7}
"""
FILES = {
    **TEMPLATE,
    "overlays/ns/namespace.yaml": HOSTILE,
    "overlays/ns/app.yaml": "template: app\nfrom: scratch\n",
}


@pytest.fixture
def hostile(catalogue, distgen, tmp_path):
    ran = distgen(catalogue(FILES), "export", "compose", "-o", tmp_path / "out")
    assert ran.code == 0
    return {path.parent.name: path.read_text() for path in (tmp_path / "out").glob("*/*")}


def test_what_looks_like_a_variable_or_a_number_arrives_as_it_was_typed(hostile, tmp_path):
    assert compose_problems(hostile["ns-master"]) == []
    services = yaml.safe_load(hostile["ns-master"])["services"]
    assert {*services} == {"2", "on"}
    typed = yaml.load(HOSTILE, yaml.BaseLoader)["deployment"]["services"]["2"]
    words = [interpolate(word, {}) for word in services["2"]["command"]]
    assert words == typed["command"]
    arrived = {
        name: interpolate(text, {"on": "hunter2"})
        for name, text in services["2"]["environment"].items()
    }
    assert arrived == {**typed["environment"], "DB_PASSWORD": "hunter2"}
    assert services["2"]["ports"] == ["22:22", "80:8080/udp"]
    assert services["on"]["healthcheck"] == {
        "test": ["CMD-SHELL", "mariadb -p$$PASSWORD"],
        "interval": "1m30s",
        "retries": 7,
    }
    (tmp_path / "compose.yaml").write_text(hostile["ns-master"])
    ran = run_compose(tmp_path, {"on": "hunter2"})
    assert ran.returncode == 0, ran.stderr


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn"]))))
def test_any_text_of_a_deployment_arrives_as_it_is(texts):
    image = "docker.io/library/app:1"
    environment = tuple((f"V{n}", EnvironmentValue(text)) for n, text in enumerate(texts))
    service = Service("app", image, True, command=tuple(texts), environment=environment)
    catalogue = load_catalogue(MINIMAL)
    deployment = Deployment((service,))
    namespace = replace(catalogue.namespaces["example"], deployment=deployment)
    selection = Selection(catalogue.images, (), {"example": namespace}, Lock())
    (file,) = write_compose(selection).files
    text = file.content.decode()
    assert compose_problems(text) == []
    written = yaml.safe_load(text)["services"]["app"]
    assert [interpolate(word, {}) for word in written.get("command", [])] == texts
    assert [interpolate(value, {}) for value in written.get("environment", {}).values()] == texts


def test_folders_are_names_of_projects_that_do_not_meet(hostile):
    assert sorted(hostile) == ["ns-1_0", "ns-master", "ns-rel_1_0"]


def test_streams_that_would_be_one_project_get_two(catalogue, distgen, tmp_path):
    namespace = HOSTILE.replace("Rel.1_0: {tags: [rel]}", "1_0: {tags: [rel]}")
    root = catalogue(FILES | {"overlays/ns/namespace.yaml": namespace})
    assert distgen(root, "export", "compose", "-o", tmp_path / "out").code == 0
    folders = sorted(path.parent.name for path in (tmp_path / "out").glob("*/*"))
    assert len(folders) == 3
    assert folders[:1] == ["ns-1_0"]
    assert all(re.fullmatch("[a-z0-9][a-z0-9_-]*", folder) for folder in folders)


WAITS = """
registry: quay.io/ns
streams: {master: {}}
deployment:
  services:
    web: {image: ns/app, depends_on: {db: service_healthy}}
    db: {image: ns/db}
"""
CHECK = "HEALTHCHECK CMD true\n"


@pytest.mark.parametrize(
    ("base", "app", "healthy"),
    [
        ("", "", False),
        (CHECK, "", True),
        ("", CHECK, True),
        (CHECK, "HEALTHCHECK NONE\n", False),
        ("ONBUILD " + CHECK, "", True),
        ("HEALTHCHECK NONE\n", CHECK, True),
        (CHECK + "FROM scratch\n", "", False),
    ],
)
def test_only_what_has_a_health_check_is_waited_for(
    base, app, healthy, catalogue, distgen, tmp_path
):
    root = catalogue(
        {
            "overlays/ns/namespace.yaml": WAITS,
            "templates/base/template.yaml": "description: A base\nvalues: {}\n",
            "templates/base/Dockerfile.j2": f"FROM scratch\n{base}",
            "templates/app/template.yaml": "description: An application\nvalues: {}\n",
            "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n" + app,
            "overlays/ns/base.yaml": "template: base\nfrom: scratch\n",
            "overlays/ns/app.yaml": "template: app\nfrom: ns/base\n",
            "overlays/ns/db.yaml": "template: app\nfrom: ns/base\n",
        }
    )
    ran = distgen(root, "export", "compose", "-o", tmp_path / "out")
    assert ran.code == int(not healthy)
    assert (tmp_path / "out/ns-master/compose.yaml").exists() == healthy
    if not healthy:
        assert (
            "ns/db@master: refused: it has no health check, and others wait for `db` to be "
            "healthy; ns@master is not written\n" in ran.err
        )


def one_service(tags: str) -> dict[str, str]:
    namespace = f"""
registry: quay.io/ns
streams: {{master: {{tags: {tags}}}}}
deployment: {{services: {{web: {{image: ns/app}}, db: {{image: "docker.io/library/db:1"}}}}}}
"""
    return {**FILES, "overlays/ns/namespace.yaml": namespace}


def test_latest_is_never_run(catalogue, distgen, tmp_path):
    out = tmp_path / "out"
    ran = distgen(catalogue(one_service("[latest]")), "export", "compose", "-o", out)
    assert ran.code == 1
    assert "ns/app@master: refused: its only tag is `latest`" in ran.err
    assert not (out / "ns-master").exists()
    ran = distgen(catalogue(one_service("[latest, v1]")), "export", "compose", "-o", out)
    assert ran.code == 0
    assert "image: quay.io/ns/app:v1\n" in (out / "ns-master/compose.yaml").read_text()


def test_images_that_the_lock_knows_are_named_by_digest_as_well(catalogue, distgen, tmp_path):
    root, out = catalogue(one_service("[v1]")), tmp_path / "out"
    digest = "sha256:" + "0" * 64
    bases = {"docker.io/library/db:1": {"digest": digest}}
    (root / "distgen.lock").write_text(json.dumps({"version": 1, "bases": bases}))
    assert distgen(root, "export", "compose", "-o", out).code == 0
    text = (out / "ns-master/compose.yaml").read_text()
    assert f"image: docker.io/library/db:1@{digest}\n" in text
    assert compose_problems(text) == []


def test_a_part_of_a_deployment_is_not_written(catalogue, distgen, tmp_path):
    files = {**FILES, "overlays/ns/other.yaml": "template: app\nfrom: scratch\n"}
    ran = distgen(catalogue(files), "export", "compose", "ns/other", "-o", tmp_path / "out")
    assert ran.code == 0
    assert "the deployment of ns@master needs ns/app@master as well" in ran.err
    assert not [*(tmp_path / "out").glob("*/*")]


def test_a_catalogue_without_a_deployment_says_so(catalogue, distgen, tmp_path):
    namespace = {"overlays/ns/namespace.yaml": TEMPLATE["overlays/ns/namespace.yaml"]}
    ran = distgen(catalogue(FILES | namespace), "export", "compose", "-o", tmp_path / "out")
    assert "no namespace of these images has a `deployment`" in ran.err
