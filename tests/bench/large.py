"""Run the commands on thousands of images, and show what each takes as their number grows.

    python tests/bench/large.py [--full] [--json FILE] [--pictures FOLDER] [NUMBER...]
    python tests/bench/large.py --servers [NUMBER...]

NUMBER is how many images and repositories there are; --full takes as many as 50,000, and hours.
--json adds the figures to those of FILE; --pictures draws all that FILE has, and needs matplotlib.
--servers publishes to a git daemon instead.

Processor time is that of all processes. Memory, files and processes are the most at once: memory of
the largest process of all, as the system counts it, and of the files that a process has open those
that are no sockets, both looked at many times a second.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from testing.transports import daemon

# An installed package has its bytecode; a checkout would be compiled at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
NUMBERS, ALL_NUMBERS = (500, 1000, 2000), (1000, 2000, 5000, 10_000, 25_000, 50_000)
GROWTH, MEGABYTES, FILES_AT_ONCE = 1.3, 500, 64
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
# Each image has a text of its own, which takes a linter little time.
SMALL = "FROM {{ base.reference }}\nLABEL name={{ image.name }}\nRUN cd /srv && true\nENV ROUND=0\n"


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
        while not self._stop.wait(0.05):
            started = below(self.pid)
            self.processes = max(self.processes, len(started))
            self.files = max(self.files, *map(open_files, (self.pid, *started)))


def below(pid):
    """Return the processes that a process has started, and those that they have."""
    children = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(name))
    started = list(children.get(pid, []))
    for child in started:
        started += children.get(child, [])
    return started


def open_files(pid):
    """Count the files that a process has open, without sockets."""
    count = 0
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                count += not os.readlink(entry.path).startswith("socket:")
    return count


def measured(folder, *words):
    """Run distgen; return its figures."""
    command = [sys.executable, "-m", "distgen", "-q", "-C", str(folder / "catalogue"), *words]
    with (folder / "said").open("wb") as said:
        begin = time.perf_counter()
        running = subprocess.Popen(command, env=environ(folder), stdout=said, stderr=said)
        onlooker = Onlooker(running.pid)
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
    onlooker.end()
    if running.returncode:
        sys.exit((folder / "said").read_text()[-2000:])
    return {
        "seconds": round(seconds, 2),
        "processor": round(used.ru_utime + used.ru_stime, 2),
        "megabytes": used.ru_maxrss // 1024,
        "files": onlooker.files,
        "processes": onlooker.processes,
    }


def environ(folder):
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(CHECKOUT)}


def commit(folder):
    author = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Bench")):
        command = ["git", *author, "-C", folder / "catalogue", *words]
        subprocess.run(command, env=environ(folder), check=True)


def change(folder):
    path = folder / "catalogue/templates/app/Dockerfile.j2"
    path.write_text(path.read_text().replace("ROUND=0", "ROUND=1"))


def all_runs(folder, number):
    """Run each command that looks at all images; yield its name and what it took."""
    root, trees = folder / "catalogue", folder / "trees"
    catalogue(root, number, f"{folder}/dist-git/{{namespace}}/{{image}}.git")
    (root / "templates/app/Dockerfile.j2").write_text(SMALL)
    public = 'public_url: "https://git.example.org/{namespace}/{image}.git"'
    settings = (root / "distgen.yaml").read_text()
    (root / "distgen.yaml").write_text(settings.replace("dist_git: {", f"dist_git: {{{public}, "))
    commit(folder)
    yield "list, first", measured(folder, "list")
    yield "list", measured(folder, "list")
    yield "graph", measured(folder, "graph")
    yield "render -o, first", measured(folder, "render", "-o", str(trees))
    yield "render -o", measured(folder, "render", "-o", str(trees))
    yield "render --check", measured(folder, "render", "--check", "-o", str(trees))
    shutil.rmtree(trees)
    yield "lint, first", measured(folder, "lint")
    yield "lint", measured(folder, "lint")
    yield "publish, first", measured(folder, "publish")
    yield "publish, no change", measured(folder, "publish")
    yield "status", measured(folder, "status")
    yield "export matrix", measured(folder, "export", "matrix")
    change(folder)
    yield "affected", measured(folder, "affected", "--since", "HEAD")
    yield "diff", measured(folder, "diff")
    commit(folder)
    yield "publish, all changed", measured(folder, "publish")
    yield "verify", measured(folder, "verify")


def server_runs(folder, number):
    """Publish all, nothing, and a change of all to a server; yield what each took."""
    names = ["base", *(f"app{one}" for one in range(number - 1))]
    for name in names:
        where = folder / f"srv/repositories/bench/{name}.git"
        subprocess.run(["git", "init", "-q", "--bare", "--template=", where], check=True)
    with daemon(folder / "srv/repositories") as served:
        catalogue(folder / "catalogue", number, f"{served.url}/{{namespace}}/{{image}}.git")
        yield "publish, first", measured(folder, "publish", "--allow-dirty")
        yield "publish, no change", measured(folder, "publish", "--allow-dirty")
        change(folder)
        yield "publish, all changed", measured(folder, "publish", "--allow-dirty")
        yield "status", measured(folder, "status")


def show(row):
    each = 1000 * row["processor"] / row["images"]
    print(
        f"{row['images']:>7} {row['command']:<20} {row['seconds']:>8.1f} {row['processor']:>9.1f}"
        f" {each:>8.2f} {row['megabytes']:>5} {row['files']:>5} {row['processes']:>9}",
        flush=True,
    )


def judge(rows):
    """Say of each command how its time for an image grew, and of all how much they had at once."""
    for command in dict.fromkeys(row["command"] for row in rows):
        runs = sorted(
            (row for row in rows if row["command"] == command), key=lambda row: row["images"]
        )
        each = [row["processor"] / row["images"] for row in runs]
        print(
            f"large: {command}: an image of {runs[-1]['images']} takes {each[-1] / each[0]:.2f}x of"
            f" one of {runs[0]['images']} (at most {GROWTH}x)"
        )
    print(
        f"large: at most {max(row['megabytes'] for row in rows)} MB (at most {MEGABYTES}),"
        f" {max(row['files'] for row in rows)} files beside sockets (at most {FILES_AT_ONCE})"
    )


def kept_rows(path):
    return json.loads(path.read_text()) if path and path.exists() else []


def keep_row(path, row):
    """Put the figures of a run into a file, in the place of earlier ones of the same."""
    if path:
        names = ("images", "command")
        others = [old for old in kept_rows(path) if any(old[name] != row[name] for name in names)]
        lines = ",\n".join(json.dumps(each) for each in (*others, row))
        path.write_text(f"[\n{lines}\n]\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("numbers", nargs="*", type=int)
    asked = parser.parse_args()
    draws_only = asked.pictures and not asked.numbers and not asked.full
    numbers = asked.numbers or (ALL_NUMBERS if asked.full else () if draws_only else NUMBERS)
    rows = []
    print(
        f"{'images':>7} {'run':<20} {'seconds':>8} {'processor':>9} {'ms each':>8} {'MB':>5} files"
        " processes"
    )
    for number in numbers:
        with tempfile.TemporaryDirectory() as name:
            runs = (server_runs if asked.servers else all_runs)(Path(name), number)
            for command, figures in runs:
                rows.append({"images": number, "command": command, **figures})
                show(rows[-1])
                keep_row(asked.json, rows[-1])
    if rows:
        judge(rows)
    if asked.pictures:
        from growth import draw  # for those who want some: matplotlib is large

        draw(kept_rows(asked.json) or rows, asked.pictures)


if __name__ == "__main__":
    main()
