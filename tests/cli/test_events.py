"""What an automated job gets of a run: events, results, and an orderly end when interrupted."""

import json
import os
import signal
import subprocess
import time

import pytest
from testing.dist_git import OPTIONS, commits, edit, git, run_publish, statuses
from testing.event_lines import read_events
from testing.git_server import Fault, git_server
from testing.images import image, make_catalogue, tree
from testing.sites import COMMAND, distgen, ended, save, site, start

from distgen.publish.repository_access import list_repositories
from distgen.publish.scheduler import Dependencies, RunState, sort_parents_first


def lines(path):
    """Return the events that were written, each held to the schema."""
    return read_events(path)


def told(path):
    """Return each event in a few words."""
    return [
        " ".join(str(event[key]) for key in ("event", "image", "status") if key in event)
        for event in lines(path)
    ]


def wait_for(found, seconds=20):
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


# --- files for the job -------------------------------------------------------------------------


def test_events_tell_each_step_as_it_happens_and_results_the_end(catalogue, tmp_path):
    root = site(catalogue, "base", "app")
    files = ["--events", tmp_path / "events", "--results", tmp_path / "results"]
    done = distgen(root, "publish", *files, "--format", "json")
    assert told(tmp_path / "events") == [
        "started",
        "planned ns/base created",
        "planned ns/app created",
        "pushing",
        "result ns/base created",
        "pushing",
        "result ns/app created",
        "ended",
    ]
    assert json.loads((tmp_path / "results").read_text()) == json.loads(done.out)
    pushed = [event for event in lines(tmp_path / "events") if event["event"] == "pushing"]
    assert [one["commits"][0]["commit"] for one in pushed] == [
        row["commit"] for row in sorted(done.results, key=lambda row: row["image"] == "ns/app")
    ]
    distgen(root, "publish", *files)
    assert told(tmp_path / "events")[-1] == "ended"
    assert lines(tmp_path / "events")[-1]["summary"] == {"unchanged": 2}


def test_what_fails_is_in_events_and_results_too(catalogue, tmp_path):
    root = site(catalogue, "base", "app")
    distgen(root, "publish")
    edit(root / "dist-git/ns/base.git", {"Dockerfile": "FROM mine\n"}, tmp_path, "main")
    (root / "templates/app/Dockerfile.j2").write_text("FROM {{ base.reference }}\nRUN other\n")
    save(root)
    files = ["--events", tmp_path / "events", "--results", tmp_path / "results"]
    assert distgen(root, "publish", *files).code == 1
    assert told(tmp_path / "events")[3:] == [
        "result ns/base refused",
        "result ns/app skipped",
        "ended",
    ]
    assert lines(tmp_path / "events")[-1]["exit_code"] == 1
    found = json.loads((tmp_path / "results").read_text())
    assert found["summary"] == {"refused": 1, "skipped": 1}


def test_files_that_cannot_be_written_do_not_disturb_the_run(catalogue, tmp_path):
    root = site(catalogue, "base", "app")
    gone = tmp_path / "gone/results"
    done = distgen(root, "publish", "--results", gone, "--events", "/dev/full")
    assert done.code == 1
    assert "2 created" in done.err
    assert f"{gone}: no such file or directory; the results are not in it\n" in done.err
    assert "/dev/full: No space left on device; the events are not complete\n" in done.err
    assert distgen(root, "publish").err.startswith("nothing changed")
    done = distgen(root, "publish", "--events", gone)
    assert (done.code, done.err) == (
        1,
        f"distgen: {gone}: cannot be written: No such file or directory\n",
    )


def test_results_replace_a_file_whole_and_keep_its_mode(catalogue, tmp_path):
    root = site(catalogue, "base")
    (tmp_path / "results").write_text("old")
    (tmp_path / "results").chmod(0o600)
    assert distgen(root, "publish", "--results", tmp_path / "results").code == 0
    assert (tmp_path / "results").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir() if "results" in p.name] == ["results"]


@pytest.mark.parametrize("option", ["--results", "--events"])
def test_a_pipe_gets_what_it_is_given_for_and_stays_one(catalogue, tmp_path, option):
    """The pipe was replaced by a file, and so was /dev/null for those who may do that."""
    root = site(catalogue, "base")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)) as reader:
        assert distgen(root, "publish", option, pipe).code == 0
        assert '"created": 1' in reader.read()
    assert pipe.is_fifo()


