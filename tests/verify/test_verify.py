"""What a reviewer is told of published commits: proved, edited, unknown or forged."""

import hashlib
import json
import os
import re
import subprocess
import sys

import jsonschema
import pytest
from testing.downstream import FILES, SECRET, commit, git

from distgen.catalogue.checkout import find_repository
from distgen.git.run import isolate
from distgen.schema.packaged import load_schema
from distgen.verify.claims import Claim
from distgen.verify.worker_pool import WorkerPool
from distgen.verify.worker_process import WorkerCommand

pytest_plugins = ["testing.commandline", "testing.downstream"]


def verify_all(distgen, root, *words):
    """Return the verdicts as (status, detail) by image, or by URL where there is none."""
    ran = distgen(root, "verify", "--format", "json", *words)
    jsonschema.validate(ran.json, load_schema("verify"))
    verdicts = {row["image"] or row["url"]: row for row in ran.json["results"]}
    assert ran.code == int(any(row["status"] != "reproduced" for row in verdicts.values()))
    return verdicts


def verify_one(distgen, root, *words):
    (verdict,) = verify_all(distgen, root, *(words or ("small/tool",))).values()
    return verdict


@pytest.fixture
def published(small, distgen):
    assert distgen(small, "publish").code == 0
    return small


def test_a_long_edit_is_cut_as_by_publish(published, distgen, cloned):
    """A packager's file of many lines scrolled everything else away."""
    clone = cloned(published)
    lines = "".join(f"RUN step {number}\n" for number in range(20_000))
    clone.write(Dockerfile=lines)
    clone.commit()
    clone.push()
    ran = distgen(published, "verify", "small/tool")
    printed = ran.out.splitlines()
    assert (len(printed), printed[0].split("  ")[0]) == (1 + 40 + 1, "edited downstream")
    assert re.fullmatch(
        r"    \.\.\. \d+ more lines; see `distgen verify small/tool@main --format json`",
        printed[-1],
    )
    (edit,) = verify_one(distgen, published)["edits"]
    assert re.search(r"\n\[\d+ bytes in all\]\n$", edit["diff"])
    assert len(edit["diff"]) < 65 * 1024


# --- reproduced ----------------------------------------------------------------------------------


def test_what_was_published_is_reproduced_to_the_very_commit(published, distgen):
    ran = distgen(published, "verify")
    lines = [re.sub(r"[0-9a-f]{12}", "COMMIT", line) for line in ran.out.splitlines()]
    assert lines == ["reproduced  small/base@main  COMMIT", "reproduced  small/tool@main  COMMIT"]
    assert (ran.code, ran.err) == (0, "2 reproduced\n")
    verdict = verify_one(distgen, published)
    head = git(published, "rev-parse", "HEAD").strip()
    assert verdict["exact"] is True
    assert verdict["source"] == f"https://example.org/images.git@{head}"
    assert (
        verdict["commit"] == git(published / "dist-git/small/tool.git", "rev-parse", "main").strip()
    )


def test_a_catalogue_that_moved_on_is_read_as_it_was(published, distgen):
    (published / "templates/app/start").write_text("#!/bin/sh\nexec other\n")
    assert verify_one(distgen, published)["exact"] is True
    commit(published)
    assert verify_one(distgen, published)["exact"] is True
    distgen(published, "publish", "small/base")
    verdicts = verify_all(distgen, published)
    assert verdicts["small/base"]["source"] != verdicts["small/tool"]["source"]
    assert {row["exact"] for row in verdicts.values()} == {True}


def test_a_catalogue_below_the_root_of_its_repository(tmp_path, catalogue, distgen, published):
    inner = tmp_path / "whole" / "images"
    inner.parent.mkdir()
    git(tmp_path, "clone", "-q", str(published), str(inner))
    git(inner, "remote", "remove", "origin")
    (tmp_path / "aside").mkdir()
    (inner / ".git").rename(tmp_path / "aside/git")
    (inner.parent / "README").write_text("Something else\n")
    commit(inner.parent)
    distgen(inner, "publish")
    assert verify_one(distgen, inner)["exact"] is True


@pytest.mark.parametrize("how", ["partial clone", "worktree", "moved"])
def test_any_clone_of_the_catalogue_will_do(published, distgen, tmp_path, how):
    url = f"{published}/dist-git/small/tool.git"
    first = git(url, "rev-parse", "main").strip()
    (published / "templates/app/start").write_text("#!/bin/sh\nexec other\n")
    commit(published)
    clone_root = tmp_path / "other"
    if how == "partial clone":
        git(published, "config", "uploadpack.allowFilter", "true")
        git(tmp_path, "clone", "-q", "--filter=tree:0", f"file://{published}", str(clone_root))
    elif how == "worktree":
        git(published, "worktree", "add", "-q", str(clone_root))
    else:
        published.rename(clone_root)
        url = url.replace(str(published), str(clone_root))
    verdict = verify_one(distgen, clone_root, f"{url}@{first}")
    assert (verdict["status"], verdict["exact"]) == ("reproduced", True)


@pytest.mark.parametrize("trouble", ["line ends", "attributes", "filter"])
def test_the_configuration_of_the_verifying_clone_changes_no_file(published, distgen, trouble):
    """They were applied to the catalogue's files, so honest commits were called forged."""
    if trouble == "line ends":
        git(published, "config", "core.autocrlf", "true")
    else:
        text = "* text eol=crlf\n" if trouble == "attributes" else "* filter=evil\n"
        (published / ".git/info/attributes").write_text(text)
        git(published, "config", "filter.evil.smudge", "sed s/exec/evil/")
    assert verify_one(distgen, published)["exact"] is True


