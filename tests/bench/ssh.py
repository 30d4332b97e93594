"""Publish to one sshd over a connection that the run shares, and with a connection for each git.

    python tests/bench/ssh.py [--delay MILLISECONDS] [--repositories NUMBER] [--rounds NUMBER]

Needs sshd. Prints wall time and the processor time of the client and of the server. With a delay,
each way takes that long, half of it in each direction.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import publish
from remote import process, relay

sys.path.insert(0, str(Path(__file__).parents[1]))
from testing import transports

FASTER = 3.0


def processor_seconds(root_process):
    """Return what a process has used so far, with all that it started."""
    stats = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        stats[int(folder.name)] = (int(words[1]), sum(map(int, words[11:15])))
    tree, is_growing = {root_process}, True
    while is_growing:
        children = {number for number, (parent, _) in stats.items() if parent in tree} - tree
        tree |= children
        is_growing = bool(children)
    return sum(stats[number][1] for number in tree if number in stats) / os.sysconf("SC_CLK_TCK")


def measure(command, environment, server):
    """Return the wall time of a command, and the processor time of both sides."""
    before, server_before = os.times(), processor_seconds(server)
    begin = time.perf_counter()
    publish.seconds(command, environment)
    wall, after = time.perf_counter() - begin, os.times()
    client = sum(after[2:4]) - sum(before[2:4])
    return wall, client, processor_seconds(server) - server_before


def make_catalogue(folder, url):
    root = publish.catalogue(folder)
    address = f"{url}/{{namespace}}/{{image}}.git"
    (root / "distgen.yaml").write_text(f"version: 1\ndist_git: {{url: '{address}'}}\n")
    return root


@contextmanager
def far_address(server, home, delay):
    """Yield the address of an sshd that is so many milliseconds away."""
    if not delay:
        yield server.url
        return
    port = re.search(r":(\d+)/", server.url)[1]
    with process(relay, ("127.0.0.1", int(port)), delay / 2000) as near:
        known = home / "known"
        known.write_text(known.read_text().replace(f":{port} ", f":{near} "))
        yield server.url.replace(f":{port}/", f":{near}/")


def report(name, shared, apart):
    """Print the best round of both ways."""
    (wall, client, server), (own_wall, own_client, own_server) = min(shared), min(apart)
    print(
        f"ssh: {name} {publish.REPOSITORIES} repositories {wall:.1f} s"
        f" (processor: client {client:.1f}, server {server:.1f}),"
        f" a connection for each git {own_wall:.1f} s ({own_client:.1f}, {own_server:.1f}):"
        f" {own_wall / wall:.1f}x faster (at least {FASTER}x)"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0, metavar="MILLISECONDS")
    parser.add_argument("--repositories", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    choice = parser.parse_args()
    publish.REPOSITORIES = choice.repositories
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        root = folder / "srv/repositories"
        for name in ("base", *(f"app{number}" for number in range(choice.repositories - 1))):
            where = str(root / f"bench/{name}.git")
            subprocess.run(["git", "init", "-q", "--bare", "--template=", where], check=True)
        server = stack.enter_context(transports.ssh(root))
        sshd = int((folder / "srv/ssh/pid").read_text())
        url = stack.enter_context(far_address(server, folder / "srv/ssh", choice.delay))
        catalogue = make_catalogue(folder / "catalogue", url)
        shared = publish.environment(folder) | server.environment
        # what a user says of sharing stands
        own = f"{server.environment['GIT_SSH_COMMAND']} -o ControlPath=none"
        apart = shared | {"GIT_SSH_COMMAND": own}
        command = [sys.executable, "-m", "distgen", "-q", "-C", str(catalogue), "publish"]
        command += ["--allow-dirty"]
        publish.seconds(command, shared)
        results = {"changed": ([], []), "unchanged": ([], [])}
        for number in range(choice.rounds):  # in turn, so that noise meets both
            for side, environment in enumerate((shared, apart)):
                publish.changed(catalogue, 2 * number + side + 1)
                results["changed"][side].append(measure(command, environment, sshd))
                results["unchanged"][side].append(measure(command, environment, sshd))
    for name, sides in results.items():
        report(f"{choice.delay:g} ms away, {name}" if choice.delay else name, *sides)


if __name__ == "__main__":
    main()
