"""The scripts that jobs of all systems run, run on a real catalogue with real git repositories."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from testing.dist_git import git
from testing.git_server import Fault
from testing.job_site import BROKEN, ROOT, SCRIPTS, TOKEN, JobSite
from testing.servers import Reply, serve
from testing.transports import program

BRANCH = "refs/heads/distgen-lock-update"


def upstream(site: JobSite, *words: str) -> str:
    return git(*words, folder=site.upstream).strip()


# --- what they are -----------------------------------------------------------------------------


def test_the_package_installs_each_script():
    (listed,) = re.findall(r"scripts=\[(.*)\]", (ROOT / "setup.py").read_text())
    files = [path for path in (ROOT / "ci").iterdir() if path.is_file()]
    assert re.findall(r'"ci/(.*?)"', listed) == list(SCRIPTS)
    assert {path.name for path in files} == {*SCRIPTS}
    assert all(path.stat().st_mode & stat.S_IXUSR for path in files)


def test_shellcheck_finds_nothing_in_the_scripts():
    words = [program("shellcheck"), "--shell=sh", *(ROOT / "ci" / name for name in SCRIPTS)]
    subprocess.run(words, check=True)


# --- check -------------------------------------------------------------------------------------


def test_a_change_that_breaks_nothing_passes_with_its_difference(site):
    base = site.commit(
        "templates/app/Dockerfile.j2", "FROM scratch\nLABEL commit={{ sources.lib.commit }} b=c\n"
    )
    ended = site.run("distgen-check", DISTGEN_BASE=base)
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.startswith("no findings\nthe lock is complete\nchanged  ns/app@main\n")
    reports = site.reports
    assert reports["summary.md"].startswith("## distgen: nothing is wrong\n")
    assert "b=c" in reports["summary.md"] and "b=c" in reports["diff.html"]
    assert [row["image"] for row in json.loads(reports["affected.json"])] == ["ns/app"]
    assert json.loads(reports["lint.json"]) == []
    assert "::" not in ended.stdout


def test_a_change_that_breaks_lint_fails_and_names_file_and_line(site, tmp_path):
    """GitHub takes nothing between the marks for a command: messages may begin with `::` too."""
    base = site.commit(*BROKEN)
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    ended = site.run("distgen-check", DISTGEN_BASE=base, **github)
    assert ended.returncode == 1
    assert "templates/app/Dockerfile.j2:2: error DL3000" in ended.stdout
    reports = site.reports
    assert "    templates/app/Dockerfile.j2:2: error DL3000" in reports["summary.md"]
    (comment,) = json.loads(reports["lint.zuul.json"])["templates/app/Dockerfile.j2"]
    assert (comment["line"], comment["level"]) == (2, "error")
    (entry,) = json.loads(reports["lint.codequality.json"])
    assert entry["location"] == {"path": "templates/app/Dockerfile.j2", "lines": {"begin": 2}}
    first, *between = ended.stdout.splitlines()
    mark = first.removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{32}", mark)
    end = between.index(f"::{mark}::")
    assert between[end + 1 :] == reports["lint.github"].splitlines()
    assert between[end + 1].startswith("::error file=templates/app/Dockerfile.j2,line=2,title=DL30")
    assert (tmp_path / "summary").read_text() == reports["summary.md"]


def test_a_lock_that_lacks_something_fails(site, sample):
    """Where nobody knows what was before, everything counts as changed."""
    (site.clone / "distgen.lock").unlink()
    (base,) = sample(["0" * 40, "", "--help", "$(id)"], 1)
    ended = site.run("distgen-check", DISTGEN_BASE=base, DISTGEN_FAIL_ON="never")
    assert ended.returncode == 1
    assert "missing" in site.reports["lock.txt"] and "missing" in site.reports["summary.md"]
    assert "added" in site.reports["affected.txt"]


def test_a_lock_that_is_stale_fails_where_the_world_is_asked(site):
    site.move_source()
    ended = site.run("distgen-check", DISTGEN_LOCK="online", DISTGEN_BASE="HEAD")
    assert ended.returncode == 1 and "stale" in ended.stdout


def test_reports_go_nowhere_that_a_change_names_and_take_nothing_away(site, tmp_path):
    (site.clone / "distgen-reports").symlink_to(tmp_path)
    ended = site.run("distgen-check")
    assert ended.returncode == 2 and "is a link" in ended.stderr
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "lint.yaml").write_text("mine\n")
    ended = site.run("distgen-check", DISTGEN_REPORTS=str(tmp_path), DISTGEN_LOCK="sometimes")
    assert ended.returncode == 2 and "DISTGEN_LOCK is offline or online" in ended.stderr
    assert (tmp_path / "lint.yaml").read_text() == "mine\n"


def test_a_catalogue_that_cannot_be_read_is_said_once(site):
    site.commit("overlays/ns/app.yaml", "template: nobody\n")
    ended = site.run("distgen-check", DISTGEN_BASE="HEAD^")
    assert ended.returncode == 2
    assert ended.stdout.count("nobody") == 1 and ended.stderr == ""
    assert "overlays/ns/app.yaml:1" in site.reports["summary.md"]


def test_a_catalogue_in_a_folder_whose_name_is_no_text_is_checked(site):
    folder = os.fsdecode(b"im\xffages")
    site.commit(*BROKEN)
    kept = [path for path in site.clone.iterdir() if path.name != ".git"]
    (site.clone / folder).mkdir()
    for path in kept:
        git("mv", path.name, folder, folder=site.clone)
    git("commit", "-q", "-m", "Move", folder=site.clone)
    ended = site.run("distgen-check", DISTGEN_CATALOGUE=folder, DISTGEN_BASE="HEAD")
    assert ended.returncode == 1
    assert "templates/app/Dockerfile.j2:2: error DL3000" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    (entry,) = json.loads(site.reports["lint.codequality.json"])
    assert entry["location"]["path"] == "im ages/templates/app/Dockerfile.j2"


# --- publish -----------------------------------------------------------------------------------


def test_images_are_published_to_their_server(site):
    ended = site.run("distgen-publish")
    assert ended.returncode == 0, ended.stderr
    assert site.statuses == ["ns/app created"]
    shown = git("show", "main:Dockerfile", folder=site.server.root / "ns/app.git")
    assert "LABEL commit=" in shown
    assert TOKEN not in ended.stdout + ended.stderr + "".join(site.reports.values())
    assert site.run("distgen-publish").returncode == 0
    assert site.statuses == ["ns/app unchanged"]
    assert site.reports["summary.md"].startswith("## distgen: published\n")


def test_a_catalogue_is_cloned_and_the_clone_is_gone_afterwards(site):
    """A new commit of the catalogue is published, which the folder at hand does not have."""
    work = site.folder / "elsewhere"
    git("clone", "-q", str(site.upstream), str(work), folder=site.folder)
    git("commit", "-q", "--allow-empty", "-m", "Next", folder=work)
    git("push", "-q", "origin", "HEAD:next", folder=work)
    ended = site.run(
        "distgen-publish",
        DISTGEN_REPOSITORY=f"file://{site.upstream}",
        DISTGEN_REPOSITORY_BRANCH="next",
    )
    assert ended.returncode == 0, ended.stderr
    message = git("log", "-1", "--format=%B", "main", folder=site.server.root / "ns/app.git")
    assert git("rev-parse", "HEAD", folder=work).strip() in message
    assert [*Path(site.environment["TMPDIR"]).iterdir()] == []


def test_what_was_not_published_is_in_the_exit_code_and_the_summary(site, tmp_path):
    ended = site.run("distgen-publish", DISTGEN_TOKEN="wrong")
    assert ended.returncode == 1
    assert site.statuses == ["ns/app failed"]
    assert "not everything was published" in site.reports["summary.md"]
    bad = site.run("distgen-publish", DISTGEN_REPOSITORY=str(tmp_path / "nowhere"))
    assert bad.returncode == 1 and "nowhere" in bad.stderr


def test_a_signal_lets_what_is_under_way_end(site):
    """Kubernetes and systemd ask the script to end, which is not distgen itself."""
    started = site.folder / "started"
    hook = site.server.root / "ns/app.git/hooks/pre-receive"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\n: >{started}\nwhile [ -e {started} ]; do sleep 0.1; done\n")
    hook.chmod(0o755)
    process = subprocess.Popen(
        ["distgen-publish"], cwd=site.clone, env=site.environment, stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            if started.exists():
                break
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        started.unlink()
        assert process.wait(60) in (0, 130)
    finally:
        started.unlink(missing_ok=True)
        hook.unlink()
        process.kill()
        process.wait()
    assert site.statuses == ["ns/app created"]


# --- lock update -------------------------------------------------------------------------------


def test_a_new_lock_is_proposed_on_a_branch_of_one_commit(site):
    commit = site.move_source()
    ended = site.run("distgen-lock-update")
    assert ended.returncode == 0, ended.stderr
    assert upstream(site, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert upstream(site, "diff", "--name-only", f"main..{BRANCH}") == "distgen.lock"
    assert commit in upstream(site, "show", f"{BRANCH}:distgen.lock")
    message = upstream(site, "log", "-1", "--format=%B", BRANCH)
    assert message.startswith("Refresh the lock\n\n") and commit in message
    assert site.reports["proposed"] == "distgen-lock-update\n"
    assert git("status", "--porcelain", folder=site.clone) == "?? distgen-reports/\n"
    assert git("log", "-1", "--format=%s", folder=site.clone) == "Begin\n"


def test_nothing_is_proposed_where_nothing_moved(site):
    subprocess.run(
        ["distgen", "lock", "--upgrade"], cwd=site.clone, env=site.environment, check=True
    )
    git("commit", "-q", "--allow-empty", "-am", "Refresh", folder=site.clone)
    ended = site.run("distgen-lock-update")
    assert ended.returncode == 0, ended.stderr
    assert "the lock is as the world is" in ended.stdout
    assert upstream(site, "branch", "--list") == "* main"
    assert "proposed" not in site.reports


def test_a_proposal_stays_until_there_is_a_newer_one(site):
    site.move_source()
    assert site.run("distgen-lock-update").returncode == 0
    first = upstream(site, "rev-parse", BRANCH)
    assert "says the same already" in site.run("distgen-lock-update").stdout
    assert upstream(site, "rev-parse", BRANCH) == first
    commit = site.move_source()
    assert site.run("distgen-lock-update").returncode == 0
    assert commit in upstream(site, "show", f"{BRANCH}:distgen.lock")
    assert upstream(site, "rev-list", "--count", f"main..{BRANCH}") == "1"


def test_commits_of_somebody_else_on_the_branch_are_left_alone(site):
    site.move_source()
    assert site.run("distgen-lock-update").returncode == 0
    work = site.folder / "person"
    git(
        "clone",
        "-q",
        "-b",
        "distgen-lock-update",
        str(site.upstream),
        str(work),
        folder=work.parent,
    )
    git("commit", "-q", "--allow-empty", "-m", "Mine", folder=work)
    git("push", "-q", "origin", "HEAD", folder=work)
    theirs = upstream(site, "rev-parse", BRANCH)
    site.move_source()
    ended = site.run("distgen-lock-update")
    assert ended.returncode == 1
    assert "commits of somebody else" in ended.stderr
    assert upstream(site, "rev-parse", BRANCH) == theirs
    assert git("status", "--porcelain", folder=site.clone) == "?? distgen-reports/\n"


def test_a_commit_that_somebody_amended_is_left_alone(site):
    """It has the job's message still, and once the next lock took its place."""
    site.move_source()
    assert site.run("distgen-lock-update").returncode == 0
    work = site.folder / "amender"
    words = ("clone", "-q", "-b", "distgen-lock-update", str(site.upstream), str(work))
    git(*words, folder=work.parent)
    lock = (work / "distgen.lock").read_text()
    for name, text in (("distgen.lock", f"{lock}# mine\n"), ("README.rst", "Mine\n")):
        git("reset", "-q", "--hard", "origin/distgen-lock-update", folder=work)
        (work / name).write_text(text)
        git("add", "-A", folder=work)
        git("commit", "-q", "--amend", "--no-edit", folder=work)
        git("push", "-q", "--force", "origin", f"HEAD:{BRANCH}", folder=work)
        theirs = upstream(site, "rev-parse", BRANCH)
        site.move_source()
        ended = site.run("distgen-lock-update")
        assert ended.returncode == 1, name
        assert "commits of somebody else" in ended.stderr
        assert upstream(site, "rev-parse", BRANCH) == theirs


