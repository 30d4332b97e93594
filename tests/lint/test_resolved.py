"""A tree is complete and resolved: what its Dockerfile names exists, is declared and is fixed."""

from __future__ import annotations

import pytest
from testing.images import EXTERNAL, ROOT, dedent, image, tree
from testing.linting import check_tree

from distgen.dockerfile.parse import parse
from distgen.lint.build_context import context_of, copy_failure, ignoring_line, read_ignore
from distgen.model.lock import Lock, LockedBase, LockedSource

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
COMMIT = "c" * 40
BUILDER = "quay.io/opendevorg/python-builder:3.11"
LOCKED = Lock(bases={EXTERNAL: LockedBase(DIGEST)})
RESOLVED = ("DG0", "DG1")
ROOT_IMAGE = {ROOT: "opendev/python-base@master"}


def said(of, text, lock=LOCKED, files=None, others=None):
    """Return code, line and message of each finding about a Dockerfile."""
    content = dedent(text)
    own = {of.key: parse(content)}
    made = tree(of, {"Dockerfile": content, **(files or {})})
    found = check_tree(of, made, {**(others or {}), **own}, RESOLVED, lock)
    return [(f.code, f.line, f.message) for f in found]


def codes(*arguments, **keywords):
    return [(code, line) for code, line, _ in said(*arguments, **keywords)]


def test_a_complete_tree_has_no_findings():
    of = image(
        base=ROOT,
        builders={"builder": BUILDER, "tool": EXTERNAL},
        keys={**ROOT_IMAGE, BUILDER: "opendev/python-builder@master"},
        sources={"nodepool": ("https://opendev.org/zuul/nodepool", "master")},
        downloads={"tini": "https://example.org/tini"},
    )
    lock = Lock(
        bases={EXTERNAL: LockedBase(DIGEST)},
        sources={("https://opendev.org/zuul/nodepool", "master"): LockedSource(COMMIT, "")},
        downloads={"https://example.org/tini": "d" * 64},
    )
    text = f"""
        FROM {BUILDER} AS builder
        COPY . /tmp/src
        FROM {ROOT} AS nodepool
        COPY --from=builder /output/ /output
        COPY --from={EXTERNAL}@{DIGEST} /bin/x /bin/
        RUN --mount=type=bind,from=builder,source=/a,target=/b \\
            --mount=type=cache,target=/c true
        FROM nodepool
        COPY start.sh conf/*.conf conf <<extra /etc/
        words
        extra
        ADD --checksum=sha256:00 https://example.org/tini /tini
        """
    assert said(of, text, lock, {"start.sh": "", "conf/a.conf": ""}) == []


def test_a_tree_without_dockerfile_says_so():
    of = image()
    found = check_tree(of, tree(of, {"README": ""}), {})
    assert [(f.code, f.path, f.line, f.level, f.message) for f in found] == [
        ("DG001", "Dockerfile", 0, "error", "the tree has no Dockerfile")
    ]


def test_a_dockerfile_that_cannot_be_read_is_a_finding_and_not_an_error():
    assert said(image(), "FROM docker.io/library/debian:12\nENV x\n") == [
        ("DG001", 2, "ENV must have two arguments")
    ]


# --- parents ---------------------------------------------------------------------------------


def test_an_unpinned_base_is_a_warning():
    of = image()
    text = f"FROM {EXTERNAL}\n"
    assert said(of, text, Lock()) == [
        ("DG101", 1, f"{EXTERNAL} is not pinned to a digest; run distgen lock")
    ]
    assert said(of, text, LOCKED) == [
        ("DG101", 1, f"{EXTERNAL} is not pinned to a digest; write the digest that the lock knows")
    ]
    found = check_tree(of, tree(of, {"Dockerfile": text}), {of.key: parse(text)}, RESOLVED)
    assert found[0].level == "warning"


@pytest.mark.parametrize(
    "word",
    [
        f"{EXTERNAL}@{DIGEST}",
        f"docker.io/library/debian@{DIGEST}",
        f"debian:12@{DIGEST}",
        f"library/debian@{DIGEST}",
    ],
)
def test_a_base_may_be_pinned_with_or_without_its_tag(word):
    assert said(image(), f"FROM {word}\n") == []


