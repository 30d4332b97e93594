"""Compare rendering all Kolla images with `kolla-build --template-only`, process by process."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

# An installed package has its bytecode; a checkout would be compiled at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
FIRST, LATER = 6.0, 12.0
ROUNDS, LATER_RUNS = 3, 5
NAMESPACE = "source: kolla\nkolla: {base: debian, base_arch: x86_64}\nstreams: {master: }\n"


def catalogue(root):
    """Write a catalogue of Kolla's images alone."""
    (root / "overlays/kolla").mkdir(parents=True)
    (root / "distgen.yaml").write_text("version: 1\n")
    (root / "overlays/kolla/namespace.yaml").write_text(NAMESPACE)
    return root


def seconds(command, environment):
    """Run a command and return the processor seconds of the whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def dockerfiles(root):
    """Return the bytes of every Dockerfile by the name of its image."""
    found = {path.parent: path.read_bytes() for path in root.rglob("Dockerfile")}
    return {place.name if place.name != "master" else place.parent.name: text
            for place, text in found.items()}  # fmt: skip


def measured(work):
    """Return the seconds of kolla-build, of a first run, and of a later run, side by side."""
    root, out = catalogue(work / "catalogue"), work / "out"
    environment = {**os.environ, "HOME": str(work), "XDG_CACHE_HOME": str(work / "cache")}
    ours = [sys.executable, "-m", "distgen", "-q", "-C", str(root), "render", "-o", str(out)]
    theirs = [sys.executable, "-m", "kolla.cmd.build", "--template-only", "--base", "debian"]
    theirs += ["--base-arch", "x86_64", "--work-dir", str(work / "kolla")]
    kolla = seconds(theirs, environment)
    first = seconds([*ours, "kolla/*"], environment)
    later = min(again(ours, out, environment) for _ in range(LATER_RUNS))
    assert dockerfiles(out) == dockerfiles(work / "kolla"), "the Dockerfiles differ"
    return kolla, first, later


def again(command, out, environment):
    """Return the seconds of a run that has its caches but writes everything anew."""
    shutil.rmtree(out)
    return seconds([*command, "kolla/*"], environment)


def main():
    if not find_spec("kolla") or not find_spec("docker"):
        print("kolla: not measured, since the packages kolla and docker are not installed")
        return
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as work:
            rounds.append(measured(Path(work)))
    kolla, first, later = (min(times) for times in zip(*rounds, strict=True))
    print(
        f"kolla: kolla-build {kolla:.2f} s, first run {first:.2f} s: {kolla / first:.1f}x"
        f" (at least {FIRST}x), later {later:.2f} s: {kolla / later:.1f}x (at least {LATER}x)"
    )


if __name__ == "__main__":
    main()
