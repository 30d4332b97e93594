"""Workflows of GitHub Actions and pipelines of GitLab CI, checked and run as these systems do."""

from __future__ import annotations

import graphlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from testing.transports import program
from testing.vendored_schemas import read_portable_yaml, schema_problems

GITHUB_JOBS = 256
GITLAB_NEEDS = 50
RESERVED = {
    *("image", "services", "stages", "types", "before_script", "after_script", "variables"),
    *("cache", "include", "true", "false", "nil", "default", "workflow", "pages", "spec"),
}
"""Words that GitLab does not take for jobs, and `pages`, which deploys a site."""
_JOB_ID = re.compile("[A-Za-z_][A-Za-z0-9_-]{0,98}")
_PINNED = re.compile("[A-Za-z0-9_./-]+@[0-9a-f]{40}")
_OUTPUT = re.compile(r"needs\.([A-Za-z0-9_-]+)\.outputs\.([A-Za-z0-9_-]+)")


def workflow_problems(text: str) -> list[str]:
    """Return what is wrong with a workflow of GitHub Actions, or unsafe in it."""
    data = read_portable_yaml(text)
    problems = schema_problems("github-workflows", data)
    if problems:
        return problems
    if {*data.get("permissions", {"": ""}).values()} - {"read", "none"}:
        problems.append("the workflow may write, or does not say what it may do")
    if len(data["jobs"]) > GITHUB_JOBS:
        problems.append(f"{len(data['jobs'])} jobs are too many")
    for name, job in data["jobs"].items():
        problems += _job_problems(name, job, data["jobs"])
    return [*problems, *_graph_problems(_needs(data["jobs"]))]


def _job_problems(name: str, job: Mapping[str, Any], jobs: Mapping[str, Any]) -> Iterator[str]:
    if not _JOB_ID.fullmatch(name):
        yield f"{name} is no id of a job"
    if "permissions" in job:
        yield f"{name} has permissions of its own"
    for other, output in _OUTPUT.findall(str(job)):
        if other not in _list(job.get("needs", [])):
            yield f"{name} reads an output of {other}, which it does not need"
        elif output not in jobs.get(other, {}).get("outputs", {}):
            yield f"{name} reads {output} of {other}, which has no such output"
    for step in job["steps"]:
        if "uses" in step and not _PINNED.fullmatch(step["uses"]):
            yield f"{name}: {step['uses']} is not pinned to a commit"
        if "${{" in step.get("run", ""):
            yield f"{name}: an expression stands in a script"


def pipeline_problems(text: str) -> list[str]:
    """Return what is wrong with a pipeline of GitLab CI."""
    data = read_portable_yaml(text)
    problems = schema_problems("gitlab-ci", data)
    if problems:
        return problems
    jobs = pipeline_jobs(data)
    stages = data.get("stages", ["build", "test", "deploy"])
    for name, job in jobs.items():
        if len(name) > 255 or name.startswith("."):
            problems.append(f"{name} is no name of a job")
        if job.get("stage", "test") not in stages:
            problems.append(f"{name}: there is no stage {job['stage']}")
            continue
        needs = _list(job.get("needs", []))
        if len(needs) > GITLAB_NEEDS:
            problems.append(f"{name} needs {len(needs)} jobs")
        problems += [
            f"{name} needs {other}, which is of a later stage"
            for other in needs
            if other in jobs
            and stages.index(jobs[other]["stage"]) > stages.index(job.get("stage", "test"))
        ]
    if not jobs:
        problems.append("there is no job")
    return [*problems, *_graph_problems(_needs(jobs))]


def pipeline_jobs(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the jobs of a pipeline; other keys of its top are words of GitLab."""
    return {name: job for name, job in data.items() if name not in RESERVED}


def _needs(jobs: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: _list(job.get("needs", [])) for name, job in jobs.items()}


def _graph_problems(needs: Mapping[str, list[str]]) -> Iterator[str]:
    for name, others in needs.items():
        for other in others:
            if other not in needs:
                yield f"{name} needs {other}, which is not there"
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError:
        yield "jobs need each other"


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def run_workflow(
    workflow: Mapping[str, Any], event: Mapping[str, str], folder: Path, runner: Mapping[str, str]
) -> dict[str, str]:
    """Run the scripts of a workflow in a clone; return the result of each job, in their order.

    `event` has the values of the expressions in `env`. An action is not run.
    """
    program("jq")
    needs = _needs(workflow["jobs"])
    results: dict[str, str] = {}
    outputs: dict[str, str] = {}
    for name in graphlib.TopologicalSorter(needs).static_order():
        job = workflow["jobs"][name]
        if any(results[other] == "failure" for other in needs[name]) or not _holds(job, outputs):
            results[name] = "skipped"
            continue
        results[name] = "success"
        for step in job["steps"]:
            if "run" not in step or step["run"].startswith("pip install "):
                continue
            values = {key: _expression(text, event, outputs) for key, text in _env(step).items()}
            written = folder.parent / "output"
            written.write_text("")
            places = {"GITHUB_OUTPUT": str(written), "RUNNER_TEMP": str(folder.parent)}
            words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            environment = {**runner, **workflow["env"], **places, **values}
            if subprocess.run(words, cwd=folder, env=environment, check=False).returncode:
                results[name] = "failure"
                break
            outputs |= dict(line.split("=", 1) for line in written.read_text().splitlines())
    return results


def _env(step: Mapping[str, Any]) -> dict[str, str]:
    return step.get("env", {})


def _expression(text: str, event: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    if match := re.fullmatch(r"\$\{\{ needs\.affected\.outputs\.(\w+) \}\}", text):
        return outputs[match[1]]
    return event[text] if text.startswith("${{") else text


def _holds(job: Mapping[str, Any], outputs: Mapping[str, str]) -> bool:
    """Evaluate the conditions that the export writes; another one is an error here."""
    if "if" not in job:
        return True
    start, condition = "${{ !cancelled() && !failure() && ", job["if"]
    assert condition.startswith(start)
    words = condition.removeprefix(start).removesuffix(" }}")
    if match := re.fullmatch(r"needs\.affected\.outputs\.(\w+) != ''", words):
        return outputs[match[1]] != ""
    match = re.fullmatch(r"contains\(fromJSON\(needs\.affected\.outputs\.images\), '(.+)'\)", words)
    assert match, words
    return f'"{match[1]}"' in outputs["images"]


def run_pipeline(data: Mapping[str, Any], folder: Path, runner: Mapping[str, str]) -> list[str]:
    """Run the scripts of the jobs of a pipeline in a clone; return the jobs in their order."""
    jobs = pipeline_jobs(data)
    order = [*graphlib.TopologicalSorter(_needs(jobs)).static_order()]
    for name in order:
        job = jobs[name]
        for script in job.get("script", ()):
            if not script.startswith("pip install "):
                values = {**runner, **data.get("variables", {}), **job.get("variables", {})}
                words = ["bash", "-eo", "pipefail", "-c", script]
                subprocess.run(words, cwd=folder, env=values, check=True)
    return order