def test_a_base_declared_by_digest_needs_no_lock():
    of = image(base=f"{EXTERNAL}@{DIGEST}")
    assert said(of, f"FROM {EXTERNAL}@{DIGEST}\n", Lock()) == []
    assert codes(of, f"FROM {EXTERNAL}@{OTHER}\n", Lock()) == [("DG102", 1), ("DG103", 1)]


def test_sources_and_downloads_that_the_lock_does_not_hold_are_found_where_they_are_used():
    of = image(
        sources={
            "nodepool": ("https://opendev.org/zuul/nodepool", "master"),
            "fixed": ("https://opendev.org/zuul/zuul", COMMIT),
        },
        downloads={"tini": "https://example.org/tini"},
    )
    text = f"""
        FROM {EXTERNAL}@{DIGEST}
        RUN git clone https://opendev.org/zuul/nodepool
        """
    content = dedent(text)
    found = check_tree(
        of, tree(of, {"Dockerfile": content}), {of.key: parse(content)}, RESOLVED, LOCKED
    )
    assert [(f.code, f.line, f.message, str(f.origin)) for f in found] == [
        (
            "DG101",
            2,
            "https://opendev.org/zuul/nodepool at master is not pinned to a commit; "
            "run distgen lock",
            "overlays/opendev/nodepool.yaml:10",
        ),
        (
            "DG101",
            1,
            "https://example.org/tini is not pinned to a checksum; run distgen lock",
            "overlays/opendev/nodepool.yaml:20",
        ),
    ]


def test_an_undeclared_parent_is_an_error_that_names_the_declared_one():
    of = image(base=ROOT, keys=ROOT_IMAGE)
    assert said(of, "FROM quay.io/opendevorg/python-base:3.10\n") == [
        (
            "DG102",
            1,
            "FROM quay.io/opendevorg/python-base:3.10, but the catalogue declares "
            f"{ROOT}; correct `from` or `builders`",
        ),
        ("DG103", 1, f"the from {ROOT} is declared but the Dockerfile does not use it"),
    ]
    text = f"""
        FROM {ROOT}
        COPY --from=quay.io/a/b:1 /x /x
        RUN --mount=from=quay.io/a/c:1,target=/c true
        """
    assert said(of, text) == [
        (
            "DG102",
            2,
            "COPY --from quay.io/a/b:1, but no parent is declared so; correct `from` or `builders`",
        ),
        (
            "DG102",
            3,
            "RUN --mount from quay.io/a/c:1, but no parent is declared so; "
            "correct `from` or `builders`",
        ),
    ]


def test_an_undeclared_digest_is_an_undeclared_parent():
    assert codes(image(), f"FROM {EXTERNAL}@{OTHER}\n") == [("DG102", 1), ("DG103", 1)]


def test_the_last_stage_builds_on_from():
    of = image(base=ROOT, builders={"builder": BUILDER}, keys={**ROOT_IMAGE, BUILDER: "x/y@z"})
    text = f"""
        FROM {ROOT} AS root
        FROM {BUILDER}
        COPY --from=root / /
        """
    assert said(of, text) == [
        ("DG102", 2, f"the image builds on {BUILDER}, but `from` declares {ROOT}")
    ]


def test_a_declared_parent_that_is_not_used_is_found_where_it_is_declared():
    of = image(base=ROOT, builders={"builder": BUILDER}, keys=ROOT_IMAGE)
    content = f"FROM {ROOT}\n"
    found = check_tree(of, tree(of, {"Dockerfile": content}), {of.key: parse(content)}, RESOLVED)
    assert [(f.code, f.line, f.message, str(f.origin)) for f in found] == [
        (
            "DG103",
            1,
            f"the builder builder {BUILDER} is declared but the Dockerfile does not use it",
            "overlays/opendev/nodepool.yaml:3",
        )
    ]


def test_one_parent_may_have_several_roles():
    of = image(base=ROOT, builders={"builder": ROOT}, keys=ROOT_IMAGE)
    assert said(of, f"FROM {ROOT} AS b\nFROM {ROOT}\n") == []


def test_scratch_is_declared_like_any_base():
    assert said(image(base="scratch"), "FROM scratch\n") == []
    assert said(image(base=""), "FROM scratch\n") == []
    assert codes(image(base="scratch"), f"FROM {EXTERNAL}@{DIGEST}\n") == [
        ("DG102", 1),
        ("DG103", 1),
    ]


