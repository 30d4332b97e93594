"""Publish to thousands of repositories, and show what that takes as their number grows.

    python tests/bench/large.py [--servers] [NUMBER...]

Time is that of the wall clock. Memory, files and processes are the most that the run had at once,
looked at every few milliseconds; memory is distgen's own, not that of the git it runs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from testing.transports import daemon

NUMBERS = (500, 1000, 2000)
CHECKOUT = Path(__file__).parents[2]
STEPS = "\n".join(f"RUN apt-get update && apt-get install -y package-{n}" for n in range(12))
FILES = {
    "templates/app/template.yaml": "description: An app\nvalues: {}\n",
    "templates/app/Dockerfile.j2": f"FROM {{{{ base.reference }}}}\n{STEPS}\nENV ROUND=0\n",
    "templates/app/README.rst.j2": "{{ image.full_name }}\n\n" + "About this image.\n" * 40,
    "templates/app/start.sh": "#!/bin/sh\nexec app\n",
    "templates/app/etc/app.conf": "option = value\n" * 600,
    "overlays/bench/namespace.yaml": """\
registry: quay.io/bench
description: Images to measure with
streams:
  master: {branch: master, tags: [master]}
values: {}
""",
    "overlays/bench/base.yaml": "template: app\nfrom: docker.io/library/debian:bookworm\n",
}


def catalogue(folder, number, url):
    """Write a catalogue of a base, of a tenth that build on it, and of the rest that on those."""
    files = {**FILES, "distgen.yaml": f'version: 1\ndist_git: {{url: "{url}"}}\n'}
    tenth = max(1, number // 10)
    for one in range(number - 1):
        parent = "base" if one < tenth else f"app{one % tenth}"
        files[f"overlays/bench/app{one}.yaml"] = f"template: app\nfrom: bench/{parent}\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Onlooker:
    """Looks at a process and all below it until it ends."""

    def __init__(self, pid):
        self.pid, self.files, self.processes = pid, 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self):
        self._stop.set()
        self._thread.join()

    def _look(self):
        while not self._stop.wait(0.02):
            try:
                self.files = max(self.files, len(os.listdir(f"/proc/{self.pid}/fd")))
                self.processes = max(self.processes, below(self.pid))
            except OSError:
                continue


def below(pid):
    """Count the processes that a process has started, and those that they have."""
    children = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        children.setdefault(int(parent), []).append(int(name))
    found = list(children.get(pid, []))
    for one in found:
        found += children.get(one, [])
    return len(found)


def measured(folder, *words):
    """Run distgen; return seconds, MiB, files and processes."""
    command = [sys.executable, "-m", "distgen", "-q", "-C", str(folder / "catalogue"), *words]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(CHECKOUT)}
    with (folder / "said").open("wb") as said:
        begin = time.perf_counter()
        running = subprocess.Popen(command, env=env, stdout=said, stderr=said)
        onlooker = Onlooker(running.pid)
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
    onlooker.end()
    if running.returncode:
        sys.exit((folder / "said").read_text()[-2000:])
    return seconds, used.ru_maxrss / 1024, onlooker.files, onlooker.processes


def changed(folder):
    path = folder / "catalogue/templates/app/Dockerfile.j2"
    path.write_text(path.read_text().replace("ROUND=0", "ROUND=1"))


def runs(folder, number, url):
    """Publish all, nothing, and a change of all; yield what each took."""
    catalogue(folder / "catalogue", number, url)
    yield "created", measured(folder, "publish", "--allow-dirty")
    yield "unchanged", measured(folder, "publish", "--allow-dirty")
    changed(folder)
    yield "updated", measured(folder, "publish", "--allow-dirty")
    yield "status", measured(folder, "status")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", action="store_true", help="publish to a git daemon")
    parser.add_argument("numbers", nargs="*", type=int, default=NUMBERS)
    asked = parser.parse_args()
    print(
        f"{'repositories':>12} {'run':>10} {'seconds':>8} {'ms each':>8} {'MiB':>5} files processes"
    )
    for number in asked.numbers:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if not asked.servers:
                show(number, runs(folder, number, "dist-git/{namespace}/{image}.git"))
                continue
            names = ["base", *(f"app{one}" for one in range(number - 1))]
            for one in names:
                where = folder / f"srv/repositories/bench/{one}.git"
                subprocess.run(["git", "init", "-q", "--bare", "--template=", where], check=True)
            with daemon(folder / "srv/repositories") as served:
                show(number, runs(folder, number, f"{served.url}/{{namespace}}/{{image}}.git"))


def show(number, found):
    for what, (seconds, memory, files, processes) in found:
        each = 1000 * seconds / number
        print(
            f"{number:>12} {what:>10} {seconds:>8.1f} {each:>8.1f} {memory:>5.0f} {files:>5}"
            f" {processes:>9}",
            flush=True,
        )


if __name__ == "__main__":
    main()
