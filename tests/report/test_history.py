"""The last commits of branches, of which thousands may be in one store."""

from __future__ import annotations

import pytest
from testing.downstream import git

from distgen.git.cat_file import ObjectReader
from distgen.git.run import isolate
from distgen.report import history
from distgen.report.history import BranchTip, read_histories


@pytest.fixture
def repositories(tmp_path):
    """Return three repositories, each with a branch of two commits, and the last of each."""
    tips = {}
    for name in ("a", "b", "store"):
        git(tmp_path, "init", "-q", "--bare", name)
        tree = git(tmp_path / name, "mktree", "--missing").strip()
        first = git(tmp_path / name, "commit-tree", tree, "-m", f"First of {name}").strip()
        words = ("commit-tree", tree, "-p", first, "-m", f"Second of {name}")
        tips[name] = git(tmp_path / name, *words).strip()
    return tips


def subjects(histories):
    return {key: [commit.subject for commit in commits] for key, commits in histories.items()}


@pytest.mark.parametrize("most", [1000, 2])
def test_repositories_and_the_store_are_read_each_by_few_processes(
    repositories, tmp_path, monkeypatch, most
):
    started = []

    class Reader(ObjectReader):
        def _pipes(self):
            if self._process is None:
                started.append(self.folder.name)
            return super()._pipes()

    monkeypatch.setattr(history, "ObjectReader", Reader)
    monkeypatch.setattr(history, "_MOST_TIPS", most)
    tips = [
        BranchTip(f"ns/{n}@x", "https://example.org/a.git", repositories["store"]) for n in "123"
    ]
    tips += [BranchTip(f"ns/{n}@x", str(tmp_path / n), repositories[n]) for n in "ab"]
    histories = read_histories(isolate({}), tmp_path, tmp_path / "store", tips)
    of_store = ["Second of store", "First of store"]
    assert subjects(histories) == {
        **{f"ns/{n}@x": of_store for n in "123"},
        "ns/a@x": ["Second of a", "First of a"],
        "ns/b@x": ["Second of b", "First of b"],
    }
    assert started == ["store"] * (1 if most > 2 else 2) + ["a", "b"]


def test_what_no_store_has_is_left_out(repositories, tmp_path):
    far = BranchTip("ns/far@x", "https://example.org/a.git", repositories["store"])
    lost = BranchTip("ns/lost@x", str(tmp_path / "a"), "1" * 40)
    near = BranchTip("ns/b@x", str(tmp_path / "b"), repositories["b"])
    histories = read_histories(isolate({}), tmp_path, None, [far, lost, near])
    assert subjects(histories) == {"ns/lost@x": [], "ns/b@x": ["Second of b", "First of b"]}
