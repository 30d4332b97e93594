"""The wheel of this checkout, built as a release is; the checkout stays as it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
_MADE = {"build", "dist", "dist-git", "node_modules", "venv"}
_MADE |= {".git", ".cache", ".hypothesis", ".nox", ".tox", ".venv"}


def copy_checkout(folder: Path) -> Path:
    """Copy what a release is made of, without the repository and what programs left there."""

    def left_out(place: str, names: Sequence[str]) -> set[str]:
        made = {name for name in names if name == "__pycache__" or name.endswith(".egg-info")}
        if Path(place) != CHECKOUT:
            return made
        return made | {name for name in names if name in _MADE or name.endswith("_cache")}

    shutil.copytree(CHECKOUT, folder, ignore=left_out, symlinks=True)
    return folder


def build_wheel(folder: Path) -> Path:
    """Build the wheel into a folder; pip fetches what builds it."""
    source = copy_checkout(folder / "source")
    words = ["pip", "wheel", "-q", "--no-deps", "--wheel-dir", folder, source]
    built = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, check=False, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel
