"""Debian made with debootstrap, as base images are, from the archive that this machine uses."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from testing.transports import program

AS_PUBLISHED = {
    "etc/dpkg/dpkg.cfg.d/docker-apt-speedup": "force-unsafe-io\n",
    "etc/apt/apt.conf.d/docker-clean": """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
""",
}
"""Settings of published images of Debian: dpkg does not wait for the disk, apt keeps no package."""


def mirror() -> str:
    """Return the address of the archive that this machine installs from."""
    release = re.findall(r"(?m)^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text())
    words = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"]
    listed = subprocess.run(
        [*words, "Created-By: Packages"], capture_output=True, text=True, check=True
    ).stdout
    known = [line.split() for line in listed.splitlines()]
    addresses = [row[2] for row in known if row[0] in {*release, "stable"} and row[1] == "main"]
    assert addresses, f"apt of this machine knows no archive of Debian:\n{listed}"
    return addresses[0]


def bootstrap(folder: Path, suite: str, packages: Sequence[str], proxy: str) -> Path:
    """Make the root folder of a Debian release and return it as an archive."""
    archive, root = folder / "rootfs.tar", folder / "root"
    for path, text in AS_PUBLISHED.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
    words = [program("debootstrap"), "--variant=minbase"]
    words += [f"--include={','.join(packages)}"] if packages else []
    environment = {**os.environ, "http_proxy": proxy, "LC_ALL": "C"}
    made = subprocess.run(
        [*words, suite, root, mirror()],
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    for unwanted in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        unwanted.unlink()
    left = ["./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*_*", "./var/log/bootstrap.log"]
    options = [f"--exclude={pattern}" for pattern in left]
    subprocess.run(["tar", "-C", root, *options, "-cf", archive, "."], check=True)
    subprocess.run(["rm", "-rf", "--one-file-system", root], check=True)
    return archive
