"""Split what a git server says into pkt-lines, and frame lines for it (gitprotocol-common(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

FLUSH = b"0000"
MAX_PAYLOAD = 65516
_SIZE = re.compile(rb"[0-9a-fA-F]{4}")


class NotUnderstood(Exception):
    """What a server says or asks for is none of the protocol that is spoken here."""


class CutShort(Exception):
    """The server ended its answer too early."""


def frame(payload: bytes) -> bytes:
    """Return a pkt-line that holds the payload."""
    if len(payload) > MAX_PAYLOAD:
        raise NotUnderstood("a line is too long for the protocol")
    return b"%04x%s" % (len(payload) + 4, payload)


def split_pkt_lines(chunks: Iterable[bytes]) -> Iterator[bytes | None]:
    """Yield the payload of each pkt-line as it arrives, None for a flush."""
    rest = b""
    for chunk in chunks:
        data, start = rest + chunk, 0
        while len(data) - start >= 4:
            size = _line_size(data[start : start + 4])
            if size == 0:
                yield None
                start += 4
                continue
            if len(data) - start < size:
                break
            yield data[start + 4 : start + size]
            start += size
        rest = data[start:]
    if rest:
        raise CutShort


def _line_size(digits: bytes) -> int:
    # int() alone takes "+1", "0x1" and "1_0" as well.
    size = int(digits, 16) if _SIZE.fullmatch(digits) else 1
    if 0 < size < 4:
        raise NotUnderstood("it does not answer in git's protocol")
    return size
