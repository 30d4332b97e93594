"""Publishing to real repositories: what lands there, in which order, and what is left alone."""

import os
import shutil
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
    plans,
    run_publish,
    snapshot,
    statuses,
)
from testing.images import image, tree

from distgen.compare.planned import format_change
from distgen.errors import InputError
from distgen.git.run import isolate
from distgen.publish.results import status_of

APP = image("ns/app")


def dockerfile(line="FROM a", *lines):
    return {"Dockerfile": "\n".join((line, *lines, ""))}


def trees(images, line="FROM a", **files):
    return {i.key: tree(i, {**dockerfile(line), **files}) for i in images}


def repository(tmp_path, name="ns/app"):
    return tmp_path / f"dist-git/{name}.git"


def hook(tmp_path, image_with_hook, name, script):
    """Give the image's repository a hook, the repository made when missing."""
    where = repository(tmp_path, image_with_hook.full_name)
    if not where.exists():
        git("init", "-q", "--bare", str(where))
    path = where / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# --- what lands --------------------------------------------------------------------------------


def test_first_publication_makes_a_repository_that_clones_to_the_tree(tmp_path):
    files = {"Dockerfile": "FROM quay.io/a:1\n", "bin/start": "#!/bin/sh\nexec app\n"}
    (result,) = run_publish(tmp_path, [APP], {APP.key: tree(APP, files)})
    where = repository(tmp_path)
    assert (result.status, result.parent, result.url) == ("created", None, "dist-git/ns/app.git")
    assert result.commit == commits(where)[0]
    assert git("fsck", "--strict", "--full", folder=where) == ""
    assert where.stat().st_mode == where.parent.stat().st_mode
    git("clone", "-q", str(where), str(tmp_path / "clone"))
    assert (tmp_path / "clone/bin/start").stat().st_mode & 0o111
    assert listing(where) == [".distgen.json", ".gitattributes", "Dockerfile", "bin/start"]
    assert [path.name for path in where.parent.iterdir()] == ["app.git"]


def test_publishing_twice_makes_no_commit_not_even_with_a_new_distgen(tmp_path):
    (first,) = run_publish(tmp_path, [APP], trees([APP]))
    newer = replace(OPTIONS, provenance=replace(OPTIONS.provenance, version="2.0", source="@new"))
    (second,) = run_publish(tmp_path, [APP], trees([APP]), newer)
    assert (second.status, second.commit) == ("unchanged", first.commit)
    assert len(commits(repository(tmp_path))) == 1


def test_a_changed_tree_is_a_child_commit(tmp_path):
    (first,) = run_publish(tmp_path, [APP], trees([APP], gone="x"))
    (second,) = run_publish(tmp_path, [APP], trees([APP], "FROM b"))
    where = repository(tmp_path)
    assert (second.status, second.parent) == ("updated", first.commit)
    assert commits(where) == [second.commit, first.commit]
    assert listing(where) == [".distgen.json", ".gitattributes", "Dockerfile"]
    assert git("fsck", "--strict", "--full", folder=where) == ""


def message_of_change(tmp_path, path, before, after):
    """Publish a tree twice, one more file of it changed; return the second commit's message."""
    run_publish(tmp_path, [APP], trees([APP], **{path: before}))
    run_publish(tmp_path, [APP], trees([APP], **{path: after}))
    return git("log", "-1", "--format=%B", folder=repository(tmp_path))


def test_prose_about_dockerfiles_is_not_summarised_as_one(tmp_path):
    """Whatever began with `Dockerfile` was read as one, and git was said to be installed."""
    before, after = "Dockerfiles\n", "Dockerfiles\n\nRUN apt-get install -y git\n"
    message = message_of_change(tmp_path, "Dockerfiles.md", before, after)
    assert message.startswith("ns/app: Dockerfiles.md changed\n\nchanged Dockerfiles.md (+2 -0)\n")


