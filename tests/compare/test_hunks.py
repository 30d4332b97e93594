"""Hunks say how to get from one text to another, as git reads it."""

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from distgen.model.words import EXECUTABLE, REGULAR
from distgen.text.cuts import cut_change
from distgen.text.git_diff import FileSide, diff_lines
from distgen.text.hunks import split_hunks
from distgen.text.word_diff import changed_words

LINES = st.lists(st.sampled_from(["", "a", "b", "RUN x \\", "é", "\r", "--- a", "+"]), max_size=20)
TEXTS = st.tuples(LINES, st.booleans()).map(
    lambda text: ("\n".join(text[0]) + "\n" * text[1]).encode()
)
SIDES = st.one_of(
    st.just(FileSide()),
    st.builds(FileSide, st.sampled_from([REGULAR, EXECUTABLE]), TEXTS),
)


def rebuilt(old, hunks):
    """Return the new text that hunks lead to, as its lines; None where the old one does not fit."""
    lines, text, at = old.decode().split("\n"), [], 0
    for hunk in hunks:
        start = hunk.old_start - (hunk.old_count > 0)
        text += lines[at:start]
        expected = [line[1:] for line in hunk.lines if line[0] in " -"]
        assert lines[start : start + hunk.old_count] == expected
        text += [line[1:] for line in hunk.lines if line[0] in " +"]
        at = start + hunk.old_count
    return [*text, *lines[at:]]


@given(TEXTS, TEXTS)
def test_hunks_lead_from_the_old_text_to_the_new_one(old, new):
    hunks = split_hunks(old, new)
    assert "\n".join(rebuilt(old, hunks)).rstrip("\n") == new.decode().rstrip("\n")
    assert bool(hunks) == (old != new)


KEYED = st.lists(
    st.sampled_from(
        ['LABEL a="1" \\', '  a="2" \\', '  b="1"', '  b="2" \\', "ENV b=3", "", "RUN"]
    ),
    max_size=12,
).map(lambda lines: "\n".join(lines).encode())


@given(st.one_of(TEXTS, KEYED), st.one_of(TEXTS, KEYED))
def test_parts_of_a_change_touch_no_other_and_lead_to_the_new_text(old, new):
    change = cut_change(old, new)
    for number, parts in enumerate(change.paragraphs):
        for at in range(len(parts)):
            assert change.hunk(number, at, at).edits
    spans = [span for parts in change.paragraphs for span in parts]
    text, last_old, last_new = [], 0, 0
    for i1, i2, j1, j2 in spans:
        assert (last_old, last_new) <= (i1, j1)
        assert i1 - last_old == j1 - last_new
        text += [*change.old[last_old:i1], *change.new[j1:j2]]
        last_old, last_new = i2, j2
    assert b"".join([*text, *change.old[last_old:]]) == new


def test_a_line_with_a_blank_one_is_the_same_edit_at_the_end_and_before_more():
    before_more, at_end = b"a\n\n\nUSER x\n", b"a\n\n\n"
    edits = {
        split_hunks(before_more, b"a\n\n\nLABEL\n\nUSER x\n")[0].edits,
        split_hunks(at_end, b"a\n\n\n\nLABEL\n")[0].edits,
    }
    assert edits == {("+", "+LABEL")}


@given(st.dictionaries(st.sampled_from(["f", "a b", 'q"é', "t\tx"]), st.tuples(SIDES, SIDES)))
@settings(max_examples=25)
def test_git_applies_what_is_written(tmp_path_factory, files):
    """A carriage return, a quote or a missing newline is no reason to be misread."""
    folder = tmp_path_factory.mktemp("apply")
    for name, (old, _) in files.items():
        if old.mode is not None:
            (folder / name).write_bytes(old.content)
            (folder / name).chmod(old.mode & 0o777)
    lines = [line for name, sides in files.items() for line in diff_lines(name, *sides)]
    if not lines:
        return
    patch = "".join(f"{line}\n" for line in lines).encode()
    subprocess.run(["git", "apply", "--stat"], input=patch, check=True, cwd=folder)
    subprocess.run(["git", "apply", "--whitespace=nowarn"], input=patch, check=True, cwd=folder)
    for name, (_, new) in files.items():
        path = folder / name
        assert path.exists() == (new.mode is not None)
        if new.mode is not None:
            assert path.read_bytes() == new.content
            assert bool(path.stat().st_mode & 0o100) == (new.mode == EXECUTABLE)


def test_words_that_change_are_found_in_pairs_of_lines():
    lines = ("-FROM a:1", "-RUN x", "+FROM a:2", "+RUN xy", " keep", "-gone", "+b", "+c")
    spans = changed_words(lines)
    assert {lines[at][start:end] for at, pairs in spans.items() for start, end in pairs} == {
        *("1", "2", "x", "xy"),
    }
