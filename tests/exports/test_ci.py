"""Workflows and pipelines: jobs for what a change reaches, and only for that."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from testing.catalogues import FAMILY, TEMPLATE
from testing.ci_files import (
    pipeline_jobs,
    pipeline_problems,
    run_pipeline,
    run_workflow,
    workflow_problems,
)
from testing.engines import BASE as BASE_IMAGE
from testing.engines import open_engine_room
from testing.transports import program

from distgen.exports.github_actions import FILE, job_ids, write_github_actions
from distgen.exports.gitlab_ci import CHILD, write_gitlab_ci
from distgen.exports.job_groups import group_by_level
from distgen.exports.records import MatrixEntry, Selection
from distgen.model.lock import Lock

pytest_plugins = ["testing.commandline"]

ROOT = Path(__file__).parents[2]
BASE = "${{ github.event.pull_request.base.sha || github.event.before }}"
NOBODY = "0" * 40
INSTALL = "git+https://example.org/distgen.git@v1"
CHOICE = ("ccp/*", "functest/*", "monasca/*", "opendev/*", "zuul/*")
"""As many images as one workflow has jobs for; with more than that they are grouped."""

WORKFLOW = """
on: {push: {branches: [main]}}
permissions: {contents: read}
jobs:
  first:
    runs-on: ubuntu-24.04
    outputs: {list: "${{ steps.x.outputs.list }}"}
    steps:
    - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
    - id: x
      env: {BASE: "${{ github.event.before }}"}
      run: echo "list=[]" >>"$GITHUB_OUTPUT"
  second:
    needs: [first]
    if: ${{ contains(fromJSON(needs.first.outputs.list), 'x') }}
    runs-on: ubuntu-24.04
    steps: [{run: "true"}]
