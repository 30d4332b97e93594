"""What can go wrong on the way to a server, and that nothing is lost by it or done twice."""

import os
import random
import shlex
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace

import pytest
from testing import dist_git
from testing.dist_git import (
    GIT,
    OPTIONS,
    QUICK,
    WAYS,
    commits,
    content,
    edit,
    git,
    listing,
    plans,
    run_publish,
    statuses,
)
from testing.git_server import Fault, git_server
from testing.images import image, tree
from testing.moments import arrange, await_halt, kill, resume, watch
from testing.sites import COMMAND, distgen, ended, save, site, start

from distgen.git.run import isolate

FIRST, SECOND = {"Dockerfile": "FROM a\n"}, {"Dockerfile": "FROM b\n"}


def app(address, name="ns/app", *parents):
    return image(name, *parents, url=f"{address}/{{namespace}}/{{image}}.git")


def trees(images, files=FIRST):
    return {i.key: tree(i, files) for i in images}


both_ways = pytest.mark.parametrize("server", ["distgen", "git"], indirect=True)
"""Runs a test twice: with our own client of the server, and with git."""


@pytest.fixture
def server(request, tmp_path, monkeypatch):
    """A server with three empty repositories."""
    # It stands for --transport, which each test would have to pass on otherwise.
    monkeypatch.setattr(dist_git, "chosen_way", WAYS[getattr(request, "param", "distgen")])
    with git_server(tmp_path / "srv") as running:
        for name in ("app", "other", "third"):
            running.repository(f"ns/{name}.git")
        yield running


def hook(folder, name, script):
    (folder / "hooks").mkdir(exist_ok=True)
    path = folder / "hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# --- servers that fail -------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("fault", [Fault(503), Fault(429), Fault()], ids=["503", "429", "cut"])
@pytest.mark.parametrize("step", ["info/refs", "git-upload-pack", "git-receive-pack"])
def test_a_server_that_fails_for_a_moment_is_asked_again(tmp_path, server, fault, step):
    app_image = app(server.url)
    run_publish(tmp_path, [app_image], trees([app_image]), git=GIT)
    shutil.rmtree(tmp_path / "store")
    faults = [fault, fault]
    server.meddle = lambda request: faults.pop() if request.path.endswith(step) and faults else None
    (result,) = run_publish(tmp_path, [app_image], trees([app_image], SECOND))
    assert (result.status, result.detail, faults) == ("updated", "", [])
    assert commits(tmp_path / "srv/ns/app.git") == [result.commit, result.parent]


@both_ways
def test_a_passing_error_of_a_push_pauses_and_a_lost_race_does_not(tmp_path, server):
    app_image = app(server.url)
    run_publish(tmp_path, [app_image], trees([app_image]))
    reports = []
    policy = replace(QUICK, first_pause=2, jitter=lambda: 0.0, report=reports.append)
    own_git = isolate({"PATH": os.environ["PATH"]}, policy)
    faults = [Fault(503)]
    server.meddle = lambda request: faults.pop() if request.pushes and faults else None
    begin = time.monotonic()
    (result,) = run_publish(tmp_path, [app_image], trees([app_image], SECOND), git=own_git)
    assert (result.status, faults) == ("updated", [])
    assert time.monotonic() - begin >= 1
    assert len(reports) == 1
    assert "returned error: 503" in reports[0]
    assert reports[0].endswith("; trying again in 1.0 seconds")

    reports.clear()
    own_git = isolate({"PATH": os.environ["PATH"]}, replace(policy, first_pause=120))
    edits = [{"NOTES": "mine"}]

    def lose_the_race(step, _):
        if step == "pushing" and edits:
            edit(tmp_path / "srv/ns/app.git", edits.pop(), tmp_path)

    options = replace(OPTIONS, observe=lose_the_race)
    begin = time.monotonic()
    (result,) = run_publish(tmp_path, [app_image], trees([app_image]), options, git=own_git)
    assert (result.status, edits, reports) == ("updated", [], [])
    assert time.monotonic() - begin < 60
    assert len(commits(tmp_path / "srv/ns/app.git")) == 4