def test_the_attributes_of_the_catalogue_itself_count(small, distgen):
    (small / ".gitattributes").write_text("settings.ini text eol=crlf\n")
    commit(small)
    (small / "templates/app/settings.ini").unlink()
    git(small, "checkout", "-q", "--", "templates")
    distgen(small, "publish")
    assert "\r\n" in git(small / "dist-git/small/tool.git", "show", "main:settings.ini")
    assert verify_one(distgen, small)["exact"] is True


def test_a_catalogue_whose_templates_are_a_submodule(catalogue, distgen, tmp_path):
    root = catalogue(FILES)
    shared, theme = tmp_path / "shared", tmp_path / "theme"
    (root / "templates").rename(shared)
    theme.mkdir()
    for path in (shared, theme):
        commit(path)
    git(root, "init", "-q", "-b", "main")
    add = ("-c", "protocol.file.allow=always", "submodule", "-q", "add")
    git(root, *add, str(shared), "templates")
    git(root, *add, str(theme), "doc/theme")
    commit(root)
    distgen(root, "publish")
    git(root, "submodule", "-q", "deinit", "-f", "doc/theme")
    assert verify_one(distgen, root)["exact"] is True
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(root), str(clone))
    (clone / "templates/app").mkdir(parents=True)
    for name in ("template.yaml", "Dockerfile.j2"):
        (clone / "templates/app" / name).write_text((shared / "app" / name).read_text())
    verdict = verify_one(distgen, clone, f"{root}/dist-git/small/tool.git")
    assert verdict["status"] == "unknown source"
    assert verdict["detail"].endswith(
        "templates is a submodule that is not here; run `git submodule update --init`"
    )


def test_a_catalogue_whose_commits_are_named_by_sha256(catalogue, distgen):
    root = catalogue(FILES)
    git(root, "init", "-q", "-b", "main", "--object-format=sha256")
    commit(root)
    distgen(root, "publish")
    assert verify_one(distgen, root)["exact"] is True


def test_every_state_of_a_branch_can_be_proved_by_its_commit(published, distgen):
    (published / "templates/app/start").write_text("#!/bin/sh\nexec other\n")
    commit(published)
    distgen(published, "publish")
    url = f"{published}/dist-git/small/tool.git"
    commits = git(url, "rev-list", "main").split()
    for name in (*commits, commits[1][:10]):
        verdict = verify_one(distgen, published, f"{url}@{name}")
        assert (verdict["status"], verdict["image"], verdict["branch"]) == (
            "reproduced",
            "small/tool",
            "",
        )
        assert verdict["commit"].startswith(name)
    assert verify_one(distgen, published, f"file://{url}#main")["commit"] == commits[0]
    assert verify_one(distgen, published, url)["branch"] == "main"


def test_a_review_is_proved_by_its_ref(published, distgen, tmp_path):
    url = published / "dist-git/small/tool.git"
    git(url, "update-ref", "refs/changes/34/1234/1", "main")
    git(url, "update-ref", "-d", "refs/heads/main")
    verdict = verify_one(distgen, published, f"{url}#refs/changes/34/1234/1")
    assert (verdict["status"], verdict["branch"]) == ("reproduced", "refs/changes/34/1234/1")
    missing = verify_one(distgen, published, f"{url}#refs/changes/34/1234/2")
    assert missing["detail"].endswith("there is no branch refs/changes/34/1234/2")


def test_a_tag_is_proved_by_its_name(published, distgen):
    url = published / "dist-git/small/tool.git"
    git(url, "tag", "-a", "-m", "Release", "v1", "main")
    verdict = verify_one(distgen, published, f"{url}#refs/tags/v1")
    assert (verdict["status"], verdict["commit"]) == (
        "reproduced",
        git(url, "rev-parse", "main").strip(),
    )


def test_only_what_the_repository_holds_is_proved_there(published, distgen):
    """A commit that happened to be in the local store was taken for one of the repository."""
    url = published / "dist-git/small/tool.git"
    (published / "templates/app/start").write_text("#!/bin/sh\nexec other\n")
    commit(published)
    distgen(published, "publish")
    first, last = git(url, "rev-list", "--reverse", "main").split()
    git(url, "update-ref", "refs/heads/main", first)
    verdict = verify_one(distgen, published, f"{url}@{last}")
    assert (verdict["status"], verdict["commit"]) == ("failed", None)
    assert verify_one(distgen, published, f"{url}@{first}")["status"] == "reproduced"


def test_a_shallow_clone_of_a_repository_accuses_nobody(
    published, distgen, cloned, tmp_path, monkeypatch
):
    clone = cloned(published)
    (published / "templates/app/start").write_text("#!/bin/sh\nset -e\nexec tool --new\n")
    commit(published)
    distgen(published, "publish")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    url = f"file://{published}/dist-git/small/tool.git"
    git(tmp_path, "clone", "-q", "--depth=1", url, str(tmp_path / "shallow"))
    verdict = verify_one(distgen, published, f"{tmp_path}/shallow")
    why = "the commit before it is not there; fetch the whole history"
    assert (verdict["status"], verdict["exact"], verdict["detail"]) == ("reproduced", False, why)
    clone.git("pull", "-q")
    clone.replace("settings.ini", "level = 1", "level = 3")
    clone.commit()
    clone.push()
    (published / "templates/app/start").write_text("#!/bin/sh\nset -e\nexec tool --newer\n")
    commit(published)
    distgen(published, "publish", "--on-edit", "keep")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nowhere"))
    git(tmp_path, "clone", "-q", "--depth=1", url, str(tmp_path / "shallower"))
    verdict = verify_one(distgen, published, f"{tmp_path}/shallower")
    assert (verdict["status"], verdict["detail"]) == ("edited downstream", f"settings.ini; {why}")


