"""A commit of the catalogue takes nothing back that a later one published."""

import subprocess

import pytest
from testing.dist_git import commits, content, edit, git
from testing.sites import distgen, ended, save, site, start

BASE = "dist-git/ns/base.git"
LINE = "values: {line: %s}\n"


@pytest.fixture
def root(catalogue):
    """A catalogue of two commits, whose newer one was published."""
    root = site(catalogue, "base")
    write(root, "first")
    first = save(root)
    write(root, "second")
    git("tag", "first", first, folder=root)
    git("tag", "second", save(root), folder=root)
    assert distgen(root, "publish").code == 0
    return root


def write(root, line):
    (root / "overlays/ns/base.yaml").write_text(
        "template: app\nfrom: docker.io/library/debian:12\n" + LINE % line
    )


def at(root, ref):
    git("checkout", "-q", ref, folder=root)
    return root


def test_an_older_catalogue_undoes_nothing(root):
    """Publishing commit two, then its parent, said `updated` with exit code 0."""
    second = git("rev-parse", "second", folder=root).strip()
    for command, code in (("publish", 1), ("publish --dry-run", 1), ("status", 0)):
        ran = distgen(at(root, "first"), *command.split(), "--format", "json")
        assert ran.code == code
        (row,) = ran.results
        assert row["status"] == "refused"
        assert row["detail"] == (
            f"it was published from commit {second[:12]} of the catalogue, which is not in the"
            " history of this one; publish from there, or choose --allow-older"
        )
    assert "RUN second" in content(root / BASE, "Dockerfile", "main")


def test_who_wants_to_go_back_says_so(root):
    ran = distgen(at(root, "first"), "publish", "--allow-older", "--format", "json")
    assert (ran.code, ran.statuses) == (0, {"ns/base@main": "updated"})
    assert "RUN first" in content(root / BASE, "Dockerfile", "main")
    # Forward again needs no word: the first is in the history of the second.
    assert distgen(at(root, "second"), "publish").code == 0
    assert "RUN second" in content(root / BASE, "Dockerfile", "main")


def test_it_holds_below_commits_of_packagers(root):
    edit(root / BASE, {"NOTES": "mine\n"}, root.parent, branch="main")
    ran = distgen(at(root, "first"), "publish", "--format", "json")
    assert ran.statuses == {"ns/base@main": "refused"}


def test_a_commit_that_the_clone_does_not_have_counts_as_newer(root, tmp_path):
    git("clone", "-q", "--branch", "first", f"file://{root}", str(tmp_path / "clone"))
    clone = tmp_path / "clone"
    git("remote", "remove", "origin", folder=clone)
    git("tag", "-d", "second", folder=clone)
    git("reflog", "expire", "--expire=now", "--all", folder=clone)
    git("gc", "-q", "--prune=now", folder=clone)
    config = (clone / "distgen.yaml").read_text()
    (clone / "distgen.yaml").write_text(
        f"{config}dist_git: {{url: '{root}/dist-git/{{namespace}}/{{image}}.git'}}\n"
    )
    assert distgen(clone, "publish", "--format", "json").statuses == {"ns/base@main": "refused"}


@pytest.mark.parametrize(("ref", "status"), [("first", "refused"), ("third", "updated")])
def test_in_a_shallow_clone_the_date_decides(root, tmp_path, ref, status):
    at(root, "second")
    (root / "overlays/ns/base.yaml").write_text(
        "template: app\nfrom: docker.io/library/debian:12\n" + LINE % "third"
    )
    git("add", "-A", folder=root)
    subprocess.run(
        ["git", "commit", "-q", "-m", "Third"],
        cwd=root,
        check=True,
        env={"GIT_COMMITTER_DATE": "@4000000000 +0000", "PATH": "/usr/bin:/bin", **IDENTITY},
    )
    git("tag", "third", folder=root)
    # The dates of both commits of the fixture may be of one second; the third is far away.
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth", "1", "--branch", ref, f"file://{root}", str(clone))
    if ref == "first":
        assert distgen(at(root, "third"), "publish").code == 0
    config = (clone / "distgen.yaml").read_text()
    (clone / "distgen.yaml").write_text(
        f"{config}dist_git: {{url: '{root}/dist-git/{{namespace}}/{{image}}.git'}}\n"
    )
    ran = distgen(clone, "publish", "--format", "json")
    assert ran.statuses == {"ns/base@main": status}


IDENTITY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "a"), ("EMAIL", "a@example.org"))}  # fmt: skip


def test_publishers_of_two_commits_end_with_the_newer(root, tmp_path):
    """Twelve publishers of two commits took turns 35 times."""
    clones = {}
    for ref in ("first", "second"):
        clones[ref] = tmp_path / ref
        git("clone", "-q", f"file://{root}", str(clones[ref]))
        at(clones[ref], ref)
        config = (clones[ref] / "distgen.yaml").read_text()
        (clones[ref] / "distgen.yaml").write_text(
            f"{config}dist_git: {{url: '{tmp_path}/race/{{namespace}}/{{image}}.git'}}\n"
        )
        git("commit", "-q", "-a", "-m", "Publish elsewhere", folder=clones[ref])
    # Both have a commit of their own now; the newer one has the older one in its history.
    git("fetch", "-q", str(clones["first"]), "HEAD", folder=clones["second"])
    git("merge", "-q", "-s", "ours", "-m", "Merge", "FETCH_HEAD", folder=clones["second"])
    for _ in range(3):
        racers = [start(clones[ref], "publish", "--store", tmp_path / f"store-{n}")
                  for n in range(3) for ref in ("first", "second")]  # fmt: skip
        for racer in racers:
            assert ended(racer).code in (0, 1)
    where = tmp_path / "race/ns/base.git"
    assert "RUN second" in content(where, "Dockerfile", "main")
    assert len(commits(where, "main")) <= 2, "each state at most once"
