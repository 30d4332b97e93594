"""A proxy on loopback that keeps what apt fetches, so that many builds ask for a package once.

with apt_cache(folder) as cache:
    cache.url                     # for http_proxy, or for Acquire::http::Proxy of apt
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class AptCache:
    """Where the proxy is, what it keeps, and how often it had what was asked for."""

    folder: Path
    url: str = ""
    fetched: int = 0
    kept: int = 0
    locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def write_settings(self, path: Path, bundle: str) -> None:
        """Write a file for `/etc/apt/apt.conf.d`: the proxy, and whom to trust."""
        proxy, trust = f'http::Proxy "{self.url}"', f'https::CaInfo "{bundle}"'
        path.write_text(f"Acquire::{proxy};\nAcquire::{trust};\n")

    def get(self, url: str) -> Path:
        """Return the file of an address; who asks for the same waits for the first."""
        path = self.folder / hashlib.sha256(url.encode()).hexdigest()
        with self.locks[url]:
            if path.exists():
                self.kept += 1
                return path
            part = path.with_suffix(".part")
            with _opener().open(url, timeout=60) as answer, part.open("wb") as out:
                shutil.copyfileobj(answer, out)
            part.rename(path)
            self.fetched += 1
        return path


@contextmanager
def apt_cache(folder: Path) -> Iterator[AptCache]:
    folder.mkdir(parents=True, exist_ok=True)
    cache = AptCache(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"cache": cache}))
    server.daemon_threads = True
    cache.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield cache
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cache: AptCache

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.startswith("http://"):
            self._refuse(400)
            return
        try:
            path = self.cache.get(self.path)
        except urllib.error.HTTPError as error:
            self._refuse(error.code)
        except OSError:
            self._refuse(502)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            with path.open("rb") as file:
                shutil.copyfileobj(file, self.wfile)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _opener() -> urllib.request.OpenerDirector:
    """Ask as apt of this machine does: through its proxy, where it is told of one."""
    words = ["apt-config", "dump", "--no-empty", "--format", "%v", "Acquire::http::Proxy"]
    proxy = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    if not proxy:
        return urllib.request.build_opener()
    return urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
