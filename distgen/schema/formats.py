"""Tells whether a text has the form that a name, an address or a word must have.

Each check returns the problem as the rest of a sentence ("is not ..."), or "" when there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from distgen.errors import InputError
from distgen.model.reference import parse_reference

_SAFE = r"[A-Za-z0-9_@%+=:,./-]"
_NAME = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_USER = r"(?:[a-z_][a-z0-9_-]{0,31}|[0-9]{1,10})"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_PORT = r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_VOLUME = r"[a-z0-9][a-z0-9_.-]*"
_MOUNTED = r"[A-Za-z0-9_@%+=,./-]"
_GIT_SCHEMES = ("https", "http", "ssh", "git", "file")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BRANCH_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.$|/$|^/")
_PLACEHOLDER = re.compile(r"\{[A-Za-z_]+\}")

RESERVED = frozenset({"image", "base", "builders", "sources", "downloads"})
_JINJA_WORDS = frozenset(
    {
        *("and", "block", "call", "caller", "cycler", "dict", "elif", "else", "extends", "False"),
        *("false", "filter", "for", "from", "if", "import", "in", "include", "is", "joiner"),
        *("kwargs", "lipsum", "loop", "macro", "namespace", "None", "none", "not", "or", "range"),
        *("self", "set", "super", "True", "true", "varargs", "with"),
    }
)

_PATTERNS: Mapping[str, tuple[str, str]] = {
    "name": (_NAME, "is not a name: lower-case letters and digits, with `.`, `_` or `-` between"),
    "stream": (
        r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.))*(?<!\.)",
        "is not a stream's name: letters, digits, `.`, `_` and `-`",
    ),
    "role": (r"(?!base$)[a-z](?:[a-z0-9_.-]*[a-z0-9_])?", "is not a name of a builder"),
    "word-name": (r"[A-Za-z][A-Za-z0-9_]*", "is not a name for a value: letters, digits and `_`"),
    "tag": (r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "is not a tag"),
    "registry": (
        rf"{_HOST}(?::[0-9]{{1,5}})?(?:/{_NAME})*",
        "is not a registry: `host[:port][/account]` without a scheme",
    ),
    "mirror": (
        rf"(?:http://)?{_HOST}(?::[0-9]{{1,5}})?(?:/{_NAME})*",
        "is not a mirror: `host[:port][/path]`, with `http://` in front where it has no TLS",
    ),
    "repository": (rf"{_NAME}(?:/{_NAME})*", "is not the name of a repository in a registry"),
    "author": (r"[^<>\x00-\x1f]*[^<>\s] <[^<>\s]+>", "is not an author: `Name <mail@example.org>`"),
    "image-glob": (r"[^\s@]+(?:@[^\s@]+)?", "is not a pattern of images: `namespace/name@stream`"),
    "os-package": (
        r"@?[A-Za-z0-9][A-Za-z0-9+._:~-]*(?:/[a-z0-9.-]+)?(?:=[A-Za-z0-9+._:~-]+)?",
        "is not an operating system package: `name` or `name=version`",
    ),
    "pip-requirement": (
        r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9._, -]+\])?"
        r"(?: ?@ ?[A-Za-z0-9_@%+=:,./#&-]+|"
        r" ?(?:===|[<>~!=]=|[<>])[ A-Za-z0-9.*+!_,<>=~-]+)?(?: ?; ?[A-Za-z0-9_.'\" <>=!()~-]+)?",
        "is not a Python requirement: `name`, `name[extra]==1.0`",
    ),
    "env-name": (r"[A-Za-z_][A-Za-z0-9_]*", "is not the name of an environment variable"),
    "path": (rf"(?!.*(?:/|^)\.\.(?:/|$))/{_SAFE}*", "is not an absolute path of plain characters"),
    "relative-path": (
        rf"(?!.*(?:/|^)\.\.(?:/|$))(?![/-]){_SAFE}+",
        "is not a relative path of plain characters that stays below its folder",
    ),
    "word": (rf"{_SAFE}+", "is not one plain word: letters, digits and `_@%+=:,./-`"),
    "user": (rf"{_USER}(?::{_USER})?", "is not a user: `name` or `uid`, with `:group` or without"),
    "digest": (r"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})", "is not a digest: `sha256:...`"),
    "sha256": (r"[0-9a-f]{64}", "is not a SHA-256: 64 lower-case hexadecimal digits"),
    "commit": (r"[0-9a-f]{40}(?:[0-9a-f]{24})?", "is not a full commit id"),
    "utc": (
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z",
        "is not a time in UTC: `2024-05-01T12:00:00Z`",
    ),
    "day": (r"[0-9]{4}-[01][0-9]-[0-3][0-9]", "is not a day: `2024-05-01`"),
    "service": (
        r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
        "is not a name of a service: lower-case letters, digits and `-`, 63 at most",
    ),
    "published-port": (
        rf"(?:[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}:)?{_PORT}:{_PORT}(?:/(?:tcp|udp))?",
        "is not a published port: `[ADDRESS:]PORT:CONTAINER_PORT[/udp]`",
    ),
    "volume": (_VOLUME, "is not a name of a volume: lower-case letters, digits, `.`, `_`, `-`"),
    "mount": (
        rf"(?!.*/\.\.(?:[/:]|$))(?:{_VOLUME}|/{_MOUNTED}*):/{_MOUNTED}*(?::ro)?",
        "is not a mount: `VOLUME:/path` or `/path:/path`, with `:ro` or without",
    ),
    "duration": (
        r"(?=[0-9])(?:[0-9]{1,6}h)?(?:[0-9]{1,6}m)?(?:[0-9]{1,6}s)?",
        "is not a duration: `90s`, `1m30s`, `2h`",
    ),
    "profile": (r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", "is not a name of a profile"),
    "platform": (r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9_.]+)?", "is not a platform: `OS/ARCH`"),
}


def git_url(text: str) -> str:
    """Refuse what git must never see as a repository's address: helpers, options, secrets."""
    if problem := _unsafe(text):
        return problem
    # `ext::sh -c ...` as a remote runs that command; an IPv6 host is the other use of `::`.
    if "::" in text and not re.match(r"[a-z]+://[^/]*\[", text):
        return "names a remote helper (`::`), which may run commands"
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _scp_or_path(text)
    if scheme not in _GIT_SCHEMES:
        return f"has the scheme `{scheme}`; use one of {', '.join(_GIT_SCHEMES)}"
    return _address_problem(scheme, rest)


