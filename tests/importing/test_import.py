"""`distgen import`: repositories come in, and what is published from them is what they were."""

import json
import subprocess
import sys

import pytest
from testing.commandline import keeps_to_its_schema
from testing.repositories import (
    Entry,
    branch_files,
    make_repository,
    real_looking,
    rendered_files,
    run_git,
)

pytest_plugins = ["testing.commandline"]
COUNT = 50


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """Fifty repositories, each with something that a catalogue or git could stumble over."""
    folder = tmp_path_factory.mktemp("repositories")
    return {
        f"app{number}": make_repository(folder / f"app{number}.git", real_looking(number))
        for number in range(COUNT)
    }


def run(root, *words):
    """Run distgen on a catalogue in a process of its own."""
    command = [sys.executable, "-m", "distgen", "-C", str(root), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def imported(repositories, tmp_path_factory):
    """A catalogue in git that has them all, committed as git itself does it."""
    root = tmp_path_factory.mktemp("imported")
    (root / "distgen.yaml").write_text("version: 1\n")
    (root / ".gitattributes").write_text("* -text\n")
    streams = ("--stream", "main=main", "--stream", "old=stable/1")
    done = run(root, "import", *repositories.values(), "--namespace", "acme", *streams)
    assert (done.returncode, done.stderr.splitlines()[0]) == (0, f"{COUNT} imported")
    run_git("init", "-q", "-b", "main", ".", folder=root)
    run_git("add", "-A", folder=root)
    run_git("commit", "-qm", "Import", folder=root)
    return root


def test_every_byte_comes_out_as_it_was(repositories, imported, tmp_path):
    """From a clone, too: git obeys the .gitignore and .gitattributes that it finds."""
    clone = tmp_path / "clone"
    run_git("clone", "-q", str(imported), str(clone), folder=tmp_path)
    expected = {}
    for name, repository in repositories.items():
        expected[f"acme/{name}@main"] = branch_files(repository, "main")
        if int(name.removeprefix("app")) % 2:
            expected[f"acme/{name}@old"] = branch_files(repository, "stable/1")
    assert rendered_files(clone, "acme") == expected


def test_the_first_publication_adds_the_manifest_and_nothing_else(repositories, imported):
    before = {name: branch_files(path, "main") for name, path in repositories.items()}
    done = run(imported, "publish")
    assert (done.returncode, done.stderr) == (0, f"{COUNT + COUNT // 2} updated\n")
    for name, repository in repositories.items():
        after = branch_files(repository, "main")
        assert after.pop(".distgen.json")
        assert after == before[name]
        log = run_git("log", "--format=%s", "main", folder=repository).decode()
        assert log == f"acme/{name}: taking over stream main\nFirst\n"
    assert "nothing changed" in run(imported, "publish").stderr


def overlay(root, name, namespace="acme"):
    return (root / f"overlays/{namespace}/{name}.yaml").read_text()


def test_parents_become_references(imported):
    assert "\nfrom: acme/app0\nbuilders:\n  builder: docker.io/library/golang:1.22\n" in overlay(
        imported, "app6"
    )
    namespace = overlay(imported, "namespace")
    assert "registry: quay.io/acme\n" in namespace
    assert "- '1.0'\n" in namespace
    assert "{image}.git\n" in namespace


@pytest.fixture
def root(tmp_path):
    """An empty catalogue."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "distgen.yaml").write_text("version: 1\n")
    return folder


def bring(distgen, root, *words):
    """Import into the namespace ns and return the rows."""
    ran = distgen(root, "import", *words, "--namespace", "ns", "--format", "json")
    keeps_to_its_schema("import", ran.json)
    return {row["image"] or row["source"]: row for row in ran.json["results"]}


def test_arguments_stages_and_platforms_are_understood(distgen, root, tmp_path):
    text = """\
# syntax=docker/dockerfile:1
ARG REGISTRY=quay.io
ARG VERSION
ARG VERSION=3.11
ARG KIND=final
FROM --platform=linux/amd64 ${REGISTRY}/tools/go:${GO:-1.22} AS compile
RUN --mount=type=bind,from=quay.io/tools/cache:1,target=/c make
FROM ${REGISTRY}/acme/python:"$VERSION" AS final
COPY --from=compile /a /a
COPY --from=quay.io/tools/go:1.22 /b /b
COPY --from=0 /c /c
FROM $KIND
LABEL org.opencontainers.image.description="What it does" \\
      version=$VERSION
"""
    path = make_repository(tmp_path / "app.git", {"main": {"Dockerfile": text}})
    assert bring(distgen, root, path)["ns/app"]["status"] == "imported"
    assert overlay(root, "app", "ns") == (
        "description: What it does\n"
        "template: verbatim\n"
        "from: quay.io/acme/python:3.11\n"
        "builders:\n"
        "  compile: quay.io/tools/go:1.22\n"
        "  builder: quay.io/tools/cache:1\n"
    )


def test_streams_may_have_other_parents(distgen, root, tmp_path):
    branches = {
        "main": {"Dockerfile": "FROM debian:12 AS a\nFROM debian:12\nCOPY --from=q.io/b:1 /x /x\n"},
        "old": {"Dockerfile": "FROM debian:11\n"},
    }
    path = make_repository(tmp_path / "app.git", branches)
    bring(distgen, root, path, "--stream", "new=main", "--stream", "old=old")
    assert overlay(root, "app", "ns") == (
        "template: verbatim\n"
        "from: docker.io/library/debian:12\n"
        "builders:\n"
        "  builder: q.io/b:1\n"
        "streams:\n"
        "  new: null\n"
        "  old:\n"
        "    from: docker.io/library/debian:11\n"
        "    builders:\n"
        "      builder: null\n"
    )
    listed = json.loads(distgen(root, "list", "--format", "json").out)
    parents = {row["stream"]: row["parents"] for row in listed}
    assert parents == {
        "new": ["docker.io/library/debian:12", "q.io/b:1"],
        "old": ["docker.io/library/debian:11"],
    }


def test_folders_work_trees_and_addresses_come_in(distgen, root, tmp_path):
    folder = tmp_path / "Plain"
    (folder / "bin").mkdir(parents=True)
    (folder / "Dockerfile").write_bytes(b"FROM scratch")
    (folder / "bin/run").write_bytes(b"#!/bin/sh")
    (folder / "bin/run").chmod(0o755)
    (folder / "link").symlink_to("./bin/../Dockerfile")
    bare = make_repository(tmp_path / "bare.git", {"devel": {"Dockerfile": "FROM scratch\n"}})
    work = tmp_path / "work"
    run_git("clone", "-q", str(bare), str(work), folder=tmp_path)
    (work / "Dockerfile").write_text("not committed")
    linked = tmp_path / "linked"
    run_git("worktree", "add", "-q", "-b", "devel2", str(linked), folder=work)
    names = ("--name", "Plain=plain")
    rows = bring(distgen, root, folder, work, linked, f"file://{bare}", *names)
    assert {row["status"] for row in rows.values()} == {"imported"}
    assert {name: row["streams"] for name, row in rows.items()} == {
        "ns/plain": ["main"],
        "ns/work": ["devel"],
        "ns/linked": ["devel2"],
        "ns/bare": ["devel"],
    }
    rendered = rendered_files(root, "ns")
    assert rendered["ns/plain@main"] == {
        "Dockerfile": (0o100644, b"FROM scratch"),
        "bin/run": (0o100755, b"#!/bin/sh"),
        "link": (0o120000, b"./bin/../Dockerfile"),
    }
    assert rendered["ns/work@devel"]["Dockerfile"][1] == b"FROM scratch\n"


def test_each_dockerfile_may_be_an_image(distgen, root, tmp_path):
    files = {
        "Dockerfile": "FROM scratch\n",
        "web/Dockerfile": "FROM scratch\nCOPY x /\n",
        "web/x": "1",
        "web/Dockerfile.debug": "FROM debian:12\n",
        "a/same/Dockerfile": "FROM scratch\n",
        "b/same/Containerfile": "FROM scratch\n",
    }
    path = make_repository(tmp_path / "mono.git", {"main": files})
    rows = bring(distgen, root, path, "--each")
    assert {*rows} == {"ns/mono", "ns/web", "ns/web-debug", "ns/a-same", "ns/b-same"}
    rendered = rendered_files(root, "ns")
    assert rendered["ns/web@main"].keys() == {"Dockerfile", "x", "Dockerfile.debug"}
    assert rendered["ns/web-debug@main"]["Dockerfile"][1] == b"FROM debian:12\n"
    assert rendered["ns/b-same@main"].keys() == {"Dockerfile", "Containerfile"}
    assert "in place of the one that was there" in rows["ns/web-debug"]["detail"]


def test_one_dockerfile_can_be_named(distgen, root, tmp_path):
    files = {"a/Dockerfile": "FROM scratch\n", "a/x": "1", "b/Dockerfile": "FROM scratch\n"}
    path = make_repository(tmp_path / "app.git", {"main": files})
    bring(distgen, root, path, "--dockerfile", "a/Dockerfile")
    assert rendered_files(root, "ns")["ns/app@main"].keys() == {"Dockerfile", "x"}


def test_what_is_in_the_catalogue_is_a_parent(distgen, root, tmp_path):
    base = make_repository(tmp_path / "base.git", {"main": {"Dockerfile": "FROM scratch\n"}})
    app = {"Dockerfile": "FROM quay.io/x/base:main\n"}
    words = ("--namespace", "low", "--registry", "quay.io/x")
    assert distgen(root, "import", base, *words).code == 0
    bring(distgen, root, make_repository(tmp_path / "app.git", {"main": app}))
    assert "from: low/base\n" in overlay(root, "app", "ns")


def test_a_second_import_adds_to_a_namespace(distgen, root, tmp_path):
    dockerfile = {"Dockerfile": "FROM scratch\n"}
    first = make_repository(tmp_path / "first.git", {"main": dockerfile})
    second = make_repository(tmp_path / "second.git", {"devel": dockerfile, "main": dockerfile})
    bring(distgen, root, first)
    namespace = (root / "overlays/ns/namespace.yaml").read_text()
    assert bring(distgen, root, second)["ns/second"]["streams"] == ["main"]
    assert (root / "overlays/ns/namespace.yaml").read_text() == namespace


def test_a_dry_run_says_the_same_and_writes_nothing(distgen, root, tmp_path):
    good = make_repository(tmp_path / "good.git", {"main": {"Dockerfile": "FROM scratch\n"}})
    bad = make_repository(tmp_path / "bad.git", {"main": {"README": ""}})
    words = ("import", good, bad, "--namespace", "ns", "--format", "json")
    before = sorted(root.rglob("*"))
    dry = distgen(root, *words, "--dry-run")
    assert (dry.code, sorted(root.rglob("*"))) == (1, before)
    assert distgen(root, *words).out == dry.out


def test_a_catalogue_that_could_not_be_read_stays_as_it_was(distgen, root, tmp_path):
    """The site's `dist_git` has one folder for all: two images would have one repository."""
    (root / "distgen.yaml").write_text("version: 1\ndist_git: {url: dist-git/one.git}\n")
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\n")
        paths.append(tmp_path / name)
    ran = distgen(root, "import", *paths, "--namespace", "ns")
    assert (ran.code, ran.out) == (1, "")
    assert "the catalogue could not be read with it, and stays as it was" in ran.err
    assert sorted(path.name for path in root.rglob("*")) == ["distgen.yaml"]


KILLED = """\
import os, signal, sys
from pathlib import Path
from distgen.cli.main import main
rename, left = Path.rename, int(sys.argv.pop(1))
def rename_or_die(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = rename_or_die
sys.exit(main())
"""


def test_a_killed_import_leaves_all_or_nothing(root, tmp_path):
    """Killed between two moves it left overlays without their files, and could not be repeated."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\n")
    places = [str(tmp_path / name) for name in ("one", "two")]
    outcomes = []
    for count in range(5, 20):  # the first ones are within the stage
        command = [sys.executable, "-c", KILLED, str(count), "-C", str(root), "import", *places]
        done = subprocess.run([*command, "--namespace", "new"], capture_output=True, check=False)
        listing = json.loads(run(root, "list", "--format", "json").stdout)
        outcomes.append((done.returncode, {row["image"] for row in listing} - {"ns/base"}))
        if done.returncode != -9:
            break
    assert outcomes[-1] == (0, {"new/one", "new/two"})
    assert len(outcomes) > 2
    assert {(code, len(images)) for code, images in outcomes[:-1]} == {(-9, 0)}
    assert not [*root.glob(".distgen-import-*")]


def test_files_that_git_would_leave_out_are_said(distgen, root, tmp_path):
    run_git("init", "-q", ".", folder=root)
    (root / ".gitignore").write_text("*.log\n")
    files = {"Dockerfile": "FROM scratch\n", "kept.log": "x"}
    path = make_repository(tmp_path / "app.git", {"main": files})
    ran = distgen(root, "import", path, "--namespace", "ns")
    sentence = "git ignores 1 new file; add with `git add -f`: overlays/ns/app/verbatim/kept.log"
    assert (ran.code, ran.err.splitlines()[0]) == (0, sentence)


def test_what_git_would_not_check_out_is_no_harm(distgen, root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    files = {
        "Dockerfile": "FROM scratch\n",
        "out": Entry(str(outside).encode(), "120000"),
        "sub/up": Entry(b"../..", "120000"),
    }
    path = make_repository(tmp_path / "app.git", {"main": files})
    row = bring(distgen, root, path)["ns/app"]
    assert row["status"] == "refused"
    assert "leads out of the tree" in row["detail"]
    assert not list(outside.iterdir())
