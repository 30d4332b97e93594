"""Templates that would hang or fill the memory: the image is refused, all others are rendered."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from distgen.catalogue.load import load_catalogue
from distgen.errors import DistgenError, InputError
from distgen.model.lock import Lock
from distgen.render.answers import RenderQuestion, encode_question
from distgen.render.limited import LimitedRenderer
from distgen.render.renderer import Renderer

NAMESPACE = "registry: quay.io/ns\nstreams: {master: }\n"
TOO_LONG = "takes more than 1 seconds of processor time"
TOO_LARGE = "the template makes something that does not fit into memory"
HINT = "mend it, or raise `render.limits` in distgen.yaml"


def project(catalogue, text: str, limits: str = "{seconds: 1, memory: 64M}"):
    """Return the renderer of a catalogue, its bad image and its good one."""
    root = catalogue(
        {
            "distgen.yaml": f"version: 1\nrender: {{limits: {limits}}}\n",
            "templates/bad/template.yaml": "description: Bad\n",
            "templates/bad/Dockerfile.j2": f"FROM x\n{text}\n",
            "templates/good/template.yaml": "description: Good\n",
            "templates/good/Dockerfile.j2": "FROM {{ base.reference }}\n",
            "overlays/ns/namespace.yaml": NAMESPACE,
            "overlays/ns/bad.yaml": "template: bad\nfrom: docker.io/library/debian:12\n",
            "overlays/ns/good.yaml": "template: good\nfrom: docker.io/library/debian:12\n",
        }
    )
    loaded = load_catalogue(root)
    bad, good = loaded.images
    return LimitedRenderer(loaded, Lock()), bad, good


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            TOO_LONG,
        ),
        (
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
            "{{ m(60) }}",
            TOO_LONG,
        ),
        ("{% set l = namespace(x=['x']) %}{% for i in range(40) %}"
         "{% set l.x = [l.x, l.x] %}{% endfor %}{{ l.x | json }}", HINT),
        ("{{ 1 | round(10 ** 8, 'ceil') }}", TOO_LONG),
        ("{{ ('{' ~ ':' * 99999).format() }}", ""),
        ("{% set l = namespace(x='x' * 9999) %}{% for i in range(40) %}"
         "{% set l.x = l.x ~ l.x %}{% endfor %}", TOO_LARGE),
        ("{{ '{0:99999}' * 9999 }}{{ ('{0:99999}' * 9999).format(1) }}", TOO_LARGE),
    ],
    ids=["loops", "macro", "doublings", "round", "braces", "texts", "widths"],
)  # fmt: skip
def test_a_template_that_takes_too_much_is_named_and_the_others_are_rendered(
    catalogue, text: str, sentence: str
):
    renderer, bad, good = project(catalogue, text)
    with pytest.raises(InputError) as caught:
        renderer.tree(bad)
    # Within one call of the encoder time may run out before memory does: then no line is known.
    place = "templates/bad" if sentence == HINT else "templates/bad/Dockerfile.j2:2: "
    assert str(caught.value).startswith(place)
    assert sentence in str(caught.value)
    assert "ns/bad@master" in str(caught.value)
    assert renderer.tree(good).files[0].content.endswith(b"FROM docker.io/library/debian:12\n")


def test_all_that_an_image_prints_has_a_limit(catalogue):
    text = "{% set x = 'x' * 99999 %}{% for i in range(150) %}{{ x }}{% endfor %}"
    project(catalogue, text, "{}")
    root = catalogue({f"templates/bad/{number}.j2": text for number in range(6)})
    renderer = LimitedRenderer(load_catalogue(root), Lock())
    bad, good = load_catalogue(root).images
    with pytest.raises(InputError) as caught:
        renderer.tree(bad)
    assert str(caught.value).startswith("templates/bad/")
    assert "what it prints is larger than 64 MiB (ns/bad@master)" in str(caught.value)
    assert renderer.tree(good)


# Comparing lists is one long step of the interpreter, which no exception can end.
STUCK = (
    "{% set l = namespace(x=['x'], y=['x']) %}{% for i in range(60) %}"
    "{% set l.x = [l.x, l.x] %}{% set l.y = [l.y, l.y] %}{% endfor %}{{ l.x == l.y }}"
)


def test_a_step_that_no_exception_can_end_is_ended_by_the_kernel(catalogue):
    renderer, bad, good = project(catalogue, STUCK)
    with pytest.raises(InputError) as caught:
        renderer.tree(bad)
    assert str(caught.value) == f"templates/bad: {TOO_LONG} (ns/bad@master); {HINT}"
    assert renderer.tree(good).files


def test_a_limit_is_for_one_image_and_not_for_all(catalogue):
    text = "{% for a in range(1000) %}{% for b in range(400) %}{% endfor %}{% endfor %}"
    renderer, slow, _ = project(catalogue, text, "{seconds: 0.5, memory: 64M}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    for _ in range(80):
        renderer.tree(slow)
    del renderer
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before > 0.5


def test_a_process_that_was_killed_is_replaced(catalogue):
    renderer, bad, good = project(catalogue, "x")
    assert renderer.tree(bad)
    os.kill(renderer._process.pid, signal.SIGKILL)
    with pytest.raises(InputError, match=r"ends the process that renders it \(ns/good@master\)"):
        renderer.tree(good)
    assert renderer.tree(good)


def test_the_signal_of_a_question_may_come_while_it_is_answered(catalogue):
    """The kernel wakes the reader of a pipe first and tells it of new bytes later.

    Now and then a rendering on a busy machine was ended by that.
    """
    text = "{% for a in range(9999) %}{% for b in range(300) %}{% endfor %}{% endfor %}"
    renderer, bad, _ = project(catalogue, text, "{seconds: 60}")
    process = renderer._start_process(bad)
    question = encode_question(RenderQuestion("tree", bad.key))
    os.write(process.questions, question)
    while not _is_running(process.pid):
        time.sleep(0.01)
    os.write(process.questions, question)
    answers = b""
    while b'{"tree"' not in answers:  # the second is asked too early for a renderer
        chunk = os.read(process.answers, 1 << 16)
        assert chunk
        answers += chunk


def test_the_limited_renderer_gives_what_the_renderer_gives(catalogue):
    limited, bad, _ = project(catalogue, "LABEL a=b \\\n  {{ image.name }}\n# é \u2603")
    assert limited.printed_text(bad, "Dockerfile").values
    plain = Renderer(load_catalogue(catalogue({})), Lock())
    assert limited.tree(bad) == plain.tree(bad)
    assert limited.line_map(bad, "Dockerfile") == plain.line_map(bad, "Dockerfile")
    assert limited.printed_text(bad, "Dockerfile") == plain.printed_text(bad, "Dockerfile")
    with pytest.raises(InputError) as caught:
        limited.line_map(bad, "x")
    with pytest.raises(InputError) as expected:
        plain.line_map(bad, "x")
    assert str(caught.value) == str(expected.value)


def test_a_process_begins_without_touching_the_warnings_of_other_threads(catalogue, monkeypatch):
    """A library that was imported meanwhile printed what it had told Python to hide."""
    renderer, _, good = project(catalogue, "")
    fork = os.fork

    def fork_beside_an_import():
        warnings.simplefilter("ignore", BytesWarning)
        return fork()

    monkeypatch.setattr(os, "fork", fork_beside_an_import)
    with warnings.catch_warnings():
        assert renderer.tree(good)
        assert ("ignore", None, BytesWarning, None, 0) in warnings.filters


def test_an_interrupted_run_waits_for_no_template(catalogue):
    renderer, bad, _ = project(catalogue, STUCK, "{seconds: 60}")
    renderer._stop = threading.Event()
    threading.Timer(0.5, renderer._stop.set).start()
    with pytest.raises(DistgenError, match="the run was interrupted"):
        renderer.tree(bad)


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("publish", signal.SIGINT),
        ("publish", signal.SIGTERM),
        ("render", signal.SIGTERM),
        ("lint", signal.SIGKILL),
    ],
)
def test_a_signal_ends_a_run_with_a_hanging_template(catalogue, tmp_path, command, number):
    project(catalogue, STUCK, "{seconds: 300}")
    words = [sys.executable, "-m", "distgen", "-C", str(catalogue({})), command]
    words += ["-o", str(tmp_path / "out")] if command == "render" else []
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
    child = ""
    while not child and process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        child = next((pid for pid in children.split() if _is_busy(pid)), "")
        time.sleep(0.05)
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert b"Traceback" not in errors
    assert process.returncode in {130, -number}
    assert b"failed" not in output
    end = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def _is_running(pid: int) -> bool:
    """Tell whether a process has used a tick, as one that waits has not."""
    return _used_ticks(str(pid)) > 1


def _is_busy(pid: str) -> bool:
    """Tell whether a process has used half a second, as no other child of a run does."""
    return _used_ticks(pid) >= os.sysconf("SC_CLK_TCK") // 2


def _used_ticks(pid: str) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11])
