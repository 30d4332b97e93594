"""The files that let each system run distgen: what the systems take, and what their steps do."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from testing.ci_files import pipeline_problems
from testing.dist_git import git
from testing.job_site import BROKEN, ROOT, TOKEN, USER
from testing.job_steps import read_component, run_job, run_steps
from testing.kubernetes_objects import cron_job_problems
from testing.tekton_objects import tekton_problems
from testing.transports import program

import distgen
from distgen.catalogue.load import load_catalogue

ACTION = ROOT / "action.yml"
WORKFLOW = ROOT / ".github/workflows/distgen.yaml"
COMPONENT = ROOT / "templates/distgen.yml"
TASK = ROOT / "ci/tekton/distgen.yaml"
SERVICE = ROOT / "ci/systemd/distgen-publish.service"
TIMER = ROOT / "ci/systemd/distgen-publish.timer"
CRON_JOB = ROOT / "ci/kubernetes/distgen-publish.yaml"
FILES = (ACTION, WORKFLOW, COMPONENT, TASK, SERVICE, TIMER, CRON_JOB)
EXPRESSION = re.compile(r"\$\{\{")


def published(site) -> bool:
    ended = subprocess.run(
        ["git", "-C", site.server.root / "ns/app.git", "rev-parse", "-q", "--verify", "main"],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return ended.returncode == 0


def test_what_they_install_is_this_release():
    text = "".join(path.read_text() for path in FILES)
    versions = re.findall(r"(?:distgen-git==|distgen/distgen:|version: \")(\d[\w.]*)", text)
    assert {*versions} == {distgen.__version__} and len(versions) == 6
    (image,) = (i for i in load_catalogue(ROOT).images if i.full_name == "distgen/distgen")
    references = {*re.findall(r"\S+/distgen:[\w.]+", text)}
    assert references == {image.reference}


# --- GitHub ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "kind"), [(ACTION, "actions"), (WORKFLOW, "workflows")])
def test_github_takes_them_and_nothing_that_others_say_is_in_a_script(path, kind, tmp_path):
    check = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.github-{kind}"]
    subprocess.run([sys.executable, *check, path], check=True)
    text = path.read_text()
    data = yaml.safe_load(text)
    steps = data["runs"]["steps"] if kind == "actions" else data["jobs"]["distgen"]["steps"]
    uses = [step["uses"] for step in steps if "uses" in step]
    pinned = re.findall(r"uses: (\S+@[0-9a-f]{40}) # v\d+\.\d+\.\d+$", text, re.MULTILINE)
    assert pinned == uses
    scripts = [step["run"] for step in steps if "run" in step]
    assert len(scripts) == 2 and not any(EXPRESSION.search(script) for script in scripts)
    for script in scripts:
        words = [program("shellcheck"), "--shell=bash", "-"]
        subprocess.run(words, input=script, text=True, check=True)
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace("steps:", "stepz:", 1))
    assert subprocess.run([sys.executable, *check, broken], check=False).returncode == 1


def test_actionlint_finds_nothing_in_the_workflow():
    subprocess.run([program("actionlint"), "-no-color", WORKFLOW], check=True)


def github_values(site, command, **more):
    """Return what the expressions of both files are for a run."""
    token = TOKEN if command == "lock-update" else ""
    return {
        "inputs.command": command,
        "inputs.catalogue": ".",
        "inputs.base || github.event.pull_request.base.sha || github.event.before": site.first,
        "github.event.pull_request.base.sha || github.event.before": site.first,
        "inputs.fail-on": "error",
        "inputs.lock": "offline",
        "runner.temp": str(site.folder / "runner"),
        "github.ref_name": "main",
        "inputs.command == 'lock-update' && inputs.token || ''": token,
        "inputs.command == 'lock-update' && (secrets.DISTGEN_PUSH_TOKEN || github.token) || ''": (
            token
        ),
        "inputs.command == 'publish' && secrets.DISTGEN_TOKEN || ''": (
            TOKEN if command == "publish" else ""
        ),
        **more,
    }


def github_steps(path: Path):
    data = yaml.safe_load(path.read_text())
    return data["runs"]["steps"] if path == ACTION else data["jobs"]["distgen"]["steps"]


def test_the_action_names_the_line_that_a_change_breaks(site):
    site.commit(*BROKEN)
    values = github_values(site, "check")
    code, printed, outputs = run_steps(github_steps(ACTION), values, site)
    assert code == 1
    assert "::error file=templates/app/Dockerfile.j2,line=2,title=DL3000::" in printed
    results = json.loads(Path(outputs["sarif"]).read_text())["runs"][0]["results"]
    (place,) = results[0]["locations"]
    assert place["physicalLocation"]["region"]["startLine"] == 2
    assert outputs["sarif"].startswith(outputs["reports"])
    summary = (site.folder / "runner/GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("## distgen: something is wrong\n")
    assert "WORKDIR relative/folder" in summary


def test_the_workflow_publishes_with_its_secret(site):
    steps = github_steps(WORKFLOW)
    code, printed, _ = run_steps(steps, github_values(site, "publish"), site)
    assert code == 0, printed
    assert published(site) and TOKEN not in printed
    summary = (site.folder / "runner/GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("## distgen: published\n")


def test_the_workflow_opens_a_pull_request_for_a_new_lock(site):
    """`gh` talks to GitHub alone, so a script that notes its words stands in its place."""
    gh = site.folder / "bin/gh"
    gh.write_text(f'#!/bin/sh\necho "$1 $2 $4 $GH_TOKEN" >>"{site.folder}/gh.log"\n')
    gh.chmod(0o755)
    site.move_source()
    values = github_values(site, "lock-update")
    code, printed, _ = run_steps(github_steps(WORKFLOW), values, site)
    assert code == 0, printed
    assert "Refresh the lock" in git("log", "-1", "distgen-lock-update", folder=site.upstream)
    said = (site.folder / "gh.log").read_text().splitlines()
    assert said[-1] == f"pr create distgen-lock-update {TOKEN}"
    assert TOKEN not in printed


@pytest.mark.parametrize("path", [ACTION, WORKFLOW])
@pytest.mark.parametrize("command", ["", "check; id", "../../bin/id"])
def test_another_command_is_refused(path, command, site):
    code, printed, _ = run_steps(github_steps(path), github_values(site, command), site)
    assert code == 2
    assert printed == "::error title=distgen::the command is check, publish or lock-update\n"


# --- GitLab ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["check", "publish", "lock-update"])
def test_gitlab_takes_the_component(command):
    jobs = read_component(COMPONENT.read_text(), command=command)
    assert [*jobs] == [f"distgen-{command}"]
    assert pipeline_problems(yaml.safe_dump({"stages": ["test"], **jobs}, sort_keys=False)) == []
    for line in (
        *jobs[f"distgen-{command}"]["before_script"],
        *jobs[f"distgen-{command}"]["script"],
    ):
        words = [program("shellcheck"), "--shell=sh", "-"]
        subprocess.run(words, input=line + "\n", text=True, check=True)


def test_gitlab_refuses_another_command_before_it_is_in_a_script():
    with pytest.raises(AssertionError, match="command is not id"):
        read_component(COMPONENT.read_text(), command="id")


def gitlab_variables(site):
    return {
        "CI_COMMIT_BEFORE_SHA": site.first,
        "CI_PROJECT_URL": f"{site.server.url}/images",
        "CI_DEFAULT_BRANCH": "main",
    }


def test_the_component_reports_the_line_that_a_change_breaks(site):
    site.commit(*BROKEN)
    (job,) = read_component(COMPONENT.read_text()).values()
    ended = run_job(job, gitlab_variables(site), site)
    assert ended.returncode == 1, ended.stderr
    report = site.clone / job["artifacts"]["reports"]["codequality"]
    (entry,) = json.loads(report.read_text())
    assert entry["location"] == {"path": "templates/app/Dockerfile.j2", "lines": {"begin": 2}}
    assert (site.clone / job["artifacts"]["reports"]["junit"]).is_file()


def test_the_component_asks_for_a_merge_request_of_a_new_lock(site):
    """The options of a push are what GitLab makes a merge request of."""
    place = site.server.repository("images.git")
    (place / "hooks").mkdir(exist_ok=True)
    hook = place / "hooks/pre-receive"
    hook.write_text('#!/bin/sh\necho "$GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1" >options\n')
    hook.chmod(0o755)
    site.move_source()
    (job,) = read_component(COMPONENT.read_text(), command="lock-update").values()
    secret = {"DISTGEN_PUSH_USER": USER, "DISTGEN_PUSH_TOKEN": TOKEN}
    ended = run_job(job, {**gitlab_variables(site), **secret}, site)
    assert ended.returncode == 0, ended.stderr
    assert "Refresh the lock" in git("log", "-1", "distgen-lock-update", folder=place)
    assert (place / "options").read_text() == "merge_request.create merge_request.target=main\n"


def test_the_component_is_no_part_of_the_default_catalogue(tmp_path):
    """`distgen init` and the package leave it out, though it stands among the templates."""
    words = [sys.executable, "-m", "distgen", "init", tmp_path / "new"]
    subprocess.run(words, check=True, capture_output=True)
    assert (tmp_path / "new/templates/python-app").is_dir()
    assert not (tmp_path / "new/templates/distgen.yml").exists()


# --- Tekton ------------------------------------------------------------------------------------


def test_tekton_takes_the_task_and_refuses_a_mistake():
    text = TASK.read_text()
    assert tekton_problems(text) == []
    assert tekton_problems(text.replace("workingDir:", "workingdir:")) != []
    assert tekton_problems(text.replace("runAsNonRoot:", "runAsNonroot:")) != []
    (step,) = yaml.safe_load(text)["spec"]["steps"]
    assert "$(" not in step["script"]


@pytest.mark.parametrize(("command", "code"), [("publish", 0), ("id", 2)])
def test_the_step_of_the_task_runs(command, code, site, tmp_path):
    """Values of parameters are put into its variables, as Tekton does, and its script is run."""
    spec = yaml.safe_load(TASK.read_text())["spec"]
    (step,) = spec["steps"]
    values = {f"params.{param['name']}": param["default"] for param in spec["params"]}
    values |= {"params.command": command, "results.code.path": str(tmp_path / "code")}
    given = {
        each["name"]: re.sub(r"\$\((.*?)\)", lambda name: values[name[1]], each["value"])
        for each in step["env"]
    }
    script = tmp_path / "script"
    script.write_text(step["script"])
    script.chmod(0o755)
    ended = site.run(str(script), **{**given, "HOME": str(tmp_path)})
    assert ended.returncode == code, ended.stderr
    assert (tmp_path / "code").read_text() == str(code)
    assert published(site) == (command == "publish")


# --- systemd -----------------------------------------------------------------------------------


def test_systemd_takes_the_units(tmp_path):
    """The program is not where a machine has it that runs the service."""
    analyze = program("systemd-analyze")
    text = SERVICE.read_text().replace("/usr/local/bin/distgen-publish", "/bin/true")
    (tmp_path / TIMER.name).write_text(TIMER.read_text())
    for content, is_good in ((text, True), (text.replace("Type=oneshot", "Tpye=oneshot"), False)):
        (tmp_path / SERVICE.name).write_text(content)
        ended = subprocess.run(
            [analyze, "verify", tmp_path / SERVICE.name, tmp_path / TIMER.name],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0 or not is_good, ended.stderr
        assert (ended.stderr == "") == is_good, ended.stderr


def test_the_command_of_the_service_publishes_from_what_its_settings_name(site, tmp_path):
    text = SERVICE.read_text()
    (command,) = re.findall(r"^ExecStart=/usr/local/bin/(.*)$", text, re.MULTILINE)
    (settings,) = re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
    given = dict(word.split("=", 1) for word in shlex.split(settings))
    given = {name: f"{tmp_path}{place}" for name, place in given.items()}
    Path(given["HOME"]).mkdir(parents=True)
    ended = subprocess.run(
        shlex.split(command),
        cwd=given["HOME"],
        env={**site.environment, **given, "DISTGEN_REPOSITORY": f"file://{site.upstream}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert published(site)
    assert (Path(given["DISTGEN_REPORTS"]) / "results.json").is_file()


# --- Kubernetes --------------------------------------------------------------------------------


def test_kubernetes_takes_the_cron_job_and_refuses_a_mistake():
    text = CRON_JOB.read_text()
    assert cron_job_problems(yaml.safe_load(text)) == []
    for word in ("concurrencyPolicy", "readOnlyRootFilesystem", "secretKeyRef", "emptyDir"):
        assert cron_job_problems(yaml.safe_load(text.replace(word, f"{word}x"))) != []


def test_the_cron_job_runs_once_at_a_time_and_never_as_root():
    spec = yaml.safe_load(CRON_JOB.read_text())["spec"]
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    secrets = [each for each in container["env"] if "TOKEN" in each["name"]]
    assert all("value" not in each for each in secrets) and secrets


def test_the_command_of_the_cron_job_publishes(site, tmp_path):
    """It writes nowhere but into its volume, because the rest is read-only."""
    spec = yaml.safe_load(CRON_JOB.read_text())["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["command"][:2] == ["/usr/bin/tini", "--"]
    volume = tmp_path / "work"
    volume.mkdir()
    given = {each["name"]: each.get("value", TOKEN) for each in container["env"]}
    given = {name: text.replace("/work", str(volume)) for name, text in given.items()}
    given["DISTGEN_REPOSITORY"] = f"file://{site.upstream}"
    ended = subprocess.run(
        container["command"][2:],
        cwd=volume,
        env={"PATH": site.environment["PATH"], **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert published(site)
    assert {path.name for path in volume.iterdir()} <= {"reports", ".cache"}