def test_a_build_argument_in_a_parent_is_an_error():
    of = image(base=ROOT, keys=ROOT_IMAGE)
    text = f"""
        ARG BASE={ROOT}
        FROM $BASE AS one
        FROM {ROOT}
        COPY --from=${{WHERE}} /x /x
        RUN --mount=type=bind,from=$WHERE,target=/x true
        """
    assert codes(of, text) == [("DG104", 2), ("DG104", 4), ("DG104", 5)]
    assert said(of, f"FROM --platform=$BUILDPLATFORM {ROOT}\n") == []


@pytest.mark.parametrize(
    ("reference", "why"),
    [("quay.io/a/b:latest", "is tagged latest"), ("quay.io/a/b", "has no tag")],
)
def test_a_parent_without_version_is_an_error(reference, why):
    of = image(base=reference, keys={reference: "a/b@master"})
    assert said(of, f"FROM {reference}\n") == [
        ("DG105", 1, f"FROM {reference} {why}; name a version")
    ]
    assert said(of, f"FROM {reference.removesuffix(':latest')}@{DIGEST}\n")[0][0] == "DG102"


def test_a_stage_that_does_not_stand_above_is_an_error():
    of = image(base=ROOT, keys=ROOT_IMAGE)
    text = f"""
        FROM {ROOT} AS nodepool
        COPY --from=later /a /a
        COPY --from=1 /a /a
        RUN --mount=from=nodepool,target=/x true
        FROM {ROOT} AS later
        COPY --from=nodepol /a /a
        COPY --from=0 /a /a
        COPY --from=NodePool /a /a
        """
    assert said(of, text) == [
        ("DG107", 2, "COPY --from names later, which is not a stage above it"),
        ("DG107", 3, "COPY --from names 1, which is not a stage above it"),
        ("DG107", 4, "RUN --mount from names nodepool, which is not a stage above it"),
        (
            "DG107", 6,
            "COPY --from names nodepol, which is not a stage above it; did you mean `nodepool`?",
        ),
    ]  # fmt: skip


# --- sources ---------------------------------------------------------------------------------

TREE = {
    "start.sh": "",
    "conf/a.conf": "",
    "conf/deep/b.conf": "",
    "README.md": "",
    "odd[1].txt": "",
}


def copied(line, files=None, **more):
    of = image(base=ROOT, keys=ROOT_IMAGE)
    return [
        (code, message)
        for code, _, message in said(of, f"FROM {ROOT}\n{line}\n", files={**TREE, **(files or {})})
    ]


@pytest.mark.parametrize(
    "line",
    [
        "COPY start.sh /",
        "COPY ./start.sh /start.sh/../ /",
        "COPY conf /etc",
        "COPY conf/ /etc",
        "COPY conf/deep/*.conf *.sh /etc/",
        "COPY conf/*/b.conf /etc/",
        "COPY con? /etc/",
        "COPY c[a-p]nf /etc/",
        "COPY --parents conf/**/b.conf /etc/",
        "COPY --parents conf/./deep/b.conf /etc/",
        "COPY odd[[]1].txt /etc/",
        'COPY ["start.sh", "/"]',
        'COPY "start.sh" /',
        "COPY . /",
        "COPY * /",
        "COPY conf/.. /",
        "COPY <<EOF /x\nwords\nEOF",
        "ADD start.sh /",
        "ADD --checksum=sha256:00 https://example.org/x /x",
        f"ADD https://opendev.org/zuul/zuul.git#{COMMIT} /x",
        f"ADD https://opendev.org/zuul/zuul.git#{COMMIT}:doc /x",
        "ONBUILD COPY missing /x",
        "ONBUILD COPY --from=nothing missing /x",
        "RUN --mount=type=bind,target=/src true",
        "RUN --mount=type=bind,source=conf,target=/src true",
        "RUN --mount=type=secret,id=missing true",
        f"COPY --from={ROOT} missing /x",
    ],
)
def test_sources_that_the_builder_finds(line):
    assert copied(line) == []


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("COPY stop.sh /", "DG106", "COPY stop.sh: it is not in the tree"),
        ("COPY start.sh gone /x/", "DG106", "COPY gone: it is not in the tree"),
        ("COPY *.j2 /x/", "DG106", "COPY *.j2: it is not in the tree"),
        ("COPY conf/*.md /x/", "DG106", "COPY conf/*.md: it is not in the tree"),
        ("COPY b.conf /x/", "DG106", "COPY b.conf: it is not in the tree"),
        ("COPY ../start.sh /x/", "DG106", "COPY ../start.sh: it leaves the build context"),
        (
            "COPY $FILE /x/",
            "DG106",
            "COPY $FILE: it depends on a build argument, so a check cannot tell whether it exists",
        ),
        ("ADD gone.tar.gz /x/", "DG106", "ADD gone.tar.gz: it is not in the tree"),
        (
            "RUN --mount=type=bind,source=gone,target=/x true",
            "DG106",
            "RUN gone: it is not in the tree",
        ),
        ("COPY [z-a]x /x/", "DG106", "COPY [z-a]x: it is not in the tree"),
        (
            "ADD https://example.org/x /x",
            "DG108",
            "ADD https://example.org/x: it is fetched without a checksum; "
            "add --checksum=sha256:...",
        ),
        (
            f"ADD https://example.org/x.tgz#{COMMIT} /x",  # no server hears what follows the `#`
            "DG108",
            f"ADD https://example.org/x.tgz#{COMMIT}: it is fetched without a checksum; "
            "add --checksum=sha256:...",
        ),
        (
            "ADD https://opendev.org/zuul/zuul.git#main /x",
            "DG108",
            "ADD https://opendev.org/zuul/zuul.git#main: it is fetched without a checksum; "
            "add --checksum=sha256:...",
        ),
    ],
)
def test_sources_that_the_builder_would_not_find(line, code, message):
    assert copied(line) == [(code, message)]


