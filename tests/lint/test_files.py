"""Files of a tree that are broken, unusable or secret are found by their content."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import warnings
from base64 import b64encode

import pytest
from testing.images import image, tree
from testing.linting import check_tree

from distgen.dockerfile.parse import parse
from distgen.model.rendered import File, Tree
from distgen.model.words import REGULAR, SYMLINK

CODES = ("DG301", "DG302", "DG303", "DG304", "DG305")
KEY = "QUJDREVG" * 8
DASHES = "-" * 5
TOKEN = "gh" + "p_" + "a1B2" * 9


def contents(made, dockerfile, base=None):
    """Return what rules say of the files of a tree; `base` is its parent's Dockerfile."""
    parent = image("opendev/parent")
    of = image("opendev/a", base="parent:1", keys={"parent:1": parent.key} if base else {})
    dockerfiles = {of.key: dockerfile, **({parent.key: base} if base else {})}
    return check_tree(of, made, dockerfiles, CODES, others=(parent,))


def said(files, dockerfile="FROM a:1\n"):
    found = contents(tree(image(), files), parse(dockerfile))
    return [(f.code, f.path, f.line, f.level, f.message) for f in found]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.yaml", "a: [1\nb: 2\n", ("DG301", 2, "error")),
        ("a.yml", "a: b: c\n", ("DG301", 1, "error")),
        ("a.yaml", "a: \x07\n", ("DG301", 1, "error")),
        ("a.json", '{\n"a": 1\n"b": 2}\n', ("DG302", 3, "error")),
        ("a.json", "[" * 100_000, ("DG302", 1, "error")),
        ("a.py", "#!/usr/bin/python3\nprint 'a'\n", ("DG305", 2, "error")),
        ("tool", "#!/usr/bin/env python3.11\ndef f(:\n", ("DG305", 2, "error")),
    ],
)
def test_a_file_that_its_reader_refuses_is_an_error_with_its_line(path, text, expected):
    assert [(f[0], f[2], f[3]) for f in said({path: text})] == [expected]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yaml", "---\na: !tag 1\n---\nb: {c: 3.10}\n"),
        ("a.yaml", ""),
        ("a.yaml.j2", "{% if a %}\n"),
        ("a.json", "{}"),
        ("a.jsonc", "// no"),
        ("a.py", "#!/usr/bin/python2\nprint 'a'\n"),
        ("a.py", "#!/usr/bin/env python\nprint 'a'\n"),
        ("a.py", "print 'a'\n"),
        ("a.py", "#!/usr/bin/env python3\nprint('\\d')\n"),
        ("a.yaml", b"\0\1\2: ["),
    ],
)
def test_files_that_are_well_or_not_meant_for_a_reader(path, text):
    assert said({path: text}) == []


# --- scripts ---------------------------------------------------------------------------------


def script(dockerfile, path="bin/start.sh"):
    of = image()
    one = Tree(of.full_name, "master", (File(path, b"#!/bin/sh\n", REGULAR),))
    return [(f.code, f.path, f.line, f.level) for f in contents(one, parse(dockerfile))]


def test_a_script_that_nobody_makes_executable_is_a_warning():
    assert script("FROM a:1\nCOPY bin /\n") == [("DG303", "bin/start.sh", 1, "warning")]
    assert script("FROM a:1\nCOPY --chmod=644 bin /\n") != []
    assert script("FROM a:1\nCOPY --chmod=755 other /\n") != []
    assert script("FROM a:1\nRUN chmod +x /stop.sh\n") != []


@pytest.mark.parametrize(
    "line",
    [
        "COPY --chmod=0755 bin /",
        "COPY --chmod=a+x . /",
        "COPY --chmod=755 bin/*.sh /",
        "COPY bin /\nRUN true && chmod 755 /bin/start.sh",
        "COPY bin /\nRUN chmod +x /usr/bin/*.sh",
        "COPY bin /opt\nRUN chmod -R 755 /opt",
        "COPY bin /\nRUN <<EOF\nchmod +x /start.sh\nEOF",
    ],
)
def test_the_dockerfile_may_make_a_script_executable(line):
    assert script(f"FROM a:1\n{line}\n") == []


def test_the_triggers_of_the_base_may_make_a_script_executable():
    base = parse("FROM x\nRUN chmod +x /other\nONBUILD COPY . /\nONBUILD RUN chmod +x /*.sh\n")
    one = Tree("opendev/a", "master", (File("start.sh", b"#!/bin/sh\n", REGULAR),))
    assert contents(one, parse("FROM a:1\n"), base) == ()
    assert [f.code for f in contents(one, base)] == ["DG303"]


def test_executable_scripts_and_links_are_left_alone():
    assert said({"start.sh": "#!/bin/sh\n", "lib.sh": "true\n"}) == []
    link = Tree("opendev/a", "master", (File("a.json", b"#!../else", SYMLINK),))
    assert contents(link, parse("FROM a:1\n")) == ()


