"""What becomes of each path, and of a branch, when last generated, present and new are compared."""

import hashlib
import json
from dataclasses import replace

import pytest
from testing.dist_git import GIT, ORIGIN
from testing.images import image, tree

from distgen.git.objects import blob_id, tree_id
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.published import BranchState, TreeEntry
from distgen.model.words import EXECUTABLE, MANIFEST
from distgen.publish.commit import lock_digest
from distgen.publish.merge_file import three_way_merge
from distgen.publish.plan import plan_change, plan_retirement
from distgen.publish.target import branch_target
from distgen.render.manifest import parse_manifest, published_files

APP = image("ns/app")
OLD = {"Dockerfile": "FROM a\nRUN 1\nRUN 2\nRUN 3\n", "run": "#!/bin/sh\n"}
NEW = {**OLD, "Dockerfile": "FROM b\nRUN 1\nRUN 2\nRUN 3\n"}
EDITED = "FROM a\nRUN 1\nRUN 2\nRUN three\n"


def branch_state(contents, edits=(), modes=(), manifest=True):
    """Return a branch on which `contents` were published, and then `edits` were made."""
    last = {file.path: file for file in published_files(tree(APP, contents))}
    edits = {path: text and text.encode() for path, text in dict(edits).items()}
    contents_on_branch = {path: file.content for path, file in last.items()} | edits
    contents_on_branch = {
        path: text for path, text in contents_on_branch.items() if text is not None
    }
    if not manifest:
        del contents_on_branch[MANIFEST]
    mode = {path: file.mode for path, file in last.items()} | dict(modes)
    entries = {
        p: TreeEntry(mode.get(p, 0o100644), blob_id(text)) for p, text in contents_on_branch.items()
    }
    last_manifest = parse_manifest(last[MANIFEST].content) if manifest else None
    before = {path: file.content for path, file in last.items() if path != MANIFEST}
    return BranchState(
        "c" * 40,
        tree_id(entries),
        entries,
        last_manifest,
        contents_on_branch,
        before if manifest else {},
    )


def plan_app(present, contents=NEW, on_edit="refuse"):
    return plan_change(
        branch_target(APP), tree(APP, contents), present, ORIGIN, on_edit, three_way_merge(GIT)
    )


def new_texts(change):
    return {file.path: file.content.decode() for file in change.write}


def manifest_digests(change):
    """Return what the change's manifest says was generated, by path."""
    files = json.loads(new_texts(change)[MANIFEST])["files"]
    return {path: entry["sha256"] for path, entry in files.items()}


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_nothing_new_is_no_change():
    change = plan_app(branch_state(OLD), OLD)
    assert (change.status, change.parent, change.commit) == ("unchanged", "c" * 40, "c" * 40)
    assert (change.write, change.delete, change.message) == ((), (), "")


def test_only_what_differs_is_written_and_what_went_is_deleted():
    change = plan_app(branch_state({**OLD, "gone": "x"}), {**NEW, "come": "y"})
    assert change.status == "updated"
    assert {*new_texts(change)} == {".distgen.json", "Dockerfile", "come"}
    assert change.delete == ("gone",)


def test_a_file_that_distgen_does_not_own_stays():
    change = plan_app(branch_state(OLD, {"NOTES": "mine"}))
    assert change.status == "updated"
    assert "NOTES" not in {*new_texts(change), *change.delete}


def test_a_mode_is_a_change_of_its_own():
    change = plan_app(branch_state({**OLD, "run": "x"}), {**OLD, "run": "x"})
    assert change.status == "unchanged"
    executable = replace(tree(APP, OLD), files=tuple(
        replace(file, mode=EXECUTABLE) for file in tree(APP, OLD).files))  # fmt: skip
    change = plan_change(branch_target(APP), executable, branch_state(OLD), ORIGIN, "refuse")
    assert [f.path for f in change.write if f.mode == EXECUTABLE] == ["Dockerfile"]


EDITS = {
    "modified": {"edits": {"Dockerfile": EDITED}},
    "deleted": {"edits": {"Dockerfile": None}},
    "mode": {"modes": {"Dockerfile": EXECUTABLE}},
}


