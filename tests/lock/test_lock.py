"""`distgen lock` against a real registry, real git repositories and a web server."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from testing.catalogues import TEMPLATE, overlay
from testing.commandline import keeps_to_its_schema
from testing.git_server import Fault, git_server
from testing.servers import PASSWORD, USER, Reply, in_front_of, push, push_index, serve

from distgen.lock.file import read_lock
from distgen.lock.journal import Journal

pytest_plugins = ["testing.servers", "testing.commandline"]


def mirrors(server, **git):
    """Settings that find docker.io in the test's registry."""
    return json.dumps(
        {
            "version": 1,
            "mirrors": {
                "registries": {"docker.io": f"{server.host}/lock"},
                **({"git": git["git"]} if git else {}),
            },
        }
    )


def lock(root):
    return read_lock(root / "distgen.lock")


def statuses(ran):
    return {(row["name"], row["ref"]): row["status"] for row in ran.json["entries"]}


def problems(ran):
    return {(row["name"], row["ref"]): row["status"] for row in ran.json["problems"]}


# --- what a lock holds -------------------------------------------------------------------------


def test_bases_sources_and_downloads_are_resolved_and_rendering_uses_them(
    catalogue, distgen, open_registry, upstream, tmp_path
):
    index, _ = push_index(open_registry, "lock/library/python", "3.11-slim")
    app = upstream("app")
    app.git("tag", "-a", "-m", "one", "1.0.0")
    tagged = app.git("rev-parse", "HEAD")
    head = app.commit("more", date="2024-06-02T03:04:05+0200")
    with serve(lambda asked: Reply(200, b"a file")) as web:
        root = catalogue(
            {
                **TEMPLATE,
                "distgen.yaml": mirrors(open_registry),
                "overlays/ns/one.yaml": overlay(
                    "docker.io/library/python:3.11-slim",
                    {"app": (app.url, "master"), "old": (app.url, "1.0.0")},
                    {"file": f"{web.url}/file.tar"},
                ),
            }
        )
        ran = distgen(root, "lock", "--format", "json")
    assert ran.code == 0
    assert ran.json["summary"] == {"added": 4}
    found = lock(root)
    assert {name: base.digest for name, base in found.bases.items()} == {
        "docker.io/library/python:3.11-slim": index
    }
    assert {
        ref: (one.commit, one.date, one.version) for (_, ref), one in found.sources.items()
    } == {
        "master": (head, "2024-06-02T01:04:05Z", None),
        "1.0.0": (tagged, "2024-05-01T12:00:00Z", "1.0.0"),
    }
    assert found.downloads == {f"{web.url}/file.tar": hashlib.sha256(b"a file").hexdigest()}
    assert distgen(root, "render", "-o", tmp_path / "out").code == 0
    text = (tmp_path / "out/ns/one/master/Dockerfile").read_text()
    assert f"FROM {open_registry.host}/lock/library/python:3.11-slim@{index}\n" in text
    assert f"RUN fetch {app.url} {head}\n" in text
    assert f"file.tar {hashlib.sha256(b'a file').hexdigest()}\n" in text


def test_what_is_locked_is_not_asked_for_again_until_it_is_upgraded(
    catalogue, distgen, open_registry, upstream
):
    push(open_registry, "lock/library/stays", "1")
    app = upstream("app")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "overlays/ns/one.yaml": overlay(
                "docker.io/library/stays:1", {"app": (app.url, "master")}
            ),
        }
    )
    assert distgen(root, "lock").code == 0
    before = (root / "distgen.lock").read_bytes()
    moved = push(open_registry, "lock/library/stays", "1", labels={"new": "yes"})
    head = app.commit("more")
    ran = distgen(root, "lock", "--format", "json")
    assert set(statuses(ran).values()) == {"unchanged"}
    assert (root / "distgen.lock").read_bytes() == before
    ran = distgen(root, "lock", "--upgrade", "docker.io/*", "--format", "json")
    assert statuses(ran) == {
        ("docker.io/library/stays:1", ""): "updated",
        (app.url, "master"): "unchanged",
    }
    assert lock(root).bases["docker.io/library/stays:1"].digest == moved
    assert distgen(root, "lock", "--upgrade", "ns/one").code == 0
    assert lock(root).sources[(app.url, "master")].commit == head
    ran = distgen(root, "lock", "--upgrade")
    assert (ran.code, ran.out, ran.err) == (0, "", "2 entries looked up, and nothing is new\n")
    assert distgen(root, "lock").err == ""


