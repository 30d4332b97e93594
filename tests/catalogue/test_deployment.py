"""The deployment of a namespace: what is read, and the sentence for each mistake in it."""

import pytest
from testing.catalogues import SMALL

from distgen.catalogue.load import load_catalogue
from distgen.errors import InputError
from distgen.model.deployment import EnvironmentValue, HealthCheck

NS = "overlays/ns/namespace.yaml"
DB = "docker.io/library/mariadb:11.4"
HEAD = SMALL[NS].lstrip()
BEGIN = HEAD.count("\n") + 1

WHOLE = f"""
deployment:
  streams: ["1.0"]
  services:
    web:
      image: ns/a
      command: [serve, --port, 8080]
      environment:
        PORT: 22:22
        DEBUG: on
        VERSION: 3.10
        DB_PASSWORD: {{variable: WEB_DB_PASSWORD}}
        DB_ALLOW_EMPTY_PASSWORD: no
      ports: [22:22, "127.0.0.1:8125:8125/udp"]
      volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]
      depends_on: {{db: service_healthy, setup: service_completed_successfully}}
      restart: unless-stopped
    setup: {{image: ns/a@master, depends_on: {{db: service_started}}, restart: no}}
    db:
      image: {DB}
      volumes: ["data:/var/lib/mysql"]
      healthcheck: {{test: [CMD-SHELL, "mariadb -p$PASSWORD"], interval: 5s, timeout: 1m30s,
                     start_period: 2h, retries: 3}}
    probe: {{image: ns/a, profiles: [check], depends_on: {{web: service_started}}}}
  volumes: [data]
"""


def read(catalogue, text):
    root = catalogue({**SMALL, NS: HEAD + text.lstrip("\n")})
    return load_catalogue(root).namespaces["ns"].deployment


def test_a_deployment_is_read_as_it_was_typed(catalogue):
    deployment = read(catalogue, WHOLE)
    assert deployment is not None
    assert [service.name for service in deployment.services] == ["db", "probe", "setup", "web"]
    assert (deployment.volumes, deployment.streams) == (("data",), ("1.0",))
    db, probe, setup, web = deployment.services
    assert (db.is_external, web.is_external) == (True, False)
    assert db.healthcheck == HealthCheck(
        ("CMD-SHELL", "mariadb -p$PASSWORD"), "5s", "1m30s", "2h", 3
    )
    assert web.command == ("serve", "--port", "8080")
    assert dict(web.environment) == {
        "DB_ALLOW_EMPTY_PASSWORD": EnvironmentValue("no"),
        "DB_PASSWORD": EnvironmentValue(variable="WEB_DB_PASSWORD"),
        "DEBUG": EnvironmentValue("on"),
        "PORT": EnvironmentValue("22:22"),
        "VERSION": EnvironmentValue("3.10"),
    }
    assert web.ports == ("22:22", "127.0.0.1:8125:8125/udp")
    assert dict(web.depends_on) == {
        "db": "service_healthy",
        "setup": "service_completed_successfully",
    }
    assert (web.restart, setup.restart, probe.profiles) == ("unless-stopped", "no", ("check",))
    assert (web.image_key("1.0"), setup.image_key("1.0")) == ("ns/a@1.0", "ns/a@master")
    assert deployment.is_for("1.0")
    assert not deployment.is_for("master")


def test_a_namespace_need_not_have_one(catalogue):
    assert read(catalogue, "") is None


