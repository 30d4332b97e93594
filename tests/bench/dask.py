"""Publish to many remote repositories alone, and on four workers of Dask of which one is killed.

Needs distributed. Prints wall times, and whether both left the same refs, one commit each.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import publish

# In place of this folder, in which this file would stand for Dask itself.
sys.path[0] = str(Path(__file__).parents[1])
from testing import dask, transports  # noqa: E402
from testing.dist_git import git  # noqa: E402

WORKERS = 4


def make_repositories(root, count):
    """Make empty repositories, copies of one."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "bench").mkdir(parents=True)
    first = root / "bench/base.git"
    words = ["git", "init", "-q", "--bare", "--template=", "-b", "master"]
    subprocess.run([*words, str(first)], check=True)
    for number in range(count - 1):
        shutil.copytree(first, root / f"bench/app{number}.git")


def read_refs(root):
    """Return what stands in each repository, and fail where a branch has more than a commit."""
    refs = {}
    for folder in sorted((root / "bench").iterdir()):
        refs[folder.name] = git("for-each-ref", "--format=%(objectname)", folder=folder)
        assert git("rev-list", "--count", "--all", folder=folder).strip() == "1", folder
    return refs


def kill_in_the_middle(worker, root, count):
    """Kill a worker once a quarter of the repositories has a branch."""
    while sum(1 for _ in root.glob("bench/*/refs/heads/master")) < count / 4:
        time.sleep(0.05)
    worker.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=2000)
    count = publish.REPOSITORIES = parser.parse_args().repositories
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        root, environment = folder / "srv/repositories", publish.environment(folder)
        make_repositories(root, count)
        catalogue = publish.catalogue(folder / "catalogue")
        command = [sys.executable, "-m", "distgen", "-q", "-C", str(catalogue), "publish"]
        command += ["--allow-dirty"]
        with transports.daemon(root) as server, dask.cluster(folder / "dask") as cluster:
            address = f"{server.url}/{{namespace}}/{{image}}.git"
            settings = f"version: 1\ndist_git: {{url: '{address}'}}\n"
            (catalogue / "distgen.yaml").write_text(settings)
            lone = publish.seconds(command, environment)
            refs = read_refs(root)
            make_repositories(root, count)
            workers = [cluster.worker() for _ in range(WORKERS)]
            doomed = (workers[0], root, count)
            threading.Thread(target=kill_in_the_middle, args=doomed, daemon=True).start()
            command += ["--executor", f"dask:{cluster.address}"]
            together = publish.seconds(command, environment)
            assert workers[0].poll() is not None, "no worker was killed"
        same = "the same refs" if read_refs(root) == refs else "OTHER REFS"
    print(
        f"dask: {count} repositories alone {lone:.1f} s, {WORKERS} workers of which one was killed"
        f" {together:.1f} s on the same cores: {same}, one commit each"
    )


if __name__ == "__main__":
    main()