def test_a_pattern_that_matches_nothing_is_a_mistake(catalogue, distgen, open_registry):
    push(open_registry, "lock/library/stays", "1")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "overlays/ns/one.yaml": overlay("docker.io/library/stays:1"),
        }
    )
    ran = distgen(root, "lock", "--upgrade", "ns/onne")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "distgen: nothing in the lock matches 'ns/onne'; did you mean `ns/one`?\n"


def test_entries_that_nobody_needs_are_dropped(catalogue, distgen, open_registry):
    push(open_registry, "lock/library/kept", "1")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "overlays/ns/one.yaml": overlay("docker.io/library/kept:1"),
            "distgen.lock": f"""
                version: 1
                bases:
                  docker.io/library/gone:1: {{digest: 'sha256:{"0" * 64}'}}
                """,
        }
    )
    ran = distgen(root, "lock", "--format", "json")
    assert statuses(ran) == {
        ("docker.io/library/gone:1", ""): "dropped",
        ("docker.io/library/kept:1", ""): "added",
    }
    assert list(lock(root).bases) == ["docker.io/library/kept:1"]


def test_one_platform_can_be_locked_and_the_lock_says_so(catalogue, distgen, open_registry):
    index, children = push_index(open_registry, "lock/library/multi", "1")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "overlays/ns/one.yaml": overlay("docker.io/library/multi:1"),
        }
    )
    reference = "docker.io/library/multi:1"
    for option, digest, platform in (
        (("--platform", "linux/arm64"), children["linux/arm64"], "linux/arm64"),
        (("--upgrade",), children["linux/arm64"], "linux/arm64"),
        (("--platform", "all"), index, None),
    ):
        assert distgen(root, "lock", *option).code == 0
        assert lock(root).bases[reference].digest == digest
        assert lock(root).bases[reference].platform == platform
    ran = distgen(root, "lock", "--platform", "linux/s390x")
    assert ran.code == 1
    assert "the image is not built for linux/s390x; it is for linux/amd64, linux/arm64" in ran.out


def test_refs_of_changes_and_commits_and_closed_tags_are_resolved(catalogue, distgen, upstream):
    app = upstream("app")
    first = app.git("rev-parse", "HEAD")
    change = app.commit("a change")
    app.git("update-ref", "refs/changes/42/42/1", "HEAD")
    app.git("reset", "-q", "--hard", first)
    app.git("tag", "2023.2-eol")
    root = catalogue(
        {
            **TEMPLATE,
            "overlays/ns/one.yaml": overlay(
                "scratch",
                {
                    "change": (app.url, "refs/changes/42/42/1"),
                    "commit": (app.url, first),
                    "closed": (app.url, "2023.2-eol"),
                },
            ),
        }
    )
    assert distgen(root, "lock").code == 0
    assert {ref: (one.commit, one.version) for (_, ref), one in lock(root).sources.items()} == {
        "refs/changes/42/42/1": (change, None),
        first: (first, None),
        "2023.2-eol": (first, "2023.2-eol"),
    }


