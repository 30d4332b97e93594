"""Another release of Kolla is read by the interpreter that it is installed for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from testing.kolla import DAY, files, generate

from distgen.catalogue.sources.kolla import interpreter
from distgen.errors import DistgenError, InputError

pytest_plugins = ["testing.commandline"]

OLDER = "KOLLA_22"
"""The variable that names a folder of packages with release 22; `tox -e kolla` makes one."""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Make a virtual environment without anything in it; return its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    return next((tmp_path / "venv/lib").glob("python*/site-packages"))


@pytest.fixture
def current(tmp_path: Path, environment: Path) -> str:
    """Return the interpreter of an environment that has the packages of this one."""
    kolla = pytest.importorskip("kolla")
    places = f"{sysconfig.get_path('purelib')}\n{Path(kolla.__file__).parents[1]}\n"
    (environment / "rest.pth").write_text(places)
    return str(tmp_path / "venv/bin/python")


@pytest.fixture
def older(tmp_path: Path, environment: Path) -> str:
    """Return the interpreter of an environment that has release 22."""
    if OLDER not in os.environ:
        pytest.skip(f"{OLDER} names no folder with release 22 of Kolla")
    (environment / "rest.pth").write_text(os.environ[OLDER])
    (tmp_path / "venv/share").symlink_to(Path(os.environ[OLDER], "share"))
    return str(tmp_path / "venv/bin/python")


def program(folder: Path, script: str) -> str:
    """Write a program that is called like a Python and is none."""
    path = folder / "bin/python3"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def refusal(root: Path, python: object, **options: object) -> str:
    """Return why the images of an interpreter cannot be read."""
    (root / "catalogue").mkdir(exist_ok=True)
    with pytest.raises(DistgenError) as refused:
        generate(root / "catalogue", {"base": "debian", "python": str(python), **options}, None)
    return str(refused.value)


# --- two releases ------------------------------------------------------------------------------


def test_an_interpreter_gives_what_kolla_beside_distgen_gives(tmp_path, cache, current):
    options = {"base": "rocky", "regex": ["^cron$", "^nova-base$"], "keystone-user": {"uid": 4711}}
    root = tmp_path / "catalogue"
    root.mkdir()
    (root / "kolla.conf").write_text("[DEFAULT]\nmaintainer = me\n")
    options |= {"kolla_conf": "kolla.conf", "tag": "7", **DAY}
    here = generate(root, options, cache)
    there = generate(root, {**options, "python": current}, cache)
    kept = generate(root, {**options, "python": current}, cache)
    for others in (there, kept):
        assert {i.name: files(i) for i in others.images} == {i.name: files(i) for i in here.images}
        assert [i.archives for i in others.images] == [i.archives for i in here.images]
        assert (others.findings, others.inputs) == (here.findings, here.inputs)


def test_two_releases_are_two_streams(older, catalogue, cache, distgen, tmp_path, monkeypatch):
    pytest.importorskip("kolla")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    root = catalogue(
        {
            "overlays/kolla/namespace.yaml": f"""
                source: kolla
                kolla: {{base: debian, base_arch: x86_64, regex: [^cron$]}}
                streams:
                  master: {{}}
                  "2026.1": {{branch: stable/2026.1, values: {{python: {older}}}}}
            """
        }
    )
    rows = {
        row["stream"]: row for row in distgen(root, "list", "kolla/cron", "--format", "json").json
    }
    assert rows["2026.1"]["reference"].startswith("docker.io/kolla/cron:22.")
    assert not rows["master"]["reference"].startswith("docker.io/kolla/cron:22.")
    published = distgen(root, "publish", "--format", "json").json
    branches = {result["branch"]: result["status"] for result in published["results"]}
    assert branches == {"master": "created", "stable/2026.1": "created"}

    theirs = tmp_path / "theirs"
    words = ["-m", "kolla.cmd.build", "--template-only", "--base=debian", "--base-arch=x86_64"]
    home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    built = subprocess.run(
        [older, *words, "--work-dir", theirs, "^cron$"], capture_output=True, env=home, check=False
    )
    assert built.returncode == 0, built.stderr
    text = (theirs / "docker/cron/Dockerfile").read_text()
    clone = tmp_path / "clone"
    address = root / "dist-git/kolla/cron.git"
    words = ["clone", "-q", "-b", "stable/2026.1", address, clone]
    subprocess.run(["git", *words], check=True)
    # It prints the day that it was built on, which distgen leaves out.
    day = f'build-date="{DAY["build_date"]}"'
    assert text.replace(day, 'build-date=""') == (clone / "Dockerfile").read_text()


def test_what_is_wrong_with_settings_has_its_line(tmp_path, current):
    message = refusal(tmp_path, current, bse="debian")
    assert message == (
        "overlays/kolla/namespace.yaml: Kolla has no option bse; did you mean `base`?"
    )
    assert "Kolla refuses its option base_arch" in refusal(tmp_path, current, base_arch="vax")


# --- an interpreter that has no Kolla ----------------------------------------------------------


def test_an_environment_without_kolla_is_told_how_to_get_it(tmp_path, environment):
    python = tmp_path / "venv/bin/python"
    assert refusal(tmp_path, python) == (
        "overlays/kolla/namespace.yaml: "
        f"python: {python} has no kolla package; {python} -m pip install kolla"
    )


def test_a_kolla_that_lacks_what_it_imports_is_named(tmp_path, environment):
    (environment / "kolla").mkdir()
    (environment / "kolla/__init__.py").write_text("")
    message = refusal(tmp_path, tmp_path / "venv/bin/python")
    assert "venv/bin/python ended with 1: ModuleNotFoundError: No module named 'yaml'" in message


def test_a_release_that_gives_templates_more_is_refused(tmp_path, environment, current):
    kolla = pytest.importorskip("kolla")
    place = Path(kolla.__file__).parent
    skip = shutil.ignore_patterns("docker", "tests", "__pycache__")
    shutil.copytree(place, environment / "kolla", ignore=skip)
    (environment / "kolla/docker/base").mkdir(parents=True)
    worker = environment / "kolla/image/kolla_worker.py"
    text = worker.read_text()
    assert "'base_arch': " in text
    worker.write_text(text.replace("'base_arch': ", "'from_the_future': 1, 'base_arch': ", 1))
    message = refusal(tmp_path, current)
    assert "gives its templates from_the_future, unknown to this distgen; take a newer" in message


# --- a program that is no Python ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo hello", "answers what no Kolla answers"),
        ("echo []", "answers what no Kolla answers"),
        ("echo '{\"answer\": {}}'", "answers what no Kolla answers"),
        ("echo '{\"answer\": 1}'", "answers what no Kolla answers"),
        ('echo \'{"version": "3.6"}\'', "is Python 3.6, older than 3.10"),
        ("echo one >&2; echo two >&2; exit 3", "ended with 3: two"),
        ("kill -9 $$", "was ended by signal 9"),
        ("printf '\\033[2Jx' >&2; exit 1", "ended with 1:  [2Jx"),
    ],
)
def test_a_program_that_is_no_python_is_named(tmp_path, script, sentence):
    python = program(tmp_path, script)
    message = refusal(tmp_path, python)
    assert message.startswith(f"overlays/kolla/namespace.yaml: python: {python} {sentence}")


def test_a_program_that_does_not_end_is_ended_with_all_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreter, "SECONDS", 0.5)  # waiting two minutes would say no more
    python = program(tmp_path, f"sleep 1000 & echo $! > {tmp_path}/pid; wait")
    assert refusal(tmp_path, python).endswith(f"{python} did not answer within 0 seconds")
    process = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while Path(f"/proc/{process}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    assert not Path(f"/proc/{process}").exists()


def test_a_program_that_writes_without_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreter, "LARGEST_ANSWER", 2**20)  # sixteen would only take longer
    python = program(tmp_path, "exec yes")
    assert refusal(tmp_path, python).endswith(f"{python} wrote more than 1 MiB")


def test_a_program_sees_no_variable_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DIST_GIT_TOKEN", "secret")
    refusal(tmp_path, program(tmp_path, f"env > {tmp_path}/seen; cat >> {tmp_path}/seen"))
    assert "secret" not in (tmp_path / "seen").read_text()
    question = json.loads((tmp_path / "seen").read_text().splitlines()[-1])
    assert question["options"]["base"] == "debian"


# --- what a catalogue may not run --------------------------------------------------------------


def test_nothing_is_run_that_a_catalogue_could_have_brought(tmp_path):
    ran = tmp_path / "ran"
    python = program(tmp_path, f"touch {ran}")
    (tmp_path / "catalogue").mkdir()
    hint = "write the whole path of bin/python of an environment that Kolla is installed in"

    def sentence(path: object) -> str:
        return refusal(tmp_path, path).removeprefix("overlays/kolla/namespace.yaml: python: ")

    assert sentence("bin/python3") == f"`bin/python3` is no absolute path; {hint}"
    assert sentence("/bin/sh") == f"/bin/sh is not called python; {hint}"
    assert sentence("/nowhere/python3") == f"there is no file /nowhere/python3; {hint}"
    inside = tmp_path / "catalogue/python3"
    shutil.copy(python, inside)
    problem = "lies in the catalogue or a git repository; files of those are never run"
    assert sentence(inside) == f"{inside} {problem}"
    (tmp_path / "link").mkdir()
    (tmp_path / "link/python3").symlink_to(inside)
    assert problem in sentence(tmp_path / "link/python3")
    (tmp_path / "bin").chmod(0o777)
    assert sentence(python) == (
        f"{tmp_path}/bin may be changed by others than you; install Kolla in a folder of your own"
    )
    (tmp_path / "bin").chmod(0o755)
    # `verify` reads older commits elsewhere, and those could name a file of this checkout.
    (tmp_path / "bin/.git").mkdir()
    assert problem in sentence(python)
    (tmp_path / "folder").symlink_to(tmp_path / "bin")
    assert problem in sentence(tmp_path / "folder/python3")
    assert not ran.exists()


def test_a_file_that_cannot_be_run_is_named(tmp_path):
    python = program(tmp_path, "true")
    Path(python).write_text("no program")
    assert f"{python} cannot be run: exec format error" in refusal(tmp_path, python)


def test_a_refusal_is_bad_input(tmp_path):
    with pytest.raises(InputError):
        generate(tmp_path, {"python": "python3"}, None)
