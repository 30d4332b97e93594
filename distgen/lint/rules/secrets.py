"""Check that no file of a tree holds a secret: keys, tokens and passwords, by their shape."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import lru_cache

from distgen.lint.findings import Violation
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.files import text_files
from distgen.lint.rules.rule import rule

_PLACEHOLDER = re.compile(r"[$<{%*(]|example|changeme|passw|secret|xxx", re.IGNORECASE)
_AWS_SECRET = re.compile(
    r"(?i:aws_?secret_?access_?key)[\"']?\s*[=:]\s*[\"']?"
    r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])(?<!EXAMPLEKEY)"
)
# A pattern is tried only where its literal is found: most files hold none of them.
_SECRETS = (
    (
        "a private key",
        "PRIVATE KEY",
        re.compile(
            # A header ends at its line: where it could end anywhere, forty of them took for ever.
            r"-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY(?: BLOCK)?-----"
            r"(?:\\n|\s|[\w-]{1,40}: (?:(?!\\n)[^\n]){0,200}(?:\\n|\n)){1,400}"
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
    ("a JSON web token", "eyJ", re.compile(r"(?<![\w-])eyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}")),
)
_URL_PASSWORD = re.compile(r"://([^\s:/@\"']{1,64}):([^\s:/@\"']{6,128})@")
_REGISTRY_AUTH = re.compile(r'"auth"\s*:\s*"([A-Za-z0-9+/]{12,}={0,2})"')


@rule(
    "DG304",
    "A file holds what looks like a secret",
    "error",
    problem="A file holds a private key, a token of a known service, or a URL with a password. "
    "Defaults such as ``changeme`` are not meant.",
    why="Dist-git repositories are public and never forget.",
    fix="Withdraw the secret where it is valid, then mount it at run time or at build time with "
    "``RUN --mount=type=secret``.",
    needs_stages=False,
)
def visible_secrets(context: RuleContext) -> Iterator[Violation]:
    for file in text_files(context):
        for line, name in _secrets(file.content):
            # The message names the kind only: findings are printed and stored in public places.
            yield Violation(f"this looks like {name}", line, file.path)


@lru_cache(maxsize=4096)
def _secrets(content: bytes) -> tuple[tuple[int, str], ...]:
    """Return line and kind of each secret; images share files, so each is looked at once."""
    text = content.decode("utf-8", "replace")
    places = sorted(set(_places(text)), key=lambda place: place[1])
    line, counted, secrets = 1, 0, []
    for name, start in places:
        line += text.count("\n", counted, start)
        counted = start
        secrets.append((line, name))
    return tuple(secrets)


def _places(text: str) -> Iterator[tuple[str, int]]:
    for name, literal, pattern in _SECRETS:
        if literal in text:
            for match in pattern.finditer(text):
                yield name, match.start()
    for match in _URL_PASSWORD.finditer(text):
        user, password = match.groups()
        if password != user and not _PLACEHOLDER.search(password) and _is_mixed(password):
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


def _is_mixed(password: str) -> bool:
    return bool(re.search(r"\d", password) and re.search(r"[A-Za-z]", password))
