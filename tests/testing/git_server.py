"""A real git server on loopback: smart HTTP over `git http-backend`, with users, hooks and faults.

    with git_server(tmp_path / "srv", {"bot": "s3cret"}) as server:
        server.repository("ns/app.git")
        git("push", f"{server.url}/ns/app.git", ...)
        server.requests                     # what arrived, in order

A request is let in with Basic authentication of a user, or with a user's password as Bearer
token; without users everybody is let in. `server.meddle` may answer in its place, see `Fault`.
"""

from __future__ import annotations

import base64
import os
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request as it arrived; names of headers are in lower case, `user` is "" for nobody."""

    method: str
    path: str
    query: str
    user: str
    headers: Mapping[str, str]

    @property
    def pushes(self) -> bool:
        return self.method == "POST" and self.path.endswith("/git-receive-pack")


@dataclass(frozen=True)
class Fault:
    """What to do instead of answering.

    `status` answers that, with `headers` and `body`. Status 0 closes the connection without a
    word. With `after` git works first, so that a push arrives and only its answer is lost.
    `seconds` waits first.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: bool = False
    seconds: float = 0


Meddle = Callable[[Request], "Fault | None"]


class GitServer:
    """Where the server is (`url`, no slash at the end), what it serves and what it was asked.

    With `is_public` everybody may read, and only users may push.
    """

    def __init__(self, root: Path, users: Mapping[str, str], meddle: Meddle | None) -> None:
        self.root = root
        self.users = dict(users)
        self.meddle = meddle
        self.requests: list[Request] = []
        self.connections: set[tuple[str, int]] = set()
        self.complaints: list[str] = []
        self.url = ""
        self.is_public = False

    def repository(self, name: str, **config: str) -> Path:
        """Make a bare repository that takes push options; keys of `config` spell `.` as `__`."""
        folder = self.root / name
        options = ("-q", "--bare", "--template=", "--initial-branch=master")
        run("init", *options, str(folder))
        settings = {"receive__advertisePushOptions": "true", **config}
        for key, value in settings.items():
            run("-C", str(folder), "config", key.replace("__", "."), value)
        return folder

    def hook(self, name: str, hook: str, script: str) -> None:
        """Install a hook, such as `pre-receive`, in a repository."""
        path = self.root / name / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)

    def is_welcome(self, request: Request) -> bool:
        may_read = self.is_public and "git-receive-pack" not in f"{request.path}?{request.query}"
        return bool(request.user) or not self.users or may_read


def run(*words: str) -> str:
    """Run git and return what it printed."""
    done = subprocess.run(["git", *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@contextmanager
def git_server(
    root: Path,
    users: Mapping[str, str] | None = None,
    meddle: Meddle | None = None,
    certificate: tuple[Path, Path] | None = None,
    clients: Path | None = None,
) -> Iterator[GitServer]:
    """Serve the repositories below `root`; `certificate` (chain, key) makes it https.

    With `clients`, only those are let in who have a certificate of that authority.
    """
    root.mkdir(parents=True, exist_ok=True)
    served = GitServer(root, users or {}, meddle)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))
    http.daemon_threads = True
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        http.socket = context.wrap_socket(http.socket, server_side=True)
        scheme = "https"
    served.url = f"{scheme}://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield served
    finally:
        http.shutdown()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    served: GitServer

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        user = _user(headers.get("authorization", ""), self.served.users)
        request = Request(self.command, path, query, user, headers)
        self.served.requests.append(request)
        self.served.connections.add(self.client_address)
        fault = self.served.meddle(request) if self.served.meddle else None
        if fault and fault.seconds:
            time.sleep(fault.seconds)
        if fault and not fault.after:
            self._stumble(fault)
        elif not self.served.is_welcome(request):
            realm = {"WWW-Authenticate": 'Basic realm="git"'}
            self._stumble(Fault(401, realm, b"who are you?\n"))
        else:
            answer = self._git(request)
            if fault:
                answer.read_all()
                self._stumble(fault)
            else:
                self._pass_on(answer)

    do_POST = do_HEAD = do_GET

    def _stumble(self, fault: Fault) -> None:
        if fault.status == 0:
            self.close_connection = True
            self.connection.close()
            return
        if not fault.after:  # git has read it otherwise
            for _ in self._body():
                pass
        self.send_response_only(fault.status)
        for name, value in {"Content-Length": str(len(fault.body)), **fault.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(fault.body)

    def _body(self) -> Iterator[bytes]:
        """Yield the body of the request, which git sends in chunks when it is large."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            left = int(self.headers.get("Content-Length") or 0)
            while left and (part := self.rfile.read(min(left, 1 << 16))):
                left -= len(part)
                yield part
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _git(self, request: Request) -> _Answer:
        process = subprocess.Popen(
            ["git", "http-backend"],
            env=self._environment(request),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        feeding = threading.Thread(target=self._feed, args=(process,))
        said = threading.Thread(target=self._listen, args=(process.stderr,))
        feeding.start()
        said.start()
        return _Answer(process, (feeding, said))

    def _environment(self, request: Request) -> dict[str, str]:
        given = {
            "CONTENT_TYPE": "content-type",
            "CONTENT_LENGTH": "content-length",
            "HTTP_CONTENT_ENCODING": "content-encoding",
            "HTTP_GIT_PROTOCOL": "git-protocol",
        }
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.served.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.served.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": request.user or "anybody",
            "REMOTE_ADDR": self.client_address[0],
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            "SERVER_PROTOCOL": "HTTP/1.1",
            **{name: request.headers[key] for name, key in given.items() if key in request.headers},
        }

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        pipe: Any = process.stdin
        length = 0
        for part in self._body():
            length += len(part)
            try:
                pipe.write(part)
            except OSError:  # git has heard enough; the rest is still read off the connection
                continue
        if length < int(self.headers.get("Content-Length") or 0):
            # Whoever asked hung up, and git would look for the rest for ever, as fast as it can.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with suppress(OSError):
            pipe.close()

    def _listen(self, pipe: Any) -> None:
        with pipe:
            if said := pipe.read().decode("utf-8", "replace").strip():
                self.served.complaints.append(said)

    def _pass_on(self, answer: _Answer) -> None:
        status, headers = answer.head()
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in answer.parts():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")


@dataclass(frozen=True)
class _Answer:
    """What git says to one request."""

    process: subprocess.Popen[bytes]
    threads: Sequence[threading.Thread]

    def head(self) -> tuple[int, list[tuple[str, str]]]:
        status, headers = 200, []
        while line := self._pipe.readline().strip():
            name, _, value = line.decode().partition(":")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((name, value.strip()))
        return status, headers

    def parts(self) -> Iterator[bytes]:
        while part := self._pipe.read1(1 << 16):
            yield part
        self._end()

    def read_all(self) -> None:
        self._pipe.read()
        self._end()

    def _end(self) -> None:
        for thread in self.threads:
            thread.join()
        self._pipe.close()
        self.process.wait()

    @property
    def _pipe(self) -> Any:
        return self.process.stdout


def _user(authorization: str, users: Mapping[str, str]) -> str:
    """Return who a request is from, "" for nobody known."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return next((user for user, secret in users.items() if secret == credentials), "")
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return user if secret and users.get(user) == secret else ""