@both_ways
def test_a_server_that_goes_on_failing_is_given_up_and_the_rest_goes_on(tmp_path, server):
    images = [app(server.url), app(server.url, "ns/other"), app(server.url, "ns/third", "ns/app")]
    server.meddle = lambda request: Fault(502) if "/app.git" in request.path else None
    broken, other_result, child = run_publish(tmp_path, images, trees(images))
    assert (broken.status, other_result.status, child.status) == ("failed", "created", "skipped")
    assert broken.detail.endswith("The requested URL returned error: 502")
    assert (
        len([request for request in server.requests if "/app.git" in request.path])
        == QUICK.attempts
    )


@both_ways
def test_a_server_that_forbids_the_push_is_asked_once(tmp_path, server):
    app_image = app(server.url)
    server.meddle = lambda request: Fault(403) if request.pushes else None
    (result,) = run_publish(tmp_path, [app_image], trees([app_image]))
    assert result.status == "failed"
    assert "HTTP 403" in result.detail
    assert len([request for request in server.requests if request.pushes]) == 1


def test_a_server_that_does_not_answer_at_all_is_not_waited_for_thousands_of_times(tmp_path):
    with git_server(tmp_path / "srv") as server:
        address = server.url
    reports = []
    own_git = isolate(
        {"PATH": os.environ["PATH"]}, replace(QUICK, attempts=2, report=reports.append)
    )
    images = [app(address, f"ns/a{number}") for number in range(40)] + [image("ns/here")]
    begin = time.monotonic()
    results = run_publish(tmp_path, images, trees(images), replace(OPTIONS, jobs=2), git=own_git)
    assert statuses(results).pop("ns/here@master") == "created"
    assert [result.status for result in results].count("failed") == 40
    assert results[39].detail == (
        f"{address.partition('://')[2]}: did not answer again and again, and is not asked any more "
        "in this run"
    )
    assert len(reports) < 8
    assert time.monotonic() - begin < 60


@both_ways
def test_a_server_that_hangs_is_given_up_in_time(tmp_path, server):
    images = [app(server.url), app(server.url, "ns/other")]
    server.meddle = lambda request: Fault(seconds=60) if "/app.git" in request.path else None
    own_git = isolate({"PATH": os.environ["PATH"]}, replace(QUICK, timeout=1.5))
    begin = time.monotonic()
    hanging, other_result = run_publish(tmp_path, images, trees(images), git=own_git)
    assert (hanging.status, other_result.status) == ("failed", "created")
    assert hanging.detail.endswith("no answer within 1.5 seconds")
    assert time.monotonic() - begin < 30


def test_the_time_limit_of_the_command_line_is_the_servers(catalogue, tmp_path, server):
    server.meddle = lambda request: Fault(seconds=3)
    url = f"{server.url}/{{namespace}}/{{image}}.git"
    root = site(catalogue, "app", url=url)
    process = distgen(root, "publish", "--timeout", "0.4")
    assert process.code == 1
    assert "no answer within 0.4 seconds" in process.out
    server.meddle = lambda request: Fault(500)
    begun = len(server.requests)
    assert distgen(root, "publish", "--retries", 0).code == 1
    assert len(server.requests) == begun + 1


@both_ways
def test_a_push_whose_hook_hangs_is_ended_and_found_by_the_next_run(tmp_path, server):
    app_image = app(server.url)
    where = tmp_path / "srv/ns/app.git"
    hook(where, "pre-receive", f"sleep 2.5; touch {tmp_path}/through")
    own_git = isolate({"PATH": os.environ["PATH"]}, replace(QUICK, timeout=1.5))
    (result,) = run_publish(tmp_path, [app_image], trees([app_image]), git=own_git)
    assert (result.status, result.detail) == ("failed", "no answer within 1.5 seconds")
    (where / "hooks/pre-receive").unlink()
    (repeated,) = run_publish(tmp_path, [app_image], trees([app_image]))
    assert repeated.status in ("created", "unchanged")
    deadline = time.monotonic() + 10
    while not (tmp_path / "through").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    (last,) = run_publish(tmp_path, [app_image], trees([app_image]))
    assert (last.status, last.commit) == ("unchanged", repeated.commit)
    assert commits(where) == [repeated.commit]