def test_files_of_their_own_leave_a_tree_reproduced_and_are_named(published, distgen, cloned):
    clone = cloned(published)
    clone.write(notes_txt="ours\n", more__own="ours\n")
    clone.commit("Add notes")
    clone.push()
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["exact"]) == ("reproduced", False)
    assert verdict["own"] == ["more/own", "notes.txt"]
    assert verdict["detail"].startswith("it is based on ")
    (published / "templates/app/start").write_text("#!/bin/sh\nexec other\n")
    commit(published)
    distgen(published, "publish")
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["exact"]) == ("reproduced", True)
    assert verdict["own"] == ["more/own", "notes.txt"]


@pytest.mark.parametrize(
    ("path", "later"),
    [
        (".dockerignore", False),
        ("Containerfile", True),
        ("conf/extra.ini", False),
        ("conf/.gitattributes", False),
        ("Start", False),
    ],
)
def test_a_file_of_their_own_that_changes_the_image_is_an_edit(
    published, distgen, cloned, path, later
):
    """Only generated files were compared, and a build may take others."""
    template = published / "templates/app"
    (template / "conf").mkdir()
    (template / "conf/main.ini").write_text("[main]\n")
    with (template / "Dockerfile.j2").open("a") as dockerfile:
        dockerfile.write("COPY conf /etc/conf\n")
    commit(published)
    assert distgen(published, "publish").code == 0
    clone = cloned(published)
    for name in (path, "conf.txt", "doc/.gitattributes", "doc/.dockerignore"):
        (clone.path / name).parent.mkdir(exist_ok=True)
        (clone.path / name).write_text("mine\n")
    clone.commit()
    clone.push()
    if later:
        (template / "start").write_text("#!/bin/sh\nexec other\n")
        commit(published)
        assert distgen(published, "publish").code == 0
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["exact"]) == ("edited downstream", later)
    assert [(row["path"], row["kind"]) for row in verdict["edits"]] == [(path, "added")]
    assert verdict["edits"][0]["diff"].endswith("@@ -0,0 +1 @@\n+mine\n")
    assert verdict["detail"].startswith(path)


def test_what_the_tree_ignores_is_not_taken(published, distgen, cloned):
    (published / "templates/app/.dockerignore").write_text("*.txt\n")
    with (published / "templates/app/Dockerfile.j2").open("a") as dockerfile:
        dockerfile.write("RUN --mount=type=bind,target=/src make\n")
    commit(published)
    distgen(published, "publish")
    clone = cloned(published)
    clone.write(notes_txt="ours\n", Makefile="ours\n")
    clone.commit()
    clone.push()
    assert [row["path"] for row in verify_one(distgen, published)["edits"]] == ["Makefile"]


def test_a_rebased_commit_is_reproduced_and_not_ours(published, distgen, cloned):
    clone = cloned(published)
    clone.git("commit", "-q", "--amend", "--no-edit")
    clone.push("--force")
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["exact"]) == ("reproduced", False)
    assert verdict["detail"] == "committer is not what distgen writes"


def test_an_edit_that_was_overwritten_leaves_a_reproduced_commit(published, distgen, cloned):
    clone = cloned(published)
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit()
    clone.push()
    distgen(published, "publish", "--on-edit", "overwrite")
    assert verify_one(distgen, published)["exact"] is True


def test_a_retired_stream_is_proved_like_any_other(published, distgen):
    (published / "overlays/small/tool.yaml").unlink()
    commit(published)
    distgen(published, "publish", "--retire", "--reason", "nobody built it")
    url = f"{published}/dist-git/small/tool.git"
    assert "dead.package" in git(url, "ls-tree", "--name-only", "main")
    verdict = verify_one(distgen, published, url)
    assert (verdict["status"], verdict["exact"], verdict["image"]) == (
        "reproduced",
        True,
        "small/tool",
    )
    assert verdict["detail"] == "it retires the stream"


def test_another_version_of_distgen_is_said(published, distgen, cloned):
    clone = cloned(published)
    message = clone.git("log", "-1", "--format=%B").rstrip()
    forged = re.sub(r"Distgen-Version: .*", "Distgen-Version: 0.1", message)
    clone.git("commit", "-q", "--amend", "-m", forged)
    clone.push("--force")
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["version"]) == ("reproduced", "0.1")
    assert "distgen 0.1 made it, and this is" in verdict["detail"]


# --- edited downstream ---------------------------------------------------------------------------


def edit_as_commit(clone):
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit("Start mine")
    clone.push()


def edit_as_merge(clone):
    clone.git("checkout", "-q", "-b", "side")
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit("Start mine")
    clone.git("checkout", "-q", "main")
    clone.write(notes="ours\n")
    clone.commit("Note it")
    clone.git("merge", "-q", "--no-ff", "-m", "Merge the other start", "side")
    clone.push()