@pytest.mark.parametrize(
    ("date", "locked_date"),
    [
        ("0 +0000", "1970-01-01T00:00:00Z"),
        ("1700000000 +1400", "2023-11-14T22:13:20Z"),
        ("999999999999 +0000", None),
        ("99999999999999999999 +0000", None),
        ("", None),
    ],
)
def test_the_date_of_a_commit_is_any_that_a_calendar_has(
    catalogue, distgen, upstream, date, locked_date
):
    """A year after 9999 ended the run with a traceback."""
    app = upstream("app")
    person = f"Pat <pat@example.org> {date}"
    (app.path / "commit").write_text(
        f"tree {app.git('rev-parse', 'HEAD^{tree}')}\nauthor {person}\ncommitter {person}\n\nx\n"
    )
    commit = app.git("hash-object", "-t", "commit", "-w", "--literally", "commit")
    app.git("update-ref", "refs/heads/master", commit)
    root = catalogue(
        {**TEMPLATE, "overlays/ns/one.yaml": overlay("scratch", {"app": (app.url, "master")})}
    )
    ran = distgen(root, "lock")
    if locked_date:
        assert [source.date for source in lock(root).sources.values()] == [locked_date]
    else:
        assert (ran.code, f"the commit {commit} has no date" in ran.out + ran.err) == (1, True)


# --- failures ----------------------------------------------------------------------------------


def test_a_failure_leaves_the_old_file_whole_and_the_next_run_goes_on(
    catalogue, distgen, open_registry, upstream
):
    push(open_registry, "lock/library/fine", "1")
    app = upstream("app")
    old = b"# mine\nversion: 1\n"
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "distgen.lock": old,
            "overlays/ns/one.yaml": overlay("docker.io/library/fine:1"),
            "overlays/ns/two.yaml": overlay(
                "docker.io/library/late:1", {"app": (app.url, "mastr")}
            ),
        }
    )
    ran = distgen(root, "lock")
    assert ran.code == 1
    assert (root / "distgen.lock").read_bytes() == old
    assert "failed  docker.io/library/late:1: the registry has no such tag\n" in ran.out
    assert (
        f"failed  {app.url} mastr: the repository has no branch or tag mastr;"
        " did you mean `master`?\n"
    ) in ran.out
    assert "found entries are kept for the next run" in ran.err
    ran = distgen(root, "--no-cache", "lock")
    assert ran.code == 1
    assert "going on" not in ran.err and "kept" not in ran.err
    push(open_registry, "lock/library/late", "1")
    app.git("branch", "mastr")
    ran = distgen(root, "lock")
    assert ran.code == 0
    assert "going on after an interrupted run, with 1 entries" in ran.err
    assert len(lock(root).bases) == 2
    assert list(Path.home().glob(".cache/distgen/lock-*")) == []


def test_what_somebody_else_may_have_found_is_looked_up_again(tmp_path):
    def open_journal(folder=tmp_path):
        return Journal(folder, ["a"], 0)

    key = ("download", "https://a.example/a", "")
    with open_journal() as journal:
        journal.add(key, "0" * 64)
    with open_journal() as journal:
        assert journal.read() == {key: "0" * 64}
    journal.path.chmod(0o666)
    assert open_journal().read() == {}
    with open_journal(None) as journal:
        journal.add(key, "0" * 64)
        assert journal.read() == {}


def test_what_was_found_long_ago_is_looked_up_again(catalogue, distgen, open_registry):
    """An upgrade must not take up where one of last week failed."""
    push(open_registry, "lock/library/old", "1")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "overlays/ns/one.yaml": overlay("docker.io/library/old:1"),
            "overlays/ns/two.yaml": overlay("docker.io/library/not-yet:1"),
        }
    )
    assert distgen(root, "lock").code == 1
    (journal,) = Path.home().glob(".cache/distgen/lock-*")
    os.utime(journal, (0, 0))
    now = push(open_registry, "lock/library/old", "1", labels={"new": "yes"})
    push(open_registry, "lock/library/not-yet", "1")
    assert distgen(root, "lock").code == 0
    assert lock(root).bases["docker.io/library/old:1"].digest == now