@pytest.mark.parametrize("path", ["web.Dockerfile", "web/Containerfile", "Dockerfile.web"])
def test_packages_of_every_dockerfile_are_summarised(tmp_path, path):
    before, after = (f"FROM a\nRUN apt-get install -y curl{more}\n" for more in ("", " git"))
    message = message_of_change(tmp_path, path, before, after)
    assert message.startswith(f"ns/app: 1 package added\n\napt package added in {path}: git\n")


def test_two_machines_make_the_same_commits(tmp_path):
    """The environment, the configuration, the folder and the history of the store do not matter."""
    (tmp_path / "config").write_text("[i18n]\ncommitEncoding=latin1\n[user]\nname=Eve\n")
    hostile = {
        **{"PATH": os.environ["PATH"], "GIT_DIR": "/x", "TZ": "Asia/Tokyo", "LANG": "de_DE"},
        **{"GIT_CONFIG_GLOBAL": str(tmp_path / "config"), "GIT_COMMITTER_DATE": "1 +0000"},
    }
    images = [image("ns/base"), image("ns/app", "ns/base"), image("ns/app@2024.1")]
    commits_by_machine = []
    for name, tool, jobs in (("a", GIT, 1), ("b", isolate(hostile), 8)):
        root = tmp_path / name
        root.mkdir()
        options = replace(OPTIONS, jobs=jobs)
        for number, line in enumerate(("FROM a", "FROM b # ü")):
            store = tmp_path / f"store-{name}-{number if name == 'b' else 0}"
            results = run_publish(root, images, trees(images, line), options, store=store, git=tool)
        commits_by_machine.append([result.commit for result in results])
    assert commits_by_machine[0] == commits_by_machine[1]
    assert None not in commits_by_machine[0]


def test_all_streams_are_branches_of_one_repository_and_head_is_the_first(tmp_path):
    images = [image("ns/app@2024.1"), APP]
    results = run_publish(tmp_path, images, trees(images))
    assert statuses(results) == {"ns/app@2024.1": "created", "ns/app@master": "created"}
    where = repository(tmp_path)
    assert git("symbolic-ref", "HEAD", folder=where) == "refs/heads/master\n"
    assert listing(where, "stable/2024.1") == listing(where, "master")


def test_a_stream_published_alone_shows_on_a_clone(tmp_path):
    later = image("ns/app@2024.1")
    run_publish(tmp_path, [later], trees([later]))
    git("clone", "-q", str(repository(tmp_path)), str(tmp_path / "clone"))
    assert (tmp_path / "clone/Dockerfile").exists()


def test_the_store_is_only_a_cache(tmp_path):
    run_publish(tmp_path, [APP], trees([APP]))
    shutil.rmtree(tmp_path / "store")
    assert [r.status for r in run_publish(tmp_path, [APP], trees([APP]))] == ["unchanged"]
    shutil.rmtree(tmp_path / "store")
    assert [r.status for r in run_publish(tmp_path, [APP], trees([APP], "FROM b"))] == ["updated"]
    assert git("fsck", "--strict", "--full", folder=repository(tmp_path)) == ""


def test_a_torn_store_is_begun_again_within_the_run(tmp_path):
    run_publish(tmp_path, [APP], trees([APP]))
    run_publish(tmp_path, [APP], trees([APP], "FROM b"))
    for pack in tmp_path.glob("store/objects/pack/*.pack"):
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:40])
    assert [r.status for r in run_publish(tmp_path, [APP], trees([APP], "FROM c"))] == ["updated"]
    assert content(repository(tmp_path), "Dockerfile") == "FROM c\n"


def test_a_big_binary_tree_with_odd_names_arrives_whole(tmp_path):
    odd = {
        "a b/ü": "x",
        'quo"te': "y",
        "blob": bytes(range(256)) * 4000,
        "empty": "",
        **dockerfile(),
    }
    run_publish(tmp_path, [APP], {APP.key: tree(APP, odd)})
    git("clone", "-q", str(repository(tmp_path)), str(tmp_path / "clone"))
    for path, text in odd.items():
        expected = text if isinstance(text, bytes) else text.encode()
        assert (tmp_path / "clone" / path).read_bytes() == expected


# --- downstream edits --------------------------------------------------------------------------