# --- secrets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (f"a\n{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n{KEY}\n", 2, "a private key"),
        (f"{DASHES}BEGIN PRIVATE KEY{DASHES}\\n{KEY}", 1, "a private key"),
        (f"{DASHES}BEGIN OPENSSH PRIVATE KEY{DASHES}\n{KEY}", 1, "a private key"),
        (
            f"{DASHES}BEGIN EC PRIVATE KEY{DASHES}\nProc-Type: 4,ENCRYPTED\n\n{KEY}",
            1,
            "a private key",
        ),
        ("id=" + "AKIA" + "QWERTYUIOPASDFGH", 1, "an AWS access key"),
        ("aws_secret_access_key = " + "aB3/" * 10, 1, "an AWS secret key"),
        ("ENV AWS_SECRET_ACCESS_KEY=" + "aB3/" * 10, 1, "an AWS secret key"),
        (f"TOKEN={TOKEN}", 1, "a GitHub token"),
        ("git" + "hub_pat_" + "a1B2" * 16, 1, "a GitHub token"),
        ("glp" + "at-" + "a1B2" * 5, 1, "a GitLab token"),
        ("xo" + "xb-123456789012-abcdefghijkl", 1, "a Slack token"),
        ("pypi-" + "AgEIcHlwaS5vcmc" + "a1B2" * 15, 1, "a PyPI token"),
        ("npm" + "_" + "a1B2" * 9, 1, "an npm token"),
        ("AI" + "za" + "a1B2-" * 7, 1, "a Google API key"),
        ("sk_" + "live_" + "a1B2" * 6, 1, "a Stripe key"),
        ("eyJ" + "a1B2" * 5 + ".eyJ" + "a1B2" * 5 + "." + "a1B2" * 6, 1, "a JSON web token"),
        ('{"auth": "' + b64encode(b"robot:f00barBAZ9").decode() + '"}', 1, "a registry password"),
        ("url=https://robot:f00barBAZ9@example.org/x", 1, "a URL with a password"),
    ],
)
def test_a_secret_is_found_by_its_shape_and_not_repeated(text, line, what):
    assert said({"file": text}) == [("DG304", "file", line, "error", f"this looks like {what}")]


@pytest.mark.parametrize(
    "text",
    [
        "ENV MYSQL_PASSWORD=password",
        "ENV KEYSTONE_PASSWORD secretadmin",
        "mysql+pymysql://monapi:password@mysql:3306/mon",
        "amqp://guest:guest@rabbit",
        "https://user:$PASSWORD1@example.org",
        "https://user:${P4SSWORD}@example.org",
        "https://user:{{ token1 }}@example.org",
        "https://user:<token1>@example.org",
        "https://example.org:8080/a@b",
        "AKIA" + "IOSFODNN7EXAMPLE",
        f"grep -q '{DASHES}BEGIN RSA PRIVATE KEY{DASHES}' file",
        f"{DASHES}BEGIN CERTIFICATE{DASHES}\n{KEY}",
        '{"auth": "keystonekeystonekeystone"}',
        '{"auth": "keystone12345"}',
        f"{DASHES}BEGIN PUBLIC KEY{DASHES}\n{KEY}",
        "FROM a@sha256:" + "ab12" * 16,
        "commit " + "ab12" * 10,
        "a" * 100_000,
        "a.b+c-d" * 20_000,
    ],
)
def test_defaults_variables_and_public_keys_are_no_secrets(text):
    assert said({"file": text}) == []


def test_reading_python_leaves_the_warnings_of_other_threads_as_they_are(monkeypatch):
    """A library that was imported meanwhile printed what it had told Python to hide."""
    read = ast.parse

    def read_beside_an_import(*words):
        warnings.simplefilter("ignore", BytesWarning)
        return read(*words)

    monkeypatch.setattr(ast, "parse", read_beside_an_import)
    with warnings.catch_warnings():
        assert [f[0] for f in said({"b.py": "#!/usr/bin/python3\nbeside an import\n"})] == ["DG305"]
        assert ("ignore", None, BytesWarning, None, 0) in warnings.filters


def test_python_does_not_warn_of_a_linted_file():
    text = "#!/usr/bin/python3\nprint('\\d', 1 is 1)\n"
    program = f"""
from testing.images import image, tree
from testing.linting import check_tree
from distgen.dockerfile.parse import parse
of = image()
print(check_tree(of, tree(of, {{"a.py": {text!r}}}), {{of.key: parse("FROM a:1\\n")}}, ("DG305",)))
"""
    words = [sys.executable, "-W", "always", "-c", program]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, check=False, env=environ, capture_output=True, text=True)
    assert done.stdout == "()\n", done.stderr
    assert "escape" not in done.stderr
    assert "literal" not in done.stderr
