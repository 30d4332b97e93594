"""`distgen import --factor`: files that are equal but for words become one template with values."""

import json

import pytest
from testing.repositories import Entry, branch_files, make_repository, rendered_files

pytest_plugins = ["testing.commandline"]

DOCKERFILE = """\
FROM quay.io/acme/base:{version}

LABEL name={name} version="{version}"


RUN apt-get install -y {package}
COPY run.sh /
CMD ["/run.sh", "--port", "{port}"]"""


def service(name, version, package, port):
    return {
        "Dockerfile": DOCKERFILE.format(name=name, version=version, package=package, port=port),
        "run.sh": Entry(f"#!/bin/sh\nexec {name}  \n".encode(), "100755"),
        "LICENSE": "All rights reserved\r\n",
        "logo.png": b"\x89PNG\0",
        ".gitignore": "*\n",
        f"{name}.conf": "{{ own }}\n",
    }


SERVICES = {
    "nova": service("nova", "1.0", "python3-nova", "8774"),
    "glance": service("glance", "1.0", "python3-glance", "9292"),
    "heat": service("heat", "1.1", "python3-heat", "8004"),
}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "distgen.yaml").write_text("version: 1\n")
    return folder


def bring(distgen, root, tmp_path, services, *words):
    places = {
        name: make_repository(tmp_path / f"{name}.git", {"main": files})
        for name, files in services.items()
    }
    ran = distgen(root, "import", *places.values(), "--namespace", "acme", "--factor", *words)
    before = {f"acme/{name}@main": branch_files(path, "main") for name, path in places.items()}
    return ran, before


def test_like_files_become_a_template_and_the_same_bytes(distgen, root, tmp_path):
    other = {"Dockerfile": "FROM scratch\n"}
    ran, before = bring(distgen, root, tmp_path, {**SERVICES, "other": other})
    assert (ran.code, ran.err.splitlines()[0]) == (0, "4 imported")
    assert rendered_files(root, "acme") == before
    template = (root / "templates/acme/Dockerfile.j2").read_text()
    assert template == DOCKERFILE.format(
        version="{{ version }}", name="{{ image.name }}", package="{{ install }}", port="{{ port }}"
    )
    assert sorted(path.name for path in (root / "templates/acme").iterdir()) == [
        *("Dockerfile.j2", "LICENSE", "logo.png", "run.sh.j2", "template.yaml")
    ]
    left = (root / "overlays/acme/nova").rglob("*")
    assert sorted(path.name for path in left if path.is_file()) == [".gitignore.raw", "nova.conf"]
    assert "template: acme\n" in (root / "overlays/acme/nova.yaml").read_text()
    assert "template: verbatim\n" in (root / "overlays/acme/other.yaml").read_text()
    assert "+++ b/templates/acme/Dockerfile.j2\n" in ran.out
    assert (
        "-template: verbatim\n+template: acme\n from: quay.io/acme/base:1.0\n+values:\n" in ran.out
    )


def test_a_dry_run_shows_the_diff_and_writes_nothing(distgen, root, tmp_path):
    ran, _ = bring(distgen, root, tmp_path, SERVICES, "--dry-run", "--format", "json")
    printed = json.loads(ran.out)
    assert "+++ b/templates/acme/Dockerfile.j2\n" in printed["diff"]
    assert [path.name for path in root.iterdir()] == ["distgen.yaml"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("FROM scratch\nRUN a b\n", "FROM scratch\nRUN a\n"),
        ("FROM scratch\r\nRUN a\r\n", "FROM scratch\r\nRUN b\r\n"),
        ("FROM scratch\nRUN {{ a }}\n", "FROM scratch\nRUN {{ b }}\n"),
        ("FROM scratch\nRUN {# a #}\n", "FROM scratch\nRUN {# b #}\n"),
        (b"FROM scratch\nRUN a \xc3\xa9\n", b"FROM scratch\nRUN b \xc3\xa8\n"),
    ],
)
def test_what_differs_in_more_than_words_comes_in_as_it_is(distgen, root, tmp_path, first, second):
    services = {"a": {"Dockerfile": first}, "b": {"Dockerfile": second}}
    ran, before = bring(distgen, root, tmp_path, services)
    assert ran.code == 0
    assert "no two images have Dockerfiles that are equal but for words" in ran.err
    assert rendered_files(root, "acme") == before
    assert sorted(path.name for path in (root / "templates").iterdir()) == ["verbatim"]


def test_odd_words_and_names_give_the_same_bytes(distgen, root, tmp_path):
    """Words that YAML reads as numbers or truth, and words before them that no value may have."""
    words = ["1.10", "0x1F", "null", "yes", "2024-01-01", "1_0", "+", "-", "."]
    services = {
        f"i{number}": {
            "Dockerfile": f"FROM scratch\nENV image {word} base {word}1 for {word}2\n{word}3\n#",
            "tests.yaml": word,
            "template.yaml": word,
            "a.j2": word,
            "a.j2.raw": word,
            "{{ x }}": word,
            "patches/x": word,
            "link": Entry(b"Dockerfile", "120000"),
        }
        for number, word in enumerate(words)
    }
    for files in services.values():
        files["Dockerfile"] = (
            files["Dockerfile"].replace("\n", " \\\n").replace(" \\\nENV", "\nENV")
        )
    ran, before = bring(distgen, root, tmp_path, services)
    assert ran.code == 0, ran.err
    assert rendered_files(root, "acme") == before
    assert (root / "templates/acme").is_dir()
