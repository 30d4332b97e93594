"""A Pipeline of Tekton: what its own description takes, and what we write."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from testing.catalogues import FAMILY, TEMPLATE
from testing.tekton_objects import tekton_problems

from distgen.exports.records import MatrixEntry, Selection
from distgen.exports.tekton import write_tekton
from distgen.model.lock import Lock

pytest_plugins = ["testing.commandline"]


def pipeline(*tasks: str, more: str = "") -> str:
    lines = "".join(f"  - {{{task}}}\n" for task in tasks)
    head = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n"
    return f"{head}  tasks:\n{lines}{more}"


A, B = "name: a, taskRef: {name: t}", "name: b, taskRef: {name: t}, runAfter: [a]"
RUN = "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {generateName: p-}\n"


@pytest.mark.parametrize(
    "text",
    [
        pipeline(A, B),
        pipeline(A + ", params: [{name: x, value: w}, {name: z, value: [a, b]}]"),
        pipeline(
            A + ", params: [{name: x, value: $(params.q)}]",
            more="  params: [{name: q, type: string}]\n",
        ),
        pipeline(A + ", displayName: A, retries: 2, timeout: 1h30m, description: d"),
        RUN + "spec: {pipelineRef: {name: p}, timeouts: {pipeline: '0'}}\n",
        RUN + "spec: {pipelineRef: {name: p}, params: [{name: x, value: {a: b}}]}\n",
    ],
)
def test_what_tekton_takes(text):
    assert tekton_problems(text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (pipeline(A).replace("tekton.dev/v1", "tekton.dev/v1beta1"), "no kind Pipeline of"),
        (pipeline(A).replace("Pipeline", "ClusterTask"), "no kind ClusterTask of"),
        (pipeline(A).replace("Pipeline", "Task"), "'tasks' was unexpected"),
        (pipeline(A + ", runafter: [b]"), "'runafter' was unexpected"),
        (pipeline(A + ", needs: [b]"), "'needs' was unexpected"),
        (pipeline(A + ", runAfter: b"), "'b' is not of type 'array'"),
        (pipeline(A + ", params: {x: y}"), "is not of type 'array'"),
        (pipeline(A + ", params: [{name: x}]"), "'value' is a required property"),
        (pipeline(A + ", params: [{name: x, value: 1.5}]"), "1.5 is not valid under any"),
        (pipeline(A + ", params: [{name: x, value: [1]}]"), "[1] is not valid under any"),
        (pipeline(A + ", params: [{name: x, value: y}]"), "True is not valid under any"),
        (pipeline(A + ", retries: '2'"), "'2' is not of type 'integer'"),
        (pipeline(A + ", timeout: 90"), "90 is not of type 'string'"),
        (pipeline(A, more="  serviceAccount: x\n"), "'serviceAccount' was unexpected"),
        (pipeline(A).replace("{name: p}", "{name: p, label: {}}"), "'label' was unexpected"),
        (pipeline(A).replace("{name: p}", "{name: A_b}"), 'invalid resource name "A_b"'),
        (pipeline(A).replace("name: a", "name: a.b"), 'invalid value "a.b"'),
        (pipeline(A).replace("name: a", f"name: {'a' * 64}"), "must be a valid DNS label"),
        (pipeline(A, A), "expected exactly one, got both: a"),
        (pipeline(B), "task b depends on a but a wasn't present"),
        (pipeline(A + ", runAfter: [b]", B), "cycle detected"),
        (pipeline(A + ", taskSpec: {}"), "expected exactly one"),
        (pipeline(A.replace("name: t", "name: $(params.t)")), "taskRef.name"),
        (pipeline(A + ", params: [{name: x, value: $(params.y)}]"), "non-existent variable"),
        (pipeline(A + ", params: [{name: x, value: a}, {name: x, value: b}]"), "unique names"),
        (pipeline(), "is not of type 'array'"),
        (RUN + "spec: {pipelineref: {name: p}}\n", "'pipelineref' was unexpected"),
        (RUN + "spec: {timeouts: {pipeline: 0}}\n", "0 is not of type 'string'"),
        (RUN + "spec: {}\nstatus: {}\n", "'status' was unexpected"),
        (RUN + "spec: {taskRunTemplate: {podTemplate: {volumes: [{}]}}}\n", "'name' is a required"),
    ],
)
def test_what_tekton_refuses(text, problem):
    assert problem in "\n".join(tekton_problems(text))


# --- what we write -----------------------------------------------------------------------------

SITE = """
version: 1
dist_git:
  public_url: https://git.example.org/{namespace}/{image}.git