def test_a_missing_source_is_found_on_its_own_line():
    text = f"""
        FROM {ROOT}
        COPY start.sh \\
             stop.sh \\
             /usr/bin/
        """
    of = image(base=ROOT, keys=ROOT_IMAGE)
    assert codes(of, text, files=TREE) == [("DG106", 3)]


def test_what_dockerignore_leaves_out_is_not_there():
    files = {".dockerignore": "# nothing of\nconf\n!conf/deep\n*.md\n"}
    assert copied("COPY conf/deep /x", files) == []
    assert copied("COPY conf /x", files) == []
    assert copied("COPY conf/a.conf /x", files) == [
        ("DG106", "COPY conf/a.conf: it is kept out of the build context by .dockerignore:2")
    ]
    assert copied("COPY *.md /x", files) == [
        ("DG106", "COPY *.md: it is kept out of the build context by .dockerignore:4")
    ]
    own = {**files, "Dockerfile.dockerignore": "start.sh\n"}
    assert copied("COPY *.md /x", own) == []


def test_the_triggers_of_a_parent_want_files_of_the_child():
    of = image(base=ROOT, keys=ROOT_IMAGE)
    parent = parse("FROM a:1\nONBUILD COPY start.sh app /\nONBUILD RUN true\nCOPY own /\n")
    others = {"opendev/python-base@master": parent}
    assert said(of, f"# child\nFROM {ROOT}\n", files=TREE, others=others) == [
        ("DG106", 2, "ONBUILD app of opendev/python-base@master: it is not in the tree")
    ]
    assert said(of, f"FROM {ROOT}\n", files={**TREE, "app": ""}, others=others) == []


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("*", "a", 1),
        ("*", "a/b", 1),
        ("*/b", "a/b/c", 1),
        ("*/b", "b", 0),
        ("**/b", "b", 1),
        ("**/b", "a/x/b/c", 1),
        ("a/**", "a/x/b", 1),
        ("a/**", "a", 0),
        ("/a", "a", 1),
        ("a/", "a/b", 1),
        ("./a", "a", 1),
        ("a?c", "a/c", 0),
        ("*\n!a/b\n", "a/b", 0),
        ("*\n!a/b\n", "a/c", 1),
        ("!a\n*\n", "a", 2),
        ("# a\n\n  a  \n", "a", 3),
        ("[a-c]x", "bx", 1),
        ("[^a]x", "bx", 1),
        ("\\*", "a", 0),
        ("\\*", "*", 1),
        ("a.b", "axb", 0),
    ],
)
def test_dockerignore_patterns(text, path, line):
    assert ignoring_line(read_ignore(text), path) == line


def test_the_context_has_the_folders_of_its_files():
    seen = context_of(tree(image(), {"a/b/c": "", "d": "", ".dockerignore": "d"}))
    assert seen.present == {"a", "a/b", "a/b/c", ".dockerignore"}
    assert (copy_failure("a/b", seen), copy_failure("/", seen)) == ("", "")
