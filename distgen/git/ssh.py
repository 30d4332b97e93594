"""Share a connection to each ssh server among the gits of a run, instead of one for each git."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.processes import Interrupted, TimedOut, collect_output, open_process
from distgen.git.temporary import held_folder, remove_abandoned

# sshd allows 10 (MaxSessions); a session that has ended may count for a moment longer.
_SESSIONS = 8
_SECONDS_TO_CONNECT = 60.0
_SECONDS_TO_END = 10.0
# A connection ends by itself when it was not used for so long: nobody else ends those of a run that
# was killed.
_IDLE_SECONDS = 60
_PREFIX, _RANDOM = "distgen-ssh-", "[a-z0-9_]{8}"
# A socket's path has room for 104 to 108 bytes, of which ssh needs 17 to make it.
_LONGEST_FOLDER = 75
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
# Only commands that surely end in options of OpenSSH's client, which others may follow.
_PLAIN_COMMAND = re.compile(r"(?:[^\s'\"$]*/)?ssh(?:\s+[A-Za-z0-9_@%+=:,./~$\"'{} -]*)?")
_OWN_SHARING = re.compile(r"(?i:control(?:path|master|persist))|\s-[46AaCfGgKkNnqsTtVvXxYy]*[SMO]")
_DESTINATION = re.compile(r"ssh://((?:[^/@:\s%]+@)?(?:[^/@:\s%\[\]]+))(?::(\d+))?/", re.IGNORECASE)
_SCP = re.compile(r"((?:[^/:@\s]+@)?[^/:@\s\[\]]+):(?!:|//)")
_INSTEAD_OF = re.compile(r"url\.(.*)\.(push)?insteadof", re.DOTALL)
_NO_TRANSPORT = "none://"
_FAILURES = 2
_NO_ANSWER = -1


@dataclass(frozen=True, slots=True)
class SshChoice:
    """How a user lets git reach ssh servers; `command` "" : in a way that only git knows.

    `prefixes` are git's `url.NEW.insteadOf=OLD` as pairs of OLD and NEW.
    """

    command: str = ""
    prefixes: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Connection:
    """A connection to a server: the socket that leads to it, and how many gits use it now."""

    socket: Path
    sessions: int = 0


@dataclass(slots=True)
class _Server:
    """What a run has of one server; `destination` are ssh's words for it."""

    destination: tuple[str, ...]
    lock: threading.Lock = field(default_factory=threading.Lock)
    connections: list[_Connection] = field(default_factory=list)
    failures: int = 0
    is_probed: bool = False