@both_ways
def test_a_hook_that_speaks_of_a_lock_is_asked_once(tmp_path, server):
    """It was taken for a lock that another git holds for a moment, and asked six times."""
    app_image = app(server.url)
    hook(tmp_path / "srv/ns/app.git", "pre-receive", "echo this branch is locked; exit 1")
    (result,) = run_publish(tmp_path, [app_image], trees([app_image]))
    assert result.detail == "this branch is locked; [remote rejected] (pre-receive hook declined)"
    assert len([request for request in server.requests if request.pushes]) == 1


# --- answers that cannot be believed -----------------------------------------------------------


TAKE_BACK = "while read old new ref; do git update-ref $ref $old; done"


def taken_back(tmp_path, server):
    """Return the result of a push whose commit a hook takes off the branch again, and the next."""
    app_image = app(server.url)
    where = tmp_path / "srv/ns/app.git"
    run_publish(tmp_path, [app_image], trees([app_image]))
    before = commits(where)
    hook(where, "post-receive", TAKE_BACK)
    results = [run_publish(tmp_path, [app_image], trees([app_image], SECOND))[0] for _ in (1, 2)]
    assert commits(where) == before
    return results


@pytest.mark.parametrize("server", ["git"], indirect=True)
def test_a_push_through_git_that_is_taken_and_then_taken_back_has_failed(tmp_path, server):
    """A mirror that overwrites the repository, or a hook, may do so."""
    for result in taken_back(tmp_path, server):
        assert (result.status, result.commit) == ("failed", result.parent)
        assert result.detail == "the push was taken, but the branch does not show it"


def test_a_push_that_is_taken_back_after_the_report_is_made_again_by_the_next_run(tmp_path, server):
    first, second = taken_back(tmp_path, server)
    assert (first.status, first.commit) == ("updated", second.commit)
    assert second.status == "updated"


ON_TOP = """
export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x
while read old new ref; do
    git update-ref $ref $(git commit-tree -p $new -m "On top" $new^{tree})
done"""


@both_ways
@pytest.mark.parametrize("answer", [None, Fault(after=True)], ids=["told", "lost"])
def test_a_commit_of_somebody_on_top_of_ours_does_not_hide_it(tmp_path, server, answer):
    app_image = app(server.url)
    where = tmp_path / "srv/ns/app.git"
    run_publish(tmp_path, [app_image], trees([app_image]))
    hook(where, "post-receive", ON_TOP)
    server.meddle = lambda request: answer if request.pushes else None
    (result,) = run_publish(tmp_path, [app_image], trees([app_image], SECOND))
    assert (result.status, result.detail) == ("updated", "")
    assert commits(where)[1:] == [result.commit, result.parent]


@both_ways
def test_a_push_that_arrived_counts_though_the_server_is_gone_after_it(tmp_path, server):
    app_image = app(server.url)
    pushed = []

    def meddle(request):
        if request.pushes:
            pushed.append(request)
            return None
        return Fault(503) if pushed else None

    server.meddle = meddle
    (result,) = run_publish(tmp_path, [app_image], trees([app_image]))
    assert (result.status, result.commit) == ("created", commits(tmp_path / "srv/ns/app.git")[0])


@both_ways
def test_a_lost_answer_to_the_push_of_several_streams_is_found_out(tmp_path, server):
    images = [app(server.url), app(server.url, "ns/app@2024.1")]
    server.meddle = lambda request: Fault(after=True) if request.pushes else None
    results = run_publish(tmp_path, images, trees(images))
    assert {result.status for result in results} == {"created"}
    where = tmp_path / "srv/ns/app.git"
    for result in results:
        assert commits(where, result.branch) == [result.commit]


# --- histories that changed --------------------------------------------------------------------


