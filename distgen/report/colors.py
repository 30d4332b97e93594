"""Color lines by what their words are in a Dockerfile, a script, YAML or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers.data import JsonLexer, YamlLexer
from pygments.lexers.shell import BashLexer
from pygments.token import Comment, Keyword, Name, String

from distgen.dockerfile.filename import is_dockerfile
from distgen.report.dockerfile_blocks import ColoredBlock, is_aside, split_blocks

ColoredText = tuple[str, str]
"""A piece of a line and what it is: k for a keyword, s a string, c a comment, n a name, or ""."""
LONGEST = 2_000
"""Characters of a line that is colored and shown as a whole."""
_MOST = 500_000
_LEXERS: dict[str, type[Lexer]] = {
    "sh": BashLexer,
    "bash": BashLexer,
    "yaml": YamlLexer,
    "yml": YamlLexer,
    "json": JsonLexer,
}
_TOKENS: tuple[tuple[Any, str], ...] = (
    *((Comment, "c"), (Keyword, "k"), (String, "s")),
    *((Name.Variable, "n"), (Name.Attribute, "n"), (Name.Builtin, "n"), (Name.Tag, "n")),
)
_PATTERNS = {
    "pairs": re.compile(
        r"""(?P<s>"(?:\\.|[^"\\])*"?|'[^']*'?)|(?P<n>[\w./-]+(?==))|[^\s"'=]+|.""", re.DOTALL
    ),
    "from": re.compile(
        r"(?P<k>(?<=\s)as(?=\s))|--\S+|(?P<s>[^\s\\]+)|.", re.DOTALL | re.IGNORECASE
    ),
}
"""What is in instructions that are no script; the name of a part of a pattern is its class."""
_WHOLE = {"keyword": "k", "comment": "c", "string": "s"}


def find_language(path: str) -> str:
    """Return the language of a file by its name, "" where it has no colors."""
    suffix = path.rpartition("/")[2].rpartition(".")[2]
    return "dockerfile" if is_dockerfile(path) else suffix if suffix in _LEXERS else ""


def color_lines(lines: Sequence[str], language: str) -> list[tuple[ColoredText, ...]]:
    """Return the pieces of each line.

    What begins on one line may end on another, so lines that follow each other are read together.
    """
    plain: list[tuple[ColoredText, ...]] = [((line, ""),) if line else () for line in lines]
    text = "".join(f"{line if len(line) <= LONGEST else _stand_in(line)}\n" for line in lines)
    if not language or len(text) > _MOST:
        return plain
    pieces = _color_dockerfile(text) if language == "dockerfile" else _lex(text, language)
    colored = [*_split_lines(pieces)]
    # A lexer may drop a character; colors are not worth one that is not there.
    texts = ["".join(word for word, _ in pieces) for pieces in colored]
    if texts != text.split("\n")[:-1]:
        return plain
    return [
        row if len(line) <= LONGEST else whole
        for row, line, whole in zip(colored, lines, plain, strict=True)
    ]


def _stand_in(line: str) -> str:
    """Return what is read in place of a long line: whether the next one goes on counts."""
    return "x\\" if line.endswith("\\") else "x"


def _color_dockerfile(text: str) -> Iterator[ColoredText]:
    for block in split_blocks(text):
        if block.language in _WHOLE:
            yield "".join(block.lines), _WHOLE[block.language]
        elif block.language == "script":
            yield from _lex("".join(block.lines), "sh")
        else:
            yield from _color_code(block)


def _color_code(block: ColoredBlock) -> Iterator[ColoredText]:
    """Yield the pieces of an instruction; comments between its lines are no part of the code."""
    comments = [at > 0 and is_aside(line) for at, line in enumerate(block.lines)]
    code = (line for line, is_comment in zip(block.lines, comments, strict=True) if not is_comment)
    rows = _split_lines(_lex("".join(code), block.language))
    for line, is_comment in zip(block.lines, comments, strict=True):
        if is_comment:
            yield line, "c"
        else:
            yield from next(rows, ())
            yield "\n" * line.endswith("\n"), ""


def _lex(text: str, language: str) -> Iterator[ColoredText]:
    if language in _PATTERNS:
        for match in _PATTERNS[language].finditer(text):
            yield match[0], match.lastgroup or ""
        return
    for _, token, word in _lexer(language).get_tokens_unprocessed(text):
        yield word, _kind_of_token(token)


@cache
def _kind_of_token(token: Any) -> str:
    return next((name for kind, name in _TOKENS if token in kind), "")


@cache
def _lexer(language: str) -> Lexer:
    return _LEXERS[language]()


def _split_lines(pieces: Iterable[ColoredText]) -> Iterator[tuple[ColoredText, ...]]:
    """Yield the pieces of each line without its end; neighbours of one kind are one."""
    line: list[ColoredText] = []
    for text, kind in pieces:
        for number, part in enumerate(text.split("\n")):
            if number:
                yield tuple(line)
                line = []
            if part and line and line[-1][1] == kind:
                line[-1] = (line[-1][0] + part, kind)
            elif part:
                line.append((part, kind))
    if line:
        yield tuple(line)
