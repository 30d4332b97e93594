"""Trees in a folder: replaced when distgen wrote them, left alone otherwise, never half-written."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from pathlib import Path

import pytest

from distgen.errors import DistgenError
from distgen.model.rendered import File, Tree
from distgen.model.words import EXECUTABLE
from distgen.output.files import copy_new, is_stream, replace_file
from distgen.output.tree import (
    Delta,
    compare_folder,
    leftovers,
    remove_tree,
    tree_folder,
    write_tree,
)

OWN = (".distgen.json", ".gitattributes")


def tree(stream: str = "master", **files: str) -> Tree:
    made = tuple(
        File(path, text.encode(), EXECUTABLE if text.startswith("#!") else 0o100644)
        for path, text in sorted(files.items())
    )
    return Tree("n/i", stream, made)


def found(place: Path) -> dict[str, str]:
    """Return the text of each file below a folder, distgen's own files left out."""
    return {
        str(path.relative_to(place)): path.read_text()
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.name not in OWN
    }


@pytest.fixture
def out(tmp_path):
    """A folder with a tree that was written before."""
    write_tree(tmp_path / "out", tree(**{"a": "a\n", "sub/b": "#!b\n", "old/c": "c\n"}))
    return tmp_path / "out"


@pytest.fixture
def place(out):
    return out / "n/i/master"


def test_a_tree_is_written_with_its_manifest_and_modes(out, place):
    assert found(out) == {
        "n/i/master/a": "a\n",
        "n/i/master/old/c": "c\n",
        "n/i/master/sub/b": "#!b\n",
    }
    assert all((place / name).is_file() for name in OWN)
    assert os.access(place / "sub/b", os.X_OK)
    assert not os.access(place / "a", os.X_OK)


def test_writing_again_touches_nothing(out, place):
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    same = tree(**{"a": "a\n", "sub/b": "#!b\n", "old/c": "c\n"})
    assert write_tree(out, same) == compare_folder(out, same) == Delta(place)
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_what_is_owned_is_replaced_and_removed_and_the_rest_stays(out, place):
    (place / "notes").write_text("mine\n")
    (place / "sub/notes").write_text("mine\n")
    (place / "a").write_text("edited\n")
    new = tree(**{"a": "a\n", "sub/b": "b\n", "new": "new\n"})
    expected = Delta(
        place,
        added=("new",),
        changed=(".distgen.json", "a", "sub/b"),
        removed=("old/c",),
    )
    assert compare_folder(out, new) == expected
    assert found(place)["a"] == "edited\n"
    assert write_tree(out, new) == expected
    assert found(place) == {
        "a": "a\n",
        "new": "new\n",
        "notes": "mine\n",
        "sub/b": "b\n",
        "sub/notes": "mine\n",
    }
    assert not (place / "old").exists()
    assert not os.access(place / "sub/b", os.X_OK)


def test_files_and_folders_change_places(out, place):
    write_tree(out, tree(**{"a/x": "x\n", "sub": "sub\n"}))
    assert found(place) == {"a/x": "x\n", "sub": "sub\n"}


@pytest.mark.parametrize(
    ("foreign", "files", "named"),
    [
        ("new", {"new": "x\n"}, "new"),
        ("dir", {"dir/x": "x\n"}, "dir"),
        ("new/mine", {"new": "x\n"}, "new/mine"),
    ],
)
def test_a_foreign_file_in_the_way_is_refused(out, place, foreign, files, named):
    (place / foreign).parent.mkdir(exist_ok=True)
    (place / foreign).write_text("mine\n")
    before = found(out)
    assert compare_folder(out, tree(**files)).foreign == (named,)
    with pytest.raises(DistgenError) as caught:
        write_tree(out, tree(**files))
    assert str(caught.value) == (
        f"{place / named} is in the way and was not written by distgen; "
        "move it away, or render into another folder"
    )
    assert found(out) == before


def test_a_foreign_file_with_the_same_content_is_taken_over(out, place):
    (place / "new").write_text("x\n")
    write_tree(out, tree(new="x\n"))
    write_tree(out, tree(new="y\n"))
    assert found(place) == {"new": "y\n"}


@pytest.mark.parametrize("link", ["n", "n/i", "n/i/master", "n/i/master/sub"])
def test_a_linked_folder_is_not_followed(tmp_path, link):
    out, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    (out / link).parent.mkdir(parents=True)
    (out / link).symlink_to(outside)
    with pytest.raises(DistgenError, match=str(out / link)):
        write_tree(out, tree(**{"sub/b": "b\n"}))
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_an_owned_file_is_replaced_not_written_through(out, place, tmp_path):
    (tmp_path / "secret").write_text("a\n")
    for name in ("a", "old/c"):
        (place / name).unlink()
        (place / name).symlink_to(tmp_path / "secret")
    write_tree(out, tree(**{"a": "new\n"}))
    assert found(place) == {"a": "new\n"}
    assert not (place / "a").is_symlink()
    assert (tmp_path / "secret").read_text() == "a\n"