def reset(where, commit, branch="master"):
    git("update-ref", f"refs/heads/{branch}", commit, folder=where)


@pytest.fixture(params=["folder", "http"])
def place(request, tmp_path, server):
    """Where `ns/app` goes, and the repository there."""
    if request.param == "folder":
        return image("ns/app"), tmp_path / "dist-git/ns/app.git"
    return app(server.url), tmp_path / "srv/ns/app.git"


def test_a_branch_that_was_set_back_gets_the_same_commit_again(tmp_path, place):
    app_image, where = place
    (first,) = run_publish(tmp_path, [app_image], trees([app_image]))
    (second,) = run_publish(tmp_path, [app_image], trees([app_image], SECOND))
    reset(where, first.commit)
    (repeated,) = run_publish(tmp_path, [app_image], trees([app_image], SECOND))
    assert (repeated.status, repeated.commit) == ("updated", second.commit)


def test_a_history_that_was_rewritten_is_built_upon(tmp_path, place):
    """Our commit was squashed with others': the manifest tells what is generated."""
    app_image, where = place
    run_publish(tmp_path, [app_image], trees([app_image]))
    edit(where, {"NOTES": "mine"}, tmp_path)
    squashed = git("commit-tree", "-m", "All in one", "master^{tree}", folder=where).strip()
    reset(where, squashed)
    (result,) = run_publish(tmp_path, [app_image], trees([app_image], SECOND))
    assert (result.status, result.parent) == ("updated", squashed)
    assert content(where, "NOTES") == "mine"
    assert git("fsck", "--strict", "--full", "--no-dangling", folder=where) == ""


def test_an_unrelated_history_gets_our_files_beside_its_own(tmp_path, place):
    app_image, where = place
    run_publish(tmp_path, [app_image], trees([app_image]))
    source = tmp_path / "source"
    git("init", "-q", "-b", "master", str(source))
    (source / "LICENSE").write_text("theirs")
    git("add", "-A", folder=source)
    git("commit", "-q", "-m", "Begin anew", folder=source)
    git("push", "-q", "--force", str(where), "master", folder=source)
    (result,) = run_publish(tmp_path, [app_image], trees([app_image]))
    assert result.status == "updated"
    assert listing(where) == [".distgen.json", ".gitattributes", "Dockerfile", "LICENSE"]
    assert len(commits(where)) == 2


def test_a_history_that_is_rewritten_meanwhile_is_planned_on_anew(tmp_path, place):
    app_image, where = place
    (first,) = run_publish(tmp_path, [app_image], trees([app_image]))
    edit(where, {"NOTES": "mine"}, tmp_path)
    attempts = []

    def observe(step, about):
        if step == "pushing":
            attempts.append(about["attempt"])
            reset(where, first.commit)

    options = replace(OPTIONS, observe=observe)
    (result,) = run_publish(tmp_path, [app_image], trees([app_image], SECOND), options)
    assert attempts == [1, 2]
    assert (result.status, result.parent) == ("updated", first.commit)
    assert len(commits(where)) == 2


# --- our own machine ---------------------------------------------------------------------------


def test_a_store_that_is_deleted_during_a_run_is_made_again(tmp_path, server):
    images = [app(server.url), app(server.url, "ns/other", "ns/app"),
             app(server.url, "ns/third", "ns/other")]  # fmt: skip
    run_publish(tmp_path, images, trees(images))
    hook(tmp_path / "srv/ns/app.git", "pre-receive", f"rm -rf {tmp_path}/store")
    results = run_publish(tmp_path, images, trees(images, SECOND))
    assert {(result.status, result.detail) for result in results} == {("updated", "")}
    for name in ("app", "other", "third"):
        assert git("fsck", "--strict", "--full", folder=tmp_path / f"srv/ns/{name}.git") == ""
    shutil.rmtree(tmp_path / "srv/ns/app.git/hooks")
    assert {result.status for result in run_publish(tmp_path, images, trees(images, SECOND))} == {
        "unchanged"
    }


