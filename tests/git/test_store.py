"""The store is only a cache, and git sees nothing of the caller's environment."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from testing.dist_git import GIT, git
from testing.git_server import Fault, git_server
from testing.images import AUTHOR

from distgen.backoff import RetryPolicy
from distgen.errors import DistgenError, InputError
from distgen.git.cat_file import ObjectReader
from distgen.git.location import creation_hint, locate
from distgen.git.objects import TreeEntry, blob_id, commit_id, format_person, tree_id
from distgen.git.remote import push
from distgen.git.run import explain, hide_secrets, isolate, run
from distgen.git.store import (
    fetch_refs,
    has_commit,
    is_intact,
    open_store,
    reset_if_damaged,
    reset_store,
    scratch_store,
    write_commits,
)
from distgen.model.published import Change
from distgen.model.rendered import File


def commit(number=1, path="file", parent=None, entries=None, message="Subject\n\nBody ü\n"):
    """Return a change of one file with the id that its commit must have."""
    file = File(path, f"content {number}\n".encode())
    entries = {**(entries or {}), path: TreeEntry(file.mode, blob_id(file.content))}
    oid = commit_id(tree_id(entries), parent, format_person(AUTHOR, 1_700_000_000), message)
    return Change("ns/app", "master", "url", "master", "updated", parent, (file,), commit=oid,
                  message=message, author=AUTHOR, date=1_700_000_000)  # fmt: skip


def test_commits_are_written_with_the_ids_that_were_planned(tmp_path):
    names = ["plain", "a b/ü", 'quo"te', "back\\slash", "new\nline", "-dash", "deep/er/still"]
    changes = [commit(number, path) for number, path in enumerate(names)]
    with open_store(tmp_path / "store", GIT) as store:
        write_commits(store, changes)
        write_commits(
            store,
            [
                commit(
                    9,
                    "later",
                    changes[0].commit,
                    {"plain": TreeEntry(0o100644, blob_id(b"content 0\n"))},
                )
            ],
        )
        assert all(has_commit(store, change.commit) for change in changes)
    assert git("for-each-ref", folder=tmp_path / "store") == ""
    content = git("cat-file", "commit", changes[0].commit, folder=tmp_path / "store")
    assert content.endswith("\n\nSubject\n\nBody ü\n")
    for change in changes:
        git("fsck", "--strict", change.commit, folder=tmp_path / "store")


def test_a_store_that_computes_otherwise_is_not_believed(tmp_path):
    with open_store(tmp_path / "store", GIT) as store, pytest.raises(DistgenError) as caught:
        write_commits(store, [replace(commit(), commit="0" * 40)])
    assert "git wrote other commits than planned" in str(caught.value)


def test_a_missing_parent_is_a_sentence(tmp_path):
    with open_store(tmp_path / "store", GIT) as store, pytest.raises(DistgenError) as caught:
        write_commits(store, [commit(parent="1" * 40)])
    assert "cannot be written" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_store_is_not_called_intact_while_another_thread_resets_it(tmp_path):
    """The damaged half was deleted by then, so the store looked intact, and the push failed."""
    with open_store(tmp_path / "store", GIT) as store:
        write_commits(store, [commit()])
        assert is_intact(store, [commit()])
        answers = []
        asking = threading.Thread(target=lambda: answers.append(is_intact(store, [commit()])))
        with store.reset_lock:
            asking.start()
            asking.join(0.5)
            assert answers == []
            reset_store(store)
        asking.join()
        assert answers == [False]


def test_a_reset_store_is_empty_and_works(tmp_path):
    with open_store(tmp_path / "store", GIT) as store:
        write_commits(store, [commit()])
        assert has_commit(store, commit().commit)
        reset_store(store)
        assert not has_commit(store, commit().commit)
        write_commits(store, [commit()])
        assert has_commit(store, commit().commit)


def empty(path):
    path.chmod(0o644)  # git makes them read-only
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: (store / "HEAD").unlink(),
        lambda store: (store / "HEAD").write_text(""),
        lambda store: (store / "config").unlink(),
        lambda store: (store / "config").write_text("[core\n"),
        lambda store: [empty(path) for path in store.glob("objects/pack/*.pack")],
        lambda store: [path.unlink() for path in store.glob("objects/pack/*.idx")],
        lambda store: (store / "refs").rmdir() if not any((store / "refs").iterdir()) else None,
    ],
    ids=["no HEAD", "empty HEAD", "no config", "bad config", "torn packs", "no index", "no refs"],
)
def test_a_damaged_store_is_reset(tmp_path, damage):
    with open_store(tmp_path / "store", GIT) as store:
        write_commits(store, [commit()])
    damage(tmp_path / "store")
    with open_store(tmp_path / "store", GIT) as store:
        try:
            write_commits(store, [commit(2)])
        except DistgenError:
            reset_store(store)
            write_commits(store, [commit(2)])
        assert has_commit(store, commit(2).commit)


def test_the_leftovers_of_a_killed_git_are_removed(tmp_path):
    with open_store(tmp_path / "store", GIT) as store:
        write_commits(store, [commit()])
    leftovers = [
        "config.lock",
        "packed-refs.lock",
        "refs/distgen/x.lock",
        "objects/pack/tmp_pack_abc",
        "objects/17/tmp_obj_abc",
        "fast_import_crash_17",
    ]
    for name in leftovers:
        (tmp_path / "store" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / name).write_text("")
    with open_store(tmp_path / "store", GIT) as store:
        assert has_commit(store, commit().commit)
    assert [name for name in leftovers if (tmp_path / "store" / name).exists()] == []


def test_many_packs_become_one_and_lose_nothing(tmp_path):
    with open_store(tmp_path / "store", GIT) as store:
        for number in range(51):
            write_commits(store, [commit(number)])
    with open_store(tmp_path / "store", GIT) as store:
        assert all(has_commit(store, commit(number).commit) for number in range(51))
    assert len([*tmp_path.glob("store/objects/pack/*.pack")]) == 1


def test_a_large_pack_stays_and_loose_objects_are_packed(tmp_path, monkeypatch):
    """All was written again whenever there were many packs."""
    folder = tmp_path / "store"
    with open_store(folder, GIT) as store:
        write_commits(store, [commit(number) for number in range(500)])
    (large,) = folder.glob("objects/pack/*.pack")
    small = [commit(number) for number in range(500, 520)]
    with open_store(folder, GIT) as store:
        for change in small:
            write_commits(store, [change])
    loose = git("hash-object", "-w", "--stdin", folder=folder, stdin=b"loose").strip()
    with open_store(folder, GIT) as store:
        assert all(has_commit(store, commit(number).commit) for number in range(520))
        assert git("cat-file", "-t", loose, folder=folder).strip() == "blob"
    assert large.exists()
    assert len([*folder.glob("objects/pack/*.pack")]) == 2
    assert not [*folder.glob(f"objects/{loose[:2]}/*")]
    monkeypatch.setattr("distgen.git.store._MAX_LOOSE", -1)
    loose = git("hash-object", "-w", "--stdin", folder=folder, stdin=b"more").strip()
    with open_store(folder, GIT):
        assert git("cat-file", "-t", loose, folder=folder).strip() == "blob"
    assert not [*folder.glob(f"objects/{loose[:2]}/*")]


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "photo.jpg").write_text("")
    refused = pytest.raises(InputError, match="is not a store that distgen made")
    with refused as caught, open_store(tmp_path, GIT):
        pass
    assert "--store" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    refused = pytest.raises(DistgenError, match="cannot be used as the store")
    with refused, open_store(tmp_path / "file", GIT):
        pass


def test_two_runs_do_not_share_a_store_and_a_killed_one_frees_it(tmp_path):
    program = f"""
        import sys, time
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from distgen.git.run import isolate
        from distgen.git.store import open_store
        git = isolate({{"PATH": {os.environ["PATH"]!r}}})
        with open_store(Path({str(tmp_path / "store")!r}), git):
            print("open", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        busy = pytest.raises(DistgenError, match="another run of distgen is using this store")
        with busy, open_store(tmp_path / "store", GIT, seconds=0.1):
            pass
        process.send_signal(signal.SIGKILL)
    with open_store(tmp_path / "store", GIT, seconds=5) as store:
        write_commits(store, [commit()])


def test_a_scratch_store_borrows_and_leaves_nothing(tmp_path):
    with open_store(tmp_path / "store", GIT) as store:
        write_commits(store, [commit()])
    with scratch_store(GIT, tmp_path / "store") as scratch:
        assert has_commit(scratch, commit().commit)
        write_commits(scratch, [commit(2)])
    assert not scratch.folder.exists()
    with open_store(tmp_path / "store", GIT) as store:
        assert not has_commit(store, commit(2).commit)


def test_git_sees_nothing_of_the_environment(tmp_path):
    (tmp_path / "config").write_text(
        "[i18n]\n\tcommitEncoding = latin1\n[core]\n\tbigFileThreshold = 1\n"
    )
    hostile = {
        "PATH": os.environ["PATH"],
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "elsewhere"),
        "GIT_CONFIG_GLOBAL": str(tmp_path / "config"),
        "GIT_AUTHOR_NAME": "Mallory",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "false",
        "LC_ALL": "de_DE.UTF-8",
    }
    with open_store(tmp_path / "store", isolate(hostile)) as store:
        write_commits(store, [commit()])
        assert has_commit(store, commit().commit)
    assert not (tmp_path / "elsewhere").exists()


