"""Compare what answers at once, version and help, with an interpreter that does nothing."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

# An installed package has its bytecode; a checkout would be compiled at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
LIMITS = {("--version",): 3.5, ("--help",): 4.0, ("publish", "--help"): 4.0, ("list", "-h"): 4.0}
ROUNDS = 40


def seconds(command):
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main():
    beside = Path(sys.executable).with_name("distgen")
    distgen = str(beside) if beside.exists() else shutil.which("distgen")
    for words, limit in LIMITS.items():
        nothing, ours = [], []
        for _ in range(ROUNDS):  # in turn, so that noise meets both
            nothing.append(seconds([sys.executable, "-c", "pass"]))
            ours.append(seconds([distgen, *words]))
        low, high = sorted(nothing)[ROUNDS // 2], sorted(ours)[ROUNDS // 2]
        print(
            f"startup: distgen {' '.join(words)} {high * 1000:.1f} ms, python -c pass"
            f" {low * 1000:.1f} ms: {high / low:.2f}x (at most {limit}x)"
        )


if __name__ == "__main__":
    main()
