"""The commit of the catalogue's own repository, as GitPython and git read it."""

import os

import pytest
from testing.dist_git import GIT, git
from testing.sites import distgen, save, site

from distgen.catalogue.commit import CatalogueCommit, read_catalogue_commit


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
