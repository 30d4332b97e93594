"""Fetch the libraries of pages again, as `vendored.json` names them, after changing a version.

    python tests/report/vendor.py [--renew]

npm fetches each package, whose sum must be the one in the file; `--renew` writes a new one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "distgen/report/vendored"
LISTING = FOLDER / "vendored.json"


def fetch(package: dict[str, Any], folder: Path, renew: bool) -> None:
    """Replace the files of one package."""
    name = f"{package['name']}@{package['version']}"
    packed = subprocess.run(["npm", "pack", "--silent", name], cwd=folder, check=True,
                            capture_output=True, text=True).stdout.split()[-1]  # fmt: skip
    content = (folder / packed).read_bytes()
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode('ascii')}"
    if renew:
        package["integrity"] = integrity
    if integrity != package["integrity"]:
        raise SystemExit(f"{name} is {integrity}, and {LISTING.name} says {package['integrity']}")
    with tarfile.open(folder / packed) as archive:
        for file in package["files"]:
            member = archive.extractfile(f"package/{file['of']}")
            assert member, file["of"]
            text = member.read()
            (FOLDER / file["path"]).write_bytes(text)
            file["sha256"] = hashlib.sha256(text).hexdigest()


if __name__ == "__main__":
    packages = json.loads(LISTING.read_text())
    with tempfile.TemporaryDirectory() as place:
        for listed in packages:
            fetch(listed, Path(place), "--renew" in sys.argv[1:])
    LISTING.write_text(json.dumps(packages, indent=2) + "\n")