def test_a_push_of_somebody_else_meanwhile_is_not_overwritten(site):
    """They push after the job has looked at the branch: a program in the place of git does."""
    site.move_source()
    assert site.run("distgen-lock-update").returncode == 0
    site.move_source()
    theirs = upstream(site, "commit-tree", "-m", "Mine", f"{BRANCH}^{{tree}}", "-p", BRANCH)
    folder = site.folder / "meddling"
    folder.mkdir()
    (folder / "git").write_text(
        f'#!/bin/sh\nPATH=${{PATH#*:}}\ncase " $* " in *" commit-tree "*)\n'
        f"git -C '{site.upstream}' update-ref {BRANCH} {theirs};;\nesac\nexec git \"$@\"\n"
    )
    (folder / "git").chmod(0o755)
    ended = site.run("distgen-lock-update", PATH=f"{folder}:{site.environment['PATH']}")
    assert ended.returncode == 1
    assert "stale info" in ended.stderr
    assert upstream(site, "rev-parse", BRANCH) == theirs
    assert "proposed" not in site.reports


def test_what_else_is_staged_in_the_clone_stays_there_and_is_not_pushed(site):
    site.move_source()
    (site.clone / "mine").write_text("not ready\n")
    git("add", "mine", folder=site.clone)
    ended = site.run("distgen-lock-update")
    assert ended.returncode == 0, ended.stderr
    assert upstream(site, "diff", "--name-only", f"main..{BRANCH}") == "distgen.lock"
    assert git("status", "--porcelain", folder=site.clone) == "A  mine\n?? distgen-reports/\n"


