"""Print how long many images take to be locked, discovered and promoted, with how many requests.

Needs Debian's docker-registry. `python tests/bench/registry.py [IMAGES]`
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from testing import servers

from distgen.cli.session import Session

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 500
TEMPLATE = {
    "distgen.yaml": "version: 1\n",
    "templates/app/template.yaml": "description: An application\nvalues: {}\n",
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n",
}


def main() -> None:
    """Fill a registry, then measure each command against it with and without a login."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        storage, tokens = root / "data", servers.token_server.__wrapped__(root)
        token = next(tokens)
        (root / "htpasswd").write_text(servers.HTPASSWD)
        auths = {
            "open": {},
            "Basic": {"htpasswd": {"realm": "lab", "path": str(root / "htpasswd")}},
            "Bearer": {
                "token": {
                    "realm": f"{token.url}/token",
                    "service": "lab-registry",
                    "issuer": "lab-issuer",
                    "rootcertbundle": str(token.certificate),
                }
            },
        }
        with registry(root / "open", storage, {}) as server:
            fill(server)
        print(f"{COUNT} images, two platforms each")
        for kind, auth in auths.items():
            with registry(root / kind, storage, auth) as server:
                login(root, server.host, token.host)
                measure(root / f"catalogue-{kind}", kind, server)
        next(tokens, None)


@contextmanager
def registry(folder: Path, storage: Path, auth: dict[str, object]) -> Iterator[servers.Server]:
    running = servers.start_registry(folder, storage, auth)
    try:
        yield next(running)
    finally:
        next(running, None)


def fill(server: servers.Server) -> None:
    for number in range(COUNT):
        labels = {"rdo_version": f"hash{number % 7}"}
        servers.push_index(
            server, f"bench/image{number}", "current", f"hash{number % 7}", labels=labels
        )


def login(home: Path, *hosts: str) -> None:
    secret = base64.b64encode(f"{servers.USER}:{servers.PASSWORD}".encode()).decode()
    (home / "config.json").write_text(
        json.dumps({"auths": {host: {"auth": secret} for host in hosts}})
    )
    os.environ["DOCKER_CONFIG"] = str(home)


def measure(root: Path, kind: str, server: servers.Server) -> None:
    files = {
        **TEMPLATE,
        "overlays/ns/namespace.yaml": (
            f"registry: {server.host}/bench\nstreams: {{current: {{}}}}\n"
        ),
    }
    for number in range(COUNT):
        files[f"overlays/ns/image{number}.yaml"] = (
            f"template: app\nfrom: {server.host}/bench/image{number}:current\n"
        )
    entries = "\n".join(f"- imagename: bench/image{number}:current" for number in range(COUNT))
    files["list.yaml"] = f"container_images:\n{entries}\n"
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    find = ("discover", "--registry", server.host, "--template", str(root / "list.yaml"))
    for name, arguments in {
        "lock": ("lock",),
        "lock --upgrade": ("lock", "--upgrade"),
        "lock --check": ("lock", "--check"),
        "discover --tag": (*find, "--tag", "current", "-o", str(root / "found.yaml")),
        "discover --tag-from-label": (
            *find, "--tag-from-label", "rdo_version", "-o", str(root / "found.yaml")
        ),
        "promote": ("promote", "--from", "current", "--to", f"tested-{kind.lower()}"),
    }.items():  # fmt: skip
        seconds, requests = run(root, *arguments)
        print(f"{kind:7} {name:26} {seconds:6.2f} s {requests:6} requests")


def run(root: Path, *arguments: str) -> tuple[float, int]:
    """Run a command in this process; return its time and how often it asked a registry."""
    from distgen.cli.main import cli

    said: list[str] = []
    say = Session.say
    Session.say = lambda self, text, **more: said.append(text)  # type: ignore[method-assign]
    begun = time.perf_counter()
    try:
        with redirect_stdout(io.StringIO()):
            cli.main(["-C", str(root), *arguments], standalone_mode=False)
    finally:
        seconds = time.perf_counter() - begun
        Session.say = say  # type: ignore[method-assign]
    counts = [text.split()[0] for text in said if text.endswith("requests to registries")]
    return seconds, int(counts[0]) if counts else -1


if __name__ == "__main__":
    main()
