"""What stops a push is said in our words, not in git's."""

import pytest
from testing.dist_git import git
from testing.sites import distgen, save, site


@pytest.fixture
def root(catalogue):
    root = site(catalogue, "base")
    namespace = root / "overlays/ns/namespace.yaml"
    namespace.write_text(namespace.read_text().replace("branch: main", "branch: stable/2026.1"))
    save(root)
    return root


def test_a_branch_that_is_in_the_way_is_named(root, tmp_path):
    where = root / "dist-git/ns/base.git"
    git("init", "-q", "--bare", str(where))
    git("clone", "-q", str(where), str(tmp_path / "clone"))
    git("commit", "-q", "--allow-empty", "-m", "Begin", folder=tmp_path / "clone")
    git("push", "-q", "origin", "HEAD:stable", folder=tmp_path / "clone")
    ran = distgen(root, "publish")
    assert (ran.code, ran.out) == (
        1,
        "failed  ns/base@main  its branch stable is in the way of stable/2026.1;"
        " rename it there, or give the stream another `branch`\n",
    )


def test_a_repository_of_another_hash_is_called_so(root):
    where = root / "dist-git/ns/base.git"
    git("init", "-q", "--bare", "--object-format=sha256", str(where))
    ran = distgen(root, "publish")
    assert (ran.code, "it is a SHA-256 repository" in ran.out) == (1, True)