""".replace("\non:", "\n'on':")
BAD_WORKFLOWS = [
    ("contents: read", "contents: write", "may write"),
    ("permissions: {contents: read}", "env: {}", "does not say what it may do"),
    ("@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7", "is not pinned"),
    ("@3d3c42e5aac5ba805825da76410c181273ba90b1", "@3d3c42e", "is not pinned"),
    ('echo "list=[]"', "echo ${{ github.event.before }}", "an expression stands in a script"),
    ("needs: [first]", "needs: [frist]", "needs frist, which is not there"),
    ("    needs: [first]\n", "", "reads an output of first"),
    ("fromJSON(needs.first.outputs.list)", "needs.first.outputs.lst", "no such output"),
    ("  second:", "  2nd:", "2nd"),
    ("  second:", "  a.b:", "a.b"),
    ("  second:", f"  {'a' * 100}:", "is no id of a job"),
    ("  first:\n", "  first:\n    needs: [second]\n", "jobs need each other"),
    ("runs-on: ubuntu-24.04\n    outputs", "run-on: ubuntu-24.04\n    outputs", "run-on"),
    ("  second:\n", "  second:\n    permissions: {contents: write}\n", "permissions of its own"),
]
PIPELINE = """
workflow: {rules: [{when: always}]}
stages: [one, two]
default: {image: "docker.io/library/python:3.12"}
a/b@c: {stage: one, needs: [], script: [make]}
d/e@f: {stage: two, needs: [a/b@c], variables: {X: "1"}, script: [make]}
"""
BAD_PIPELINES = [
    ("needs: [a/b@c]", "needs: [a/b@d]", "needs a/b@d, which is not there"),
    ("needs: []", "needs: [d/e@f]", "which is of a later stage"),
    ("stage: two, needs: [a/b@c]", "stage: one, needs: [d/e@f]", "jobs need each other"),
    ("stage: two", "stage: three", "there is no stage three"),
    ("script: [make]}\nd", "scripts: [make]}\nd", "a/b@c"),
    ("a/b@c: ", ".a: ", "needs a/b@c"),
    ("a/b@c: {", "image: {", "image"),
    ("a/b@c: ", f"{'a' * 256}: ", "is no name of a job"),
    ("needs: [a/b@c]", f"needs: [{', '.join(['a/b@c'] * 51)}]", "needs"),
]


def test_the_checkers_take_what_the_systems_take():
    assert workflow_problems(WORKFLOW) == []
    assert pipeline_problems(PIPELINE) == []


@pytest.mark.parametrize(("old", "new", "problem"), BAD_WORKFLOWS)
def test_the_checker_of_workflows_refuses(old, new, problem):
    assert WORKFLOW.count(old) == 1
    problems = workflow_problems(WORKFLOW.replace(old, new))
    assert any(problem in line for line in problems), problems


@pytest.mark.parametrize(("old", "new", "problem"), BAD_PIPELINES)
def test_the_checker_of_pipelines_refuses(old, new, problem):
    assert PIPELINE.count(old) == 1
    problems = pipeline_problems(PIPELINE.replace(old, new))
    assert any(problem in line for line in problems), problems


def test_a_workflow_with_too_many_jobs_is_refused():
    jobs = "".join(f"  j{n}: {{runs-on: x, steps: [{{run: x}}]}}\n" for n in range(255))
    assert workflow_problems(WORKFLOW + jobs) == ["257 jobs are too many"]


# --- the default catalogue


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    """The files of the default catalogue, by name."""
    folder = tmp_path_factory.mktemp("ci")
    for name in ("github-actions", "gitlab-ci"):
        words = ["-C", ROOT, "export", name, *CHOICE, "--install", INSTALL, "-o", folder]
        subprocess.run([sys.executable, "-m", "distgen", *words], check=True)
    return folder


def image_keys(root: Path) -> list[str]:
    words = [sys.executable, "-m", "distgen", "-C", root, "list", "--format", "json", *CHOICE]
    images = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return sorted(f"{image['image']}@{image['stream']}" for image in images)


def test_the_default_catalogue_has_a_job_for_each_image(default):
    workflow = (default / FILE).read_text()
    assert workflow_problems(workflow) == []
    jobs = yaml.safe_load(workflow)["jobs"]
    names = {job_id: job.get("name", "") for job_id, job in jobs.items()}
    assert sorted(names.values()) == ["", *image_keys(ROOT)]
    needs = jobs["zuul--nodepool-builder--master"]["needs"]
    assert [names[key] for key in needs] == [
        "",
        "zuul/nodepool@master",
        "opendev/python-builder@master",
    ]
    for path in (default / ".gitlab-ci.yml", default / CHILD):
        assert pipeline_problems(path.read_text()) == []
    child = pipeline_jobs(yaml.safe_load((default / CHILD).read_text()))
    assert sorted(child) == image_keys(ROOT)


def test_the_files_of_the_default_catalogue_pass_the_schemas_checker(default):
    for schema, name in (
        ("github-workflows", FILE),
        ("gitlab-ci", ".gitlab-ci.yml"),
        ("gitlab-ci", CHILD),
    ):
        words = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
        subprocess.run([sys.executable, *words, default / name], check=True)


def test_actionlint_finds_nothing(default, tmp_path):
    (tmp_path / "groups.yaml").write_bytes(
        write_github_actions(select(*many(300))).files[0].content
    )
    files = (default / FILE, tmp_path / "groups.yaml")
    subprocess.run([program("actionlint"), "-no-color", *files], check=True)


def test_shellcheck_finds_nothing_in_scripts(default):
    groups = yaml.safe_load(write_github_actions(select(*many(300))).files[0].content)["jobs"]
    jobs = yaml.safe_load((default / FILE).read_text())["jobs"]
    steps = [step for job in (*jobs.values(), *groups.values()) for step in job["steps"]]
    scripts = {("bash", step["run"]) for step in steps if "run" in step}
    for path in (default / ".gitlab-ci.yml", default / CHILD):
        data = yaml.safe_load(path.read_text())
        parts = [*pipeline_jobs(data).values(), data.get("default", {})]
        lines = [
            line
            for part in parts
            for key in ("before_script", "script")
            for line in part.get(key, ())
        ]
        scripts |= {("sh", line) for line in lines}
    assert len(scripts) == 9
    for shell, script in scripts:
        words = [program("shellcheck"), f"--shell={shell}", "-"]
        subprocess.run(words, input=script, text=True, check=True)


def test_actions_stand_with_the_release_that_their_commit_is(default):
    lines = re.findall(r"uses: (\S+)@[0-9a-f]{40} # v\d+\.\d+\.\d+$", default_text(default), re.M)
    assert {*lines} == {"actions/checkout", "actions/setup-python"}
    assert len(lines) == default_text(default).count("uses:")


def default_text(default: Path) -> str:
    return (default / FILE).read_text()


# --- a change, and the scripts


def git(root: Path, *words: str) -> str:
    person = ["-c", "user.name=P", "-c", "user.email=p@example.org"]
    done = subprocess.run(
        ["git", "-C", root, *person, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class Change:
    """A catalogue in git, and a runner whose `distgen build` only notes what it is asked for.

    Building needs an engine and images of the outside; which images are asked for is the point.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.log = folder / "built"
        self.ran: list[str] = []
        programs = folder / "bin"
        programs.mkdir()
        note = f'case " $* " in *" build "*) echo "$*" >>"{self.log}"; exit;; esac'
        self.script = programs / "distgen"
        self.write_script(note)
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.runner = {"PATH": path, "HOME": str(folder)}
        git(root, "init", "-q", "-b", "main")
        self.commit()

    def write_script(self, *lines: str) -> None:
        """Write a `distgen` that does something else before it is the real one."""
        real = f'exec "{sys.executable}" -m distgen "$@"'
        self.script.write_text("\n".join(("#!/bin/sh", *lines, real, "")))
        self.script.chmod(0o755)

    def commit(self) -> str:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", "A change")
        return git(self.root, "rev-parse", "HEAD")

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def built(self) -> list[str]:
        """Return the images that were asked for since the last question."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        start = "-C . build --rendered --with-parents "
        assert all(line.startswith(start) for line in lines)
        return [key for line in lines for key in line.removeprefix(start).split()]


ALL = ["ns/base@master", "ns/app@master", "ns/late@master"]


@pytest.fixture
def change(catalogue, tmp_path):
    return Change(catalogue(TEMPLATE | FAMILY), tmp_path)


def github(change, distgen, base, *options):
    program("jq")
    text = distgen(change.root, "export", "github-actions", "--install", INSTALL, *options).out
    assert workflow_problems(text) == []
    results = run_workflow(yaml.safe_load(text), {BASE: base}, change.root, change.runner)
    assert "failure" not in results.values()
    change.ran = [name for name, result in results.items() if result == "success"]
    return change.built()


def gitlab(change, distgen, base, is_noted=True):
    out = change.folder / "gitlab"
    assert distgen(change.root, "export", "gitlab-ci", "--install", INSTALL, "-o", out).code == 0
    parent = yaml.safe_load((out / ".gitlab-ci.yml").read_text())
    run_pipeline(parent, change.root, {**change.runner, "CI_COMMIT_BEFORE_SHA": base})
    (include,) = parent["images"]["trigger"]["include"]
    text = (change.root / include["artifact"]).read_text()
    assert pipeline_problems(text) == []
    names = run_pipeline(yaml.safe_load(text), change.root, change.runner)
    subprocess.run(["rm", "-rf", change.root / "distgen-pipeline"], check=True)
    built = change.built()
    if is_noted:
        assert built == [] if names == ["unchanged"] else built == names
    return built


@pytest.mark.parametrize("build", [github, gitlab])
def test_what_a_change_reaches_is_built_and_nothing_else(build, change, distgen):
    before = git(change.root, "rev-parse", "HEAD")
    change.write("README", "nothing of the catalogue\n")
    readme = change.commit()
    assert build(change, distgen, before) == []
    change.write("overlays/ns/late.yaml", "template: app\nfrom: scratch\n")
    late = change.commit()
    assert build(change, distgen, readme) == ["ns/late@master"]
    change.write("overlays/ns/base.yaml", "template: app\nfrom: docker.io/library/debian:12\n")
    change.commit()
    assert build(change, distgen, late) == ["ns/base@master", "ns/app@master"]
    assert sorted(build(change, distgen, readme)) == sorted(ALL)


@pytest.mark.parametrize("build", [github, gitlab])
@pytest.mark.parametrize("base", [NOBODY, "", "1" * 40])
def test_everything_is_built_where_nobody_knows_what_was_before(build, base, change, distgen):
    built = build(change, distgen, base)
    assert built[0] == "ns/base@master"
    assert sorted(built) == sorted(ALL)


@pytest.mark.parametrize("build", [github, gitlab])
def test_a_retired_image_has_no_job(build, change, distgen):
    before = git(change.root, "rev-parse", "HEAD")
    (change.root / "overlays/ns/app.yaml").unlink()
    change.commit()
    assert build(change, distgen, before) == []


def test_what_jobs_ask_of_build_is_understood(change, distgen, monkeypatch):
    text = distgen(change.root, "export", "github-actions").out
    words = yaml.safe_load(text)["jobs"]["ns--app--master"]["steps"][-1]["run"].split()
    assert words[:4] == ["distgen", "-C", '"$DISTGEN_CATALOGUE"', "build"]
    assert words[-1] == '"$DISTGEN_IMAGE"'
    monkeypatch.setenv("PATH", "/nowhere")
    ran = distgen(change.root, *words[3:-1], "ns/app@master")
    assert ran.code == 2
    assert "buildah" in ran.err
    assert "option" not in ran.err.lower()


def test_a_real_engine_builds_what_a_workflow_and_a_pipeline_ask_for(change, distgen, tmp_path):
    change.write_script()
    before = git(change.root, "rev-parse", "HEAD")
    change.write("overlays/ns/app.yaml", "template: app\nfrom: ns/late\n")
    change.commit()
    for room in open_engine_room(tmp_path / "engine"):
        change.runner |= room.environment
        assert github(change, distgen, before) == []
        assert change.ran == ["affected", "ns--app--master"]
        chain = {f"quay.io/ns/{name}:master" for name in ("base", "late", "app")}
        assert {*room.images()} == {BASE_IMAGE, *chain}
        room.run("rmi", "--force", *chain)
        assert gitlab(change, distgen, before, is_noted=False) == []
        assert {*room.images()} == {BASE_IMAGE, *chain}


def test_children_of_a_failed_parent_are_skipped(change, distgen):
    change.write_script('case "$*" in *" build "*base@master) exit 1;; *" build "*) exit 0;; esac')
    text = distgen(change.root, "export", "github-actions").out
    assert run_workflow(yaml.safe_load(text), {BASE: NOBODY}, change.root, change.runner) == {
        "affected": "success",
        "ns--base--master": "failure",
        "ns--app--master": "skipped",
        "ns--late--master": "skipped",
    }


def test_a_catalogue_in_a_folder_of_its_repository(catalogue, distgen, tmp_path):
    root = catalogue(TEMPLATE | FAMILY)
    top = tmp_path / "top"
    (top / "containers").mkdir(parents=True)
    root.rename(top / "containers/images")
    root = top / "containers/images"
    text = distgen(root, "export", "github-actions", "--catalogue", "containers/images").out
    assert yaml.safe_load(text)["env"] == {"DISTGEN_CATALOGUE": "containers/images"}
    change = Change(top, tmp_path)
    results = run_workflow(yaml.safe_load(text), {BASE: NOBODY}, top, change.runner)
    assert {*results.values()} == {"success"}


# --- many images, odd names


def entry(key: str, parents: tuple[str, ...] = (), level: int = 0) -> MatrixEntry:
    image, _, stream = key.partition("@")
    reference = f"quay.io/{image}:{stream}"
    return MatrixEntry(image, stream, "", stream, "", ".", reference, (stream,), (), parents, level)


def select(*entries: MatrixEntry) -> Selection:
    return Selection((), entries, {}, Lock(), options={"install": INSTALL})


def many(count: int) -> tuple[MatrixEntry, ...]:
    base = entry("ns/base@1.0")
    middle = tuple(entry(f"ns/m{n}@1.0", (base.key,), 1) for n in range(10))
    leaves = tuple(
        entry(f"ns/l{n}@1.0", (middle[n % 10].key,), 2) for n in range(count - len(middle) - 1)
    )
    return (base, *middle, *leaves)


@pytest.mark.parametrize("count", [255, 256, 1000, 3000])
def test_more_images_than_jobs_are_grouped_by_level(count):
    entries = many(count)
    result = write_github_actions(select(*entries))
    text = result.files[0].content.decode()
    assert workflow_problems(text) == []
    jobs = yaml.safe_load(text)["jobs"]
    assert bool(result.warnings) == (count > 255)
    if count > 255:
        (warning,) = result.warnings
        assert f"{count} images are built by {len(jobs) - 1} jobs" in warning
        script = jobs["affected"]["steps"][-1]["run"]
        groups = json.loads(script.partition("<<'EOF'\n")[2].removesuffix("EOF\n"))
        assert {*groups} == {*jobs} - {"affected"}
        group_of = {key: name for name, keys in groups.items() for key in keys}
        for name, job in jobs.items():
            members = [entry for entry in entries if group_of[entry.key] == name]
            parents = {group_of[key] for entry in members for key in entry.depends_on}
            assert {*job.get("needs", ())} == ({"affected", *parents} if members else set())
        keys = [key for group in groups.values() for key in group]
        assert sorted(keys) == sorted(entry.key for entry in entries)


def test_a_group_waits_for_those_with_its_parents():
    entries = (
        entry("a/a@1"),
        entry("a/b@1"),
        entry("a/c@1"),
        entry("b/a@1", ("a/a@1",), 1),
        entry("b/b@1", ("a/c@1", "a/b@1"), 1),
    )
    groups = group_by_level(entries, 4)
    assert [(group.name, group.keys, group.needs) for group in groups] == [
        ("level_0_1", ("a/a@1", "a/b@1"), ()),
        ("level_0_2", ("a/c@1",), ()),
        ("level_1", ("b/a@1", "b/b@1"), ("level_0_1", "level_0_2")),
    ]
    assert len(group_by_level(entries, 1)) == 2
    assert group_by_level((), 4) == ()


def test_grouped_jobs_build_what_changed(change, distgen, monkeypatch):
    """The limit is lowered: a catalogue of 256 images would take a minute here."""
    monkeypatch.setattr("distgen.exports.github_actions.MOST_JOBS", 3)
    before = git(change.root, "rev-parse", "HEAD")
    change.write("overlays/ns/late.yaml", "template: app\nfrom: scratch\n")
    change.commit()
    assert github(change, distgen, before) == ["ns/late@master"]
    assert change.ran == ["affected", "level_0"]
    assert sorted(github(change, distgen, NOBODY)) == sorted(ALL)


def test_a_job_with_too_many_parents_waits_for_all_levels_before():
    parents = tuple(entry(f"ns/p{n}@1") for n in range(51))
    keys = tuple(parent.key for parent in parents)
    few = entry("ns/few@1", keys[:50], 1)
    result = write_gitlab_ci(select(*parents, entry("ns/child@1", keys, 1), few))
    assert result.warnings == (
        "ns/child@1 has 51 parents, and a job has 50 `needs` at most: it waits for all images of "
        "the levels before",
    )
    text = result.files[1].content.decode()
    assert pipeline_problems(text) == []
    jobs = yaml.safe_load(text)
    assert "needs" not in jobs["ns/child@1"]
    assert jobs["ns/child@1"]["stage"] == "level-1"
    assert len(jobs["ns/few@1"]["needs"]) == 50


ODD = (
    *("pages/default@1.0", "image/image@true", "3scale/2@010", "ns/affected@on", "ns/a.b@m"),
    *("ns/a-b@m", "ns/a--b@m", "ns/a@b.m", "ns/a@b-m", "ns/a_b@m", "ns/a__b@M", "ns/a__b@m"),
    *(f"ns/{'x' * 300}@m", f"ns/{'x' * 300}@n", "0/0@0"),
)


def test_odd_names_are_jobs_that_do_not_meet():
    ids = job_ids(ODD)
    assert len({*ids.values()}) == len(ODD)
    selection = select(*map(entry, ODD))
    workflow = write_github_actions(selection).files[0].content.decode()
    assert workflow_problems(workflow) == []
    names = {job.get("name") for job in yaml.safe_load(workflow)["jobs"].values()}
    assert names == {*ODD, None}
    child = write_gitlab_ci(selection).files[1].content.decode()
    assert pipeline_problems(child) == []
    jobs = pipeline_jobs(yaml.safe_load(child)).values()
    assert sorted(job["variables"]["DISTGEN_IMAGE"] for job in jobs) == sorted(ODD)


NAME = st.from_regex(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+){0,3}", fullmatch=True)
STREAM = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,9}(?<!\.)", fullmatch=True)
KEY = st.tuples(NAME, NAME, STREAM).map(lambda parts: f"{parts[0]}/{parts[1]}@{parts[2]}")


@given(st.lists(KEY, unique=True))
def test_ids_of_jobs_are_distinct_and_valid(keys):
    ids = job_ids(keys)
    assert len({*ids.values(), "affected"}) == len(keys) + 1
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_-]{0,98}", name) for name in ids.values())


@given(st.lists(KEY, unique=True), KEY)
def test_a_new_image_renames_no_job_but_its_namesakes(keys, new):
    before, after = job_ids(keys), job_ids([*keys, new])
    changed = {key for key in keys if before[key] != after[key]}
    assert len({before[key] for key in changed}) <= 1


def test_a_pipeline_of_no_image_has_a_job_all_the_same():
    child = write_gitlab_ci(select()).files[1].content.decode()
    assert pipeline_problems(child) == []
    assert [*pipeline_jobs(yaml.safe_load(child))] == ["unchanged"]
    assert workflow_problems(write_github_actions(select()).files[0].content.decode()) == []


@pytest.mark.parametrize("shell", ["sh", "bash", "busybox"])
@pytest.mark.parametrize("engine", ["buildah", "podman", "docker", ""])
def test_buildah_is_installed_where_there_is_no_engine(shell, engine, tmp_path):
    """`command -v` with several names looks for the first one alone in some shells."""
    words = [program(shell), *(["sh"] if shell == "busybox" else [])]
    for name in filter(None, (engine, "apt-get")):
        (tmp_path / name).write_text(f"#!{program('sh')}\necho {name} $*\n")
        (tmp_path / name).chmod(0o755)
    child = yaml.safe_load(write_gitlab_ci(select()).files[1].content)
    line = child["default"]["before_script"][-1]
    ran = subprocess.run(
        [*words, "-ec", line],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    update = "apt-get update -q\napt-get install -q -y --no-install-recommends buildah\n"
    assert ran.stdout == ("" if engine else update)


# --- options


@pytest.mark.parametrize(
    ("name", "option", "text"),
    [
        ("github-actions", "install", "-r x"),
        ("github-actions", "install", "x; rm -rf /"),
        ("github-actions", "install", "x$(id)"),
        ("github-actions", "install", "${{ secrets.X }}"),
        ("github-actions", "install", 'x" y'),
        ("github-actions", "catalogue", "../x"),
        ("github-actions", "catalogue", "a/../../x"),
        ("github-actions", "catalogue", "/etc"),
        ("github-actions", "runner", "${{ x }}"),
        ("github-actions", "branch", "main]"),
        ("gitlab-ci", "image", "python"),
        ("gitlab-ci", "image", "docker.io/library/python:latest"),
        ("gitlab-ci", "image", "docker.io/library/python:$X"),
    ],
)
def test_words_that_a_job_would_read_as_more_are_refused(
    name, option, text, catalogue, distgen, tmp_path
):
    root = catalogue(TEMPLATE | FAMILY)
    ran = distgen(root, "export", name, f"--{option}={text}", "-o", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert f"--{option}: " in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["github-actions", "gitlab-ci", "zuul"])
@pytest.mark.parametrize(
    "requirement",
    [
        "git+https://somebody:t0ken@git.example.org/distgen",
        "git+https://t0ken@git.example.org/distgen@v1",
        "distgen @ http://t0ken@pypi.example.org/distgen.whl",
        "git+ssh://git:t0ken@git.example.org/distgen",
    ],
)
def test_a_token_in_the_address_of_distgen_is_refused_and_not_repeated(
    name, requirement, catalogue, distgen, tmp_path
):
    root = catalogue(TEMPLATE | FAMILY)
    ran = distgen(root, "export", name, "--install", requirement, "-o", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert "--install: holds the user or token of an address" in ran.err
    assert "t0ken" not in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["github-actions", "gitlab-ci", "zuul"])
@pytest.mark.parametrize(
    "requirement",
    [
        "git+ssh://git@git.example.org/distgen",
        "git+https://git.example.org:8443/distgen@v1",
        "distgen @ https://git.example.org/distgen@1/distgen.whl",
    ],
)
def test_addresses_of_distgen_without_a_token_are_taken(
    name, requirement, catalogue, distgen, tmp_path
):
    root = catalogue(TEMPLATE | FAMILY)
    assert distgen(root, "export", name, "--install", requirement, "-o", tmp_path).code == 0


def test_options_stand_where_they_are_meant(catalogue, distgen, tmp_path):
    root = catalogue(TEMPLATE | FAMILY)
    options = ["--runner", "self-hosted", "--branch", "stable/1.0", "--install", "distgen==1.0"]
    ran = distgen(root, "export", "github-actions", *options)
    workflow = yaml.safe_load(ran.out)
    assert workflow["on"]["push"] == {"branches": ["stable/1.0"]}
    assert {job["runs-on"] for job in workflow["jobs"].values()} == {"self-hosted"}
    assert workflow["env"]["DISTGEN_REQUIREMENT"] == "distgen==1.0"
    assert "warning" not in ran.err
    image = "quay.io/ns/ci:1"
    assert distgen(root, "export", "gitlab-ci", "--image", image, "-o", tmp_path).code == 0
    parent = yaml.safe_load((tmp_path / ".gitlab-ci.yml").read_text())
    child = yaml.safe_load((tmp_path / CHILD).read_text())
    assert (parent["affected"]["image"], child["default"]["image"]) == (image, image)


@pytest.mark.parametrize("name", ["github-actions", "gitlab-ci"])
def test_without_install_the_runner_has_distgen_and_that_is_said(
    name, catalogue, distgen, tmp_path
):
    ran = distgen(catalogue(TEMPLATE | FAMILY), "export", name, "-o", tmp_path / "out")
    assert "jobs take for granted that distgen is there; --install names what" in ran.err
    texts = [path.read_text() for path in (tmp_path / "out").iterdir()]
    assert not any("pip install" in text for text in texts)


def test_what_a_catalogue_says_of_its_images_is_in_no_job(catalogue, distgen, tmp_path):
    evil = "${{ secrets.GITHUB_TOKEN }} $CI_JOB_TOKEN `id` $(id)"
    files = TEMPLATE | FAMILY
    files["overlays/ns/base.yaml"] += f"description: '{evil}'\n"
    root = catalogue(files)
    texts = [distgen(root, "export", "github-actions").out]
    assert distgen(root, "export", "gitlab-ci", "-o", tmp_path / "out").code == 0
    texts += [path.read_text() for path in (tmp_path / "out").iterdir()]
    assert not any("TOKEN" in text or "`id`" in text for text in texts)
