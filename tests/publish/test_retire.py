"""Images and streams that left the catalogue: what is found, and what retiring them leaves."""

from dataclasses import replace

import pytest
from testing.dist_git import (
    GIT,
    OPTIONS,
    commits,
    content,
    edit,
    git,
    listing,
    run_publish,
    statuses,
)
from testing.git_server import git_server
from testing.images import image, make_catalogue, tree
from testing.sites import distgen, save, site

from distgen.publish.orphans import OrphanSearch, find_orphans
from distgen.publish.target import branch_target

APP = image("ns/app")


def trees(images):
    return {i.key: tree(i, {"Dockerfile": "FROM a\n"}) for i in images}


def repository(tmp_path, name):
    return tmp_path / f"dist-git/{name}.git"


def test_orphans_are_the_branches_that_left_the_catalogue(tmp_path):
    everything = [APP, image("ns/app@2024.1"), image("ns/gone"), image("old/thing")]
    run_publish(tmp_path, everything, trees(everything))
    git("init", "-q", "--bare", str(repository(tmp_path, "ns/foreign")))
    (tmp_path / "dist-git/ns/notes").mkdir()
    catalogue_now = make_catalogue(tmp_path, APP)
    orphans = find_orphans(catalogue_now, GIT)
    assert [(orphan.key, orphan.branch, orphan.url) for orphan in orphans] == [
        ("ns/app@2024.1", "stable/2024.1", "dist-git/ns/app.git"),
        ("ns/gone@master", "master", "dist-git/ns/gone.git"),
    ]
    for names, keys in [
        (("ns/gone",), ["ns/gone@master"]),
        (("ns/*@2024.1",), ["ns/app@2024.1"]),
        (("old/*",), ["old/thing@master"]),
    ]:
        assert [
            orphan.key for orphan in find_orphans(catalogue_now, GIT, OrphanSearch(names))
        ] == keys
    git("pack-refs", "--all", folder=repository(tmp_path, "ns/gone"))
    assert find_orphans(catalogue_now, GIT) == orphans
    results = run_publish(tmp_path, [APP], trees([APP]), orphans=orphans)
    assert statuses(results) == {
        "ns/app@2024.1": "retired",
        "ns/app@master": "unchanged",
        "ns/gone@master": "retired",
    }
    assert find_orphans(catalogue_now, GIT) == ()


def test_a_branch_that_somebody_began_from_an_orphan_stays(tmp_path):
    removed_image = image("ns/gone@2024.1")
    run_publish(tmp_path, [removed_image], trees([removed_image]))
    where = repository(tmp_path, "ns/gone")
    for name in ("feature", "distgen/2024.1"):
        git("branch", name, "stable/2024.1", folder=where)
    orphans = find_orphans(make_catalogue(tmp_path, APP), GIT)
    assert [orphan.branch for orphan in orphans] == ["stable/2024.1"]
    copy = repository(tmp_path, "ns/gone-copy")
    git("clone", "-q", "--bare", str(where), str(copy))
    assert find_orphans(make_catalogue(tmp_path, APP), GIT) == orphans
    run_publish(tmp_path, [], {}, orphans=orphans)
    assert listing(where, "stable/2024.1") == ["dead.package"]
    assert "Dockerfile" in listing(where, "feature")
    assert find_orphans(make_catalogue(tmp_path, APP), GIT) == ()  # they would have been the next


def test_the_branch_of_a_review_is_no_orphan(tmp_path):
    """What was proposed and never merged has no other branch with a manifest."""
    removed_image = image("ns/gone@2024.1")
    run_publish(tmp_path, [removed_image], trees([removed_image]))
    where = repository(tmp_path, "ns/gone")
    git("branch", "-m", "stable/2024.1", "distgen/2024.1", folder=where)
    assert find_orphans(make_catalogue(tmp_path, APP), GIT) == ()
    git("branch", "-m", "distgen/2024.1", "distgen-2024.1", folder=where)
    (orphan,) = find_orphans(make_catalogue(tmp_path, APP), GIT)
    assert orphan.branch == "distgen-2024.1"


def test_a_retired_image_keeps_its_history_and_others_files(tmp_path):
    images = [APP, image("ns/other")]
    run_publish(tmp_path, images, trees(images))
    where = repository(tmp_path, "ns/app")
    edit(where, {"NOTES": "mine"}, tmp_path)
    target = branch_target(APP)
    results = run_publish(tmp_path, [images[1]], trees(images), orphans=[target])
    assert statuses(results) == {"ns/app@master": "retired", "ns/other@master": "unchanged"}
    assert listing(where) == ["NOTES", "dead.package"]
    assert len(commits(where)) == 3
    (repeated,) = run_publish(tmp_path, [], {}, orphans=[target])
    assert repeated.status == "unchanged"
    (back,) = run_publish(tmp_path, [APP], trees([APP]))
    assert back.status == "updated"
    assert listing(where) == [".distgen.json", ".gitattributes", "Dockerfile", "NOTES"]


