"""Exported files in a folder of somebody else: ours are replaced, theirs stay."""

from __future__ import annotations

import json

import pytest

from distgen.errors import DistgenError
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE
from distgen.output import export_folder
from distgen.output.export_folder import RECORD, compare_export, write_export


def files(**texts):
    return [File(path, text.encode()) for path, text in texts.items()]


def test_only_what_was_written_before_is_replaced_or_deleted(tmp_path):
    (tmp_path / "mine").write_text("mine")
    write_export(tmp_path, "bake", files(a="1", **{"sub/b": "2"}))
    delta = write_export(tmp_path, "bake", files(a="3"))
    assert (delta.changed, delta.removed) == (("a",), ("sub/b",))
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "a", RECORD}
    assert (tmp_path / "a").read_text() == "3"


def test_a_file_that_somebody_edited_is_neither_replaced_nor_deleted(tmp_path):
    write_export(tmp_path, "bake", files(a="1", b="1"))
    for name in "ab":
        (tmp_path / name).write_text("edited")
    with pytest.raises(DistgenError, match="a was not written by distgen, or was edited since"):
        write_export(tmp_path, "bake", files(a="2", b="2"))
    assert write_export(tmp_path, "bake", ()).removed == ()
    assert (tmp_path / "a").read_text() == "edited"


def test_two_formats_share_a_folder_and_no_file(tmp_path):
    write_export(tmp_path, "bake", files(a="1"))
    write_export(tmp_path, "zuul", files(b="1"))
    assert not compare_export(tmp_path, "bake", files(a="1"))
    assert not compare_export(tmp_path, "zuul", files(b="1"))
    with pytest.raises(DistgenError, match="was not written by distgen"):
        write_export(tmp_path, "zuul", files(a="2"))


def test_a_run_that_is_killed_is_finished_by_the_next(tmp_path, monkeypatch):
    write_export(tmp_path, "bake", files(a="1", b="1"))
    real, calls = export_folder._write_records, []

    def fail_at_the_end(folder, records):
        calls.append(records)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(folder, records)

    monkeypatch.setattr(export_folder, "_write_records", fail_at_the_end)
    with pytest.raises(KeyboardInterrupt):
        write_export(tmp_path, "bake", files(a="2", b="2"))
    monkeypatch.undo()
    assert write_export(tmp_path, "bake", files(a="3", b="3")).changed == ("a", "b")


def test_the_executable_bit_is_written_and_compared(tmp_path):
    script = [File("run", b"#!/bin/sh\n", EXECUTABLE)]
    write_export(tmp_path, "zuul", script)
    assert (tmp_path / "run").stat().st_mode & 0o111
    (tmp_path / "run").chmod(0o644)
    assert compare_export(tmp_path, "zuul", script).changed == ("run",)


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname", "a/../../outside"])
def test_a_record_that_names_a_file_elsewhere_deletes_nothing(tmp_path, path):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "outside").write_text("1")
    digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    (folder / RECORD).write_text(json.dumps({"version": 1, "formats": {"bake": {path: [digest]}}}))
    assert write_export(folder, "bake", ()).removed == ()
    assert (tmp_path / "outside").exists()


def test_links_are_not_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/sub").symlink_to(tmp_path / "real")
    with pytest.raises(DistgenError, match="sub is a symbolic link"):
        write_export(tmp_path / "out", "bake", files(**{"sub/a": "1"}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"formats": []}', '{"formats": {"bake": 1}}'])
def test_a_broken_record_is_an_error(tmp_path, text):
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(DistgenError, match="is not as distgen wrote it; remove it"):
        write_export(tmp_path, "bake", files(a="1"))
