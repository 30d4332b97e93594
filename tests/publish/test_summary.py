"""The subject and lines a reviewer reads are about what changed, not about which file."""

import pytest

from distgen.model.published import Manifest
from distgen.publish.summary import summarize, summarize_first

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BASE = "docker.io/library/python:3.11-slim"
DOCKERFILE = f"""\
FROM {BASE}@{OLD}
ENV LANG=C.UTF-8
RUN apt-get update && apt-get install -y curl git \\
    && rm -rf /var/lib/apt/lists/*
CMD ["app"]
"""


def manifest(bases=(), sources=()):
    return Manifest("ns/app", "master", {}, dict(bases), dict(sources))


def source(commit):
    return {"git": "https://example.org/app", "ref": "main", "commit": commit}


def summary(before, after, old=None, new=None):
    """Summarise a change of the Dockerfile alone."""
    texts = ({"Dockerfile": text.encode()} for text in (before, after))
    return summarize("ns/app", old or manifest(), new or manifest(), *texts)


def test_base_and_packages():
    after = DOCKERFILE.replace(OLD, NEW).replace("curl git", "curl git gnupg2 jq")
    summary_of_change = summary(DOCKERFILE, after, manifest({BASE: OLD}), manifest({BASE: NEW}))
    assert summary_of_change.subject == "ns/app: base image updated, 2 packages added"
    assert summary_of_change.lines == (
        f"base image {BASE}: sha256:{'a' * 12} -> sha256:{'b' * 12}",
        "apt package added: gnupg2",
        "apt package added: jq",
    )


def test_a_new_base_alone_is_no_other_change():
    after = DOCKERFILE.replace(f"{BASE}@{OLD}", f"docker.io/library/python:3.12@{NEW}")
    old, new = manifest({BASE: OLD}), manifest({"docker.io/library/python:3.12": NEW})
    summary_of_change = summary(DOCKERFILE, after, old, new)
    assert summary_of_change.subject == "ns/app: base image changed"
    assert summary_of_change.lines == (f"base image {BASE} -> docker.io/library/python:3.12",)


def test_a_source_that_moved_explains_the_steps_that_name_it():
    before = DOCKERFILE + "RUN git checkout " + "1" * 40 + "\n"
    after = before.replace("1" * 40, "2" * 40)
    old, new = (manifest((), {"app": source(digit * 40)}) for digit in "12")
    summary_of_change = summary(before, after, old, new)
    assert summary_of_change.subject == "ns/app: source app updated"
    assert summary_of_change.lines == (f"source app: {'1' * 12} -> {'2' * 12}",)


@pytest.mark.parametrize(
    ("change", "subject", "lines"),
    [
        (("LANG=C.UTF-8", "LANG=C"), "environment changed",
         ("removed: ENV LANG=C.UTF-8", "now: ENV LANG=C")),
        (('["app"]', '["app", "-v"]'), "command changed",
         ('removed: CMD ["app"]', 'now: CMD ["app", "-v"]')),
        (("curl git", "curl"), "1 package removed", ("apt package removed: git",)),
        (("rm -rf /var/lib/apt/lists/*", "apt-get clean"), "build steps changed",
         ("build steps changed",)),
        (("CMD", "COPY a /a\nCMD"), "Dockerfile changed", ("Dockerfile changed",)),
    ],
)  # fmt: skip
def test_one_instruction(change, subject, lines):
    summary_of_change = summary(DOCKERFILE, DOCKERFILE.replace(*change))
    assert (summary_of_change.subject, summary_of_change.lines) == (f"ns/app: {subject}", lines)


def test_files():
    before = {"a": b"1\n2\n3\n", "gone": b"x", "logo": b"\0", "run": b"same"}
    after = {"a": b"1\nzwei\ndrei\n3\n", "come": b"x", "logo": b"\0\0", "run": b"same"}
    before, after = {**before, "come": None}, {**after, "gone": None}
    summary_of_change = summarize("ns/app", manifest(), manifest(), before, after)
    assert summary_of_change.subject == "ns/app: come added, 3 files changed, gone deleted"
    assert summary_of_change.lines == (
        "added come",
        "changed a (+2 -1)",
        "changed logo (binary)",
        "changed run (mode)",
        "deleted gone",
    )


def test_a_long_subject_says_how_much_more_there_is():
    name = "functest/" + "long-name-" * 4
    after = DOCKERFILE.replace("git", "jq").replace("LANG=C.UTF-8", "A=b").replace("app", "b")
    texts = ({"Dockerfile": text.encode()} for text in (DOCKERFILE, after))
    summary_of_change = summarize(name, manifest(), manifest(), *texts)
    assert summary_of_change.subject == f"{name}: 4 changes"
    texts = ({"Dockerfile": text.encode()} for text in (DOCKERFILE, after))
    short = summarize("ns/image-name", manifest(), manifest(), *texts)
    assert short.subject == "ns/image-name: 1 package added, 1 package removed, 2 more"


def test_metadata_alone():
    before, after = ({".gitattributes": text} for text in (b"a", b"b"))
    summary_of_change = summarize("ns/app", manifest(), manifest(), before, after)
    assert summary_of_change.subject == "ns/app: metadata updated"


def test_a_file_that_is_no_dockerfile_harms_nobody():
    summary_of_change = summary("FROM a\n", "\0\xff\nFORM a\nRUN <<")
    assert summary_of_change.subject.startswith("ns/app: ")


def test_the_first_publication_says_what_it_stands_on():
    new = manifest({BASE: NEW, "quay.io/ns/base:master": None}, {"app": source("c" * 40)})
    summary_of_change = summarize_first("ns/app", "master", new)
    assert summary_of_change.subject == "ns/app: first publication of stream master"
    assert summary_of_change.lines == (
        f"base image {BASE}@sha256:{'b' * 12}",
        "base image quay.io/ns/base:master",
        f"source app https://example.org/app at {'c' * 12}",
    )