def rot(store):
    for pack in store.glob("objects/pack/*.pack"):
        content = bytearray(pack.read_bytes())
        content[20:-20:7] = bytes(len(content[20:-20:7]))
        pack.chmod(0o644)
        pack.write_bytes(content)


def empty(store):
    """As a machine does that lost its power."""
    for path in store.glob("objects/[0-9a-f][0-9a-f]/*"):
        path.chmod(0o644)
        path.write_bytes(b"")


def foreign(store):
    (store / "config").write_text("[core]\n\trepositoryformatversion = 99\n")


@pytest.mark.parametrize("damage", [rot, empty, foreign])
def test_a_damaged_store_is_begun_again_within_the_run(tmp_path, server, damage):
    """Every run failed until somebody deleted it."""
    images = [app(server.url, name) for name in ("ns/app", "ns/app@2024.1", "ns/other", "ns/third")]
    run_publish(tmp_path, images, trees(images))
    shutil.rmtree(tmp_path / "store")
    run_publish(tmp_path, images, trees(images, SECOND))  # fetches what it builds on
    damage(tmp_path / "store")
    third = {"Dockerfile": "FROM c\n"}
    assert {result.status for result in plans(tmp_path, images, trees(images, third),
                                        store=tmp_path / "store")} == {"updated"}  # fmt: skip
    results = run_publish(tmp_path, images, trees(images, third))
    assert {(result.status, result.detail) for result in results} == {("updated", "")}
    for name in ("app", "other", "third"):
        where = tmp_path / f"srv/ns/{name}.git"
        assert git("fsck", "--strict", "--full", folder=where) == ""
        assert len(commits(where)) == 3


def noise(size):
    """Return text that does not become small when it is packed."""
    return "".join(random.Random(1).choices("0123456789abcdef", k=size))


def command_on_small_disk(folder, size):
    """Return what runs a command where `folder` is a disk of that size, or skip the test."""
    mount = f'mount -t tmpfs -o size={size} none "{folder}" && exec "$@"'
    for words in (["unshare", "-rm"], ["unshare", "-m"]):
        begin = [*words, "sh", "-c", mount, "sh"]
        try:
            if subprocess.run([*begin, "true"], capture_output=True, check=False).returncode == 0:
                return begin
        except FileNotFoundError:
            break
    pytest.skip("no file system of its own can be mounted here")
    return []


def test_a_full_disk_under_the_store_fails_all_and_leaves_it_usable(catalogue, tmp_path):
    root = site(catalogue, "base", "app")
    store = tmp_path / "small"
    store.mkdir()
    (root / "templates/app/blob").write_text(noise(600_000))
    save(root)
    script = tmp_path / "script"
    words = [*COMMAND, "-C", str(root), "publish", "--store", f"{store}/s"]
    publishing = f"{shlex.join(words)}; echo $?"
    script.write_text(f"#!/bin/sh\n{publishing}\nrm {store}/ballast\n{publishing}\n")
    script.chmod(0o755)
    begin = command_on_small_disk(store, "1m")
    filled = f"head -c 700000 /dev/zero >{store}/ballast; exec {script}"
    process = subprocess.run(
        [*begin, "sh", "-c", filled],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        check=False,
    )
    assert "Traceback" not in process.stderr
    assert process.stdout.splitlines()[2] == "1"
    assert "No space left on device" in process.stdout or "Out of diskspace" in process.stdout
    assert process.stdout.splitlines()[-1] == "0"
    assert {folder.name for folder in (root / "dist-git/ns").iterdir()} == {"base.git", "app.git"}


def test_a_full_disk_under_one_repository_fails_that_one_alone(catalogue, tmp_path):
    root = site(catalogue, "base", "app")
    extra = {"overlays/full/namespace.yaml": (root / "overlays/ns/namespace.yaml").read_text(),
             "overlays/full/big.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
             "overlays/full/big/blob": noise(400_000)}  # fmt: skip
    catalogue(extra)
    save(root)
    small = root / "dist-git/full"
    small.mkdir(parents=True)
    begin = command_on_small_disk(small, "100k")
    process = subprocess.run(
        [*begin, *COMMAND, "-C", str(root), "publish", "--format=json"],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        check=False,
    )
    assert '"failed": 1' in process.stdout
    assert '"created": 2' in process.stdout
    assert "Traceback" not in process.stderr
    assert distgen(root, "publish").err == "1 created, 2 unchanged\n"


