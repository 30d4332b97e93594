"""The servers that pages name, on loopback: a proxy leads `https://` and `docker://` to them.

A reader behind such a proxy has its address and the certificate of its authority in the
environment, as in many offices; git, distgen and skopeo all take them from there.
"""

from __future__ import annotations

import datetime
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from testing.git_server import GitServer, git_server
from testing.servers import Server, start_registry

SIZE = 1 << 16
Served = TypeVar("Served")


class World:
    """Servers by the names that pages give them; `environment` is what leads there."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self._stack = stack
        self._places: dict[str, str] = {}
        self._git: dict[str, GitServer] = {}

    def lead(self, name: str, host: str) -> None:
        """Lead what asks for a name, with its port, to a server of this machine."""
        self._places[name] = host

    def git(self, name: str, users: Mapping[str, str] | None = None) -> GitServer:
        """Return the git server of a name; it is begun at the first call."""
        if name not in self._git:
            served = self._stack.enter_context(git_server(self.folder / name, users))
            self._git[name] = served
            self.lead(f"{name}:443", served.url.rpartition("/")[2])
        return self._git[name]

    def enter(self, server: AbstractContextManager[Served]) -> Served:
        """Let a server end with this world."""
        return self._stack.enter_context(server)

    def registry(self, *names: str) -> Server:
        """Begin a registry that has some names, each with its port."""
        home = self.folder / names[0].replace(":", "-")
        begun = contextmanager(start_registry)(home, home / "data", {})
        registry = self._stack.enter_context(begun)
        for name in names:
            self.lead(name, registry.host)
        return registry

    def open(self) -> None:
        """Begin the proxy, for the names that are known by then; once is enough."""
        if self.environment.get("https_proxy"):
            return
        authority, chain = self.folder / "authority.pem", self.folder / "server.pem"
        make_certificates(authority, chain, sorted({n.partition(":")[0] for n in self._places}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        handler = type("Handler", (_Connection,), {"places": self._places, "context": context})
        proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        self._stack.callback(proxy.server_close)
        self._stack.callback(proxy.shutdown)
        trusting = ("GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
        self.environment |= {
            "https_proxy": f"http://127.0.0.1:{proxy.server_address[1]}",
            "no_proxy": "127.0.0.1,localhost",
            **dict.fromkeys(trusting, str(authority)),
        }


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Make a world without servers, which ends with the context."""
    folder.mkdir()
    with ExitStack() as stack:
        yield World(folder, stack)


class _Connection(socketserver.BaseRequestHandler):
    """One connection to the proxy: it speaks TLS in the place of the server that was asked for."""

    places: Mapping[str, str]
    context: ssl.SSLContext

    def handle(self) -> None:
        words = self._read_head().split()
        name = words[1] if words[:1] == ["CONNECT"] and len(words) > 1 else ""
        if name not in self.places:
            self.request.sendall(b"HTTP/1.1 502 no such host\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = self.places[name].partition(":")
        self.request.sendall(b"HTTP/1.1 200 here it is\r\n\r\n")
        with (
            suppress(OSError),
            socket.create_connection((host, int(port))) as server,
            self.context.wrap_socket(self.request, server_side=True) as client,
        ):
            _relay(client, server)

    def _read_head(self) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n") and (part := self.request.recv(1)):
            head += part
        return head.decode("latin-1")


def _relay(client: ssl.SSLSocket, server: socket.socket) -> None:
    """Pass on what each side says, until one of them ends."""
    other: dict[socket.socket, socket.socket] = {client: server, server: client}
    while True:
        ready = [client] if client.pending() else select.select(list(other), [], [])[0]
        for side in ready:
            part = side.recv(SIZE)
            if not part:
                return
            other[side].sendall(part)


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    """Return what Python 3.13 wants of an issuer: that it may sign."""
    unused = ("content_commitment", "data_encipherment", "key_agreement", "encipher_only")
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        decipher_only=False,
        **dict.fromkeys(unused, False),
    )


def make_certificates(authority: Path, chain: Path, hosts: Sequence[str]) -> None:
    """Write an authority, and the key and certificate of a server that it signed for hosts."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in ("lab", "host")]
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = []
    for at, key in enumerate(keys):
        alternatives = [x509.DNSName(host) for host in hosts]
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key())
        builder = (
            x509.CertificateBuilder(names[0], names[at], key.public_key(), at + 1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=at == 0, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(issuer_id, critical=False)
            .add_extension(_key_usage(signs=at == 0), critical=True)
        )
        if at:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        signed.append(builder.sign(keys[0], hashes.SHA256()))
    pem = serialization.Encoding.PEM
    secret = keys[1].private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority.write_bytes(signed[0].public_bytes(pem))
    chain.write_bytes(secret + signed[1].public_bytes(pem) + signed[0].public_bytes(pem))
