"""Compare `affected` and `diff --since` with `render --check` of the same images.

Both read and render a catalogue twice. The change reaches all images, so that each has to be
explained: a line of the macro of all default images, and the tag of Kolla's.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

# An installed package has its bytecode; a checkout would be compiled at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
ROOT = Path(__file__).parents[2]
PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")
COMMAND = (sys.executable, str(ROOT / "distgen_git.py"))
KOLLA = {
    "distgen.yaml": "version: 1\n",
    "kolla/override.j2": "{% extends parent_template %}\n",
    "overlays/kolla/namespace.yaml": (
        "source: kolla\nkolla: {base: debian, template_override: [kolla/override.j2]}\n"
        "streams: {master: {}}\n"
    ),
}
LIMIT = 2.3
ROUNDS = 5


def seconds(folder: Path, *words: str) -> float:
    """Return the processor time of one run of distgen, that of its own processes included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*COMMAND, "-C", str(folder / "catalogue"), *words],
        check=False,
        capture_output=True,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def copy_catalogue(folder: Path) -> None:
    """Copy the default catalogue into a repository of its own, and change a macro of all images."""
    catalogue = folder / "catalogue"
    catalogue.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, catalogue / part)
    commit_all(catalogue)
    labels = catalogue / "templates/_shared/oci.j2"
    labels.write_text(labels.read_text().replace("LABEL name=", "LABEL more=yes name="))


def write_kolla_catalogue(folder: Path) -> None:
    """Write a catalogue of Kolla's images into a repository, and change the tag of all of them."""
    write_files(folder / "catalogue", KOLLA)
    commit_all(folder / "catalogue")
    namespace = folder / "catalogue/overlays/kolla/namespace.yaml"
    namespace.write_text(KOLLA["overlays/kolla/namespace.yaml"].replace("{}", "{tags: [new]}"))


def write_files(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def commit_all(root: Path) -> None:
    git = ("git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
        subprocess.run([*git, *words], check=True)


def catalogues() -> Iterator[tuple[str, Path]]:
    """Yield a name and a folder with a changed catalogue: the default one, and Kolla's if it is."""
    makers = {"default catalogue": copy_catalogue, "Kolla": write_kolla_catalogue}
    for name, make in makers.items():
        if name == "Kolla" and not find_spec("kolla"):
            print("review: Kolla is not measured, since the package kolla is not installed")
            continue
        with tempfile.TemporaryDirectory() as work:
            make(Path(work))
            yield name, Path(work)


def measure(name: str, folder: Path) -> None:
    trees = str(folder / "trees")
    seconds(folder, "render", "-o", trees)
    render = min(seconds(folder, "render", "--check", "-o", trees) for _ in range(ROUNDS))
    for command in ("affected", "diff"):
        compared = min(seconds(folder, command, "--since", "HEAD") for _ in range(ROUNDS))
        print(
            f"review: {name}, {command} --since HEAD {compared:.2f} s, render --check"
            f" {render:.2f} s: {compared / render:.2f}x (at most {LIMIT}x)"
        )


def main() -> None:
    for name, folder in catalogues():
        measure(name, folder)


if __name__ == "__main__":
    main()
