"""Batches that processes and the workers of Dask render, check and publish."""

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import pytest
from testing.dask import cluster
from testing.dist_git import commits, edit, git
from testing.event_lines import read_events
from testing.fake_linters import fake_linter
from testing.git_server import git_server
from testing.moments import arrange, await_halt, resume, watch
from testing.sites import CHILD, PARENT, distgen, ended, save, site, start

from distgen.catalogue.cut import cut_speculation
from distgen.catalogue.load import load_catalogue
from distgen.catalogue.speculation import Speculation
from distgen.cli.batch_tasks import BatchRefusal, Shipment, render_batch
from distgen.executors import PROCESSES, describe_loss, open_workers
from distgen.model.lock import Lock

NAMES = ("base", "java", "core", "web", "api", "worker", "cron", "docs")
PARENTS = {"core": "java", "web": "core", "api": "core", "worker": "api", "cron": "worker"}
SECRET = "s3cr3t-TOKEN"


@pytest.fixture
def server(tmp_path):
    """A server that only those may push to who know the secret."""
    with git_server(tmp_path / "srv", {"bot": SECRET}) as server:
        make_repositories(server)
        yield server


def make_repositories(server):
    for name in NAMES:
        shutil.rmtree(server.root / f"ns/{name}.git", ignore_errors=True)
        server.repository(f"ns/{name}.git")


def family(catalogue, **dist_git):
    """Write a catalogue whose images build on each other."""
    root = site(catalogue, *NAMES, **dist_git)
    for name, parent in PARENTS.items():
        text = CHILD.replace("ns/base", f"ns/{parent}")
        (root / f"overlays/ns/{name}.yaml").write_text(text)
    save(root)
    return root


def remote_family(catalogue, server):
    url = f"'{server.url}/{{namespace}}/{{image}}.git'"
    return family(catalogue, url=url, user="bot", token_env="TOKEN")


def heads(root: Path):
    return {
        name: git("for-each-ref", "--format=%(refname) %(objectname)", folder=root / name)
        for name in (f"ns/{name}.git" for name in NAMES)
    }


def test_processes_publish_what_one_does(catalogue, tmp_path):
    root = family(catalogue)
    first = distgen(root, "publish", "--format=json")
    refs = heads(root / "dist-git")
    edit(root / "dist-git/ns/core.git", {"Dockerfile": "FROM mine\n"}, tmp_path, branch="main")
    shutil.copytree(root / "dist-git", tmp_path / "before")
    (root / "templates/app/Dockerfile.j2").write_text("FROM {{ base.reference }}\nRUN 2\n")
    save(root)
    lone = distgen(root, "publish", "--format=json")
    lone_refs = heads(root / "dist-git")
    assert set(lone.statuses.values()) == {"updated", "refused", "skipped"}
    shutil.rmtree(root / "dist-git")
    shutil.move(tmp_path / "before", root / "dist-git")
    events = tmp_path / "events"
    words = ("--executor", "processes", "--events", events)
    done = distgen(root, "publish", "--format=json", *words)
    assert (done.code, done.results) == (1, lone.results)
    assert heads(root / "dist-git") == lone_refs != refs
    assert set(first.statuses.values()) == {"created"}
    assert [event["event"] for event in read_events(events)].count("result") == len(NAMES)


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
def test_processes_retire_what_left_the_catalogue_and_sign_it(catalogue, tmp_path):
    root = family(catalogue)
    assert distgen(root, "publish", "--executor", "processes").code == 0
    (root / "overlays/ns/docs.yaml").unlink()
    (root / "templates/app/Dockerfile.j2").write_text("FROM {{ base.reference }}\nRUN 2\n")
    save(root)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    words = ("--retire", "--reason", "nobody uses it", "--sign", "ssh", "--signing-key", key)
    done = distgen(root, "publish", "--format=json", "--executor", "processes", *words)
    assert done.statuses == {
        f"ns/{name}@main": "retired" if name == "docs" else "updated" for name in NAMES
    }
    for name in NAMES:
        commit = git("cat-file", "commit", "main", folder=root / f"dist-git/ns/{name}.git")
        assert "gpgsig -----BEGIN SSH SIGNATURE" in commit
    where = root / "dist-git/ns/docs.git"
    assert "nobody uses it" in git("show", "main:dead.package", folder=where)
    again = distgen(root, "publish", "--format=json", "--executor", "processes", *words)
    assert set(again.statuses.values()) == {"unchanged"}
    lost = distgen(root, "publish", "--format=json", "--executor", "processes", *words[:-1], "/no")
    assert set(lost.statuses.values()) <= {"unchanged", "failed"}, lost.results