def edit_as_squash(clone):
    clone.replace("start", "exec tool", "exec my-tool")
    clone.git("add", "-A")
    clone.git("commit", "-q", "--amend", "--no-edit", "--reset-author")
    clone.push("--force")


def edit_as_rebase_without_trailers(clone):
    clone.git("commit", "-q", "--amend", "-m", "Import", "--reset-author")
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit("Start mine")
    clone.push("--force")


@pytest.mark.parametrize(
    "edit", [edit_as_commit, edit_as_merge, edit_as_squash, edit_as_rebase_without_trailers]
)
def test_an_edit_is_found_however_it_came(published, distgen, cloned, edit):
    edit(cloned(published))
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "edited downstream"
    assert [(row["path"], row["kind"]) for row in verdict["edits"]] == [("start", "modified")]
    assert "-exec tool\n+exec my-tool\n" in verdict["edits"][0]["diff"]
    assert verdict["detail"].startswith("start")


def test_the_text_shows_the_edit(published, distgen, cloned):
    clone = cloned(published)
    edit_as_commit(clone)
    ran = distgen(published, "verify", "small/tool")
    first, *rest = ran.out.splitlines()
    assert re.fullmatch(
        r"edited downstream  small/tool@main  [0-9a-f]{12}  start; it is based on [0-9a-f]{12}",
        first,
    )
    assert rest[-2:] == ["    -exec tool", "    +exec my-tool"]
    assert (ran.code, ran.err) == (1, "1 edited downstream\n")


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        (lambda c: c.git("rm", "-q", "settings.ini"), [("settings.ini", "deleted")]),
        (lambda c: c.git("mv", "settings.ini", "own.ini"), [("settings.ini", "deleted")]),
        (lambda c: (c.path / "start").chmod(0o644), [("start", "mode")]),
        (
            lambda c: c.write(settings_ini=c.read("settings.ini").replace("\n", "\r\n")),
            [("settings.ini", "modified")],
        ),
        (lambda c: c.write(logo_png=b"\x89PNG\0\0new\n"), [("logo.png", "modified")]),
        (
            lambda c: ((c.path / "start").unlink(), (c.path / "start").symlink_to("/bin/true")),
            [("start", "modified")],
        ),
        (
            lambda c: c.replace(".distgen.json", '"stream": "main"', '"stream":  "main"'),
            [(".distgen.json", "modified")],
        ),
        (
            lambda c: c.write(_gitattributes="* text\n"),
            [(".gitattributes", "modified")],
        ),
    ],
    ids=["deleted", "renamed", "mode", "CRLF", "binary", "link", "manifest", "attributes"],
)
def test_every_kind_of_edit_is_found(published, distgen, cloned, do, expected):
    clone = cloned(published)
    do(clone)
    clone.commit()
    clone.push()
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "edited downstream"
    assert [(row["path"], row["kind"]) for row in verdict["edits"]] == expected


@pytest.mark.parametrize("on_edit", ["keep", "merge"])
def test_an_edit_that_distgen_kept_is_still_one(published, distgen, cloned, on_edit):
    clone = cloned(published)
    edit_as_commit(clone)
    (published / "templates/app/settings.ini").write_text("[tool]\nlevel = 2\n")
    commit(published)
    distgen(published, "publish", "--on-edit", on_edit)
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["exact"]) == ("edited downstream", True)
    assert [row["path"] for row in verdict["edits"]] == ["start"]
    assert verdict["detail"] == "start; distgen kept the edit"


def test_edits_that_the_catalogue_treats_by_path_are_as_distgen_left_them(
    published, distgen, cloned
):
    """No single --on-edit gives such a commit, so it was called forged."""
    overlay = published / "overlays/small/namespace.yaml"
    overlay.write_text(f"{overlay.read_text()}on_edit: {{start: keep, '*': merge}}\n")
    clone = cloned(published)
    clone.replace("start", "exec tool", "exec my-tool")
    clone.replace("settings.ini", "last = yes", "last = mine")
    clone.commit()
    clone.push()
    for name, old, new in (("start", "/bin/sh", "/bin/bash"), ("settings.ini", "[tool]", "[app]")):
        path = published / "templates/app" / name
        path.write_text(path.read_text().replace(old, new))
    commit(published)
    assert distgen(published, "publish").code == 0
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["exact"]) == ("edited downstream", True)
    assert [row["path"] for row in verdict["edits"]] == ["settings.ini", "start"]
    assert verdict["detail"] == "settings.ini, start; distgen kept the edit"


def test_a_person_who_hides_an_edit_from_the_manifest_is_found(published, distgen, cloned):
    clone = cloned(published)
    old = git(clone.path, "show", "HEAD:start")
    clone.replace("start", "exec tool", "exec my-tool")
    new = clone.read("start")
    sums = [hashlib.sha256(text.encode()).hexdigest() for text in (old, new)]
    clone.replace(".distgen.json", *sums)
    clone.commit()
    clone.push()
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "edited downstream"
    assert [row["path"] for row in verdict["edits"]] == [".distgen.json", "start"]


# --- forged --------------------------------------------------------------------------------------


def as_distgen(clone, message=None):
    """Commit what is there in distgen's name, in place of its last commit."""
    clone.git("add", "-A")
    author_lines = clone.git("log", "-1", "--format=%an%n%ae%n%aI").splitlines()
    person = dict(zip(("NAME", "EMAIL", "DATE"), author_lines, strict=True))
    env = {
        f"GIT_{role}_{key}": text
        for role in ("AUTHOR", "COMMITTER")
        for key, text in person.items()
    }
    words = ("-m", message) if message else ("--no-edit",)
    clone.git("commit", "-q", "--amend", "--reset-author", *words, **env)
    clone.push("--force")


