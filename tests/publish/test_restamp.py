"""What was published before its commit in the catalogue gets a commit that names it, once."""

import json
import shutil

import pytest
from testing.dist_git import commits, content, edit, git
from testing.sites import distgen, save, site

BASE, APP = "dist-git/ns/base.git", "dist-git/ns/app.git"
HINT = "2 branches were published from files that were not committed"


@pytest.fixture(params=["outside git", "dirty"])
def unproven(request, catalogue):
    """A catalogue that was published before it was committed, and is committed now."""
    root = site(catalogue, "base")
    if request.param == "outside git":
        shutil.rmtree(root / ".git")
    overlay = root / "overlays/ns/base.yaml"
    overlay.write_text(f"{overlay.read_text()}values: {{line: more}}\n")
    (root / "overlays/ns/app.yaml").write_text("template: app\nfrom: ns/base\n")
    assert distgen(root, "publish").code == 0
    save(root)
    return root


def verdicts(root):
    ran = distgen(root, "verify", "--format", "json")
    return {row["image"]: (row["status"], row["exact"]) for row in json.loads(ran.out)["results"]}


def test_what_was_published_too_early_is_proved_after_one_commit(unproven):
    """Nothing but a change of the files could ever make verify know where they came from."""
    before = commits(unproven / BASE, "main"), content(unproven / BASE, "Dockerfile", "main")
    tree = git("rev-parse", "main^{tree}", folder=unproven / BASE)
    assert {*verdicts(unproven).values()} == {("unknown source", False)}
    for command in ("publish", "publish --dry-run", "publish"):
        ran = distgen(unproven, *command.split(), "--format", "json")
        assert ({*ran.statuses.values()}, HINT in ran.err) == ({"unchanged"}, True)
        assert "`distgen publish --restamp`" in ran.results[0]["detail"]
    dry = distgen(unproven, "publish", "--restamp", "--dry-run", "--format", "json")
    ran = distgen(unproven, "publish", "--restamp", "--format", "json")
    assert (dry.results, {*ran.statuses.values()}) == (ran.results, {"updated"})
    assert HINT not in ran.err
    assert [commits(unproven / BASE, "main")[1:], content(unproven / BASE, "Dockerfile", "main")] \
        == [*before]  # fmt: skip
    assert git("rev-parse", "main^{tree}", folder=unproven / BASE) == tree
    message = git("log", "-1", "--format=%B", "main", folder=unproven / BASE)
    head = git("rev-parse", "HEAD", folder=unproven).strip()
    assert f"Distgen-Source: {head}\n" in message
    assert verdicts(unproven) == dict.fromkeys(("ns/base", "ns/app"), ("reproduced", True))
    again = distgen(unproven, "publish", "--restamp", "--format", "json")
    assert ({*again.statuses.values()}, HINT in again.err) == ({"unchanged"}, False)
    assert len(commits(unproven / BASE, "main")) == len(before[0]) + 1


def test_files_of_packagers_stay_and_their_edits_are_refused(unproven):
    edit(unproven / BASE, {"NOTES": "mine\n"}, unproven.parent, branch="main")
    theirs = edit(unproven / APP, {"Dockerfile": "FROM mine\n"}, unproven.parent, branch="main")
    ran = distgen(unproven, "publish", "--restamp", "--format", "json")
    assert (ran.code, ran.statuses) == (
        1,
        {"ns/base@main": "updated", "ns/app@main": "refused"},
    )
    assert "Dockerfile" in ran.results[1]["detail"]
    assert commits(unproven / APP, "main")[0] == theirs
    assert content(unproven / BASE, "NOTES", "main") == "mine\n"
    assert verdicts(unproven)["ns/base"] == ("reproduced", True)


def test_a_catalogue_without_a_commit_has_nothing_to_name(unproven):
    (unproven / "templates/app/new").write_text("more\n")
    ran = distgen(unproven, "publish", "--restamp")
    assert (ran.code, ran.out) == (2, "")
    assert "no commit of the catalogue to name (templates/app/new); commit it first" in ran.err


def test_what_is_published_with_a_commit_needs_no_other(catalogue):
    root = site(catalogue, "base")
    distgen(root, "publish")
    first = commits(root / BASE, "main")
    ran = distgen(root, "publish", "--restamp", "--format", "json")
    assert (ran.statuses, commits(root / BASE, "main")) == ({"ns/base@main": "unchanged"}, first)


def test_a_stamp_that_names_another_commit_is_forged(unproven):
    """Whoever copies the message must not prove files with it that it does not lead to."""
    overlay = unproven / "overlays/ns/base.yaml"
    overlay.write_text(overlay.read_text().replace("more", "other"))
    other = save(unproven)
    message = git("log", "-1", "--format=%B", "main", folder=unproven / BASE)
    message = "\n".join(
        f"Distgen-Source: {other}" if line.startswith("Distgen-Source") else line
        for line in message.rstrip("\n").split("\n")
    )
    tree = "main^{tree}"
    words = ("-c", "user.name=distgen", "-c", "user.email=distgen@localhost")
    stamp = git(*words, "commit-tree", "-p", "main", "-m", message, tree, folder=unproven / BASE)
    git("update-ref", "refs/heads/main", stamp.strip(), folder=unproven / BASE)
    assert verdicts(unproven)["ns/base"][0] == "forged"