def test_an_edit_refuses_its_branch_and_the_rest_goes_on(tmp_path):
    images = [APP, image("ns/other")]
    run_publish(tmp_path, images, trees(images))
    theirs = edit(repository(tmp_path), dockerfile("FROM a", "USER me"), tmp_path)
    app, other_result = run_publish(tmp_path, images, trees(images, "FROM b"))
    assert (app.status, app.commit, other_result.status) == ("refused", theirs, "updated")
    assert app.detail.startswith("Dockerfile was edited downstream; adopt the edit")
    assert "+USER me\n" in app.edits[0].diff
    assert commits(repository(tmp_path))[0] == theirs


@pytest.mark.parametrize(
    ("on_edit", "dockerfile_after"),
    [
        ("keep", "FROM a\nRUN 1\nRUN 2\nUSER me\n"),
        ("merge", "FROM b\nRUN 1\nRUN 2\nUSER me\n"),
        ("overwrite", "FROM b\nRUN 1\nRUN 2\n"),
    ],
)
def test_on_edit_decides_and_history_keeps_the_edit(tmp_path, on_edit, dockerfile_after):
    steps = ("RUN 1", "RUN 2")
    run_publish(tmp_path, [APP], {APP.key: tree(APP, dockerfile("FROM a", *steps))})
    where = repository(tmp_path)
    theirs = edit(where, dockerfile("FROM a", *steps, "USER me"), tmp_path)
    options = replace(OPTIONS, on_edit=on_edit)
    trees_by_key = {APP.key: tree(APP, dockerfile("FROM b", *steps))}
    (result,) = run_publish(tmp_path, [APP], trees_by_key, options)
    assert (result.status, result.parent) == ("updated", theirs)
    assert content(where, "Dockerfile") == dockerfile_after
    (repeated,) = run_publish(tmp_path, [APP], trees_by_key, options)
    assert (repeated.status, repeated.commit) == ("unchanged", result.commit)


@pytest.mark.parametrize("first", ["keep", "merge"])
def test_an_edit_is_merged_again_and_again(tmp_path, first):
    """The text last generated stands in no commit once an edit was kept or merged."""
    steps = [f"RUN {number}" for number in range(5)]
    run_publish(tmp_path, [APP], {APP.key: tree(APP, dockerfile("FROM a", *steps))})
    where = repository(tmp_path)
    edit(where, dockerfile("FROM a", *steps, "USER me"), tmp_path)
    for base, on_edit in (("FROM b", first), ("FROM c", "merge"), ("FROM d", "merge")):
        trees_by_key = {APP.key: tree(APP, dockerfile(base, *steps))}
        (result,) = run_publish(tmp_path, [APP], trees_by_key, replace(OPTIONS, on_edit=on_edit))
        assert result.status == "updated"
    assert content(where, "Dockerfile") == dockerfile("FROM d", *steps, "USER me")["Dockerfile"]
    edit(where, dockerfile("FROM d", *steps), tmp_path)
    (result,) = run_publish(tmp_path, [APP], trees_by_key)
    assert result.status == "updated"
    assert "edited" not in content(where, ".distgen.json")


def test_a_person_s_own_files_and_history_stay(tmp_path):
    run_publish(tmp_path, [APP], trees([APP]))
    where = repository(tmp_path)
    theirs = edit(where, {"NOTES": "mine", "deep/er": "too"}, tmp_path)
    (result,) = run_publish(tmp_path, [APP], trees([APP], "FROM b"))
    assert (result.status, result.parent) == ("updated", theirs)
    assert content(where, "NOTES") == "mine"
    assert run_publish(tmp_path, [APP], trees([APP], "FROM b"))[0].status == "unchanged"


