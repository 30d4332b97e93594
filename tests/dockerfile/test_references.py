"""The parser of Dockerfiles keeps no memory of those that it has read."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from pathlib import Path

import dockerfile
import pytest

from distgen.dockerfile.library import parse_string
from distgen.dockerfile.references import PROBE, ReferenceKeeper, kept_fields

GOLDEN = Path(__file__).parents[1] / "golden"
TEXTS = {
    "everything": "FROM a\nX y\nRUN <<EOF\ntwo words\nEOF\nCOPY <<one <<two /x\n1\none\n2 2\ntwo\n"
    'CMD ["a", "bb"]\nONBUILD RUN x\nRUN --mount=type=cache,target=/x y\nENV a=b é=ü\n',
    "probe": PROBE,
    **{path.parent.name: path.read_text() for path in sorted(GOLDEN.rglob("Dockerfile"))[:20]},
}


@pytest.mark.parametrize("name", TEXTS)
def test_values_are_as_read_and_referred_to_once(name):
    text = TEXTS[name]
    read = [parse_string(text) for _ in range(50)]
    gc.collect()
    assert all(tuple(commands) == tuple(dockerfile.parse_string(text)) for commands in read)
    for command in read[-1]:
        assert kept_fields(command) == ()
        assert [kept_fields(heredoc) for heredoc in command.heredocs] == [()] * len(
            command.heredocs
        )


def test_memory_does_not_grow_with_what_was_read():
    text = TEXTS["everything"]
    parse_string(text)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(2000):
            parse_string(f"{text}LABEL number={number}\n")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000, "it was 10 MB"


def test_a_parser_that_keeps_nothing_is_left_alone():
    (made, *_) = dockerfile.parse_string(PROBE)

    def parse(_):
        """Return an instruction of our own."""
        return [
            made._replace(cmd=f"{made.cmd}!", value=(*made.value, "more"), flags=(*made.flags,))
        ]

    commands = parse("")
    counts = [sys.getrefcount(value) for value in commands[0]]
    ReferenceKeeper(parse).give_back(commands)
    assert [sys.getrefcount(value) for value in commands[0]] == counts