@pytest.mark.parametrize("on_edit", ["refuse", "keep", "merge"])
@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_that_nothing_new_meets_stops_nothing(kind, on_edit):
    """One edit made every later run red, although there was nothing to deliver."""
    change = plan_app(branch_state(OLD, **EDITS[kind]), OLD, on_edit)
    assert change.status == "unchanged"
    assert [(edit.path, edit.kind) for edit in change.edits] == [("Dockerfile", kind)]
    assert (
        change.detail
        == f"downstream edits {'merged' if on_edit == 'merge' else 'kept'}: Dockerfile"
    )
    assert (change.write, change.delete, change.commit) == ((), (), "c" * 40)


@pytest.mark.parametrize("kind", EDITS)
def test_other_files_are_delivered_beside_an_edit(kind):
    change = plan_app(branch_state(OLD, **EDITS[kind]), {**OLD, "more": "new\n"})
    assert change.status == "updated"
    assert {*new_texts(change)} == {"more", MANIFEST}
    assert "downstream edit of Dockerfile kept" in change.message


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_refuses_the_whole_branch(kind):
    change = plan_app(branch_state(OLD, **EDITS[kind]), {**NEW, "more": "new\n"})
    assert change.status == "refused"
    assert [(edit.path, edit.kind) for edit in change.edits] == [("Dockerfile", kind)]
    assert "Dockerfile was" in change.detail or "mode of Dockerfile was" in change.detail
    assert (change.write, change.delete, change.commit) == ((), (), "c" * 40)


def test_the_edit_is_shown_as_what_the_person_did():
    (edit,) = plan_app(branch_state(OLD, {"Dockerfile": EDITED})).edits
    assert edit.diff.splitlines()[:3] == ["--- a/Dockerfile", "+++ b/Dockerfile", "@@ -1,4 +1,4 @@"]
    assert edit.diff.splitlines()[-2:] == ["-RUN 3", "+RUN three"]
    assert (edit.generated, edit.downstream) == (OLD["Dockerfile"].encode(), EDITED.encode())


def test_an_edit_that_says_what_we_say_is_none():
    change = plan_app(branch_state(OLD, {"Dockerfile": NEW["Dockerfile"]}))
    assert (change.status, change.edits) == ("updated", ())
    assert {*new_texts(change)} == {MANIFEST}


def test_an_edit_that_the_new_text_carries_is_none():
    with_both_edits = NEW["Dockerfile"].replace("RUN 3", "RUN three")
    change = plan_app(
        branch_state(OLD, {"Dockerfile": EDITED}), {**OLD, "Dockerfile": with_both_edits}
    )
    assert (change.status, change.edits) == ("updated", ())
    assert new_texts(change)["Dockerfile"] == with_both_edits


def test_a_file_that_went_on_both_sides_is_no_edit():
    change = plan_app(branch_state({**OLD, "gone": "x"}, {"gone": None}), OLD)
    assert (change.status, change.edits, change.delete) == ("updated", (), ())


def test_keep_leaves_the_edit_and_still_knows_it_as_one():
    change = plan_app(branch_state(OLD, {"Dockerfile": EDITED}), on_edit="keep")
    assert change.status == "updated"
    assert {*new_texts(change)} == {MANIFEST}
    assert manifest_digests(change)["Dockerfile"] == sha256(NEW["Dockerfile"])
    assert "downstream edit of Dockerfile kept\n" in change.message


def test_keep_twice_is_no_change():
    change = plan_app(branch_state(OLD, {"Dockerfile": EDITED}), OLD, "keep")
    assert change.status == "unchanged"
    assert change.detail == "downstream edits kept: Dockerfile"


def test_keep_of_a_file_no_longer_generated_gives_it_away():
    change = plan_app(branch_state({**OLD, "gone": "x"}, {"gone": "mine"}), OLD, "keep")
    assert change.delete == ()
    assert "gone" not in manifest_digests(change)


@pytest.mark.parametrize("kind", EDITS)
def test_overwrite_puts_the_new_file_there(kind):
    change = plan_app(branch_state(OLD, **EDITS[kind]), on_edit="overwrite")
    assert new_texts(change)["Dockerfile"] == NEW["Dockerfile"]
    assert "downstream edit of Dockerfile overwritten\n" in change.message


