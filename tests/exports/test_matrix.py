"""The build matrix: which commit to build, of which repository, in which order."""

from __future__ import annotations

import subprocess

import pytest
from testing.catalogues import FAMILY, TEMPLATE
from testing.commandline import keeps_to_its_schema

pytest_plugins = ["testing.commandline"]

SITE = """
version: 1
dist_git:
  public_url: https://git.example.org/{namespace}/{image}.git
"""
FILES = TEMPLATE | FAMILY | {"distgen.yaml": SITE}


@pytest.fixture
def root(catalogue, distgen):
    folder = catalogue(FILES)
    assert distgen(folder, "publish").code == 0
    return folder


def tip(root, image):
    folder = root / f"dist-git/{image}.git"
    words = ["git", "-C", folder, "rev-parse", "master"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def push(root, tmp_path, image, path):
    """Commit a line at the end of a file as a packager would, and push it."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", root / f"dist-git/{image}.git", clone], check=True)
    with (clone / path).open("a") as file:
        file.write("# by hand\n")
    person = ["-c", "user.name=P", "-c", "user.email=p@example.org"]
    for words in (["add", "-A"], [*person, "commit", "-qm", "by hand"], ["push", "-q"]):
        subprocess.run(["git", "-C", clone, *words], check=True)


def test_entries_name_published_commits_parents_first(root, distgen):
    entries = distgen(root, "export", "matrix").json
    keeps_to_its_schema("matrix", entries)
    assert [(entry["image"], entry["level"], entry["depends_on"]) for entry in entries] == [
        ("ns/base", 0, []),
        ("ns/app", 1, ["ns/base@master"]),
        ("ns/late", 1, ["ns/base@master"]),
    ]
    for entry in entries:
        assert entry["commit"] == tip(root, entry["image"])
        assert entry["repository"] == f"https://git.example.org/{entry['image']}.git"


def test_a_parent_outside_of_the_selection_is_not_waited_for(root, distgen):
    (entry,) = distgen(root, "export", "matrix", "ns/app").json
    assert (entry["level"], entry["depends_on"]) == (0, [])


def test_what_was_not_published_is_refused_by_name(catalogue, distgen):
    ran = distgen(catalogue(FILES), "export", "matrix")
    assert (ran.code, ran.json) == (1, [])
    assert "ns/app@master: refused: its branch master was not published yet\n" in ran.err


def test_an_edited_branch_is_refused_and_the_others_are_exported(root, distgen, tmp_path):
    push(root, tmp_path, "ns/app", "Dockerfile")
    ran = distgen(root, "export", "matrix")
    assert ran.code == 1
    assert [entry["image"] for entry in ran.json] == ["ns/base", "ns/late"]
    assert "its branch master was edited downstream: Dockerfile" in ran.err


def test_the_child_of_a_refused_parent_is_exported_with_a_warning(root, distgen, tmp_path):
    push(root, tmp_path, "ns/base", "Dockerfile")
    ran = distgen(root, "export", "matrix")
    assert ran.code == 1
    assert [(entry["image"], entry["depends_on"]) for entry in ran.json] == [
        ("ns/app", []),
        ("ns/late", []),
    ]
    for name in ("app", "late"):
        assert (
            f"warning: ns/{name}@master is built on what the registry has of ns/base@master, "
            "which is refused\n"
        ) in ran.err


def test_a_packagers_own_file_leaves_the_commit_that_distgen_published(root, distgen, tmp_path):
    published = tip(root, "ns/app")
    push(root, tmp_path, "ns/app", "NOTES")
    (entry,) = distgen(root, "export", "matrix", "ns/app").json
    assert entry["commit"] == published != tip(root, "ns/app")


@pytest.mark.parametrize(
    "url",
    [
        *("dist-git/{image}.git", "/srv/{image}.git", "file:///srv/{image}.git"),
        *("ssh://git@example.org/{image}.git", "git@example.org:{image}.git"),
        "http://127.0.0.1:8080/{image}.git",
    ],
)
def test_an_address_that_others_cannot_reach_is_an_error(url, catalogue, distgen):
    site = f"version: 1\ndist_git:\n  url: {url}\n"
    ran = distgen(catalogue(FILES | {"distgen.yaml": site}), "export", "matrix")
    assert (ran.code, ran.out) == (2, "")
    assert "distgen.yaml:3:3: others cannot reach the repository of ns/base there; set " in ran.err
    assert "`public_url` in `dist_git`" in ran.err


def test_a_public_address_of_the_site_is_not_that_of_a_namespace_with_its_own_place(
    catalogue, distgen
):
    namespace = (
        "registry: quay.io/ns\nstreams: {master: {}}\ndist_git: {url: 'other/{image}.git'}\n"
    )
    ran = distgen(catalogue(FILES | {"overlays/ns/namespace.yaml": namespace}), "export", "matrix")
    assert (ran.code, ran.out) == (2, "")
    assert "overlays/ns/namespace.yaml:3:12: others cannot reach the repository of " in ran.err


@pytest.mark.parametrize("end", ["?private_token=t0ken", "#t0ken"])
def test_an_address_with_a_token_behind_it_is_exported_nowhere(end, catalogue, distgen):
    url = "https://git.example.org/{namespace}/{image}.git"
    site = f"version: 1\ndist_git:\n  url: {url}{end}\n"
    ran = distgen(catalogue(FILES | {"distgen.yaml": site}), "export", "matrix")
    assert (ran.code, ran.out) == (2, "")
    assert "distgen.yaml:3:3: others cannot reach the repository of ns/base there; " in ran.err
    site = f"version: 1\ndist_git:\n  url: x/{{image}}.git\n  public_url: {url}{end}\n"
    ran = distgen(catalogue(FILES | {"distgen.yaml": site}), "export", "matrix")
    assert (ran.code, ran.out) == (2, "")
    assert "distgen.yaml:4:3: `public_url` holds a `?` or `#`; end it with the path" in ran.err
    assert "t0ken" not in ran.err


def test_a_misspelt_word_of_the_public_address_is_shown_at_its_line(catalogue, distgen):
    site = "version: 1\ndist_git:\n  url: x/{image}.git\n  public_url: 'https://a.org/{imgae}'\n"
    ran = distgen(catalogue(FILES | {"distgen.yaml": site}), "export", "matrix")
    assert (ran.code, ran.out) == (2, "")
    assert "distgen.yaml:4:3: " in ran.err
    assert "did you mean `image`?" in ran.err


def test_platforms_are_left_out_unless_somebody_names_them(root, distgen):
    assert all("platforms" not in entry for entry in distgen(root, "export", "matrix").json)
    overlay = root / "overlays/ns/app.yaml"
    overlay.write_text(overlay.read_text() + "platforms: [linux/amd64]\n")
    ran = distgen(root, "export", "matrix", "ns/app")
    keeps_to_its_schema("matrix", ran.json)
    (entry,) = ran.json
    assert entry["platforms"] == ["linux/amd64"]


def test_a_child_is_not_built_for_more_than_its_parent(catalogue, distgen):
    overlays = {
        "overlays/ns/base.yaml": FAMILY["overlays/ns/base.yaml"] + "platforms: [linux/amd64]\n",
        "overlays/ns/app.yaml": FAMILY["overlays/ns/app.yaml"]
        + "platforms: [linux/amd64, linux/arm64]\n",
    }
    ran = distgen(catalogue(FILES | overlays), "list")
    assert ran.code == 2
    assert "ns/app@master is to be built for linux/arm64, and its parent ns/base@master" in ran.err


def test_a_grandchild_is_not_built_for_more_than_the_first_that_says_something(catalogue, distgen):
    overlays = {
        "overlays/ns/base.yaml": FAMILY["overlays/ns/base.yaml"] + "platforms: [linux/amd64]\n",
        "overlays/ns/last.yaml": "template: app\nfrom: ns/app\nplatforms: [linux/arm64]\n",
    }
    ran = distgen(catalogue(FILES | overlays), "list")
    assert ran.code == 2
    assert "ns/last@master is to be built for linux/arm64, and its parent ns/base@master" in ran.err
    overlays["overlays/ns/last.yaml"] = "template: app\nfrom: ns/app\nplatforms: [linux/amd64]\n"
    assert distgen(catalogue(FILES | overlays), "list").code == 0


def test_a_folder_gets_the_file_and_check_compares_with_it(root, distgen, tmp_path):
    folder = tmp_path / "out"
    check = ["export", "matrix", "-o", folder, "--check"]
    assert distgen(root, *check).code == 1
    assert not folder.exists()
    assert distgen(root, "export", "matrix", "-o", folder).code == 0
    assert (folder / "matrix.json").read_text() == distgen(root, "export", "matrix").out
    assert distgen(root, *check).code == 0
    (folder / "matrix.json").write_text("mine\n")
    ran = distgen(root, "export", "matrix", "-o", folder)
    assert (ran.code, (folder / "matrix.json").read_text()) == (1, "mine\n")
    assert "was not written by distgen, or was edited since" in ran.err
