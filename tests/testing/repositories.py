"""Repositories of images as people have them, for imports."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distgen.catalogue.load import load_catalogue
from distgen.model.lock import Lock
from distgen.render.renderer import Renderer

EXECUTABLE, LINK, PLAIN = "100755", "120000", "100644"


@dataclass(frozen=True)
class Entry:
    """A file with its mode in git; `SUBMODULE` is the mode of a commit."""

    content: bytes
    mode: str = PLAIN


Files = Mapping[str, "str | bytes | Entry"]
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.org",
    "GIT_AUTHOR_DATE": "2024-05-01T12:00:00Z",
    "GIT_COMMITTER_DATE": "2024-05-01T12:00:00Z",
}


def run_git(*words: str, folder: Path, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        input=stdin,
        capture_output=True,
        check=True,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
    )
    return done.stdout


def make_repository(folder: Path, branches: Mapping[str, Files], *options: str) -> Path:
    """Make a bare repository whose branches hold exactly these bytes; HEAD is on the first.

    What git itself would not check out can be written so, too.
    """
    folder.mkdir(parents=True)
    run_git("init", "-q", "--bare", "-b", next(iter(branches)), *options, ".", folder=folder)
    stream = b"".join(_commit(branch, files) for branch, files in branches.items())
    run_git("fast-import", "--quiet", "--force", folder=folder, stdin=stream)
    return folder


def _commit(branch: str, files: Files) -> bytes:
    lines = [f"commit refs/heads/{branch}\ncommitter C <c@example.org> 1714564800 +0000\n"]
    lines.append("data 6\nFirst\n\n")
    parts = ["".join(lines).encode()]
    for path, given in files.items():
        entry = given if isinstance(given, Entry) else Entry(_bytes(given))
        name = path.encode("utf-8", "surrogateescape")
        quoted = b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        quoted = quoted.replace(b"\n", b"\\n")
        if entry.mode == "160000":
            parts.append(b"M 160000 " + entry.content + b" " + quoted + b"\n")
        else:
            head = b"M " + entry.mode.encode() + b" inline " + quoted
            parts.append(head + b"\ndata %d\n" % len(entry.content) + entry.content + b"\n")
    return b"".join(parts)


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


def branch_files(repository: Path, branch: str) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of each file of a branch, read by git."""
    listing = run_git("ls-tree", "-r", "-z", branch, folder=repository)
    rows = [row.partition(b"\t") for row in listing.split(b"\0") if row]
    ids = b"".join(head.split()[2] + b"\n" for head, _, _ in rows)
    answer = run_git("cat-file", "--batch", folder=repository, stdin=ids)
    files = {}
    for head, _, name in rows:
        line, _, answer = answer.partition(b"\n")
        size = int(line.split()[2])
        files[os.fsdecode(name)] = (int(head.split()[0], 8), answer[:size])
        answer = answer[size + 1 :]
    return files


def rendered_files(root: Path, namespace: str) -> dict[str, dict[str, tuple[int, bytes]]]:
    """Return mode and content of each file that a namespace's images are rendered to, by key."""
    catalogue = load_catalogue(root)
    renderer = Renderer(catalogue, Lock())
    trees = [renderer.tree(image) for image in catalogue.images if image.namespace == namespace]
    return {
        tree.key: {file.path: (file.mode, file.content) for file in tree.files} for tree in trees
    }


BASES = (
    *("docker.io/library/debian:12", "alpine:3.20", "python:3.11-slim", "scratch"),
    *("quay.io/centos/centos:stream9", "registry.access.redhat.com/ubi9:9.4", "ubuntu"),
    "debian@sha256:" + "a" * 64,
)


def real_looking(number: int) -> dict[str, Files]:
    """Return the branches of one of many repositories, all with something unusual."""
    base = BASES[number % len(BASES)]
    end = "" if number % 4 == 0 else "\n"
    dockerfile = f"FROM {base}\nLABEL summary='Service {number}'\nCOPY . /srv\nCMD [\"run\"]{end}"
    if number % 5 == 1:
        dockerfile = f"FROM quay.io/acme/app0:1.0 AS run\nCOPY --from=golang:1.22 /go /go{end}"
    if number % 5 == 2:
        dockerfile = (
            f"# syntax=docker/dockerfile:1\nARG V=3.11\nARG BASE=python:${{V}}\n"
            f"FROM --platform=$BUILDPLATFORM $BASE AS build\nRUN make\nFROM ${{BASE}}-slim\n"
            f"COPY --from=build /out /out{end}"
        )
    if number % 3 == 0:
        dockerfile = dockerfile.replace("\n", "\r\n")
    files: dict[str, str | bytes | Entry] = {
        "Dockerfile": dockerfile,
        "README.md": f"# Service {number}\n\nDoes {{{{ things }}}} {{% if %}}.\n",
        ".gitignore": "*.log\n/build\n*\n",
        ".gitattributes": "* text=auto eol=crlf\n*.bin filter=lfs\n",
        ".dockerignore": ".git\n",
        "app/run.sh": Entry(b"#!/bin/sh\nexec app" + bytes([number % 256]), EXECUTABLE),
        "app/current": Entry(b"run.sh", LINK),
        "conf/app.conf.j2": "{{ listen }}:{{ port }}",
        "conf/{{ name }}.raw": "x{% endraw %}",
        "patches/0001-fix.patch": "--- a\n+++ b\n",
        "tests.yaml": "not: [yaml",
        "data.bin": bytes(range(256)) * (number % 3),
        "log/kept.log": "kept\n",
        "caf\u00e9/na\u00efve.txt": "\xe9\n".encode("latin-1"),
        "notes~": "",
        ".app.swp": b"\0" * 10,
        "__pycache__/app.pyc": b"\x16\r\r\n",
        "a b/c 'd' \"e\"": "quoted\n",
        "verbatim/x.link": "no link\n",
    }
    branches: dict[str, Files] = {"main": files}
    if number % 2:
        old = {path: content for path, content in files.items() if path != "data.bin"}
        branches["stable/1"] = {**old, "Dockerfile": "FROM debian:11\n", "only-old": "1"}
    return branches
