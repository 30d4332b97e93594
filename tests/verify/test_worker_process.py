"""The process that renders what nobody has reviewed: its answers are data, or failures."""

import json
import sys
import time
from base64 import b64encode
from threading import Event

import pytest

from distgen.errors import DistgenError
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.rendered import File, Tree
from distgen.publish.target import BranchTarget
from distgen.verify.claims import Claim
from distgen.verify.protocol import (
    BadAnswer,
    Rendition,
    decode_rendition,
    decode_start,
    decode_sums,
    encode,
    encode_error,
    encode_rendition,
)
from distgen.verify.worker_process import WorkerCommand, WorkerFailure, WorkerProcess

CLAIM = Claim("ns/app", "main", "", "", "", "1" * 40)
INVALID = "the process that renders it gives no valid answer"
STARTED = b'{"started":true}\n'
FILE = {"path": "Dockerfile", "content": b64encode(b"FROM a\n").decode(), "mode": 0o100644}
RENDITION = {
    "address": "",
    "author": "distgen <distgen@localhost>",
    "url": "dist-git/ns/app.git",
    "branch": "main",
    "downloads": [],
    "on_edit": [],
    "tree": {"files": [FILE], "bases": {}, "sources": {}, "folding": "own", "exported": {}},
    "lock": {"bases": {}, "sources": [], "downloads": {}},
}


def ask(program, question=None, seconds=30.0, stop=None):
    """Ask a program in Python, which answers with what `send(bytes)` sends."""
    start = "import os, sys, time; send = lambda line: os.write(1, line)\n"
    command = WorkerCommand((sys.executable, "-I", "-c", start + program), {}, seconds)
    process = WorkerProcess(command, stop or Event())
    try:
        return process.ask(question or {"root": "/"}, decode_start)
    finally:
        process.end()


def test_a_started_process_has_no_problem():
    assert ask(f"input(); send({STARTED!r})") == ""


def test_an_answer_arrives_whole_however_it_is_cut():
    program = "for byte in LINE: send(bytes([byte]))".replace("LINE", repr(STARTED))
    assert ask(f"input()\n{program}") == ""


def test_an_error_is_a_sentence_of_limited_length():
    line = encode_error("x" * 50_000)
    assert ask(f"input(); send({line!r})") == "x" * 2000


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("send(b'not an answer\\n')", "it is not JSON"),
        (f"send({STARTED * 2!r})", "it is not JSON"),
        ("send(b'\\xff\\n')", "it is not JSON"),
        ("send(b'[' * 60000 + b'\\n')", "it is not JSON"),
        ("send(b'9' * 60000 + b'\\n')", "it is not JSON"),
        ("sys.stdout.write('[' + '[],' * 300000 + '[]]\\n')", "it has too many values"),
        ('send(b\'{"error": "\\\\ud800"}\\n\')', "it is not JSON"),
        ("send(b'{\"error\": 1}\\n')", "it has another form"),
        ("send(b'{\"started\": false}\\n')", "it has another form"),
        ('send(b\'{"started": true, "more": 1}\\n\')', "it has another form"),
        ("send(b'null\\n')", "it has another form"),
    ],
)
def test_a_wrong_answer_is_a_failure(program, problem):
    with pytest.raises(WorkerFailure, match=f"{INVALID}: {problem}"):
        ask(f"input(); {program}")


def test_an_answer_that_would_run_code_runs_nothing(tmp_path):
    """Answers were pickles, which can run anything where they are read."""
    program = f"""
import pickle
class Evil:
    def __reduce__(self):
        return open, ({str(tmp_path / "ran")!r}, "w")
input()
send(pickle.dumps(Evil()) + b"\\n")
"""
    with pytest.raises(WorkerFailure, match=f"{INVALID}: it is not JSON"):
        ask(program)
    assert not (tmp_path / "ran").exists()


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr("distgen.verify.worker_process.MAX_ANSWER", 1_000_000)
    with pytest.raises(WorkerFailure, match=f"{INVALID}: it has more than 1000000 bytes"):
        ask("input()\nwhile True: send(b'x' * 65536)")


@pytest.mark.parametrize(
    "program",
    ["time.sleep(600)", "input(); send(b'{'); time.sleep(600)",
     "input()\nwhile True: send(b'x'); time.sleep(0.1)"],
)  # fmt: skip
def test_an_answer_that_does_not_end_in_time_is_a_failure(program):
    """A process that began an answer and did not end it was waited for forever."""
    start = time.monotonic()
    with pytest.raises(WorkerFailure, match=r"it takes more than 0\.5 seconds"):
        ask(program, seconds=0.5)
    assert time.monotonic() - start < 20


