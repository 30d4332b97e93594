"""`distgen lock --facts`: what was looked up elsewhere goes into the lock, and nobody is asked."""

import json
import os
import subprocess
import sys

import pytest
from testing.commandline import keeps_to_its_schema

from distgen.lock.file import dump_lock, read_lock
from distgen.model.lock import LOCK_LIMIT, Lock, LockedBase, LockedSource

pytest_plugins = ["testing.commandline"]

PYTHON, DEBIAN = "docker.io/library/python:3.11", "docker.io/library/debian:12"
APP, FILE = "https://git.example.invalid/app", "https://files.example.invalid/file.tar"
OWN = "quay.example.invalid/ns/base:master"
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
COMMIT, OTHER, DATE = "1" * 40, "2" * 40, "2024-05-01T12:00:00Z"
CATALOGUE = {
    "templates/app/template.yaml": "description: An application\nvalues: {}\n",
    "templates/app/Dockerfile.j2": 'FROM {{ base.reference }}\nCMD ["app"]\n',
    "overlays/ns/namespace.yaml": "registry: quay.example.invalid/ns\nstreams: {master: {}}\n",
    "overlays/ns/base.yaml": f"template: app\nfrom: {DEBIAN}\n",
    "overlays/ns/app.yaml": f"""
        template: app
        from: {PYTHON}
        sources:
          app: {{git: "{APP}", ref: main}}
          old: {{git: "{APP}", ref: "{OTHER}"}}
        downloads: {{file: {{url: "{FILE}"}}}}
        """,
}
FACTS = {
    "version": 1,
    "collected": "2024-05-02",
    "bases": {
        PYTHON: {"digest": A, "read_at": "a page of the registry"},
        DEBIAN: {"digest": B},
    },
    "sources": {
        APP: {
            "main": {"commit": COMMIT, "date": DATE, "read_at": "a mirror"},
            OTHER: {"commit": OTHER, "date": DATE, "version": "1.0"},
        }
    },
    "downloads": {FILE: {"sha256": "f" * 64}},
}
LOCK = Lock(
    {PYTHON: LockedBase(A), DEBIAN: LockedBase(B)},
    {
        (APP, "main"): LockedSource(COMMIT, DATE),
        (APP, OTHER): LockedSource(OTHER, DATE, "1.0"),
    },
    {FILE: "f" * 64},
)


@pytest.fixture
def root(catalogue):
    return catalogue(CATALOGUE)


@pytest.fixture
def facts(tmp_path):
    """Return a function that writes facts into a file; what is given stands in place of FACTS'."""

    def write(**changes):
        path = tmp_path / "facts.yaml"
        path.write_text(json.dumps({**FACTS, **changes}))
        return path

    return write


def statuses(ran):
    return {row["name"]: row["status"] for row in ran.json["entries"]}


def test_facts_fill_the_lock_as_if_they_had_been_looked_up(root, distgen, facts):
    ran = distgen(root, "lock", "--facts", facts(), "--format", "json")
    assert (ran.code, ran.json["summary"]) == (0, {"added": 5})
    keeps_to_its_schema("lock-changes", ran.json)
    assert read_lock(root / "distgen.lock") == LOCK
    assert (root / "distgen.lock").read_text() == dump_lock(LOCK)
    ran = distgen(root, "lock", "--check", "--offline")
    assert (ran.code, ran.out, ran.err) == (0, "", "the lock is complete\n")


def test_a_lock_is_a_file_of_facts(root, distgen, facts, tmp_path):
    assert distgen(root, "lock", "--facts", facts()).code == 0
    elsewhere = (root / "distgen.lock").rename(tmp_path / "elsewhere.lock")
    assert distgen(root, "lock", "--facts", elsewhere).code == 0
    assert (root / "distgen.lock").read_bytes() == elsewhere.read_bytes()


def test_what_the_facts_lack_is_named_and_the_rest_is_written(root, distgen, facts):
    ran = distgen(root, "lock", "--facts", facts(sources={}, downloads={}))
    assert ran.code == 0
    assert ran.out == f"added  {DEBIAN}: {B}\nadded  {PYTHON}: {A}\n"
    assert ran.err == (f"the lock still lacks 3 entries: {FILE}, {APP} {OTHER}, {APP} main\n")
    assert read_lock(root / "distgen.lock") == Lock(LOCK.bases)


