"""Steps of GitHub Actions and jobs of GitLab, run with bash as their runners do."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from testing.job_site import JobSite


def run_steps(
    steps: list[dict[str, Any]], values: Mapping[str, str], site: JobSite
) -> tuple[int, str, dict[str, str]]:
    """Run the scripts of GitHub's steps; return the exit code, what was printed, and the outputs.

    `values` are those of the expressions. An action is not run, and neither is pip, which would
    ask the world.
    """
    places = {
        "GITHUB_ACTIONS": "true",
        "RUNNER_TEMP": str(site.folder / "runner"),
        **{
            name: str(site.folder / "runner" / name)
            for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
        },
    }
    (site.folder / "runner").mkdir(exist_ok=True)
    for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
        Path(places[name]).write_text("")
    code, printed = 0, ""
    for step in steps:
        if "run" not in step or "pip" in step["run"]:
            continue
        given = {name: _fill(text, values) for name, text in step.get("env", {}).items()}
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=site.clone,
            env={**site.environment, **places, **given},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        printed += ended.stdout + ended.stderr
        code = code or ended.returncode
    lines = Path(places["GITHUB_OUTPUT"]).read_text().splitlines()
    return code, printed, dict(line.split("=", 1) for line in lines)


def _fill(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda expression: values[expression[1]], text)


def read_component(text: str, **inputs: str) -> dict[str, Any]:
    """Return the jobs of a component of GitLab with its inputs filled in, as GitLab does."""
    header, body = text.split("\n---\n")
    declared = yaml.safe_load(header)["spec"]["inputs"]
    assert {*inputs} <= {*declared}
    for name, given in declared.items():
        value = inputs.get(name, given["default"])
        assert value in given.get("options", [value]), f"{name} is not {value}"
        body = body.replace(f"$[[ inputs.{name} ]]", value)
    assert "$[[" not in body, "an input that is not declared"
    jobs: dict[str, Any] = yaml.safe_load(body)
    return jobs


def run_job(
    job: Mapping[str, Any], variables: Mapping[str, str], site: JobSite
) -> subprocess.CompletedProcess[str]:
    """Run the script of a job of GitLab in one shell, without what installs distgen before it."""
    given = {
        name: re.sub(r"\$(\w+)", lambda match: variables[match[1]], text)
        for name, text in job["variables"].items()
    }
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
        cwd=site.clone,
        env={**site.environment, **variables, **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
