"""Real servers on loopback for tests: registries (open, Basic, Bearer) and a front that misbehaves.

The three registries are three processes over one storage, so what is pushed to the open one is
behind the other two as well. Needs Debian's `docker-registry`; tests are skipped where it is not.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "robot", "s3cr3t-PASS"
# bcrypt of PASSWORD, with the smallest cost there is
HTPASSWD = f"{USER}:$2b$04$abcdefghijklmnopqrstuu/.aGSlg3D0eqnONQTattJ/2RL7hO5Pu\n"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


_http = requests.Session()
_http.trust_env = False


@dataclass(frozen=True)
class Server:
    """Something that listens on loopback."""

    host: str

    @property
    def url(self) -> str:
        return f"http://{self.host}"


# --- docker-registry ---------------------------------------------------------------------------


def start_registry(folder: Path, storage: Path, auth: Mapping[str, object]) -> Iterator[Server]:
    """Run docker-registry until the generator is closed."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed (apt-get install docker-registry)")
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        # Behind a proxy it would name itself with http://.
        "http": {"addr": "127.0.0.1:0", "secret": "not one", "relativeurls": True},
        **({"auth": auth} if auth else {}),
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        yield Server(_address(folder / "log", process))
    finally:
        process.terminate()
        process.wait(timeout=10)


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())
        if found:
            return found.group(1)
        time.sleep(0.02)
    raise AssertionError(f"docker-registry did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="session")
def open_registry(storage: Path) -> Iterator[Server]:
    """A registry that lets anybody in."""
    yield from start_registry(storage / "open", storage / "data", {})


@pytest.fixture(scope="session")
def basic_registry(storage: Path) -> Iterator[Server]:
    """A registry that wants a user and password."""
    (storage / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "lab", "path": str(storage / "htpasswd")}}
    yield from start_registry(storage / "basic", storage / "data", auth)


@pytest.fixture(scope="session")
def bearer_registry(storage: Path, token_server: TokenServer) -> Iterator[Server]:
    """A registry that wants a token of the token server."""
    auth = {
        "token": {
            "realm": f"{token_server.url}/token",
            "service": "lab-registry",
            "issuer": "lab-issuer",
            "rootcertbundle": str(token_server.certificate),
        }
    }
    yield from start_registry(storage / "bearer", storage / "data", auth)


# --- a token server ----------------------------------------------------------------------------


@dataclass(frozen=True)
class TokenServer(Server):
    """Gives tokens: to pull to anybody, to change to USER; remembers what it was asked."""

    certificate: Path
    asked: list[Mapping[str, list[str]]]