def test_a_dash_is_stdout_and_a_stream_that_is_open_is_added_to(catalogue, tmp_path):
    root = site(catalogue, "base")
    found = distgen(root, "publish", "--dry-run", "--events", "-", "--results", "-").out
    events, brace, results = found.partition("{\n")
    assert [json.loads(line)["event"] for line in events.splitlines()] == [
        "started",
        "planned",
        "ended",
    ]
    assert json.loads((brace + results).partition("\ncreated")[0])["summary"] == {"created": 1}
    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("a") as stream:
        words = ["publish", "--dry-run", "--events", "/dev/stderr"]
        subprocess.run([*COMMAND, "-C", str(root), *words], stderr=stream, check=True)
    assert log.read_text().startswith('before\n{"time"')


# --- how far a run goes ------------------------------------------------------------------------


def test_fail_fast_begins_nothing_after_a_failure(tmp_path):
    names = ["a", "b", "c", "d", "e"]
    images = [image(f"ns/{name}") for name in names]
    where = tmp_path / "dist-git/ns/b.git"
    git("init", "-q", "--bare", str(where))
    (where / "hooks/pre-receive").write_text("#!/bin/sh\nexit 1\n")
    (where / "hooks/pre-receive").chmod(0o755)
    trees = {i.key: tree(i, {"Dockerfile": "FROM a\n"}) for i in images}
    options = OPTIONS.__class__(OPTIONS.provenance, jobs=1, fail_fast=True)
    results = run_publish(tmp_path, images, trees, options)
    assert list(statuses(results).values()) == ["created", "failed", *["skipped"] * 3]
    assert results[2].detail == "not begun, for ns/b@master was failed"
    going = OPTIONS.__class__(OPTIONS.provenance, jobs=1)
    results = run_publish(tmp_path, images, trees, going)
    assert list(statuses(results).values()) == ["unchanged", "failed", *["created"] * 3]


def test_repositories_stand_in_the_order_of_their_images_parents(tmp_path):
    """The first stream of an image may have no parent, and the second one that comes later."""
    images = [image("ns/a"), image("ns/b@2024.1"), image("ns/a@2024.1", "ns/b"), image("ns/c")]
    known = [image("ns/x"), *images]
    found = list_repositories(make_catalogue(tmp_path, *known), images)
    kinship = Dependencies({i.key: tuple(p.image for p in i.parents) for i in images})
    assert [one.targets[0].image for one in sort_parents_first(found, kinship)] == [
        "ns/b",
        "ns/a",
        "ns/c",
    ]
    circle = Dependencies({"ns/a@2024.1": ("ns/b@2024.1",), "ns/b@2024.1": ("ns/a@master",)})
    assert len(sort_parents_first(found, circle)) == 3
    assert RunState(circle).stop_reason() == ""