def test_a_server_sees_the_person_s_credentials_but_no_trace_is_written():
    environment = {"PATH": "/bin", "GIT_ASKPASS": "ask", "GIT_TRACE_CURL": "/tmp/x", "GIT_DIR": "x"}
    network = isolate(environment).network
    assert (network["GIT_ASKPASS"], network["GIT_TERMINAL_PROMPT"]) == ("ask", "0")
    assert not {"GIT_TRACE_CURL", "GIT_DIR"} & {*network}
    assert network["GIT_SSH_COMMAND"] == "ssh -o BatchMode=yes"
    assert isolate({"GIT_SSH": "mine"}).network.get("GIT_SSH_COMMAND") is None


def hanging_git(tmp_path, word):
    """Return the environment of a git that does not end when its command is `word`."""
    program = tmp_path / "git"
    program.write_text(f'#!/bin/sh\ncase " $* " in *" {word} "*) sleep 60;; esac\n')
    program.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_a_git_that_hangs_is_ended(tmp_path):
    slow = isolate(hanging_git(tmp_path, "version"), RetryPolicy(timeout=1.5))
    begin = time.monotonic()
    result = run(slow, "version", network=True)
    assert 1.5 <= time.monotonic() - begin < 30
    assert (explain(result), result.timed_out) == ("no answer within 1.5 seconds", True)


