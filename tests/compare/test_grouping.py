"""Edits of many images become groups: each edit in one, and each rebuilt from its group."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from testing.images import image

from distgen.compare.edits import list_edits, list_runs
from distgen.compare.joining import group_runs
from distgen.compare.records import EditGroup
from distgen.compare.words import image_words
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, REGULAR

NAMES = ("ns/app", "ns/app-api", "zuul/zuul", "zuul/zuul-executor", "ns/a.b_c")
IMAGES = {made.key: made for made in map(image, NAMES)}
WORDS = {key: image_words(made, parents=[IMAGES["ns/app@master"]]) for key, made in IMAGES.items()}
DIGESTS = ("sha256:" + "0" * 64, "sha256:" + "ab" * 32, "f" * 40, "cd" * 20)
TEXTS = st.sampled_from(
    (
        *("app", "APP_API", "appapi", "zuul", "zuul-executor", "ns", "master", "A_B_C", "curl"),
        *("vim", "1.0", "1.1", "IMAGE_APP_API", "x-zuul-y", "quay.io/ns/app:master", "é", "\r"),
        *("--flag", "", "\\ No newline", "@@ -1 +1 @@", "-", "+", "\x1b[31m", "\ufffd"),
        *DIGESTS,
    )
)
LINES = st.lists(TEXTS, max_size=4).map(" ".join)
CONTENTS = st.one_of(
    st.lists(LINES, max_size=12).map(lambda lines: "\n".join(lines).encode()),
    st.sampled_from([b"\0binary", b"\0other", b"caf\xe9\n", b"caf\xe8\n"]),
)
FILES = st.dictionaries(
    st.sampled_from(["Dockerfile", "app.conf", "conf/zuul"]),
    st.builds(
        lambda content, mode: (content, mode), CONTENTS, st.sampled_from([REGULAR, EXECUTABLE])
    ),
    max_size=3,
)
TREES = st.dictionaries(st.sampled_from(sorted(IMAGES)), FILES, max_size=5)


def trees(contents):
    return {
        key: {path: File(path, content, mode) for path, (content, mode) in files.items()}
        for key, files in contents.items()
    }


def grouped(old, new):
    groups = group_runs(list_runs(trees(old), trees(new)), WORDS.__getitem__)
    return [edit for group in groups for edit in group.edits], groups


def rebuilt(group):
    members = group.members()
    first = group.edits[0]
    whole = EditGroup(
        "files", "", first.path, first.operation, first.modes, (), group.pattern, members
    )
    return [whole.edit(member) for member in members]


@given(TREES, TREES)
def test_every_edit_is_in_one_group_and_is_rebuilt_from_it(old, new):
    edits, groups = grouped(old, new)
    for group in groups:
        assert rebuilt(group) == list(group.edits)
    parts = list_edits(trees(old), trees(new))
    assert lines_by_file(edits) == lines_by_file(parts)


def lines_by_file(edits):
    """Return the lines that come and go in each file, in order where their places tell it."""
    counts = Counter()
    for edit in edits:
        lines = [line for line in edit.lines if line[0] in "+-"]
        counts.update((edit.image, edit.path, edit.operation, edit.modes, line) for line in lines)
        counts[edit.image, edit.path, edit.operation, edit.modes] = 1
    return counts


@given(TREES, TREES)
def test_equal_edits_share_a_group_and_patterns_stand_once(old, new):
    edits, groups = grouped(old, new)
    group_of = {edit: number for number, group in enumerate(groups) for edit in group.edits}
    number_of = {}
    for edit in edits:
        text = (edit.path, edit.operation, edit.modes, edit.lines)
        assert number_of.setdefault(text, group_of[edit]) == group_of[edit]


@given(TREES, TREES)
def test_nothing_is_an_edit_where_nothing_differs(old, new):
    edits, _ = grouped(old, new)
    differing = {
        (key, path)
        for key in {*old, *new}
        for path in {*old.get(key, {}), *new.get(key, {})}
        if old.get(key, {}).get(path) != new.get(key, {}).get(path)
    }
    assert {(edit.image, edit.path) for edit in edits} == differing


def lines_added(**lines):
    """Return the groups of images that each get one line in their Dockerfile."""
    keys = {name.rpartition("/")[2].replace("-", "_"): f"{name}@master" for name in NAMES}
    old = {keys[name]: {"Dockerfile": (b"FROM x\n", REGULAR)} for name in lines}
    new = {
        keys[name]: {"Dockerfile": (f"FROM x\n{line}\n".encode(), REGULAR)}
        for name, line in lines.items()
    }
    return [[edit.image for edit in group.edits] for group in grouped(old, new)[1]]


@pytest.mark.parametrize(
    "lines",
    [
        {"app_api": "LABEL a=app-api", "zuul": "LABEL a=zuul"},
        {"app_api": "ENV IMAGE_APP_API=1", "zuul_executor": "ENV IMAGE_ZUUL_EXECUTOR=1"},
        {"app_api": "user appapi", "zuul_executor": "user zuulexecutor"},
        {"app_api": "LABEL a=ns/app-api", "zuul": "LABEL a=zuul/zuul"},
        {"app_api": f"FROM x@{DIGESTS[0]}", "zuul": f"FROM x@{DIGESTS[1]}"},
        {"app_api": f"REF={DIGESTS[2]}", "zuul": f"REF={DIGESTS[3]}"},
        {"app_api": "curl", "zuul": "curl"},
        # zuul is a name and a namespace; app-api tells which of them is meant
        {"app_api": "vendor=ns", "zuul": "vendor=zuul"},
        {"app_api": "name=app-api", "zuul": "name=zuul"},
    ],
)
def test_words_of_the_image_make_no_difference(lines):
    assert len(lines_added(**lines)) == 1


@pytest.mark.parametrize(
    "lines",
    [
        {"app_api": "curl", "zuul": "vim"},
        {"app_api": "python 3.11", "zuul": "python 3.12"},
        {"app_api": "LABEL a=zuul", "zuul": "LABEL a=app-api"},
        {"app_api": "LABEL a=app-api", "zuul": "LABEL a=zuulx"},
        {"app_api": DIGESTS[0], "zuul": DIGESTS[0][:-1]},
    ],
)
def test_nothing_else_is_replaced(lines):
    assert len(lines_added(**lines)) == 2


def test_binary_files_that_differ_are_not_one_edit():
    old = {key: {} for key in ("ns/app@master", "zuul/zuul@master")}
    new = {
        "ns/app@master": {"logo": (b"\0one", REGULAR)},
        "zuul/zuul@master": {"logo": (b"\0two", REGULAR)},
    }
    assert len(grouped(old, new)[1]) == 2


def test_changes_of_two_paragraphs_close_by_are_two_edits():
    text = "FROM x:{}\n\nLABEL a={}\n"
    old = {key: {"Dockerfile": (text.format(1, 1).encode(), REGULAR)} for key in IMAGES}
    new = {
        key: {"Dockerfile": (text.format(2, 1 + ("zuul" in key)).encode(), REGULAR)}
        for key in IMAGES
    }
    groups = grouped(old, new)[1]
    assert [(group.edits[0].lines, len(group.edits)) for group in groups] == [
        (("-FROM x:1", "+FROM x:2"), 5),
        (("-LABEL a=1", "+LABEL a=2"), 2),
    ]


def labelled(**texts):
    """Return the groups of images with these lines in the Dockerfile, after and before."""
    old, new = {}, {}
    for name, (before, after) in texts.items():
        key = f"ns/{name}@master"
        old[key], new[key] = (
            {"Dockerfile": (f"FROM x\n\n{text}\n".encode(), REGULAR)} for text in (before, after)
        )
    edits = list_runs(trees(old), trees(new))
    groups = group_runs(edits, lambda key: image_words(image(key.partition("@")[0])))
    return [([edit.image for edit in group.edits], group.edits[0].lines) for group in groups]


ONE, TWO, THREE = "ns/one@master", "ns/two@master", "ns/three@master"


def test_labels_side_by_side_are_edits_of_their_own():
    groups = labelled(
        one=('LABEL a="1" \\\n  b="1" \\\n  c="1"', 'LABEL a="2" \\\n  b="1" \\\n  c="1"'),
        two=('LABEL a="1" \\\n  b="1" \\\n  c="1"', 'LABEL a="2" \\\n  b="2" \\\n  c="1"'),
    )
    assert groups == [
        ([ONE, TWO], ('-LABEL a="1" \\', '+LABEL a="2" \\')),
        ([TWO], ('-  b="1" \\', '+  b="2" \\')),
    ]


def test_labels_that_always_change_together_are_one_edit():
    before, after = 'LABEL a="1" \\\n  b="1"', 'LABEL a="2" \\\n  b="2"'
    assert labelled(one=(before, after), two=(before, after)) == [
        (
            [ONE, TWO],
            ('-LABEL a="1" \\', '-  b="1"', '+LABEL a="2" \\', '+  b="2"'),
        )
    ]


def test_a_label_is_found_where_others_come_and_go_around_it():
    groups = labelled(
        one=('LABEL a="1" \\\n  b="1" \\\n  d="1"', 'LABEL b="2" \\\n  c="1" \\\n  d="1"'),
        two=('LABEL z="1" \\\n  b="1" \\\n  d="1"', 'LABEL z="1" \\\n  b="2" \\\n  d="1"'),
        three=('LABEL z="1" \\\n  d="1"', 'LABEL z="1" \\\n  c="1" \\\n  d="1"'),
    )
    assert ([ONE, THREE], ('+  c="1" \\',)) in groups


def test_a_backslash_for_a_label_below_is_no_edit_of_its_own():
    groups = labelled(
        one=('LABEL a="1" \\\n  b="1"', 'LABEL a="2" \\\n  b="1" \\\n  c="1"'),
        two=('LABEL a="1" \\\n  b="1"', 'LABEL a="2" \\\n  b="1"'),
    )
    assert groups == [
        ([ONE, TWO], ('-LABEL a="1" \\', '+LABEL a="2" \\')),
        ([ONE], ('-  b="1"', '+  b="1" \\', '+  c="1"')),
    ]


def test_as_many_lines_that_begin_otherwise_are_one_edit():
    before, after = "RUN a\nUSER b", "COPY a b\nRUN c"
    groups = labelled(one=(before, after), two=("RUN a", "COPY a b"))
    assert [images for images, _ in groups] == [[ONE], [TWO]]
