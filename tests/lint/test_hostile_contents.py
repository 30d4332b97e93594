"""Files whose contents would keep a rule busy for ever: lint ends, and names what it can."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from distgen.catalogue.load import load_catalogue
from distgen.lint.check import lint
from distgen.lint.work import plan_work
from distgen.model.lock import Lock

KEY = "-----BEGIN PRIVATE KEY-----"
HEAD = "FROM docker.io/library/debian:12\n"
SECONDS = 20
HOSTILE = {
    "headers of a key": ("a.txt", KEY + "a: " * 60),
    "keys of headers": ("a.txt", f"a: {KEY}\n" * 3_000),
    "tokens in tokens": ("a.txt", "eyJ-" * 200_000),
    "options of python": ("a.txt", "#!/usr/bin/python3 " + "-a" * 60 + " b\n"),
    "passwords": ("a.txt", "https://u:abcdef1@h\n" * 30_000),
    "stars": (".dockerignore", "*a" * 40 + "b\n"),
    "double stars": (".dockerignore", "**a" * 40 + "b\n"),
    "heredocs": ("Dockerfile", HEAD + "RUN <<E\n" * 4_000),
    "a long Dockerfile": ("Dockerfile", HEAD + "RUN -\\\n" + "-\\\n" * 300_000),
    "copies": ("Dockerfile", HEAD + "COPY a b\n" * 20_000),
    "commands in commands": ("Dockerfile", HEAD + "RUN " + "$(" * 20_000 + ")" * 20_000),
    "blank lines": ("Dockerfile", HEAD + "RUN <<E\n" + "\n" * 60_000 + "E\n"),
}


@pytest.fixture(autouse=True)
def end_of_patience() -> Iterator[None]:
    """End a test whose rule does not: the expressions of Python can be interrupted."""
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def findings(catalogue, files: dict[str, str], template: str = "description: x\n"):
    root = catalogue(
        {
            "templates/app/template.yaml": template,
            "templates/app/Dockerfile.raw": HEAD,
            f"templates/app/{'a' * 200}": "",
            "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {main: {}}\n",
            "overlays/ns/tool.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
        }
    )
    for path, text in files.items():
        name = f"{path}.raw" if path != "Dockerfile.j2" else path
        (root / "templates/app" / name).write_text(text)
    if "Dockerfile.j2" in files:
        (root / "templates/app/Dockerfile.raw").unlink()
    loaded = load_catalogue(root)
    begin = time.process_time()
    remarks = lint(plan_work(loaded, Lock(), loaded.images), lambda _: ())
    assert time.process_time() - begin < SECONDS
    assert not [remark for remark in remarks if remark.message.endswith(": ")]
    return [remark.code for remark in remarks]


@pytest.mark.parametrize(("path", "text"), HOSTILE.values(), ids=HOSTILE.keys())
def test_lint_ends(catalogue, path: str, text: str):
    assert findings(catalogue, {path: text})


def test_a_dockerfile_that_is_too_long_is_an_error(catalogue):
    assert "DG001" in findings(catalogue, {"Dockerfile": HEAD + "RUN true\n" * 40_000})


def test_a_run_of_many_values_is_read_once(catalogue):
    text = HEAD + "RUN true {% for i in range(2000) %}{{ '>' ~ i }} {% endfor %}\n"
    assert findings(catalogue, {"Dockerfile.j2": text}).count("DG113") == 2000


def test_a_large_number_is_json(catalogue):
    assert "DG302" not in findings(catalogue, {"a.json": "9" * 100_000})


def test_python_that_is_nested_too_deep_is_a_finding(catalogue):
    text = "#!/usr/bin/python3\nx = " + "(" * 5000 + ")" * 5000
    assert "DG305" in findings(catalogue, {"a": text})


@pytest.mark.parametrize("middle", ["\n", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n", r"\n"])
def test_a_key_is_found_behind_its_headers(catalogue, middle: str):
    text = f"{KEY}{middle}MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"
    assert "DG304" in findings(catalogue, {"a.txt": text})


@pytest.mark.parametrize("options", ["", " -E", " -E -s", "  -I  "])
def test_a_script_of_python_is_read(catalogue, options: str):
    assert "DG303" in findings(catalogue, {"a": f"#!/usr/bin/env python3.11{options}\nx = (\n"})