SERVICE = "deployment:\n  services:\n    web:\n      image: ns/a\n"
FOUR = BEGIN + 4
TWO = "deployment:\n  services:\n    web: {image: ns/a, %s}\n    db: {image: %s, %s}\n"
MISTAKES = [
    # --- words
    ("deployment: {}\n", f"{BEGIN}:1: the key `services` is missing in `deployment`"),
    ("deployment: {services: {}}\n", f"{BEGIN}:14: `deployment.services: {{}}` needs at least 1"),
    (
        f"{SERVICE}      enviroment: {{}}\n",
        f"{FOUR}:7: unknown key `enviroment` in `deployment.services.web`; did you mean "
        "`environment`?",
    ),
    (f"{SERVICE}      build: .\n", f"{FOUR}:7: unknown key `build` in `deployment.services.web`"),
    (
        "deployment:\n  service: {web: {image: ns/a}}\n  services: {web: {image: ns/a}}\n",
        f"{BEGIN + 1}:3: unknown key `service` in `deployment`; did you mean `services`?",
    ),
    (
        "deployment:\n  services:\n    Web: {image: ns/a}\n",
        f"{BEGIN + 2}:5: the key `Web` is not a name of a service: ",
    ),
    (
        f"{SERVICE}      environment: {{A: [b]}}\n",
        f"{FOUR}:21: `deployment.services.web.environment.A` must be text or a mapping, not a list",
    ),
    (
        f"{SERVICE}      environment: {{A: {{varible: B}}}}\n",
        f"{FOUR}:21: the key `variable` is missing in `deployment.services.web.environment.A`",
    ),
    (
        f"{SERVICE}      environment: {{A: {{variable: B, else: c}}}}\n",
        f"{FOUR}:38: unknown key `else` in `deployment.services.web.environment.A`",
    ),
    (
        f"{SERVICE}      environment: {{A: {{variable: B-C}}}}\n",
        f"{FOUR}:25: `deployment.services.web.environment.A.variable: B-C` is not the name of an "
        "environment variable",
    ),
    (
        f"{SERVICE}      environment: {{A-B: c}}\n",
        f"{FOUR}:21: the key `A-B` is not the name of an environment variable",
    ),
    (
        f"{SERVICE}      depends_on: {{web: healthy}}\n",
        f"{FOUR}:20: `deployment.services.web.depends_on.web: healthy` is not one of "
        "service_started, service_healthy, service_completed_successfully",
    ),
    (
        f"{SERVICE}      restart: allways\n",
        f"{FOUR}:7: `deployment.services.web.restart: allways` is not one of no, on-failure, "
        "unless-stopped, always; did you mean `always`?",
    ),
    *(
        (
            f"{SERVICE}      ports: ['{port}']\n",
            f"{FOUR}:15: `deployment.services.web.ports[0]: {port}` is not a published port: ",
        )
        for port in ("80", "0:80", "80:65536", "80:80/sctp", "80-90:80-90", "${P}:80", "host:1:2")
    ),
    *(
        (
            f"{SERVICE}      volumes: ['{mount}']\n",
            f"{FOUR}:17: `deployment.services.web.volumes[0]: {mount}` is not a mount: ",
        )
        for mount in ("data", "./data:/x", "data:x", "data:/x:rw", "/a/../b:/x", "${HOME}:/x")
    ),
    *(
        (
            f"{SERVICE}      healthcheck: {{test: [CMD, x], interval: '{text}'}}\n",
            f"{FOUR}:37: `deployment.services.web.healthcheck.interval: {text}` is not a duration",
        )
        for text in ("5", "5 s", "s", "", "1s1m")
    ),
    (
        f"{SERVICE}      healthcheck: {{test: [NONE, x]}}\n",
        f"{FOUR}:28: `deployment.services.web.healthcheck.test[0]: NONE` is not one of CMD",
    ),
    (
        f'{SERVICE}      environment: {{A: "b\\nc"}}\n',
        f"{FOUR}:21: `deployment.services.web.environment.A` holds a line break or a control",
    ),
    # --- images
    (
        "deployment:\n  services: {web: {image: ns/b}}\n",
        f"{BEGIN + 1}:20: there is no image `ns/b` in the catalogue; did you mean `ns/a`?",
    ),
    (
        "deployment:\n  services: {web: {image: mysql:5.7}}\n",
        f"{BEGIN + 1}:20: there is no image `mysql:5.7` in the catalogue; write `namespace/name`, "
        "or an external reference with its registry",
    ),
    (
        "deployment:\n  services: {web: {image: ns/a@2.0}}\n",
        f"{BEGIN + 1}:20: `ns/a` has no stream `2.0`; it has master, 1.0; name one behind `@`",
    ),
    (
        "deployment: {streams: [mastr], services: {web: {image: ns/a}}}\n",
        f"{BEGIN}:24: the namespace has no stream `mastr`; did you mean `master`?",
    ),
    *(
        (
            f"deployment:\n  services: {{web: {{image: '{image}'}}}}\n",
            f"{BEGIN + 1}:20: `{image}` is another image every time; name a tag that is not "
            "`latest`, or a digest",
        )
        for image in ("docker.io/library/mariadb", "docker.io/library/mariadb:latest")
    ),
    (
        "deployment:\n  services: {web: {image: 'docker.io/library/MariaDB:1'}}\n",
        f"{BEGIN + 1}:20: 'docker.io/library/MariaDB:1' is not the name of an image",
    ),
    (
        f"{SERVICE}      healthcheck: {{test: [CMD, x]}}\n",
        f"{FOUR}:7: `ns/a` is an image of the catalogue, which brings its health check; write a "
        "HEALTHCHECK into its template",
    ),
    # --- secrets
    *(
        (
            f"{SERVICE}      environment: {{{name}: hunter2}}\n",
            f"{FOUR}:21: `{name}` holds a secret, and others read the file it would stand in; "
            f"name a variable that holds it: `{name}: {{variable: {name}}}`",
        )
        for name in ("DB_PASSWORD", "password", "OS_TOKEN", "AWS_SECRET_ACCESS_KEY", "API_KEY")
    ),
    (
        f"{SERVICE}      environment: {{DB: 'mysql://me:hunter2@db/x'}}\n",
        f"{FOUR}:21: `DB` holds a secret",
    ),
    *(
        (
            f"{SERVICE}      command: [serve, {word}]\n",
            f"{FOUR}:7: `command` holds a secret, and others read the file it would stand in; let",
        )
        for word in ("--password=hunter2", "--db-password='hunter2'", "db://me:hunter2@db")
    ),
    (
        TWO % ("restart: no", DB, "healthcheck: {test: [CMD, x, --token=hunter2]}"),
        f"{BEGIN + 3}:49: `healthcheck` holds a secret",
    ),
    # --- other services and volumes
    (
        TWO % ("depends_on: {bd: service_started}", DB, "restart: always"),
        f"{BEGIN + 2}:37: there is no service `bd`; known here: `db`, `web`",
    ),
    (
        TWO % ("depends_on: {db: service_healthy}", DB, "restart: always"),
        f"{BEGIN + 2}:37: whether `db` has a health check is not known; give that service a "
        "`healthcheck`, or wait for `service_started`",
    ),
    (
        TWO % ("depends_on: {db: service_completed_successfully}", DB, "restart: always"),
        f"{BEGIN + 2}:37: `db` never completes: it is restarted (`restart: always`); wait for",
    ),
    (
        TWO % ("depends_on: {db: service_started}", DB, "profiles: [check]"),
        f"{BEGIN + 2}:37: `db` is started with the profile check only, `web` without it too; give",
    ),
    (
        TWO
        % (
            "depends_on: {db: service_started}",
            "ns/a",
            "depends_on: {web: service_started}",
        ),
        f"{BEGIN + 3}:36: services wait for each other: db -> web -> db; remove one of these",
    ),
    (
        f"{SERVICE}      depends_on: {{web: service_started}}\n",
        f"{FOUR}:20: services wait for each other: web -> web; remove one of these conditions",
    ),
    (
        TWO % ("volumes: ['data:/x']", DB, "volumes: ['dta:/x']") + "  volumes: [data]\n",
        f"{BEGIN + 3}:59: there is no volume `dta`; did you mean `data`?",
    ),
    (
        f"{SERVICE}      volumes: ['data:/x']\n",
        f"{FOUR}:17: there is no volume `data`; list it below `volumes`",
    ),
    (f"{SERVICE}  volumes: [data]\n", f"{FOUR}:3: no service mounts the volume `data`; mount it"),
    (
        f"{SERVICE}      volumes: ['/a:/x', '/b:/x/']\n",
        f"{FOUR}:26: `/x/` is mounted twice; remove one of them",
    ),
    (
        TWO % ("ports: ['80:80']", DB, "ports: ['127.0.0.1:80:8080']"),
        f"{BEGIN + 2}:32: the service `db` has the port 80 already; publish one of them on",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), MISTAKES, ids=[case[1] for case in MISTAKES])
def test_a_mistake_is_one_sentence_with_its_place(catalogue, text, sentence):
    with pytest.raises(InputError) as caught:
        read(catalogue, text)
    message = str(caught.value)
    assert message.startswith(f"{NS}:{sentence}")
    assert "hunter2" not in message


SOUND = [
    TWO % ("ports: ['80:80']", DB, "ports: ['80:80/udp']"),
    TWO % ("ports: ['127.0.0.1:80:80']", DB, "ports: ['127.0.0.2:80:80']"),
    TWO % ("profiles: [one], depends_on: {db: service_started}", DB, "profiles: [one, two]"),
    TWO % ("environment: {DB_PASSWORD_FILE: /run/x, TOKEN: ''}", DB + "@sha256:" + "0" * 64, ""),
    "deployment: {streams: [master], services: {web: {image: ns/a}}}\n",
    TWO % ("command: [x, '--password=$X', '--token-file=/x']", DB, "restart: no"),
    TWO % ("environment: {URL: 'db://me:$X@db'}", DB, "restart: no"),
]


@pytest.mark.parametrize("text", SOUND)
def test_what_could_start_is_taken(catalogue, text):
    assert read(catalogue, text) is not None