def slow_hook(folder, seconds, marker, until=None):
    """Let pushes to a repository take their time, or last until a file is there."""
    pause = f"while [ ! -e '{until}' ]; do sleep 0.05; done" if until else f"sleep {seconds}"
    (folder / "hooks").mkdir(exist_ok=True)
    hook = folder / "hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\necho x >>{marker}\n{pause}\n")
    hook.chmod(0o755)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_the_push_under_way_and_begins_no_other(
    catalogue, tmp_path, number
):
    root = site(catalogue, "base", "app", "tool")
    begun = tmp_path / "begun"
    for name in ("base", "app", "tool"):
        where = root / f"dist-git/ns/{name}.git"
        git("init", "-q", "--bare", str(where))
        slow_hook(where, 1, begun)
    events = tmp_path / "events"
    words = ["publish", "--jobs", 1, "--format", "json", "--events", events]
    running = start(root, *words, "--results", tmp_path / "results")
    wait_for(begun.exists)
    os.killpg(running.pid, number)  # as a terminal does: every process of the group is told
    done = ended(running)
    assert done.code == 130
    assert done.statuses == {
        "ns/base@main": "created",
        "ns/app@main": "skipped",
        "ns/tool@main": "skipped",
    }
    assert "finishing what is being pushed; once more to leave it unfinished\n" in done.err
    assert done.results[1]["detail"] == "the run was interrupted before it was begun"
    assert begun.read_text() == "x\n"
    assert json.loads((tmp_path / "results").read_text()) == json.loads(done.out)
    assert lines(events)[-1]["exit_code"] == 130
    assert git("rev-parse", "main", folder=root / "dist-git/ns/base.git")
    slow_hook(root / "dist-git/ns/app.git", 0, begun)
    slow_hook(root / "dist-git/ns/tool.git", 0, begun)
    assert distgen(root, "publish").err == "2 created, 1 unchanged\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_run_ends_well_though_nobody_listens(catalogue, tmp_path, number):
    """`distgen publish 2>&1 | tee log`: the ^C ends tee too. The run broke off, with code 0."""
    root = site(catalogue, "base", "app")
    where = root / "dist-git/ns/base.git"
    git("init", "-q", "--bare", str(where))
    slow_hook(where, 1, tmp_path / "begun")
    running = start(root, "publish", "--jobs", 1, "--results", tmp_path / "results")
    wait_for((tmp_path / "begun").exists)
    running.stdout.close()
    running.stderr.close()
    os.kill(running.pid, number)
    assert running.wait(timeout=60) == 130
    found = json.loads((tmp_path / "results").read_text())
    assert found["summary"] == {"created": 1, "skipped": 1}


def test_a_terminal_that_is_closed_takes_no_results_with_it(catalogue, tmp_path):
    """The progress bar that could not be drawn broke the run off."""
    root = site(catalogue, "base", "app")
    where = root / "dist-git/ns/base.git"
    git("init", "-q", "--bare", str(where))
    slow_hook(where, 1, tmp_path / "begun")
    words = ["publish", "--store", tmp_path / "store", "--results", tmp_path / "results"]
    ours, theirs = os.openpty()
    running = subprocess.Popen([*COMMAND, "-C", str(root), *map(str, words)],
                               stdout=theirs, stderr=theirs, start_new_session=True)  # fmt: skip
    os.close(theirs)
    wait_for((tmp_path / "begun").exists)
    os.close(ours)
    assert running.wait(timeout=60) == 0
    assert json.loads((tmp_path / "results").read_text())["summary"] == {"created": 2}


def test_what_is_ignored_does_not_interrupt(catalogue, tmp_path):
    """nohup keeps a hangup away, and a shell a ^C from what it runs in the background."""
    root = site(catalogue, "base")
    where = root / "dist-git/ns/base.git"
    git("init", "-q", "--bare", str(where))
    slow_hook(where, 1, tmp_path / "begun")
    words = [*COMMAND, "-C", str(root), "publish", "--store", str(tmp_path / "store")]
    running = subprocess.Popen(["nohup", *words], stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "begun").exists)
    os.kill(running.pid, signal.SIGHUP)
    assert running.wait(timeout=60) == 0


def test_a_reader_that_leaves_does_not_hide_a_failure(catalogue):
    root = site(catalogue, "base", "app")
    where = root / "dist-git/ns/base.git"
    git("init", "-q", "--bare", str(where))
    (where / "hooks").mkdir(exist_ok=True)
    (where / "hooks/pre-receive").write_text("#!/bin/sh\nexit 1\n")
    (where / "hooks/pre-receive").chmod(0o755)
    running = start(root, "publish")
    running.stdout.close()
    running.stderr.close()
    assert running.wait(timeout=60) == 1


def test_closed_streams_are_no_obstacle(catalogue, tmp_path):
    root = site(catalogue, "base")
    words = [*COMMAND, "-C", str(root), "publish", "--store", str(tmp_path / "store")]
    done = subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words], check=False)
    assert done.returncode == 0
    assert git("rev-parse", "main", folder=root / "dist-git/ns/base.git")