def test_an_edit_is_merged_though_the_generated_text_is_only_in_old_history(tmp_path):
    steps = [f"RUN {number}" for number in range(9)]
    run_publish(tmp_path, [APP], {APP.key: tree(APP, dockerfile("FROM a", *steps))})
    where = repository(tmp_path)
    for number in (7, 8):
        steps[number] = "USER me"
        edit(where, dockerfile("FROM a", *steps), tmp_path)
    shutil.rmtree(tmp_path / "store")
    trees_by_key = {
        APP.key: tree(APP, dockerfile("FROM b", *[f"RUN {number}" for number in range(9)]))
    }
    (result,) = run_publish(tmp_path, [APP], trees_by_key, replace(OPTIONS, on_edit="merge"))
    assert result.status == "updated"
    assert content(where, "Dockerfile") == dockerfile("FROM b", *steps)["Dockerfile"]


def test_an_edited_manifest_refuses(tmp_path):
    run_publish(tmp_path, [APP], trees([APP]))
    theirs = edit(repository(tmp_path), {".distgen.json": "{}"}, tmp_path)
    (result,) = run_publish(tmp_path, [APP], trees([APP], "FROM b"))
    assert result.status == "refused"
    assert result.detail == (
        f".distgen.json was not written by distgen (since commit {theirs[:12]});"
        " mend that, or choose --on-edit overwrite"
    )


def test_a_repository_of_somebody_else_takes_our_files_beside_its_own(tmp_path):
    hook(tmp_path, APP, "post-update", "exit 0")
    source = tmp_path / "source"
    git("init", "-q", "-b", "master", str(source))
    (source / "LICENSE").write_text("theirs")
    git("add", "-A", folder=source)
    git("commit", "-q", "-m", "Begin", folder=source)
    git("push", "-q", str(repository(tmp_path)), "master", folder=source)
    (result,) = run_publish(tmp_path, [APP], trees([APP]))
    assert result.status == "updated"
    assert "LICENSE" in listing(repository(tmp_path))
    (blocked,) = run_publish(tmp_path, [APP], trees([APP], LICENSE="ours"))
    assert (blocked.status, blocked.edits[0].kind) == ("refused", "blocked")


# --- order, failures, atomicity ----------------------------------------------------------------


def test_parents_are_pushed_before_children(tmp_path):
    images = [
        image("ns/leaf", "ns/middle"),
        image("ns/middle", "ns/root"),
        image("ns/alone"),
        image("ns/root"),
    ]
    for family_image in images:
        wait = "sleep 0.2" if family_image.name == "root" else ""
        hook(
            tmp_path,
            family_image,
            "post-receive",
            f"{wait}\necho {family_image.name} >> {tmp_path}/order",
        )
    run_publish(tmp_path, images, trees(images))
    order = (tmp_path / "order").read_text().split()
    assert [name for name in order if name != "alone"] == ["root", "middle", "leaf"]
    assert order.index("alone") < order.index("root")


def test_a_child_of_two_parents_waits_for_both(tmp_path):
    images = [image("ns/quick"), image("ns/slow"), image("ns/app", "ns/quick", "ns/slow")]
    hook(tmp_path, images[1], "pre-receive", "sleep 0.7")
    slow = repository(tmp_path, "ns/slow")
    hook(tmp_path, images[2], "pre-receive", f"[ -e '{slow}/refs/heads/master' ]")
    results = run_publish(tmp_path, images, trees(images))
    assert statuses(results) == {family_image.key: "created" for family_image in images}
    assert len(results) == 3


@pytest.mark.parametrize("independent", [False, True])
def test_children_of_a_failed_parent_are_skipped(tmp_path, independent):
    images = [image("ns/root"), image("ns/middle", "ns/root"), image("ns/leaf", "ns/middle"),
              image("ns/alone")]  # fmt: skip
    hook(tmp_path, images[0], "pre-receive", "echo 'no pushes today'; exit 1")
    options = replace(OPTIONS, independent=independent)
    results = run_publish(tmp_path, images, trees(images), options)
    result_of = {result.image.removeprefix("ns/"): result for result in results}
    assert result_of["root"].status == "failed"
    assert (
        result_of["root"].detail == "no pushes today; [remote rejected] (pre-receive hook declined)"
    )
    assert result_of["alone"].status == "created"
    if independent:
        assert result_of["middle"].status == result_of["leaf"].status == "created"
    else:
        assert result_of["middle"].status == result_of["leaf"].status == "skipped"
        assert result_of["middle"].detail == "its parent ns/root@master was failed"
        assert not repository(tmp_path, "ns/leaf").exists()