def test_a_failure_leaves_the_clone_as_it_was(site, tmp_path):
    site.move_source()
    ended = site.run("distgen-lock-update", DISTGEN_REMOTE=str(tmp_path / "nowhere"))
    assert ended.returncode != 0 and "nowhere" in ended.stderr
    assert git("status", "--porcelain", folder=site.clone) == "?? distgen-reports/\n"
    assert [*Path(site.environment["TMPDIR"]).iterdir()] == []


def test_a_catalogue_in_a_folder_is_refreshed_from_anywhere(site):
    site.move_source()
    kept = [path for path in site.clone.iterdir() if path.name != ".git"]
    (site.clone / "sub").mkdir()
    for path in kept:
        git("mv", path.name, "sub", folder=site.clone)
    git("commit", "-q", "-m", "Move", folder=site.clone)
    for said in ("proposed", "says the same already"):
        ended = site.run("distgen-lock-update", DISTGEN_CATALOGUE="sub")
        assert ended.returncode == 0 and said in ended.stdout, ended.stderr
        assert git("status", "--porcelain", folder=site.clone) == "?? distgen-reports/\n"
    assert (
        git(
            "diff", "--name-only", f"HEAD..{upstream(site, 'rev-parse', BRANCH)}", folder=site.clone
        )
        == "sub/distgen.lock\n"
    )