def test_a_home_that_cannot_be_written_is_no_hindrance(
    catalogue, distgen, open_registry, monkeypatch, tmp_path
):
    push(open_registry, "lock/library/homeless", "1")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "overlays/ns/one.yaml": overlay("docker.io/library/homeless:1"),
        }
    )
    assert distgen(root, "lock").code == 0


def test_proxies_are_not_asked_for_this_very_machine(
    catalogue, distgen, open_registry, monkeypatch
):
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    push(open_registry, "lock/library/direct", "1")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "overlays/ns/one.yaml": overlay("docker.io/library/direct:1"),
        }
    )
    assert distgen(root, "lock").code == 0


def test_no_network_is_asked_when_offline(catalogue, distgen, upstream):
    app = upstream("app")
    root = catalogue(
        {**TEMPLATE, "overlays/ns/one.yaml": overlay("scratch", {"app": (app.url, "master")})}
    )
    ran = distgen(root, "lock", "--offline")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (f"distgen: 1 to be looked up: {app.url} master; leave out --offline\n")
    assert not (root / "distgen.lock").exists()


def test_a_registry_that_wants_a_login_gets_the_one_of_docker(
    catalogue, distgen, open_registry, basic_registry, tmp_path, monkeypatch
):
    digest = push(open_registry, "lock/library/private", "1")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(basic_registry),
            "overlays/ns/one.yaml": overlay("docker.io/library/private:1"),
        }
    )
    ran = distgen(root, "lock")
    assert ran.code == 1
    assert "the registry wants credentials, and none are known; log in" in ran.out
    home = tmp_path / "docker"
    home.mkdir()
    entry = {"username": USER, "password": PASSWORD}
    (home / "config.json").write_text(json.dumps({"auths": {basic_registry.host: entry}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(home))
    ran = distgen(root, "lock")
    assert ran.code == 0
    assert lock(root).bases["docker.io/library/private:1"].digest == digest
    assert PASSWORD not in ran.out + ran.err + (root / "distgen.lock").read_text()


# --- --check -----------------------------------------------------------------------------------


def test_a_check_says_what_is_missing_stale_gone_and_unused(
    catalogue, distgen, open_registry, upstream
):
    push(open_registry, "lock/library/fresh", "1")
    push(open_registry, "lock/library/stale", "1")
    app, fork = upstream("app"), upstream("fork")
    with serve(lambda asked: Reply(200, b"x")) as web:
        files = {
            **TEMPLATE,
            "distgen.yaml": mirrors(open_registry),
            "overlays/ns/one.yaml": overlay(
                "docker.io/library/fresh:1", {"app": (app.url, "master")}, {"f": f"{web.url}/f"}
            ),
            "overlays/ns/two.yaml": overlay(
                "docker.io/library/stale:1", {"fork": (fork.url, "master")}
            ),
        }
        root = catalogue(files)
        assert distgen(root, "lock").code == 0
        assert distgen(root, "lock", "--check").code == 0
        push(open_registry, "lock/library/stale", "1", labels={"new": "yes"})
        app.commit("more")
        fork.git("checkout", "-q", "--orphan", "other")
        fork.commit("rewritten")
        fork.git("branch", "-f", "master")
        fork.git("reflog", "expire", "--expire=now", "--all")
        fork.git("gc", "-q", "--prune=now")
        catalogue({"overlays/ns/three.yaml": overlay("docker.io/library/missing:1")})
        before = (root / "distgen.lock").read_bytes()
        ran = distgen(root, "lock", "--check", "--format", "json")
    assert ran.code == 1
    assert problems(ran) == {
        ("docker.io/library/missing:1", ""): "missing",
        ("docker.io/library/stale:1", ""): "stale",
        (app.url, "master"): "stale",
        (fork.url, "master"): "gone",
    }
    assert (root / "distgen.lock").read_bytes() == before
    ran = distgen(root, "lock", "--check", "--offline", "--format", "json")
    assert problems(ran) == {("docker.io/library/missing:1", ""): "missing"}
    ran = distgen(root, "lock", "--check", "ns/one")
    assert ran.code == 1
    assert f"unknown  {web.url}/f" in ran.out


# --- mirrors and speculation -------------------------------------------------------------------


def test_a_closed_network_locks_from_its_mirrors_under_public_names(
    catalogue, distgen, open_registry, upstream, tmp_path
):
    digest = push(open_registry, "lock/library/closed", "1")
    app = upstream("zuul/nodepool")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": mirrors(
                open_registry,
                git={"https://opendev.invalid/": f"file://{app.path.parent.parent}/"},
            ),
            "overlays/ns/one.yaml": overlay(
                "docker.io/library/closed:1",
                {"nodepool": ("https://opendev.invalid/zuul/nodepool", "master")},
            ),
        }
    )
    assert distgen(root, "lock").code == 0
    assert lock(root).bases["docker.io/library/closed:1"].digest == digest
    assert list(lock(root).sources) == [("https://opendev.invalid/zuul/nodepool", "master")]
    assert "upstream" not in (root / "distgen.lock").read_text()
    assert open_registry.host not in (root / "distgen.lock").read_text()
    assert distgen(root, "render", "-o", tmp_path / "out").code == 0
    text = (tmp_path / "out/ns/one/master/Dockerfile").read_text()
    commit = app.git("rev-parse", "HEAD")
    assert f"FROM {open_registry.host}/lock/library/closed:1@{digest}\n" in text
    assert f"RUN fetch file://{app.path} {commit}\n" in text
    ran = distgen(root, "lint", "--format", "json")
    assert [one["code"] for one in ran.json if one["code"].startswith("DG1")] == []


