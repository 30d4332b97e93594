"""From a registry to Dockerfiles and back: lock, render without it, move a tag, lock again."""

import json
import signal
import socket
import subprocess
import sys
import time

import pytest
from testing.catalogues import TEMPLATE, overlay
from testing.servers import PASSWORD, USER, in_front_of, push, push_index

pytest_plugins = ["testing.servers", "testing.commandline"]


def dockerfiles(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("Dockerfile")}


@pytest.mark.parametrize("kind", ["open", "basic", "bearer"])
def test_a_tag_that_moves_changes_the_right_dockerfiles_and_no_others(
    catalogue, distgen, open_registry, upstream, tmp_path, monkeypatch, request, kind
):
    account = f"facts-{kind}"
    python, _ = push_index(open_registry, f"{account}/python", "3.11")
    debian = push(open_registry, f"{account}/debian", "12", docker=True)
    app = upstream("app")
    with in_front_of(request.getfixturevalue(f"{kind}_registry"), lambda asked: None) as front:
        login = {"username": USER, "password": PASSWORD}
        hosts = (front.host, request.getfixturevalue("token_server").host)
        (tmp_path / "config.json").write_text(
            json.dumps({"auths": dict.fromkeys(hosts, login)} if kind != "open" else {})
        )
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        registry = f"{front.host}/{account}"
        root = catalogue(
            {
                **TEMPLATE,
                "overlays/ns/web.yaml": overlay(
                    f"{registry}/python:3.11", {"app": (app.url, "master")}
                ),
                "overlays/ns/worker.yaml": overlay("ns/web"),
                "overlays/ns/tool.yaml": overlay(f"{registry}/python:3.11"),
                "overlays/ns/db.yaml": overlay(f"{registry}/debian:12"),
            }
        )
        assert distgen(root, "lock").code == 0
        asked = len(front.log)
        assert distgen(root, "render", "-o", tmp_path / "out").code == 0
        assert len(front.log) == asked
        first = dockerfiles(tmp_path / "out")
        assert f"FROM {registry}/python:3.11@{python}\n" in first["ns/web/master/Dockerfile"]
        assert f"FROM {registry}/debian:12@{debian}\n" in first["ns/db/master/Dockerfile"]

        moved, _ = push_index(open_registry, f"{account}/python", "3.11", labels={"new": "yes"})
        assert distgen(root, "lock").code == 0
        assert distgen(root, "render", "-o", tmp_path / "out", "--check").code == 0
        ran = distgen(root, "lock", "--check", "--format", "json")
        assert [(row["name"], row["status"]) for row in ran.json["problems"]] == [
            (f"{registry}/python:3.11", "stale")
        ]
        assert distgen(root, "lock", "--upgrade").code == 0
        assert distgen(root, "render", "-o", tmp_path / "out").code == 0
        second = dockerfiles(tmp_path / "out")
    assert {path for path in second if second[path] != first[path]} == {
        "ns/web/master/Dockerfile",
        "ns/tool/master/Dockerfile",
    }
    for path in ("ns/web/master/Dockerfile", "ns/tool/master/Dockerfile"):
        assert second[path] == first[path].replace(python, moved)
    lock = (root / "distgen.lock").read_text()
    assert PASSWORD not in lock + (root / "overlays/ns/web.yaml").read_text()


def test_the_same_lock_comes_out_on_every_machine(
    catalogue, distgen, open_registry, upstream, monkeypatch
):
    push(open_registry, "same/one", "1")
    push(open_registry, "same/two", "1")
    app = upstream("app")
    root = catalogue(
        {
            **TEMPLATE,
            "overlays/ns/one.yaml": overlay(f"{open_registry.host}/same/one:1"),
            "overlays/ns/two.yaml": overlay(
                f"{open_registry.host}/same/two:1", {"app": (app.url, "master")}
            ),
        }
    )
    texts = set()
    for zone, jobs in (("UTC", 1), ("Asia/Tokyo", 16)):
        (root / "distgen.lock").unlink(missing_ok=True)
        monkeypatch.setenv("TZ", zone)
        assert distgen(root, "lock", "--jobs", jobs).code == 0
        texts.add((root / "distgen.lock").read_text())
    assert len(texts) == 1


def test_a_lock_that_is_killed_leaves_the_old_file_whole(
    catalogue, distgen, open_registry, tmp_path, monkeypatch
):
    """Facts are written down as they come in, the lock only when all are there."""
    push(open_registry, "killed/one", "1")
    old = "# old\nversion: 1\n"
    root = catalogue(
        {
            **TEMPLATE,
            "distgen.lock": old,
            "overlays/ns/one.yaml": overlay(f"{open_registry.host}/killed/one:1"),
            # A listener that never answers, so that the command is killed while it waits.
            "overlays/ns/two.yaml": overlay("127.0.0.1:{port}/killed/two:1"),
        }
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        path = root / "overlays/ns/two.yaml"
        path.write_text(path.read_text().replace("{port}", str(port)))
        process = subprocess.Popen(
            [sys.executable, "-m", "distgen", "-C", str(root), "-v", "lock"],
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        )
        journal = tmp_path / ".cache/distgen"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if any(path.stat().st_size for path in journal.glob("lock-*.jsonl")):
                break
            time.sleep(0.05)
        process.kill()
        process.communicate()
    assert (root / "distgen.lock").read_text() == old
    assert [path.name for path in root.glob(".distgen.lock*")] == []
    assert sum(path.read_text().count("killed/one") for path in journal.glob("lock-*")) == 1


def test_an_interrupted_lock_ends_at_once(catalogue, tmp_path):
    """Threads that wait for a silent registry must not keep the command alive after ^C."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"127.0.0.1:{silent.getsockname()[1]}/a/b:1"
        root = catalogue({**TEMPLATE, "overlays/ns/one.yaml": overlay(base)})
        process = subprocess.Popen(
            [sys.executable, "-m", "distgen", "-C", str(root), "lock"],
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, said = process.communicate(timeout=60)
        connection.close()
    assert process.returncode == 130
    assert said.decode().splitlines()[-1] == "distgen: interrupted"
    assert time.monotonic() - begun < 30