class SshConnections:
    """The connections of a run to ssh servers, made when they are first asked for.

    `seconds` is how long a server may take to answer; `stop` ends the waiting.
    """

    def __init__(
        self,
        choice: SshChoice,
        environment: Mapping[str, str],
        seconds: float,
        stop: threading.Event,
    ) -> None:
        self._command = choice.command if _can_share(choice.command) else ""
        self._prefixes = sorted(choice.prefixes, key=lambda pair: len(pair[0]), reverse=True)
        self._environment = {
            name: text for name, text in environment.items() if not name.startswith("GIT_")
        }
        self._seconds = min(seconds, _SECONDS_TO_CONNECT)
        self._stop = stop
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._resources = ExitStack()
        self._servers: dict[tuple[str, ...], _Server] = {}
        self._numbers = iter(range(1 << 30))

    @contextmanager
    def borrow(self, address: str) -> Iterator[Mapping[str, str]]:
        """Yield the variables that lead git to an address over a shared connection.

        There are none where no connection can be shared, as for an address of another transport.
        """
        server = self._find_server(address)
        connection = self._reserve(server) if server else None
        if server is None or connection is None:
            yield {}
            return
        try:
            words = ("-o", "ControlMaster=no", "-o", f"ControlPath={connection.socket}")
            yield {"GIT_SSH_COMMAND": f"{self._command} {shlex.join(words)}"}
        finally:
            with server.lock:
                connection.sessions -= 1

    def distrust(self, address: str) -> None:
        """Share no connection to the server of an address any more: one failed.

        Some servers end a connection with its first session, and all others with it.
        """
        if server := self._find_server(address):
            with server.lock:
                server.failures = _FAILURES

    def close(self) -> None:
        """End all connections."""
        for server in self._servers.values():
            for connection in server.connections:
                if connection.socket.exists():
                    words = ("-O", "exit", "-o", f"ControlPath={connection.socket}")
                    self._run_ssh(words, server.destination, _SECONDS_TO_END, threading.Event())
            server.connections.clear()
            server.failures = _FAILURES
        self._resources.close()

    def _find_server(self, address: str) -> _Server | None:
        matches = [pair for pair in self._prefixes if address.startswith(pair[0])]
        if any(new == _NO_TRANSPORT for _, new in matches):
            return None
        for old, new in matches[:1]:
            address = f"{new}{address[len(old) :]}"
        destination = find_destination(address) if self._command else None
        if destination is None:
            return None
        with self._lock:
            return self._servers.setdefault(destination, _Server(destination))

    def _reserve(self, server: _Server) -> _Connection | None:
        """Return a connection with room for a session; None where none can be made."""
        with server.lock:
            live = [c for c in server.connections if c.sessions or c.socket.exists()]
            server.connections[:] = live
            rooms = [c for c in live if c.sessions < _SESSIONS and c.socket.exists()]
            connection = min(rooms, key=lambda c: c.sessions, default=None)
            if server.failures >= _FAILURES:
                return None
            if connection is None:
                connection = self._connect(server)
                if connection is None:
                    return None
                server.connections.append(connection)
            connection.sessions += 1
            return connection

    def _connect(self, server: _Server) -> _Connection | None:
        if not server.is_probed and not self._may_share(server):
            server.failures = _FAILURES
            return None
        with self._lock:
            folder = self._folder = self._folder or self._make_folder()
            number = next(self._numbers)
        if folder is None:
            return None
        socket = folder / str(number)
        settings = ("ControlMaster=yes", f"ControlPath={socket}", f"ControlPersist={_IDLE_SECONDS}",
                    "ClearAllForwardings=yes")  # fmt: skip
        words = ("-f", "-N", "-T", *(word for setting in settings for word in ("-o", setting)))
        code, _ = self._run_ssh(words, server.destination, self._seconds, self._stop)
        if code == 0 and socket.exists():
            return _Connection(socket)
        server.failures += _FAILURES if code == _NO_ANSWER else 1  # a silent server costs most
        return None

    def _may_share(self, server: _Server) -> bool:
        """Say whether the user's configuration leaves it to us how connections are shared."""
        code, output = self._run_ssh(("-G",), server.destination, _SECONDS_TO_END, self._stop)
        server.is_probed = True
        lines = output.decode("utf-8", "replace").lower().splitlines()
        return code == 0 and not any(line.startswith("controlpath ") for line in lines)

    def _run_ssh(
        self,
        words: Sequence[str],
        destination: Sequence[str],
        seconds: float,
        stop: threading.Event,
    ) -> tuple[int, bytes]:
        """Run ssh as git would; return its exit code and output."""
        line = f"{self._command} {shlex.join(words)} {shlex.join(destination)}"
        try:
            with open_process(("sh", "-c", line), self._environment) as process:
                output, _ = collect_output(process, b"", seconds, stop)
                return process.returncode, output
        except (TimedOut, Interrupted, DistgenError):  # git says itself why it cannot connect
            return _NO_ANSWER, b""

    def _make_folder(self) -> Path | None:
        """Return a new folder of this user alone, with a path short enough for sockets."""
        import tempfile  # for those with servers; it takes long to import

        for root in dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"))):
            is_plain = _PLAIN_PATH.fullmatch(str(root)) is not None
            if not is_plain or len(str(root)) + len(_PREFIX) + 9 > _LONGEST_FOLDER:
                continue
            with suppress(OSError):
                remove_abandoned(root, f"{_PREFIX}{_RANDOM}")
                return self._resources.enter_context(held_folder(root, _PREFIX))
        return None


def read_ssh_choice(
    environment: Mapping[str, str], settings: Sequence[tuple[str, str]]
) -> SshChoice:
    """Return what variables and git's settings, whose keys are in small letters, say of ssh."""
    values = dict(settings)
    variant = environment.get("GIT_SSH_VARIANT") or values.get("ssh.variant", "auto")
    command = environment.get("GIT_SSH_COMMAND") or values.get("core.sshcommand", "")
    if variant not in ("auto", "ssh") or (not command and environment.get("GIT_SSH")):
        command = ""
    prefixes = []
    for key, old in settings:
        if match := _INSTEAD_OF.fullmatch(key):
            # A push leads elsewhere than a question, even by a shorter prefix: neither is shared,
            # for a socket leads to its own server, whichever name ssh is given besides.
            prefixes.append((old, _NO_TRANSPORT if match[2] else match[1]))
    return SshChoice(command, tuple(prefixes))


def find_destination(address: str) -> tuple[str, ...] | None:
    """Return the words that name the server of an address to ssh; None for other transports."""
    if url := _DESTINATION.match(address):
        words = ("-p", url[2], url[1]) if url[2] else (url[1],)
    elif "://" not in address and (scp := _SCP.match(address)):
        words = (scp[1],)
    else:
        return None
    return None if words[-1].startswith("-") else words


def _can_share(command: str) -> bool:
    """Say whether a command is OpenSSH's client, and leaves it to us how connections are shared."""
    return bool(_PLAIN_COMMAND.fullmatch(command)) and not _OWN_SHARING.search(command)
