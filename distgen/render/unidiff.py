"""Read unified diffs, plain or as git writes them, into records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from distgen.errors import InputError
from distgen.model.catalogue import TemplateFile
from distgen.model.words import EXECUTABLE, REGULAR, Origin
from distgen.render.paths import is_allowed

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_EXTENDED = re.compile(
    rb"(old mode|new mode|deleted file mode|new file mode|copy from|copy to|rename from|rename to"
    rb"|similarity index|dissimilarity index|index) (.*)"
)
_MAIL = re.compile(rb"From [0-9a-f]{40,64} ")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_ESCAPE = re.compile(rb"\\([abtnvfr\"\\]|[0-7]{3})")
_ESCAPED = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13}
# git's default prefixes, and those of its setting diff.mnemonicPrefix.
_PREFIXES = tuple(f"{letter}/" for letter in "abciow")
_NO_NEWLINE = "\\ No newline at end of file"
_NOWHERE = ("1970-01-01 ", "1969-12-31 ")  # how diff -N writes that there is no file


@dataclass(frozen=True, slots=True)
class Hunk:
    """`body` are (sign, line with its end, line number in the patch); `start` counts from 1."""

    start: int
    line: int
    head: bytes
    body: tuple[tuple[str, bytes, int], ...]

    @property
    def old(self) -> tuple[bytes, ...]:
        return tuple(text for sign, text, _ in self.body if sign != "+")

    def __str__(self) -> str:
        rows = [self.head.decode(errors="replace").rstrip()]
        for sign, text, _ in self.body:
            rows.append(sign + text.decode(errors="replace").removesuffix("\n"))
            rows += [] if text.endswith(b"\n") else [_NO_NEWLINE]
        return "\n".join(rows)


@dataclass(frozen=True, slots=True)
class FileDiff:
    """A change of one file; `old` None makes it, `new` None deletes it, `copy` keeps `old`.

    `mail` counts the messages of git format-patch: each starts from the result of the one before.
    """

    old: str | None
    new: str | None
    origin: Origin
    mail: int = 0
    mode: int | None = None
    copy: bool = False
    hunks: tuple[Hunk, ...] = field(default=(), repr=False)


def split_lines(content: bytes) -> list[bytes]:
    """Return the lines with their ends; only LF ends a line."""
    return _LINE.findall(content)


def read_patch(patch: TemplateFile) -> tuple[FileDiff, ...]:
    """Read a patch; text around its diffs, as git format-patch writes it, is skipped."""
    reader = _Reader(split_lines(patch.content), patch.source)
    diffs: list[FileDiff] = []
    at = mail = 0
    while at < len(reader.lines):
        mail += bool(_MAIL.match(reader.lines[at]))
        if reader.lines[at].startswith(b"diff --git "):
            diff, at = reader.git(at)
            diffs.append(replace(diff, mail=mail))
        elif reader.is_plain(at):
            diff, at = reader.plain(at, FileDiff(None, None, reader.origin(at)))
            diffs.append(replace(diff, mail=mail))
        else:
            at += 1
    if not diffs:
        raise InputError(
            "there is no diff in this patch",
            where=Origin(patch.source),
            hint="it takes unified diffs, as of git diff or diff -u",
        )
    return tuple(diffs)


@dataclass(frozen=True, slots=True)
class _Reader:
    lines: Sequence[bytes]
    path: str

    def origin(self, at: int) -> Origin:
        return Origin(self.path, at + 1)

    def error(self, at: int, fault: str, hint: str = "") -> InputError:
        return InputError(fault, where=self.origin(at), hint=hint)

    def starts(self, at: int, *words: bytes) -> bool:
        return at < len(self.lines) and self.lines[at].startswith(words)

    def is_plain(self, at: int) -> bool:
        return self.starts(at, b"--- ") and self.starts(at + 1, b"+++ ")

    def git(self, at: int) -> tuple[FileDiff, int]:
        """Read a diff that begins with `diff --git`."""
        first, headers = at, {}
        name = self._both(at)
        at += 1
        while at < len(self.lines) and (match := _EXTENDED.match(self.lines[at])):
            headers[match[1].decode()] = (match[2].decode(errors="replace").strip(), at)
            at += 1
        if self.starts(at, b"GIT binary patch", b"Binary files "):
            raise self.error(at, "a patch cannot change a binary file", "put the file in instead")
        source = headers.get("rename from") or headers.get("copy from")
        target = headers.get("rename to") or headers.get("copy to")
        diff = FileDiff(
            old=self._path(source[0], source[1], strip=False) if source else name,
            new=self._path(target[0], target[1], strip=False) if target else name,
            origin=self.origin(first),
            mode=self._mode(headers),
            copy="copy from" in headers,
        )
        if "new file mode" in headers:
            diff = replace(diff, old=None)
        if "deleted file mode" in headers:
            diff = replace(diff, new=None)
        if self.is_plain(at):
            diff, at = self.plain(at, diff)
        if diff.old is None and diff.new is None:
            raise self.error(first, "the names of the files in this line are not clear")
        return diff, at

    def plain(self, at: int, diff: FileDiff) -> tuple[FileDiff, int]:
        """Read `---`, `+++` and the hunks below them; names that `diff` has already win."""
        old, new = self._name(at), self._name(at + 1)
        if diff.old is None and diff.new is None:
            diff = replace(diff, old=new if old and new else old, new=new)
        hunks: list[Hunk] = []
        at += 2
        while at < len(self.lines) and _HUNK.match(self.lines[at]):
            hunk, at = self.hunk(at)
            hunks.append(hunk)
        if not hunks:
            raise self.error(at - 1, "there is no hunk below this line")
        return replace(diff, hunks=tuple(hunks)), at

    def hunk(self, at: int) -> tuple[Hunk, int]:
        """Read a hunk, exactly as many lines as its head says."""
        first, head = at, _HUNK.match(self.lines[at])
        assert head
        start, old_count, new_count = int(head[1]), int(head[2] or 1), int(head[4] or 1)
        body: list[tuple[str, bytes, int]] = []
        at += 1
        while old_count > 0 or new_count > 0 or self.starts(at, b"\\"):
            text = self.lines[at] if at < len(self.lines) else b""
            sign = " " if text in (b"\n", b"\r\n") else text[:1].decode("latin-1")
            if sign == "\\" and body:
                # "\\ No newline at end of file" is about the line above it.
                last = body[-1]
                body[-1] = (last[0], last[1].removesuffix(b"\n"), last[2])
            elif sign in ("+", "-", " ") and text:
                old_count, new_count = old_count - (sign != "+"), new_count - (sign != "-")
                body.append((sign, text if text in (b"\n", b"\r\n") else text[1:], at + 1))
            else:
                raise self.error(first, "the hunk has fewer lines than its head says")
            at += 1
        more = self.starts(at, b"+", b"-", b" ") and self.lines[at].rstrip() != b"--"
        if old_count or new_count or (more and not self.is_plain(at)):
            raise self.error(first, "the hunk has other lines than its head says")
        return Hunk(start, first + 1, self.lines[first], tuple(body)), at

    def _mode(self, headers: dict[str, tuple[str, int]]) -> int | None:
        word, at = headers.get("new file mode") or headers.get("new mode") or ("", 0)
        if not word:
            return None
        modes = {f"{mode:o}": mode for mode in (REGULAR, EXECUTABLE)}
        if word not in modes:
            raise self.error(
                at, f"a patch cannot make a file of mode {word}", "use 100644 or 100755"
            )
        return modes[word]

    def _name(self, at: int) -> str | None:
        """Return the path in a line of `---` or `+++`, None where there is no file."""
        text = self.lines[at][4:].decode(errors="replace").rstrip("\r\n")
        name, _, time = text.partition("\t")
        if name == "/dev/null" or time.startswith(_NOWHERE):
            return None
        return self._path(name, at)

    def _both(self, at: int) -> str | None:
        """Return the path in `diff --git a/path b/path` when both are the same."""
        text = self.lines[at][11:].decode(errors="replace").rstrip("\r\n")
        half = len(text) // 2
        old, new = text[:half], text[half + 1 :]
        if _strip_prefix(_unquote(old)) != _strip_prefix(_unquote(new)):
            return None
        return self._path(old, at)

    def _path(self, name: str, at: int, *, strip: bool = True) -> str:
        path = _unquote(name)
        path = _strip_prefix(path) if strip else path
        if not is_allowed(path):
            raise self.error(at, f"{path!r} is not a path that a patch may touch")
        return path


def _strip_prefix(path: str) -> str:
    return path[2:] if path.startswith(_PREFIXES) else path


def _unquote(name: str) -> str:
    """Undo git's quoting of unusual names, as of C."""
    if not (len(name) > 1 and name.startswith('"') and name.endswith('"')):
        return name
    raw = name[1:-1].encode(errors="replace")
    plain = _ESCAPE.sub(
        lambda match: (
            bytes([int(match[1], 8) & 255])
            if match[1].isdigit()
            else bytes([_ESCAPED.get(match[1], match[1][0])])
        ),
        raw,
    )
    return plain.decode(errors="replace")
