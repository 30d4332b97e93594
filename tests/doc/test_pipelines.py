"""The workflow and the playbooks of the page on jobs do what the page says, step by step."""

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from testing.dist_git import git
from testing.pages import WrittenFile, steps
from testing.reader import begin
from testing.situations import TOKEN, job
from testing.world import world

PAGE = Path(__file__).parents[2] / "doc/howto/job.rst"
FILES = {step.path: step.text for step in steps(PAGE) if isinstance(step, WrittenFile)}
PLAYBOOKS = sorted(path for path in FILES if path.startswith("playbooks/"))


class Loader(yaml.SafeLoader):
    """YAML with the tag of Zuul's secrets."""


Loader.add_constructor("!encrypted/pkcs1-oaep", lambda *_: TOKEN)


def load(path):
    return yaml.load(FILES[path], Loader)


class Clone:
    """A clone of the catalogue of the page, and the servers that it needs."""

    def __init__(self, folder, around):
        self.folder = folder / "images"
        self.repositories = around.folder / "git.example.org/example"
        self.environment = begin(folder, around.environment)
        del self.environment["DISTGEN_TOKEN"]
        git("clone", "-q", str(around.folder / "example.org/images.git"), str(self.folder))
        programs = folder / "home/distgen/bin"
        programs.mkdir(parents=True)
        (programs / "distgen").symlink_to(folder / "bin/distgen")

    def run(self, words, variables):
        """Run a step of a pipeline, and return the files that are there then."""
        environment = {**self.environment, **variables}
        subprocess.run(words, cwd=self.folder, env=environment, check=True, shell=True)
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def clone(tmp_path):
    with world(tmp_path / "world") as around:
        job(around, tmp_path)
        around.open()
        yield Clone(tmp_path, around)


def test_the_workflow_publishes_and_uploads_what_it_writes(clone):
    names = {"${{ secrets.DISTGEN_TOKEN }}": TOKEN}
    files, uploads = set(), []
    for step in load(".github/workflows/publish.yaml")["jobs"]["publish"]["steps"]:
        if "run" in step and not step["run"].startswith("pip install "):
            variables = {key: names[text] for key, text in step.get("env", {}).items()}
            files |= clone.run(step["run"], variables)
        elif "upload" in step.get("uses", ""):
            uploads += [step["with"].get("sarif_file") or step["with"]["path"]]
            assert uploads[-1] in files, step["uses"]
    assert uploads == ["lint.sarif", "results.json"]
    assert git("log", "--format=%an", "main", folder=clone.repositories / "party.git")


def test_the_job_of_gitlab_writes_the_reports_that_it_names(clone):
    check = load(".gitlab-ci.yml")["check"]
    for line in check["script"]:
        files = clone.run(line, {})
    reports = check["artifacts"]["reports"]
    assert {*reports.values()} <= files
    entries = json.loads((clone.folder / reports["codequality"]).read_text())
    assert all((clone.folder / entry["location"]["path"]).is_file() for entry in entries)
    cases = ElementTree.parse(clone.folder / reports["junit"]).getroot().iter("testcase")
    paths = {case.get("file") for case in cases} - {None}
    assert paths == {entry["location"]["path"] for entry in entries} != set()


def test_the_jobs_of_zuul_name_playbooks_that_the_page_shows():
    jobs = [item["job"] for item in load(".zuul.yaml") if "job" in item]
    assert sorted({job[key] for job in jobs for key in ("pre-run", "run")}) == PLAYBOOKS
    secrets = {item["secret"]["name"] for item in load(".zuul.yaml") if "secret" in item}
    assert {name for job in jobs for name in job.get("secrets", [])} == secrets
    pipelines = next(item["project"] for item in load(".zuul.yaml") if "project" in item)
    named = {name for pipeline in pipelines.values() for name in pipeline["jobs"]}
    assert named == {job["name"] for job in jobs}


def test_the_playbooks_check_and_publish(clone):
    names = {"{{ dist_git.token }}": TOKEN}
    for path in ("playbooks/check.yaml", "playbooks/publish.yaml"):
        for task in load(path)[0]["tasks"]:
            assert task["args"] == {"chdir": "{{ zuul.project.src_dir }}"}
            words = task.get("ansible.builtin.shell") or task["ansible.builtin.command"]
            variables = task.get("environment", {}).items()
            clone.run(words, {key: names[text] for key, text in variables})
        branches = git("branch", "--list", folder=clone.repositories / "hello.git")
        assert bool(branches) == (path == "playbooks/publish.yaml")
