"""Turn what a template printed into the text of a file: normalised, and with its header."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from distgen.dockerfile.filename import is_dockerfile


class CommentStyle(NamedTuple):
    """How a kind of file writes a comment, what must stay above it, and what follows it."""

    start: str
    end: str
    above: re.Pattern[str]
    gap: str = ""


# A shebang and an encoding are only read from the first lines, a Dockerfile's directives only
# above all comments: https://docs.docker.com/reference/dockerfile/#parser-directives
_HASH = CommentStyle(
    "# ",
    "",
    re.compile(
        r"(?:#!.*\n)?(?:#.*coding[:=].*\n)?(?:#[ \t]*(?:syntax|escape|check)[ \t]*=.*\n)*", re.I
    ),
)
_RST = CommentStyle(".. ", "", re.compile(""), gap="\n")
_MARKDOWN = CommentStyle("<!-- ", " -->", re.compile(r"(?:---\n(?:.*\n)*?---\n)?"), gap="\n")
_XML = CommentStyle(
    "<!-- ",
    " -->",
    re.compile(r"(?:<\?xml.*\?>\n)?(?:<!doctype.*>\n)?(?!<\?xml|<!doctype)", re.I),
)
_SLASHES = CommentStyle("/* ", " */", re.compile(r"(?:#!.*\n)?"))
_DASHES = CommentStyle("-- ", "", re.compile(r"(?:#!.*\n)?"))

_HASHED = (
    ".sh .bash .bats .py .pl .rb .yaml .yml .conf .cfg .cnf .ini .toml .env .properties .repo "
    ".service .timer .socket .target .mk .tf .spec .logrotate"
)
_SUFFIXES = {
    **dict.fromkeys(_HASHED.split(), _HASH),
    **dict.fromkeys((".md", ".markdown"), _MARKDOWN),
    **dict.fromkeys((".html", ".htm", ".xml", ".svg", ".xsl"), _XML),
    **dict.fromkeys((".js", ".css", ".c", ".h", ".java", ".groovy"), _SLASHES),
    **dict.fromkeys((".sql", ".lua", ".hs"), _DASHES),
    **dict.fromkeys((".dockerignore", ".containerignore"), _HASH),
    ".rst": _RST,
}
_NAMES = {
    **dict.fromkeys(("makefile", "gnumakefile", "bindep.txt", "constraints.txt"), _HASH),
    **dict.fromkeys((".gitignore", ".gitattributes", ".editorconfig"), _HASH),
    "jenkinsfile": _SLASHES,
}
_REQUIREMENTS = re.compile(r".*requirements.*\.(?:txt|in)")


@lru_cache(maxsize=4096)
def _style(path: str) -> CommentStyle | None:
    name = path.rpartition("/")[2].lower()
    if is_dockerfile(path) or _REQUIREMENTS.fullmatch(name):
        return _HASH
    return _NAMES.get(name) or _SUFFIXES.get("." + name.rpartition(".")[2])


def normalize(text: str, path: str, origins: str) -> str:
    """Return the text as the file holds it; `origins` are the words of the header.

    LF ends every line and the file, no line ends in blanks, nothing is blank at the top, and in a
    Dockerfile no two lines in a row are blank.
    """
    single_blanks = is_dockerfile(path)
    if not _is_tidy(text, single_blanks):
        text = _tidy_text(text, single_blanks)
    place = _make_header(text, path, origins)
    if place is None:
        return text
    at, header = place
    return text[:at] + header + text[at:] if at else header + text


def source_rows(text: str, path: str, origins: str) -> list[int | None]:
    """Return for each line of the normalised text its row of `text`, None for the header."""
    rows: list[int | None] = list(_rows_to_keep(_split_rows(text), is_dockerfile(path)))
    tidy = _tidy_text(text, is_dockerfile(path))
    place = _make_header(tidy, path, origins)
    if place is not None:
        at, header = place
        row = tidy.count("\n", 0, at)
        rows[row:row] = [None] * header.count("\n")
    return rows


def printed_rows(text: str) -> list[int | None]:
    """Return the rows of a text that stays as it is printed."""
    return list(range(len(text.split("\n")) - text.endswith("\n")))


def _is_tidy(text: str, single_blanks: bool) -> bool:
    return (
        text[-1:] == "\n"
        and text[0] != "\n"
        and text[-2:] != "\n\n"
        and " \n" not in text
        and "\t\n" not in text
        and "\r" not in text
        and not (single_blanks and "\n\n\n" in text)
    )


def _tidy_text(text: str, single_blanks: bool) -> str:
    rows = _split_rows(text)
    return "".join(f"{rows[number]}\n" for number in _rows_to_keep(rows, single_blanks))


def _split_rows(text: str) -> list[str]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [row.rstrip(" \t") for row in text.split("\n")]


def _rows_to_keep(rows: list[str], single_blanks: bool) -> list[int]:
    last = len(rows)
    while last and not rows[last - 1]:
        last -= 1
    numbers: list[int] = []
    for number in range(last):
        if rows[number] or (numbers and (rows[number - 1] or not single_blanks)):
            numbers.append(number)
    return numbers


def _make_header(text: str, path: str, origins: str) -> tuple[int, str] | None:
    style = _style(path)
    if style is None and text.startswith("#!"):
        style = _HASH
    above = style.above.match(text) if style else None
    # "--" ends nothing but is forbidden in comments of XML.
    if style is None or above is None or (style.end == " -->" and "--" in origins):
        return None
    header = f"{style.start}Generated by distgen from {origins}; edit those instead.{style.end}\n"
    return above.end(), header + style.gap