def test_interrupted_twice_it_ends_at_once(catalogue, tmp_path):
    root = site(catalogue, "base")
    where = root / "dist-git/ns/base.git"
    git("init", "-q", "--bare", str(where))
    slow_hook(where, 60, tmp_path / "begun")
    running = start(root, "publish")
    wait_for((tmp_path / "begun").exists)
    begin = time.monotonic()
    os.kill(running.pid, signal.SIGINT)
    time.sleep(0.3)
    os.kill(running.pid, signal.SIGINT)
    done = ended(running)
    assert (done.code, done.err.splitlines()[-1]) == (130, "distgen: interrupted")
    assert time.monotonic() - begin < 30


def test_an_interrupted_push_is_looked_at_before_the_run_ends(catalogue, tmp_path):
    """Its answer is lost, and the server takes its time to say where the branch stands."""
    pushed = []

    def meddle(asked):
        if asked.pushes:
            pushed.append(asked)
            time.sleep(0.5)
            return Fault(after=True)
        time.sleep(0.7 if pushed else 0)
        return None

    with git_server(tmp_path / "srv", meddle=meddle) as server:
        where = server.repository("ns/base.git")
        root = site(catalogue, "base", url=f"{server.url}/{{namespace}}/{{image}}.git")
        running = start(root, "publish", "--format=json")
        wait_for(lambda: pushed)
        os.kill(running.pid, signal.SIGINT)
        done = ended(running)
    assert (done.code, done.statuses) == (130, {"ns/base@main": "created"})
    assert commits(where, "main") == [done.results[0]["commit"]]


def test_an_interrupted_run_plans_no_lost_push_anew(catalogue, tmp_path):
    root = site(catalogue, "base")
    distgen(root, "publish")
    where = root / "dist-git/ns/base.git"
    script = """unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x
git update-ref refs/heads/main $(git commit-tree -p main -m Theirs main^{tree})
"""
    slow_hook(where, f"1\n{script}", tmp_path / "begun")
    (root / "templates/app/Dockerfile.j2").write_text("FROM {{ base.reference }}\nRUN other\n")
    save(root)
    running = start(root, "publish", "--format=json")
    wait_for((tmp_path / "begun").exists)
    os.kill(running.pid, signal.SIGINT)
    done = ended(running)
    assert (done.code, done.statuses) == (130, {"ns/base@main": "skipped"})
    assert done.results[0]["detail"].startswith("the run was interrupted before another attempt: ")
    assert len(commits(where, "main")) == 2


@pytest.mark.parametrize("command", ["publish", "status", "publish --retire"])
def test_an_interrupted_run_does_not_wait_for_a_silent_server(catalogue, tmp_path, command):
    with git_server(tmp_path / "srv", meddle=lambda asked: Fault(seconds=60)) as server:
        url = f"{server.url}/{{namespace}}/{{image}}.git"
        root = site(catalogue, "base", "app", url=url)
        running = start(root, *command.split(), "--format=json")
        wait_for(lambda: server.requests)
        begin = time.monotonic()
        os.kill(running.pid, signal.SIGINT)
        done = ended(running)
    assert done.code == 130
    if command == "publish":
        assert set(done.statuses.values()) == {"skipped"}
    else:
        assert done.err.strip() == "distgen: interrupted"
    assert time.monotonic() - begin < 30


def test_a_run_that_waits_for_the_store_says_so_and_can_be_interrupted(catalogue, tmp_path):
    root = site(catalogue, "base")
    where = root / "dist-git/ns/base.git"
    git("init", "-q", "--bare", str(where))
    slow_hook(where, 0, tmp_path / "begun", until=tmp_path / "may end")
    first = start(root, "publish")
    wait_for((tmp_path / "begun").exists)
    second = start(root, "publish", "--events", tmp_path / "events")
    third = start(root, "publish", "--events", tmp_path / "events of another")
    for events in (tmp_path / "events", tmp_path / "events of another"):
        wait_for(lambda path=events: path.exists() and "waiting" in str(told(path)))
    os.kill(third.pid, signal.SIGINT)
    done = ended(third)
    assert (done.code, done.err.splitlines()[-1]) == (130, "distgen: interrupted")
    (tmp_path / "may end").touch()
    assert ended(first).err == "1 created\n"
    done = ended(second)
    assert done.code == 0
    assert "store: waiting for another run of distgen that uses this store\n" in done.err
    assert "nothing changed" in done.err