def test_a_commit_in_our_name_that_we_would_not_make_is_forged(published, distgen, cloned):
    clone = cloned(published)
    clone.replace("start", "exec tool", "exec my-tool")
    as_distgen(clone)
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["exact"]) == ("forged", False)
    assert verdict["detail"] == "its trailers do not lead to start"
    assert [row["path"] for row in verdict["edits"]] == ["start"]


def test_a_file_that_we_would_not_add_is_forged(published, distgen, cloned):
    clone = cloned(published)
    clone.write(evil="#!/bin/sh\n")
    as_distgen(clone)
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "forged"
    assert "evil" in verdict["detail"]


def test_what_stands_on_a_forged_commit_is_forged(published, distgen, cloned):
    clone = cloned(published)
    clone.replace("start", "exec tool", "exec my-tool")
    as_distgen(clone)
    clone.write(notes="ours\n")
    clone.commit()
    clone.push()
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "forged"
    assert re.match(
        r"it is based on [0-9a-f]{12}: its trailers do not lead to start", verdict["detail"]
    )


def test_another_version_is_not_called_a_forger(published, distgen, cloned):
    clone = cloned(published)
    clone.replace("start", "exec tool", "exec tool --as-it-was")
    message = clone.git("log", "-1", "--format=%B").rstrip()
    as_distgen(clone, re.sub("Distgen-Version: .*", "Distgen-Version: 0.1", message))
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "unknown source"
    assert re.fullmatch(
        r"distgen 0\.1 made it, and this is [\d.]+, which gives another start", verdict["detail"]
    )


def test_what_was_deleted_must_be_gone(published, distgen, cloned):
    """A file that we generated before and no longer do may not stay in our name."""
    (published / "templates/app/settings.ini").unlink()
    text = published / "templates/app/Dockerfile.j2"
    text.write_text(text.read_text().replace("COPY settings.ini /etc/tool.ini\n", ""))
    commit(published)
    assert distgen(published, "publish").code == 0
    clone = cloned(published)
    clone.git("checkout", "-q", "HEAD~", "settings.ini")
    as_distgen(clone)
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "forged"
    assert "settings.ini" in verdict["detail"]


@pytest.mark.parametrize(
    ("trailer", "lie", "detail"),
    [
        ("Distgen-Lock", "sha256:" + 64 * "0", "Distgen-Lock is not the sum"),
        ("Distgen-Image", "small/base", "its trailers are of small/base@main"),
        ("Distgen-Stream", "old", "its trailers are of small/tool@old"),
    ],
)
def test_a_false_trailer_is_forged(published, distgen, cloned, trailer, lie, detail):
    clone = cloned(published)
    message = clone.git("log", "-1", "--format=%B").rstrip()
    as_distgen(clone, re.sub(f"{trailer}: .*", f"{trailer}: {lie}", message))
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "forged"
    assert detail in verdict["detail"]


def test_a_trailer_that_stands_twice_is_forged(published, distgen, cloned):
    """Readers differ over which of the two counts."""
    clone = cloned(published)
    message = clone.git("log", "-1", "--format=%B").rstrip()
    as_distgen(clone, message.replace("Distgen-Image", "distgen-image: x/y\nDistgen-Image"))
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["detail"]) == ("forged", "Distgen-Image is defined twice")


def test_a_known_address_holds_what_the_catalogue_says(published, distgen):
    """A good commit of another image, or on another branch, was proved when its URL was asked."""
    tool, base = (published / f"dist-git/small/{name}.git" for name in ("tool", "base"))
    git(tool, "fetch", "-q", str(base), "+main:main")
    tip = git(tool, "rev-parse", "main").strip()
    for url in (tool, f"{tool}@{tip}", f"file://{tool}#main"):
        verdict = verify_one(distgen, published, url)
        assert (verdict["status"], verdict["detail"]) == (
            "forged",
            "its trailers are of small/base@main",
        )


def test_a_file_that_we_would_not_delete_is_forged(published, distgen, cloned):
    clone = cloned(published)
    clone.write(notes="ours\n")
    clone.commit()
    message = clone.git("log", "-1", "--format=%B", "HEAD~").rstrip()
    author_lines = clone.git("log", "-1", "--format=%an%n%ae%n%aI", "HEAD~").splitlines()
    env = {
        f"GIT_{role}_{key}": text
        for role in ("AUTHOR", "COMMITTER")
        for key, text in zip(("NAME", "EMAIL", "DATE"), author_lines, strict=True)
    }
    clone.git("commit", "-q", "--allow-empty", "-m", message, **env)
    clone.push()
    assert verify_one(distgen, published)["status"] == "reproduced"
    clone.git("rm", "-q", "notes")
    clone.git("commit", "-q", "--amend", "-m", message, **env)
    clone.push("--force")
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["detail"]) == (
        "forged",
        "its trailers do not lead to files that distgen does not generate (notes)",
    )


def test_another_address_of_the_catalogue_is_a_false_trailer(published, distgen, cloned):
    clone = cloned(published)
    message = clone.git("log", "-1", "--format=%B").rstrip()
    as_distgen(clone, message.replace("https://example.org/images", "https://evil.example/images"))
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "forged"
    assert "Distgen-Source says https://evil.example/images.git@" in verdict["detail"]


