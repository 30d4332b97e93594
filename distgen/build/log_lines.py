"""Turn what a build prints, whatever it is, into lines that may be shown and kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

from distgen.errors import printable
from distgen.git.run import hide_secrets

MOST_BYTES = 8192
"""Of a line that is shown; the rest of it is counted."""
# CSI sequences (colours, cursor), OSC sequences (titles, links), and shorter escapes.
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
_END = re.compile(rb"[\r\n]")


class LogLines:
    """Takes bytes as they come, and gives lines; of an endless line it keeps the beginning."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._cut = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Yield the lines that end in this chunk."""
        *ended, rest = _END.split(chunk)
        for part in ended:
            self._add(part)
            yield from self.finish()
        self._add(rest)

    def finish(self) -> Iterator[str]:
        """Yield the line that has no end yet, if there is one."""
        line, cut = bytes(self._line), self._cut
        self._line, self._cut = bytearray(), 0
        if line:
            yield _clean_line(line, cut)

    def _add(self, part: bytes) -> None:
        room = MOST_BYTES - len(self._line)
        self._line += part[:room]
        self._cut += max(0, len(part) - room)


def _clean_line(line: bytes, cut: int) -> str:
    text = line.decode("utf-8", "replace")
    if cut:
        # The last word may be half an address with a password, which would not be known as one.
        text = f"{text.rpartition(' ')[0]} ... ({cut} more bytes in this line)".lstrip()
    return printable(_ESCAPE.sub("", hide_secrets(text))).rstrip()
