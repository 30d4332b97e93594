"""Linters run in chunks, some at once: what one text does to its process takes no other along."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from testing.fake_linters import fake_linter

from distgen.errors import DistgenError
from distgen.lint.chunks import Chunk, divide_texts
from distgen.lint.linter_pool import LinterLimits, LinterPool
from distgen.lint.linters import hadolint, identify_linter, read_messages, shellcheck

COMMENT = '{"file": "0", "line": 9, "column": 1, "code": "X", "level": "info", "message": "m"}'
TEXTS = tuple(f"{number}\n".encode() for number in range(8))


def check(linter, texts, jobs=2):
    """Return what is said of each text, and whether it was checked."""
    return check_chunks(divide_texts(linter, texts, jobs), jobs, LinterLimits())


def check_chunks(chunks, jobs, limits):
    with LinterPool(jobs, limits) as pool:
        pool.submit(chunks)
        return {
            outcome.text: ([message.text for message in outcome.messages], outcome.is_checked)
            for outcome in pool.outcomes()
        }


def checked(texts):
    return {text: ([text.decode().strip()], True) for text in texts}


def test_each_text_is_checked_once(tmp_path):
    fake = fake_linter(tmp_path)
    assert check(fake.linter, TEXTS, jobs=1) == checked(TEXTS)
    assert sum(count for _, count in fake.starts) == len(TEXTS)
    assert len(fake.starts) == 4


def test_nothing_to_check_starts_nothing(tmp_path):
    fake = fake_linter(tmp_path)
    assert check(fake.linter, ()) == {}
    assert fake.starts == []


def test_as_many_processes_work_at_once_as_there_are_jobs(tmp_path):
    """Each waits until there are two."""
    both = f'while [ "$(wc -l <{tmp_path}/starts)" -lt 2 ]; do sleep 0.05; done'
    assert check(fake_linter(tmp_path, both).linter, TEXTS, jobs=2) == checked(TEXTS)


def test_a_text_that_ends_its_process_is_named_and_the_others_are_checked(tmp_path):
    fake = fake_linter(tmp_path)
    answer = check(fake.linter, (*TEXTS, b"x\nCRASH\n"), jobs=1)
    assert answer.pop(b"x\nCRASH\n") == (["hadolint failed: out of luck"], False)
    assert answer == checked(TEXTS)


def test_a_text_that_takes_for_ever_is_named_and_the_others_are_checked(tmp_path):
    fake = fake_linter(tmp_path)
    chunk = Chunk(fake.linter, (b"x\nHANG\n", *TEXTS[:3]))
    answer = check_chunks([chunk], 1, LinterLimits(chunk=0.5, text=5))
    assert answer.pop(b"x\nHANG\n") == (["hadolint did not finish within 5 seconds"], False)
    assert answer == checked(TEXTS[:3])
    assert not fake.is_left


def test_a_process_that_was_killed_is_told(tmp_path):
    fake = fake_linter(tmp_path, "if grep -qx KILL $files; then kill -KILL $$; fi")
    answer = check(fake.linter, (TEXTS[0], b"KILL\n"), jobs=1)
    assert answer[b"KILL\n"] == (["hadolint failed: signal 9"], False)


@pytest.mark.parametrize(
    "output",
    [
        *("{}", "[1]", '[{"file": "7"}]', '[{"file": "0", "line": 1}]', "[", "7", "", '""'),
        *(f"[{COMMENT}]".replace(*words) for words in (('"0"', '"-1"'), ("9", "null"))),
    ],
)
def test_a_program_that_can_check_nothing_is_one_error(tmp_path, output):
    fake = fake_linter(tmp_path, f"echo '{output}'; echo 'no such module' >&2; exit")
    with pytest.raises(DistgenError, match="hadolint failed: no such module; install distgen's"):
        check(fake.linter, TEXTS, jobs=1)
    assert len(fake.starts) == 2
    assert not fake.is_left


def test_a_text_that_could_not_be_opened_is_not_one_without_findings(tmp_path):
    """shellcheck prints what it found in the other files then, and ends with 2."""
    fake = fake_linter(tmp_path, "if grep -qx LOST $files; then echo '[]'; exit 2; fi")
    answer = check(fake.linter, (*TEXTS, b"LOST\n"), jobs=1)
    assert answer.pop(b"LOST\n") == (["hadolint failed: no output"], False)
    assert answer == checked(TEXTS)


def test_shellcheck_ends_with_2_where_it_could_not_open_a_file(tmp_path):
    linter = shellcheck()
    (tmp_path / "0").write_bytes(linter.sample)
    done = subprocess.run(linter.words(["0", "1"]), cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, read_messages(done.stdout, 2)) == (2, ((), ()))


def test_a_program_that_is_not_there_is_an_error(tmp_path):
    linter = replace(fake_linter(tmp_path).linter, program=str(tmp_path / "gone"))
    for ask in (identify_linter, lambda linter: check(linter, TEXTS)):
        with pytest.raises(DistgenError, match="hadolint cannot be started: No such file"):
            ask(linter)


def test_processes_end_with_the_pool(tmp_path):
    fake = fake_linter(tmp_path, f"echo >>{tmp_path}/begun; exec sleep 600")
    with LinterPool(2, LinterLimits()) as pool:
        pool.submit(divide_texts(fake.linter, TEXTS, 2))
        while len(fake.starts) < 2:
            pass
        assert fake.is_left
    assert not fake.is_left


def test_a_process_that_nobody_looks_at_any_more_ends_in_time(tmp_path):
    """distgen may be killed: each process has a limit of processor time that outlives it."""
    has_limit = '[ "$(ulimit -t)" = 61 ]'
    fake = fake_linter(tmp_path, f"until {has_limit}; do sleep 0.05; done")
    chunk = Chunk(fake.linter, TEXTS[:1])
    assert check_chunks([chunk], 1, LinterLimits(chunk=60, text=60)) == checked(TEXTS[:1])


def test_options_that_a_build_of_the_program_does_not_take_are_left_out(tmp_path):
    refuse = 'case "$*" in *+RTS*) echo "RTS options are disabled" >&2; exit 1;; esac'
    fake = fake_linter(tmp_path)
    fake.program.write_text(fake.program.read_text().replace("PATH=", f"{refuse}\nPATH=", 1))
    linter = replace(hadolint(), program=str(fake.program))
    assert linter.tuning
    tuned = identify_linter(linter)
    assert (tuned.tuning, tuned.options, tuned.identity[0]) == ((), linter.options, "9\n")
    assert identify_linter(hadolint()).tuning == linter.tuning


def test_a_program_that_says_no_version_is_an_error(tmp_path):
    fake = fake_linter(tmp_path)
    fake.program.write_text("#!/bin/sh\necho 'no such module' >&2\n")
    with pytest.raises(DistgenError, match="hadolint failed: no such module; install"):
        identify_linter(fake.linter)


def test_chunks_are_bounded_and_the_largest_texts_come_first(tmp_path):
    linter = fake_linter(tmp_path).linter
    texts = [b"x" * size for size in (*range(1, 301), 40_000, 50_000, 200_000)]
    chunks = list(divide_texts(linter, texts, 2))
    assert [len(text) for text in chunks[0].texts] == [200_000]
    assert sorted(text for chunk in chunks for text in chunk.texts) == sorted(texts)
    assert max(len(chunk.texts) for chunk in chunks) <= 32
    assert all(len(chunk.texts) == 1 or sum(map(len, chunk.texts)) <= 1 << 16 for chunk in chunks)
    assert Chunk(linter, TEXTS[:3]).halves() == (
        Chunk(linter, TEXTS[:1]),
        Chunk(linter, TEXTS[1:3]),
    )