def test_no_room_for_temporary_files_fails_what_needs_them_alone(tmp_path, monkeypatch):
    """It ended the run: an image whose edit is merged took all others with it."""
    images = [image("ns/app"), image("ns/other")]
    text = "".join(f"RUN {number}\n" for number in range(9))
    run_publish(tmp_path, images, trees(images, {"Dockerfile": text}))
    edit(tmp_path / "dist-git/ns/app.git", {"Dockerfile": f"{text}# mine\n"}, tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "full"))
    merged = replace(OPTIONS, on_edit="merge")
    trees_by_key = trees(images, {"Dockerfile": f"FROM b\n{text}"})
    app, other_result = run_publish(tmp_path, images, trees_by_key, merged)
    assert (app.status, other_result.status) == ("failed", "updated")
    assert app.detail == (
        "no temporary file can be written: No such file or directory; "
        "make room, or name another folder in TMPDIR"
    )
    (tmp_path / "full").mkdir()
    app, other_result = run_publish(tmp_path, images, trees_by_key, merged)
    assert (app.status, other_result.status) == ("updated", "unchanged")


CAPABLE = "caps=+dac_override,+dac_read_search"
FEW = {
    "files": ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"],
    # No limit of processes holds for root.
    "processes": ["prlimit", "--nproc=30", "setpriv", "--reuid=54321", f"--inh-{CAPABLE}",
                  f"--ambient-{CAPABLE}", "--bounding-set=-sys_admin,-sys_resource"],
}  # fmt: skip


@pytest.mark.parametrize("few", FEW)
def test_few_files_and_processes_are_made_do_with(catalogue, few):
    """Images failed, for git could not be started; without threads the run broke off."""
    if few == "processes" and (os.geteuid() or not shutil.which("setpriv")):
        pytest.skip("needs root and setpriv")
    root = site(catalogue, "base", *(f"app{number}" for number in range(30)))
    with tempfile.TemporaryDirectory() as name:  # tmp_path lets nobody else in
        shutil.copytree(root, f"{name}/site")
        if few == "processes":
            subprocess.run(["chown", "-R", "54321", name], check=True)
        words = [*COMMAND, "-C", f"{name}/site", "publish", "--jobs", "100"]
        process = subprocess.run(
            [*FEW[few], *words],
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": name},
            check=False,
        )
    assert (process.returncode, process.stderr) == (0, "31 created\n")


# --- many at once, and killed ------------------------------------------------------------------


@pytest.mark.parametrize(("transport", "machines"), [("folder", 2), ("http", 8)])
def test_two_or_eight_publishers_at_once_commit_each_change_once(
    catalogue, tmp_path, server, transport, machines
):
    url = f"{server.url}/{{namespace}}/{{image}}.git"
    if transport == "folder":
        url = f"{tmp_path}/srv/{{namespace}}/{{image}}.git"
    root = site(catalogue, "app", "other", streams=("main", "old"), url=url)
    shutil.rmtree(tmp_path / "srv/ns/third.git")
    for where in (tmp_path / "srv/ns").iterdir():
        git("config", "core.logAllRefUpdates", "true", folder=where)
        git("config", "receive.denyNonFastForwards", "true", folder=where)
    for number in (1, 2):
        racing = [
            start(root, "publish", "--format=json", "--store", tmp_path / f"store{machine}")
            for machine in range(machines)
        ]
        ends = [ended(process) for process in racing]
        assert [process.code for process in ends] == [0] * machines
        assert {s for process in ends for s in process.statuses.values()} <= {
            "created",
            "updated",
            "unchanged",
        }
        assert len({str([row["commit"] for row in process.results]) for process in ends}) == 1
        for where in (tmp_path / "srv/ns").iterdir():
            for branch in ("main", "stable/old"):
                assert len(commits(where, branch)) == number
                log = (where / f"logs/refs/heads/{branch}").read_text().splitlines()
                assert len(log) == number
        (root / "templates/app/Dockerfile.j2").write_text("FROM {{ base.reference }}\nRUN 2\n")
        save(root)


