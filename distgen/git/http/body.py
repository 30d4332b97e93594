"""Read the body of a git server's answer, as much of it as may be."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from distgen.git.http.pkt_line import NotUnderstood
from distgen.git.http.session import RemoteFailure
from distgen.http import CHUNK, OpenAnswer

_MAX_ANSWER = 256 << 20  # bytes
_MAX_REASON = 1 << 16  # bytes of what a server says of an error
_ENCODINGS = ("gzip", "x-gzip", "deflate")


def read_body(answer: OpenAnswer) -> Iterator[bytes]:
    """Yield the body, decompressed piece by piece where the server compressed it unasked."""
    size = 0
    encoding = answer.response.headers.get("Content-Encoding", "identity").strip().lower()
    chunks = answer.chunks(decode=False)
    if encoding in _ENCODINGS:
        chunks = _decompress(chunks)
    elif encoding not in ("", "identity"):
        raise NotUnderstood(f"it compresses with {encoding}")
    for chunk in chunks:
        size += len(chunk)
        if size > _MAX_ANSWER:
            raise RemoteFailure(f"fatal: it answered with more than {_MAX_ANSWER} bytes")
        yield chunk


def _decompress(chunks: Iterator[bytes]) -> Iterator[bytes]:
    # A few bytes may become thousands of times as many.
    decompressor = zlib.decompressobj(wbits=47)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if decompressor.eof:  # it would keep all that comes after the end in memory
                    raise NotUnderstood("what it compressed goes on after its end")
                yield decompressor.decompress(rest, CHUNK)
                rest = decompressor.unconsumed_tail or decompressor.unused_data
    except zlib.error:
        raise NotUnderstood("what it compressed is damaged") from None


def read_reason(answer: OpenAnswer) -> bytes:
    """Return what a server says of an error, read to its end so that the connection is kept."""
    body = b""
    for chunk in answer.chunks(decode=False):
        body += chunk
        if len(body) > _MAX_REASON:
            # A cut line may hold half a secret, which would not be recognised.
            return body[:_MAX_REASON].rpartition(b"\n")[0]
    return body
