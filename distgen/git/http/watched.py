"""Connections whose exchanges end in time and with the run, however slowly a server drips.

A socket has a time limit for each read only, and a thread that reads does not hear of ^C.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager, make_headers, proxy_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import parse_url

from distgen.errors import DistgenError

_POLL = 0.2  # seconds between two looks at what is under way
_HOSTS = 32
_here = threading.local()


class Exchange:
    """One request and its answer; `is_late` and `is_stopped` say what ended it early.

    `is_new` tells whether its connection was opened for it.
    """

    def __init__(self, deadline: float, stop: threading.Event) -> None:
        self.deadline = deadline
        self.stop = stop
        self.is_late = False
        self.is_stopped = False
        self.is_new = False
        self._twin: socket.socket | None = None
        self._lock = threading.Lock()

    def attach(self, connection: socket.socket) -> None:
        """Remember a connection, by a handle that stays when the library closes its own."""
        twin = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            self._close()
            self._twin = twin
        self.check()

    def is_over(self) -> bool:
        """Tell whether the time is over, or the run."""
        self.is_stopped = self.is_stopped or self.stop.is_set()
        self.is_late = self.is_late or time.monotonic() >= self.deadline
        return self.is_stopped or self.is_late

    def check(self) -> None:
        """Shut the connection down when the time is over, or the run."""
        if self.is_over():
            with self._lock, suppress(OSError):
                if self._twin is not None:
                    self._twin.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._twin is not None:
            self._twin.close()
            self._twin = None


class _Watch:
    """A thread that looks at all exchanges of the process, for as long as there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: set[Exchange] = set()
        self._thread: threading.Thread | None = None

    def add(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.add(exchange)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # Python raises this at the limit of processes
                    self._exchanges.discard(exchange)
                    raise DistgenError(
                        "no thread can be started", hint="use fewer --jobs, or raise `ulimit -u`"
                    ) from None

    def remove(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.discard(exchange)

    def _look(self) -> None:
        while True:
            time.sleep(_POLL)
            with self._lock:
                exchanges = tuple(self._exchanges)
                if not exchanges:
                    self._thread = None
                    return
            for exchange in exchanges:
                exchange.check()


_WATCH = _Watch()


@contextmanager
def watch_exchange(seconds: float, stop: threading.Event) -> Iterator[Exchange]:
    """End what this thread asks of a server after `seconds`, or when `stop` is set."""
    exchange = Exchange(time.monotonic() + seconds, stop)
    _WATCH.add(exchange)
    _here.exchange = exchange
    try:
        yield exchange
    finally:
        _here.exchange = None
        _WATCH.remove(exchange)
        exchange.end()


class _Watched(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        _attach(connection, is_new=True)
        return connection

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:
            _attach(self.sock)
        super().request(*arguments, **options)


class _WatchedWithTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _PoolWithTls(HTTPSConnectionPool):
    ConnectionCls = _WatchedWithTls


_POOLS = {"http": _Pool, "https": _PoolWithTls}


def _attach(connection: socket.socket, *, is_new: bool = False) -> None:
    exchange = getattr(_here, "exchange", None)
    if exchange is not None:
        exchange.is_new = exchange.is_new or is_new
        exchange.attach(connection)


def watched_pools(proxy: str, parallel: int, options: Mapping[str, Any]) -> PoolManager:
    """Return pools that keep at most `parallel` connections to a host, all of them watched.

    `options` are those of TLS.
    """
    sizes: dict[str, Any] = {"num_pools": _HOSTS, "maxsize": parallel, "block": True}
    if not proxy:
        manager = PoolManager(**sizes, **options)
    else:
        parts = parse_url(proxy)
        login = (
            make_headers(proxy_basic_auth=unquote(parts.auth, "latin-1")) if parts.auth else None
        )
        manager = proxy_from_url(proxy, proxy_headers=login, **sizes, **options)
    manager.pool_classes_by_scheme = _POOLS
    return manager


class WatchedAdapter(HTTPAdapter):
    """Gives a session of requests connections that are watched, at most `parallel` to a host."""

    def __init__(self, parallel: int) -> None:
        super().__init__(pool_connections=_HOSTS, pool_maxsize=parallel, pool_block=True)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """Return the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