def test_an_edited_file_is_retired_only_when_asked_to(tmp_path):
    run_publish(tmp_path, [APP], trees([APP]))
    theirs = edit(repository(tmp_path, "ns/app"), {"Dockerfile": "FROM mine\n"}, tmp_path)
    for way in ("refuse", "merge"):
        options = replace(OPTIONS, on_edit=way)
        (result,) = run_publish(tmp_path, [], {}, options, orphans=[branch_target(APP)])
        assert (result.status, result.commit) == ("refused", theirs)
        assert result.detail.endswith("; choose --on-edit keep or overwrite")


def test_an_edited_note_of_a_retirement_goes_only_when_asked_to(tmp_path):
    """It was deleted without a word when the image came back."""
    run_publish(tmp_path, [APP], trees([APP]))
    where = repository(tmp_path, "ns/app")
    run_publish(tmp_path, [], {}, orphans=[replace(branch_target(APP), reason="no longer needed")])
    note = content(where, "dead.package") + "see https://example.org/instead\n"
    theirs = edit(where, {"dead.package": note}, tmp_path)

    def publish(way):
        options = replace(OPTIONS, on_edit=way)
        (result,) = run_publish(tmp_path, [APP], trees([APP]), options)
        return result

    for way in ("refuse", "merge"):
        assert (publish(way).status, publish(way).commit) == ("refused", theirs)
        assert publish(way).detail.startswith("dead.package was edited downstream; ")
    assert [publish("keep").status, publish("keep").status] == ["updated", "unchanged"]
    assert content(where, "dead.package") == note
    assert publish("overwrite").status == "updated"
    assert "dead.package" not in listing(where)
    assert publish("refuse").status == "unchanged"


def test_publish_retires_what_left_and_says_why(catalogue):
    root = site(catalogue, "base", "app", "gone", streams=("main", "old"))
    distgen(root, "publish")
    (root / "overlays/ns/gone.yaml").unlink()
    save(root)
    status = distgen(root, "status", "--format", "json")
    assert {k: s for k, s in status.statuses.items() if s != "unchanged"} == {
        "ns/gone@main": "behind",
        "ns/gone@old": "behind",
    }
    assert distgen(root, "publish").err.startswith("nothing changed")
    dry = distgen(root, "publish", "--retire", "--dry-run", "ns/gone")
    assert dry.err == "it would be: 2 retired\n"
    process = distgen(root, "publish", "--retire", "--reason", "replaced by ns/app")
    assert (process.code, process.err) == (0, "2 retired, 4 unchanged\n")
    where = root / "dist-git/ns/gone.git"
    assert content(where, "dead.package", "main") == (
        "ns/gone@main left the catalogue and is no longer published.\n\nreplaced by ns/app\n"
    )
    assert "\nreplaced by ns/app\n" in git("log", "-1", "--format=%B", "main", folder=where)
    assert len(commits(where, "main")) == 2
    assert distgen(root, "publish", "--retire").err.startswith("nothing changed")
    second_process = distgen(root, "publish", "--retire", "ns/gone", "--format", "json")
    assert second_process.code == 0
    assert second_process.statuses == {"ns/gone@main": "unchanged", "ns/gone@old": "unchanged"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--retire", "ns/never"], "distgen: there is no image `ns/never`, and no branch of it"),
        (["--reason", "x"], "Error: --reason goes with --retire"),
    ],
)
def test_what_cannot_be_retired_is_a_sentence(catalogue, words, message):
    process = distgen(site(catalogue, "base"), "publish", *words)
    assert process.code == 2
    assert message in process.err


def test_orphans_on_a_server_are_streams_of_known_images_and_what_is_named(catalogue, tmp_path):
    with git_server(tmp_path / "srv") as server:
        url = f"{server.url}/{{namespace}}/{{image}}.git"
        for name in ("base", "app", "gone"):
            server.repository(f"ns/{name}.git")
        root = site(catalogue, "base", "app", "gone", streams=("main", "old"), url=url)
        distgen(root, "publish")
        (root / "overlays/ns/gone.yaml").unlink()
        site(catalogue, "base", "app", url=url)
        process = distgen(root, "publish", "--retire", "--format", "json")
        assert process.statuses == {
            "ns/app@main": "unchanged",
            "ns/base@main": "unchanged",
            "ns/app@old": "retired",
            "ns/base@old": "retired",
        }
        process = distgen(root, "publish", "--retire", "--format", "json", "ns/gone")
        assert process.statuses == {"ns/gone@main": "retired", "ns/gone@old": "retired"}
    process = distgen(root, "publish", "--retire", "--retries", 0, "ns/gone")
    assert process.code == 1
    assert process.err.startswith(f"distgen: {server.url}/ns/gone.git: cannot be reached: ")
