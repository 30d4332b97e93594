"""`distgen format` on catalogues: what it writes, lists and leaves, and how it ends."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from testing.commandline import distgen, keeps_to_its_schema

from distgen.formatting.lines import LineKind, map_lines
from distgen.formatting.overlays import format_overlays, write_overlay
from distgen.formatting.tree import parse_tree

__all__ = ["distgen"]
ROOT = Path(__file__).parents[2]
UNTIDY = "values:   {greeting: 'hi'}\ntemplate: hello\n"
TIDY = 'template: hello\nvalues: {greeting: "hi"}\n'
NAMES = ("overlays/example/hello.yaml", "overlays/example/namespace.yaml")


@pytest.fixture
def site(tmp_path):
    root = tmp_path / "images"
    shutil.copytree(ROOT / "distgen/minimal", root)
    return root


def overlay(site, text=UNTIDY, name="tool"):
    path = site / f"overlays/example/{name}.yaml"
    path.write_text(text)
    return path


def test_it_writes_what_changes_and_lists_it(site, distgen):
    path = overlay(site)
    ran = distgen(site, "format")
    assert (ran.code, ran.out) == (0, "overlays/example/tool.yaml\n")
    assert ran.err == "overlays: 1 formatted, 2 unchanged\n"
    assert path.read_text() == TIDY
    assert distgen(site, "format").out == ""


def test_check_and_diff_write_nothing_and_end_with_one(site, distgen):
    path = overlay(site)
    ran = distgen(site, "format", "--check")
    assert (ran.code, ran.out) == (1, "overlays/example/tool.yaml\n")
    ran = distgen(site, "format", "--diff")
    assert ran.code == 1
    assert ran.err == "overlays: 1 would be formatted, 2 unchanged\n"
    assert path.read_text() == UNTIDY
    subprocess.run(["git", "apply"], cwd=site, input=ran.out, text=True, check=True)
    assert path.read_text() == TIDY
    assert [distgen(site, "format", word).code for word in ("--check", "--diff")] == [0, 0]


def test_json_tells_each_file_and_keeps_to_its_schema(site, distgen):
    overlay(site)
    overlay(site, "a: 1\na: 2\n", "bad")
    for words, status in (("--check",), "unformatted"), ((), "formatted"):
        ran = distgen(site, "format", "--format", "json", *words)
        assert ran.code == 2
        keeps_to_its_schema("format", ran.json)
        assert [row["status"] for row in ran.json["files"]] == [
            "left",
            "unchanged",
            "unchanged",
            status,
        ]
        assert ran.json["summary"] == {"left": 1, "unchanged": 2, status: 1}
        assert ran.json["files"][0]["detail"].startswith("overlays/example/bad.yaml:2:1: ")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_formatted(site, distgen):
    path, bad = overlay(site), overlay(site, "a: [\n", "bad")
    other = overlay(site, "", "latin")
    other.write_bytes(b"a: \xe9\n")
    ran = distgen(site, "format", "-q")
    assert ran.code == 2
    assert path.read_text() == TIDY
    assert bad.read_text() == "a: [\n"
    rows = ran.err.splitlines()
    assert rows[0].startswith("distgen: overlays/example/bad.yaml:2:1: is not YAML")
    assert rows[1:] == ["distgen: overlays/example/latin.yaml:1: is not UTF-8 text"]


def test_paths_choose_and_are_those_of_the_shell(site, distgen, monkeypatch):
    path, other = overlay(site), overlay(site, name="other")
    monkeypatch.chdir(site / "overlays")
    assert distgen(site, "format", "example/tool.yaml").out == "overlays/example/tool.yaml\n"
    assert (path.read_text(), other.read_text()) == (TIDY, UNTIDY)
    ran = distgen(site, "format", "--check", "example", site / "overlays/example")
    assert ran.out == "overlays/example/other.yaml\n"
    assert ran.err == "overlays: 1 would be formatted, 3 unchanged\n"
    assert distgen(site, "format", site).out == "overlays/example/other.yaml\n"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("distgen.yaml", "is no overlay, and only those are formatted"),
        ("templates/hello/template.yaml", "is no overlay, and only those are formatted"),
        ("templates", "holds no overlays"),
        ("overlays/example/none.yaml", "there is no such file"),
        ("..", "holds no overlays"),
        ("/etc/hostname", "is no overlay, and only those are formatted"),
    ],
)
def test_a_path_that_is_no_overlay_is_refused(site, distgen, name, problem):
    overlay(site)
    ran = distgen(site, "format", site / name)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err or name == "/etc/hostname"


def test_files_of_an_image_are_not_overlays(site, distgen):
    file = site / "overlays/example/hello/conf.yaml"
    file.parent.mkdir()
    file.write_text(UNTIDY)
    assert distgen(site, "format").out == ""
    assert file.read_text() == UNTIDY


def test_a_link_stays_one_and_a_link_that_leaves_the_catalogue_is_refused(site, distgen):
    path = overlay(site)
    link = path.with_name("link.yaml")
    link.symlink_to("tool.yaml")
    ran = distgen(site, "format")
    assert ran.out == "overlays/example/tool.yaml\n"
    assert link.is_symlink()
    assert path.read_text() == TIDY
    outside = site.parent / "secret.yaml"
    outside.write_text("a:   secret\n")
    link.unlink()
    link.symlink_to(outside)
    ran = distgen(site, "format")
    assert ran.code == 2
    assert "is a link that leads outside the catalogue" in ran.err
    assert "secret" not in ran.err.replace("secret.yaml", "")
    assert outside.read_text() == "a:   secret\n"


def test_the_mode_stays_and_a_read_only_file_is_left(site, distgen):
    path, other = overlay(site), overlay(site, name="other")
    path.chmod(0o640)
    other.chmod(0o444)
    ran = distgen(site, "format")
    assert ran.code == 1
    assert "overlays/example/other.yaml: is read-only" in ran.err
    assert "overlays: 1 formatted, 2 unchanged, 1 left as they are" in ran.err
    assert ran.out == "overlays/example/tool.yaml\n"
    assert [file.stat().st_mode & 0o777 for file in (path, other)] == [0o640, 0o444]
    assert other.read_text() == UNTIDY
    assert sorted(os.listdir(path.parent)) == [
        "hello.yaml",
        "namespace.yaml",
        "other.yaml",
        "tool.yaml",
    ]


def test_a_file_that_was_changed_meanwhile_is_left(site):
    path = overlay(site)
    (file,) = format_overlays(site, ["overlays/example/tool.yaml"])
    path.write_text("template: newer\n")
    assert "was changed meanwhile" in str(write_overlay(site, file).problem)
    assert path.read_text() == "template: newer\n"


def test_a_file_that_is_too_large_is_named(site, distgen):
    overlay(site, "# " + "x" * 5 * 2**20 + "\n")
    ran = distgen(site, "format")
    assert ran.code == 2
    assert "overlays/example/tool.yaml: is larger than 4 MiB" in ran.err


@pytest.fixture
def default(tmp_path):
    root = tmp_path / "default"
    root.mkdir()
    shutil.copy(ROOT / "distgen.yaml", root)
    shutil.copytree(ROOT / "overlays", root / "overlays")
    return root


def untidied(text):
    """Return an overlay with its keys the other way round, wide indents and Windows' line ends."""
    tree = parse_tree(text, "")
    lines = map_lines(tree)
    starts = [entry.start.line for entry in tree.top.entries]
    starts = [lines.content_before(start) + 1 for start in starts]
    rows = text.split("\n")[:-1]
    chunks = [rows[start:end] for start, end in zip(starts, [*starts[1:], len(rows)], strict=True)]
    moved = [row for chunk in reversed(chunks) for row in chunk]
    wide = [re.sub("^( *)(?=[^ ])", r"\1\1", row) for row in moved]
    return "\ufeff" + "  \r\n\r\n".join([wide[0], *wide[1:3]]) + "\r\n" + "\r\n".join(wide[3:])


def test_the_default_catalogue_comes_back_from_any_order_and_style(default, distgen, sample):
    """Its bytes being the same, so is all that is rendered from them."""
    paths = sorted(default.glob("overlays/*/*.yaml"))
    assert len(paths) > 140
    assert distgen(default, "format", "--check").code == 0
    before = {path: path.read_text() for path in sample(paths, 30)}
    for path, text in before.items():
        kinds = map_lines(parse_tree(text, "")).kinds
        # Those lines keep their places below the first, which wider ones lose.
        if LineKind.INNER not in kinds and LineKind.BLOCK_TEXT not in kinds:
            path.write_text(untidied(text), newline="")
    ran = distgen(default, "format", *before)
    assert ran.code == 0
    assert ran.out.count("\n") > 15
    assert {path: re.sub("\n\n+", "\n", path.read_text()) for path in before} == before