def test_sources_of_one_run_are_locked_beside_those_of_the_catalogue(catalogue, distgen, upstream):
    app, fork = upstream("app"), upstream("fork")
    change = app.commit("a change")
    app.git("update-ref", "refs/changes/42/1042/3", "HEAD")
    app.git("reset", "-q", "--hard", "HEAD~1")
    head = app.git("rev-parse", "HEAD")
    root = catalogue(
        {**TEMPLATE, "overlays/ns/one.yaml": overlay("scratch", {"app": (app.url, "master")})}
    )
    assert distgen(root, "lock", "--source", "app=1042,3").code == 0
    assert {ref: one.commit for (_, ref), one in lock(root).sources.items()} == {
        "master": head,
        "refs/changes/42/1042/3": change,
    }
    assert distgen(root, "lock", "--source", f"app={fork.url}#master").code == 0
    assert set(lock(root).sources) == {(app.url, "master"), (fork.url, "master")}
    assert distgen(root, "lock").code == 0
    assert set(lock(root).sources) == {(app.url, "master")}
    ran = distgen(root, "lock", "--source", "ap=x")
    assert ran.code == 2
    assert ran.err == (
        "distgen: --source ap=x: no image has a source called ap; did you mean `app`?\n"
    )


@pytest.mark.parametrize("wrapped", ["inventory", "variable", "list"])
def test_the_changes_of_a_zuul_build_are_locked(catalogue, distgen, upstream, tmp_path, wrapped):
    app, lib = upstream("zuul/app"), upstream("zuul/lib")
    for repository in (app, lib):
        repository.commit("a change")
        repository.git("update-ref", "refs/changes/07/7/2", "HEAD")
        repository.git("reset", "-q", "--hard", "HEAD~1")
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.yaml": json.dumps(
                {
                    "version": 1,
                    "mirrors": {
                        "git": {"https://opendev.invalid/": f"file://{tmp_path}/upstream/"}
                    },
                }
            ),
            "overlays/ns/one.yaml": overlay(
                "scratch",
                {
                    "app": ("https://opendev.invalid/zuul/app", "master"),
                    "lib": ("https://opendev.invalid/zuul/lib", "stable/x"),
                },
            ),
        }
    )
    lib.git("branch", "stable/x")
    items = "".join(
        f"""
    - project: {{name: zuul/{name}, canonical_name: opendev.invalid/zuul/{name}}}
      branch: master
      change: "7"
      patchset: "2"
      change_message: !unsafe 'Depends-On: {{{{ x }}}}'
      change_url: {url}
"""
        for name, url in (
            ("app", "https://review.invalid/c/zuul/app/+/7"),
            ("lib", ""),
            ("other", ""),
        )
    )
    frame = {
        "inventory": "all:\n  vars:\n    zuul:\n      items:",
        "variable": "zuul:\n  items:",
        "list": "",
    }[wrapped]
    file = tmp_path / "inventory.yaml"
    file.write_text(frame + "\n".join("    " + line for line in items.splitlines()) + "\n")
    ran = distgen(root, "lock", "--zuul-items", file)
    assert ran.code == 0, ran.out
    assert set(lock(root).sources) == {
        ("https://opendev.invalid/zuul/app", "master"),
        ("https://opendev.invalid/zuul/app", "refs/heads/master"),
        ("https://opendev.invalid/zuul/app", "refs/changes/07/7/2"),
        ("https://opendev.invalid/zuul/lib", "stable/x"),
    }
    assert "warning: the change 7,2 of opendev.invalid/zuul/lib has no effect" in ran.err