@pytest.fixture(scope="session")
def token_server(storage: Path) -> Iterator[TokenServer]:
    """A token server whose signatures the bearer registry trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab-issuer")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = storage / "token.crt"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    der = certificate.public_bytes(serialization.Encoding.DER)
    asked: list[Mapping[str, list[str]]] = []

    def answer(request: Asked) -> Reply:
        query = parse_qs(urlsplit(request.path).query or request.body.decode())
        asked.append(query)
        known = request.headers.get("authorization") == basic(USER, PASSWORD)
        known = known or query.get("refresh_token") == ["identity-token"]
        if not known and ("authorization" in request.headers or "refresh_token" in query):
            return Reply(401, b'{"details": "wrong"}')
        access = []
        for scope in query.get("scope", []):
            kind, repository, actions = scope.split(":", 2)
            allowed = [one for one in actions.split(",") if known or one == "pull"]
            access.append({"type": kind, "name": repository, "actions": allowed})
        at = int(time.time())
        claims = {
            "iss": "lab-issuer", "aud": query["service"][0], "sub": USER, "jti": str(len(asked)),
            "iat": at, "nbf": at - 10, "exp": at + 300, "access": access,
        }  # fmt: skip
        header = {"x5c": [base64.b64encode(der).decode()]}
        token = jwt.encode(claims, key, algorithm="ES256", headers=header)
        return Reply(200, json.dumps({"token": token}).encode())

    with serve(answer) as front:
        yield TokenServer(front.host, path, asked)


# --- any HTTP server ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What to answer; `status` 0 closes the connection without a word."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Front(Server):
    """A server whose answers a function decides; `log` holds what it was asked."""

    def __init__(self, answer: Callable[[Asked], Reply], port: int = 0) -> None:
        log: list[Asked] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def __getattr__(self, name: str) -> object:
                if name.startswith("do_"):
                    return self._answer
                raise AttributeError(name)

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {key.lower(): value for key, value in self.headers.items()}
                request = Asked(self.command, self.path, headers, body)
                log.append(request)
                reply = answer(request)
                if reply.status == 0:
                    self.close_connection = True
                    return
                self.send_response_only(reply.status)
                sent = {"Content-Length": str(len(reply.body)), **reply.headers}
                for key, value in sent.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        super().__init__(f"127.0.0.1:{self._server.server_address[1]}")
        object.__setattr__(self, "log", log)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __enter__(self) -> Front:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def serve(answer: Callable[[Asked], Reply], port: int = 0) -> Front:
    """Start a server whose answers `answer` decides; port 0 is any that is free."""
    return Front(answer, port)


def in_front_of(server: Server, meddle: Callable[[Asked], Reply | None]) -> Front:
    """Start a server that passes on what `meddle` returns None for."""

    def answer(request: Asked) -> Reply:
        own = meddle(request)
        return own if own is not None else forward(server, request)

    return serve(answer)


def forward(server: Server, request: Asked) -> Reply:
    """Ask the real server the same thing and return what it says."""
    headers = {key: value for key, value in request.headers.items() if key != "host"}
    there = requests.request(
        request.method,
        server.url + request.path,
        headers=headers,
        data=request.body,
        allow_redirects=False,
        timeout=20,
    )
    kept = {
        key: value
        for key, value in there.headers.items()
        if key.lower() not in ("connection", "transfer-encoding", "content-encoding", "date")
    }
    return Reply(there.status_code, there.content, kept)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# --- images ------------------------------------------------------------------------------------


def push(
    server: Server,
    repository: str,
    *tags: str,
    labels: Mapping[str, str] | None = None,
    created: str = "2024-05-01T12:00:00Z",
    docker: bool = False,
    architecture: str = "amd64",
) -> str:
    """Push an image of one tiny layer to the open registry; return its digest."""
    layer = _tar({"etc/motd": repository.encode()})
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": {"Labels": dict(labels or {})},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blob = json.dumps(config, sort_keys=True).encode()
    kind = "application/vnd.docker.container.image.v1+json" if docker else (
        "application/vnd.oci.image.config.v1+json")  # fmt: skip
    layer_kind = "application/vnd.docker.image.rootfs.diff.tar" if docker else (
        "application/vnd.oci.image.layer.v1.tar")  # fmt: skip
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": _upload(server, repository, blob, kind),
        "layers": [_upload(server, repository, layer, layer_kind)],
    }
    return put(server, repository, manifest, *tags)


def push_index(
    server: Server,
    repository: str,
    *tags: str,
    platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64"),
    labels: Mapping[str, str] | None = None,
    docker: bool = False,
) -> tuple[str, dict[str, str]]:
    """Push an image for several platforms; return the index's digest and those of the platforms."""
    children, entries = {}, []
    for platform in platforms:
        system, architecture, *variant = platform.split("/")
        digest = push(server, repository, labels=labels, docker=docker, architecture=architecture)
        children[platform] = digest
        entries.append(
            {
                "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
                "digest": digest,
                "size": len(get(server, repository, digest)),
                "platform": {
                    "os": system,
                    "architecture": architecture,
                    **({"variant": variant[0]} if variant else {}),
                },
            }
        )
    index = {
        "schemaVersion": 2,
        "mediaType": DOCKER_INDEX if docker else OCI_INDEX,
        "manifests": entries,
    }
    return put(server, repository, index, *tags), children


def put(server: Server, repository: str, manifest: Mapping[str, object], *tags: str) -> str:
    """Store a manifest under its digest and the tags."""
    body = json.dumps(manifest, indent=1).encode()
    for version in tags or (_digest(body),):
        answer = _http.put(
            f"{server.url}/v2/{repository}/manifests/{version}",
            data=body,
            headers={"Content-Type": str(manifest["mediaType"])},
            timeout=20,
        )
        assert answer.status_code == 201, answer.text
    return _digest(body)


def get(server: Server, repository: str, version: str) -> bytes:
    """Return the bytes of a manifest."""
    accept = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST))
    url = f"{server.url}/v2/{repository}/manifests/{version}"
    return _http.get(url, headers={"Accept": accept}, timeout=20).content


def tagged(server: Server, repository: str) -> list[str]:
    """Return the tags that the open registry has."""
    answer = _http.get(f"{server.url}/v2/{repository}/tags/list", timeout=20).json()
    return sorted(answer.get("tags") or [])


def _upload(server: Server, repository: str, blob: bytes, kind: str) -> dict[str, object]:
    digest = _digest(blob)
    there = f"{server.url}/v2/{repository}/blobs/{digest}"
    if _http.head(there, timeout=20).status_code != 200:
        begun = _http.post(f"{server.url}/v2/{repository}/blobs/uploads/", timeout=20)
        place = urljoin(server.url, begun.headers["Location"])
        join = "&" if "?" in place else "?"
        done = _http.put(
            f"{place}{join}digest={digest}",
            data=blob,
            headers={"Content-Type": "application/octet-stream"},
            timeout=20,
        )
        assert done.status_code == 201, done.text
    return {"mediaType": kind, "digest": digest, "size": len(blob)}


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()