def test_children_of_a_refused_parent_are_skipped(tmp_path):
    images = [image("ns/root"), image("ns/app", "ns/root")]
    run_publish(tmp_path, images, trees(images))
    edit(repository(tmp_path, "ns/root"), dockerfile("FROM mine"), tmp_path)
    results = run_publish(tmp_path, images, trees(images, "FROM b"))
    assert statuses(results) == {"ns/root@master": "refused", "ns/app@master": "skipped"}


def test_streams_are_pushed_together_or_not_at_all(tmp_path):
    images = [APP, image("ns/app@2024.1")]
    run_publish(tmp_path, images, trees(images))
    before = commits(repository(tmp_path), "--all")
    refuse = 'test "$1" != refs/heads/stable/2024.1'
    hook(tmp_path, APP, "update", refuse)
    results = run_publish(tmp_path, images, trees(images, "FROM b"))
    assert {result.status for result in results} == {"failed"}
    assert "hook declined" in results[0].detail
    assert commits(repository(tmp_path), "--all") == before


def test_streams_that_make_repositories_wait_for_each_other_still_go_out(tmp_path):
    images = [
        image("ns/a", "ns/b"),
        image("ns/b"),
        image("ns/b@2024.1", "ns/a"),
        image("ns/a@2024.1"),
    ]
    results = run_publish(tmp_path, images, trees(images))
    assert {result.status for result in results} == {"created"}


def test_a_tree_that_cannot_be_rendered_fails_alone(tmp_path):
    images = [APP, image("ns/other")]

    class Trees(dict):
        def __getitem__(self, key):
            if key == APP.key:
                raise InputError("'tls' is undefined", where="templates/x/Dockerfile.j2:3")
            return super().__getitem__(key)

    results = run_publish(tmp_path, images, Trees(trees(images)))
    assert statuses(results) == {"ns/app@master": "failed", "ns/other@master": "created"}
    assert results[0].detail == "templates/x/Dockerfile.j2:3: 'tls' is undefined"


def test_a_tree_with_a_file_and_a_folder_of_one_name_fails_alone(tmp_path):
    images = [APP, image("ns/other")]
    bad = {APP.key: tree(APP, {"conf": "x", "conf/y": "z"})}
    app, other_result = run_publish(tmp_path, images, trees(images) | bad)
    assert (app.status, other_result.status) == ("failed", "created")
    assert app.detail == "conf/y needs a folder where there is a file"


def test_two_images_on_one_branch_both_fail(tmp_path):
    images = [image("ns/a", url="dist-git/one.git"), image("ns/b", url="dist-git/one.git")]
    results = run_publish(tmp_path, images, trees(images))
    assert {result.status for result in results} == {"failed"}
    assert "ns/a@master and ns/b@master are both published to branch master" in results[0].detail


# --- places ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda path: path.write_text("x"), "is a file, not a git repository; move it away"),
        (lambda path: (path / "x").mkdir(parents=True), "is a folder with other things in it"),
        (lambda path: git("init", "-q", "-b", "master", str(path)), "with a work tree"),
    ],
)
def test_what_stands_in_the_place_of_a_repository_is_a_sentence(tmp_path, prepare, why):
    images = [APP, image("ns/other")]
    repository(tmp_path).parent.mkdir(parents=True)
    prepare(repository(tmp_path))
    before = snapshot(repository(tmp_path))
    app, other_result = run_publish(tmp_path, images, trees(images))
    assert (app.status, other_result.status) == ("failed", "created")
    assert why in app.detail
    assert "\n" not in app.detail
    assert snapshot(repository(tmp_path)) == before


def test_an_empty_folder_becomes_the_repository(tmp_path):
    repository(tmp_path).mkdir(parents=True)
    assert run_publish(tmp_path, [APP], trees([APP]))[0].status == "created"


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "dist-git").write_text("a file where a folder should be")
    (result,) = run_publish(tmp_path, [APP], trees([APP]))
    assert result.status == "failed"
    assert "Not a directory" in result.detail or "cannot be made" in result.detail