def web_url(text: str) -> str:
    """Refuse an address that is not plain http(s), or that needs quoting in a shell word."""
    if problem := _unsafe(text):
        return problem
    scheme, _, rest = text.partition("://")
    if scheme not in ("https", "http"):
        return "is not an http or https address"
    if re.search(r"[\s'\"`$\\<>{}|^]", rest):
        return "holds a character that an address must spell as %XX"
    return _address_problem(scheme, rest)


def branch(text: str) -> str:
    """Refuse what `git check-ref-format --branch` refuses."""
    parts = text.split("/")
    bad = (
        not text
        or text in ("@", "HEAD")
        or text.startswith("-")
        or _BRANCH_FORBIDDEN.search(text)
        or any(part.startswith(".") or part.endswith(".lock") for part in parts)
    )
    return "is not a branch name that git accepts" if bad else ""


def git_ref(text: str) -> str:
    """Refuse what is not a branch, tag, refs/... or commit."""
    return "is not a branch, tag, `refs/...` or commit" if branch(text) else ""


def reference_text(text: str) -> str:
    """Refuse what is not `registry/repository:tag`."""
    try:
        parse_reference(text)
    except InputError:
        return "is not a reference with its registry: `docker.io/library/python:3.11`"
    return "begins with a scheme" if "://" in text else ""


def value_name(text: str) -> str:
    """Refuse a name that templates could not use for a value."""
    if text in RESERVED:
        return "is a name that distgen gives to templates itself"
    if text in _JINJA_WORDS:
        return "is a word of the template language"
    return CHECKS["word-name"](text)


def _unsafe(text: str) -> str:
    if _CONTROL.search(text):
        return "holds a control character or a line break"
    if text.startswith("-"):
        return "begins with `-`, which git would take for an option"
    return "" if text.strip() == text and text else "is empty or has blanks around it"


def _address_problem(scheme: str, rest: str) -> str:
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        _ = parts.port
    except ValueError:
        return "is not an address"
    if problem := _authority(scheme, parts):
        return problem
    if re.search(r"\s", rest):
        return "holds a blank; spell it %20"
    if any(part == ".." for part in parts.path.split("/")):
        return "holds `..`, which could leave the folder it names"
    return ""


def _authority(scheme: str, parts: SplitResult) -> str:
    if parts.password is not None or (scheme in ("http", "https") and parts.username is not None):
        return "holds a user or password; leave it out and give a token in the environment"
    if (parts.username or "").startswith("-"):
        return "has a user that begins with `-`"
    host = parts.netloc.rpartition("@")[2]
    if scheme == "file":
        return "" if host in ("", "localhost") else "names a host; write file:///path"
    if not re.fullmatch(rf"{_HOST}(?::[0-9]{{1,5}})?", host):
        return "has no proper host name"
    return ""


def _scp_or_path(text: str) -> str:
    before, colon, path = text.partition(":")
    if colon and "/" not in before:
        user, _, host = before.rpartition("@")
        if not path or host.startswith("-") or user.startswith("-") or ":" in user:
            return "is not an address of the form `user@host:path`"
        return "" if re.fullmatch(_HOST, host) else "has no proper host name"
    parts = text.split("/")
    # `../sibling.git` is usual in a folder of repositories, `a/../../b` is not.
    inner = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    if ".." in parts[inner:]:
        return "leaves its folder with `..`"
    return ""


def _matcher(pattern: str, problem: str) -> Callable[[str], str]:
    full = re.compile(pattern)
    return lambda text: "" if full.fullmatch(text) else problem


CHECKS: Mapping[str, Callable[[str], str]] = {
    **{name: _matcher(*row) for name, row in _PATTERNS.items()},
    "value-name": value_name,
    "value-key": lambda text: value_name(re.sub(r"[+-]$", "", text)),
    "git-url": git_url,
    "url": web_url,
    "branch": branch,
    "git-ref": git_ref,
    "reference": reference_text,
    "url-template": lambda text: git_url(_PLACEHOLDER.sub("x", text)),
    "web-template": lambda text: web_url(_PLACEHOLDER.sub("x", text)),
}

SECRET_FORMATS = frozenset({"git-url", "url", "url-template", "web-template"})
"""Formats of texts that may hold a password: no message repeats such a text."""

VALUE_FORMATS = (
    "os-package", "pip-requirement", "env-name", "path", "relative-path", "git-url", "url", "word",
    "user",
)  # fmt: skip
"""Formats that a template's schema may ask of a value."""


def format_problem(format_name: str, text: str) -> str:
    """Return why a text does not have this format, or ""."""
    return CHECKS[format_name](text)
