"""Where a namespace says that Kolla's images are published: their names, and real registries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from testing.servers import push, tagged

pytest.importorskip("kolla")
pytest_plugins = ["testing.servers"]

NAMESPACE = """\
source: kolla
kolla: {base: debian, base_tag: trixie, regex: [^cron$]%s}
streams:
  master: {%s}
%s
"""


@pytest.fixture
def distgen(catalogue, cache):
    """Return a function that runs a command on a namespace with these lines."""

    def run(lines, *words, kolla="", stream="tags: [one, two]", files=None):
        text = NAMESPACE % (kolla, stream, lines)
        root = catalogue({"overlays/kolla/namespace.yaml": text, **(files or {})})
        done = subprocess.run(
            [sys.executable, "-m", "distgen", "-C", str(root), *map(str, words)],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(cache), "XDG_STATE_HOME": str(root / "state")},
        )
        assert "Traceback" not in done.stderr
        return done

    return run


def references(done):
    assert done.returncode == 0, done.stderr
    return {row["name"]: (row["reference"], row["tags"]) for row in json.loads(done.stdout)}


def kolla_build(work: Path, *arguments: str) -> dict[str, bytes]:
    """Return the Dockerfiles of the real tool."""
    pytest.importorskip("docker")
    (work / "home").mkdir(parents=True)
    command = [sys.executable, "-m", "kolla.cmd.build", "--template-only", "--work-dir", str(work)]
    environ = {"PATH": os.environ["PATH"], "HOME": str(work / "home")}
    subprocess.run([*command, *arguments], check=True, capture_output=True, env=environ)
    found = (work / "docker").rglob("Dockerfile")
    return {path.parent.name: path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("lines", "kolla", "options", "name"),
    [
        (
            "registry: localhost:5000/acme\nrepository: 'kolla-{image}'",
            "",
            ["--registry=localhost:5000", "--namespace=acme", "--image-name-prefix=kolla-"],
            "localhost:5000/acme/kolla-",
        ),
        (
            "registry: quay.io/some/where\nrepository: '{namespace}/{image}'",
            ", namespace: some/where/kolla",
            ["--registry", "quay.io", "--namespace", "some/where/kolla"],
            "quay.io/some/where/kolla/",
        ),
        (
            "registry: localhost:5000",
            "",
            ["--namespace", "localhost:5000"],
            "localhost:5000/",
        ),
        (
            "registry: localhost:5000",
            ", namespace: acme, image-name-prefix: my-",
            ["--registry", "localhost:5000", "--namespace", "acme", "--image-name-prefix", "my-"],
            "localhost:5000/acme/my-",
        ),
        (
            "repository: 'kolla-{image}'",
            "",
            ["--image-name-prefix", "kolla-"],
            "docker.io/kolla/kolla-",
        ),
    ],
)  # fmt: skip
def test_the_place_that_a_namespace_names_is_that_of_kolla_build(
    distgen, tmp_path, lines, kolla, options, name
):
    """Images were called docker.io/kolla whatever the namespace said."""
    rows = references(distgen(lines, "list", "--format", "json", kolla=kolla))
    assert rows["cron"] == (f"{name}cron:one", ["one", "two"])
    assert distgen(lines, "render", "-o", tmp_path / "out", kolla=kolla).returncode == 0
    usual = ["--base", "debian", "--base-tag", "trixie", "--base-arch", "x86_64", "--tag", "one"]
    for image, content in kolla_build(tmp_path / "work", *usual, *options, "^cron$").items():
        place = tmp_path / "out/kolla" / image / "master/Dockerfile"
        assert place.read_bytes() == content, image


def test_without_a_word_of_the_namespace_kolla_decides(distgen):
    rows = references(distgen("", "list", "--format", "json", kolla=", tag: '1'", stream=""))
    assert rows["cron"] == ("docker.io/kolla/cron:1", ["1"])
    rows = references(distgen("", "list", "--format", "json", kolla=", tag: '1'"))
    assert rows["cron"] == ("docker.io/kolla/cron:1", ["1", "one", "two"])


@pytest.mark.parametrize(
    ("lines", "kolla", "sentence"),
    [
        (
            "registry: quay.io/acme", ", namespace: other",
            "Kolla's option namespace is `other`, and the namespace says `acme`",
        ),
        (
            "registry: quay.io/acme", ", registry: docker.io",
            "Kolla's option registry is `docker.io`, and the namespace says `quay.io`",
        ),
        (
            "registry: quay.io/acme\nrepository: 'x-{image}'", ", image_name_prefix: y-",
            "Kolla's option image_name_prefix is `y-`, and the namespace says `x-`",
        ),
        (
            "registry: quay.io/acme\nrepository: '{image}-x'", "",
            "the repository `{image}-x` does not end in `{image}`, as Kolla's do",
        ),
        (
            "registry: quay.io/acme", ", kolla_conf: kolla.conf",
            "Kolla's option namespace is `of-the-file`, and the namespace says `acme`",
        ),
        ("registry: acme", "", "does not begin with the name of a host"),
        ("tags: {aliases: ['{X}']}", "", "images of a source have no component"),
        ("tags: {component: nova}", "", "images of a source have no component"),
    ],
)  # fmt: skip
def test_two_places_that_differ_are_refused(distgen, lines, kolla, sentence):
    files = {"kolla.conf": "[DEFAULT]\nnamespace = of-the-file\n"}
    done = distgen(lines, "list", kolla=kolla, files=files)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("distgen: overlays/kolla/namespace.yaml")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_promotion_asks_the_registry_of_the_namespace(distgen, open_registry):
    digest = push(open_registry, "promote/kolla-cron", "one")
    push(open_registry, "promote/kolla-base", "one")
    lines = f"registry: {open_registry.host}/promote\nrepository: 'kolla-{{image}}'"
    words = ("promote", "--from", "one", "--to", "current", "--format", "json")
    done = distgen(lines, *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"] == {"promoted": 2}
    assert tagged(open_registry, "promote/kolla-cron") == ["current", "one"]
    row = next(row for row in json.loads(done.stdout)["results"] if row["image"] == "kolla/cron")
    assert (row["reference"], row["new"]) == (
        f"{open_registry.host}/promote/kolla-cron:current", digest,
    )  # fmt: skip


def test_pruning_asks_the_registry_of_the_namespace(distgen, open_registry):
    created = (datetime.now(timezone.utc) - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name in ("base", "cron"):
        for tag in ("one", "current", "old"):
            labels = {"tag": tag}
            push(open_registry, f"prune/{name}", tag, created=created, labels=labels)
    lines = (
        f"registry: {open_registry.host}/prune\n"
        "tags: {promoted: [current]}\nretention: {days: {'*': 7}}"
    )
    done = distgen(lines, "prune", "--apply", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert tagged(open_registry, "prune/cron") == ["current", "one"]
    assert tagged(open_registry, "prune/base") == ["current", "one"]


def test_an_image_of_a_template_is_built_on_kollas_where_it_is_published(distgen, tmp_path):
    files = {
        "templates/app/template.yaml": "description: x\nvalues: {}\n",
        "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n",
        "overlays/own/namespace.yaml": "registry: quay.io/own\nstreams: {master: {}}\n",
        "overlays/own/app.yaml": "template: app\nfrom: kolla/cron\n",
    }
    done = distgen("registry: quay.io/acme", "list", "own/app", "--format", "json", files=files)
    assert json.loads(done.stdout)[0]["from"] == "kolla/cron@master"
    out = tmp_path / "out"
    assert distgen("registry: quay.io/acme", "render", "-o", out, files=files).returncode == 0
    assert "FROM quay.io/acme/cron:one\n" in (out / "own/app/master/Dockerfile").read_text()