# When a publisher of one repository after the other is killed, and how many of them have its
# commits in the end: where it is the whole machine that stops, the server goes on; where it is the
# program alone, its git goes on as well.
WITH_GIT = [
    ("init", "after", 0),
    ("fast-import", "within", 0),
    ("push", "before", 0),
    ("ref", "before", 1),
    ("push", "after", 2),
]
ALONE = [
    ("fast-import", "before", 0),
    ("push", "before", 1),
    ("push", "after", 2),
    ("ref", "after", 3),
]


BY_DISTGEN = [("init", "after", 0), ("ref", "before", 1), ("ref", "after", 2)]


@pytest.mark.parametrize(
    ("moments", "transport"),
    [(WITH_GIT, "git"), (ALONE, "git"), (BY_DISTGEN, "auto")],
    ids=["with git", "alone", "by distgen"],
)
def test_killed_at_any_moment_a_rerun_makes_the_commits_of_an_undisturbed_run(
    catalogue, tmp_path, server, moments, transport
):
    """It was killed after a time by the clock: each time before there even was a store."""
    names = ("app", "other", "third", "fourth")
    folders = [tmp_path / f"srv/ns/{name}.git" for name in names]
    server.repository("ns/fourth.git")
    url = f"{server.url}/{{namespace}}/{{image}}.git"
    root = site(catalogue, *names, streams=("main", "old"), url=url)
    for number, (action, when, published_count) in enumerate(moments):
        moment = arrange(tmp_path / f"moment{number}", action, when, 1)
        for folder in folders:
            watch(moment, folder)
        process = start(root, "publish", "--jobs", 1, "--transport", transport, PATH=moment.path)
        await_halt(moment, process)
        kill(process, also_git=moments is WITH_GIT)
        resume(moment)
        assert are_published(folders, published_count), (action, when)
    last = distgen(root, "publish", "--format=json")
    assert last.code == 0
    assert are_published(folders, len(names))
    for name, folder in zip(names, folders, strict=True):
        folder.rename(tmp_path / f"{name}.git")
        server.repository(f"ns/{name}.git")
    undisturbed = distgen(root, "publish", "--format=json", "--store", tmp_path / "calm-store")
    assert set(undisturbed.statuses.values()) == {"created"}
    assert [row["commit"] for row in last.results] == [row["commit"] for row in undisturbed.results]
    for name in names:
        where = tmp_path / f"{name}.git"
        assert git("fsck", "--strict", "--full", folder=where) == ""
        assert len(commits(where, "main")) == len(commits(where, "stable/old")) == 1


def are_published(folders, number):
    """Say whether that many repositories have both branches, and the others none.

    A server may take a while for what it was told.
    """
    deadline = time.monotonic() + 10
    while True:
        heads = [git("for-each-ref", "refs/heads", folder=folder) for folder in folders]
        counts = sorted(len(lines.splitlines()) for lines in heads)
        if counts == [0] * (len(folders) - number) + [2] * number:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def test_pauses_and_chance_do_not_reach_the_commits(tmp_path):
    app_image = image("ns/app")
    ids = set()
    for chance in (0.0, 0.99):
        own_git = isolate({"PATH": os.environ["PATH"]}, replace(QUICK, jitter=lambda c=chance: c))
        (change,) = plans(tmp_path, [app_image], trees([app_image]), git=own_git)
        ids.add(change.commit)
    assert len(ids) == 1
    policy = replace(QUICK, first_pause=1, jitter=lambda: 0.5)
    assert [policy.pause_after(attempt) for attempt in (0, 1, 9)] == [0.75, 1.5, 22.5]
