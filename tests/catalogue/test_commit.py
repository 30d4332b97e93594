"""The commit of the catalogue's own repository, as GitPython and git read it."""

import os

import pytest
from testing.dist_git import GIT, git
from testing.sites import distgen, save, site

from distgen.catalogue.commit import CatalogueCommit, read_catalogue_commit
from distgen.catalogue.inputs import PARTS


@pytest.fixture
def root(catalogue):
    return site(catalogue, "base")


def head(folder):
    commit, date = git("log", "-1", "--format=%H %ct", folder=folder).split()
    return CatalogueCommit(commit, int(date))


def test_a_clean_catalogue_has_a_commit_and_its_date(root):
    assert read_catalogue_commit(GIT, root) == head(root)


def test_without_a_repository_there_is_no_commit(tmp_path):
    assert read_catalogue_commit(GIT, tmp_path) == CatalogueCommit(None, None)


def test_a_repository_without_commits_has_none(tmp_path):
    git("init", "-q", str(tmp_path))
    assert read_catalogue_commit(GIT, tmp_path) == CatalogueCommit(None, None)


def test_a_catalogue_below_the_top_of_its_repository(root, tmp_path):
    inner = tmp_path / "repository é/images"
    inner.parent.mkdir()
    git("clone", "-q", str(root), str(inner))
    (inner / ".git").rename(inner.parent / ".git")
    git("add", "-A", folder=inner.parent)
    git("commit", "-q", "-m", "Move", folder=inner.parent)
    (inner.parent / "README").write_text("not the catalogue's\n")
    assert read_catalogue_commit(GIT, inner) == head(inner.parent)
    (inner / "distgen.yaml").write_text("version: 1\n# more\n")
    assert read_catalogue_commit(GIT, inner).dirty == ("images/distgen.yaml",)


def test_a_linked_work_tree_has_a_commit_of_its_own(root, tmp_path):
    git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"), folder=root)
    (tmp_path / "linked/distgen.lock").write_text("version: 1\n")
    save(tmp_path / "linked")
    assert read_catalogue_commit(GIT, tmp_path / "linked") == head(tmp_path / "linked")
    assert read_catalogue_commit(GIT, root) == head(root)
    assert head(root) != head(tmp_path / "linked")


def test_a_repository_that_gitpython_cannot_read(root):
    (root / ".git").rename(root.parent / "old.git")
    git("init", "-q", "--object-format=sha256", str(root))
    git("add", "-A", folder=root)
    git("commit", "-q", "-m", "Begin", folder=root)
    commit = read_catalogue_commit(GIT, root)
    assert (len(commit.commit), commit) == (64, head(root))


def test_each_kind_of_change_is_found(root):
    (root / "templates/app/Dockerfile.j2").unlink()
    (root / "templates/app/new ü").write_text("new\n")
    (root / "templates/app/link").symlink_to("new")
    (root / "distgen.yaml").chmod(0o755)
    (root / "elsewhere").write_text("not the catalogue's\n")
    assert sorted(read_catalogue_commit(GIT, root).dirty) == [
        "distgen.yaml",
        "templates/app/Dockerfile.j2",
        "templates/app/link",
        "templates/app/new ü",
    ]


def test_the_index_of_the_clone_is_not_touched(root):
    os.utime(root / "distgen.yaml", (1, 1))
    before = (root / ".git/index").read_bytes()
    assert read_catalogue_commit(GIT, root).dirty == ()
    assert (root / ".git/index").read_bytes() == before


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE",
                                  "GIT_OBJECT_DIRECTORY", "GIT_CEILING_DIRECTORIES"])  # fmt: skip
