"""Compare importing 500 repositories of this machine with `git archive` of each of them."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))
from testing.repositories import make_repository, real_looking  # noqa: E402

COUNT, ROUNDS, LIMIT = 500, 3, 3.0


def archive(repositories, folder):
    """Write an archive of each repository, one after the other, as a script would."""
    for number, repository in enumerate(repositories):
        words = ["git", "--git-dir", str(repository), "archive", "-o"]
        subprocess.run([*words, f"{folder}/{number}.tar", "main"], check=True)


def bring(repositories, folder, command):
    (folder / "distgen.yaml").write_text("version: 1\n")
    words = [*command, "-q", "-C", str(folder), "import", *map(str, repositories)]
    subprocess.run([*words, "--namespace", "ns"], stdout=subprocess.DEVNULL, check=True)


def clocked(work, *arguments):
    """Return seconds on the wall, and of the processors for all processes."""
    begin, before = time.perf_counter(), os.times()
    work(*arguments)
    wall, after = time.perf_counter() - begin, os.times()
    return wall, sum(after[:4]) - sum(before[:4])


def new_folder(home, name):
    """Make a folder; none is deleted between rounds, after which file systems write slowly."""
    folder = home / name
    folder.mkdir()
    return folder


def main():
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    beside = Path(sys.executable).with_name("distgen")
    distgen = str(beside) if beside.exists() else shutil.which("distgen")
    archived, imported = [], []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        repositories = [
            make_repository(home / f"app{number}.git", real_looking(number))
            for number in range(COUNT)
        ]
        for number in range(ROUNDS):  # in turn, so that noise meets both
            archives = new_folder(home, f"archives{number}")
            archived.append(clocked(archive, repositories, archives))
            catalogue = new_folder(home, f"catalogue{number}")
            imported.append(clocked(bring, repositories, catalogue, [distgen]))
    for name, place in (("wall", 0), ("processor", 1)):
        low, high = (sorted(times)[ROUNDS // 2][place] for times in (archived, imported))
        print(
            f"import: {COUNT} repositories {high:.2f} s {name}, git archive of them {low:.2f} s:"
            f" {high / low:.2f}x (at most {LIMIT}x)"
        )


if __name__ == "__main__":
    main()
