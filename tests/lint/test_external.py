"""hadolint and shellcheck are run as they are: once for each distinct file, and nothing else."""

from __future__ import annotations

import pytest
from testing.images import image, tree

from distgen.lint import external
from distgen.model.rendered import File, Tree
from distgen.model.words import REGULAR, SYMLINK

NODEPOOL, ZUUL = image("opendev/nodepool"), image("opendev/zuul")
DOCKERFILE = "FROM debian:12\nRUN cd /opt && true\n"
UNQUOTED = "#!/bin/sh\necho $1\n"


def brief(found):
    return [(f.image, f.path, f.line, f.column, f.code, f.level) for f in found]


def test_findings_of_a_dockerfile():
    assert [
        (f.image, f.stream, f.path, f.line, f.column, f.code, f.level, f.message, f.origin)
        for f in external.lint([tree(NODEPOOL, {"Dockerfile": DOCKERFILE})])
    ] == [
        (
            "opendev/nodepool",
            "master",
            "Dockerfile",
            2,
            1,
            "DL3003",
            "warning",
            "Use WORKDIR to switch to a directory",
            None,
        )
    ]


def test_one_content_in_many_images_is_found_in_each():
    trees = [
        tree(ZUUL, {"Dockerfile": DOCKERFILE, "sub/Dockerfile.old": DOCKERFILE}),
        tree(NODEPOOL, {"Containerfile": "FROM debian:12\n", "Dockerfile": DOCKERFILE}),
    ]
    assert [(f.image, f.path, f.code) for f in external.lint(trees)] == [
        ("opendev/nodepool", "Dockerfile", "DL3003"),
        ("opendev/zuul", "Dockerfile", "DL3003"),
        ("opendev/zuul", "sub/Dockerfile.old", "DL3003"),
    ]


def test_a_dockerfile_that_cannot_be_read_does_not_hide_the_others():
    trees = [
        tree(NODEPOOL, {"Dockerfile": "FROM debian:12\nFOO\n"}),
        tree(ZUUL, {"Dockerfile": DOCKERFILE}),
        tree(image("opendev/empty"), {"Dockerfile": ""}),
    ]
    assert [(f.image, f.code, f.level) for f in external.lint(trees)] == [
        ("opendev/nodepool", "DL1000", "error"),
        ("opendev/zuul", "DL3003", "warning"),
    ]
    assert "\n" not in external.lint(trees)[0].message


@pytest.mark.parametrize("words", ["FROM", "  from", "FROM --platform=linux/amd64"])
def test_a_base_in_a_registry_of_this_machine_can_be_read(words):
    """hadolint stopped with DL1000 at `localhost:5000/ns/base:main`, whatever else was wrong."""
    text = f"{words} localhost:5000/ns/base:main AS base\nRUN cd /srv || exit 1\n"
    findings = external.lint([tree(NODEPOOL, {"Dockerfile": text})])
    assert {"DL3003"} <= {f.code for f in findings} <= {"DL3003", "DL3029"}


def test_text_that_is_not_ascii_or_not_utf8_is_linted():
    files = {"Dockerfile": "FROM debian:12\n# “é”\nRUN cd /é\n".encode(), "a.sh": "# é\necho $é\n"}
    latin = {"Dockerfile": "FROM debian:12\nRUN cd /é\n".encode("latin-1")}
    found = external.lint([tree(NODEPOOL, files), tree(ZUUL, latin)])
    assert {(f.image, f.path) for f in found} >= {
        ("opendev/nodepool", "Dockerfile"),
        ("opendev/zuul", "Dockerfile"),
    }


def test_findings_of_scripts_in_the_dialect_of_their_first_line():
    arrays = 'a=(1 2)\necho "${a[0]}"\n'
    files = {
        "posix": f"#!/bin/sh\n{arrays}",
        "bash": f"#!/usr/bin/env -S LC_ALL=C bash -e\n{arrays}",
        "busybox": '#!/bin/busybox sh\nlocal=1\necho "$local"\n',
        "alpine": '#!/bin/ash\nf() { local x=1; echo "$x"; }\nf\n',
        "lib.sh": "echo $HOME\n",
        "lib.bash": '# shellcheck shell=bash\na=(1 2)\necho "${a[0]}"\n',
        "other.sh": "#!/usr/bin/python3\nx = 1\n",
        "python": "#!/usr/bin/env python3\nx = 1\n",
        "notes.txt": "echo $HOME\n",
    }
    assert brief(external.lint([tree(NODEPOOL, files)])) == [
        ("opendev/nodepool", "lib.sh", 1, 6, "SC2086", "info"),
        ("opendev/nodepool", "posix", 2, 3, "SC3030", "warning"),
        ("opendev/nodepool", "posix", 3, 7, "SC3054", "warning"),
    ]


def test_a_script_that_would_take_all_memory_is_a_finding_and_the_others_are_read():
    files = {"long.sh": UNQUOTED + "true\n" * 60_000, "start.sh": UNQUOTED}
    assert brief(external.lint([tree(NODEPOOL, files)])) == [
        ("opendev/nodepool", "long.sh", 1, 1, "SC0000", "warning"),
        ("opendev/nodepool", "start.sh", 2, 6, "SC2086", "info"),
    ]


def test_a_script_may_source_what_is_only_in_the_image():
    text = "#!/bin/sh\n. /usr/local/lib/common.sh\n"
    assert external.lint([tree(NODEPOOL, {"start.sh": text})]) == ()


def test_findings_of_all_linters_are_sorted():
    files = {"start.sh": UNQUOTED, "Dockerfile": DOCKERFILE}
    found = external.lint([tree(ZUUL, files), tree(NODEPOOL, files)])
    assert [(f.image, f.path, f.code) for f in found] == [
        ("opendev/nodepool", "Dockerfile", "DL3003"),
        ("opendev/nodepool", "start.sh", "SC2086"),
        ("opendev/zuul", "Dockerfile", "DL3003"),
        ("opendev/zuul", "start.sh", "SC2086"),
    ]


def test_nothing_to_lint():
    assert external.lint([]) == ()
    assert external.lint([tree(NODEPOOL, {"README": "words"})]) == ()


def test_links_and_run_time_templates_are_left_alone():
    files = (
        File("Dockerfile", b"../elsewhere", SYMLINK),
        File("Dockerfile.j2", DOCKERFILE.encode(), REGULAR),
        File("Dockerfile.dockerignore", b"*\n", REGULAR),
        File("start.sh.j2", b"{{ x }}", REGULAR),
        File("data.sh", b"\0\1", REGULAR),
    )
    assert external.lint([Tree("opendev/a", "master", files)]) == ()


def test_the_environment_and_the_working_directory_change_nothing(tmp_path, monkeypatch):
    (tmp_path / ".hadolint.yaml").write_text("ignored: [DL3003]\n")
    (tmp_path / ".shellcheckrc").write_text("disable=SC2086\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HADOLINT_IGNORE", "DL3003")
    monkeypatch.setenv("HADOLINT_FORMAT", "tty")
    monkeypatch.setenv("SHELLCHECK_OPTS", "-e SC2086")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = external.lint([tree(NODEPOOL, {"start.sh": UNQUOTED, "Dockerfile": DOCKERFILE})])
    assert [f.code for f in found] == ["DL3003", "SC2086"]


def test_comments_in_a_file_may_still_silence_a_rule():
    text = "FROM debian:12\n# hadolint ignore=DL3003\nRUN cd /opt && true\n"
    assert external.lint([tree(NODEPOOL, {"Dockerfile": text})]) == ()