def test_variables_of_git_lead_to_no_other_repository(root, tmp_path, name):
    """GitPython reads such variables of its process, and prefers some to the path it is given."""
    git("init", "-q", str(tmp_path / "other"))
    git("commit", "-q", "--allow-empty", "-m", "Elsewhere", folder=tmp_path / "other")
    value = {"GIT_WORK_TREE": "", "GIT_CEILING_DIRECTORIES": ""}.get(name, "/.git")
    result = distgen(root, "publish", **{name: f"{tmp_path}/other{value}"})
    assert result.code == 0, result.err
    message = git("log", "-1", "--format=%B", "main", folder=root / "dist-git/ns/base.git")
    assert f"Distgen-Source: {head(root).commit}\n" in message


def with_file(root, name, text="text\n"):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def dirty(root, *inputs):
    return read_catalogue_commit(GIT, root, (*PARTS, *inputs)).dirty


def test_what_a_source_was_read_from_counts_and_nothing_else_does(root):
    """A file that the settings of a source named could change unseen: it stood in no list."""
    for name in ("kolla/override.j2", "kolla/own/a/Dockerfile.j2", "kolla/other"):
        with_file(root, name)
    save(root)
    inputs = ("kolla/override.j2", "kolla/own")
    assert dirty(root, *inputs) == ()
    with_file(root, "kolla/other", "changed\n")
    assert dirty(root, *inputs) == ()
    with_file(root, "kolla/override.j2", "changed\n")
    (root / "kolla/own/a/Dockerfile.j2").unlink()
    with_file(root, "kolla/own/a/left~")
    assert sorted(dirty(root, *inputs)) == [
        "kolla/override.j2",
        "kolla/own/a/Dockerfile.j2",
        "kolla/own/a/left~",
    ]


@pytest.mark.parametrize("trouble", ["link", "content"])
def test_links_on_the_way_to_what_was_read_count(root, trouble):
    with_file(root, "one/file")
    with_file(root, "two/file")
    (root / "kolla").symlink_to("one")
    save(root)
    assert dirty(root, "kolla/file") == ()
    if trouble == "content":
        with_file(root, "one/file", "changed\n")
    else:
        (root / "kolla").unlink()
        (root / "kolla").symlink_to("two")
    assert dirty(root, "kolla/file") == (("one/file",) if trouble == "content" else ("kolla",))


def test_the_lock_may_be_a_link_and_its_content_counts(root):
    with_file(root, "locks/today", "version: 1\n")
    (root / "distgen.lock").unlink(missing_ok=True)
    (root / "distgen.lock").symlink_to("locks/today")
    save(root)
    assert dirty(root) == ()
    with_file(root, "locks/today", "version: 1\n# more\n")
    assert dirty(root) == ("locks/today",)


@pytest.mark.parametrize("way", ["above", "absolute", "link", "absolute link", "git", "loop"])
def test_what_no_commit_can_hold_is_never_clean(root, tmp_path, way):
    with_file(root, "kolla/file")
    with_file(root.parent, "outside")
    (root / "kolla/link").symlink_to(
        {"link": "../../outside", "absolute link": root / "kolla/file"}.get(way, "link")
    )
    save(root)
    name = {
        "above": "../outside",
        "absolute": str(root / "kolla/file"),
        "git": ".git/config",
    }.get(way, "kolla/link")
    assert dirty(root, name) == (f"{name} outside of its repository",)


@pytest.mark.parametrize("is_known", [True, False], ids=["submodule", "unknown repository"])
def test_a_repository_inside_the_catalogue_counts_as_a_whole(root, tmp_path, is_known):
    """git calls a file in such a repository clean when it is asked for it by its path."""
    with_file(tmp_path / "other", "file")
    save(tmp_path / "other")
    if is_known:
        allow = ("-c", "protocol.file.allow=always")
        git(*allow, "submodule", "-q", "add", str(tmp_path / "other"), "inner", folder=root)
        save(root)
        assert dirty(root, "inner/file") == ()
        with_file(root, "inner/file", "changed\n")
    else:
        git("clone", "-q", str(tmp_path / "other"), str(root / "inner"))
    assert dirty(root, "inner/file") == ("inner" if is_known else "inner/",)