def test_a_lock_that_git_ignores_is_not_lost(site):
    git("rm", "-q", "--cached", "distgen.lock", folder=site.clone)
    (site.clone / ".gitignore").write_text("distgen.lock\n")
    git("commit", "-q", "-m", "Ignore", folder=site.clone)
    before = (site.clone / "distgen.lock").read_text()
    site.move_source()
    ended = site.run("distgen-lock-update")
    assert ended.returncode == 2 and "not committed" in ended.stderr
    assert (site.clone / "distgen.lock").read_text() == before


def test_gerrit_gets_a_change_that_stays_the_same_until_it_is_merged(site):
    ids = []
    for _ in range(2):
        site.move_source()
        assert site.run("distgen-lock-update", DISTGEN_REVIEW_FOR="main").returncode == 0
        target = "refs/for/main%topic=distgen-lock-update"
        message = upstream(site, "log", "-1", "--format=%B", target)
        ids += re.findall(r"^Change-Id: (I[0-9a-f]{40})$", message, re.MULTILINE)
        upstream(site, "update-ref", "-d", target)
    assert len(ids) == 2 and len({*ids}) == 1
    site.commit("distgen.lock", (site.clone / "distgen.lock").read_text() + "# merged\n")
    site.move_source()
    assert site.run("distgen-lock-update", DISTGEN_REVIEW_FOR="main").returncode == 0
    assert ids[0] not in upstream(site, "log", "-1", "--format=%B", target)


