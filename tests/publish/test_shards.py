"""Equal jobs that publish one catalogue together: what they share, and how they wait."""

import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import pytest
from testing.dist_git import GIT, OPTIONS, commits, content, edit, git, run_publish, statuses
from testing.event_lines import read_events
from testing.git_server import git_server
from testing.images import AUTHOR, image, tree
from testing.moments import arrange, await_halt, kill, resume, watch
from testing.sites import CHILD, distgen, ended, save, site, start

from distgen.cli.shard_options import ShardOptions, check_wait, parse_shard
from distgen.git.location import locate
from distgen.git.remote import RemoteHeads
from distgen.pool import await_any
from distgen.publish.delivery import Delivery, Postponed
from distgen.publish.repository_access import Repository
from distgen.publish.results import failed_change
from distgen.publish.scheduler import Dependencies, RunState, run_parents_first
from distgen.publish.shard import Shard
from distgen.publish.target import branch_target

ADDRESS = "https://git.example.org"
EXPECTED = {
    **{"base": 3, "java": 2, "core": 4, "web": 1},
    **{"api": 4, "worker": 3, "cron": 4, "docs": 3},
}
NAMES = tuple(EXPECTED)
PARENTS = {"core": "java", "web": "core", "api": "core", "worker": "api", "cron": "worker"}
LONG, SHORT = 120.0, 0.2


def url_of(name):
    return f"{ADDRESS}/ns/{name}.git"


def trees(images, line="FROM a"):
    return {i.key: tree(i, {"Dockerfile": f"{line}\n"}) for i in images}


def publish_shard(root, images, shard, line="FROM a", **options):
    """Publish one part, with a store of its own."""
    options = replace(OPTIONS, shard=shard, **options)
    store = root / f"store{shard.number}"
    return run_publish(root, images, trees(images, line), options, git=GIT, store=store)


def owner(images, key, count=2):
    """Return the number of the shard that a repository belongs to."""
    (url,) = {i.url for i in images if i.key == key}
    return next(number + 1 for number in range(count) if Shard(number + 1, count, 0).owns(url))


def test_the_part_of_a_repository_is_the_same_everywhere():
    """Jobs of one run are on different machines, and may be of different versions of Python."""
    numbers = {name: [Shard(k, 4, 0).owns(url_of(name)) for k in range(1, 5)] for name in NAMES}
    assert {name: owns.index(True) + 1 for name, owns in numbers.items()} == EXPECTED
    assert all(sum(owns) == 1 for owns in numbers.values())


@pytest.fixture
def server(tmp_path):
    with git_server(tmp_path / "srv") as server:
        yield server


def family(catalogue, tmp_path, server):
    """Write a catalogue whose images build on each other, with addresses that stay the same."""
    root = site(catalogue, *NAMES, url=f"'{ADDRESS}/{{namespace}}/{{image}}.git'")
    for name, parent in PARENTS.items():
        text = CHILD.replace("ns/base", f"ns/{parent}")
        (root / f"overlays/ns/{name}.yaml").write_text(text)
    save(root)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    git("config", "--file", str(home / ".gitconfig"), f"url.{server.url}.insteadOf", ADDRESS)
    return root


def heads(server):
    return {
        name: git("for-each-ref", "--format=%(refname) %(objectname)", folder=server.root / name)
        for name in (f"ns/{name}.git" for name in NAMES)
    }


def make_repositories(server, folder):
    """Make all repositories anew, one of them with a file of somebody else in the way."""
    for name in NAMES:
        shutil.rmtree(server.root / f"ns/{name}.git", ignore_errors=True)
        server.repository(f"ns/{name}.git")
    shutil.rmtree(folder, ignore_errors=True)
    git("init", "-q", "-b", "main", str(folder))
    (folder / "Dockerfile").write_text("FROM mine\n")
    git("add", "-A", folder=folder)
    git("commit", "-q", "-m", "Mine", "--date", "1000000000 +0000", folder=folder)
    git("push", "-q", str(server.root / "ns/worker.git"), "HEAD:main", folder=folder)


