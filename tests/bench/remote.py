"""Compare our own client of https repositories with git: processor time, and time on the wall.

    python tests/bench/remote.py [--delay MILLISECONDS] [--transport NAME] [NUMBER]

Processor time is that of this process and of all that it starts, not that of the server. With a
delay, each connection and each way through it takes that long, half of it in each direction.
"""

import argparse
import multiprocessing
import os
import queue
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from testing import transports
from testing.dist_git import OPTIONS, WAYS, run_publish
from testing.images import image, tree

from distgen.git.auth import authorize, token_for
from distgen.git.location import locate
from distgen.git.remote import read_remote_heads
from distgen.git.run import isolate
from distgen.pool import thread_pool

NUMBER, JOBS, LESS, FASTER = 200, 8, 20, 4
LINES = "\n".join(f"RUN apt-get update && apt-get install -y package-{n}" for n in range(12))


def serve(transport, root, pipe):
    with transport(root) as server:
        pipe.send((server.url, dict(server.environment)))
        pipe.recv()


def relay(address, seconds, pipe):
    """Pass on what comes, later by `seconds`, as if it came from far away."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    pipe.send(listener.getsockname()[1])

    def deliver(under_way, target):
        with suppress(OSError):  # one end has gone
            while True:
                due, data = under_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)

    def pass_on(source, target):
        under_way = queue.SimpleQueue()
        threading.Thread(target=deliver, args=(under_way, target), daemon=True).start()
        data = b"begun"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            under_way.put((time.monotonic() + seconds, data))

    def connect(client):
        time.sleep(2 * seconds)
        server = socket.create_connection(address)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=pass_on, args=(server, client), daemon=True).start()
        pass_on(client, server)

    while True:
        client, _ = listener.accept()
        threading.Thread(target=connect, args=(client,), daemon=True).start()


@contextmanager
def process(work, *arguments):
    """Run a server of its own, and yield what it says first."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=work, args=(*arguments, theirs), daemon=True)
    child.start()
    try:
        yield ours.recv()
    finally:
        child.kill()


@contextmanager
def far_server(transport, root, seconds):
    """Yield the address and environment of a server that is so far away."""
    with process(serve, transport, root) as (url, environment):
        if not seconds:
            yield url, environment
            return
        scheme, _, host = url.partition("://")
        name, _, port = host.partition(":")
        with process(relay, (name, int(port)), seconds) as near:
            yield f"{scheme}://{name}:{near}", environment


def measure(work):
    """Return the processor time and the time on the wall that a call takes."""
    times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    before, begin = sum(one.ru_utime + one.ru_stime for one in times), time.perf_counter()
    work()
    wall = time.perf_counter() - begin
    times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in times) - before, wall


def make_repositories(root, number):
    model = root / "model.git"
    subprocess.run(
        ["git", "init", "-q", "--bare", "--template=", "-b", "master", str(model)], check=True
    )
    for n in range(number):
        shutil.copytree(model, root / f"ns/a{n}.git")


def contestants(url, environment):
    """Return git of somebody with a token, each time as a run begins."""
    variables = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
    token = token_for(url, transports.USER, environment["TOKEN"])
    return {name: way(authorize(isolate(variables), [token])) for name, way in WAYS.items()}


def compare(transport, number, seconds):
    """Return the processor and wall time of each step by contestant."""
    took = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for way in WAYS:
            root = folder / way / "srv"
            root.mkdir(parents=True)
            make_repositories(root, number)
            with far_server(transport, root, seconds) as (url, environment):
                git = contestants(url, environment)[way]
                images = [image(f"ns/a{n}", url=f"{url}/ns/a{n}.git") for n in range(number)]
                options = replace(OPTIONS, jobs=JOBS)

                def ask(git=git, images=images):
                    with thread_pool(git.stop, JOBS) as pool:
                        places = [locate(one.url, Path("/")) for one in images]
                        list(pool.map(lambda place: read_remote_heads(git, place, ["m"]), places))

                def publish(line, git=git, images=images, where=folder / way, options=options):
                    files = {
                        "Dockerfile": f"FROM a\n{LINES}\n{line}\n",
                        "etc/app.conf": "a = b\n" * 60,
                    }
                    trees = {one.key: tree(one, files) for one in images}
                    results = run_publish(where, images, trees, options, git=git)
                    statuses = {result.status for result in results}
                    assert statuses <= {"created", "updated"}, results[:3]

                publish("first")
                took["ask", way] = measure(ask)
                took["deliver", way] = measure(lambda: publish("second"))
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--delay", type=float, default=0, metavar="MILLISECONDS")
    parser.add_argument("--transport", choices=("http", "https"), action="append")
    parser.add_argument("number", nargs="?", type=int, default=NUMBER)
    given = parser.parse_args()
    far = f", {given.delay:g} ms away" if given.delay else ""
    for name in given.transport or ("http", "https"):
        transport = getattr(transports, name)
        took = compare(transport, given.number, given.delay / 2000)
        for step in ("ask", "deliver"):
            (slow, long), (quick, short) = took[step, "git"], took[step, "distgen"]
            each = 1000 / given.number
            # Without TLS git has little to do for a connection, and there is less to win.
            is_bound = transport is transports.https
            less = f" (at least {LESS}x)" if is_bound else ""
            faster = f" (at least {FASTER}x)" if is_bound and given.delay else ""
            print(
                f"{transport.__name__}{far}: {step} {given.number} repositories: processor time"
                f" {slow * each:.1f} ms each with git, {quick * each:.2f} ms with distgen:"
                f" {slow / quick:.0f}x less{less}; {long:.1f} s and {short:.1f} s on the wall:"
                f" {long / short:.1f}x faster{faster}",
                flush=True,
            )


if __name__ == "__main__":
    main()
