"""What the pages tell people to write, as their systems take it, beside the files shipped."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from testing.job_steps import read_component
from testing.kubernetes_objects import cron_job_problems
from testing.pages import WrittenFile, steps
from testing.tekton_objects import tekton_problems
from testing.vendored_schemas import read_portable_yaml, schema_problems

import distgen

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/distgen.yaml").read_text())
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
COMPONENT = (ROOT / "templates/distgen.yml").read_text()
TAG = f"v{distgen.__version__}"


def files_of(page: str) -> dict[str, str]:
    """Return the files that a page shows, by path."""
    path = ROOT / f"doc/howto/{page}.rst"
    return {step.path: step.text for step in steps(path) if isinstance(step, WrittenFile)}


@pytest.mark.parametrize("text", files_of("run-github").values())
def test_workflows_call_what_there_is_with_inputs_that_there_are(text):
    data = read_portable_yaml(text.replace("\non:", "\n'on':").replace("on:", "'on':", 1))
    assert schema_problems("github-workflows", data) == []
    release = f"@{TAG}"
    for job in data["jobs"].values():
        if "uses" in job:
            called = WORKFLOW[True]["workflow_call"]
            assert job["uses"] == f"example/distgen/.github/workflows/distgen.yaml{release}"
            assert {*job.get("with", {})} <= {*called["inputs"]}
            assert {*job.get("secrets", {})} <= {*called["secrets"]}
        else:
            (step,) = (step for step in job["steps"] if step["uses"].startswith("example/"))
            assert step["uses"] == f"example/distgen{release}"
            assert {*step["with"]} <= {*ACTION["inputs"]}


def test_a_pipeline_of_gitlab_includes_the_component_with_inputs_that_it_takes():
    data = read_portable_yaml(files_of("run-gitlab")[".gitlab-ci.yml"])
    assert schema_problems("gitlab-ci", data) == []
    names = []
    for include in data["include"]:
        assert include["component"].endswith(f"/distgen@{TAG}")
        names += read_component(COMPONENT, **include.get("inputs", {}))
    assert names == ["distgen-check", "distgen-publish", "distgen-lock-update"]


def test_what_is_taken_from_git_has_the_name_of_the_tag():
    """Two pages once named a tag that no release has."""
    assert "tag that commit ``vX.Y.Z``" in (ROOT / "CONTRIBUTING.rst").read_text()
    hooks = [yaml.safe_load(text)["repos"] for text in files_of("pre-commit").values()]
    assert {repository["rev"] for repositories in hooks for repository in repositories} == {TAG}
    assert f"ref: {TAG}," in (ROOT / "doc/howto/run-gitlab.rst").read_text()


def test_a_pipeline_of_tekton_gives_the_task_what_it_takes():
    text = files_of("run-tekton")["pipeline.yaml"]
    assert tekton_problems(text) == []
    task = yaml.safe_load((ROOT / "ci/tekton/distgen.yaml").read_text())
    used = yaml.safe_load(text)["spec"]["tasks"][1]
    assert used["taskRef"] == {"name": task["metadata"]["name"]}
    for kind in ("params", "workspaces"):
        declared = {each["name"] for each in task["spec"][kind]}
        assert {each["name"] for each in used[kind]} <= declared


def test_the_patch_of_the_cron_job_changes_what_it_is_for():
    """kustomize is not at hand: the path of its patch is followed, and the image looked for."""
    data = yaml.safe_load((ROOT / "ci/kubernetes/distgen-publish.yaml").read_text())
    change = yaml.safe_load(files_of("run-kubernetes")["kustomization.yaml"])
    (step,) = yaml.safe_load(change["patches"][0]["patch"])
    *path, last = step["path"].strip("/").split("/")
    place = data
    for part in path:
        place = place[int(part) if isinstance(place, list) else part]
    assert place["name"] == "DISTGEN_REPOSITORY" and last in place
    place[last] = step["value"]
    assert cron_job_problems(data) == []
    (container,) = data["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"].rpartition(":")[0] == change["images"][0]["name"]
    secrets = {name["name"] for name in change["secretGenerator"]}
    assert {each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"][-1:]} == secrets