def test_processes_retire_what_a_namespace_left_with_the_token_of_another(
    catalogue, tmp_path, server
):
    """Their part of the catalogue had no image, and so no token."""
    root = remote_family(catalogue, server)
    (root / "overlays/gone").mkdir()
    shutil.copy(root / "overlays/ns/namespace.yaml", root / "overlays/gone")
    (root / "overlays/gone/app.yaml").write_text(PARENT)
    save(root)
    where = server.repository("gone/app.git")
    words = ("publish", "gone/app", "--format=json")
    assert distgen(root, *words, TOKEN=SECRET).statuses == {"gone/app@main": "created"}
    shutil.rmtree(root / "overlays/gone")
    save(root)
    done = distgen(root, *words, "--retire", "--executor", "processes", TOKEN=SECRET)
    assert done.statuses == {"gone/app@main": "retired"}, done.results
    assert "dead.package" in git("ls-tree", "--name-only", "main", folder=where)


def interrupt_once_begun(process, began):
    while not began.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert "once more to leave it unfinished" in process.stderr.readline()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_workers_begin_no_other_push_after_the_first_interrupt(catalogue, tmp_path):
    """They went on with all of their batches."""
    names = [f"app{number:02}" for number in range(12)]
    with git_server(tmp_path / "srv") as server:
        root = site(catalogue, "base", *names, url=f"'{server.url}/{{namespace}}/{{image}}.git'")
        for name in ("base", *names):
            server.repository(f"ns/{name}.git")
        for name in names:
            hook = f"#!/bin/sh\ntouch '{tmp_path}/began'\nsleep 2\n"
            server.hook(f"ns/{name}.git", "pre-receive", hook)
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})  # one process, and so several images in a batch
        words = ("publish", "--format=json", "--executor", "processes", "--jobs", 1)
        process = start(root, *words)
        os.sched_setaffinity(0, cores)
        interrupt_once_begun(process, tmp_path / "began")
        done = ended(process)
    assert done.code == 130
    statuses = [*done.statuses.values()]
    assert {*statuses} == {"created", "skipped"}
    assert statuses.count("created") < 7, "a whole batch was pushed"


def test_workers_that_wait_for_a_server_are_left_at_the_second_interrupt(
    catalogue, tmp_path, server
):
    root = remote_family(catalogue, server)
    hook = (
        f"#!/bin/sh\ntouch '{tmp_path}/began'\nuntil [ -e '{tmp_path}/go' ]; do sleep 0.1; done\n"
    )
    for name in NAMES:
        server.hook(f"ns/{name}.git", "pre-receive", hook)
    process = start(root, "publish", "--executor", "processes", TOKEN=SECRET)
    try:
        interrupt_once_begun(process, tmp_path / "began")
        process.send_signal(signal.SIGINT)
        done = ended(process)
    finally:
        (tmp_path / "go").touch()
    assert done.code == 130
    assert done.err.split("\n")[-2] == "distgen: interrupted"


