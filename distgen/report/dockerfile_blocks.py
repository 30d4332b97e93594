"""Cut a Dockerfile, or some lines of one, into blocks of one language each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from distgen.dockerfile.instruction import KEYWORDS

_KEYWORD = re.compile(r"\s*([A-Za-z]+)(?=\s|$)")
_ESCAPE = re.compile(r"(?:#\s*syntax\s*=.*\n)?#\s*escape\s*=\s*(\S)")
_HEREDOC = re.compile(r"(?<!<)<<(-?)(?!<)\s*([\"']?)(\w+)\2")
_SETTING = re.compile(r"\s*[\w./-]+=")
_PAIRS = ("LABEL", "ENV", "ARG")
_SCRIPTS = ("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK", "COPY", "ADD", "")
_SHELLS = re.compile(r"\s*(?:(?:\S*/)?(?:ba|da|a)?sh(?:\s+-\w+)*)?\s*")


@dataclass(frozen=True, slots=True)
class ColoredBlock:
    """Neighbouring lines in one language; "pairs", "from" and the like are those of instructions.

    Of the code of an instruction, lines that begin with # are no part, but for its first one.
    """

    language: str
    lines: tuple[str, ...]


def split_blocks(text: str) -> Iterator[ColoredBlock]:
    """Yield the blocks of a text in order; nothing of it is left out."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    directive = _ESCAPE.match(text)
    escape = directive[1] if directive else "\\"
    at = 0
    while at < len(lines):
        if is_aside(lines[at]):
            yield ColoredBlock("comment", (lines[at],))
            at += 1
            continue
        end = _end_of_instruction(lines, at, escape)
        length, keyword = _read_keyword(lines[at])
        yield ColoredBlock("keyword", (lines[at][:length],))
        body = (lines[at][length:], *lines[at + 1 : end])
        yield ColoredBlock(_language(keyword, body), body)
        at = end
        if keyword in ("RUN", "COPY", "ADD"):
            for block in _heredocs(keyword, body, lines, end):
                yield block
                at += len(block.lines)


def is_aside(line: str) -> bool:
    """Tell whether a line is a comment or blank."""
    stripped = line.strip()
    return not stripped or stripped.startswith("#")


def _end_of_instruction(lines: Sequence[str], start: int, escape: str) -> int:
    for at in range(start, len(lines)):
        is_between = at > start and is_aside(lines[at])
        if not is_between and not lines[at].rstrip().endswith(escape):
            return at + 1
    return len(lines)


def _read_keyword(line: str) -> tuple[int, str]:
    """Return where the keyword of a line ends, and the keyword, of `ONBUILD RUN` the second."""
    end, keyword = 0, ""
    while (match := _KEYWORD.match(line, end)) and match[1].upper() in KEYWORDS:
        if keyword not in ("", "ONBUILD"):
            break
        end, keyword = match.end(), match[1].upper()
    return end, keyword


def _language(keyword: str, body: Sequence[str]) -> str:
    text = "".join(body)
    if keyword in _PAIRS or (not keyword and _SETTING.match(text)):
        return "pairs"
    if text.lstrip().startswith("["):
        return "json"
    if keyword in _SCRIPTS:
        return "sh"
    return "from" if keyword == "FROM" else "string"


def _heredocs(
    keyword: str, body: Sequence[str], lines: Sequence[str], start: int
) -> Iterator[ColoredBlock]:
    """Yield the files that are written below an instruction, each before the word that ends it."""
    code = "".join(line for line in body if not line.lstrip().startswith("#"))
    for match in _HEREDOC.finditer(code):
        ends = (
            at
            for at in range(start, len(lines))
            if (lines[at].lstrip("\t") if match[1] else lines[at]).removesuffix("\n") == match[3]
        )
        end = next(ends, -1)
        if end < 0:
            return
        yield ColoredBlock(_heredoc_language(keyword, code), tuple(lines[start:end]))
        yield ColoredBlock("string", (lines[end],))
        start = end + 1


def _heredoc_language(keyword: str, code: str) -> str:
    """Return the language of a heredoc: a script where a shell reads it, else a text."""
    if keyword == "RUN":
        return "script" if _SHELLS.fullmatch(_HEREDOC.split(code)[0]) else "string"
    suffix = code.rsplit(maxsplit=1)[-1].rpartition(".")[2]
    return suffix if suffix in ("sh", "bash", "yaml", "yml", "json") else "string"