def test_four_shards_of_which_one_is_killed_do_what_one_run_does(catalogue, tmp_path, server):
    root = family(catalogue, tmp_path, server)
    make_repositories(server, tmp_path / "mine")
    mine = heads(server)["ns/worker.git"]
    lone = distgen(root, "publish", "--format=json", "--store", tmp_path / "lone")
    assert {**lone.statuses} == {
        **{f"ns/{name}@main": "created" for name in NAMES},
        "ns/worker@main": "refused",
        "ns/cron@main": "skipped",
    }
    lone_heads = heads(server)
    make_repositories(server, tmp_path / "mine")
    killed = EXPECTED["base"]
    moment = arrange(tmp_path / "moment", "ref", "after", 1)
    for name in ("base", "docs"):
        watch(moment, server.root / f"ns/{name}.git")

    def begin(number, **environment):
        words = ("--shard", f"{number}/4", "--wait", str(LONG), "--jobs", "1", "--format=json")
        return start(root, "publish", *words, **environment)

    doomed = begin(killed, PATH=moment.path)
    await_halt(moment, doomed)
    others = [begin(number) for number in range(1, 5) if number != killed]
    kill(doomed, also_git=True)
    resume(moment)
    begun = heads(server)
    assert begun["ns/base.git"], "it was killed too early"
    assert not begun["ns/docs.git"], "it was killed too late"
    ends = [ended(process) for process in (*others, begin(killed))]
    assert {**heads(server), "ns/worker.git": mine} == lone_heads
    assert all(len(commits(server.root / f"ns/{name}.git", "--all")) <= 1 for name in NAMES)
    assert [end.code for end in ends] == [0, 0, 1, 1], [end.err for end in ends]
    together = {key: status for end in ends for key, status in end.statuses.items()}
    # what the killed job had pushed is there when it comes again
    assert together.pop("ns/base@main") == "unchanged"
    assert {**together, "ns/base@main": "created"} == lone.statuses
    assert sum(len(end.results) for end in ends) == len(NAMES)


def pair(tmp_path):
    """Return a parent and a child of different shards, and the child's of two."""
    for number in range(20):
        images = [image("ns/base"), image(f"ns/app{number}", "ns/base@master")]
        if owner(images, "ns/base@master") != owner(images, images[1].key):
            return images, owner(images, images[1].key)
    raise AssertionError


def test_a_child_waits_for_the_parent_of_another_shard(tmp_path):
    images, number = pair(tmp_path)
    pushed = []

    def observe(step, about):
        if step == "pushing":
            pushed.append(about["url"])

    with ThreadPoolExecutor() as pool:
        child = pool.submit(
            publish_shard, tmp_path, images, Shard(number, 2, LONG), observe=observe, jobs=1
        )
        parent = publish_shard(tmp_path, images, Shard(3 - number, 2, LONG), observe=observe)
    assert {**statuses(parent), **statuses(child.result())} == {i.key: "created" for i in images}
    assert pushed == [i.url for i in images]


@pytest.mark.parametrize("independent", [False, True])
def test_a_parent_that_does_not_come_is_waited_for_as_long_as_is_said(tmp_path, independent):
    images, number = pair(tmp_path)
    shard, waits = Shard(number, 2, SHORT), []
    options = {"independent": independent, "tell": waits.append}
    (child,) = publish_shard(tmp_path, images, shard, **options)
    (wait,) = waits
    assert re.fullmatch(
        r"waiting for ns/base@master to be [0-9a-f]{12}: another shard publishes it; at most 0\.2"
        r" seconds",
        wait,
    )
    assert child.status == ("created" if independent else "skipped")
    if not independent:
        assert child.detail.startswith("its parent ns/base@master was failed: branch master does")
        assert child.detail.endswith("after 0.2 seconds; does the shard of it run?")


def test_what_a_shard_waits_for_is_said_and_recorded(catalogue, tmp_path, server):
    root = family(catalogue, tmp_path, server)
    make_repositories(server, tmp_path / "mine")
    events = tmp_path / "events"
    words = ("--shard", f"{EXPECTED['core']}/4", "--wait", "0.2", "--events", events)
    done = distgen(root, "publish", *words)
    assert done.err.count("waiting for ns/base@main to be ") == 1
    waits = [event["detail"] for event in read_events(events) if event["event"] == "waiting"]
    assert [wait.split()[2] for wait in waits] == ["ns/base@main"]


def test_a_repository_whose_address_is_spelled_in_two_ways_is_told_of_once(tmp_path):
    """Both shards told of a branch, or none did."""
    first = image("ns/base")
    for number in range(1, 20):
        url = first.url.replace("/ns/", f"/{'./' * number}ns/")
        second = replace(image("other/base@2024.1"), url=url)
        if owner([first], first.key) != owner([second], second.key):
            break
    images = [first, second]
    parts = [publish_shard(tmp_path, images, Shard(k, 2, LONG)) for k in (1, 2)]
    keys = [result.key for part in parts for result in part]
    assert sorted(keys) == sorted(i.key for i in images)
    assert {result.status for part in parts for result in part} == {"created"}


def test_a_parent_that_another_shard_refuses_is_not_waited_for(tmp_path):
    images, number = pair(tmp_path)
    run_publish(tmp_path, images, trees(images))
    edit(tmp_path / "dist-git/ns/base.git", {"Dockerfile": "FROM mine\n"}, tmp_path)
    (child,) = publish_shard(tmp_path, images, Shard(number, 2, LONG), "FROM b")
    assert child.status == "skipped"
    assert child.detail.startswith("its parent ns/base@master was refused: ")
    (parent,) = publish_shard(tmp_path, images, Shard(3 - number, 2, LONG), "FROM b")
    assert parent.status == "refused"


