"""What a catalogue decides once about downstream edits, and edits that stop no run."""

import pytest
from testing.dist_git import edit, git
from testing.sites import distgen, save, site

URL = "dist-git/ns/{}.git"
EDITED = "FROM docker.io/library/debian:12\nRUN mine\n"


@pytest.fixture
def root(catalogue):
    """A catalogue that was published once, its base edited downstream."""
    root = site(catalogue, "base", "app")
    assert distgen(root, "publish").code == 0
    edit(root / URL.format("base"), {"Dockerfile": EDITED}, root.parent, branch="main")
    return root


def write(root, path, text):
    (root / path).write_text((root / path).read_text() + text)
    save(root)


def test_an_edit_turns_no_run_red_while_there_is_nothing_to_deliver(root):
    ran = distgen(root, "publish", "--format", "json")
    assert (ran.code, ran.statuses) == (
        0,
        {"ns/app@main": "unchanged", "ns/base@main": "unchanged"},
    )
    assert distgen(root, "publish").err == (
        "nothing changed: 2 branches are as the catalogue says; 1 has downstream edits\n"
    )
    statuses = distgen(root, "status", "--format", "json").statuses
    assert statuses == {"ns/app@main": "unchanged", "ns/base@main": "drifted"}


def test_children_of_an_edited_parent_are_published(root):
    write(root, "overlays/ns/app.yaml", "values: {line: more}\n")
    ran = distgen(root, "publish", "--format", "json")
    assert (ran.code, ran.statuses) == (0, {"ns/app@main": "updated", "ns/base@main": "unchanged"})


def test_an_edit_that_is_in_the_way_is_refused_and_its_children_wait(root):
    write(root, "overlays/ns/app.yaml", "values: {line: more}\n")
    write(root, "overlays/ns/base.yaml", "values: {line: more}\n")
    ran = distgen(root, "publish", "--format", "json")
    assert (ran.code, ran.statuses) == (1, {"ns/app@main": "skipped", "ns/base@main": "refused"})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("distgen.yaml", "on_edit: keep\n"),
        ("overlays/ns/namespace.yaml", "on_edit: keep\n"),
        ("overlays/ns/base.yaml", "on_edit: keep\n"),
        ("overlays/ns/base.yaml", "on_edit: {'Docker*': keep, '*': refuse}\n"),
    ],
    ids=["site", "namespace", "image", "glob"],
)
def test_the_catalogue_decides_once(root, path, text):
    (root / "overlays/ns/base.yaml").write_text(
        (root / "overlays/ns/base.yaml").read_text() + "values: {line: more}\n"
    )
    write(root, path, text)
    ran = distgen(root, "publish", "--format", "json")
    assert (ran.code, ran.statuses["ns/base@main"]) == (0, "updated")
    details = {row["image"]: row["detail"] for row in ran.results}
    assert details["ns/base"] == "downstream edits kept: Dockerfile"
    assert distgen(root, "verify", "--format", "json").code == 1  # the edit is shown, as before
    refused = distgen(root, "publish", "--on-edit", "overwrite", "--format", "json")
    assert refused.statuses["ns/base@main"] == "updated"


def test_the_nearest_word_counts_and_the_command_line_before_all(root):
    write(root, "distgen.yaml", "on_edit: keep\n")
    write(root, "overlays/ns/base.yaml", "on_edit: refuse\nvalues: {line: more}\n")
    assert distgen(root, "publish", "--format", "json").statuses["ns/base@main"] == "refused"
    ran = distgen(root, "publish", "--on-edit", "keep", "--format", "json")
    assert ran.statuses["ns/base@main"] == "updated"


@pytest.mark.parametrize("text", ["on_edit: kept\n", "on_edit: overwrite\n", "on_edit: {a: b}\n"])
def test_what_on_edit_cannot_say(root, text):
    write(root, "overlays/ns/base.yaml", text)
    ran = distgen(root, "list")
    assert ran.code == 2
    assert ran.err.startswith("distgen: overlays/ns/base.yaml:3:")
    assert len(ran.err.splitlines()) == 1


def write_downstream(root, contents):
    edit(root / URL.format("base"), contents, root.parent, branch="main")


def test_a_long_edit_prints_forty_lines_and_counts_the_rest(root):
    """A line of 3 MB printed 3 MB, and 400 lines printed 400."""
    lines = "".join(f"RUN {number}\n" for number in range(100))
    write_downstream(root, {"Dockerfile": EDITED + lines + "RUN " + "x" * 3_000_000 + "\n"})
    write(root, "overlays/ns/base.yaml", "values: {line: more}\n")
    out = distgen(root, "publish", "ns/base").out
    assert len(out.splitlines()) == 1 + 40 + 1
    assert out.splitlines()[-1] == "    ... 68 more lines; see `distgen diff ns/base`"
    assert max(map(len, out.splitlines())) < 300
    whole = distgen(root, "diff", "ns/base")
    assert "x" * 3_000_000 in whole.out
    (row,) = [
        row
        for row in distgen(root, "adopt", "--dry-run", "--format", "json").results
        if row["image"] == "ns/base"
    ]
    assert all(len(change["diff"]) < 70_000 for change in row["edits"])


def test_line_endings_are_said_to_have_changed(root):
    old = git("show", "main~1:Dockerfile", folder=root / URL.format("base")).encode()
    write_downstream(root, {"Dockerfile": old.replace(b"\n", b"\r\n")})
    write(root, "overlays/ns/base.yaml", "values: {line: more}\n")
    out = distgen(root, "publish", "ns/base").out
    assert "the line endings of Dockerfile were changed downstream; adopt the edit" in out
    assert len(out.splitlines()) == 2


def test_a_file_that_became_a_link_is_called_one(root, tmp_path):
    clone = tmp_path / "linking"
    git("clone", "-q", "-b", "main", str(root / URL.format("base")), str(clone))
    (clone / "Dockerfile").unlink()
    (clone / "Dockerfile").symlink_to("Containerfile")
    git("commit", "-q", "-a", "-m", "Link", folder=clone)
    git("push", "-q", "origin", "main", folder=clone)
    write(root, "overlays/ns/base.yaml", "values: {line: more}\n")
    out = distgen(root, "publish", "ns/base").out
    assert "Dockerfile became a link to Containerfile; adopt the edit" in out
