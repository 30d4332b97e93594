"""A wheel with a program of distgen's name in it, which pip installs without a network."""

from __future__ import annotations

import zipfile
from pathlib import Path

_ABOUT = "distgen_git-1.dist-info"
_FILES = {
    "stub.py": "def main():\n    print('a stub')\n",
    f"{_ABOUT}/METADATA": "Metadata-Version: 2.1\nName: distgen-git\nVersion: 1\n",
    f"{_ABOUT}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{_ABOUT}/entry_points.txt": "[console_scripts]\ndistgen = stub:main\n",
    f"{_ABOUT}/RECORD": "",
}


def write_stub_wheel(folder: Path) -> Path:
    """Write the wheel; its `distgen` prints that it is a stub."""
    wheel = folder / "distgen_git-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in _FILES.items():
            archive.writestr(name, text)
    return wheel
