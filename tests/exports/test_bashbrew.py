"""A library for bashbrew: what its parser takes, and what we write for it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
from testing.bashbrew_library import BadLibrary, Entry, read_library
from testing.catalogues import FAMILY, TEMPLATE

from distgen.exports.bashbrew import ARCHITECTURES

pytest_plugins = ["testing.commandline"]

COMMIT = "0ce80411b9f41e9c3a21fc0a1bffba6ae761825a"
HEAD = "Maintainers: A B <a@example.org> (@ab)\nGitRepo: https://example.org/r.git\n"
MAINTAINERS = ("--maintainers", "A B <a@example.org> (@ab)")
SITE = """
version: 1
dist_git:
  public_url: https://git.example.org/{namespace}/{image}.git
"""
NAMESPACE = """
registry: registry.example.org:5000/ns
streams:
  master: {branch: master, tags: [master, latest]}
  "2.0": {branch: stable/2.0, tags: ["2.0"]}
"""
FILES = TEMPLATE | FAMILY | {"distgen.yaml": SITE, "overlays/ns/namespace.yaml": NAMESPACE}


def entry(*lines: str) -> str:
    return "\n".join([HEAD, "Tags: 1", f"GitCommit: {COMMIT}", *lines]) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        entry(),
        "# RFC 2822\n\n\t# I LOVE CAKE\n\n" + entry("# hi", "GitFetch: refs/tags/v1"),
        entry("Directory: 1.5/ppc64le/", "ppc64le-Directory: 1.5", "s390x-File: Dockerfile.s390x"),
        entry("Architectures: amd64, amd64, arm64v8", "Builder: oci-import", "Constraints: x"),
        entry(
            "SharedTags: latest", "", "Tags: 2", f"GitCommit: {COMMIT[::-1]}", "SharedTags: latest"
        ),
        HEAD.replace("(@ab)", "(@ab),\n  C (@c)") + f"\nTags: 1,\n  1.0\nGitCommit: {COMMIT}\n",
        HEAD + f"\nTags: 1\nGitCommit: {COMMIT}{COMMIT[:24]}\n",
        HEAD,
    ],
)
def test_what_bashbrew_takes(text):
    read_library(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "missing Maintainers"),
        ("this is just completely bogus", "Bad line: 'this is just completely bogus' has no ':'"),
        (HEAD.replace("Maintainers", "Builder"), "missing Maintainers"),
        (HEAD + "Tags: 1\n", "global Tags not permitted"),
        (HEAD.replace("(@ab)", "(ab)"), "invalid Maintainers"),
        (HEAD.replace("(@ab)", ""), "invalid Maintainers"),
        (HEAD.replace("A B", "B, A"), "invalid Maintainers: 'B'"),
        (entry().replace("Tags: 1\n", ""), "missing Tags"),
        (entry().replace("GitRepo", "File"), "missing one of GitRepo, GitFetch, or GitCommit"),
        (entry().replace(COMMIT, "master"), "invalid GitCommit"),
        (entry().replace(COMMIT, COMMIT[:39]), "invalid GitCommit"),
        (entry().replace(COMMIT, COMMIT.upper()), "invalid GitCommit"),
        (entry("GitCommit: " + COMMIT), "GitCommit is there twice"),
        (HEAD.replace("(@ab)", "(@ab) and more"), "invalid Maintainers"),
        (entry("GitFetch: master"), "invalid GitFetch"),
        (entry("GitFetch: refs/pull/1/head"), "invalid GitFetch"),
        (entry("GitFetch: refs/heads/*"), "invalid GitFetch"),
        (entry("Architectures: arm64"), "invalid Architectures: 'arm64'"),
        (entry("Architectures: linux/amd64"), "invalid Architectures"),
        (entry("Builder: kaniko"), "unknown Builder"),
        (entry("GitBranch: master"), "unknown field GitBranch"),
        (entry("sparc-File: Dockerfile"), "unknown field sparc-File"),
        (entry().replace("Tags: 1", "Tags: 1+2"), "invalid (Shared)Tags: '1+2'"),
        (entry().replace("Tags: 1", "Tags: -1"), "invalid (Shared)Tags"),
        (entry().replace("Tags: 1", "Tags: 1, 1"), "duplicate tag: '1'"),
        (entry().replace("Tags: 1", "Tags: " + "1" * 129), "invalid (Shared)Tags"),
        (entry("", "Tags: 1", f"GitCommit: {COMMIT[::-1]}"), "duplicate tag: '1'"),
        (entry("SharedTags: 1"), "conflicting shared tag: '1'"),
        (
            entry("SharedTags: 2", "", "Tags: 2", f"GitCommit: {COMMIT[::-1]}"),
            "tag conflicting with a shared tag: '2'",
        ),
    ],
)
def test_what_bashbrew_refuses(text, problem):
    with pytest.raises(BadLibrary, match=re.escape(problem)):
        read_library(text)


def test_entries_of_the_same_commit_are_one():
    text = entry("", "Tags: 2", f"GitCommit: {COMMIT}")
    assert [found.tags for found in read_library(text)] == [("1", "2")]


def test_an_entry_replaces_the_architectures_of_the_first_paragraph():
    text = HEAD + f"Architectures: amd64\n\nTags: 1\nGitCommit: {COMMIT}\nArchitectures: s390x\n"
    assert read_library(text)[0].architectures == ("s390x",)


# --- what we write -----------------------------------------------------------------------------


@pytest.fixture
def root(catalogue, distgen):
    folder = catalogue(FILES)
    assert distgen(folder, "publish").code == 0
    return folder


def libraries(folder: Path) -> dict[str, list[Entry]]:
    paths = [path for path in sorted(folder.rglob("*")) if path.parent.name == "library"]
    return {
        f"{path.parts[-3]}/{path.name}": read_library(path.read_text(encoding="utf-8"))
        for path in paths
    }


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def assert_commits_are_reachable(entries: list[Entry], repository: Path, tmp_path: Path) -> None:
    """Fetch what an entry names, and nothing else, as bashbrew does."""
    for i, found in enumerate(entries):
        clone = tmp_path / f"{repository.stem}-{i}"
        git(tmp_path, "init", "-q", "--bare", str(clone))
        git(clone, "fetch", "-q", str(repository), f"{found.values['GitFetch']}:refs/heads/it")
        git(clone, "merge-base", "--is-ancestor", found.values["GitCommit"], "refs/heads/it")
        paths = git(clone, "ls-tree", "--name-only", found.values["GitCommit"]).split()
        assert found.values["File"] in paths


def test_a_file_has_an_entry_for_each_stream(root, distgen, tmp_path):
    assert distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out").code == 0
    tips = {
        branch: git(root / "dist-git/ns/app.git", "rev-parse", branch)
        for branch in ("master", "stable/2.0")
    }
    assert (
        (tmp_path / "out/ns/library/app").read_text()
        == f"""\
Maintainers: A B <a@example.org> (@ab)
GitRepo: https://git.example.org/ns/app.git

Tags: 2.0
GitFetch: refs/heads/stable/2.0
GitCommit: {tips["stable/2.0"]}

Tags: master, latest
GitCommit: {tips["master"]}
"""
    )


def test_a_commit_is_reachable_from_what_is_fetched_even_below_a_packagers_file(
    root, distgen, tmp_path
):
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(root / "dist-git/ns/app.git"), str(work))
    (work / "NOTES").write_text("mine\n")
    git(work, "add", "-A")
    person = ("-c", "user.name=P", "-c", "user.email=p@example.org")
    git(work, *person, "commit", "-qm", "Add notes")
    git(work, "push", "-q")
    assert distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out").code == 0
    written = libraries(tmp_path / "out")
    assert sorted(written) == ["ns/app", "ns/base", "ns/late"]
    for name, entries in written.items():
        assert_commits_are_reachable(entries, root / f"dist-git/{name}.git", tmp_path)


def test_an_edited_branch_is_refused_by_name(root, distgen, tmp_path):
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(root / "dist-git/ns/app.git"), str(work))
    (work / "Dockerfile").write_text("FROM scratch\n")
    person = ("-c", "user.name=P", "-c", "user.email=p@example.org")
    git(work, *person, "commit", "-qam", "Edit")
    git(work, "push", "-q")
    ran = distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out")
    assert ran.code == 1
    assert "ns/app@master: refused: its branch master was edited downstream: Dockerfile" in ran.err
    written = libraries(tmp_path / "out")
    assert [found.tags for found in written["ns/app"]] == [("2.0",)]
    assert len(written["ns/late"]) == 2


def test_nothing_is_said_of_what_was_not_published(catalogue, distgen, tmp_path):
    ran = distgen(catalogue(FILES), "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out")
    assert ran.code == 1
    assert ran.err.count("was not published yet") == 6
    assert libraries(tmp_path / "out") == {}


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("overlay", "dockerfile", "where"),
    [
        (f"from: docker.io/library/debian:12@{DIGEST}", "FROM {}", "line 1"),
        (f"from: docker.io/library/debian@{DIGEST}", "FROM {} AS a\nFROM a", "line 1"),
        (
            f"from: scratch\nbuilders: {{it: 'quay.io/x/y:1@{DIGEST}'}}",
            "FROM scratch\nCOPY --from={} / /",
            "line 2",
        ),
    ],
)
def test_an_image_that_names_another_by_digest_is_refused(
    overlay, dockerfile, where, catalogue, distgen, tmp_path
):
    word = re.search(r"[^\s']+@sha256:\w+", overlay)[0]
    own = {
        "overlays/ns/late.yaml": f"template: app\n{overlay}\n",
        "overlays/ns/late/Dockerfile": dockerfile.format(word) + "\n",
    }
    root = catalogue(FILES | own)
    assert distgen(root, "publish").code == 0
    ran = distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out")
    assert ran.code == 1
    assert f"ns/late@master: refused: {where} of its Dockerfile has a digest" in ran.err
    assert sorted(libraries(tmp_path / "out")) == ["ns/app", "ns/base"]


def test_architectures_stand_only_where_platforms_are_said(root, distgen, tmp_path):
    overlay = root / "overlays/ns/app.yaml"
    platforms = "platforms: [linux/arm64, linux/amd64, linux/arm/v7]\n"
    overlay.write_text(overlay.read_text() + platforms)
    assert distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out").code == 0
    texts = {
        name: (tmp_path / f"out/ns/library/{name}").read_text() for name in ("app", "base", "late")
    }
    assert texts["app"].count("Architectures: amd64, arm32v7, arm64v8\n") == 2
    assert "Architectures" not in texts["base"] + texts["late"]


def test_a_platform_that_bashbrew_does_not_know_is_refused(root, distgen, tmp_path):
    overlay = root / "overlays/ns/app.yaml"
    overlay.write_text(overlay.read_text() + "platforms: [linux/loong64]\n")
    ran = distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out")
    assert ran.code == 1
    refusal = "ns/app@2.0: refused: bashbrew has no architecture for its platform linux/loong64"
    assert refusal in ran.err
    assert sorted(libraries(tmp_path / "out")) == ["ns/base", "ns/late"]


def test_all_architectures_of_bashbrew_have_a_platform():
    text = entry("Architectures: " + ", ".join(ARCHITECTURES.values()))
    assert len(read_library(text)[0].architectures) == 11


@pytest.mark.parametrize(
    ("maintainers", "said"),
    [
        ("", "ns/base has no maintainer, and bashbrew needs one; name one with --maintainers"),
        ("A B <a@example.org>", "'A B <a@example.org>' is not a maintainer"),
        ("Doe, Jane <j@example.org> (@j)", "'Doe' is not a maintainer"),
        ("A (@a)\nTags: evil", "is not a maintainer"),
        ("A\nB (@a)", "is not a maintainer"),
        ("A (@a), ", "--maintainers: '' is not a maintainer"),
        ("A (@a)\r", None),
        ("A  B  (@a),C <c@example.org> (@c)", None),
    ],
)
def test_maintainers_are_those_that_bashbrew_takes(maintainers, said, root, distgen, tmp_path):
    words = ("--maintainers", maintainers, "-o", tmp_path / "out")
    ran = distgen(root, "export", "bashbrew", *words)
    assert ran.code == (2 if said else 0)
    assert (said or "") in ran.err
    if said:
        assert not (tmp_path / "out").exists()
    else:
        libraries(tmp_path / "out")


@pytest.fixture
def with_digests(catalogue):
    """A catalogue whose base has a digest in the lock, and a function that writes `exports`."""
    lock = {
        "version": 1,
        "bases": {"docker.io/library/debian:12": {"digest": DIGEST}},
    }
    based = "template: app\nfrom: docker.io/library/debian:12\n"
    root = catalogue(
        FILES | {"overlays/ns/base.yaml": based, "distgen.lock": json.dumps(lock) + "\n"}
    )

    def write(*lines):
        path = root / "overlays/ns/namespace.yaml"
        path.write_text("\n".join([textwrap.dedent(NAMESPACE).strip(), *lines, ""]))
        return root

    return write


def test_a_namespace_for_bashbrew_names_images_by_their_tags(with_digests, distgen, tmp_path):
    maintainers = "bashbrew: {maintainers: [A (@a), B <b@example.org> (@b)]}"
    root = with_digests("exports: [bashbrew]", maintainers)
    assert distgen(root, "publish").code == 0
    tree = git(root / "dist-git/ns/base.git", "ls-tree", "--name-only", "master").split()
    assert tree == [".distgen.json", ".gitattributes", "Dockerfile"]
    dockerfile = git(root / "dist-git/ns/base.git", "show", "master:Dockerfile")
    assert "FROM docker.io/library/debian:12\n" in dockerfile
    assert f"LABEL base={DIGEST}" in dockerfile
    assert distgen(root, "export", "bashbrew", "-o", tmp_path / "out").code == 0
    first = (tmp_path / "out/ns/library/base").read_text().splitlines()[0]
    assert first == "Maintainers: A (@a), B <b@example.org> (@b)"
    assert sorted(libraries(tmp_path / "out")) == ["ns/app", "ns/base", "ns/late"]
    ran = distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out")
    assert ran.code == 0
    assert "(@ab)\n" in (tmp_path / "out/ns/library/base").read_text()


def test_without_it_the_base_with_a_digest_is_refused(with_digests, distgen, tmp_path):
    root = with_digests()
    assert distgen(root, "publish").code == 0
    ran = distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out")
    assert ran.code == 1
    assert ran.err.count("ns/base@") == 2
    assert sorted(libraries(tmp_path / "out")) == ["ns/app", "ns/late"]


def test_osbs_and_bashbrew_in_one_namespace_are_an_error(with_digests, distgen):
    ran = distgen(with_digests("exports: [osbs, bashbrew]"), "list")
    assert (ran.code, ran.out) == (2, "")
    assert "overlays/ns/namespace.yaml:5:17: `exports` holds both `bashbrew` and `osbs`" in ran.err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[A]", "namespace.yaml:6:26: 'A' is not a maintainer; write NAME <MAIL> (@HANDLE)"),
        ("['A (@a)', 'Doe, J (@j)']", "'Doe, J (@j)' is not a maintainer"),
        ('["A\\nTags: evil (@a)"]', "holds a line break"),
        ("[]", "namespace.yaml:6:12"),
        ("A (@a)", "namespace.yaml:6:12"),
    ],
)
def test_maintainers_of_a_namespace_are_those_that_bashbrew_takes(
    lines, said, with_digests, distgen
):
    root = with_digests("exports: [bashbrew]", f"bashbrew: {{maintainers: {lines}}}")
    ran = distgen(root, "list")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_digest_that_a_template_writes_is_found_by_lint(with_digests, distgen):
    root = with_digests("exports: [bashbrew]")
    (root / "overlays/ns/base").mkdir()
    (root / "overlays/ns/base/Dockerfile").write_text(
        f"FROM docker.io/library/debian:12@{DIGEST}\n"
    )
    ran = distgen(root, "lint", "ns/base")
    assert "has a digest (FROM docker.io/library/debian:12@sha256:" in ran.out


def test_bashbrew_itself_prints_what_we_write(root, distgen, tmp_path):
    """`bashbrew cat` prints its own form: the same bytes mean that it read all of it."""
    program = shutil.which("bashbrew")
    if not program:
        pytest.skip("bashbrew is not installed")
    assert distgen(root, "export", "bashbrew", *MAINTAINERS, "-o", tmp_path / "out").code == 0
    library = tmp_path / "out/ns/library"
    for path in sorted(library.iterdir()):
        words = [program, "--library", library, "--cache", tmp_path / "cache", "cat", path.name]
        printed = subprocess.run(words, check=True, capture_output=True)
        assert printed.stdout == path.read_bytes()
