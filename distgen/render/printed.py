"""Find the values that a template prints, by marks around each of its expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from distgen.model.rendered import PrintedText, PrintedValue
from distgen.model.words import Origin

# Characters for private use, which templates and what they print cannot hold.
_BEGIN, _END, _TEXT = "\U000ffffe", "\U000fffff", "\U0010fffe"
_TEMPLATE, _LINE, _COUNT = 0xF0000, 0x100000, 0xFFFE
_MARK = re.compile(f"({_BEGIN}[\U000f0000-\U000ffffd][\U00100000-\U0010fffd]|{_END}|{_TEXT})")


class ValueMarks(Extension):
    """An extension that marks where the value of each expression begins and ends.

    The text of a template is marked as well: what a macro prints is not a value.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._names: list[str] = []

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", f"{_TEXT}{token.value}")
                continue
            if token.type == "variable_begin":
                yield Token(token.lineno, "data", self._begin(stream.filename, token.lineno))
            yield token
            if token.type == "variable_end":
                yield Token(token.lineno, "data", _END)

    def _begin(self, name: str | None, line: int) -> str:
        if name not in self._names:
            self._names.append(name or "")
        number = self._names.index(name or "")
        return _BEGIN + chr(_TEMPLATE + number % _COUNT) + chr(_LINE + line % _COUNT)

    def read(self, marked: str) -> PrintedText:
        """Return a marked text without its marks, and the values in it."""
        pieces: list[str] = []
        values: list[PrintedValue] = []
        length = 0
        start: tuple[int, Origin] | None = None
        for piece in _MARK.split(marked):
            if piece.startswith(_BEGIN):
                name = self._names[ord(piece[1]) - _TEMPLATE]
                start = length, Origin(name, ord(piece[2]) - _LINE)
            elif piece == _TEXT:
                start = None
            elif piece == _END:
                if start and start[0] < length:
                    text = "".join(pieces)[start[0] :]
                    values.append(PrintedValue(text, start[0], start[1]))
                start = None
            else:
                pieces.append(piece)
                length += len(piece)
        return PrintedText("".join(pieces), tuple(values))
