"""Turn a shell script into the operating system and Python packages it installs and removes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import takewhile
from typing import Literal

_SHELLS = {"sh", "bash", "ash", "dash", "ksh"}
_PREFIXES = {
    *("sudo", "env", "exec", "time", "nice", "command", "eatmydata", "export", "local", "xargs"),
    *("then", "do", "else", "elif", "if", "while", "until", "!", "{"),
}
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_TOKEN = re.compile(
    r"""(?P<skip>[^\S\n]+|\\\n|(?:(?<=\s)|^)\#[^\n]*)
    |(?P<mark>[();<>|&\n]+)
    |(?P<word>(?:[^\s();<>|&"'\\]|\\[^\n]|"(?:[^"\\]|\\.)*"|'[^']*')+|.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_QUOTED = re.compile(r""""((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)""", re.DOTALL)
# What a backslash takes its meaning from within double quotes; before others it stays.
_ESCAPED = re.compile(r"""\\([$`"\\])""")
_COMMENT_LINE = re.compile(r"^[^\S\n]*#.*\n?", re.MULTILINE)
_MAX_DEPTH = 50  # of commands within commands; each level reads the whole script once more
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)|`([^`]*)`")

_MANAGERS = {
    "apt-get": "apt",
    "apt": "apt",
    "aptitude": "apt",
    "apk": "apk",
    "dnf": "rpm",
    "yum": "rpm",
    "microdnf": "rpm",
    "tdnf": "rpm",
    "zypper": "rpm",
    "pip": "pip",
    "pip2": "pip",
    "pip3": "pip",
}
_INSTALL = {
    "apt": {"install"},
    "apk": {"add"},
    "rpm": {"install", "in", "localinstall", "reinstall"},
    "pip": {"install"},
}
_REMOVE = {
    "apt": {"remove", "purge", "autoremove", "autopurge"},
    "apk": {"del"},
    "rpm": {"remove", "erase", "autoremove", "rm"},
    "pip": {"uninstall"},
}
# Without these, the argument of an option would be taken for a package: `apt install -t sid git`.
_WITH_ARGUMENT = {
    "apt": {"-t", "--target-release", "--default-release", "-o", "--option", "-c", "-a"},
    "apk": {"-X", "--repository", "-p", "--root", "--arch", "--keys-dir", "--cache-dir", "-t"}
    | {"--virtual", "--repositories-file", "--wait"},
    "rpm": {"-c", "-x", "--config", "--exclude", "--repo", "--repoid", "--enablerepo"}
    | {"--disablerepo", "--installroot", "--releasever", "--setopt", "-d", "-e"},
    "pip": {"-r", "-c", "-i", "-f", "-t", "-e", "-d", "-C", "--requirement", "--constraint"}
    | {"--index-url", "--extra-index-url", "--find-links", "--target", "--prefix", "--root"}
    | {"--cache-dir", "--trusted-host", "--platform", "--python-version", "--only-binary"}
    | {"--no-binary", "--proxy", "--timeout", "--retries", "--upgrade-strategy", "--src"}
    | {"--log", "--editable", "--progress-bar", "--root-user-action", "--report", "--python"},
}
# name=version of apt and apk, name-version-release of rpm; a version with `*` is a range.
_ONE_VERSION = re.compile(
    r"([A-Za-z0-9][\w.+:-]*)={1,2}[^*=]+|([A-Za-z0-9][\w.+]*(?:-[A-Za-z][\w.+]*)*)-\d[^-*/]*-\d[^-*/]*"
)
_VERSION = re.compile(r"(?<=.)(?:[=<>~!@\[;]|(?<!:)//?(?!/)).*")


@dataclass(frozen=True, slots=True)
class Operation:
    """One installation or removal; `virtual` is apk's name for the group (`--virtual .build-deps`).

    Names are without version, release or extras; a removal may hold globs. `exact` are the
    packages of the operating system with one version, and the words that name it. `versions` is
    what each word says after the name: a version, or a range of them, "" where it says nothing.
    """

    manager: str
    action: Literal["install", "remove"]
    names: tuple[str, ...]
    virtual: str = ""
    exact: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    versions: tuple[tuple[str, str], ...] = field(default=(), compare=False)


@lru_cache(maxsize=4096)  # many images share a script, and rules look at it once for each file
def split_commands(script: str) -> tuple[tuple[str, ...], ...]:
    """Split a shell script into simple commands, each as unquoted words without redirections."""
    simple_commands: list[tuple[str, ...]] = []
    words: list[str] = []
    redirected = False
    for token in _TOKEN.finditer(_flatten(script)):
        mark, word = token["mark"], token["word"]
        if mark and ("<" in mark or ">" in mark):
            redirected = True
            if words and words[-1].isdigit():
                words.pop()
        elif mark:
            simple_commands.append(tuple(words))
            words = []
        elif word and not redirected:
            words.append(_plain(word))
        redirected = redirected and not word
    simple_commands.append(tuple(words))
    return tuple(command for command in simple_commands if command)


@lru_cache(maxsize=4096)
def script_operations(script: str) -> tuple[Operation, ...]:
    """Return what a shell script installs and removes, in order."""
    return tuple(_read_operations(script, {}))


def remaining_installs(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Return the installations without the packages that a later operation removes."""
    remaining = []
    for index, operation in enumerate(operations):
        if operation.action == "remove":
            continue
        patterns = tuple(
            name
            for later in operations[index + 1 :]
            if later.action == "remove" and later.manager == operation.manager
            for name in later.names
        )
        if operation.virtual and _matches(operation.virtual, patterns):
            continue
        names = tuple(name for name in operation.names if not _matches(name, patterns))
        if names:
            remaining.append(replace(operation, names=names))
    return tuple(remaining)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _flatten(script: str) -> str:
    """Put commands inside the words of another, `$(...)`, on lines of their own."""
    text = _COMMENT_LINE.sub("", script)
    inner: list[str] = []
    for _ in range(_MAX_DEPTH):
        matches = _SUBSTITUTION.findall(text)
        if not matches:
            break
        inner += (first or second for first, second in matches)
        text = _SUBSTITUTION.sub("$_", text)
    return "\n".join([text, *inner])


def _plain(word: str) -> str:
    """Return a word without its quotes and escapes."""
    if not any(mark in word for mark in "\"'\\"):
        return word
    return _QUOTED.sub(_unquote, word)


def _unquote(match: re.Match[str]) -> str:
    if match[1] is not None:
        return _ESCAPED.sub(r"\1", match[1])
    return match[2] or match[3] or ""


def _read_operations(script: str, variables: Mapping[str, str]) -> Iterator[Operation]:
    values = dict(variables)
    marked: list[str] = []
    for command in split_commands(script):
        assigned, words = _split_prefixes(_expand_variables(command, values))
        if not words:
            values.update(assigned)
            continue
        name = words[0].rpartition("/")[2]
        if name in _SHELLS and (inner := _inner_script(words)):
            yield from _read_operations(inner, values)
        elif name == "apt-mark" and words[1:2] == ["auto"]:
            # The words are regular expressions: `apt-mark auto '.*'` lets autoremove take all.
            marked.extend(word.replace(".*", "*") for word in words[2:])
        elif operation := _read_operation(name, words):
            auto = operation.action == "remove" and any("auto" in word for word in words[1:])
            yield replace(operation, names=(*operation.names, *marked)) if auto else operation


def _expand_variables(command: Iterable[str], variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the words with known variables replaced, split as an unquoted one would be."""
    for word in command:
        match = _VARIABLE.fullmatch(word)
        if match and (value := variables.get(match[1] or match[2])) is not None:
            yield from value.split()
        else:
            yield word


def _split_prefixes(words: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Separate the assignments and wrappers before a command from the command."""
    assigned: dict[str, str] = {}
    rest = list(words)
    prefixed = False
    while rest:
        match = _ASSIGNMENT.fullmatch(rest[0])
        if match:
            assigned[match[1]] = match[2]
        elif rest[0] in _PREFIXES:
            prefixed = True
        elif not (prefixed and rest[0].startswith("-")):
            break
        rest.pop(0)
    return assigned, rest


def _inner_script(words: Sequence[str]) -> str:
    """Return the script of `sh -c SCRIPT`."""
    options = list(takewhile(lambda word: word.startswith("-"), words[1:]))
    rest = words[1 + len(options) :]
    return rest[0] if rest and any(o[1:2] != "-" and "c" in o for o in options) else ""


def _read_operation(name: str, words: Sequence[str]) -> Operation | None:
    arguments = list(words[1:])
    if re.fullmatch(r"python[\d.]*|uv", name) and "pip" in arguments[:2]:
        name, arguments = "pip", arguments[arguments.index("pip") + 1 :]
    manager = _MANAGERS.get(re.sub(r"^pip3\.\d+$", "pip", name))
    if not manager:
        return None
    plain, options = _split_arguments(manager, arguments)
    if not plain:
        return None
    verb, *targets = plain
    virtual = options.get("--virtual", options.get("-t", "")) if manager == "apk" else ""
    if verb in _INSTALL[manager]:
        names = tuple(filter(None, (_package_name(manager, target) for target in targets)))
        exact = () if manager == "pip" else tuple(_exact_versions(targets))
        pairs = (_split_version(manager, word) for word in targets)
        versions = tuple(pair for pair in pairs if pair[0])
        return Operation(manager, "install", names, virtual, exact, versions) if names else None
    if verb in _REMOVE[manager]:
        return Operation(manager, "remove", tuple(_VERSION.sub("", t) for t in targets))
    return None


def _split_arguments(manager: str, arguments: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Separate plain words from options, of which some take the next word."""
    plain: list[str] = []
    options: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        if word.startswith("#"):
            break
        if not word.startswith("-") or word == "-":
            plain.append(word)
        elif "=" in word:
            key, _, value = word.partition("=")
            options[key] = value
        elif word in _WITH_ARGUMENT[manager]:
            options[word] = next(rest, "")
        elif manager == "apk" and re.fullmatch(r"-\w*t", word):
            options["-t"] = next(rest, "")
        else:
            options[word] = ""
    return plain, options


def _exact_versions(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        if match := _ONE_VERSION.fullmatch(word):
            yield match[1] or match[2], word


def _split_version(manager: str, word: str) -> tuple[str, str]:
    """Return the package that a word names, and the version that it asks for."""
    name = _package_name(manager, word)
    match = _ONE_VERSION.fullmatch(word) if manager == "rpm" else None
    if match and match[2]:
        return match[2], word[len(match[2]) + 1 :]
    if not word.startswith(name):
        return name, word  # an address
    return name, re.sub(r"^={1,3}", "", word[len(name) :])


def _package_name(manager: str, word: str) -> str:
    """Return the package a word names, "" when it is a file, a variable or an exclusion."""
    name = word.partition("=")[0] if manager in ("apt", "apk") else word
    if "$" in name or "`" in word or word.startswith(("!", ".", "/", "*")):
        return ""
    if "://" in word:
        egg = re.search(r"[#&]egg=([\w.-]+)", word)
        return egg[1] if egg else re.sub(r"(\.git)?(@[^/]*)?$", "", word).rpartition("/")[2]
    if manager == "pip":
        return "" if word.endswith((".whl", ".tar.gz", ".zip")) else _VERSION.sub("", word).strip()
    return _VERSION.sub("", word)
