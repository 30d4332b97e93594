"""Color words of one line by what they are in a Dockerfile, a script, YAML or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import groupby

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers.configs import DockerLexer
from pygments.lexers.data import JsonLexer, YamlLexer
from pygments.lexers.shell import BashLexer
from pygments.token import STANDARD_TYPES, _TokenType

from distgen.dockerfile.filename import is_dockerfile

_LEXERS: dict[str, type[Lexer]] = {
    "dockerfile": DockerLexer,
    "sh": BashLexer,
    "bash": BashLexer,
    "yaml": YamlLexer,
    "yml": YamlLexer,
    "json": JsonLexer,
}
COLORED = frozenset(
    (
        *("k", "kc", "kd", "kr"),  # keywords
        *("s", "s1", "s2", "sb", "se"),  # strings
        *("c", "c1", "cm"),  # comments
        *("na", "nb", "nt", "nv"),  # names
    )
)
"""The classes that the style has a color for; half of a page would be the others."""
_MOST_KEPT = 10_000
"""So many lines are kept: each is shown in two views, and many files hold the same ones."""


def find_language(path: str) -> str:
    """Return the language of a file by its name, "" where it has no colors."""
    suffix = path.rpartition("/")[2].rpartition(".")[2]
    return "dockerfile" if is_dockerfile(path) else suffix if suffix in _LEXERS else ""


@lru_cache(_MOST_KEPT)
def color_words(text: str, language: str) -> Markup:
    """Return a text of one line as HTML in which words have a class by what they are."""
    return color_lines((text,), language)[0] if text.strip() else escape(text)


def color_lines(lines: Sequence[str], language: str) -> list[Markup]:
    """Return the lines of a file as HTML, each with its words colored as those of the whole."""
    # A comment of a last line is one only where the line ends.
    text = "".join(f"{line}\n" for line in lines)
    tokens = tuple(_lexer(language).get_tokens(text)) if language in _LEXERS else ()
    # A lexer may drop a character; colors are not worth one that is not there.
    if "".join(word for _, word in tokens) == text:
        colored = "".join(_write_spans(tokens)).split("\n")[:-1]
        if len(colored) == len(lines):
            return [Markup(line) for line in colored]
    return [escape(line) for line in lines]


def _write_spans(tokens: Iterable[tuple[_TokenType, str]]) -> Iterator[str]:
    """Yield HTML in which no span goes on at the next line."""
    for name, words in groupby(tokens, key=lambda token: _class_name(token[0])):
        text = str(escape("".join(word for _, word in words)))
        if not name:
            yield text
            continue
        rows = text.split("\n")
        yield "\n".join(f'<span class="{name}">{row}</span>' if row else "" for row in rows)


@cache
def _class_name(kind: _TokenType) -> str:
    """Return the class of words of a kind, "" for one without a color."""
    while kind not in STANDARD_TYPES and kind.parent:
        kind = kind.parent
    name = STANDARD_TYPES.get(kind, "")
    return name if name in COLORED else ""


@cache
def _lexer(language: str) -> Lexer:
    return _LEXERS[language](stripnl=False, ensurenl=False)
