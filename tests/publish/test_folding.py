"""What forges fold in reviews: a change of that alone makes no commit and refuses nothing."""

import json

import pytest
from testing.dist_git import commits, content, edit, git
from testing.sites import distgen, save, site

BASE = "dist-git/ns/base.git"
OWN = "/.distgen.json linguist-generated\n/.gitattributes linguist-generated\n"


def fold(root, word):
    """Let the namespace say what is folded; None says nothing."""
    path = root / "overlays/ns/namespace.yaml"
    lines = [line for line in path.read_text().splitlines() if "linguist" not in line]
    path.write_text("\n".join([*lines, *([f"linguist_generated: {word}"] if word else []), ""]))


def say(root, line):
    path = root / "overlays/ns/base.yaml"
    first = path.read_text().partition("values:")[0]
    path.write_text(f"{first}values: {{line: {line}}}\n")


@pytest.fixture
def folded(catalogue):
    """A catalogue whose repository folds all files, as older releases did, unlike it now."""
    root = site(catalogue, "base")
    fold(root, "all")
    save(root)
    assert distgen(root, "publish").code == 0
    fold(root, None)
    save(root)
    return root


def publish(root, *words):
    ran = distgen(root, "publish", *words, "--format", "json")
    (result,) = ran.results
    return result["status"], result["detail"]


def attributes(root):
    return content(root / BASE, ".gitattributes", "main")


def verdict(root):
    ran = distgen(root, "verify", "--format", "json")
    (row,) = json.loads(ran.out)["results"]
    return row["status"], row["exact"]


def test_a_review_shows_the_dockerfile(catalogue):
    """Every file was marked, and GitHub folded the whole of a review, the Dockerfile first."""
    root = site(catalogue, "base")
    publish(root)
    assert attributes(root).endswith(f"\n{OWN}")
    assert "Dockerfile" not in attributes(root)


def test_a_namespace_may_fold_everything(folded):
    assert "\n/Dockerfile linguist-generated\n" in attributes(folded)


def test_a_repository_follows_with_its_next_change_only(folded):
    before = commits(folded / BASE, "main")
    assert publish(folded) == ("unchanged", "")
    assert distgen(folded, "status", "--format", "json").statuses == {"ns/base@main": "unchanged"}
    assert distgen(folded, "diff").out.startswith("nothing changes:")
    assert (commits(folded / BASE, "main"), verdict(folded)) == (before, ("reproduced", True))
    say(folded, "more")
    save(folded)
    assert publish(folded)[0] == "updated"
    assert attributes(folded).endswith(f"\n{OWN}")
    assert verdict(folded) == ("reproduced", True)
    assert publish(folded) == ("unchanged", "")


def test_files_of_packagers_do_not_hasten_it(folded):
    theirs = edit(folded / BASE, {"NOTES": "mine\n"}, folded.parent, branch="main")
    assert publish(folded) == ("unchanged", "")
    assert commits(folded / BASE, "main")[0] == theirs


def test_edited_attributes_stop_nothing(folded):
    """The catalogue has nothing for them but how a forge folds files."""
    edited = attributes(folded) + "*.png binary\n"
    edit(folded / BASE, {".gitattributes": edited}, folded.parent, branch="main")
    assert publish(folded) == ("unchanged", "downstream edits kept: .gitattributes")
    say(folded, "more")
    save(folded)
    assert publish(folded) == ("updated", "downstream edits kept: .gitattributes")
    assert "RUN more" in content(folded / BASE, "Dockerfile", "main")
    assert attributes(folded) == edited
    assert verdict(folded) == ("edited downstream", True)


def test_what_was_published_too_early_is_stamped_as_it_is(catalogue):
    root = site(catalogue, "base")
    fold(root, "all")
    publish(root)
    fold(root, None)
    save(root)
    before = attributes(root)
    assert publish(root, "--restamp")[0] == "updated"
    assert (attributes(root), verdict(root)) == (before, ("reproduced", True))
    # Without trailers its manifest leads to the commit of the catalogue.
    lost = git("commit-tree", "-m", "Import", "main^{tree}", folder=root / BASE).strip()
    git("update-ref", "refs/heads/main", lost, folder=root / BASE)
    assert verdict(root) == ("reproduced", False)
