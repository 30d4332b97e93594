"""A run of many batches leaves few packs in its store, as git opens all for each repository."""

from __future__ import annotations

from testing.dist_git import git, run_publish
from testing.images import image, tree

from distgen.git import store
from distgen.publish import run


def test_batches_leave_few_packs(tmp_path, monkeypatch):
    # As set, 4,352 repositories would do.
    monkeypatch.setattr(run, "_BATCH", 1)
    monkeypatch.setattr(store, "_MAX_PACKS", 5)
    images = [image(f"ns/a{n}", url=f"{tmp_path}/dist-git/a{n}.git") for n in range(14)]

    def publish(text):
        trees = {
            one.key: tree(one, {"Dockerfile": f"FROM a\nLABEL n={one.name} {text}\n"})
            for one in images
        }
        return [result.status for result in run_publish(tmp_path, images, trees)]

    counts = []
    for text, status in (("first", "created"), ("second", "updated")):
        assert publish(text) == [status] * 14
        counts.append(len([*tmp_path.glob("**/objects/pack/*.pack")]))
    assert max(counts) <= 6 and counts[0] > 1
    for one in images:
        branch = one.stream.branch
        for commit in git("rev-parse", branch, f"{branch}^", folder=one.url).split():
            assert git("cat-file", "-t", commit, folder=tmp_path / "store").strip() == "commit"