"""
LONG = "a" * 60
FILES = {
    **TEMPLATE,
    **FAMILY,
    "distgen.yaml": SITE,
    "overlays/ns/a.b.yaml": "template: app\nfrom: ns/base\n",
    "overlays/ns/a-b.yaml": "template: app\nfrom: ns/a.b\n",
    "overlays/ns/a_b.yaml": "template: app\nfrom: ns/a-b\n",
    f"overlays/ns/{LONG}.yaml": "template: app\nfrom: ns/a_b\n",
    f"overlays/ns/{LONG}-b.yaml": f"template: app\nfrom: ns/{LONG}\n",
}


@pytest.fixture
def root(catalogue, distgen):
    folder = catalogue(FILES)
    assert distgen(folder, "publish").code == 0
    return folder


def tasks(folder):
    text = (folder / "pipeline.yaml").read_text()
    assert tekton_problems(text) == []
    assert tekton_problems((folder / "pipelinerun.yaml").read_text()) == []
    return {task["displayName"]: task for task in yaml.safe_load(text)["spec"]["tasks"]}


def test_images_are_built_after_their_parents(root, distgen, tmp_path):
    assert distgen(root, "export", "tekton", "-o", tmp_path).code == 0
    by_key = tasks(tmp_path)
    assert len(by_key) == 8
    assert by_key["ns/app@master"] | {"params": []} == {
        "name": "ns-app-master",
        "displayName": "ns/app@master",
        "taskRef": {"name": "build-image"},
        "runAfter": ["ns-base-master"],
        "params": [],
    }
    params = {each["name"]: each["value"] for each in by_key["ns/app@master"]["params"]}
    assert len(params.pop("revision")) == 40
    assert params == {
        "url": "https://git.example.org/ns/app.git",
        "context": ".",
        "image": "quay.io/ns/app:master",
        "tags": ["master"],
    }
    assert "runAfter" not in by_key["ns/base@master"]


def test_names_that_meet_or_are_too_long_are_told_apart(root, distgen, tmp_path):
    assert distgen(root, "export", "tekton", "-o", tmp_path).code == 0
    names = {key: task["name"] for key, task in tasks(tmp_path).items()}
    assert names["ns/a-b@master"] == "ns-a-b-master"
    assert names["ns/a.b@master"].startswith("ns-a-b-master-")
    assert names["ns/a_b@master"].startswith("ns-a-b-master-")
    assert tasks(tmp_path)["ns/a-b@master"]["runAfter"] == [names["ns/a.b@master"]]
    assert max(map(len, names.values())) == 63


def test_names_of_the_task_and_of_the_pipeline_may_be_chosen(root, distgen, tmp_path):
    words = ("--task", "buildah", "--pipeline", "all-images")
    assert distgen(root, "export", "tekton", *words, "-o", tmp_path).code == 0
    assert {task["taskRef"]["name"] for task in tasks(tmp_path).values()} == {"buildah"}
    run = yaml.safe_load((tmp_path / "pipelinerun.yaml").read_text())
    assert run["metadata"] == {"generateName": "all-images-"}
    assert run["spec"]["pipelineRef"] == {"name": "all-images"}


@pytest.mark.parametrize("name", ["A", "a b", "a\nb", "-a", "a" * 64, "a.b", "$(params.x)"])
@pytest.mark.parametrize("option", ["--task", "--pipeline"])
def test_a_name_that_kubernetes_refuses_is_an_error(option, name, root, distgen, tmp_path):
    ran = distgen(root, "export", "tekton", option, name, "-o", tmp_path / "out")
    assert (ran.code, (tmp_path / "out").exists()) == (2, False)
    assert f"{option}: {name!r} is not a name in Kubernetes" in ran.err


def test_more_than_kubernetes_stores_is_said():
    entry = MatrixEntry(
        image="ns/app",
        stream="master",
        repository="https://git.example.org/ns/app.git",
        branch="master",
        commit="0" * 40,
        path=".",
        reference="quay.io/ns/app:master",
        tags=tuple(f"{number:0128}" for number in range(8000)),
        platforms=(),
        depends_on=(),
        level=0,
    )
    few = write_tekton(Selection((), (replace(entry, tags=("one",)),), {}, Lock()))
    assert few.warnings == ()
    (warning,) = write_tekton(Selection((), (entry,), {}, Lock())).warnings
    assert warning.endswith("Kubernetes takes little more than 1000000; export fewer images")


def test_tags_stay_text(root, distgen, tmp_path):
    """Kubernetes takes a bare `y` for true, and commits such as `12e4` for numbers."""
    tags = ["y", "N", "on", "1.10", "12e4", "0x10", "1_0", "null", "2026-01-01"]
    namespace = f"registry: quay.io/ns\nstreams: {{master: {{tags: {tags}}}}}\n"
    (root / "overlays/ns/namespace.yaml").write_text(namespace)
    assert distgen(root, "publish").code == 0
    assert distgen(root, "export", "tekton", "-o", tmp_path).code == 0
    params = {each["name"]: each["value"] for each in tasks(tmp_path)["ns/app@master"]["params"]}
    assert params["tags"] == tags


def test_platforms_stand_only_where_they_are_said(root, distgen, tmp_path):
    overlay = root / "overlays/ns/late.yaml"
    overlay.write_text(overlay.read_text() + "platforms: [linux/amd64]\n")
    assert distgen(root, "export", "tekton", "-o", tmp_path).code == 0
    names = {
        key: [each["name"] for each in task["params"]] for key, task in tasks(tmp_path).items()
    }
    assert [key for key, params in names.items() if "platforms" in params] == ["ns/late@master"]
