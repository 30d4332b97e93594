"""Compare `affected` and `diff --since` with `render --check` of the same images.

Both read and render the default catalogue twice. A line of the macro of all images is the change,
so that each image has to be explained.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")
COMMAND = (sys.executable, str(ROOT / "distgen_git.py"))
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
    git = ("git", "-C", str(catalogue), "-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
        subprocess.run([*git, *words], check=True)
    labels = catalogue / "templates/_shared/oci.j2"
    labels.write_text(labels.read_text().replace("LABEL name=", "LABEL more=yes name="))


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_catalogue(folder)
        seconds(folder, "render", "-o", str(folder / "trees"))
        render = min(
            seconds(folder, "render", "--check", "-o", str(folder / "trees")) for _ in range(ROUNDS)
        )
        ratios = {}
        for words in (("affected", "--since", "HEAD"), ("diff", "--since", "HEAD")):
            compared = min(seconds(folder, *words) for _ in range(ROUNDS))
            ratios[words[0]] = compared / render
            print(
                f"affected: {' '.join(words)} {compared:.2f} s of processor time, render --check"
                f" {render:.2f} s: {ratios[words[0]]:.2f}x (at most {LIMIT}x)"
            )
    return int(max(ratios.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