def test_a_git_that_hangs_over_its_configuration_is_ended(tmp_path):
    """The first command of a run had a limit of its own: 300 seconds."""
    begin = time.monotonic()
    with pytest.raises(DistgenError) as error:
        isolate(hanging_git(tmp_path, "config"), RetryPolicy(timeout=1.5))
    assert 1.5 <= time.monotonic() - begin < 30
    assert str(error.value) == (
        "git does not say how it is configured: no answer within 1.5 seconds; "
        "see whether `git config --list` ends, or wait longer with --timeout"
    )


def test_no_git_at_all_is_a_sentence(tmp_path):
    with pytest.raises(DistgenError, match="git is not on PATH"):
        run(isolate({"PATH": str(tmp_path)}), "version")


def test_reading_what_is_no_repository_is_a_sentence(tmp_path):
    with (
        ObjectReader(GIT, tmp_path) as reader,
        pytest.raises(DistgenError, match="git cannot read HEAD"),
    ):
        reader.read("HEAD")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("see https://user:tok@host/x", "see https://host/x"),
        ("see https://tok@host/x and http://a:b@c", "see https://host/x and http://c"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("ssh://git:pw@host/x", "ssh://git@host/x"),
        ("git@host:x", "git@host:x"),
        ("Pat <pat@example.org>", "Pat <pat@example.org>"),
    ],
)
def test_secrets_are_scrubbed(text, clean):
    assert hide_secrets(text) == clean


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("dist-git/ns/app.git", "/root/of/dist-git/ns/app.git"),
        ("/abs/app.git", "/abs/app.git"),
        ("file:///abs/a%20b.git", "/abs/a b.git"),
        ("file:///abs/c#/a?b.git", "/abs/c#/a?b.git"),
        ("./host:path", "/root/of/host:path"),
    ],
)
def test_a_local_address_is_a_folder(url, address):
    place = locate(url, Path("/root/of"))
    assert (place.address, place.folder) == (address, Path(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://host/x.git",
        "http://me@host/x",
        "ssh://git@host:22/x",
        "git://host/x",
        "git@host:ns/x.git",
        "host:x",
    ],
)
def test_a_server_s_address_is_kept(url):
    place = locate(url, Path("/root"))
    assert (place.address, place.folder) == (url, None)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ext::sh -c 'touch x'", "uses a transport that distgen does not allow"),
        ("fd::17", "uses a transport"),
        ("ftp://host/x", "uses a transport"),
        ("ext://x", "uses a transport"),
        ("--upload-pack=touch x", "is not an address"),
        ("", "is not an address"),
        ("a\nb", "is not an address"),
        ("ssh://-oProxyCommand=x/y", "is not an address"),
        ("-oProxyCommand=x:y", "is not an address"),
        ("host:-x", "is not an address"),
        ("https:///x", "is not an address"),
        ("https://host:99999/x", "is not an address"),
        ("ssh://host:port/x", "is not an address"),
        ("https://user:s3cret@host/x", "holds a password"),
        ("file://host/x", "names a host"),
    ],
)
def test_an_unsafe_address_is_refused(url, why):
    with pytest.raises(InputError, match=why) as caught:
        locate(url, Path("/root"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("ssh://git@host/srv/app.git", "ssh git@host git init --bare /srv/app.git"),
        ("ssh://git@host:222/srv/app.git", "ssh -p 222 git@host git init --bare /srv/app.git"),
        ("git@host:srv/app.git", "ssh git@host git init --bare srv/app.git"),
        ("https://host/app.git", "git init --bare app.git (on the server)"),
    ],
)
def test_a_missing_repository_is_told_with_the_command_that_makes_it(url, command):
    assert creation_hint(locate(url, Path("/root"))) == command