def test_another_commit_of_the_catalogue_is_a_false_trailer(published, distgen, cloned):
    first = git(published, "rev-parse", "HEAD").strip()
    (published / "templates/app/start").write_text("#!/bin/sh\nexec other\n")
    other_commit = commit(published)
    clone = cloned(published)
    message = clone.git("log", "-1", "--format=%B").rstrip()
    as_distgen(clone, message.replace(first, other_commit))
    assert verify_one(distgen, published)["status"] == "forged"


# --- unknown source ------------------------------------------------------------------------------


def test_uncommitted_changes_are_nobody_s_source(small, distgen):
    (small / "templates/app/start").write_text("#!/bin/sh\nexec other\n")
    distgen(small, "publish")
    verdict = verify_one(distgen, small)
    assert verdict["status"] == "unknown source"
    assert verdict["detail"].endswith("-dirty, which is not a commit of a catalogue")


def test_a_catalogue_without_history_proves_nothing(catalogue, distgen):
    root = catalogue(FILES)
    distgen(root, "publish")
    assert verify_one(distgen, root)["detail"] == (
        "it names https://example.org/images.git@uncommitted, which is not a commit of a catalogue"
    )


@pytest.mark.parametrize("how", ["--skip-worktree", "--assume-unchanged", "line ends"])
def test_changes_that_git_was_told_to_pass_over_are_uncommitted(published, distgen, how):
    """What was published named a clean commit, which leads to other files: it was called forged."""
    start = published / "templates/app/start"
    if how == "line ends":
        git(published, "config", "core.autocrlf", "true")
        start.unlink()
        git(published, "checkout", "-q", "--", "templates")
        assert b"\r\n" in start.read_bytes()
    else:
        git(published, "update-index", how, "templates/app/start")
        start.write_text("#!/bin/sh\nexec other\n")
    assert git(published, "status", "--porcelain") == ""
    distgen(published, "publish", "small/tool")
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "unknown source"
    assert verdict["detail"].endswith("-dirty, which is not a commit of a catalogue")


def test_a_commit_that_is_in_no_branch_of_the_catalogue_was_never_it(published, distgen):
    """Anybody may push objects somewhere; only what is in a branch or tag counts."""
    lost = git(published, "rev-parse", "HEAD").strip()
    git(published, "commit", "-q", "--amend", "-m", "Begin again")
    verdict = verify_one(distgen, published)
    assert verdict["status"] == "unknown source"
    assert verdict["detail"] == f"commit {lost[:12]} is in no branch of this catalogue"
    git(published, "tag", "released", lost)
    assert verify_one(distgen, published)["status"] == "reproduced"


def test_no_graft_and_no_replacement_makes_a_commit_part_of_the_catalogue(published, distgen):
    (published / "templates/app/start").write_text("#!/bin/sh\nexec evil\n")
    evil = commit(published)
    distgen(published, "publish", "small/tool")
    git(published, "reset", "-q", "--hard", "HEAD~")
    head = git(published, "rev-parse", "HEAD").strip()
    (published / ".git/info/grafts").write_text(f"{head} {evil}\n")
    assert verify_one(distgen, published)["status"] == "unknown source"
    (published / ".git/info/grafts").unlink()
    git(published, "replace", head, evil)
    assert verify_one(distgen, published)["status"] == "unknown source"


def test_files_that_git_ignores_are_uncommitted_changes(small, distgen):
    """They are rendered, and no clone has them."""
    with (small / ".gitignore").open("a") as ignored:
        ignored.write("*.local\n*~\n")
    commit(small)
    (small / "templates/app/start~").write_text("left by an editor\n")
    distgen(small, "publish", "small/base")
    assert verify_one(distgen, small, "small/base")["status"] == "reproduced"
    (small / "templates/app/settings.local").write_text("mine\n")
    distgen(small, "publish", "small/tool")
    assert verify_one(distgen, small)["detail"].endswith(
        "-dirty, which is not a commit of a catalogue"
    )


def test_a_shallow_clone_is_told_to_fetch_more(published, distgen, tmp_path):
    commit(published, "Change nothing")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{published}", str(tmp_path / "shallow"))
    url = f"{published}/dist-git/small/tool.git"
    assert verify_one(distgen, tmp_path / "shallow", url)["detail"].endswith(
        "is in no branch of this catalogue; fetch its whole history"
    )


def test_a_catalogue_that_was_a_link_to_elsewhere(tmp_path, small, distgen):
    """Whoever may push to a branch of the catalogue may not have other folders read."""
    root = tmp_path / "whole"
    root.mkdir()
    (root / "images").symlink_to(small)
    evil = commit(root, "Look elsewhere")
    (root / "images").unlink()
    git(small, "archive", "-o", str(tmp_path / "small.tar"), "HEAD")
    (root / "images").mkdir()
    git(root, "init", "-q")
    subprocess.run(["tar", "-xf", str(tmp_path / "small.tar")], cwd=root / "images", check=True)
    commit(root, "Begin")
    distgen(root / "images", "publish")
    name_source_in(root / "images", evil)
    verdict = verify_one(distgen, root / "images")
    assert verdict["status"] == "unknown source"
    assert verdict["detail"].endswith("images/ is a link that leads outside the repository")