def test_a_work_tree_that_takes_pushes_gets_them(tmp_path):
    git("init", "-q", "-b", "master", str(repository(tmp_path)))
    git("config", "receive.denyCurrentBranch", "updateInstead", folder=repository(tmp_path))
    assert run_publish(tmp_path, [APP], trees([APP]))[0].status == "created"
    assert (repository(tmp_path) / "Dockerfile").read_text() == "FROM a\n"


@pytest.mark.parametrize("name", ["HEAD.lock", "refs/heads/master.lock"])
def test_a_lock_that_a_killed_git_left_in_the_repository_is_overcome(tmp_path, name):
    """A run that was killed while git moved the branch made every later run fail."""
    run_publish(tmp_path, [APP], trees([APP]))
    (repository(tmp_path) / name).write_text("")
    (result,) = run_publish(tmp_path, [APP], trees([APP], "FROM b"))
    assert (result.status, result.detail) == ("updated", "")
    assert content(repository(tmp_path), "Dockerfile") == "FROM b\n"


def test_a_torn_ref_is_a_sentence(tmp_path):
    run_publish(tmp_path, [APP], trees([APP]))
    (repository(tmp_path) / "refs/heads/master").write_text("")
    (result,) = run_publish(tmp_path, [APP], trees([APP]))
    assert result.status == "failed"
    assert result.detail.endswith("refs/heads/master is damaged; see `git fsck`")


def test_packed_refs_are_seen(tmp_path):
    run_publish(tmp_path, [APP], trees([APP]))
    git("gc", "-q", folder=repository(tmp_path))
    shutil.rmtree(tmp_path / "store")
    assert run_publish(tmp_path, [APP], trees([APP]))[0].status == "unchanged"
    assert run_publish(tmp_path, [APP], trees([APP], "FROM b"))[0].status == "updated"


# --- looking without touching ------------------------------------------------------------------


def test_a_plan_is_what_publish_then_does_and_writes_nothing(tmp_path):
    images = [image("ns/root"), image("ns/app", "ns/root"), image("ns/new"), image("ns/same")]
    run_publish(tmp_path, [images[0], images[1], images[3]], trees(images))
    edit(repository(tmp_path, "ns/root"), dockerfile("FROM mine"), tmp_path)
    trees_by_key = trees(images, "FROM b") | trees([images[3]])
    shutil.rmtree(tmp_path / "store")
    before = snapshot(tmp_path)
    changes = plans(tmp_path, images, trees_by_key)
    assert snapshot(tmp_path) == before
    assert [c.status for c in changes] == ["refused", "skipped", "created", "unchanged"]
    results = run_publish(tmp_path, images, trees_by_key)
    assert {c.key: (c.status, c.commit, c.parent, c.detail) for c in changes} == {
        r.key: (r.status, r.commit, r.parent, r.detail) for r in results
    }


def test_status_and_diff(tmp_path):
    images = [APP, image("ns/new"), image("ns/same"), image("ns/old")]
    run_publish(tmp_path, [images[0], images[2], images[3]], trees(images))
    edit(repository(tmp_path), dockerfile("FROM mine"), tmp_path)
    trees_by_key = trees(images) | trees([images[3]], "FROM b")
    changes = plans(tmp_path, images, trees_by_key)
    assert [status_of(change).status for change in changes] == [
        "drifted", "behind", "unchanged", "behind"]  # fmt: skip
    assert status_of(changes[1]).detail == "not published yet"
    names = ("a/ns/old@master/{0}", "b/ns/old@master/{0}")
    header = "diff --git {0} {1}\n--- {0}\n+++ {1}\n".format(*names)
    assert format_change(changes[3]).startswith(
        header.format("Dockerfile")
        + "@@ -1 +1 @@\n-FROM a\n+FROM b\n"
        + header.format(".distgen.json")
    )
    assert "new file mode 100644\n--- /dev/null\n+++ b/ns/new@master/Dockerfile\n" in (
        format_change(changes[1])
    )
