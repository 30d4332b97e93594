"""A folder holds a tree when its manifest is the expected one and all files are as it says."""

import pytest
from testing.images import image, tree

from distgen.output.tree import image_folder, stage_tree, write_tree
from distgen.output.unchanged import holds_tree

TREE = tree(
    image("ns/app"), {"Dockerfile": "FROM a\n", "etc/app.conf": "a\n", "run": "#!/bin/sh\n"}
)


@pytest.fixture
def written(tmp_path):
    digest = stage_tree(tmp_path / "other", TREE).manifest_digest
    write_tree(tmp_path / "out", TREE)
    place = image_folder(tmp_path / "out", TREE.image, TREE.stream)
    assert holds_tree(tmp_path / "out", place, digest)
    assert not holds_tree(tmp_path / "out", place, "0" * 64)
    return tmp_path / "out", place, digest


def link(path, target):
    path.rename(target)
    path.symlink_to(target)


CHANGES = {
    "content": lambda place, _: (place / "etc/app.conf").write_text("b\n"),
    "same size": lambda place, _: (place / "Dockerfile").write_text("FROM b\n"),
    "mode": lambda place, _: (place / "run").chmod(0o644),
    "other mode": lambda place, _: (place / "Dockerfile").chmod(0o755),
    "gone": lambda place, _: (place / "etc/app.conf").unlink(),
    "attributes": lambda place, _: (place / ".gitattributes").write_text(""),
    "manifest": lambda place, _: (place / ".distgen.json").write_text("{}"),
    "no manifest": lambda place, _: (place / ".distgen.json").unlink(),
    "link": lambda place, away: link(place / "Dockerfile", away),
    "linked folder": lambda place, away: link(place / "etc", away),
    "linked manifest": lambda place, away: link(place / ".distgen.json", away),
    "linked tree": link,
    "linked image": lambda place, away: link(place.parent, away),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(written, tmp_path, change):
    root, place, digest = written
    CHANGES[change](place, tmp_path / "away")
    assert not holds_tree(root, place, digest)


def test_files_of_others_do_not_count(written):
    root, place, digest = written
    (place / "notes").write_text("mine\n")
    assert holds_tree(root, place, digest)