def test_an_owned_folder_that_became_a_link_is_left_alone(out, place, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (place / "old/c").rename(tmp_path / "elsewhere/c")
    (place / "old").rmdir()
    (place / "old").symlink_to(tmp_path / "elsewhere")
    write_tree(out, tree(a="a\n"))
    assert (tmp_path / "elsewhere/c").read_text() == "c\n"


def test_a_run_that_was_killed_is_finished_by_the_next(out, place):
    (out / "n/i/.master.new/half").mkdir(parents=True)
    (out / "n/i/.master.new/half/a").write_text("ha")
    (place / "a").unlink()
    new = tree(**{"a": "a\n", "more": "m\n"})
    write_tree(out, new)
    assert found(out) == {"n/i/master/a": "a\n", "n/i/master/more": "m\n"}


@pytest.mark.parametrize(
    ("manifest", "words"),
    [("{", "is not JSON"), ("{}\n", "was not written by distgen"), ('{"version": 9}', "version 9")],
)
def test_a_manifest_that_cannot_be_read_is_refused(out, place, manifest, words):
    (place / ".distgen.json").write_text(manifest)
    with pytest.raises(DistgenError, match=words) as caught:
        write_tree(out, tree(a="x\n"))
    assert str(caught.value).startswith(f"{place}: ")
    assert found(place)["a"] == "a\n"


def test_a_full_disk_changes_nothing(out, place):
    before = found(out)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(DistgenError) as caught:
            write_tree(out, tree(**{"a": "new\n", "b": "x" * 6000}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(caught.value) == f"{place}: file too large"
    assert found(out) == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DistgenError) as caught:
        write_tree(tmp_path / "file", tree(a="a\n"))
    assert str(caught.value).endswith(": not a directory")


def test_leftovers_are_trees_that_nothing_was_rendered_for(out):
    kept, other = tree(a="a\n"), tree("old", a="a\n")
    write_tree(out, other)
    (out / "n/foreign/master").mkdir(parents=True)
    assert leftovers(out, [tree_folder(out, kept), tree_folder(out, other)]) == ()
    assert leftovers(out, [tree_folder(out, kept)]) == (tree_folder(out, other),)


def test_a_clone_is_no_leftover(out, place):
    clone = out / "clones/of/somebody"
    shutil.copytree(place, clone)
    (place / ".git").mkdir()
    assert leftovers(out, []) == ()


def test_a_folder_that_holds_another_tree_is_refused(out, place):
    place.rename(place.with_name("moved"))
    with pytest.raises(DistgenError, match="the folder holds n/i@master; remove it"):
        write_tree(out, tree("moved", a="x\n"))
    assert found(out)["n/i/moved/a"] == "a\n"


def test_a_removed_tree_leaves_foreign_files(out, place):
    write_tree(out, tree("old", a="a\n"))
    (place / "sub/notes").write_text("mine\n")
    removed = remove_tree(out, place)
    assert removed.removed == (".distgen.json", ".gitattributes", "a", "old/c", "sub/b")
    assert found(out) == {"n/i/master/sub/notes": "mine\n", "n/i/old/a": "a\n"}
    remove_tree(out, out / "n/i/old")
    assert not (out / "n/i/old").exists()


def test_a_catalogue_is_copied_whole(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "templates/t").mkdir(parents=True)
    (source / "templates/t/run.sh").write_text("#!/bin/sh\n")
    (source / "templates/t/run.sh").chmod(0o755)
    (source / "distgen.yaml").write_text("version: 1\n")
    (source / "other").write_text("no\n")
    copy_new(source, target, ["distgen.yaml", "templates", "absent"])
    assert found(target) == {"distgen.yaml": "version: 1\n", "templates/t/run.sh": "#!/bin/sh\n"}
    assert os.access(target / "templates/t/run.sh", os.X_OK)
    assert sorted(path.name for path in target.iterdir()) == ["distgen.yaml", "templates"]


# --- single files ------------------------------------------------------------------------------


def test_a_link_that_somebody_left_for_the_new_file_is_not_followed(tmp_path):
    mine, path = tmp_path / "mine", tmp_path / "shared"
    mine.write_text("mine\n")
    (tmp_path / f".shared.{os.getpid()}.new").symlink_to(mine)
    replace_file(path, "text\n")
    assert (mine.read_text(), path.read_text()) == ("mine\n", "text\n")
    assert sorted(child.name for child in tmp_path.iterdir()) == ["mine", "shared"]


def test_a_place_that_cannot_be_looked_at_is_an_error_and_no_traceback(tmp_path):
    path = tmp_path / ("a" * 300)
    assert not is_stream(path)
    with pytest.raises(DistgenError, match="file name too long"):
        replace_file(path, "text\n")
