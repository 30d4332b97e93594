"""Color words of one line by what they are in a Dockerfile, a script, YAML or JSON."""

from __future__ import annotations

import html
import re
from functools import cache, lru_cache

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers.configs import DockerLexer
from pygments.lexers.data import JsonLexer, YamlLexer
from pygments.lexers.shell import BashLexer

from distgen.dockerfile.filename import is_dockerfile

_LEXERS: dict[str, type[Lexer]] = {
    "dockerfile": DockerLexer,
    "sh": BashLexer,
    "bash": BashLexer,
    "yaml": YamlLexer,
    "yml": YamlLexer,
    "json": JsonLexer,
}
_TAG = re.compile(r"<[^>]*>")
_MOST_KEPT = 10_000
"""So many lines are kept: each is shown in two views, and many files hold the same ones."""


def find_language(path: str) -> str:
    """Return the language of a file by its name, "" where it has no colors."""
    suffix = path.rpartition("/")[2].rpartition(".")[2]
    return "dockerfile" if is_dockerfile(path) else suffix if suffix in _LEXERS else ""


@cache
def formatter() -> HtmlFormatter[str]:
    """Return what writes words with their classes; to make one takes longer than to use it."""
    return HtmlFormatter(nowrap=True)


@lru_cache(_MOST_KEPT)
def color_words(text: str, language: str) -> Markup:
    """Return a text of one line as HTML in which words have a class by what they are."""
    if language not in _LEXERS or not text.strip():
        return escape(text)
    # A comment is one up to the end of its line only.
    colored = str(highlight(text, _lexer(language), formatter())).removesuffix("\n")
    # A lexer may drop a character; colors are not worth one that is not there.
    is_whole = html.unescape(_TAG.sub("", colored)) == text
    return Markup(colored) if is_whole else escape(text)


@cache
def _lexer(language: str) -> Lexer:
    return _LEXERS[language](stripnl=False, ensurenl=True)