def test_processes_know_what_the_environment_tells_git(catalogue, tmp_path):
    """They did not know the certificates and keys that are named there."""
    address = "https://git.example.org"
    root = family(catalogue, url=f"'{address}/{{namespace}}/{{image}}.git'")
    with git_server(tmp_path / "srv") as server:
        make_repositories(server)
        settings = {
            **{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{server.url}.insteadOf"},
            "GIT_CONFIG_VALUE_0": address,
        }
        words = ("publish", "--format=json", "--executor", "processes")
        done = distgen(root, *words, **settings)
        assert set(done.statuses.values()) == {"created"}, done.results


def test_processes_use_and_fill_the_findings_that_are_kept(catalogue, tmp_path):
    root = family(catalogue)
    fake = fake_linter(tmp_path / "fake")
    words = ("lint", "--format=json", "--fail-on", "never")
    away = (*words, "--executor", "processes")
    first = distgen(root, *away, PYTHONPATH=str(fake.folder))
    starts = len(fake.starts)
    assert (first.code, starts > 0) == (0, True), first.err
    second = distgen(root, *away, PYTHONPATH=str(fake.folder))
    alone = distgen(root, *words, PYTHONPATH=str(fake.folder))
    assert first.out == second.out == alone.out
    assert len(fake.starts) == starts
    distgen(root, "--no-cache", *away, PYTHONPATH=str(fake.folder))
    assert len(fake.starts) > starts


@pytest.mark.parametrize("command", ["lint", "render"])
def test_processes_print_what_one_does(catalogue, tmp_path, command):
    root = family(catalogue)
    words = {"lint": ("lint", "--format=json"), "render": ("render", "-o", tmp_path / "out")}
    alone = distgen(root, *words[command])
    if command == "render":
        (tmp_path / "out").rename(tmp_path / "alone")
    together = distgen(root, *words[command], "--executor", "processes")
    assert (together.code, together.out, together.err) == (alone.code, alone.out, alone.err)
    if command == "render":
        files = [
            {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
            for folder in (tmp_path / "alone", tmp_path / "out")
        ]
        assert files[0] == files[1] != {}


def test_an_image_that_cannot_be_rendered_is_the_same_error_elsewhere(catalogue, tmp_path):
    root = family(catalogue)
    (root / "templates/app/Dockerfile.j2").write_text("FROM {{ base.refrence }}\n")
    words = ("render", "-o", tmp_path / "out")
    alone = distgen(root, *words)
    together = distgen(root, *words, "--executor", "processes")
    assert (together.code, together.err) == (alone.code, alone.err)
    assert together.code == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--executor", "threads"), "is neither processes nor dask:ADDRESS"),
        (("--executor", "dask:"), "is neither processes nor dask:ADDRESS"),
        (("--executor", "processes", "--shard", "1/2"), "does not go with --shard; it shares"),
        (("--executor", "dask:tcp://127.0.0.1:9"), "workers may be on others"),
    ],
)
def test_what_an_executor_cannot_do_is_refused(catalogue, words, sentence):
    done = distgen(family(catalogue), "publish", *words)
    assert (done.code, sentence in done.err) == (2, True), done.err


def test_a_worker_of_another_version_does_nothing(catalogue):
    root = family(catalogue)
    speculation = Speculation(load_catalogue(root))
    key = speculation.catalogue.images[0].key
    shipment = Shipment("0.1", cut_speculation(speculation, [key]), Lock(), (key,))
    answer = render_batch(shipment)
    assert isinstance(answer, BatchRefusal)
    assert "this run is of 0.1; install the same version on all workers" in answer.problem
    assert not isinstance(render_batch(replace(shipment, version=_version())), BatchRefusal)


def _version():
    from distgen import __version__

    return __version__


def test_a_catalogue_that_travels_has_what_its_images_build_on(catalogue):
    root = family(catalogue)
    speculation = Speculation(load_catalogue(root))
    part = cut_speculation(speculation, ["ns/worker@main"]).catalogue
    assert {image.name for image in part.images} == {"api", "base", "core", "java", "worker"}


