"""Decide what the word before the cursor may be, from the words before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

Row = tuple[str, str, str, str, str]
"""Of which command; `command`, `option` or `argument`; its name; what it takes; what it is for."""
Candidate = tuple[str, str]
"""A word, and what it means; the latter may be empty."""
Keys = Mapping[str, Sequence[str]]
Names = Mapping[str, tuple[Sequence[str], Sequence[str]]]
"""Streams and keys of values of each image."""
FILE, DIR = ":file", ":dir"
"""In place of candidates: the shell itself completes names of files, or of folders."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/@:=")


def find_candidates(
    table: Sequence[Row], words: Sequence[str], begun: str, names: Callable[[], Names]
) -> list[Candidate]:
    """Return what may stand for `begun`, after the words of a command line.

    `names` is asked only where images or their keys are wanted.
    """
    line = _CommandLine(table, words)
    options = line.options()
    if line.option:
        kind = line.option
    elif begun.startswith("--") and "=" in begun:
        option, _, value = begun.partition("=")
        found = _value_candidates(options.get(option, ("", ""))[0], value, (), names)
        return [(word if word in (FILE, DIR) else f"{option}={word}", text) for word, text in found]
    elif begun.startswith("-"):
        return [(name, text) for name, (_, text) in options.items() if name.startswith(begun)]
    elif commands := line.commands():
        return [(name, text) for name, text in commands if name.startswith(begun)]
    else:
        kind = line.argument()
    return _value_candidates(kind, begun, line.arguments, names)


class _CommandLine:
    """Where words of a command line lead: a command, its arguments, or an option's value."""

    def __init__(self, table: Sequence[Row], words: Sequence[str]) -> None:
        self._table = table
        self._command = ""
        self.arguments: list[str] = []
        self.option = ""
        for word in words:
            self._take(word)

    def _take(self, word: str) -> None:
        if self.option:
            self.option = ""
        elif word.startswith("-"):
            self.option = self.options().get(word, ("", ""))[0]
        elif word in [name for name, _ in self.commands()]:
            self._command = f"{self._command} {word}".strip()
        else:
            self.arguments.append(word)

    def _rows(self, kind: str, command: str) -> Iterator[Row]:
        return (row for row in self._table if row[0] == command and row[1] == kind)

    def options(self) -> dict[str, tuple[str, str]]:
        """Return what each option takes, and what it is for."""
        rows = [*self._rows("option", ""), *self._rows("option", self._command)]
        return {name: (value, text) for _, _, name, value, text in rows}

    def commands(self) -> list[Candidate]:
        if self.arguments:  # no command is called so
            return []
        return [(name, text) for _, _, name, _, text in self._rows("command", self._command)]

    def argument(self) -> str:
        kinds = [row[3] for row in self._rows("argument", self._command)]
        return kinds[min(len(self.arguments), len(kinds) - 1)] if kinds else ""


def _value_candidates(
    kind: str, begun: str, arguments: Sequence[str], names: Callable[[], Names]
) -> list[Candidate]:
    if kind in ("file", "dir"):
        return [(f":{kind}", "")]
    if kind.startswith("choice "):
        words = kind.split()[1:]
    elif kind == "image":
        words = list(_images(names(), begun))
    elif kind == "key":
        words = _keys(names(), arguments[0] if arguments else "")
    elif kind == "set":
        words = list(_settings(names(), begun))
    else:
        return []
    # What a shell puts into the command line must not be more to it than a word.
    return [(word, "") for word in words if word.startswith(begun) and _PLAIN.issuperset(word)]


def _images(names: Names, begun: str) -> Iterator[str]:
    """Yield namespaces, then images of one, then streams of one."""
    name, at, _ = begun.partition("@")
    if at:
        yield from (f"{name}@{stream}" for stream in names.get(name, ((), ()))[0])
    elif "/" in begun:
        yield from sorted(names)
    else:
        yield from dict.fromkeys(f"{image.partition('/')[0]}/" for image in names)


def _keys(names: Names, image: str) -> list[str]:
    """Return the keys of an image, or of all where the name says no single one."""
    name = image.partition("@")[0]
    chosen = [names[name]] if name in names else list(names.values())
    return sorted({key for _, keys in chosen for key in keys})


def _settings(names: Names, begun: str) -> Iterator[str]:
    image, colon, _ = begun.partition(":")
    prefix = f"{image}:" if colon else ""
    yield from (f"{prefix}{key}=" for key in _keys(names, image if colon else ""))
    if not colon:
        yield from (name if name.endswith("/") else f"{name}:" for name in _images(names, begun))
