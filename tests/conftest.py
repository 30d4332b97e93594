"""Situations shared by the tests: a catalogue on disk, and an environment that says nothing."""

from __future__ import annotations

import os
import signal
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

pytest.register_assert_rewrite("testing")
CatalogueFolder = Callable[[Mapping[str, str | bytes]], Path]

# A job in the background, or below nohup, ignores them, and so would all that the tests start; a
# handler is not handed on.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def clean_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the developer's git configuration, home and dates out of every test."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "DISTGEN_", "XDG_")) or name == "SOURCE_DATE_EPOCH":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def catalogue(tmp_path: Path) -> CatalogueFolder:
    """Return a function that writes a file tree and returns its root.

    Text is dedented and loses a first empty line; bytes are written as they are. A file that
    starts with `#!` is executable. Called again, it adds to the same tree.
    """
    root = tmp_path / "catalogue"

    def write(files: Mapping[str, str | bytes]) -> Path:
        settings = {} if (root / "distgen.yaml").exists() else {"distgen.yaml": "version: 1\n"}
        for name, text in {**settings, **files}.items():
            content = text if isinstance(text, bytes) else _plain(text)
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if content.startswith(b"#!") else 0o644)
        return root

    return write


def _plain(text: str) -> bytes:
    return textwrap.dedent(text).removeprefix("\n").encode()