def test_overwrite_deletes_an_edited_file_no_longer_generated():
    change = plan_app(branch_state({**OLD, "gone": "x"}, {"gone": "mine"}), OLD, "overwrite")
    assert change.delete == ("gone",)


def test_merge_takes_both_sides():
    change = plan_app(branch_state(OLD, {"Dockerfile": EDITED}), on_edit="merge")
    assert new_texts(change)["Dockerfile"] == "FROM b\nRUN 1\nRUN 2\nRUN three\n"
    assert manifest_digests(change)["Dockerfile"] == sha256(NEW["Dockerfile"])
    assert "downstream edit of Dockerfile merged\n" in change.message


def test_merge_twice_is_no_change():
    first = plan_app(branch_state(OLD, {"Dockerfile": EDITED}), on_edit="merge")
    merged = branch_state(NEW, {"Dockerfile": new_texts(first)["Dockerfile"]})
    assert plan_app(merged, on_edit="merge").status == "unchanged"


def test_merge_keeps_a_mode_that_was_changed():
    change = plan_app(branch_state(OLD, modes={"Dockerfile": EXECUTABLE}), on_edit="merge")
    (file,) = (file for file in change.write if file.path == "Dockerfile")
    assert (file.mode, file.content.decode()) == (EXECUTABLE, NEW["Dockerfile"])


@pytest.mark.parametrize(
    ("present", "contents"),
    [
        (branch_state(OLD, {"Dockerfile": "FROM c\nRUN 1\nRUN 2\nRUN 3\n"}), NEW),
        (branch_state(OLD, {"Dockerfile": None}), NEW),
        (branch_state({**OLD, "gone": "x"}, {"gone": "mine"}), OLD),
        (branch_state(OLD, {"come": "mine"}), {**OLD, "come": "ours"}),
        (replace(branch_state(OLD, {"Dockerfile": EDITED}), generated={"Dockerfile": None}), NEW),
    ],
    ids=["same lines", "deleted and changed", "edited and gone", "not ours", "history lost"],
)
def test_a_merge_that_conflicts_is_refused(present, contents):
    change = plan_app(present, contents, "merge")
    assert (change.status, change.write) == ("refused", ())
    assert "cannot be merged" in change.detail


def test_merge_leaves_a_deleted_file_deleted_when_we_have_nothing_new():
    change = plan_app(branch_state(OLD, {"Dockerfile": None}), OLD, "merge")
    assert change.status == "unchanged"


def test_a_file_in_the_way_that_is_not_ours_refuses():
    change = plan_app(branch_state(OLD, {"come": "mine"}), {**OLD, "come": "ours"})
    assert [(edit.path, edit.kind) for edit in change.edits] == [("come", "blocked")]
    assert change.status == "refused"
    assert "come stands there and was not written by distgen" in change.detail


def test_the_same_file_that_is_not_ours_is_adopted():
    change = plan_app(branch_state(OLD, {"come": "same"}), {**OLD, "come": "same"})
    assert {*new_texts(change)} == {MANIFEST}
    assert manifest_digests(change)["come"] == sha256("same")


def test_a_branch_without_manifest_takes_our_files_beside_its_own():
    there = branch_state({"README": "hello"}, {".gitattributes": None}, manifest=False)
    change = plan_app(there, OLD)
    assert change.status == "updated"
    assert {*new_texts(change)} == {MANIFEST, ".gitattributes", *OLD}


@pytest.mark.parametrize("on_edit", ["refuse", "merge", "overwrite"])
@pytest.mark.parametrize(
    ("edits", "contents"),
    [({"conf/mine": "x"}, {**OLD, "conf": "ours"}), ({"conf": "x"}, {**OLD, "conf/ours": "y"})],
)
def test_a_file_and_a_folder_of_one_name_refuse(edits, contents, on_edit):
    change = plan_app(branch_state(OLD, edits), contents, on_edit)
    assert change.status == "refused"
    assert "a file and a folder would share a name" in change.detail


def test_an_owned_file_may_become_a_folder():
    change = plan_app(branch_state({**OLD, "conf": "x"}), {**OLD, "conf/a": "y"})
    assert change.status == "updated"
    assert (change.delete, "conf/a" in new_texts(change)) == (("conf",), True)