def test_a_parent_that_people_move_meanwhile_is_waited_for(tmp_path):
    """Its commit has another id then than the one that was expected."""
    images, number = pair(tmp_path)
    run_publish(tmp_path, images, trees(images))
    where = tmp_path / "dist-git/ns/base.git"
    is_planned = threading.Event()

    def observe(step, about):
        if step == "planned":
            is_planned.set()

    with ThreadPoolExecutor() as pool:
        shard = Shard(number, 2, LONG)
        child = pool.submit(publish_shard, tmp_path, images, shard, "FROM b", observe=observe)
        assert is_planned.wait(60)
        edit(where, {"NOTES": "mine\n"}, tmp_path)
        publish_shard(tmp_path, images, Shard(3 - number, 2, LONG), "FROM b")
        assert statuses(child.result()) == {images[1].key: "updated"}
    assert content(where, "Dockerfile") == "FROM b\n"
    assert len(commits(where)) == 3


def test_repositories_that_wait_for_each_other_do_not_wait_for_ever(tmp_path):
    """Streams make each of two repositories a parent of the other."""
    for number in range(20):
        a, b = "ns/base", f"ns/app{number}"
        images = [
            *(image(f"{a}@master"), image(f"{b}@master", f"{a}@master")),
            *(image(f"{b}@2024.1"), image(f"{a}@2024.1", f"{b}@2024.1")),
        ]
        if owner(images, f"{a}@master") != owner(images, f"{b}@master"):
            break
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(publish_shard, tmp_path, images, Shard(k, 2, LONG)) for k in (1, 2)]
        together = {key: s for job in jobs for key, s in statuses(job.result()).items()}
    assert together == {i.key: "created" for i in images}


def test_a_plan_of_a_part_names_its_images_alone_and_waits_for_none(catalogue, tmp_path):
    root = site(catalogue, *NAMES)
    parts = [
        distgen(root, "publish", "--dry-run", "--format=json", "--shard", f"{k}/2") for k in (1, 2)
    ]
    keys = [key for part in parts for key in part.statuses]
    assert sorted(keys) == sorted(f"ns/{name}@main" for name in NAMES)
    assert {status for part in parts for status in part.statuses.values()} == {"created"}


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/9999", "1/2/3", "٣/4"]
)
def test_a_part_that_is_none_is_refused(text):
    with pytest.raises(click.BadParameter, match="is not K/N, such as 2/4: K from 1 to N"):
        parse_shard(None, None, text)


def test_a_time_that_never_is_up_is_refused():
    with pytest.raises(click.BadParameter, match="nan is no number of seconds"):
        check_wait(None, None, float("nan"))


def delivery_of(name):
    url = f"/nowhere/{name}.git"
    repository = Repository(url, locate(url, Path("/")), (), "main", "none", AUTHOR)
    change = replace(failed_change(branch_target(image(f"ns/{name}")), ""), status="created")
    return Delivery(repository, RemoteHeads(True), (change,), {})


def run_one_at_a_time(work):
    """Let `work` deliver what another shard has, and then what is ready."""
    deliveries = [delivery_of(name) for name in ("other", "own")]
    state = RunState(Dependencies({}), jobs=1)
    with ThreadPoolExecutor(1) as pool:
        return [change.image for change in run_parents_first(pool, work, deliveries, state)]


def test_what_is_ready_does_not_wait_for_looks_at_parents_that_never_end():
    """Two shards that only looked for each other's parents waited until their time was up."""
    looks, pushed = [], []

    def work(delivery):
        if delivery.changes[0].image == "ns/own":
            pushed.append(delivery)
        elif not pushed:
            looks.append(delivery)
            assert len(looks) < 100, "what is ready does not get its turn"
            return Postponed(delivery, 0.0)
        return delivery.changes

    assert run_one_at_a_time(work) == ["ns/own", "ns/other"]
    assert len(looks) == 1


def test_a_look_that_is_due_while_all_jobs_are_taken_is_not_asked_for_without_end(monkeypatch):
    """A count of the waits stands for the processor time, which a busy machine blurs."""
    waits, released = [], threading.Event()

    def counted(*words, **options):
        waits.append(words)
        return await_any(*words, **options)

    def work(delivery):
        if delivery.changes[0].image == "ns/own":
            released.wait(0.5)
            released.set()
        elif not released.is_set():
            return Postponed(delivery, 0.0)
        return delivery.changes

    monkeypatch.setattr("distgen.publish.scheduler.await_any", counted)
    assert run_one_at_a_time(work) == ["ns/own", "ns/other"]
    assert len(waits) < 100


@pytest.mark.parametrize(
    ("store", "folder"),
    [("a/b", "a/b-1-of-2"), (".", "{here}-1-of-2"), ("c/..", "{here}-1-of-2")],
)
def test_the_store_of_a_part_lies_beside_the_one_that_is_named(
    tmp_path, monkeypatch, store, folder
):
    monkeypatch.chdir(tmp_path)
    assert str(ShardOptions((1, 2)).folder(Path(store))) == folder.format(here=tmp_path)
