"""An edit of a Dockerfile has the kind that a reviewer would give it."""

from difflib import SequenceMatcher

import pytest

from distgen.dockerfile.parse import parse
from distgen.publish.kinds import edit_kind, file_kind

DIGEST, COMMIT = "a" * 64, "c" * 40
DOCKERFILE = f"""\
# Generated
FROM docker.io/library/python:3.11@sha256:{DIGEST} AS builder
ARG TOOL_URL="https://example.org/tool.tar.gz"
ARG TOOL_SHA="{"b" * 64}"
RUN apt-get update \\
    && apt-get install -y curl \\
    && curl --version \\
    && apt-get clean
RUN git clone https://example.org/app /app \\
    && git -C /app checkout {COMMIT}
FROM quay.io/ns/base:main
LABEL name="ns/app" \\
      version="1"
ENV LANG=C.UTF-8
COPY --from=docker.io/library/golang:1@sha256:{DIGEST} /go /go
USER app
CMD ["app"]
"""


def kinds(before, after):
    old, new = parse(before), parse(after)
    matcher = SequenceMatcher(None, before.split("\n"), after.split("\n"), autojunk=False)
    return [
        edit_kind("Dockerfile", old, new, range(i1, i2), range(j1, j2))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (f":3.11@sha256:{DIGEST} AS", ":3.12 AS", "lost pin"),
        (f"checkout {COMMIT}", "checkout main", "lost pin"),
        (f'ARG TOOL_SHA="{"b" * 64}"\n', "", "lost pin"),
        (f"golang:1@sha256:{DIGEST}", "golang:1", "lost pin"),
        (f"3.11@sha256:{DIGEST} AS", f"3.12@sha256:{'d' * 64} AS", "base"),
        ("base:main", "base:old", "base"),
        (f"checkout {COMMIT}", f"checkout {'d' * 40}", "source"),
        ("USER app", "USER 1", "runtime"),
        ("CMD", "EXPOSE 80\nCMD", "runtime"),
        ("-y curl", "-y curl git", "packages"),
        ("-y curl", "-y curl=7.1", "packages"),
        ("C.UTF-8", "C", "environment"),
        ("apt-get clean", "apt-get distclean", "files"),
        (f"COPY --from=docker.io/library/golang:1@sha256:{DIGEST} /go /go\n", "", "files"),
        ('version="1"', 'version="2"', "labels"),
        ('version="1"', f'version="1" digest="sha256:{DIGEST}"', "labels"),
        ("# Generated", "# Made", "formatting"),
    ],
)
def test_an_edit(old, new, kind):
    assert kinds(DOCKERFILE, DOCKERFILE.replace(old, new)) == [kind]


def test_each_edit_of_one_instruction_has_its_own_kind():
    after = DOCKERFILE.replace("-y curl", "-y curl git").replace("clean", "distclean")
    assert kinds(DOCKERFILE, after) == ["packages", "files"]


def test_a_stage_with_a_pinned_base_that_goes_loses_no_pin():
    start, end = DOCKERFILE.index("FROM"), DOCKERFILE.index("FROM quay")
    assert kinds(DOCKERFILE, DOCKERFILE[:start] + DOCKERFILE[end:]) == ["base"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        *((path, "formatting") for path in ("README.rst", "doc/a.md", "LICENSE", ".distgen.json")),
        *((path, "files") for path in ("start.sh", "container.yaml", "readmes.py")),
    ],
)
def test_a_file(path, kind):
    assert file_kind(path) == kind
