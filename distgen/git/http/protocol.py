"""Read what a git server says of its refs and of a push, and word a push (gitprotocol-pack(5))."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from distgen.git.http.pkt_line import FLUSH, CutShort, NotUnderstood, frame, split_pkt_lines

NULL = "0" * 40
_OBJECT_ID = re.compile(rb"[0-9a-f]{40}")
_SHA256 = re.compile(rb"[0-9a-f]{64}")
_REF = re.compile(rb"(?:HEAD|refs/[^\x00-\x20\x7f~^:?*\[\\]+)(?:\^\{\})?")
_FORBIDDEN_PARTS = (b"..", b"//", b"/.", b"@{")
_FORBIDDEN_ENDS = (b"/", b".", b".lock")
_MAX_REFS = 64 << 20  # bytes of the refs that were asked for
_MAX_REPORT = 1 << 20  # bytes of the report of a push
_MAX_MESSAGES = 1 << 16  # bytes of what hooks say that are kept
_DATA, _MESSAGE, _FATAL = 1, 2, 3  # the bands of side-band-64k


class ServerSays(Exception):
    """The server refuses in words of its own."""


@dataclass(frozen=True, slots=True)
class Advertisement:
    """The refs of a repository that were asked for, and what its server can do."""

    refs: Mapping[str, str]
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a server says of a push: of the pack, of each ref ("" where it was taken), in words."""

    unpacked: str
    refusals: Mapping[str, str]
    messages: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefCommand:
    """The move of a ref from one commit to another; NULL is for none."""

    ref: str
    old: str
    new: str


def read_advertisement(
    chunks: Iterable[bytes], service: str, matches: Callable[[str], bool]
) -> Advertisement:
    """Read what a server lists of its refs; keep those that match."""
    lines = split_pkt_lines(chunks)
    if _next_line(lines) != b"# service=%s" % service.encode() or next(lines, b"") is not None:
        raise NotUnderstood("it does not speak git's smart protocol")
    refs: dict[str, str] = {}
    capabilities: frozenset[str] = frozenset()
    size, is_first = 0, True
    for line in lines:
        if line is None:
            _expect_end(lines)
            return Advertisement(refs, capabilities)
        if line.startswith(b"ERR "):
            raise ServerSays(line[4:].decode("utf-8", "replace").strip())
        text, _, words = line.partition(b"\0")
        if is_first:
            capabilities = _read_capabilities(words)
        is_first = False
        object_id, _, name = text.rstrip(b"\n").partition(b" ")
        if not _OBJECT_ID.fullmatch(object_id):
            is_sha256 = _SHA256.fullmatch(object_id)
            raise NotUnderstood("it is a SHA-256 repository" if is_sha256 else "a line is no ref")
        if is_ref(name) and matches(ref := name.decode("utf-8", "replace")):
            size += len(line)
            if size > _MAX_REFS:
                raise NotUnderstood(f"it lists more than {_MAX_REFS} bytes of refs")
            refs[ref] = object_id.decode("ascii")
    raise CutShort


def is_ref(name: bytes) -> bool:
    """Tell whether git would take this for the name of a ref, or of what a tag leads to."""
    return bool(
        _REF.fullmatch(name)
        and not any(part in name for part in _FORBIDDEN_PARTS)
        and not name.endswith(_FORBIDDEN_ENDS)
    )


def format_push(
    commands: Sequence[RefCommand], capabilities: frozenset[str], agent: str, pack: bytes
) -> bytes:
    """Return the request that moves all refs, or none where there are several."""
    spoken = ["report-status"]
    spoken += [word for word in ("side-band-64k", "quiet") if word in capabilities]
    spoken += ["atomic"] if len(commands) > 1 else []
    spoken += ["object-format=sha1"] if "object-format=sha1" in capabilities else []
    spoken += [f"agent={agent}"] if _has_agent(capabilities) else []
    lines = [f"{command.old} {command.new} {command.ref}" for command in commands]
    lines[0] += f"\0 {' '.join(spoken)}"
    return b"".join((*(frame(line.encode()) for line in lines), FLUSH, pack))


def read_report(chunks: Iterable[bytes], capabilities: frozenset[str]) -> PushReport:
    """Read the whole answer to a push."""
    messages = bytearray()
    if "side-band-64k" in capabilities:
        chunks = (_read_side_bands(chunks, messages),)
    lines = split_pkt_lines(chunks)
    word, _, unpacked = _next_line(lines).partition(b" ")
    if word != b"unpack":
        raise NotUnderstood("it does not say what became of the push")
    refusals: dict[str, str] = {}
    for line in lines:
        if line is None:
            _expect_end(lines)
            return PushReport(_text(unpacked), refusals, bytes(messages))
        word, _, rest = line.rstrip(b"\n").partition(b" ")
        ref, _, reason = rest.partition(b" ")
        if word not in (b"ok", b"ng") or len(refusals) * 4 > _MAX_REPORT:
            raise NotUnderstood("it does not say what became of the push")
        refusal = "" if word == b"ok" else _text(reason) or "failed"
        # Of two words on a ref, the refusal counts.
        refusals[_text(ref)] = refusals.get(_text(ref)) or refusal
    raise CutShort


def _read_side_bands(chunks: Iterable[bytes], messages: bytearray) -> bytes:
    """Return what comes on the first band; `messages` gets the end of what comes beside it."""
    data, is_cut = bytearray(), False
    lines = split_pkt_lines(chunks)
    for line in lines:
        if line is None:
            _expect_end(lines)
            return bytes(data)
        band = line[0] if line else 0
        if band == _DATA:
            data += line[1:]
            if len(data) > _MAX_REPORT:
                raise NotUnderstood(f"it says more than {_MAX_REPORT} bytes of a push")
        elif band == _MESSAGE:
            is_cut = _append_message(messages, line[1:], is_cut)
        elif band == _FATAL:
            raise ServerSays(_text(line[1:]))
        else:
            raise NotUnderstood("it answers on a band that there is not")
    raise CutShort


def _append_message(messages: bytearray, data: bytes, is_cut: bool) -> bool:
    """Add to the messages, of which the end is kept; tell whether their last line was dropped.

    A line is kept whole or not at all: half a secret in it would not be recognised.
    """
    if is_cut:
        _, newline, data = data.partition(b"\n")
        if not newline:
            return True
    messages += data
    if len(messages) <= _MAX_MESSAGES:
        return False
    end = messages.find(b"\n", len(messages) - _MAX_MESSAGES)
    del messages[: end + 1 if end >= 0 else len(messages)]
    return end < 0


def _read_capabilities(words: bytes) -> frozenset[str]:
    capabilities = frozenset(_text(words).split())
    formats = {word for word in capabilities if word.startswith("object-format=")}
    if formats - {"object-format=sha1"}:
        raise NotUnderstood("it is a SHA-256 repository")
    return capabilities


def _has_agent(capabilities: frozenset[str]) -> bool:
    return any(word.startswith("agent=") for word in capabilities)


def _next_line(lines: Iterator[bytes | None]) -> bytes:
    try:
        line = next(lines)
    except StopIteration:
        raise CutShort from None
    return line.rstrip(b"\n") if line else b""


def _expect_end(lines: Iterator[bytes | None]) -> None:
    if next(lines, False) is not False:
        raise NotUnderstood("it goes on after its end")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()
