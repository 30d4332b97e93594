"""A node of Zuul: runs the playbooks of a job with Ansible on this machine, as an executor does.

The variables and playbooks of a job are those that Zuul itself froze. `zuul_return` is Zuul's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zuul.ansible
from testing.zuul_tenant import CATALOGUE, HOST, FrozenJob

PLUGINS = Path(zuul.ansible.__path__[0]) / "base"


@dataclass(frozen=True)
class JobRun:
    """What a job left behind: `artifacts` are those that it told Zuul of."""

    code: int
    printed: str
    artifacts: Sequence[Mapping[str, Any]]
    logs: Mapping[str, str]


@dataclass(frozen=True)
class Node:
    """A home with what Zuul prepared below `src`, and a folder of the executor beside it."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def catalogue(self) -> Path:
        return self.home / "src" / HOST / CATALOGUE

    def play(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `ansible-playbook` with the settings of an executor."""
        settings = {
            "ANSIBLE_ACTION_PLUGINS": str(PLUGINS / "action"),
            "ANSIBLE_ROLES_PATH": str(self.catalogue / "roles"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ZUUL_JOBDIR": str(self.folder / "executor"),
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        return subprocess.run(
            [program, *words],
            cwd=self.home,
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,  # the shell of a container leaves it without blocking
            timeout=900,
        )

    def run(
        self,
        job: FrozenJob,
        credentials: Mapping[str, Mapping[str, str]] | None = None,
        variables: Mapping[str, Any] | None = None,
        **zuul_variables: Any,
    ) -> JobRun:
        """Run the playbooks of a job; those that may know the secret get it."""
        work = self.folder / "executor/work"
        work.mkdir(parents=True, exist_ok=True)
        (work / "results.json").write_text("")
        src = f"src/{HOST}/{CATALOGUE}"
        zuul_facts = {
            "project": {"src_dir": src},
            "projects": {f"{HOST}/{CATALOGUE}": {"src_dir": src}},
            "executor": {"log_root": str(work / "logs")},
            "items": [],
            **zuul_variables,
        }
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        facts = {"distgen_home": str(self.home), **job.variables, **(variables or {})}
        inventory = {"all": {"hosts": {"node": host}, "vars": {**facts, "zuul": zuul_facts}}}
        (work / "inventory.json").write_text(json.dumps(inventory))
        (work / "secrets.json").write_text(
            json.dumps({"container_registry_credentials": credentials or {}})
        )
        code, printed = 0, ""
        for playbook in job.playbooks:
            words = ["-v", "-i", work / "inventory.json", self.catalogue / playbook]
            if playbook in job.secrets:
                words += ["-e", f"@{work / 'secrets.json'}"]
            ended = self.play(*words)
            printed += ended.stdout + ended.stderr
            code = code or ended.returncode
        text = (work / "results.json").read_text()
        artifacts = json.loads(text)["data"]["zuul"]["artifacts"] if text else []
        logs = {
            str(path.relative_to(work / "logs")): path.read_text()
            for path in sorted((work / "logs").rglob("*"))
            if path.is_file()
        }
        return JobRun(code, printed, artifacts, logs)
