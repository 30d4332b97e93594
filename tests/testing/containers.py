"""buildah with a storage of its own, so that nothing else on the machine is touched."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MACHINE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a packager's programs are; those of a virtual environment are elsewhere."""


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cost:
    """How long something took, and the seconds that processors worked for it."""

    seconds: float
    processor: float


class Engine:
    """buildah as a packager of a closed network has it: settings of the machine, and no options.

    `insecure` are registries that speak plain HTTP.
    """

    def __init__(self, folder: Path, insecure: Sequence[str]) -> None:
        self.folder = folder
        (folder / "home").mkdir(parents=True)
        (folder / "tmp").mkdir()
        storage = {"graphroot": folder / "storage", "runroot": folder / "run"}
        lines = [f"{key} = {json.dumps(str(path))}" for key, path in storage.items()]
        (folder / "storage.conf").write_text("\n".join(["[storage]", 'driver = "overlay"', *lines]))
        entries = [f'[[registry]]\nlocation = "{host}"\ninsecure = true\n' for host in insecure]
        (folder / "registries.conf").write_text("".join(entries))
        self.settings = {
            "TMPDIR": str(folder / "tmp"),
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        }
        self.environment = {
            "PATH": MACHINE,
            "HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **self.settings,
        }

    def call(self, words: Sequence[object], cwd: Path | None = None) -> Ended:
        """Run a command of a packager."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=300,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def build(self, words: Sequence[str], folder: Path, log: Path) -> Cost:
        """Run a command that builds, in a folder; what it prints goes into the log as it comes."""
        began = time.monotonic()
        with log.open("wb") as out:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        text = log.read_text(errors="replace")
        assert process.returncode == 0, f"{shlex.join(words)}\n{text[-4000:]}"
        return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime)

    def run(self, *words: object, cwd: Path | None = None) -> str:
        """Run buildah, and return what it printed."""
        done = self.call(["buildah", *words], cwd)
        assert done.code == 0, (words, done.out[-1000:], done.err[-3000:])
        return done.out

    def image(self, reference: str) -> Mapping[str, Any]:
        """Return the configuration of an image as a registry has it."""
        words = ["skopeo", "inspect", "--config", "--tls-verify=false", f"docker://{reference}"]
        done = self.call(words)
        assert done.code == 0, done.err
        config: Mapping[str, Any] = json.loads(done.out)
        return config

    def size(self, reference: str) -> int:
        """Return how many bytes the image is to whoever pulls it, all layers together."""
        words = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference}"]
        manifest = json.loads(self.call(words).out)
        return sum(layer["size"] for layer in manifest["layers"])

    def start(
        self, reference: str, *arguments: str, user: str = "", volumes: Sequence[str] = ()
    ) -> Ended:
        """Start an image as an engine does: its entrypoint with arguments, else its command."""
        config = self.image(reference)["config"]
        words = [*(config.get("Entrypoint") or []), *(arguments or config.get("Cmd") or [])]
        container = self.run("from", "--pull-never", reference).strip()
        try:
            options = [*(["--user", user] if user else []), *(f"--volume={v}" for v in volumes)]
            return self.call(["buildah", "run", *options, container, "--", *words])
        finally:
            self.run("rm", container)

    def close(self) -> None:
        """Take mounts of this storage away, so that its folder can go with all that is in it."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        mounts = [path for line in lines if self.folder in (path := Path(line.split()[4])).parents]
        for path in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", path], check=True)