def test_facts_about_what_no_image_needs_are_named_and_left_out(root, distgen, facts):
    useless = {"docker.io/library/other:1": {"digest": C}, **FACTS["bases"]}
    ran = distgen(root, "lock", "--facts", facts(bases=useless))
    assert ran.code == 0
    assert ran.err == "1 fact is about what no image needs: docker.io/library/other:1\n"
    assert read_lock(root / "distgen.lock") == LOCK
    ran = distgen(root, "lock", "--facts", facts(bases=useless), "--format", "json")
    keeps_to_its_schema("lock-changes", ran.json)
    assert ran.json["summary"] == {"unchanged": 5, "unneeded": 1}


def test_facts_for_images_that_were_not_named_wait_without_a_word(root, distgen, facts):
    ran = distgen(root, "lock", "--facts", facts(), "ns/base")
    assert (ran.code, ran.out, ran.err) == (0, f"added  {DEBIAN}: {B}\n", "")
    assert read_lock(root / "distgen.lock") == Lock({DEBIAN: LockedBase(B)})


def test_facts_that_differ_from_the_lock_wait_for_an_upgrade(root, distgen, facts):
    assert distgen(root, "lock", "--facts", facts()).code == 0
    moved = facts(
        bases={PYTHON: {"digest": C}, DEBIAN: {"digest": C}},
        sources={APP: {"main": {"commit": OTHER, "date": DATE}}},
    )
    before = (root / "distgen.lock").read_bytes()
    ran = distgen(root, "lock", "--facts", moved)
    assert (ran.code, ran.err) == (0, "the facts change nothing in distgen.lock\n")
    assert ran.out == (
        f"differs  {DEBIAN}: locked {B}, the facts say {C}; --upgrade takes it over\n"
        f"differs  {PYTHON}: locked {A}, the facts say {C}; --upgrade takes it over\n"
        f"differs  {APP} main: locked {COMMIT} of {DATE}, the facts say {OTHER} of {DATE};"
        " --upgrade takes it over\n"
    )
    assert (root / "distgen.lock").read_bytes() == before
    ran = distgen(root, "lock", "--facts", moved, "--format", "json")
    keeps_to_its_schema("lock-changes", ran.json)
    assert ran.json["summary"] == {"differs": 3, "unchanged": 2}
    ran = distgen(root, "lock", "--facts", moved, "--upgrade", "*/python:*", "--format", "json")
    assert {name for name, status in statuses(ran).items() if status == "updated"} == {PYTHON}
    ran = distgen(root, "lock", "--facts", moved, "--upgrade")
    assert ran.out == f"updated  {DEBIAN}: {B} -> {C}\nupdated  {APP} main: {COMMIT} -> {OTHER}\n"
    assert ran.err == f"the facts lack 1 entry to upgrade: {APP} {OTHER}\n"


def test_a_check_compares_the_lock_with_facts(root, distgen, facts):
    assert distgen(root, "lock", "--facts", facts(downloads={})).code == 0
    assert distgen(root, "lock", "--check", "--facts", facts()).code == 1
    moved = facts(bases={PYTHON: {"digest": C}})
    ran = distgen(root, "lock", "--check", "--facts", moved, "--format", "json")
    keeps_to_its_schema("lock-problems", ran.json)
    assert ran.code == 1
    assert {row["name"]: (row["status"], row["detail"]) for row in ran.json["problems"]} == {
        PYTHON: ("stale", f"locked {A}, the facts say {C}"),
        FILE: ("missing", "not in the lock"),
    }
    assert distgen(root, "lock", "--facts", facts()).code == 0
    ran = distgen(root, "lock", "--check", "--facts", facts())
    assert (ran.code, ran.out, ran.err) == (0, "", "the lock is as the facts say\n")
    ran = distgen(root, "lock", "--check", "--facts", facts(), "--upgrade")
    assert (ran.code, ran.out) == (2, "")


def test_a_digest_of_one_platform_is_not_taken_for_all(root, distgen, facts):
    one = facts(bases={PYTHON: {"digest": A, "platform": "linux/arm64"}, DEBIAN: {"digest": B}})
    ran = distgen(root, "lock", "--facts", one)
    assert (
        f"differs  {PYTHON}: the facts are of linux/arm64, and all platforms are to be locked;"
        " --platform linux/arm64 takes them over\n"
    ) in ran.out
    assert read_lock(root / "distgen.lock").bases == {DEBIAN: LockedBase(B)}
    ran = distgen(root, "lock", "--facts", one, "--platform", "linux/arm64", "ns/app")
    assert read_lock(root / "distgen.lock").bases[PYTHON] == LockedBase(A, "linux/arm64")


