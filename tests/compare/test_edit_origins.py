"""The lines in which two states of a file of the catalogue differ."""

from hypothesis import given
from hypothesis import strategies as st

from distgen.compare.sources import changed_lines, describe_file_change
from distgen.model.catalogue import TemplateFile

TEXTS = st.lists(st.sampled_from([b"a", b"b", b"c", b""]), max_size=8).map(b"\n".join)


@given(TEXTS, TEXTS)
def test_each_change_has_a_line_that_is_there(before, now):
    lines = changed_lines(before, now)
    count = max(len(now.split(b"\n")) - now.endswith(b"\n"), 1)
    assert bool(lines) == (before != now)
    assert list(lines) == sorted(lines)
    assert all(1 <= line <= count for line in lines)


@given(TEXTS, TEXTS, TEXTS)
def test_a_line_that_is_put_in_is_found(above, line, below):
    before, now = b"\n".join((above, below)), b"\n".join((above, b"new " + line, below))
    assert changed_lines(before, now)[0] == above.count(b"\n") + 2


def test_lines_that_changed_together_are_one_place():
    assert changed_lines(b"a\nb\nc\nd\n", b"a\nB\nC\nd\nE\n") == (2, 5)
    assert changed_lines(b"a\nb\nc\n", b"a\nc\n") == (2,)
    assert changed_lines(b"a\nb\n", b"a\n") == (1,)
    assert changed_lines(b"a", b"a\n") == (1,)
    assert changed_lines(b"", b"") == ()


def file(source, content, executable=False):
    rendered = source.endswith(".j2")
    return TemplateFile(source.rpartition("/")[2], source, content, rendered, executable)


def test_files_are_named_by_what_they_are():
    macro, template = "templates/_shared/a.j2", "templates/app/b.j2"
    script = "templates/app/c"
    assert describe_file_change(file(macro, b"a\n"), file(macro, b"b\n")) == (f"macro:{macro}:1",)
    assert describe_file_change(None, file(template, b"a\n")) == (f"template:{template}:1",)
    assert describe_file_change(file(template, b"a\n"), None) == (f"template:{template}",)
    assert describe_file_change(file(script, b"a"), file(script, b"a", True)) == (f"file:{script}",)
    executable = file(template, b"a", True)
    assert describe_file_change(file(template, b"a"), executable) == (f"template:{template}",)
