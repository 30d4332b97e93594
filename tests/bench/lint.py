"""Compare what linting takes at first, again, after a change, and with one process of each linter.

    python tests/bench/lint.py [NUMBER...]

NUMBER is how many images of large.py's kind are linted, each with a text of its own. Time is that
of the wall clock, processor time that of all processes. One process of each linter on all files,
and a run that needs none, are together what linting takes where nothing is divided or kept. At
first the wall clock counts, for linters share the cores, and again the processors.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large import catalogue

from distgen.dockerfile.filename import is_dockerfile
from distgen.lint.external import is_shell
from distgen.lint.linters import hadolint, shellcheck
from distgen.model.rendered import File

# An installed package has its bytecode; a checkout would be compiled at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
NUMBERS = (1000, 10_000)
DISTGEN = [sys.executable, "-m", "distgen", "-q"]
DEFAULT = "default catalogue"
AGAIN, SHARE, GROWTH = 3.0, 0.6, 11.0
SMALL = "FROM {{ base.reference }}\nLABEL name={{ image.name }}\nRUN cd /srv && true\n"


def measured(command, folder, environ=None):
    """Return seconds and processor seconds of a command, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True)
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr.decode())
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, spent, done.stdout


def lint(folder, *words):
    environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    return measured([*DISTGEN, *words, "lint"], folder / "catalogue", environ)


def one_process_each(folder):
    """Return seconds and processor seconds of linters on all files at once."""
    trees = folder / "trees"
    measured([*DISTGEN, "render", "-o", str(trees)], folder / "catalogue")
    files = [path for path in sorted(trees.rglob("*")) if path.is_file() and not path.is_symlink()]
    seconds = spent = 0.0
    for linter, is_linted in (
        (hadolint(), lambda path: is_dockerfile(path.name)),
        (shellcheck(), lambda path: is_shell(File(path.name, path.read_bytes()))),
    ):
        inputs = folder / linter.name
        inputs.mkdir()
        for name, content in linter.settings:
            (inputs / name).write_bytes(content)
        texts = dict.fromkeys(path.read_bytes() for path in files if is_linted(path))
        for number, text in enumerate(texts):
            (inputs / str(number)).write_bytes(text)
        numbers = list(map(str, range(len(texts))))
        took = measured([linter.program, *linter.options, *numbers], inputs)
        seconds, spent = seconds + took[0], spent + took[1]
    return seconds, spent


def compare(folder, name, change):
    """Show a run at first, again, and after a change, beside one process of each linter."""
    (cold, cold_spent, first), (warm, warm_spent, again) = lint(folder), lint(folder)
    assert first == again == lint(folder, "--no-cache")[2]
    change(folder / "catalogue")
    changed, changed_spent, _ = lint(folder)
    alone, alone_spent = one_process_each(folder)
    before, before_spent = warm + alone, warm_spent + alone_spent
    limits = ("", f" (at least {AGAIN}x)") if name == DEFAULT else (f" (at most {SHARE}x)", "")
    print(
        f"lint: {name}: {cold:.1f} s at first ({cold_spent:.1f} s of processors), with one process"
        f" of each linter {before:.1f} s ({before_spent:.1f} s): {cold / before:.2f}x{limits[0]}"
    )
    print(
        f"lint: {name}: {warm:.2f} s again ({warm_spent:.2f} s of processors):"
        f" {before_spent / warm_spent:.1f}x less of them{limits[1]}, {before / warm:.1f}x less"
        f" time; {changed:.2f} s ({changed_spent:.2f} s) with one image changed",
        flush=True,
    )
    return cold


def change_default(root):
    path = root / "overlays/opendev/gerrit.yaml"
    path.write_text(path.read_text().replace("openssh-client", "rsync"))


def change_large(root):
    """Give one image a template of its own."""
    shutil.copytree(root / "templates/app", root / "templates/changed")
    path = root / "templates/changed/Dockerfile.j2"
    path.write_text(path.read_text() + "ENV CHANGED=1\n")
    path = root / "overlays/bench/app9.yaml"
    path.write_text(path.read_text().replace("template: app", "template: changed"))


def write_large(folder, number, dockerfile=""):
    root = folder / "catalogue"
    catalogue(root, number, "dist-git/{namespace}/{image}.git")
    path = root / "templates/app/Dockerfile.j2"
    path.write_text(dockerfile or path.read_text() + "LABEL name={{ image.name }}\n")


def main():
    numbers = tuple(map(int, sys.argv[1:])) or NUMBERS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured([*DISTGEN, "init", "--no-git", str(folder / "catalogue")], folder)
        compare(folder, DEFAULT, change_default)
    with tempfile.TemporaryDirectory() as name:
        write_large(Path(name), numbers[0])
        compare(Path(name), f"{numbers[0]} images", change_large)
    seconds = []
    for number in numbers:
        with tempfile.TemporaryDirectory() as name:
            write_large(Path(name), number, SMALL)
            seconds.append(compare(Path(name), f"{number} small images", change_large))
    for number, took in zip(numbers[1:], seconds[1:], strict=True):
        most = GROWTH * number / numbers[0] / 10
        print(
            f"lint: {number} small images take {took / seconds[0]:.1f}x of {numbers[0]}"
            f" (at most {most:.0f}x)"
        )


if __name__ == "__main__":
    main()