def test_images_of_the_catalogue_are_pinned_too(catalogue, distgen, facts):
    root = catalogue({**CATALOGUE, "overlays/ns/child.yaml": "template: app\nfrom: ns/base\n"})
    pinned = facts(bases={**FACTS["bases"], OWN: {"digest": C}})
    ran = distgen(root, "lock", "--facts", pinned)
    assert (ran.code, ran.err) == (0, "")
    assert read_lock(root / "distgen.lock").bases[OWN] == LockedBase(C)
    assert distgen(root, "lock", "--check", "--offline").code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1:1: the key `version` is missing"),
        ("version: 1\ndigests: {}", ":2:1: unknown key `digests`"),
        ("version: 1\ncollected: 3 May", ":2:1: `collected: 3 May` is not a day: `2024-05-01`"),
        (f"version: 1\nbases: {{{PYTHON}: {{digest: sha256:1}}}}", f":2:41: "
         f"`bases.{PYTHON}.digest: sha256:1` is not a digest: `sha256:...`"),
        (f"version: 1\nbases: {{{PYTHON}: {{digest: {A}, platform: arm}}}}", ":2:122: "
         f"`bases.{PYTHON}.platform: arm` is not a platform: `OS/ARCH`"),
        (f"version: 1\nsources: {{{APP}: {{{OTHER}: {{commit: {COMMIT}, date: {DATE}}}}}}}",
         f":2:88: the commit of {OTHER} is another one, and it is a commit itself"),
        ("version: 1\nversion: 1", ":2:1: the key `version` "),
    ],
)  # fmt: skip
def test_a_wrong_file_of_facts_is_one_sentence(root, distgen, tmp_path, text, message):
    path = tmp_path / "facts.yaml"
    path.write_text(text)
    ran = distgen(root, "lock", "--facts", path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"distgen: {path}{message}"), ran.err
    assert ran.err.count("\n") == 1
    assert not (root / "distgen.lock").exists()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sources: {{{url}: {{main: {{commit: 1, date: 2}}}}}}", "sources"),
        ("downloads: {{{url}: {{sha256: 1}}}}", "downloads"),
    ],
)
def test_no_password_in_an_address_is_repeated(root, distgen, tmp_path, text, key):
    """The message of a key that is not as it should be repeated the key."""
    path = tmp_path / "facts.yaml"
    url = '"https://user:geheim@git.example.invalid/app"'
    path.write_text("version: 1\n" + text.format(url=url))
    ran = distgen(root, "lock", "--facts", path)
    assert (ran.code, ran.out) == (2, "")
    assert f"a key of `{key}` holds a user or password" in ran.err
    assert "geheim" not in ran.err


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("absent", "there is no such file"),
        ("folder", "is not a file"),
        ("pipe", "is not a file"),
        ("endless", "is not a file"),
        ("large", "is larger than 16 MiB"),
        ("binary", "is not UTF-8 text"),
    ],
)
def test_facts_that_cannot_be_read_are_refused_at_once(root, tmp_path, kind, message):
    path = tmp_path / "facts.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "large":
        path.write_bytes(b"#" * (LOCK_LIMIT + 1))
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe")
    ran = subprocess.run(
        [sys.executable, "-m", "distgen", "-C", root, "lock", "--facts", path],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"distgen: {path}") and message in ran.stderr


@pytest.mark.parametrize("target", ["../elsewhere", "lock.yaml"])
def test_a_lock_is_not_written_through_a_link_out_of_the_catalogue(root, distgen, facts, target):
    """A clone of somebody's catalogue would write whatever file it names."""
    (root / "distgen.lock").symlink_to(target)
    ran = distgen(root, "lock", "--facts", facts())
    is_inside = target == "lock.yaml"
    assert ran.code == (0 if is_inside else 2), ran
    assert (root / target).exists() == is_inside
    assert is_inside or "distgen.lock: is a link that leads outside the catalogue" in ran.err


def test_what_a_policy_exempts_may_be_missing(catalogue, distgen, facts):
    exempting = """
        registry: quay.example.invalid/ns
        streams: {master: {}}
        policy: {rules: {DG101: {exempt: {ns/app: its upstream cannot be asked from here}}}}
        """
    root = catalogue({**CATALOGUE, "overlays/ns/namespace.yaml": exempting})
    ran = distgen(root, "lock", "--check", "--offline", "--format", "json")
    assert {row["name"]: row["status"] for row in ran.json["problems"]} == {DEBIAN: "missing"}
    assert ran.err.startswith(f"4 may stay unpinned, as policies say: {PYTHON}, {FILE}, ")
    assert distgen(root, "lock", "--facts", facts(sources={}, downloads={})).code == 0
    ran = distgen(root, "lock", "--check", "--offline")
    assert (ran.code, ran.out) == (0, "")
    # What is locked all the same is compared as everything is.
    moved = facts(bases={PYTHON: {"digest": C}})
    assert distgen(root, "lock", "--check", "--facts", moved).code == 1
