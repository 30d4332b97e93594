"""Compare commands on one image of many, and with nothing changed, with and without the cache.

    python tests/bench/one.py [NUMBER]

Time is processor time of distgen and of all that it starts; the two take turns on one machine.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from large import CHECKOUT, catalogue

IMAGE, ROUNDS = "bench/app7", 5
LIMITS = {
    ("list", IMAGE): 4.0,
    ("lint", IMAGE): 4.0,
    ("publish", "--allow-dirty", IMAGE): 4.0,
    ("list",): 1.5,
}


def processor_seconds(folder, *words):
    """Run distgen and return what it and its children took."""
    command = [sys.executable, "-m", "distgen", "-q", "-C", str(folder / "catalogue"), *words]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(CHECKOUT)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalogue(folder / "catalogue", number, "dist-git/{namespace}/{image}.git")
        for words, limit in LIMITS.items():
            for _ in range(2):  # the second finds what the first kept
                processor_seconds(folder, *words)
            without, kept = [], []
            for _ in range(ROUNDS):  # in turn, so that noise meets both
                without.append(processor_seconds(folder, "--no-cache", *words))
                kept.append(processor_seconds(folder, *words))
            ratios = sorted(high / low for high, low in zip(without, kept, strict=True))
            print(
                f"one: {' '.join(words)} of {number}: {median(without):.2f} s without the cache,"
                f" {median(kept):.2f} s with it: {median(without) / median(kept):.1f}x,"
                f" {ratios[0]:.1f} to {ratios[-1]:.1f} (at least {limit}x)",
                flush=True,
            )


if __name__ == "__main__":
    main()