def test_much_input_reaches_a_program_that_takes_its_time(tmp_path):
    """A program was given no more than what it had read by the first look at the clock."""
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\nsleep 0.5\nwc -c\n")
    program.chmod(0o755)
    slow = isolate({"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert int(run(slow, "x", stdin=b"x" * 3_000_000).output) == 3_000_000
    assert run(slow, "x").output.split() == [b"0"]


def test_a_fetch_that_fails_during_a_reset_blames_the_store(tmp_path):
    """One thread reset a damaged store, and the fetch of another failed for good."""
    with git_server(tmp_path / "srv") as server, open_store(tmp_path / "store", GIT) as store:
        server.repository("app.git")
        write_commits(store, [commit()])
        place = locate(f"{server.url}/app.git", tmp_path)
        assert push(store, place, [commit()], None).refusal is None

        def reset_and_fail(request):
            if request.method == "POST":
                reset_if_damaged(store, store.reader.close_count)
                return Fault(status=404)
            return None

        server.meddle = reset_and_fail
        reset_store(store)
        with pytest.raises(DistgenError, match="was reset") as caught:
            fetch_refs(store, place, ["master"])
        assert caught.value.where == store.folder
        server.meddle = lambda request: Fault(status=404)
        with pytest.raises(DistgenError, match="cannot be fetched") as caught:
            fetch_refs(store, place, ["master"])
        assert caught.value.where == place
        server.meddle = None
        fetch_refs(store, place, ["master"])
        assert has_commit(store, commit().commit)