def test_a_registry_that_fails_at_times_is_asked_again(
    catalogue, distgen, open_registry, monkeypatch
):
    digest = push(open_registry, "lock/library/flaky", "1")
    asked = []

    def flaky(request):
        asked.append(request)
        return Reply(503, headers={"Retry-After": "0"}) if len(asked) == 2 else None

    with in_front_of(open_registry, flaky) as front:
        root = catalogue(
            {
                **TEMPLATE,
                "distgen.yaml": mirrors(front),
                "overlays/ns/one.yaml": overlay("docker.io/library/flaky:1"),
            }
        )
        assert distgen(root, "lock").code == 0
    assert lock(root).bases["docker.io/library/flaky:1"].digest == digest


def test_a_git_server_that_fails_at_times_is_asked_again(catalogue, distgen, upstream, tmp_path):
    app = upstream("app")
    with git_server(tmp_path / "srv", {}) as server:
        shutil.copytree(app.path / ".git", tmp_path / "srv/app.git")
        url = f"{server.url}/app.git"
        root = catalogue(
            {**TEMPLATE, "overlays/ns/one.yaml": overlay("scratch", {"app": (url, "master")})}
        )
        server.meddle = lambda request: Fault(503)
        ran = distgen(root, "lock", "--retries", "0")
        assert (ran.code, len(server.requests)) == (1, 1)
        faults = [Fault(503), Fault(503)]
        server.meddle = lambda request: faults.pop() if faults else None
        ran = distgen(root, "-v", "lock", "--retries", "2")
    assert ran.code == 0
    assert ran.err.count("trying again") == 2  # without -v only the first is said
    assert lock(root).sources[(url, "master")].commit == app.git("rev-parse", "HEAD")


def test_a_git_server_that_fails_has_lost_nothing(catalogue, distgen, upstream, tmp_path):
    """A commit that could not be fetched just now was told as gone, as if it was given up."""
    app, ref = upstream("app"), "refs/changes/01/1/1"
    app.git("update-ref", ref, "HEAD")
    with git_server(tmp_path / "srv", {}) as server:
        shutil.copytree(app.path / ".git", tmp_path / "srv/app.git")
        url = f"{server.url}/app.git"
        root = catalogue(
            {**TEMPLATE, "overlays/ns/one.yaml": overlay("scratch", {"app": (url, ref)})}
        )
        assert distgen(root, "lock").code == 0
        listing = [None, None]  # the requests by which git lists branches and tags
        server.meddle = lambda request: listing.pop() if listing else Fault(503)
        ran = distgen(root, "lock", "--check", "--retries", "0", "--format", "json")
    assert problems(ran) == {(url, ref): "unknown"}


