"""Turns what a template printed into the text of a file: normalised, and with its header."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class Style(NamedTuple):
    """How a kind of file writes a comment, and what must stay above it."""

    start: str
    end: str
    above: re.Pattern[str]
    apart: bool = False


# A shebang and an encoding are only read from the first lines, a Dockerfile's directives only
# above all comments: https://docs.docker.com/reference/dockerfile/#parser-directives
_HASH = Style(
    "# ",
    "",
    re.compile(
        r"(?:#!.*\n)?(?:#.*coding[:=].*\n)?(?:#[ \t]*(?:syntax|escape|check)[ \t]*=.*\n)*", re.I
    ),
)
_RST = Style(".. ", "", re.compile(""), apart=True)
_MARKDOWN = Style("<!-- ", " -->", re.compile(r"(?:---\n(?:.*\n)*?---\n)?"), apart=True)
_XML = Style(
    "<!-- ",
    " -->",
    re.compile(r"(?:<\?xml.*\?>\n)?(?:<!doctype.*>\n)?(?!<\?xml|<!doctype)", re.I),
)
_SLASHES = Style("/* ", " */", re.compile(r"(?:#!.*\n)?"))
_DASHES = Style("-- ", "", re.compile(r"(?:#!.*\n)?"))

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
    ".rst": _RST,
}
_NAMES = {
    **dict.fromkeys(("makefile", "gnumakefile", "bindep.txt", "constraints.txt"), _HASH),
    **dict.fromkeys((".dockerignore", ".containerignore", ".gitignore", ".gitattributes"), _HASH),
    ".editorconfig": _HASH,
    "jenkinsfile": _SLASHES,
}
_REQUIREMENTS = re.compile(r".*requirements.*\.(?:txt|in)")


@lru_cache(maxsize=4096)
def is_dockerfile(path: str) -> bool:
    """Tell whether a builder would read the file as a Dockerfile, by its name."""
    name = path.rpartition("/")[2]
    stem, _, suffix = name.rpartition(".")
    words = ("Dockerfile", "Containerfile")
    return name in words or (stem != "" and suffix in words) or name.split(".")[0] in words


@lru_cache(maxsize=4096)
def _style(path: str) -> Style | None:
    name = path.rpartition("/")[2].lower()
    if is_dockerfile(path) or _REQUIREMENTS.fullmatch(name):
        return _HASH
    return _NAMES.get(name) or _SUFFIXES.get("." + name.rpartition(".")[2])


def finish(text: str, path: str, origins: str) -> str:
    """Return the text as the file holds it; `origins` are the words of the header.

    LF ends every line and the file, no line ends in blanks, nothing is blank at the top, and in a
    Dockerfile no two lines in a row are blank.
    """
    once = is_dockerfile(path)
    if not _is_tidy(text, once):
        text = _tidy(text, once)
    place = _header(text, path, origins)
    if place is None:
        return text
    at, header = place
    return text[:at] + header + text[at:] if at else header + text


def finished_lines(text: str, path: str, origins: str) -> list[int | None]:
    """Return for each line of the finished text the line of `text` it was, None for the header."""
    kept: list[int | None] = list(_kept(_split(text), is_dockerfile(path)))
    tidy = _tidy(text, is_dockerfile(path))
    place = _header(tidy, path, origins)
    if place is not None:
        at, header = place
        row = tidy.count("\n", 0, at)
        kept[row:row] = [None] * header.count("\n")
    return kept


def _is_tidy(text: str, once: bool) -> bool:
    return (
        text[-1:] == "\n"
        and text[0] != "\n"
        and text[-2:] != "\n\n"
        and " \n" not in text
        and "\t\n" not in text
        and "\r" not in text
        and not (once and "\n\n\n" in text)
    )


def _tidy(text: str, once: bool) -> str:
    rows = _split(text)
    kept = _kept(rows, once)
    return "".join(f"{rows[number]}\n" for number in kept)


def _split(text: str) -> list[str]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [row.rstrip(" \t") for row in text.split("\n")]


def _kept(rows: list[str], once: bool) -> list[int]:
    last = len(rows)
    while last and not rows[last - 1]:
        last -= 1
    kept: list[int] = []
    for number in range(last):
        if not rows[number] and (not kept or (once and not rows[number - 1])):
            continue
        kept.append(number)
    return kept


def _header(text: str, path: str, origins: str) -> tuple[int, str] | None:
    style = _style(path)
    if style is None and text.startswith("#!"):
        style = _HASH
    above = style.above.match(text) if style else None
    # "--" ends nothing but is forbidden in comments of XML.
    if style is None or above is None or (style.end == " -->" and "--" in origins):
        return None
    gap = "\n" if style.apart else ""
    header = f"{style.start}Generated by distgen from {origins}; edit those instead.{style.end}\n"
    return above.end(), header + gap