def test_many_states_of_the_catalogue_are_read_one_after_the_other(published, distgen):
    url = f"{published}/dist-git/small/tool.git"
    for number in range(6):
        (published / "templates/app/start").write_text(f"#!/bin/sh\nexec tool{number}\n")
        commit(published)
        distgen(published, "publish")
    states = [f"{url}@{name}" for name in git(url, "rev-list", "main").split()]
    ran = distgen(published, "verify", *states, "small/base")
    assert (ran.code, ran.err) == (0, "8 reproduced\n")


def test_a_repository_that_distgen_did_not_write(published, distgen, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/Dockerfile").write_text("FROM scratch\n")
    commit(tmp_path / "theirs")
    verdict = verify_one(distgen, published, f"{tmp_path}/theirs")
    assert (verdict["status"], verdict["image"], verdict["detail"]) == (
        "unknown source",
        "",
        "distgen did not write it",
    )


def test_trailers_and_source_both_lost(published, distgen, cloned):
    for image in ("small/base", "small/tool"):
        clone = cloned(published, image)
        clone.git("commit", "-q", "--amend", "-m", "Import", "--reset-author")
        clone.push("--force")
    head = git(published, "rev-parse", "HEAD").strip()
    for number in range(6):  # more than are kept, one of which cannot be read
        template = "image: {\n" if number == 3 else f"#!/bin/sh\nexec other_commit{number}\n"
        (published / "templates/app/start").write_text(template)
        name = "base.yaml" if number == 3 else "README"
        text = (published / "overlays/small/base.yaml").read_text()
        (published / "overlays/small" / name).write_text(template)
        commit(published)
        (published / "overlays/small/base.yaml").write_text(text)
    for verdict in verify_all(distgen, published).values():
        assert verdict["status"] == "reproduced"
        why = f"trailers are lost; the manifest is that of {head[:12]}"
        assert (verdict["detail"], verdict["source"][-40:]) == (why, head)
    text = json.loads(clone.read(".distgen.json"))
    text["files"]["start"]["sha256"] = 64 * "0"
    (clone.path / ".distgen.json").write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")
    clone.git("commit", "-q", "-a", "--amend", "-m", "Import")
    clone.push("--force")
    verdict = verify_one(distgen, published)
    assert (verdict["status"], verdict["image"]) == ("unknown source", "small/tool")


def test_repositories_on_a_server_that_wants_a_token(served, distgen, tmp_path, cloned):
    root, server = served
    assert distgen(root, "publish").code == 0
    assert {row["exact"] for row in verify_all(distgen, root).values()} == {True}
    url = f"{server.url}/small/tool.git"
    tip = git(tmp_path / "srv/small/tool.git", "rev-parse", "main").strip()
    for address in (f"{url}#main", f"{url}@{tip}"):
        verdict = verify_one(distgen, root, address)
        assert (verdict["status"], verdict["url"]) == ("reproduced", url)
    ran = distgen(root, "verify", f"{url}#none", "small/base", f"{server.url}/small/none.git")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["reproduced", "failed", "failed"]
    assert SECRET not in ran.out + ran.err


# --- what others wrote ----------------------------------------------------------------------------


@pytest.mark.parametrize("trailer", ["Distgen-Image", "Distgen-Stream", "Distgen-Source"])
def test_no_trailer_commands_the_terminal(published, distgen, cloned, trailer):
    """A carriage return in a trailer ended verify, and an escape wrote over its words."""
    clone = cloned(published)
    message = clone.git("log", "-1", "--format=%B").rstrip()
    lie = "\x1b[2K\rreproduced  small/tool\x85\u2028x"
    as_distgen(clone, re.sub(f"{trailer}: .*", f"{trailer}: {lie}", message))
    ran = distgen(published, "verify", f"{published}/dist-git/small/tool.git", "small/tool")
    assert ran.code == 1
    assert not re.search("^reproduced", ran.out, re.MULTILINE)
    assert ran.out.replace("\n", "").isprintable()


def test_no_name_or_text_of_a_file_commands_the_terminal(published, distgen, cloned):
    """A name that is no UTF-8 ended verify with a traceback."""
    clone = cloned(published)
    clone.write(start="#!/bin/sh\n\x1b[2Kexec\rtool\x0c\u2028\n")
    (clone.path / os.fsdecode(b"\xff\x1b[2J\nreproduced")).write_text("mine\n")
    as_distgen(clone)
    ran = distgen(published, "verify", "small/tool")
    assert ran.code == 1
    assert ran.out.replace("\n", "").isprintable()
    assert not re.search("^reproduced", ran.out, re.MULTILINE)
    unmanaged = verify_one(distgen, published)["own"]
    assert unmanaged == ["\udcff\x1b[2J\nreproduced"]


def wide(clone):
    """Return a tree of few objects that tells of 100 million files."""
    tree = clone.git("rev-parse", "HEAD^{tree}").strip()
    for _ in range(8):
        rows = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
        tree = clone.git("mktree", stdin=rows.encode()).strip()
    return tree


def deep(clone):
    file = f"M 100644 inline {'d/' * 1500}f"
    script = f"commit refs/deep\ncommitter P <p> 1 +0000\ndata 0\n{file}\ndata 0\n"
    clone.git("fast-import", "--quiet", stdin=script.encode())
    return clone.git("rev-parse", "refs/deep^{tree}").strip()


def raw_tree(clone, *entries):
    """Write a tree that git would not make."""
    content = b"".join(
        b"%s %s\0" % (mode, name) + bytes.fromhex(clone.git("rev-parse", kind).strip())
        for mode, name, kind in entries
    )
    words = ("hash-object", "-t", "tree", "-w", "--stdin", "--literally")
    return clone.git(*words, stdin=content).strip()


@pytest.mark.parametrize(
    ("tree", "detail"),
    [
        (deep, "folders more than 200 deep"),
        (wide, "holds more than 100000 files"),
        (
            lambda c: raw_tree(c, *(2 * [(b"100755", b"start", "HEAD:start")])),
            "a folder of a commit is damaged",
        ),
        (
            lambda c: raw_tree(c, (b"100755", b"a/start", "HEAD:start")),
            "a folder of a commit is damaged",
        ),
    ],
    ids=["deep", "wide", "double", "slash"],
)
def test_a_hostile_tree_ends_nothing(published, distgen, cloned, tree, detail):
    """A deep tree ended verify with a traceback, a wide one never ended."""
    clone = cloned(published)
    commit_id = clone.git("commit-tree", "-p", "HEAD", "-m", "Evil", tree(clone)).strip()
    clone.git("push", "-q", "origin", f"{commit_id}:main")
    verdicts = verify_all(distgen, published)
    assert (verdicts["small/tool"]["status"], verdicts["small/base"]["status"]) == (
        "failed",
        "reproduced",
    )
    assert detail in verdicts["small/tool"]["detail"]


def name_source_in(root, commit, image="small/tool"):
    """Have the newest commit of an image name another commit of the catalogue."""
    url = root / f"dist-git/{image}.git"
    message = git(url, "log", "-1", "--format=%B", "main")
    lie = re.sub("@[0-9a-f]{40}", f"@{commit}", message)
    commit_id = git(url, "commit-tree", "-m", lie, "main^{tree}").strip()
    git(url, "update-ref", "refs/heads/main", commit_id)


def test_a_hostile_template_does_not_fill_the_memory(published, distgen):
    (published / "templates/app/evil.j2").write_text("{{ (['a' * 60000] * 60000) | join }}\n")
    evil = commit(published)
    (published / "templates/app/evil.j2").unlink()
    commit(published)
    name_source_in(published, evil)
    verdicts = verify_all(distgen, published)
    assert verdicts["small/base"]["status"] == "reproduced"
    assert verdicts["small/tool"]["status"] == "unknown source"
    assert "does not fit into memory" in verdicts["small/tool"]["detail"]


def test_a_file_that_is_too_long_is_not_read(published, distgen, cloned, monkeypatch):
    monkeypatch.setattr("distgen.git.cat_file._MAX_SIZE", 100_000)
    clone = cloned(published)
    clone.write(settings_ini="x" * 100_001)
    clone.commit()
    clone.push()
    verdicts = verify_all(distgen, published)
    assert verdicts["small/base"]["status"] == "reproduced"
    assert verdicts["small/tool"]["status"] == "failed"
    assert "has 100001 bytes; no more than 100000 are read" in verdicts["small/tool"]["detail"]


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ("import time; time.sleep(600)", "it takes more than 0.5 seconds"),
        ("import os; os.abort()", "the process that renders it ended"),
        (
            "input(); print('no answer')",
            "the process that renders it gives no valid answer: it is not JSON",
        ),
    ],
)
def test_what_renders_a_hostile_catalogue_is_ended(published, does, problem):
    head = git(published, "rev-parse", "HEAD").strip()
    program = WorkerCommand((sys.executable, "-c", does), {}, 0.5)
    with WorkerPool(find_repository(isolate(os.environ), published), program) as workers:
        answer = workers.replay(Claim("small/tool", "main", head, "", "", head))
    assert answer == f"the catalogue at {head[:12]} cannot be read: {problem}"