@pytest.mark.parametrize("why", [".distgen.json was edited by hand", ".distgen.json is not JSON"])
def test_a_broken_manifest_refuses_unless_overwritten(why):
    broken = replace(branch_state(OLD, {MANIFEST: "{"}), manifest=None, problem=why)
    change = plan_app(broken)
    assert change.status == "refused"
    assert change.detail.startswith(why)
    assert {*new_texts(plan_app(broken, on_edit="overwrite"))} >= {MANIFEST, "Dockerfile"}


def test_a_branch_of_another_image_is_refused():
    present = branch_state(OLD)
    state_of_other_image = replace(present, manifest=replace(present.manifest, image="ns/other"))
    change = plan_app(state_of_other_image)
    assert change.status == "refused"
    assert "branch master belongs to ns/other@master" in change.detail


def test_the_message_says_what_changed_and_where_it_comes_from():
    change = plan_app(branch_state(OLD), {**OLD, "come": "x\n"})
    assert change.message == (
        "ns/app: come added\n"
        "\n"
        "added come\n"
        "\n"
        "Distgen-Image: ns/app\n"
        "Distgen-Stream: master\n"
        "Distgen-Source: https://example.org/images.git@abc\n"
        f"Distgen-Lock: sha256:{lock_digest(tree(APP, OLD), (), Lock())}\n"
        "Distgen-Version: 1.0.0\n"
    )


def test_the_lock_trailer_depends_only_on_what_the_image_used():
    base, git = "docker.io/library/debian:12", "https://example.org/app"
    tree_with_pins = tree(APP, OLD, bases={base: "sha256:1", "quay.io/ns/x:1": None},
                 sources={"app": {"git": git, "ref": "main", "commit": "1" * 40}})  # fmt: skip
    lock = Lock(
        {base: LockedBase("sha256:1"), "docker.io/other:1": LockedBase("sha256:2")},
        {(git, "main"): LockedSource("1" * 40, "2024-01-01T00:00:00Z")},
        {"https://example.org/file": "f" * 64, "https://example.org/other": "0" * 64},
    )
    digest = lock_digest(tree_with_pins, ["https://example.org/file"], lock)
    less = Lock({base: lock.bases[base]}, lock.sources, {"https://example.org/file": "f" * 64})
    assert lock_digest(tree_with_pins, ["https://example.org/file"], less) == digest
    moved = replace(lock, bases={base: LockedBase("sha256:9")})
    assert lock_digest(tree_with_pins, ["https://example.org/file"], moved) != digest


def test_a_commit_depends_on_its_origin_alone():
    first, second = (plan_app(branch_state(OLD)) for _ in range(2))
    assert first == second
    later = plan_change(
        branch_target(APP), tree(APP, NEW), branch_state(OLD), replace(ORIGIN, date=9), "refuse"
    )
    assert later.commit != first.commit


def test_retiring_takes_what_is_ours_and_says_why():
    change = plan_retirement(
        branch_target(APP), branch_state(OLD, {"NOTES": "mine"}), ORIGIN, "refuse"
    )
    assert change.status == "retired"
    assert change.delete == (".gitattributes", "Dockerfile", "run", ".distgen.json")
    assert new_texts(change) == {
        "dead.package": "ns/app@master left the catalogue and is no longer published.\n"
    }
    assert change.message.startswith("ns/app: stream master retired\n")


def test_retiring_keeps_a_person_s_edit():
    change = plan_retirement(
        branch_target(APP), branch_state(OLD, {"run": "mine"}), ORIGIN, "refuse"
    )
    assert change.status == "refused"
    change = plan_retirement(branch_target(APP), branch_state(OLD, {"run": "mine"}), ORIGIN, "keep")
    assert "run" not in change.delete


def test_an_image_that_comes_back_loses_the_note():
    note = "ns/app@master left the catalogue and is no longer published.\n"
    bare = dict.fromkeys([*OLD, ".gitattributes"])
    back = plan_app(branch_state(OLD, {**bare, "dead.package": note}, manifest=False), OLD)
    assert (back.status, back.delete) == ("updated", ("dead.package",))
