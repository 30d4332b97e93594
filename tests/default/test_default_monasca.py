"""The monasca namespace: its images, what they say of themselves, and how they build."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from testing.monasca import (
    COMPONENTS,
    NAMES,
    ROOT,
    SHELL,
    STREAMS,
    make_catalogue,
    text_of,
    trees,
    words_of,
)

from distgen.catalogue.load import load_catalogue
from distgen.lint import external
from distgen.lint.check import lint
from distgen.lint.work import plan_work
from distgen.model.lock import Lock, LockedSource
from distgen.render.renderer import Renderer


def test_base_and_ten_components_exist_for_three_streams() -> None:
    keys = {image.key for image in make_catalogue().images if image.namespace == "monasca"}
    retired = {"monasca/log-api@2023.2", "monasca/log-api@2023.1"}
    assert keys == {f"monasca/{name}@{stream}" for name in NAMES for stream in STREAMS} - retired
    assert [stream.branch for stream in make_catalogue().namespaces["monasca"].streams] == [
        "master",
        "stable/2023.2",
        "stable/2023.1",
    ]


def test_nothing_is_found_but_what_only_a_lock_can_know() -> None:
    images = tuple(image for image in make_catalogue().images if image.namespace == "monasca")
    assert {
        finding.code for finding in lint(plan_work(make_catalogue(), Lock(), images), external.lint)
    } <= {"DG101"}


def test_components_are_built_from_the_base_of_their_stream() -> None:
    bases = {
        image.key: image.parents[0].image
        for image in make_catalogue().images
        if image.namespace == "monasca" and image.name in COMPONENTS
    }
    assert bases == {key: f"monasca/base@{key.partition('@')[2]}" for key in bases}


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_brings_what_it_is_run_with(name: str) -> None:
    tree = trees()[f"{name}@master"]
    modes = {file.path: file.mode for file in tree.files}
    assert {"Dockerfile", "README.rst", "start.sh", "health_check.py"} <= modes.keys()
    assert modes["start.sh"] == modes["health_check.py"] == 0o100755
    text = text_of(tree, "Dockerfile")
    assert 'ENTRYPOINT ["/sbin/tini", "-s", "--"]\nCMD ["/start.sh"]\n' in text
    assert 'CMD ["python3", "/health_check.py"]' in text


@pytest.mark.parametrize("name", [name for name in NAMES if name != "base"])
def test_readme_and_dockerfile_tell_the_same_environment(name: str) -> None:
    for stream in STREAMS:
        tree = trees().get(f"{name}@{stream}")
        if tree is None:
            continue
        readme = text_of(tree, "README.rst").partition("Environment variables\n=")[2]
        table = readme.partition("\n====")[0]
        rows = re.findall(r"   \* - ``(\w+)``\n     - (.+)\n", table)
        told = {key: default.strip("`") for key, default in rows if default != "none"}
        assert told == words_of(tree, "ENV")


def test_labels_tell_revisions_and_constraints() -> None:
    git = "https://opendev.org/openstack/monasca-"
    app, common = "a" * 40, "c" * 40
    date = "2024-05-01T12:00:00Z"
    lock = Lock(
        sources={
            (f"{git}persister", "2023.2-eol"): LockedSource(app, date),
            (f"{git}common", "2023.2-eol"): LockedSource(common, date),
        }
    )
    image = next(
        image for image in make_catalogue().images if image.key == "monasca/persister@2023.2"
    )
    tree = Renderer(make_catalogue(), lock).tree(image)
    labels = words_of(tree, "LABEL")
    constraints = "https://releases.openstack.org/constraints/upper/2023.2"
    assert {
        key.removeprefix("org."): labels[key]
        for key in labels
        if key.startswith("org.openstack") or key.endswith(("source", "revision", ".version"))
    } == {
        "opencontainers.image.source": f"{git}persister",
        "opencontainers.image.revision": app,
        "opencontainers.image.version": "2023.2",
        "openstack.constraints_uri": constraints,
        "openstack.monasca.common.source": f"{git}common",
        "openstack.monasca.common.version": "2023.2-eol",
        "openstack.monasca.common.revision": common,
        "openstack.monasca.python.extra_deps": "influxdb",
    }
    text = text_of(tree, "Dockerfile")
    assert f'ARG REPO_VERSION="{app}"\n' in text
    assert f'ARG COMMON_VERSION="{common}"\n' in text
    assert f'ARG CONSTRAINTS_FILE="{constraints}"\n' in text


def test_another_python_for_all_images_is_one_line(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    shutil.copytree(ROOT / "overlays/monasca", tmp_path / "overlays/monasca")
    (tmp_path / "distgen.yaml").write_text("version: 1\n")
    overlay = tmp_path / "overlays/monasca/namespace.yaml"
    overlay.write_text(overlay.read_text() + 'values: {python: "3.11"}\n')
    changed = load_catalogue(tmp_path)
    fresh, old = Renderer(changed, Lock()), Renderer(make_catalogue(), Lock())
    before = {image.key: image for image in make_catalogue().images}
    differing = {
        image.key: next(iter(fresh.tree(image).bases))
        for image in changed.images
        if fresh.tree(image).files != old.tree(before[image.key]).files
    }
    python = "docker.io/library/python:3.11-alpine3.19"
    assert differing == {f"monasca/base@{stream}": python for stream in STREAMS}


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", "-C", folder, *identity, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_build_fetches_any_kind_of_version(tmp_path: Path) -> None:
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    git(upstream, "init", "-q", "-b", "master")
    git(upstream, "commit", "-q", "--allow-empty", "-m", "first")
    git(upstream, "tag", "-a", "-m", "one", "1.0.0")
    first = git(upstream, "rev-parse", "HEAD")
    git(upstream, "commit", "-q", "--allow-empty", "-m", "second")
    second = git(upstream, "rev-parse", "HEAD")
    git(upstream, "checkout", "-q", "--detach")
    git(upstream, "commit", "-q", "--allow-empty", "-m", "under review")
    change = git(upstream, "rev-parse", "HEAD")
    git(upstream, "update-ref", "refs/changes/01/1/1", change)
    git(upstream, "checkout", "-q", "master")
    text = text_of(trees()["api@master"], "Dockerfile")
    found = re.search(r"fetch\(\) \{.*?\n    \}", text, re.DOTALL)
    assert found
    versions = {"master": second, "1.0.0": first, first: first, "refs/changes/01/1/1": change}
    for number, (version, commit) in enumerate(versions.items()):
        copy = tmp_path / str(number)
        script = f"{found.group()}\nfetch {copy} file://{upstream} {version}\n"
        subprocess.run([SHELL, "-ec", script], check=True)
        assert git(copy, "rev-parse", "HEAD") == commit
        assert git(copy, "describe").startswith("1.0.0")
    broken = f"{found.group()}\nfetch {tmp_path / 'none'} file://{upstream} nothing && echo fetched"
    done = subprocess.run([SHELL, "-c", broken], capture_output=True, check=False, text=True)
    assert (done.returncode != 0, done.stdout) == (True, "")


def test_what_comes_from_git_leaves_constraints_and_requirements() -> None:
    text = text_of(trees()["client@master"], "Dockerfile")
    constraints, requirements = re.findall(r"sed -i -E ('[^']+')", text)
    lines = "monasca-common===3.8.0\npython-monascaclient===2.8.0\nmonasca-statsd===2.7.0\n"
    left = f"printf '%s' '{lines}' | sed -E {constraints}"
    assert subprocess.check_output(["sh", "-c", left], text=True) == "monasca-statsd===2.7.0\n"
    lines = "monasca-common>=2.16.0 # Apache-2.0\nmonasca-common-extras>=1\nmonasca-statsd>=1\n"
    left = f"printf '%s' '{lines}' | sed -E {requirements}"
    kept = "monasca-common-extras>=1\nmonasca-statsd>=1\n"
    assert subprocess.check_output(["sh", "-c", left], text=True) == kept
