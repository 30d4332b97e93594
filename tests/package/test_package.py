"""Wheel and sdist as a release has them: what is in them, and that three ways install them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from testing.wheels import CHECKOUT, copy_checkout

pytest.importorskip("twine")
EPOCH = "1767225600"


def run(*words: object, folder: Path, **environ: str) -> str:
    """Run a command that succeeds, and return what it prints."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, out: Path, umask: int = 0o022) -> Path:
    """Build without git, and without what else programs might be asked for."""
    empty = out / "no-programs"
    empty.mkdir(parents=True)
    old = os.umask(umask)
    try:
        words = (sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", out)
        run(*words, source, folder=out, PATH=str(empty), SOURCE_DATE_EPOCH=EPOCH)
    finally:
        os.umask(old)
    (made,) = out.glob("distgen_git-*")
    return made


@dataclass(frozen=True)
class Release:
    """What is uploaded, and the folder that the sdist was unpacked to."""

    wheel: Path
    sdist: Path
    unpacked: Path


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    source = copy_checkout(folder / "source")
    sdist = build("sdist", source, folder / "s")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    unpacked = folder / sdist.name.removesuffix(".tar.gz")
    return Release(build("wheel", source, folder / "w"), sdist, unpacked)


def test_a_wheel_is_the_same_from_the_sdist_another_folder_and_other_modes(
    release: Release, tmp_path: Path
) -> None:
    private = shutil.copytree(release.unpacked, tmp_path / "private")
    for path in private.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    again = build("wheel", private, tmp_path / "w", umask=0o077)
    assert again.name == release.wheel.name
    assert again.read_bytes() == release.wheel.read_bytes()


def test_what_checks_releases_finds_nothing(release: Release) -> None:
    words = ("twine", "check", "--strict", release.wheel, release.sdist)
    assert run(sys.executable, "-m", *words, folder=release.unpacked).count("PASSED") == 2
    words = ("check_wheel_contents", "--config", release.unpacked / "pyproject.toml", release.wheel)
    assert run(sys.executable, "-m", *words, folder=release.unpacked).endswith(": OK\n")


def test_the_sdist_has_all_files_of_the_repository(release: Release) -> None:
    """Its tests want nothing that it lacks."""
    if not (CHECKOUT / ".git").exists():
        pytest.skip("the checkout is no repository")
    listed = run("git", "-c", "safe.directory=*", "ls-files", folder=CHECKOUT).splitlines()
    assert [path for path in listed if not (release.unpacked / path).exists()] == []


@pytest.mark.parametrize("way", ["venv", "pipx", "uv"])
def test_it_is_installed_and_publishes(release: Release, tmp_path: Path, way: str) -> None:
    """Also its man pages; the commands are those of doc/howto/install.rst."""
    environ = {
        "HOME": str(tmp_path / "home"),
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
        "UV_TOOL_DIR": str(tmp_path / "uv"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
    }
    if way == "venv":
        run(sys.executable, "-m", "venv", tmp_path / "venv", folder=tmp_path)
        words = ("-m", "pip", "install", "-q", "--no-compile", release.wheel)
        run(tmp_path / "venv/bin/python", *words, folder=tmp_path)
        (tmp_path / "bin").symlink_to(tmp_path / "venv/bin")
    elif way == "pipx":
        words = ("-m", "pipx", "install", "--python", sys.executable, "--pip-args=--no-compile")
        run(sys.executable, *words, release.wheel, folder=tmp_path, **environ)
    else:
        words = ("-m", "uv", "tool", "install", "-q", "--python", sys.executable)
        run(sys.executable, *words, release.wheel, folder=tmp_path, **environ)
    program = tmp_path / "bin/distgen"
    assert run(program, "--version", folder=tmp_path).startswith("distgen 1.")
    run(program, "init", "--minimal", "--git", "images", folder=tmp_path, **environ)
    published = run(program, "-C", "images", "publish", folder=tmp_path, **environ)
    assert published.startswith("created  example/hello@main")
    manuals = [path.name for path in tmp_path.rglob("share/man/man1/distgen*.1")]
    assert {"distgen.1", "distgen-publish.1"} <= {*manuals}
