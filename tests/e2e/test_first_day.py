"""A Debian with nothing: three ways to install, repositories taken over, a job and its words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.facts import DEBIAN
from e2e.lab import BUNDLE_INSIDE, WHEELS_INSIDE, Lab, timed
from prometheus_client.parser import text_string_to_metric_families
from testing.containers import Ended

NAMES = ("one", "two", "three")
WAYS = {
    "venv": "/opt/venv/bin/distgen",
    "pipx": "/root/.local/bin/distgen",
    "uv": "/opt/uv/bin/distgen",
}
PROGRAMS = """\
apt-get update -q
apt-get install -q -y --no-install-recommends git pipx python3-venv
python3 -m venv /opt/venv
/opt/venv/bin/pip install -q --no-compile distgen-git
pipx install -q --pip-args=--no-compile distgen-git
/opt/venv/bin/pip install -q --no-compile uv
export UV_TOOL_BIN_DIR=/opt/uv/bin
/opt/venv/bin/uv tool install -q {wheels}/*.whl
"""
DOCKERFILE = """\
FROM docker.io/library/debian:trixie-slim
RUN echo {name} >/name
USER 1000
"""
LOCK = """\
version: 1
bases:
  docker.io/library/debian:trixie-slim: {digest: "sha256:%064d"}
"""
REPOSITORIES = """\
git config --global user.name Packager
git config --global user.email packager@example.org
git config --global --add safe.directory '*'
for name in one two three; do
    cd /work/begun/$name
    git init -q -b main
    git add -A
    git commit -q -m "Begin $name"
    git clone -q --bare . /work/shop/$name.git
done
"""
CATALOGUE = """\
cd /work
distgen init --minimal --git images
cd images
distgen import ../shop/one.git ../shop/two.git ../shop/three.git --namespace shop
cp ../distgen.lock .
git add -A
git commit -q -m "Take over three images"
distgen publish --metrics /work/distgen.prom
"""
EDIT = """\
git clone -q /work/shop/two.git /tmp/clone
cd /tmp/clone
printf 'RUN echo edited >/edited\\n' >>Dockerfile
git commit -q -a -m "Edit by hand"
git push -q
"""


@dataclass(frozen=True)
class Machine:
    """A container that keeps what is done in it; `/work` of it is `folder` outside."""

    lab: Lab
    container: str
    folder: Path

    def run(self, script: str) -> Ended:
        """Run a script of the shell, with the distgen of the virtual environment at hand."""
        volumes = [f"--volume={volume}" for volume in (*self.lab.volumes, f"{self.folder}:/work")]
        environment = [
            "--env=HOME=/root",
            "--env=PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            f"--env=SSL_CERT_FILE={BUNDLE_INSIDE}",
            "--env=DEBIAN_FRONTEND=noninteractive",
        ]
        words = ["buildah", "run", *volumes, *environment, self.container, "--"]
        return self.lab.engine.call([*words, "sh", "-euc", script])

    def succeed(self, script: str) -> str:
        """Run a script that ends well, and return what it printed."""
        ended = self.run(script)
        assert ended.code == 0, ended
        return ended.out


@pytest.fixture(scope="module")
def machine(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """distgen is installed in three ways on a Debian that had no Python."""
    folder = tmp_path_factory.mktemp("first-day")
    (folder / "shop").mkdir()
    container = lab.engine.run("from", f"{lab.registry}/{DEBIAN}").strip()
    machine = Machine(lab, container, folder)
    try:
        assert machine.run("command -v python3 || command -v git").code != 0
        with timed("three ways to install"):
            machine.succeed(PROGRAMS.format(wheels=WHEELS_INSIDE))
        yield machine
    finally:
        lab.engine.run("rm", container)


@pytest.fixture(scope="module")
def catalogue(machine: Machine) -> Path:
    """Three repositories became images of a catalogue, and were published onto themselves."""
    for name in NAMES:
        begun = machine.folder / "begun" / name
        begun.mkdir(parents=True)
        (begun / "Dockerfile").write_text(DOCKERFILE.format(name=name))
        (begun / "README.md").write_text(f"# {name}\n")
    (machine.folder / "distgen.lock").write_text(LOCK % 7)
    machine.succeed(REPOSITORIES)
    machine.succeed(CATALOGUE)
    return machine.folder / "images"


def gauge(machine: Machine, name: str) -> float:
    """Return a value that the last run left for Prometheus."""
    text = (machine.folder / "distgen.prom").read_text()
    families = text_string_to_metric_families(text)
    (value,) = (s.value for family in families for s in family.samples if s.name == name)
    return value


@pytest.mark.parametrize("way", WAYS)
def test_each_way_gives_a_distgen_that_answers(machine: Machine, way: str) -> None:
    assert machine.succeed(f"{WAYS[way]} --version").startswith("distgen 1.")


def test_each_way_took_the_wheel_of_this_checkout(machine: Machine) -> None:
    """PyPI might have a release of the same version."""
    find = "find /opt /root -path '*/distgen_git-*.dist-info/direct_url.json' -exec cat {} +"
    assert machine.succeed(find).count(f"file://{WHEELS_INSIDE}/") == len(WAYS)


def test_taking_over_adds_a_manifest_and_nothing_else(machine: Machine, catalogue: Path) -> None:
    for name in NAMES:
        changed = machine.succeed(f"git -C /work/shop/{name}.git diff --name-status main~1 main")
        assert changed == "A\t.distgen.json\n"
        assert machine.succeed(f"git -C /work/shop/{name}.git rev-list --count main") == "2\n"


def test_a_job_finds_nothing_wrong_until_something_is(machine: Machine, catalogue: Path) -> None:
    """The script is that of all CI systems; these variables are those of GitHub's."""
    github = (
        "cd /work/images; export GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=/work/summary.md;"
        " DISTGEN_BASE=HEAD DISTGEN_REPORTS=/work/reports distgen-check 'shop/*'"
    )
    ended = machine.run(github)
    assert ended.code == 0, ended
    assert "nothing is wrong" in (machine.folder / "summary.md").read_text()
    overlay = catalogue / "overlays/shop/one/verbatim/Dockerfile"
    text = overlay.read_text()
    overlay.write_text(f"{text}RUN cd $undefined\nFORM scratch\n")
    ended = machine.run(github)
    overlay.write_text(text)
    assert ended.code == 1, ended
    assert "::error file=overlays/shop/one/verbatim/Dockerfile,line=5" in ended.out


def test_an_edit_and_a_lost_repository_are_seen_everywhere(
    machine: Machine, catalogue: Path
) -> None:
    publish = "cd /work/images && distgen publish --metrics /work/distgen.prom"
    machine.succeed(publish)
    assert gauge(machine, "distgen_edits_waiting") == 0
    doctor = "cd /work/images && distgen doctor --format json"
    machine.succeed(doctor)
    machine.succeed(EDIT)
    (machine.folder / "shop/three.git").rename(machine.folder / "lost.git")
    (machine.folder / "shop/three.git").write_text("no repository\n")
    ended = machine.run(publish)
    assert ended.code == 1, ended
    assert "failed  shop/three@main" in ended.out
    assert gauge(machine, "distgen_edits_waiting") == 1
    ended = machine.run(doctor)
    assert ended.code == 1, ended
    checks = json.loads(ended.out)["checks"]
    (wrong,) = (check["subject"] for check in checks if check["status"] == "error")
    assert wrong.endswith("shop/three.git")
