"""Read the passwords of registries from where docker, podman and skopeo keep them.

Formats: docker's config.json, containers-auth.json(5), docker-credential-helpers' protocol.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distgen.errors import DistgenError, InputError

HUB_KEYS = ("https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io")
TOKEN_USER = "<token>"
HELPER_SECONDS = 60
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RUNTIME = Path("/run/containers")


@dataclass(frozen=True, slots=True)
class Credential:
    """A user and password; or an identity token, which buys bearer tokens; or a bearer token."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """Return the value of a Basic `Authorization` header."""
        pair = f"{self.user}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


@dataclass(frozen=True, slots=True)
class AuthFile:
    """One file of credentials, parsed; secrets stay out of its repr."""

    path: str
    auths: Mapping[str, Any] = field(default_factory=dict, repr=False)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The files of credentials of this user, in the order in which they are asked."""

    files: tuple[AuthFile, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def find(self, host: str, repository: str) -> Credential | None:
        """Return the most specific credential for a repository on a host, None without one."""
        for file in self.files:
            credential = _find_in_file(file, host, repository, self.environ)
            if credential is not None:
                return credential
        return None


def load(environ: Mapping[str, str]) -> Credentials:
    """Read the files of credentials that docker, podman and skopeo would read here."""
    files = []
    for path in _places(environ):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except UnicodeDecodeError:
            raise InputError("the file of registry credentials is not text", where=path) from None
        files.append(_parse(str(path), text))
    return Credentials(tuple(files), dict(environ))


def _places(environ: Mapping[str, str]) -> Sequence[Path]:
    path = environ.get("REGISTRY_AUTH_FILE")
    if path:
        return [Path(path)]
    home = Path(environ.get("HOME") or Path.home())
    run = environ.get("XDG_RUNTIME_DIR")
    # Root's builds make that folder for root alone: it is then no place of this user's.
    runtime = Path(run, "containers") if run else _RUNTIME / str(os.getuid())
    has_runtime = bool(run) or os.access(_RUNTIME, os.X_OK)
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    docker = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    return [
        *([runtime / "auth.json"] if has_runtime else []),
        config / "containers" / "auth.json",
        docker / "config.json",
    ]


def _parse(path: str, text: str) -> AuthFile:
    # The text may hold a password, so no message repeats any of it.
    try:
        data = json.loads(text or "{}")
    except json.JSONDecodeError as wrong:
        raise InputError(
            f"the file of registry credentials is not JSON (line {wrong.lineno})", where=path
        ) from None
    except RecursionError:
        raise InputError(
            "the file of registry credentials is nested too deeply", where=path
        ) from None
    auths, helpers = _mapping(data, "auths", path), _mapping(data, "credHelpers", path)
    store = data.get("credsStore") or ""
    if not isinstance(store, str) or not all(isinstance(name, str) for name in helpers.values()):
        raise InputError("the name of a credential helper is not text", where=path)
    return AuthFile(path, auths, helpers, store)


def _mapping(data: Any, key: str, path: str) -> Mapping[str, Any]:
    value = (data.get(key) or {}) if isinstance(data, dict) else None
    if not isinstance(value, dict):
        raise InputError(f"{key} of the file of registry credentials is not an object", where=path)
    return value


def _find_in_file(
    file: AuthFile, host: str, repository: str, environ: Mapping[str, str]
) -> Credential | None:
    server = HUB_KEYS[0] if _is_hub(host) else host
    helper = next((file.helpers[key] for key in _hosts(host) if key in file.helpers), file.store)
    if helper:
        credential = _ask_helper(helper, server, environ)
        if credential is not None:
            return credential
    by_place = {_place(key): entry for key, entry in file.auths.items()}
    parts = repository.split("/")
    names = [f"{host}/{'/'.join(parts[:end])}" for end in range(len(parts), 0, -1)]
    for key in (*names, *(_place(name) for name in _hosts(host))):
        if by_place.get(key):
            return _entry(by_place[key], key, file.path)
    return None


def _is_hub(host: str) -> bool:
    return host in HUB_KEYS


def _hosts(host: str) -> Sequence[str]:
    return HUB_KEYS if _is_hub(host) else (host, f"https://{host}")


def _place(key: str) -> str:
    """Return the host of a key; old dockers wrote a scheme and the version of the API around it."""
    place = re.sub(r"\Ahttps?://", "", key).rstrip("/")
    return re.sub(r"/v[12]\Z", "", place) if "://" in key else place


def _entry(entry: Any, key: str, path: str) -> Credential | None:
    if not isinstance(entry, dict):
        raise InputError(f"the credentials for {key} are not an object", where=path)
    if entry.get("identitytoken"):
        return Credential(identity=str(entry["identitytoken"]))
    if entry.get("registrytoken"):
        return Credential(bearer=str(entry["registrytoken"]))
    if not entry.get("auth"):
        user, password = entry.get("username"), entry.get("password")
        return Credential(str(user), str(password)) if user and password else None
    try:
        pair = base64.b64decode(str(entry["auth"]), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    user, colon, password = pair.partition(":")
    if not colon:
        raise InputError(
            f"the credentials for {key} are not base64 of user:password",
            where=path,
            hint=f"log in again, such as with `skopeo login {key.partition('/')[0]}`",
        )
    return Credential(user, password.strip("\0"))


def _ask_helper(helper: str, server: str, environ: Mapping[str, str]) -> Credential | None:
    """Ask a credential helper; what it prints is a secret and is never repeated."""
    program = f"docker-credential-{helper}"
    if not _HELPER.fullmatch(helper):
        raise InputError(f"{helper!r} is not the name of a credential helper")
    try:
        process = subprocess.run(
            [program, "get"],
            input=server,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=HELPER_SECONDS,
            env=dict(environ) or None,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DistgenError(f"{program} did not answer within {HELPER_SECONDS} seconds") from None
    except OSError as broken:
        raise DistgenError(
            f"the credential helper {program} cannot be run ({broken.strerror})",
            hint="install it, or take it out of the configuration of docker or podman",
        ) from None
    if process.returncode:
        if "not found" in process.stdout.lower() + process.stderr.lower():
            return None
        raise DistgenError(f"{program} failed for {server} with exit code {process.returncode}")
    try:
        answer = json.loads(process.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (json.JSONDecodeError, KeyError, TypeError, RecursionError):
        raise DistgenError(f"{program} gave an answer for {server} that is not JSON") from None
    return Credential(identity=secret) if user == TOKEN_USER else Credential(user, secret)