def test_a_token_is_given_to_the_remote_alone_and_shown_nowhere(site):
    site.server.repository("images.git")
    address = f"{site.server.url}/images.git"
    site.move_source()
    variables = {"DISTGEN_REMOTE": address, "DISTGEN_PUSH_USER": "robot"}
    refused = site.run("distgen-lock-update", **variables)
    assert refused.returncode != 0
    ended = site.run("distgen-lock-update", DISTGEN_PUSH_TOKEN=TOKEN, **variables)
    assert ended.returncode == 0, ended.stderr
    place = site.server.root / "images.git"
    assert "lock-update" in git("log", "-1", "--format=%B", BRANCH, folder=place)
    assert TOKEN not in ended.stdout + ended.stderr + "".join(site.reports.values())
    config = (site.clone / ".git/config").read_text()
    assert TOKEN not in config


def test_a_redirect_leads_the_token_to_no_other_server(site):
    def ask_for_a_password(asked):
        return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="other"'})

    site.move_source()
    with serve(ask_for_a_password) as other:
        place = f"{other.url}/images.git/info/refs?service=git-upload-pack"
        site.server.meddle = lambda asked: Fault(301, {"Location": place})
        try:
            variables = {"DISTGEN_REMOTE": f"{site.server.url}/images.git"}
            ended = site.run("distgen-lock-update", DISTGEN_PUSH_TOKEN=TOKEN, **variables)
        finally:
            site.server.meddle = None
    assert ended.returncode != 0
    assert other.log == []
    assert git("status", "--porcelain", folder=site.clone) == "?? distgen-reports/\n"


@pytest.mark.parametrize(
    ("words", "variables", "sentence"),
    [
        ([], {"DISTGEN_BRANCH": "a..b"}, "a..b is no name of a branch"),
        (["--no-such-option"], {}, "No such option"),
    ],
)
def test_mistakes_are_said_before_anything_is_done(words, variables, sentence, site):
    site.move_source()
    ended = site.run("distgen-lock-update", *words, **variables)
    assert ended.returncode == 2 and sentence in ended.stderr
    assert upstream(site, "branch", "--list") == "* main"


def test_changes_of_the_lock_that_are_not_committed_are_not_lost(site):
    with (site.clone / "distgen.lock").open("a") as lock:
        lock.write("# mine\n")
    ended = site.run("distgen-lock-update")
    assert ended.returncode == 2 and "not committed" in ended.stderr
    assert (site.clone / "distgen.lock").read_text().endswith("# mine\n")


def test_a_pull_request_is_opened_once(site):
    """`gh` talks to GitHub alone, so a script that notes its words stands in its place."""
    log = site.folder / "gh.log"
    gh = site.folder / "bin/gh"
    gh.write_text(
        f'#!/bin/sh\necho "$*" >>"{log}"\n'
        f'case "$1 $2" in "pr view") cat "{site.folder}/state" 2>/dev/null;;\n'
        f'*) cat >"{site.folder}/body";; esac\n'
    )
    gh.chmod(0o755)
    site.move_source()
    for state in ("", "OPEN\n"):
        (site.folder / "state").write_text(state)
        ended = site.run("distgen-lock-update", DISTGEN_PULL_REQUEST="main", GITHUB_ACTIONS="true")
        assert ended.returncode == 0, ended.stderr
        first, *_, last = ended.stdout.splitlines()
        assert re.fullmatch("::stop-commands::[0-9a-f]{32}", first)
        assert last == f"::{first.removeprefix('::stop-commands::')}::"
    created = [line for line in log.read_text().splitlines() if line.startswith("pr create")]
    assert len(created) == 1
    assert created[0].startswith("pr create --head distgen-lock-update --base main --title Refresh")
    lines = (site.folder / "body").read_text().splitlines()
    assert [line.removeprefix("    ") for line in lines] == site.reports["lock.txt"].splitlines()
    assert all(line.startswith("    ") for line in lines), "a listing, whatever stands in it"