def test_nothing_of_the_present_folder_is_run(published, distgen, tmp_path, monkeypatch):
    for name in ("distgen", "yaml", "pickle", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert verify_one(distgen, published)["exact"] is True
    assert not (tmp_path / "ran").exists()


# --- what cannot be judged -----------------------------------------------------------------------


def test_what_is_not_published_fails_and_the_rest_goes_on(small, distgen):
    distgen(small, "publish", "small/base")
    verdicts = verify_all(distgen, small)
    assert {name: row["status"] for name, row in verdicts.items()} == {
        "small/base": "reproduced",
        "small/tool": "failed",
    }
    assert verdicts["small/tool"]["commit"] is None
    assert verdicts["small/tool"]["detail"] == "it is not published"


@pytest.mark.parametrize(
    ("end", "detail"),
    [
        ("/dist-git/small/none.git", "there is no repository"),
        ("/dist-git/small/tool.git#none", "there is no branch none; name one behind a #, of main"),
        (f"/dist-git/small/tool.git@{40 * '1'}", "is in none of its branches"),
    ],
)
def test_an_address_that_leads_nowhere(published, distgen, end, detail):
    verdict = verify_one(distgen, published, f"{published}{end}")
    assert verdict["status"] == "failed"
    assert detail in verdict["detail"]


def test_unsafe_addresses_are_refused(published, distgen):
    ran = distgen(published, "verify", "ext::sh -c evil")
    assert ran.code == 2
    assert "transport" in ran.err


def test_verifying_writes_nothing(published, distgen, tmp_path):
    def list_files():
        paths = [path for path in tmp_path.rglob("*") if "/cache/" not in str(path)]
        return sorted((str(path), path.lstat().st_mtime_ns) for path in paths)

    before = list_files()
    verify_all(distgen, published)
    assert list_files() == before
