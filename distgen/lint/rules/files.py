"""Tell which files of a tree are broken, unusable or secret: YAML, JSON, Python, scripts, keys."""

from __future__ import annotations

import ast
import base64
import json
import re
import warnings
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

import yaml

from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.packages import commands
from distgen.dockerfile.parse import Dockerfile, script, sources
from distgen.lint.findings import Violation, findings
from distgen.model.rendered import File, Finding, Tree
from distgen.model.words import EXECUTABLE, REGULAR, SYMLINK

_PYTHON = re.compile(rb"#!.*\bpython3[\d.]*\s*(?:-\S+\s*)*$")
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLACEHOLDER = re.compile(r"[$<{%*(]|example|changeme|passw|secret|xxx", re.IGNORECASE)
_AWS_SECRET = re.compile(
    r"(?i:aws_?secret_?access_?key)[\"']?\s*[=:]\s*[\"']?"
    r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])(?<!EXAMPLEKEY)"
)
# a pattern is tried only where its literal stands: most files hold none of them
_SECRETS = (
    (
        "a private key",
        "PRIVATE KEY",
        re.compile(
            r"-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s|[\w-]+: [^\n]*)+"
            r"[A-Za-z0-9+/=]{20}"
        ),
    ),
    ("an AWS access key", "AKIA", re.compile(r"\bAKIA[A-Z2-7]{16}\b(?<!EXAMPLE)")),
    ("an AWS access key", "ASIA", re.compile(r"\bASIA[A-Z2-7]{16}\b(?<!EXAMPLE)")),
    ("an AWS secret key", "ecret", _AWS_SECRET),
    ("an AWS secret key", "SECRET_ACCESS_KEY", _AWS_SECRET),
    ("a GitHub token", "gh", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b")),
    ("a GitHub token", "github_pat_", re.compile(r"\bgithub_pat_\w{60,}\b")),
    ("a GitLab token", "glpat-", re.compile(r"\bglpat-[\w-]{20,}")),
    ("a Slack token", "xox", re.compile(r"\bxox[abeprs]-\d{8,}-[\w-]{10,}")),
    ("a PyPI token", "pypi-AgE", re.compile(r"\bpypi-AgEIcHlwaS5vcmc[\w-]{50,}")),
    ("an npm token", "npm_", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    ("a Google API key", "AIza", re.compile(r"\bAIza[\w-]{35}(?![\w-])")),
    ("a Stripe key", "k_live_", re.compile(r"\b[rs]k_live_[A-Za-z0-9]{24,}")),
    ("a JSON web token", "eyJ", re.compile(r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}")),
)
_URL_PASSWORD = re.compile(r"://([^\s:/@\"']{1,64}):([^\s:/@\"']{6,128})@")
_REGISTRY_AUTH = re.compile(r'"auth"\s*:\s*"([A-Za-z0-9+/]{12,}={0,2})"')


def contents(
    tree: Tree, own: Dockerfile | None, base: Dockerfile | None = None
) -> tuple[Finding, ...]:
    """Check every file of a tree but symbolic links; `base` is its parent's Dockerfile."""
    done = steps(own, base)
    remarks: list[Violation] = []
    for file in tree.files:
        if file.mode == SYMLINK:
            continue
        found = _broken(file.path.rpartition("/")[2], file.content)
        remarks += (Violation(code, text, line, file.path) for code, line, text in found)
        if is_script(file) and not becomes_executable(file, done):
            text = f"{file.path} begins with #! but is not executable"
            remarks.append(Violation("DG303", text, 1, file.path))
    return findings(tree, remarks)


def is_script(file: File) -> bool:
    """Tell whether a file begins with `#!`."""
    return file.content.startswith(b"#!") and file.mode in (REGULAR, EXECUTABLE)


def steps(own: Dockerfile | None, base: Dockerfile | None) -> tuple[Instruction, ...]:
    """Return what a build does: the triggers of the base, then the image's own instructions."""
    return (*(base.triggers if base else ()), *(own.instructions if own else ()))


def becomes_executable(file: File, done: Iterable[Instruction]) -> bool:
    """Tell whether a script is executable, or made so by a COPY --chmod or a chmod."""
    if file.mode == EXECUTABLE:
        return True
    name = file.path.rpartition("/")[2]
    for instruction in done:
        if instruction.cmd in {"COPY", "ADD"} and (mode := instruction.flag("chmod")):
            copied = any(_covers(source, file.path) for source in sources(instruction))
            if copied and ("x" in mode or any(digit in "1357" for digit in mode)):
                return True
        if instruction.cmd == "RUN":
            for words in commands(script(instruction)):
                if "chmod" in words and any(
                    fnmatchcase(name, word.rpartition("/")[2]) or word in {"-R", "--recursive"}
                    for word in words
                ):
                    return True
    return False


def _covers(source: str, path: str) -> bool:
    plain = source.strip("/").removeprefix("./") or "."
    return plain == "." or fnmatchcase(path, plain) or path.startswith(f"{plain}/")


@lru_cache(maxsize=4096)
def _broken(name: str, content: bytes) -> tuple[tuple[str, int, str], ...]:
    """Return code, line and message; many images share a file, so it is looked at once."""
    found: list[tuple[str, int, str]] = []
    if b"\0" in content[:8000]:
        return ()
    text = content.decode("utf-8", "replace")
    if name.endswith((".yaml", ".yml")):
        found += _yaml(text)
    elif name.endswith(".json"):
        found += _json(text)
    elif _PYTHON.match(content.split(b"\n", 1)[0]):
        found += _python(text)
    return (*found, *_secret(text))


def _yaml(text: str) -> Iterator[tuple[str, int, str]]:
    try:
        for _ in yaml.parse(text, Loader=_YAML):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        text = f"not YAML: {error.problem or error.context}"
        yield "DG301", mark.line + 1 if mark else 1, text
    except yaml.YAMLError as error:
        yield "DG301", 1, f"not YAML: {str(error).splitlines()[0]}"


def _json(text: str) -> Iterator[tuple[str, int, str]]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        yield "DG302", error.lineno, f"not JSON: {error.msg}"
    except RecursionError:
        yield "DG302", 1, "not JSON that can be read: nested too deep"


def _python(text: str) -> Iterator[tuple[str, int, str]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        yield "DG305", error.lineno or 1, f"not Python: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        yield "DG305", 1, f"not Python that can be read: {error}"


def _secret(text: str) -> Iterator[tuple[str, int, str]]:
    """Find secrets by their shape; the message never holds what was found."""
    for what, start in sorted(set(_shapes(text)), key=lambda found: found[1]):
        yield "DG304", text.count("\n", 0, start) + 1, f"this looks like {what}"


def _shapes(text: str) -> Iterator[tuple[str, int]]:
    for what, literal, pattern in _SECRETS:
        if literal in text:
            for match in pattern.finditer(text):
                yield what, match.start()
    for match in _URL_PASSWORD.finditer(text):
        user, password = match.groups()
        if password != user and not _PLACEHOLDER.search(password) and _mixed(password):
            yield "a URL with a password", match.start()
    for match in _REGISTRY_AUTH.finditer(text) if '"auth"' in text else ():
        if _names_user(match[1]):
            yield "a registry password", match.start()


def _names_user(encoded: str) -> bool:
    """Tell whether base64 holds `user:password`, as in a docker config.json."""
    try:
        return b":" in base64.b64decode(encoded, validate=True)[1:-1]
    except ValueError:
        return False


def _mixed(password: str) -> bool:
    return bool(re.search(r"\d", password) and re.search(r"[A-Za-z]", password))
