"""What servers may say in git's protocol, and what none may get away with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distgen.git.http.pkt_line import CutShort, NotUnderstood, frame, split_pkt_lines
from distgen.git.http.protocol import (
    RefCommand,
    ServerSays,
    format_push,
    is_ref,
    read_advertisement,
    read_report,
)

SERVICE, FLUSH = "git-upload-pack", b"0000"
ID = b"a" * 40
HEAD_LINES = frame(b"# service=git-upload-pack\n") + FLUSH
BANDS = frozenset({"report-status", "side-band-64k"})


def listed(*lines, end=FLUSH, matches=lambda ref: True):
    body = HEAD_LINES + b"".join(frame(line) for line in lines) + end
    return read_advertisement(iter([body]), SERVICE, matches)


def band(number, data):
    return frame(bytes([number]) + data)


@given(st.lists(st.one_of(st.none(), st.binary(max_size=40))), st.integers(1, 9))
def test_lines_are_found_however_they_arrive(lines, size):
    stream = b"".join(FLUSH if line is None else frame(line) for line in lines)
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert list(split_pkt_lines(chunks)) == lines


@pytest.mark.parametrize("digits", [b"+004", b"0x04", b"1_00", b"zzzz", b"0001", b"0003", b" 005"])
def test_a_size_that_is_none_is_refused(digits):
    with pytest.raises(NotUnderstood):
        list(split_pkt_lines([digits + b"ab"]))


def test_an_empty_repository_has_no_refs():
    found = listed(b"0" * 40 + b" capabilities^{}\0report-status atomic\n")
    assert (found.refs, found.capabilities) == ({}, {"report-status", "atomic"})


def test_refs_that_were_not_asked_for_are_dropped():
    lines = [ID + b" HEAD\0ofs-delta\n", ID + b" refs/heads/a\n", ID + b" refs/heads/b\n"]
    assert listed(*lines, matches="refs/heads/b".__eq__).refs == {"refs/heads/b": "a" * 40}


@pytest.mark.parametrize(
    "name",
    [
        *(b"refs/heads/a\nb", b"refs/heads/a b", b"refs/heads/../../x", b"refs/heads/\x1b[2J"),
        *(b".have", b"refs/heads/a.lock", b"refs/heads//a", b"refs/heads/.a", b"--upload-pack=x"),
        *(b"refs/heads/a~1", b"refs/heads/*", b"refs/heads/@{1}", b"refs/", b"refs/heads/a\x7f"),
    ],
)
def test_what_is_no_ref_is_no_ref(name):
    assert not is_ref(name)
    assert listed(ID + b" refs/heads/m\0\n", ID + b" " + name).refs == {"refs/heads/m": "a" * 40}


def test_a_nul_hides_nothing_after_the_first_line():
    lines = [ID + b" refs/heads/a\0x\n", ID + b" refs/heads/b\0c refs/heads/d\n"]
    assert list(listed(*lines).refs) == ["refs/heads/a", "refs/heads/b"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([b"a" * 64 + b" refs/heads/a\0\n"], "SHA-256"),
        ([b"0" * 40 + b" capabilities^{}\0object-format=sha256\n"], "SHA-256"),
        ([b"version 1\n"], "no ref"),
        ([ID.upper() + b" refs/heads/a\0\n"], "no ref"),
        ([ID + b" refs/heads/a\0\n", b"shallow " + ID], "no ref"),
        ([b"<html>"], "no ref"),
    ],
)
def test_what_only_git_may_know_is_left_to_git(lines, reason):
    with pytest.raises(NotUnderstood, match=reason):
        listed(*lines)


def test_an_answer_goes_to_its_end_and_not_beyond():
    line = ID + b" refs/heads/a\0\n"
    with pytest.raises(CutShort):
        listed(line, end=b"")
    with pytest.raises(NotUnderstood):
        listed(line, end=FLUSH + frame(b"more"))
    with pytest.raises(ServerSays, match="no quota"):
        listed(b"ERR no quota")
    with pytest.raises(NotUnderstood):
        read_advertisement([b"<!DOCTYPE html><html>"], SERVICE, lambda ref: True)


def test_a_push_names_what_it_expects():
    commands = [
        RefCommand("refs/heads/a", "1" * 40, "2" * 40),
        RefCommand("refs/heads/b", "0" * 40, "3" * 40),
    ]
    body = format_push(commands, BANDS | {"atomic", "quiet"}, "x/1", b"PACK")
    first, second, flush, *_ = split_pkt_lines([body.removesuffix(b"PACK")])
    assert (second, flush) == (b"%s %s refs/heads/b" % (b"0" * 40, b"3" * 40), None)
    command, words = first.split(b"\0")
    assert command == b"%s %s refs/heads/a" % (b"1" * 40, b"2" * 40)
    assert words.split() == [b"report-status", b"side-band-64k", b"quiet", b"atomic"]
    with pytest.raises(NotUnderstood):
        format_push([RefCommand("refs/heads/" + "a" * 70_000, "", "")], BANDS, "x", b"")


REPORT = frame(b"unpack ok\n") + frame(b"ok refs/heads/a\n") + frame(b"ng refs/heads/b why not\n")


def test_a_report_is_read_in_full():
    halves = band(1, REPORT[:9]) + band(2, b"words\n") + band(1, REPORT[9:] + FLUSH)
    report = read_report([halves + FLUSH], BANDS)
    assert (report.unpacked, report.messages) == ("ok", b"words\n")
    assert report.refusals == {"refs/heads/a": "", "refs/heads/b": "why not"}
    assert read_report([REPORT + FLUSH], frozenset({"report-status"})).refusals == report.refusals


def test_a_refusal_counts_wherever_it_stands():
    words = (frame(b"ng refs/heads/a no\n"), frame(b"ok refs/heads/a\n"))
    for lines in (words, words[::-1]):
        report = read_report([frame(b"unpack ok\n") + b"".join(lines) + FLUSH], frozenset())
        assert report.refusals == {"refs/heads/a": "no"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (band(1, REPORT + FLUSH), CutShort),  # the bands have no end
        (band(1, REPORT) + FLUSH, CutShort),  # the report has none
        (band(1, REPORT + FLUSH) + FLUSH + b"0005x", NotUnderstood),
        (band(4, b"x") + FLUSH, NotUnderstood),
        (frame(b"") + FLUSH, NotUnderstood),
        (band(1, frame(b"unpacked all\n") + FLUSH) + FLUSH, NotUnderstood),
        (
            band(1, frame(b"unpack ok\n") + frame(b"yes refs/heads/a") + FLUSH) + FLUSH,
            NotUnderstood,
        ),
        (band(1, b"ffff" + REPORT + FLUSH) + FLUSH, CutShort),
        (band(3, b"out of order\n") + FLUSH, ServerSays),
        (band(1, b"x" * 60_000) * 20 + FLUSH, NotUnderstood),
        (b"", CutShort),
    ],
)
def test_a_side_band_that_lies_is_no_success(body, error):
    with pytest.raises(error):
        read_report([body], BANDS)


def test_words_without_end_are_cut_at_a_line():
    """A cut line may hold half a secret."""
    words = b"".join(band(2, b"line %d\n" % number * 3000) for number in range(10))
    messages = read_report([words + band(1, REPORT + FLUSH) + FLUSH], BANDS).messages
    assert len(messages) <= 1 << 16
    assert messages.startswith(b"line ")
    endless = b"".join(band(2, b"x" * 60_000) for _ in range(3))
    assert read_report([endless + band(1, REPORT + FLUSH) + FLUSH], BANDS).messages == b""
    ended = endless + band(2, b"x\nlast") + band(2, b" words\n")
    assert read_report([ended + band(1, REPORT + FLUSH) + FLUSH], BANDS).messages == b"last words\n"
