"""`distgen diff` as a user runs it: groups, git's form, --since, exit codes, and a pager."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest
from testing.commandline import keeps_to_its_schema

pytest_plugins = ["testing.commandline"]

PACKAGE = Path(__file__).parent.parent.parent
OCI = "templates/_macros/labels.j2"
FILES = {
    "distgen.yaml": "version: 1\n",
    OCI: '{% macro labels(image) %}\nLABEL name="{{ image.full_name }}"\n{% endmacro %}\n',
    "templates/app/template.yaml": "description: An application\nvalues: {}\n",
    "templates/app/Dockerfile.j2": (
        '{% import "_macros/labels.j2" as oci %}\nFROM {{ base.reference }}\n'
        '{{ oci.labels(image) }}\nCMD ["app"]\n'
    ),
    "templates/app/start.sh": ": start\n",
    "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {master: {}}\n",
    "overlays/ns/base.yaml": "template: app\nfrom: scratch\n",
    "overlays/ns/app.yaml": "template: app\nfrom: ns/base\n",
    "overlays/ns/late.yaml": "template: app\nfrom: ns/base\n",
}


def git(root, *words):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(root), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def root(catalogue):
    root = catalogue(FILES)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Begin")
    return root


def change(root, path, old, new):
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def add_vendor(root):
    change(root, OCI, "\n{% endmacro", ' vendor="{{ image.name }}"\n{% endmacro')


def test_one_line_of_a_macro_is_read_once(distgen, root):
    distgen(root, "publish")
    add_vendor(root)
    lines = distgen(root, "diff").out.splitlines()
    assert lines[0] == (
        "3 images change, 3 edits in 1 group; 0 more are rebuilt because a parent changed;"
        " 0 refused"
    )
    assert '1. labels: label vendor added: "{name}"' in lines
    assert "    in 3 images: ns/base@master, ns/app@master, ns/late@master" in lines
    assert f"    from {OCI}:2" in lines
    assert lines.count('+LABEL name="ns/base" vendor="base"') == 1
    assert "    each with its own image, name (-v lists them)" in lines
    table = distgen(root, "diff", "-v").out.splitlines()
    assert "    ns/app@master   ns/app   app" in table


def test_each_member_is_rebuilt_from_the_json(distgen, root):
    distgen(root, "publish")
    add_vendor(root)
    report = distgen(root, "diff", "--format", "json").json
    keeps_to_its_schema("diff", report)
    [group] = report["groups"]
    assert group["origin"] == {"path": OCI, "line": 2}
    rebuilt = set()
    for member in group["members"]:
        pieces = group["pattern"]["pieces"]
        words = [*member["words"], ""]
        rebuilt.add("".join(piece + word for piece, word in zip(pieces, words, strict=True)))
    names = ("app", "base", "late")
    assert rebuilt == {
        f'Dockerfile\n-LABEL name="ns/{name}"\n+LABEL name="ns/{name}" vendor="{name}"'
        for name in names
    }


def test_the_diff_by_image_is_whole_and_in_gits_form(distgen, root):
    distgen(root, "publish")
    add_vendor(root)
    (root / "templates/app/start.sh").chmod(0o755)
    (root / "templates/app/new").write_text("new\n")
    whole = distgen(root, "diff", "--by", "image").out
    for line in ("old mode 100644", "new mode 100755", "new file mode 100644", "--- /dev/null"):
        assert whole.count(f"{line}\n") == 3
    stat = ["git", "apply", "--stat"]
    done = subprocess.run(stat, input=whole, check=True, capture_output=True, text=True)
    assert " 9 files changed, 6 insertions(+), 3 deletions(-)" in done.stdout
    assert ".distgen.json" not in whole
    assert ".distgen.json" in distgen(root, "diff", "--by", "image", "--all-files").out
    rows = distgen(root, "diff", "--by", "image", "--format", "json").json
    keeps_to_its_schema("changes", rows)
    assert "".join(row["diff"] for row in rows) in "".join(
        line for line in whole.splitlines(keepends=True) if not line.startswith("ns/")
    )


def test_statistics_have_a_line_for_each_group(distgen, root):
    distgen(root, "publish")
    add_vendor(root)
    (root / "templates/app/start.sh").chmod(0o755)
    assert distgen(root, "diff", "--stat").out.splitlines() == [
        "3 images change, 6 edits in 2 groups; 0 more are rebuilt because a parent changed;"
        " 0 refused",
        "left out: .distgen.json (--all-files shows it)",
        "3 images  files   start.sh: mode 100644 -> 100755",
        '3 images  labels  label vendor added: "{name}"',
    ]


def test_since_a_revision_no_repository_is_read(distgen, root):
    add_vendor(root)
    change(root, "overlays/ns/late.yaml", "from: ns/base", "from: ns/app")
    sentence = distgen(root, "diff", "--since", "HEAD").out.splitlines()[0]
    assert sentence == (
        "3 images change, 4 edits in 2 groups; 0 more are rebuilt because a parent changed"
        "; 0 refused"
    )
    with_base = distgen(root, "diff", "--since", "HEAD", "--stat").out
    assert "1 image   base    base image quay.io/ns/base:master -> quay.io/ns/app:" in with_base
    assert "3 images  labels  label vendor added: " in with_base
    assert not (root / "dist-git").exists()
    git(root, "commit", "-q", "-a", "-m", "Name the vendor")
    assert distgen(root, "diff", "--since", "HEAD", "--exit-code").out == (
        "nothing changes: 3 images compared\n"
    )
    assert distgen(root, "diff", "--since", "HEAD^", "--exit-code", "ns/app").code == 1
    assert distgen(root, "diff", "--since", "HEAD^", "ns/app").out.startswith("1 image changes, ")
    report = distgen(root, "diff", "--since", "HEAD^", "--format", "json").json
    keeps_to_its_schema("diff", report)
    assert report["summary"]["since"] == "HEAD^"


def test_what_is_built_on_a_parent_that_was_not_asked_for_is_rebuilt(distgen, root, tmp_path):
    change(root, "overlays/ns/base.yaml", "from: scratch", "from: quay.io/a/b:1")
    rebuilt = "nothing changes: 1 image compared; 1 is rebuilt because a parent changed"
    words = ("--since", "HEAD", "ns/app")
    assert distgen(root, "diff", *words, "--exit-code").out == f"{rebuilt}\n"
    report = distgen(root, "report", "-o", tmp_path / "pages", *words, "--format", "json").json
    assert report["summary"]["text"] == rebuilt
    assert [(row["image"], row["reasons"]) for row in report["images"]] == [
        ("ns/app", ["parent:ns/base@master"])
    ]


def test_images_that_came_and_went_are_counted(distgen, root):
    (root / "overlays/ns/late.yaml").rename(root / "overlays/ns/later.yaml")
    text = distgen(root, "diff", "--since", "HEAD").out
    assert text.startswith("2 images (1 new, 1 gone) change, 4 edits in 4 groups; ")
    by_image = distgen(root, "diff", "--since", "HEAD", "--by", "image").out
    assert "ns/later@master: added since HEAD\n" in by_image
    assert "deleted file mode 100644\n--- a/ns/late@master/Dockerfile\n+++ /dev/null" in by_image


def test_what_a_packager_edited_is_said_first(distgen, root, tmp_path):
    distgen(root, "publish")
    clone = tmp_path / "clone"
    git(root, "clone", "-q", root / "dist-git/ns/app.git", clone)
    change(clone, "Dockerfile", "CMD", "ENTRYPOINT")
    git(clone, "commit", "-q", "-a", "-m", "Edit")
    git(clone, "push", "-q")
    add_vendor(root)
    out = distgen(root, "diff").out
    assert out.splitlines()[0].endswith("; 1 refused")
    assert out.index("ns/app@master: refused: ") < out.index("1. labels")
    assert '    +ENTRYPOINT ["app"]\n' in out
    (tmp_path / "by-image").write_text(distgen(root, "diff", "--by", "image").out)
    patched = git(root, "apply", "--numstat", tmp_path / "by-image").splitlines()
    assert patched and not [line for line in patched if line.endswith("\tDockerfile")]
    statistics = distgen(root, "diff", "--stat").out
    assert "ns/app@master: refused: " in statistics
    assert "ENTRYPOINT" not in statistics
    report = distgen(root, "diff", "--format", "json").json
    keeps_to_its_schema("diff", report)
    assert [(row["image"], row["status"]) for row in report["stopped"]] == [("ns/app", "refused")]
    assert report["summary"]["refused"] == 1


@pytest.mark.parametrize("words", [(), ("--by", "image")])
def test_the_exit_code_says_whether_repositories_would_change(distgen, root, words):
    assert distgen(root, "diff", *words, "--exit-code").code == 1
    distgen(root, "publish")
    assert distgen(root, "diff", *words, "--exit-code").code == 0
    add_vendor(root)
    assert distgen(root, "diff", *words).code == 0
    assert distgen(root, "diff", *words, "--exit-code").code == 1


def test_images_are_in_the_order_of_the_catalogue(distgen, root):
    """Those that do not change are planned first."""
    distgen(root, "publish")
    (root / "overlays/ns/app").mkdir()
    (root / "overlays/ns/app/more").write_text("more\n")
    rows = distgen(root, "diff", "--by", "image", "--format", "json").json
    assert [(row["image"], row["status"]) for row in rows] == [
        ("ns/base", "unchanged"),
        ("ns/app", "updated"),
        ("ns/late", "unchanged"),
    ]


def test_groups_are_the_same_with_all_files_and_few_words_kept(distgen, root, monkeypatch):
    """Hidden manifests tell what moved, though nothing else of them is kept."""
    change(root, "overlays/ns/base.yaml", "from: scratch", "from: docker.io/library/debian:11")
    distgen(root, "publish")
    change(root, "overlays/ns/base.yaml", "debian:11", "debian:12")
    groups = distgen(root, "diff", "--format", "json").json["groups"]
    assert groups and groups[0]["kind"] == "base"
    own = (".distgen.json", ".gitattributes")
    whole = distgen(root, "diff", "--format", "json", "--all-files").json["groups"]
    shown = [group for group in whole if group["path"] not in own]
    assert [group["sentence"] for group in shown] == [group["sentence"] for group in groups]
    monkeypatch.setattr("distgen.compare.words._IMAGES_KEPT", 1)
    assert distgen(root, "diff", "--format", "json").json["groups"] == groups


def test_pages_of_repositories_have_what_the_text_has(distgen, root, tmp_path):
    distgen(root, "publish")
    add_vendor(root)
    out = tmp_path / "diff.md"
    words = ("--format", "markdown", "-o", out)
    assert "All of it is in diff.md" not in distgen(root, "diff", *words).out
    assert out.read_text() == distgen(root, "diff", "--format", "markdown").out
    assert "vendor" in distgen(root, "diff", "--format", "html").out


def test_a_file_gets_the_text_without_colours(distgen, root, tmp_path):
    out = tmp_path / "diff.txt"
    assert distgen(root, "--color", "always", "diff", "-o", out).out == ""
    assert "\x1b" not in out.read_text()
    assert out.read_text().startswith("3 images (3 new) change, ")


def on_terminal(root, *words, **settings):
    """Return what a terminal shows of `distgen diff`."""
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(PACKAGE), **settings}
    main, side = pty.openpty()
    command = [sys.executable, "-m", "distgen", "-C", str(root), "diff", *words]
    with subprocess.Popen(command, stdout=side, stderr=side, stdin=side, env=environment):
        os.close(side)
        shown = b""
        while True:
            try:
                shown += os.read(main, 65536)
            except OSError:  # the last process has closed the terminal
                break
    os.close(main)
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_gits_pager_and_colours(root):
    add_vendor(root)
    paged = on_terminal(root, "--since", "HEAD", GIT_PAGER="sed 's/^/paged: /'")
    assert all(line.startswith("paged: ") for line in paged.splitlines())
    assert '\x1b[32m vendor="base"' not in paged
    assert '\x1b[32m\x1b[7m vendor="base"' in paged
    plain = on_terminal(root, "--since", "HEAD", "--no-pager", GIT_PAGER="sed 's/^/paged: /'")
    assert "paged: " not in plain
    git(root, "config", "core.pager", "sed 's/^/mine: /'")
    assert on_terminal(root, "--since", "HEAD", PAGER="false").startswith("mine: ")


def test_a_terminal_gets_sentences_that_end_between_words(root):
    add_vendor(root)
    settings = {"COLUMNS": "40"}
    lines = on_terminal(root, "--since", "HEAD", "--no-pager", **settings).splitlines()
    sentence = " ".join(line.strip() for line in map(click.unstyle, lines[:3]))
    assert sentence.startswith("3 images change, 3 edits in 1 group; 0 more are rebuilt because a")
    assert all(len(click.unstyle(line)) <= 40 for line in lines[:3])
    statistics = on_terminal(root, "--since", "HEAD", "--no-pager", "--stat", **settings)
    rows = click.unstyle(statistics).splitlines()
    assert "refused" in " ".join(rows)  # the sum is whole, each group one row
    assert len(rows[-1]) <= 40 and rows[-1].startswith("3 images  labels  label vendor")
    to_file = on_terminal(root, "--since", "HEAD", "-o", str(root / "out"), **settings)
    assert to_file == "" and len((root / "out").read_text().splitlines()[0]) > 80


def test_a_pager_that_is_missing_or_leaves_hides_nothing(root):
    add_vendor(root)
    shown = on_terminal(root, "--since", "HEAD", GIT_PAGER="no-such-pager")
    assert "3 images change" in shown
    assert "Traceback" not in on_terminal(root, "--since", "HEAD", GIT_PAGER="head -n 1")


def test_what_commands_a_terminal_is_spelled_there(root):
    change(root, "templates/app/start.sh", ": start\n", ": start\n: \x1b]0;x\x07\r\u202e\n")
    shown = on_terminal(root, "--since", "HEAD", "--no-pager")
    assert "^[]0;x^G^M\\u202e" in shown
    assert "\u202e" not in shown


def test_json_is_never_paged(root):
    add_vendor(root)
    shown = on_terminal(root, "--since", "HEAD", "--format", "json", GIT_PAGER="sed 's/^/p: /'")
    assert json.loads(shown)["summary"]["changed"] == 3


def test_markdown_fits_and_the_file_has_all(distgen, root, tmp_path):
    (root / "templates/app/start.sh").write_text(": much\n" * 200)
    add_vendor(root)
    out = tmp_path / "diff.md"
    words = ("--format", "markdown", "--limit", 1300, "-o", out)
    printed = distgen(root, "diff", "--since", "HEAD", *words).out
    assert len(printed.encode()) <= 1300
    assert "1 group does not fit here: 1. All of it is in diff.md." in printed
    assert out.read_text().count("<details>") == 2
    assert printed.count("<details>") == 1
    assert distgen(root, "diff", "--since", "HEAD", "--format", "markdown").out == out.read_text()


def test_html_is_one_page(distgen, root):
    add_vendor(root)
    page = distgen(root, "diff", "--since", "HEAD", "--format", "html").out
    assert page.startswith("<!DOCTYPE html>")
    assert (
        '<span class="add">+LABEL name=&quot;ns/base&quot; vendor=&quot;base&quot;</span>' in page
    )


def test_an_image_has_no_markdown_of_its_own(distgen, root):
    refused = distgen(root, "diff", "--by", "image", "--format", "markdown")
    assert (refused.code, refused.err) == (
        2,
        "distgen: --by image has no markdown; use --by group\n",
    )
    counted = distgen(root, "diff", "--by", "image", "--stat")
    assert (counted.code, counted.err) == (
        2,
        "distgen: --stat counts groups, and --by image has none; use --by group\n",
    )
