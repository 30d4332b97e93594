"""Find the template line of each rendered line, by marks that a rendering carries."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from jinja2 import Environment
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from distgen.model.words import Origin

# A mark is two characters for private use, one for the template and one for the line. Rendering
# refuses both in templates and in what they print, so no text can look like a mark.
_TEMPLATE, _LINE = 0xF0000, 0x100000
_COUNT = 0xFFFE
_MARK = re.compile("([\U000f0000-\U000ffffd])([\U00100000-\U0010fffd])")

Origins = tuple[Origin | None, ...]


class LineMarks(Extension):
    """An extension that marks each line of a template's text and each of its expressions.

    It sees the tokens after whitespace control, so a mark neither moves nor keeps blanks.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.names: list[str] = []

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        name = stream.filename or ""
        if name not in self.names:
            self.names.append(name)
        number = self.names.index(name)
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", _mark_lines(token.value, number, token.lineno))
                continue
            if token.type == "variable_begin":
                yield Token(token.lineno, "data", _mark(number, token.lineno))
            yield token

    def split_marks(self, text: str) -> tuple[list[str], list[Origin | None]]:
        """Return the lines of a marked text without the marks, and where each came from."""
        rows: list[str] = []
        origins: list[Origin | None] = []
        last: Origin | None = None
        for row in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
            pieces = _MARK.split(row)
            marks = [self._origin(*pair) for pair in zip(pieces[1::3], pieces[2::3], strict=True)]
            plain = pieces[::3]
            # The first text on a line came from the mark before it, and the end of a blank line
            # from the last mark; an expression's further lines have none.
            first = next((at for at, piece in enumerate(plain) if piece.strip()), len(marks))
            origins.append(marks[first - 1] if first else last)
            rows.append("".join(plain))
            last = marks[-1] if marks else last
        return rows, origins

    def _origin(self, template: str, line: str) -> Origin:
        return Origin(self.names[ord(template) - _TEMPLATE], ord(line) - _LINE)


def match_origins(
    marked: Sequence[str], origins: Sequence[Origin | None], plain: Sequence[str]
) -> list[Origin | None]:
    """Return the origins of the plain lines, as far as the marked ones are the same.

    A mark can change what a template does with a text, say when it is compared or measured.
    """
    if list(marked) == list(plain):
        return list(origins)
    plain_origins: list[Origin | None] = [None] * len(plain)
    matcher = difflib.SequenceMatcher(None, marked, plain, autojunk=False)
    for block in matcher.get_matching_blocks():
        matched = origins[block.a : block.a + block.size]
        plain_origins[block.b : block.b + block.size] = matched
    return plain_origins


def _mark(template: int, line: int) -> str:
    return chr(_TEMPLATE + template % _COUNT) + chr(_LINE + line % _COUNT)


def _mark_lines(text: str, template: int, line: int) -> str:
    rows = text.split("\n")
    return "\n".join(f"{_mark(template, line + at)}{row}" for at, row in enumerate(rows))
