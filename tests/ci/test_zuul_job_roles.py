"""The jobs for Zuul: read by Zuul itself, and their playbooks run by Ansible on this machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zuul")
pytest.importorskip("ansible")

from testing.dist_git import git
from testing.job_site import BROKEN, ROOT, TOKEN, USER, JobSite
from testing.pages import WrittenFile, steps
from testing.stub_wheel import write_stub_wheel
from testing.zuul_node import PLUGINS
from testing.zuul_tenant import CATALOGUE, Tenant, load_tenant
from zuul.lib import filecomments

import distgen

JOBS = (ROOT / "zuul.d/jobs.yaml").read_text()
PAGE = ROOT / "doc/howto/run-zuul.rst"
(PROJECT,) = (
    re.sub(r"!encrypted/pkcs1-oaep \[\.\.\.\]", "hidden", step.text)
    for step in steps(PAGE)
    if isinstance(step, WrittenFile) and step.path == "zuul.d/distgen.yaml"
)
"""What the page tells a project to have, without the ciphers, which no key here could read."""
PERIODIC = """
- pipeline:
    name: periodic
    manager: independent
    post-review: true
    trigger: {gerrit: [{event: change-merged}]}
"""


def load(project: str, jobs: str) -> Tenant:
    return load_tenant({"zuul.yaml": project}, projects={"x/distgen": jobs}, system=PERIODIC)


@pytest.fixture(scope="module")
def tenant():
    return load(PROJECT, JOBS)


def test_zuul_takes_the_jobs_and_those_that_inherit_from_them(tenant):
    assert tenant.errors == []
    (check,) = tenant.jobs("check", CATALOGUE, ["overlays/ns/app.yaml"]).values()
    assert check.secrets == {}
    assert check.playbooks == ("playbooks/distgen-install.yaml", "playbooks/distgen-check.yaml")
    jobs = {
        name: job
        for pipeline in ("promote", "periodic")
        for name, job in tenant.jobs(pipeline, CATALOGUE, ["overlays/ns/app.yaml"]).items()
    }
    assert {name: job.secrets for name, job in jobs.items()} == {
        f"images-{act}": {
            f"playbooks/distgen-{name}.yaml": ("distgen_environment",) for name in ("install", act)
        }
        for act in ("publish", "lock-update")
    }
    requirement = {job.variables["distgen_install"] for job in (check, *jobs.values())}
    assert requirement == {f"distgen-git=={distgen.__version__}"}


def test_zuul_lets_nobody_publish_before_a_review():
    text = PROJECT.replace("check: {jobs: [distgen-check]}", "check: {jobs: [distgen-publish]}")
    tenant = load(text, JOBS)
    with pytest.raises(Exception, match="post-review"):
        tenant.jobs("check", CATALOGUE, ["overlays/ns/app.yaml"])


def test_zuul_would_name_a_mistake():
    broken = JOBS.replace("post-review: true", "post-revew: true")
    tenant = load(PROJECT, broken)
    assert any("post-revew" in error for error in tenant.errors)


def test_the_defaults_of_the_roles_are_those_of_this_release():
    files = [ROOT / "zuul.d/jobs.yaml", *ROOT.glob("roles/*/defaults/main.yaml")]
    versions = re.findall(r"distgen-git==(.*)", "".join(path.read_text() for path in files))
    assert {*versions} == {distgen.__version__}
    assert len(versions) == 5


# --- what Ansible makes of them ----------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """What a playbook left behind: its code, what it printed, what Zuul was told, and logs."""

    code: int
    printed: str
    returned: dict[str, Any]
    logs: dict[str, str]


def play(site: JobSite, folder: Path, act: str, **variables: Any) -> Ended:
    """Run the playbook of a job as an executor does, on a node that is this machine."""
    (folder / "work").mkdir()
    (folder / "work/results.json").write_text("")
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    facts = {
        "zuul": {
            "project": {"src_dir": site.clone.name},
            "executor": {"log_root": str(folder / "logs")},
        },
        "distgen_home": str(site.folder),
        "distgen_install": "",
        **variables,
    }
    inventory = {"all": {"hosts": {"node": host}, "vars": facts}}
    (folder / "inventory.json").write_text(json.dumps(inventory))
    settings = {
        "ANSIBLE_ACTION_PLUGINS": str(PLUGINS / "action"),
        "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        "ANSIBLE_NOCOLOR": "1",
        "ZUUL_JOBDIR": str(folder),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    playbook = ROOT / f"playbooks/distgen-{act}.yaml"
    # So verbose that it prints the command lines, which users of the node see, too.
    ended = subprocess.run(
        [program, "-vvv", "-i", folder / "inventory.json", playbook],
        env={**site.environment, **settings, "DISTGEN_TOKEN": ""},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    text = (folder / "work/results.json").read_text()
    logs = {path.name: path.read_text() for path in folder.glob("logs/distgen/*")}
    returned = json.loads(text)["data"]["zuul"] if text else {}
    return Ended(ended.returncode, ended.stdout + ended.stderr, returned, logs)


def test_ansible_checks_a_change_and_comments_on_the_line_that_breaks_it(site, tmp_path):
    base = site.commit(*BROKEN)
    ended = play(site, tmp_path, "check", distgen_base=base)
    assert ended.code == 2, ended.printed
    comments = ended.returned["file_comments"]
    filecomments.validate(comments)
    (comment,) = comments["templates/app/Dockerfile.j2"]
    assert (comment["line"], comment["level"]) == (2, "error")
    assert comment["message"].startswith("DL3000: ")
    assert "templates/app/Dockerfile.j2:2: error DL3000" in ended.printed
    assert {artifact["url"] for artifact in ended.returned["artifacts"]} == {
        "distgen/summary.md",
        "distgen/diff.html",
    }
    assert "WORKDIR relative/folder" in ended.logs["diff.html"]
    assert "something is wrong" in ended.logs["summary.md"]


def test_ansible_evaluates_nothing_that_a_change_says(site, tmp_path):
    """A script stands for `distgen-check`, because its messages quote little of a change."""
    touched = tmp_path / "touched"
    message = f"{{{{ lookup('pipe', 'touch {touched}') }}}}"
    comments = {message: [{"line": 1, "level": "error", "message": message}]}
    script = tmp_path / "distgen-check"
    place = '"$DISTGEN_REPORTS"'
    (tmp_path / "comments").write_text(json.dumps(comments))
    (tmp_path / "message").write_text(message)
    script.write_text(
        f"#!/bin/sh\nmkdir -p {place}\ncp '{tmp_path}/comments' {place}/lint.zuul.json\n"
        f"cat '{tmp_path}/message'\nexit 1\n"
    )
    script.chmod(0o755)
    path = f"{tmp_path}:{site.environment['PATH']}"
    ended = play(site, tmp_path, "check", distgen_path=path)
    assert ended.code == 2, ended.printed
    assert ended.returned["file_comments"] == comments
    assert message in ended.printed
    assert not touched.exists()


def test_ansible_passes_a_change_that_breaks_nothing(site, tmp_path):
    ended = play(site, tmp_path, "check", distgen_base="HEAD", distgen_images=["ns/app"])
    assert ended.code == 0, ended.printed
    assert ended.returned["file_comments"] == {}
    assert "nothing is wrong" in ended.logs["summary.md"]


def test_ansible_publishes(site, tmp_path):
    ended = play(site, tmp_path, "publish", distgen_environment={"DISTGEN_TOKEN": TOKEN})
    assert ended.code == 0, ended.printed
    (row,) = json.loads(ended.logs["results.json"])["results"]
    assert row["status"] == "created"
    shown = git("show", "main:Dockerfile", folder=site.server.root / "ns/app.git")
    assert "LABEL commit=" in shown
    assert TOKEN not in ended.printed + "".join(ended.logs.values())


def test_ansible_proposes_a_new_lock(site, tmp_path):
    site.server.repository("images.git")
    commit = site.move_source()
    ended = play(
        site,
        tmp_path,
        "lock-update",
        distgen_environment={"DISTGEN_PUSH_USER": USER, "DISTGEN_PUSH_TOKEN": TOKEN},
        distgen_remote=f"{site.server.url}/images.git",
    )
    assert ended.code == 0, ended.printed
    place = site.server.root / "images.git"
    assert commit in git("show", "distgen-lock-update:distgen.lock", folder=place)
    assert commit in ended.logs["lock.txt"]
    assert TOKEN not in ended.printed
    assert not (site.folder / ".distgen-secrets").exists()


def test_ansible_keeps_secrets_to_itself_and_as_they_are(site, tmp_path):
    """A script stands for `distgen-publish`, which looks at the command lines of all processes."""
    secret = f'{TOKEN} \'a "b" $(id) `id` \\n'
    script = tmp_path / "distgen-publish"
    script.write_text(
        f"#!{sys.executable}\nimport os, pathlib\n"
        "for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n"
        "    try:\n        words = path.read_bytes()\n"
        "    except OSError:\n        continue\n"
        f"    assert b{TOKEN!r} not in words, words\n"
        f"assert os.environ['DISTGEN_TOKEN'] == {secret!r}, os.environ['DISTGEN_TOKEN']\n"
    )
    script.chmod(0o755)
    path = f"{tmp_path}:{site.environment['PATH']}"
    variables = {"DISTGEN_TOKEN": {"__ansible_unsafe": secret}, "OTHER": 5}
    ended = play(site, tmp_path, "publish", distgen_environment=variables, distgen_path=path)
    assert ended.code == 0, ended.printed
    assert TOKEN not in ended.printed
    assert not (site.folder / ".distgen-secrets").exists()


def test_ansible_installs_distgen_into_an_environment_of_its_own(site, tmp_path):
    wheel = write_stub_wheel(tmp_path)
    ended = play(site, tmp_path, "install", distgen_install=str(wheel), distgen_home=str(tmp_path))
    assert ended.code == 0, ended.printed
    program = tmp_path / ".distgen-venv/bin/distgen"
    assert subprocess.run([program], capture_output=True, check=True).stdout == b"a stub\n"


def test_ansible_reads_the_playbooks_without_a_warning(site):
    settings = {
        "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        "ANSIBLE_ACTION_PLUGINS": str(PLUGINS / "action"),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    playbooks = sorted((ROOT / "playbooks").glob("*.yaml"))
    assert len(playbooks) == 4
    ended = subprocess.run(
        [program, "--syntax-check", "-i", "localhost,", *playbooks],
        env={**site.environment, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0 and "WARN" not in ended.stderr, ended.stderr