def test_a_question_that_is_not_read_is_a_failure():
    """Writing to a process that reads nothing waits as soon as the pipe is full."""
    with pytest.raises(WorkerFailure, match=r"it takes more than 0\.5 seconds"):
        ask("time.sleep(600)", {"root": "x" * 1_000_000}, seconds=0.5)


@pytest.mark.parametrize("program", ["os.abort()", "input(); send(b'{')", "os.close(1)"])
def test_a_process_that_ends_is_a_failure(program):
    with pytest.raises(WorkerFailure, match="the process that renders it ended"):
        ask(program)


def test_an_interrupted_run_waits_for_no_answer():
    stop = Event()
    stop.set()
    with pytest.raises(DistgenError):
        ask("time.sleep(600)", stop=stop)


# --- what an answer holds ------------------------------------------------------------------------


def test_a_rendition_arrives_as_it_was_sent():
    files = (
        File("Dockerfile", b"FROM a\n"),
        File("bin/run", b"\0\xff\r\n", 0o100755),
        File("link \u00e9", b"bin/run", 0o120000),
    )
    sources = {"app": {"git": "https://x/app", "ref": "main", "commit": "1" * 40, "version": None}}
    rendition = Rendition(
        address="https://x/images.git",
        author="distgen <distgen@localhost>",
        target=BranchTarget(
            image="ns/app",
            stream="main",
            url="dist-git/ns/app.git",
            branch="stable/1",
            downloads=("https://x/f",),
            on_edit=(("*.ini", "keep"), ("*", "merge")),
        ),
        tree=Tree(
            "ns/app", "main", files, {"quay.io/a:1": "sha256:1", "quay.io/b:1": None}, sources
        ),
        lock=Lock(
            {"quay.io/a:1": LockedBase("sha256:1")},
            {("https://x/app", "main"): LockedSource("1" * 40, "2024-05-01T12:00:00Z")},
            {"https://x/f": "2" * 64},
        ),
    )
    assert decode_rendition(encode_rendition(rendition), CLAIM, "") == rendition


def test_an_image_that_is_gone_has_the_reason_of_its_note():
    line = encode({"rendition": {**RENDITION, "tree": None, "url": "", "branch": ""}})
    rendition = decode_rendition(line, CLAIM, "It moved.")
    assert isinstance(rendition, Rendition)
    assert rendition.tree is None
    assert rendition.target == BranchTarget("ns/app", "main", "", "", (), "It moved.")


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ({"path": "../x"}, "'../x' is not a path that the tree of ns/app may hold"),
        ({"path": ""}, "'' is not a path that the tree of ns/app may hold"),
        ({"path": ".git/config"}, "'.git/config' is not a path that the tree of ns/app may hold"),
        ({"path": ".distgen.json"}, "'.distgen.json' is not a path"),
        ({"path": "DOCKERFILE"}, "differ only in case"),
        ({}, "two files have one path"),
        ({"path": "Dockerfile/x"}, "would be both a file and a folder"),
        ({"path": 1}, "it has another form"),
        ({"path": "x", "content": "%%%%"}, "its tree is not one"),
        ({"path": "x", "content": "\u00e9"}, "its tree is not one"),
        ({"path": "x", "mode": 0o40000}, "it has another form"),
        ({"path": "x", "mode": True}, "it has another form"),
        ({"path": "x", "more": 1}, "it has another form"),
    ],
)
def test_a_tree_that_distgen_would_not_render_is_no_answer(file, problem):
    tree = {**RENDITION["tree"], "files": [FILE, FILE | file]}
    line = encode({"rendition": {**RENDITION, "tree": tree}})
    with pytest.raises(BadAnswer) as error:
        decode_rendition(line, CLAIM, "")
    assert problem in str(error.value)


@pytest.mark.parametrize("key", RENDITION)
def test_a_rendition_without_one_of_its_parts_is_no_answer(key):
    parts = {name: value for name, value in RENDITION.items() if name != key}
    for rendition in (parts, {**parts, key: 1}):
        with pytest.raises(BadAnswer, match="it has another form"):
            decode_rendition(encode({"rendition": rendition}), CLAIM, "")


def test_sums_are_those_of_the_images_that_were_asked_for():
    line = json.dumps({"sums": {"ns/app@main": "1 3", "ns/other@main": "2"}}).encode()
    keys = ["ns/app@main", "ns/none@main"]
    assert decode_sums(line, keys) == {"ns/app@main": ("1", "3"), "ns/none@main": ()}
    with pytest.raises(BadAnswer):
        decode_sums(b'{"sums": {"ns/app@main": 1}}', keys)