def test_a_worker_of_dask_that_is_killed_leaves_the_refs_of_a_lone_run(catalogue, tmp_path, server):
    """Only the workers know the secret: it does not travel, and stands on no page."""
    root = remote_family(catalogue, server)
    assert distgen(root, "publish", TOKEN=SECRET, HOME=str(tmp_path / "lone")).code == 0
    lone = heads(server.root)
    make_repositories(server)
    moment = arrange(tmp_path / "moment", "ref", "after", 2)
    for name in NAMES:
        watch(moment, server.root / f"ns/{name}.git")
    with cluster(tmp_path / "dask") as dask:
        doomed = dask.worker(TOKEN=SECRET)
        words = ("--format=json", "--executor", f"dask:{dask.address}", "--jobs", 1)
        process = start(root, "publish", *words)
        await_halt(moment, process)
        pages = read_pages(dask)
        dask.worker(TOKEN=SECRET)
        doomed.kill()
        doomed.wait()
        resume(moment)
        assert any(not text for text in heads(server.root).values()), "it was killed too late"
        done = ended(process)
    assert done.code == 0, done.err
    assert heads(server.root) == lone
    assert all(len(commits(server.root / f"ns/{name}.git", "--all")) == 1 for name in NAMES)
    assert sorted(done.statuses) == sorted(f"ns/{name}@main" for name in NAMES)
    assert set(done.statuses.values()) <= {"created", "unchanged"}
    assert all(SECRET not in text for text in (*pages, dask.logs, done.out, done.err))
    assert any("publish_batch" in text for text in pages)


def test_a_task_that_a_lost_scheduler_cancels_is_a_sentence():
    """Dask's client cancels all tasks when its scheduler ends."""
    job: Future[None] = Future()
    job.cancel()
    assert describe_loss(job) == "the scheduler of the workers is gone"


def test_a_process_that_is_lost_is_a_sentence_for_what_it_did_and_for_what_follows():
    with open_workers(PROCESSES) as workers:
        lost = workers.submit(os._exit, 1)
        wait([lost])
        later = workers.submit(os.getpid)
        assert all(describe_loss(job).startswith("BrokenProcessPool: ") for job in (lost, later))


def read_pages(dask):
    """Return what the scheduler shows of itself, its workers and their tasks."""
    texts, todo = {}, ["/info/main/workers.html", "/json/counts.json", "/metrics"]
    while todo:
        path = todo.pop()
        if path in texts:
            continue
        try:
            with urllib.request.urlopen(f"{dask.pages}{path}", timeout=30) as answer:
                texts[path] = answer.read().decode()
        except urllib.error.HTTPError as error:  # a worker that shows no page of its own
            texts[path] = str(error)
        links = {urljoin(path, link) for link in re.findall(r'href="([^"]+)"', texts[path])}
        todo += [link for link in links if link.startswith("/info/") and link.endswith(".html")]
    return list(texts.values())


def test_a_worker_without_the_secret_has_none_of_the_run_that_knows_it(catalogue, tmp_path, server):
    root = remote_family(catalogue, server)
    with cluster(tmp_path / "dask") as dask:
        words = ("--format=json", "--executor", f"dask:{dask.address}", "--retries", 0)
        alone = distgen(root, "publish", *words, TOKEN=SECRET)
        dask.worker()
        done = distgen(root, "publish", *words, TOKEN=SECRET)
    assert alone.code == 1
    assert "has no workers; start some `dask worker`" in alone.err
    assert done.code == 1
    assert set(done.statuses.values()) == {"failed"}
    assert SECRET not in done.out + done.err + dask.logs
    assert not any(heads(server.root).values())


def test_a_scheduler_of_dask_that_is_gone_is_waited_for_by_nobody(tmp_path):
    with cluster(tmp_path / "dask") as dask:
        dask.worker()
        with open_workers(f"dask:{dask.address}") as workers:
            job = workers.submit(time.sleep, 300)
            dask.processes[0].kill()
            wait([job], 60)
            assert describe_loss(job) == "the scheduler of the workers is gone"
            later = workers.submit(time.sleep, 300)
            assert later.done() and "the scheduler of the workers is gone" in describe_loss(later)
