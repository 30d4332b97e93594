"""What GitPython does for distgen: the walk through commits, and its failures as sentences."""

import pytest
from testing.dist_git import GIT, git

from distgen.errors import DistgenError
from distgen.git.repository import list_commits, open_repository, resolve_ref


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository é"
    git("init", "-q", "-b", "main", str(folder))
    for name in ("a", "b", "a"):
        with (folder / name).open("a") as file:
            file.write("line\n")
        git("add", "-A", folder=folder)
        git("commit", "-q", "-m", f"Change {name}", folder=folder)
    return folder


def rev_list(folder, *words):
    return git("rev-list", *words, folder=folder).split()


def test_commits_are_those_of_rev_list(repository):
    assert [*list_commits(GIT, repository, "main")] == rev_list(repository, "main")
    oldest, *newer = reversed(rev_list(repository, "main"))
    commits = list_commits(GIT, repository, f"{oldest}..main", no_merges=True, reverse=True)
    assert [*commits] == newer
    assert [*list_commits(GIT, repository, "main", ["b"], max_count=1)] == [newer[0]]


def test_a_path_is_no_pattern(repository):
    assert [*list_commits(GIT, repository, "main", ["*"])] == []


def test_a_replacement_of_a_commit_is_not_followed(repository):
    newest, *older = rev_list(repository, "main")
    git("replace", newest, older[-1], folder=repository)
    assert [*list_commits(GIT, repository, "main")] == [newest, *older]


@pytest.mark.parametrize("revisions", ["missing", "0" * 40])
def test_what_git_cannot_list_is_a_sentence(repository, revisions):
    with pytest.raises(DistgenError, match="cannot be read: ") as caught:
        list(list_commits(GIT, repository, revisions))
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_repository(tmp_path):
    with pytest.raises(DistgenError, match="is not a git repository"):
        list(list_commits(GIT, tmp_path, "main"))
    with open_repository(GIT, tmp_path) as repository:
        assert repository is None
    with open_repository(GIT, tmp_path / "missing") as repository:
        assert repository is None


def test_a_folder_that_does_not_exist_yet_is_in_a_repository_that_contains_it(repository):
    with open_repository(GIT, repository / "new/deep", or_above=True) as above:
        assert above.working_dir == str(repository)
    with open_repository(GIT, repository / "new/deep") as above:
        assert above is None


def test_a_ref_that_points_at_another(repository):
    git("symbolic-ref", "refs/heads/alias", "refs/heads/main", folder=repository)
    assert resolve_ref(GIT, repository, "refs/heads/alias") == rev_list(repository, "main")[0]
    (repository / ".git/refs/heads/broken").write_text("")
    with pytest.raises(DistgenError, match="refs/heads/broken is damaged"):
        resolve_ref(GIT, repository, "refs/heads/broken")