# --- what jobs read ----------------------------------------------------------------------------


def test_what_lock_prints_keeps_to_its_schemas(catalogue, distgen, open_registry, upstream):
    push(open_registry, "lock/json", "1")
    root = catalogue(
        {
            **TEMPLATE,
            "overlays/ns/one.yaml": overlay(
                f"{open_registry.host}/lock/json:1", {"app": (upstream("app").url, "master")}
            ),
            "overlays/ns/two.yaml": overlay(f"{open_registry.host}/lock/nowhere:1"),
        }
    )
    failed = distgen(root, "lock", "--format", "json")
    assert failed.json["summary"] == {"failed": 1}
    keeps_to_its_schema("lock-changes", failed.json)
    problems = distgen(root, "lock", "--check", "--offline", "--format", "json")
    assert problems.json["summary"] == {"missing": 3}
    keeps_to_its_schema("lock-problems", problems.json)
    done = distgen(root, "lock", "ns/one", "--format", "json")
    assert done.json["summary"] == {"added": 2}
    keeps_to_its_schema("lock-changes", done.json)


def test_a_check_that_upgrades_fetches_downloads_and_compares_their_content(catalogue, distgen):
    content = [b"one"]
    with serve(lambda asked: Reply(200, content[0])) as front:
        url = f"{front.url}/file"
        root = catalogue(
            {**TEMPLATE, "overlays/ns/one.yaml": overlay("scratch", None, {"file": url})}
        )
        assert distgen(root, "lock").code == 0
        assert distgen(root, "lock", "--check", "--upgrade").code == 0
        content[0] = b"two"
        assert distgen(root, "lock", "--check").code == 0
        ran = distgen(root, "lock", "--check", "--upgrade", "file", "--format", "json")
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))
    assert ran.code == 1
    assert [(row["status"], row["detail"]) for row in ran.json["problems"]] == [
        ("gone", f"locked sha256 {one}, the file is {two} now")
    ]
    assert read_lock(root / "distgen.lock").downloads == {url: one}


def test_two_locks_at_once_keep_the_entries_of_each_other(catalogue, distgen, open_registry):
    """One of them is still asking when the other one has written its part."""
    push(open_registry, "lock/slow", "1")
    push(open_registry, "lock/quick", "1")
    inner = []

    def meddle(asked):
        if "lock/slow/manifests" in asked.path and not inner:
            done = subprocess.run(
                [sys.executable, "-m", "distgen", "-C", str(root), "lock", "ns/quick"],
                env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
                check=False,
            )
            inner.append(done.returncode)

    with in_front_of(open_registry, meddle) as front:
        root = catalogue(
            {
                **TEMPLATE,
                "overlays/ns/slow.yaml": overlay(f"{front.host}/lock/slow:1"),
                "overlays/ns/quick.yaml": overlay(f"{open_registry.host}/lock/quick:1"),
            }
        )
        assert distgen(root, "lock", "ns/slow").code == 0
        assert inner == [0]
        assert sorted(read_lock(root / "distgen.lock").bases) == sorted(
            [f"{front.host}/lock/slow:1", f"{open_registry.host}/lock/quick:1"]
        )


@pytest.mark.parametrize("platform", ["", "amd64", "linux/", "LINUX/amd64"])
def test_what_is_no_platform_is_refused_before_anybody_is_asked(catalogue, distgen, platform):
    root = catalogue({**TEMPLATE, "overlays/ns/one.yaml": overlay("127.0.0.1:1/a/b:1")})
    ran = distgen(root, "lock", "--platform", platform)
    assert (ran.code, ran.err) == (
        2,
        f"distgen: --platform: {platform!r} is no platform; write OS/ARCH, or all\n",
    )
