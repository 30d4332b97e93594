"""Real git servers of every kind on loopback: `git daemon`, sshd, nginx with fcgiwrap, https.

Each is a context that yields a `Served`: the address of the folder `root`, and what a person sets
in the environment so that git reaches it. A server whose program is not there skips the test.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from testing.git_server import git_server

USER, PASSWORD = "bot", "s3cr3t-TOKEN"


@dataclass(frozen=True)
class Served:
    """A server; `url` is the address of `root`, without a slash at the end."""

    url: str
    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def program(name: str) -> str:
    """Return the path of a program, or skip the test."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(*command: str, log: Path, ready: int | Path) -> Iterator[None]:
    """Run a server until the end, and wait until its port, or its socket, is there."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 10
        while not _answers(ready):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(ready: int | Path) -> bool:
    if isinstance(ready, Path):
        return ready.exists()
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", ready)) == 0


@contextmanager
def folder(root: Path) -> Iterator[Served]:
    yield Served(str(root), root)


@contextmanager
def file(root: Path) -> Iterator[Served]:
    yield Served(f"file://{root}", root)


@contextmanager
def http(root: Path) -> Iterator[Served]:
    with git_server(root, {USER: PASSWORD}) as server:
        yield Served(server.url, root, {"TOKEN": PASSWORD})


@contextmanager
def https(root: Path) -> Iterator[Served]:
    """Serve with a certificate that the caller has to be told of."""
    chain, key = root.parent / "tls.crt", root.parent / "tls.key"
    words = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(chain), "-keyout", str(key)]
    made = subprocess.run(
        [program("openssl"), "req", "-x509", *words], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr.decode()
    with git_server(root, {USER: PASSWORD}, certificate=(chain, key)) as server:
        yield Served(server.url, root, {"TOKEN": PASSWORD, "GIT_SSL_CAINFO": str(chain)})


@contextmanager
def cut(served: Served, times: int, size: int) -> Iterator[Served]:
    """Stand before a server and cut the first connections after `size` bytes of its answer."""
    host, port = served.url.rpartition("/")[2].split(":")

    class Relay(socketserver.BaseRequestHandler):
        left = iter(range(times))

        def handle(self) -> None:
            patience = size if next(self.left, None) is not None else 1 << 40
            with socket.create_connection((host, int(port))) as there:
                threading.Thread(target=_pass, args=(self.request, there, 1 << 40)).start()
                _pass(there, self.request, patience)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as relay:
        relay.daemon_threads = True
        threading.Thread(target=relay.serve_forever, args=(0.02,), daemon=True).start()
        address = f"{served.url.partition(':')[0]}://127.0.0.1:{relay.server_address[1]}"
        yield Served(address, served.root, served.environment)
        relay.shutdown()


def _pass(source: socket.socket, sink: socket.socket, size: int) -> None:
    """Pass on what is said until there were `size` bytes, and end both sides then."""
    with suppress(OSError):
        while size > 0 and (part := source.recv(min(size, 1 << 16))):
            size -= len(part)
            sink.sendall(part)
    for side in (source, sink):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


@contextmanager
def daemon(root: Path) -> Iterator[Served]:
    port = free_port()
    words = ["--reuseaddr", "--listen=127.0.0.1", f"--port={port}", f"--base-path={root}"]
    words += ["--export-all", "--enable=receive-pack", "--informative-errors", str(root)]
    with running("git", "daemon", *words, log=root.parent / "daemon.log", ready=port):
        yield Served(f"git://127.0.0.1:{port}", root)


@contextmanager
def ssh(root: Path, **settings: str) -> Iterator[Served]:
    with _sshd(root, settings) as (port, command):
        address = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{root}"
        yield Served(address, root, {"GIT_SSH_COMMAND": command})


@contextmanager
def scp(root: Path) -> Iterator[Served]:
    """Serve at an address like that of scp, which has no place for a port."""
    with _sshd(root, {}) as (port, command):
        address = f"{getpass.getuser()}@127.0.0.1:{root}"
        yield Served(address, root, {"GIT_SSH_COMMAND": f"{command} -p {port}"})


@contextmanager
def _sshd(root: Path, own_settings: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    sshd, home = program("sshd"), root.parent / "ssh"
    home.mkdir()
    for name in ("host", "id"):
        words = ["-q", "-t", "ed25519", "-N", "", "-f", str(home / name)]
        subprocess.run([program("ssh-keygen"), *words], check=True)
    port = free_port()
    shell = f'restrict,command="{program("git-shell")} -c \\"$SSH_ORIGINAL_COMMAND\\""'
    (home / "authorized").write_text(f"{shell} {(home / 'id.pub').read_text()}")
    (home / "known").write_text(f"[127.0.0.1]:{port} {(home / 'host.pub').read_text()}")
    settings = {
        "Port": str(port),
        "ListenAddress": "127.0.0.1",
        "HostKey": str(home / "host"),
        "PidFile": str(home / "pid"),
        "AuthorizedKeysFile": str(home / "authorized"),
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "UsePAM": "no",
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "MaxStartups": "100",
        "AcceptEnv": "GIT_PROTOCOL",
        # The user's own .bashrc would be read for each session.
        "SetEnv": f"HOME={home}",
        **own_settings,
    }
    config = home / "config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:  # where sshd of root drops its rights
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    client = f"ssh -F /dev/null -i {home}/id -o IdentitiesOnly=yes -o BatchMode=yes"
    client += f" -o UserKnownHostsFile={home}/known -o StrictHostKeyChecking=yes"
    words = ["-D", "-e", "-f", str(config)]
    with running(sshd, *words, log=home / "log", ready=port):
        yield port, client


NGINX = """\
daemon off; worker_processes 1; {user} pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      auth_basic git; auth_basic_user_file {home}/htpasswd;
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
      fastcgi_pass unix:{home}/socket;
      fastcgi_buffering off; fastcgi_request_buffering off;
    }}
  }}
}}
"""


@contextmanager
def nginx(root: Path) -> Iterator[Served]:
    """Serve with nginx, which hands each request to git through fcgiwrap."""
    server, gateway = program("nginx"), program("fcgiwrap")
    home = root.parent / "nginx"
    home.mkdir()
    words = [program("openssl"), "passwd", "-apr1", PASSWORD]
    secret = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    (home / "htpasswd").write_text(f"{USER}:{secret}")
    exec_path = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True)
    port = free_port()
    text = NGINX.format(
        user="user root;" if os.geteuid() == 0 else "",
        home=home,
        port=port,
        root=root,
        backend=f"{exec_path.stdout.strip()}/git-http-backend",
    )
    (home / "nginx.conf").write_text(text)
    with ExitStack() as stack:
        words = ["-c", "4", "-f", "-s", f"unix:{home}/socket"]
        stack.enter_context(running(gateway, *words, log=home / "log", ready=home / "socket"))
        words = ["-e", f"{home}/error.log", "-c", f"{home}/nginx.conf", "-p", str(home)]
        stack.enter_context(running(server, *words, log=home / "log", ready=port))
        yield Served(f"http://127.0.0.1:{port}", root, {"TOKEN": PASSWORD})


ALL = (folder, file, http, https, daemon, ssh, scp, nginx)
