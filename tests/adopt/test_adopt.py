"""Adopted edits: after the next publication a repository has the files that packagers gave it."""

import email
import os
import re
import stat
import subprocess
from email import policy

import jsonschema
import pytest
from testing.downstream import FILES, STREAMS, commit, git

from distgen.schema.packaged import load_schema

pytest_plugins = ["testing.commandline", "testing.downstream"]
PATCHES = "overlays/small/tool/patches"


@pytest.fixture
def published(small, distgen):
    assert distgen(small, "publish").code == 0
    return small


@pytest.fixture
def streams(catalogue, distgen):
    """A published catalogue of two streams, whose rendered files differ."""
    root = catalogue({**FILES, "overlays/small/namespace.yaml": STREAMS})
    commit(root)
    assert distgen(root, "publish").code == 0
    return root


def adopt_all(distgen, root, *words):
    """Return what became of each branch that has edits."""
    ran = distgen(root, "adopt", "--format", "json", *words)
    jsonschema.validate(ran.json, load_schema("adopt"))
    adoptions = {f"{row['image']}@{row['stream']}": row for row in ran.json["results"]}
    assert ran.code == int(
        any(row["status"] in ("refused", "failed") for row in adoptions.values())
    )
    return {key: row for key, row in adoptions.items() if row["status"] != "unchanged"}


def overlay_files(root):
    """Return every file of the overlays with its bytes and whether it is executable."""
    return {
        str(path.relative_to(root)): (path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR))
        for path in sorted((root / "overlays").rglob("*"))
        if path.is_file()
    }


def adopt_and_check(distgen, root, clone, *words):
    """Adopt, publish and pull; the files must be as they were. Return the names of new files."""
    clone.push("--force")
    files_before, before = clone.files(), overlay_files(root)
    adoptions = adopt_all(distgen, root, *words)
    assert {row["status"] for row in adoptions.values()} == {"adopted"}, adoptions
    after = overlay_files(root)
    assert {name: after[name] for name in before} == before
    assert sorted({*after} - {*before}) == sorted(
        n for row in adoptions.values() for n in row["files"]
    )
    commit(root, "Adopt what packagers did")
    ran = distgen(root, "publish")
    assert ran.code == 0, ran.out
    clone.git("pull", "-q", "--ff-only")
    assert clone.files() == files_before
    assert adopt_all(distgen, root) == {}
    branch = clone.git("branch", "--show-current").strip()
    verdict = distgen(
        root, "verify", f"{clone.git('remote', 'get-url', 'origin').strip()}#{branch}"
    )
    assert verdict.out.startswith("reproduced")
    return sorted({*after} - {*before})


# --- what is adopted -----------------------------------------------------------------------------


def test_an_edit_becomes_a_patch_with_its_author_and_message(published, distgen, cloned):
    clone = cloned(published)
    clone.replace("start", "exec tool", "exec my-tool")
    commit_id = clone.commit("Start mine\n\nIt is faster.\n\nCloses: 7", name="Zoë Müller")
    clone.push()
    ran = distgen(published, "adopt")
    assert ran.out == f"adopted  small/tool@main  {PATCHES}/0001-Start-mine.patch\n"
    assert (ran.code, ran.err) == (0, "1 adopted, 1 unchanged\n")
    text = (published / f"{PATCHES}/0001-Start-mine.patch").read_text()
    assert text == "\n".join(
        [
            f"From {commit_id} Mon Sep 17 00:00:00 2001",
            "From: =?utf-8?b?Wm/DqyBNw7xsbGVy?= <pat@example.org>",
            "Date: Wed, 01 May 2024 12:00:00 +0200",
            "Subject: [PATCH] Start mine",
            "",
            "It is faster.",
            "",
            "Closes: 7",
            "---",
            "",
            "diff --git a/start b/start",
            *text.splitlines()[11:12],
            "--- a/start",
            "+++ b/start",
            "@@ -1,3 +1,3 @@",
            " #!/bin/sh",
            " set -e",
            "-exec tool",
            "+exec my-tool",
            "",
        ]
    )


def change_line(clone):
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit()


def change_and_add(clone):
    clone.replace("Dockerfile", "WORKDIR /srv", "COPY extra /extra\nWORKDIR /srv")
    clone.write(extra="more\n")
    clone.commit()


def chain(clone):
    clone.replace("settings.ini", "level = 1", "level = 2")
    clone.commit("Say more")
    clone.replace("settings.ini", "level = 2", "level = 3")
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit("Say even more")
    clone.write(notes="ours\n")
    clone.commit("Note it")


def merge(clone):
    clone.git("checkout", "-q", "-b", "side")
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit("Start mine")
    clone.git("checkout", "-q", "main")
    clone.replace("settings.ini", "level = 1", "level = 2")
    clone.commit("Say more")
    clone.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")


def evil_merge(clone):
    merge(clone)
    clone.replace("settings.ini", "last = yes", "last = no")
    clone.git("commit", "-q", "-a", "--amend", "--no-edit")


def squash(clone):
    clone.replace("start", "exec tool", "exec my-tool")
    clone.git("commit", "-q", "-a", "--amend", "--no-edit", "--reset-author")


def rebase(clone):
    clone.git("commit", "-q", "--amend", "-m", "Import", "--reset-author")
    change_line(clone)


def delete(clone):
    clone.git("rm", "-q", "settings.ini")
    clone.replace("Dockerfile", "COPY settings.ini /etc/tool.ini\n", "")
    clone.commit()


def rename(clone):
    clone.git("mv", "settings.ini", "tool.ini")
    clone.replace("Dockerfile", "COPY settings.ini", "COPY tool.ini")
    clone.commit("Call it by its name")


def rename_and_change(clone):
    clone.git("mv", "settings.ini", "tool.ini")
    clone.replace("tool.ini", "level = 1", "level = 2")
    clone.replace("Dockerfile", "COPY settings.ini", "COPY tool.ini")
    clone.commit("Call it by its name")


def rename_binary(clone):
    clone.git("mv", "logo.png", "small.png")
    clone.commit()


def change_mode(clone):
    (clone.path / "settings.ini").chmod(0o755)
    clone.commit()


def change_mode_and_text(clone):
    clone.replace("settings.ini", "level = 1", "level = 2")
    change_mode(clone)


def crlf(clone):
    clone.write(settings_ini=clone.read("settings.ini").replace("\n", "\r\n"))
    clone.commit()


def no_newline(clone):
    clone.write(settings_ini=clone.read("settings.ini").rstrip("\n"))
    clone.commit()


def empty_file(clone):
    clone.write(settings_ini="")
    clone.commit()


def latin(clone):
    clone.write(settings_ini=b"[tool]\nname = caf\xe9\n\x0c\n")
    clone.commit()


def back_and_forth(clone):
    change_line(clone)
    clone.git("revert", "--no-edit", "HEAD")
    clone.replace("settings.ini", "level = 1", "level = 2")
    clone.commit("Say more")


def odd_message(clone):
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit(
        "[PATCH] Ünusual\n\n--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1 +1 @@\n-x\n+y\n"
        "diff --git a/x b/x\n---\nFrom here on\n"
    )


@pytest.mark.parametrize(
    ("do", "names"),
    [
        (change_line, ["0001-Change-it-here.patch"]),
        (change_and_add, ["0001-Change-it-here.patch"]),
        (chain, ["0001-Say-more.patch", "0002-Say-even-more.patch"]),
        (merge, None),
        (evil_merge, ["0001-Downstream-edits-of-small-tool-main.patch"]),
        (squash, ["0001-Downstream-edits-of-small-tool-main.patch"]),
        (rebase, ["0001-Change-it-here.patch"]),
        (delete, ["0001-Change-it-here.patch"]),
        (rename, ["0001-Call-it-by-its-name.patch"]),
        (rename_and_change, ["0001-Call-it-by-its-name.patch"]),
        (rename_binary, ["0001-Change-it-here.patch"]),
        (change_mode, ["0001-Change-it-here.patch"]),
        (change_mode_and_text, ["0001-Change-it-here.patch"]),
        (crlf, ["0001-Change-it-here.patch"]),
        (no_newline, ["0001-Change-it-here.patch"]),
        (empty_file, ["0001-Change-it-here.patch"]),
        (latin, ["0001-Change-it-here.patch"]),
        (back_and_forth, None),
        (odd_message, ["0001-PATCH-nusual.patch"]),
    ],
)
def test_the_files_are_as_the_packager_had_them(published, distgen, cloned, do, names):
    clone = cloned(published)
    do(clone)
    adoptions = adopt_and_check(distgen, published, clone)
    if names is not None:
        assert adoptions == [f"{PATCHES}/{name}" for name in names]


def test_git_takes_the_patches_as_well(published, distgen, cloned):
    """Each is a mail as of git format-patch: author, date, message and change survive git am."""
    clone = cloned(published)
    before = clone.head
    chain(clone)
    clone.replace("Dockerfile", "ENV LANG=C", "ENV LANG=C.UTF-8")
    clone.commit("Use UTF-8 – everywhere, for all the names that have more than ASCII letters in "
                 "them\n\nAnd „quotes“.", name='Pat "the" Packager, Jr.')  # fmt: skip
    rename(clone)
    clone.push()
    log = clone.git("log", "--reverse", "--format=%an|%ae|%ad|%B", f"{before}..")
    distgen(published, "adopt")
    clone.git("checkout", "-q", "-b", "applied", before)
    for path in sorted((published / PATCHES).iterdir()):
        clone.git("am", "-q", "--keep-cr", str(path))
    applied = clone.git("log", "--reverse", "--format=%an|%ae|%ad|%B", f"{before}..")
    assert applied == log.replace(re.search(r"[^\n]*Note it\n\n?", log)[0], "")
    assert clone.git("diff", "--stat", "applied", "main").split()[0] == "notes"


ODD = [
    ("Zoë <zoë@exämple.org> 1714557600 +0200", "=?utf-8?q?Zo=C3=AB?= <zoë@exämple.org>", ""),
    ("Pat <p@x> 99999999999999 +0000", "Pat <p@x>", "Thu, 01 Jan 1970 00:00:00 +0000"),
    ("Pat <p@x> 1714557600 +9900", "Pat <p@x>", "Thu, 01 Jan 1970 00:00:00 +0000"),
    ("<p@x> 1714557600 +0000", '"p@x" <p@x>', "Wed, 01 May 2024 10:00:00 +0000"),
]


@pytest.mark.parametrize(("author", "written", "date"), ODD, ids=range(len(ODD)))
def test_authors_and_dates_that_no_mail_has(published, distgen, cloned, author, written, date):
    """Imports from older systems have them; such a commit ended the run with a traceback."""
    clone = cloned(published)
    change_line(clone)
    rewrite(clone, rb"(?m)^author .*$", b"author " + author.encode())
    assert distgen(published, "adopt").code == 0
    text = (published / f"{PATCHES}/0001-Change-it-here.patch").read_text()
    assert f"\nFrom: {written}\n" in text
    assert f"\nDate: {date}" in text


@pytest.mark.parametrize("way", ["amended", "begun anew"])
def test_an_edit_that_no_commit_tells_of_is_by_who_committed_it(published, distgen, cloned, way):
    """It was called distgen's own, of 1970."""
    clone = cloned(published)
    clone.replace("start", "exec tool", "exec my-tool")
    clone.git("commit", "-q", "-a", "--amend", "--no-edit", name="Zoe")
    if way == "begun anew":
        commit_id = clone.git("commit-tree", "-m", "All in one", "HEAD^{tree}", name="Zoe").strip()
        clone.git("reset", "-q", "--hard", commit_id)
    (name,) = adopt_and_check(distgen, published, clone)
    assert name == f"{PATCHES}/0001-Downstream-edits-of-small-tool-main.patch"
    text = (published / name).read_text()
    assert "\nFrom: Zoe <pat@example.org>\nDate: Wed, 01 May 2024 12:00:00 +0200\n" in text


def test_a_message_in_another_encoding_or_with_other_line_ends(published, distgen, cloned):
    clone = cloned(published)
    change_line(clone)
    rewrite(clone, rb"(?m)^author Pat", "author Zoë".encode("latin-1"))
    rewrite(clone, rb"\n\nChange.*", "\nencoding ISO-8859-1\n\nGrün\r\n\r\nFür".encode("latin-1"))
    assert distgen(published, "adopt").code == 0
    base = clone.git("rev-parse", "HEAD~1").strip()
    clone.git("checkout", "-q", base)
    clone.git("am", "-q", str(published / f"{PATCHES}/0001-Gr-n.patch"))
    assert clone.git("log", "-1", "--format=%an|%B") == "Zoë Packager|Grün\n\nFür\n\n"


@pytest.mark.parametrize("encoding", ["klingon", "idna", ""])
def test_a_message_in_an_encoding_that_python_does_not_have(published, distgen, cloned, encoding):
    """GitPython raises LookupError when it reads such a commit."""
    clone = cloned(published)
    change_line(clone)
    rewrite(clone, rb"\n\nChange.*", f"\nencoding {encoding}\n\nGrün".encode())
    assert distgen(published, "adopt").code == 0
    text = (published / f"{PATCHES}/0001-Gr-n.patch").read_bytes()
    assert email.message_from_bytes(text, policy=policy.default)["Subject"] == "[PATCH] Grün"


def rewrite(clone, pattern, by):
    """Make another commit of the newest one, byte by byte, and push it."""
    process = subprocess.run(
        ["git", "cat-file", "commit", "HEAD"], cwd=clone.path, capture_output=True, check=True
    )
    patched = re.sub(pattern, lambda _: by, process.stdout, count=1)
    words = ("hash-object", "-t", "commit", "-w", "--stdin", "--literally")
    clone.git("reset", "-q", "--hard", clone.git(*words, stdin=patched).strip())
    clone.push("--force")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (b".DS_Store", b"\0mac"),
        (b"old.bin~", b"\0"),
        ("a\u00a0b.bin".encode(), b"\0"),
        (b"caf\xe9", b"text\n"),
        (b".gitmodules", b'[submodule "x"]\n'),
    ],
    ids=["mac", "backup", "blank", "latin", "modules"],
)
def test_own_files_that_no_overlay_can_hold_stay_their_own(
    published, distgen, cloned, name, content
):
    """They came in the commit of an edit, and kept the edit from being adopted."""
    clone = cloned(published)
    with open(os.path.join(os.fsencode(clone.path), name), "wb") as file:
        file.write(content)
    change_line(clone)
    assert adopt_and_check(distgen, published, clone) == [f"{PATCHES}/0001-Change-it-here.patch"]
    assert os.fsdecode(name) not in clone.read(".distgen.json")


def test_what_is_their_own_stays_their_own(published, distgen, cloned):
    clone = cloned(published)
    clone.write(notes="ours\n")
    clone.commit("Note it")
    change_line(clone)
    adopt_and_check(distgen, published, clone)
    assert "notes" not in clone.read(".distgen.json")


def test_a_catalogue_that_moved_on_gets_the_edit_as_well(published, distgen, cloned):
    clone = cloned(published)
    clone.replace("settings.ini", "level = 1", "level = 2")
    (clone.path / "start").chmod(0o644)
    clone.commit()
    clone.push()
    settings = FILES["templates/app/settings.ini"].replace(b"last = yes", b"last = no")
    (published / "templates/app/settings.ini").write_bytes(settings)
    (published / "templates/app/start").write_text("#!/bin/sh\nexec new-tool\n")
    commit(published)
    assert distgen(published, "adopt", "small/tool").code == 0
    commit(published)
    assert distgen(published, "publish").code == 0
    clone.git("pull", "-q")
    assert {path: clone.files()[path] for path in ("settings.ini", "start")} == {
        "settings.ini": ("100644", "[tool]\nlevel = 2\ncolor = no\nname = tool\nlast = no\n"),
        "start": ("100644", "#!/bin/sh\nexec new-tool\n"),
    }


def patches(root):
    """Return the texts of all patches of the tool."""
    return [path.read_text() for path in sorted((root / PATCHES).iterdir())]


def test_a_patch_holds_the_edit_and_nothing_of_ours(published, distgen, cloned):
    """After a merge with values of one run, the patch held these under the packager's name."""
    clone = cloned(published)
    clone.replace("Dockerfile", 'CMD ["start"]', 'CMD ["start", "-d"]')
    clone.commit("Start in debug mode")
    clone.push()
    merge = distgen(published, "publish", "--set", "small/tool:title=Ours", "--on-edit", "merge")
    assert merge.code == 0, merge.out
    assert distgen(published, "adopt", "small/tool").code == 0
    (patch,) = patches(published)
    assert "debug mode" in patch
    assert "Ours" not in patch


def test_a_clone_that_is_behind_adopts_nothing_newer(published, distgen, cloned):
    clone = cloned(published)
    clone.replace("Dockerfile", 'CMD ["start"]', 'CMD ["start", "-d"]')
    clone.commit("Start in debug mode")
    clone.push()
    overlay = published / "overlays/small/tool.yaml"
    before = overlay.read_text()
    overlay.write_text(before.replace("[jq]}", "[jq], title: Newer}"))
    commit(published)
    assert distgen(published, "publish", "--on-edit", "merge").code == 0
    git(published, "checkout", "-q", "HEAD~1")
    assert distgen(published, "adopt", "small/tool").code == 0
    (patch,) = patches(published)
    assert "Newer" not in patch


def test_a_merge_takes_back_what_the_catalogue_took_back(published, distgen, cloned):
    """The first rendering was taken for the base, so the old value stayed beside the edit."""
    clone = cloned(published)
    clone.replace("Dockerfile", 'CMD ["start"]', 'CMD ["start", "-d"]')
    clone.commit("Start in debug mode")
    clone.push()
    words = ("publish", "--on-edit", "merge")
    assert distgen(published, *words, "--set", "small/tool:title=Ours").code == 0
    assert distgen(published, *words).code == 0
    clone.git("pull", "-q")
    text = clone.files()["Dockerfile"][1]
    assert ('"-d"' in text, "Ours" in text) == (True, False)


def test_a_deleted_file_that_changed_since_is_deleted_as_it_is_now(published, distgen, cloned):
    """A packager's own README replaced ours; then the template of ours was reworded."""
    clone = cloned(published)
    clone.git("rm", "-q", "settings.ini")
    clone.replace("Dockerfile", "COPY settings.ini /etc/tool.ini\n", "")
    clone.commit("Need no settings")
    (published / "templates/app/settings.ini").write_text("[tool]\nlevel = 9\n")
    commit(published)
    assert adopt_and_check(distgen, published, clone, "small/tool") == [
        f"{PATCHES}/0001-Need-no-settings.patch"
    ]


def test_a_file_that_was_renamed_and_changed_since_is_refused(published, distgen, cloned):
    """What the catalogue changed would be in neither of the two."""
    clone = cloned(published)
    rename(clone)
    clone.push()
    (published / "templates/app/settings.ini").write_bytes(
        FILES["templates/app/settings.ini"] + b"more = yes\n"
    )
    commit(published)
    (row,) = adopt_all(distgen, published, "small/tool").values()
    assert (row["status"], row["detail"]) == (
        "refused",
        "settings.ini was renamed to tool.ini downstream and has changed in the catalogue since; "
        "rename it there, too",
    )


def test_an_edit_that_was_kept_can_still_be_adopted(published, distgen, cloned):
    clone = cloned(published)
    change_line(clone)
    clone.push()
    (published / "templates/app/settings.ini").write_text("[tool]\nlevel = 9\n")
    commit(published)
    assert distgen(published, "publish", "--on-edit", "keep").code == 0
    clone.git("pull", "-q")
    assert adopt_and_check(distgen, published, clone) == [f"{PATCHES}/0001-Change-it-here.patch"]


def test_patches_are_numbered_after_those_that_are_there(published, distgen, cloned):
    clone = cloned(published)
    change_line(clone)
    adopt_and_check(distgen, published, clone)
    clone.replace("start", "exec my-tool", "exec our-tool")
    clone.commit("Start ours")
    assert adopt_and_check(distgen, published, clone) == [f"{PATCHES}/0002-Start-ours.patch"]
    clone.replace("settings.ini", "level = 1", "level = 2")
    clone.commit("Change it here")
    assert adopt_and_check(distgen, published, clone) == [f"{PATCHES}/0003-Change-it-here.patch"]


@pytest.mark.parametrize("do", [change_line, evil_merge])
def test_a_commit_that_was_adopted_is_not_adopted_again(published, distgen, cloned, do):
    """Between an adoption and its publication a packager went on; all became one patch."""
    clone = cloned(published)
    do(clone)
    clone.push()
    adopt_all(distgen, published)
    clone.replace("settings.ini", "color = no", "color = yes")
    clone.commit("Color it", name="Zoë")
    assert adopt_and_check(distgen, published, clone) == [f"{PATCHES}/0002-Color-it.patch"]


def test_a_patch_that_is_called_by_no_number_stays_the_last_but_the_stream_s(
    published, distgen, cloned
):
    """zz.patch would come after a numbered one, so the edit goes where it comes last."""
    clone = cloned(published)
    change_line(clone)
    adopt_and_check(distgen, published, clone)
    (published / PATCHES / "0001-Change-it-here.patch").rename(published / PATCHES / "zz.patch")
    commit(published)
    clone.replace("start", "exec my-tool", "exec our-tool")
    clone.commit("Start ours")
    assert adopt_and_check(distgen, published, clone) == [f"{PATCHES}/main/0001-Start-ours.patch"]


def test_a_dry_run_writes_nothing_and_says_the_same(published, distgen, cloned):
    clone = cloned(published)
    change_line(clone)
    clone.push()
    before = overlay_files(published)
    foreseen = distgen(published, "adopt", "--dry-run")
    assert foreseen.err == "it would be: 1 adopted, 1 unchanged\n"
    assert overlay_files(published) == before
    assert distgen(published, "adopt").out == foreseen.out


def test_nothing_to_adopt(published, distgen):
    ran = distgen(published, "adopt")
    assert (ran.code, ran.out, ran.err) == (0, "", "2 unchanged\n")


def test_what_is_not_published_has_no_edits(small, distgen):
    ran = distgen(small, "adopt")
    assert (ran.code, ran.err) == (0, "2 unchanged\n")


def test_edits_on_a_server_that_wants_a_token(served, distgen, cloned, tmp_path):
    root, _ = served
    assert distgen(root, "publish").code == 0
    (root / "dist-git").symlink_to(tmp_path / "srv")
    clone = cloned(root)
    change_line(clone)
    clone.push()
    ran = distgen(root, "adopt")
    assert ran.err == "1 adopted, 1 unchanged\n"
    commit(root, "Adopt")
    assert distgen(root, "publish").code == 0
    clone.git("pull", "-q")
    assert "exec my-tool" in clone.read("start")
    assert distgen(root, "verify").code == 0


# --- streams -------------------------------------------------------------------------------------


def test_an_edit_of_one_stream_is_for_that_stream(streams, distgen, cloned):
    clone = cloned(streams, branch="stable/old")
    change_line(clone)
    assert adopt_and_check(distgen, streams, clone) == [f"{PATCHES}/old/0001-Change-it-here.patch"]
    assert "exec tool" in cloned(streams).read("start")


def test_the_same_edit_of_all_streams_is_one_patch(streams, distgen, cloned):
    for branch in ("main", "stable/old"):
        clone = cloned(streams, branch=branch)
        change_line(clone)
        clone.push()
    adoptions = adopt_all(distgen, streams)
    assert [row["files"] for row in adoptions.values()] == 2 * [
        [f"{PATCHES}/0001-Change-it-here.patch"]
    ]
    commit(streams)
    assert distgen(streams, "publish").code == 0
    for branch in ("main", "stable/old"):
        assert "exec my-tool" in cloned(streams, branch=branch).read("start")


def test_different_edits_of_streams_are_different_patches(streams, distgen, cloned):
    for branch in ("main", "stable/old"):
        clone = cloned(streams, branch=branch)
        clone.replace("start", "exec tool", f"exec {branch}")
        clone.commit()
        clone.push()
    adoptions = adopt_all(distgen, streams)
    assert [row["files"] for row in adoptions.values()] == [
        [f"{PATCHES}/main/0001-Change-it-here.patch"],
        [f"{PATCHES}/old/0001-Change-it-here.patch"],
    ]
    commit(streams)
    assert distgen(streams, "publish").code == 0
    assert "exec stable/old" in cloned(streams, branch="stable/old").read("start")


# --- images that extend it -----------------------------------------------------------------------


@pytest.fixture
def heirs_site(catalogue, distgen):
    files = {
        **FILES,
        "overlays/small/other.yaml": "extends: small/tool\nvalues: {packages+: [yq]}\n",
    }
    root = catalogue(files)
    commit(root)
    assert distgen(root, "publish").code == 0
    return root


def test_images_that_extend_it_get_the_edit_and_are_named(heirs_site, distgen, cloned):
    clone = cloned(heirs_site)
    change_line(clone)
    clone.push()
    ran = distgen(heirs_site, "adopt")
    assert "small/other@main extend small/tool and change, too\n" in ran.err
    commit(heirs_site)
    assert distgen(heirs_site, "publish").code == 0
    assert "exec my-tool" in cloned(heirs_site, "small/other").read("start")


def test_an_edit_below_the_header_reaches_images_that_extend_it(heirs_site, distgen, cloned):
    """The header names the overlay, so it must not be what a hunk holds on to."""
    overlay = "extends: small/tool\nvalues: {user: somebody}\n"
    (heirs_site / "overlays/small/other.yaml").write_text(overlay)
    commit(heirs_site)
    assert distgen(heirs_site, "publish").code == 0
    clone = cloned(heirs_site)
    clone.replace("Dockerfile", "LABEL title", "LABEL mine=yes title")
    clone.commit()
    clone.push()
    assert distgen(heirs_site, "adopt").code == 0
    commit(heirs_site)
    assert distgen(heirs_site, "publish").code == 0
    assert "LABEL mine=yes" in cloned(heirs_site, "small/other").read("Dockerfile")


def test_the_same_edit_of_an_image_and_its_heir_is_one_patch(heirs_site, distgen, cloned):
    for image in ("small/other", "small/tool"):
        clone = cloned(heirs_site, image)
        change_line(clone)
        clone.push()
    adoptions = adopt_all(distgen, heirs_site)
    assert {key: row["files"] for key, row in adoptions.items()} == {
        "small/tool@main": [f"{PATCHES}/0001-Change-it-here.patch"]
    }
    commit(heirs_site)
    assert distgen(heirs_site, "publish").code == 0


def test_an_edit_that_an_heir_would_not_take_is_refused(heirs_site, distgen, cloned):
    clone = cloned(heirs_site)
    clone.replace("Dockerfile", "RUN install jq\n", "RUN install jq-static\n")
    clone.commit()
    clone.push()
    (heirs_site / "overlays/small/other.yaml").write_text(
        "extends: small/tool\nvalues: {packages-: [jq]}\n"
    )
    commit(heirs_site)
    assert distgen(heirs_site, "publish", "small/other").code == 0
    before = overlay_files(heirs_site)
    (row,) = adopt_all(distgen, heirs_site).values()
    assert row["status"] == "refused"
    assert row["detail"].startswith("it would not be rendered any more: ")
    assert "small/other@main" in row["detail"]
    assert overlay_files(heirs_site) == before


# --- what no patch can hold ----------------------------------------------------------------------


def test_a_binary_file_is_laid_over(published, distgen, cloned):
    clone = cloned(published)
    clone.write(logo_png=b"\x89PNG\0\0new\n")
    (clone.path / "logo.png").chmod(0o755)
    clone.replace("start", "exec tool", "exec my-tool")
    clone.commit()
    assert adopt_and_check(distgen, published, clone) == [
        "overlays/small/tool/logo.png",
        f"{PATCHES}/0001-Change-it-here.patch",
    ]
    clone.write(logo_png=b"\x89PNG\0\0newer\n")
    clone.commit()
    clone.push()
    (row,) = adopt_all(distgen, published).values()
    assert (row["status"], row["files"]) == ("refused", [])
    assert row["detail"] == "logo.png is binary, and the overlay has its own; replace that"


def test_a_binary_file_of_one_stream_is_refused(streams, distgen, cloned):
    clone = cloned(streams)
    clone.write(logo_png=b"\x89PNG\0\0new\n")
    clone.commit()
    clone.push()
    (row,) = adopt_all(distgen, streams).values()
    assert row["status"] == "refused"
    assert row["detail"] == "logo.png is binary, and a file of an overlay is for all streams"


@pytest.mark.parametrize(
    ("do", "detail"),
    [
        (
            lambda c: ((c.path / "start").unlink(), (c.path / "start").symlink_to("/bin/true")),
            "start is a symbolic link now, which no overlay can make",
        ),
        (
            lambda c: c.git("rm", "-q", "logo.png"),
            "logo.png is binary, and a patch cannot delete it",
        ),
        (
            lambda c: c.write(_gitattributes=c.read(".gitattributes") + "* text\n"),
            ".gitattributes is distgen's own; put the lines into one of a subfolder",
        ),
        (
            lambda c: c.write(_distgen_json=c.read(".distgen.json").replace(" ", "  ")),
            ".distgen.json was edited by hand",
        ),
    ],
    ids=["link", "binary deleted", "attributes", "manifest"],
)
def test_what_cannot_be_adopted_is_refused_and_the_rest_goes_on(
    published, distgen, cloned, do, detail
):
    clone = cloned(published)
    do(clone)
    clone.commit()
    clone.push()
    other_clone = cloned(published, "small/base")
    change_line(other_clone)
    other_clone.push()
    adoptions = adopt_all(distgen, published)
    assert (adoptions["small/tool@main"]["status"], adoptions["small/tool@main"]["detail"]) == (
        "refused",
        detail,
    )
    assert adoptions["small/base@main"]["status"] == "adopted"


def test_an_edit_that_collides_with_the_catalogue_is_refused(published, distgen, cloned):
    clone = cloned(published)
    clone.replace("settings.ini", "level = 1", "level = 2")
    clone.commit()
    clone.push()
    (published / "templates/app/settings.ini").write_text("[tool]\nlevel = 9\ncolor = no\n")
    commit(published)
    (row,) = adopt_all(distgen, published, "small/tool").values()
    assert row["status"] == "refused"
    assert row["detail"] == (
        "settings.ini was edited downstream and cannot be merged; "
        "bring it in line with the catalogue first"
    )
    assert "+level = 2" in row["edits"][0]["diff"]


def test_an_edit_that_would_not_be_published_is_refused(published, distgen, cloned):
    """It was adopted, and the publication that should carry it failed."""
    clone = cloned(published)
    clone.replace("Dockerfile", "WORKDIR /srv", "COPY nowhere /nowhere\nWORKDIR /srv")
    clone.commit()
    clone.push()
    (row,) = adopt_all(distgen, published).values()
    assert row["status"] == "refused"
    assert row["detail"].startswith("it would not be published any more: overlays/small/tool/patch")
    assert "DG106" in row["detail"]


def test_a_patch_that_no_longer_applies_shows_its_hunk(published, distgen, cloned):
    clone = cloned(published)
    change_line(clone)
    adopt_and_check(distgen, published, clone)
    (published / "templates/app/start").write_text("#!/bin/sh\nexec something else\n")
    commit(published)
    ran = distgen(published, "publish")
    path = f"{PATCHES}/0001-Change-it-here.patch"
    assert ran.code == 2
    assert re.search(rf"{path}:\d+: the hunk does not fit 'start' \(small/tool@main\)", ran.out)
    assert "-exec tool\n" in ran.out


def test_an_image_that_cannot_be_rendered_fails_and_the_rest_goes_on(published, distgen, cloned):
    for image in ("small/base", "small/tool"):
        clone = cloned(published, image)
        change_line(clone)
        clone.push()
    patches = published / PATCHES
    patches.mkdir(parents=True)
    (patches / "old.patch").write_text("--- a/start\n+++ b/start\n@@ -1 +1 @@\n-x\n+y\n")
    adoptions = adopt_all(distgen, published)
    assert {key: row["status"] for key, row in adoptions.items()} == {
        "small/base@main": "adopted",
        "small/tool@main": "failed",
    }
    assert f"{PATCHES}/old.patch:3: the hunk does not fit" in adoptions["small/tool@main"]["detail"]


def test_a_file_that_stands_in_the_way_is_adopted(published, distgen, cloned):
    clone = cloned(published)
    clone.write(README="theirs\n")
    clone.commit("Write a README")
    clone.push()
    (published / "templates/app/README").write_text("ours\n")
    commit(published)
    assert "README stands there" in distgen(published, "publish", "small/tool").out
    assert adopt_and_check(distgen, published, clone, "small/tool") == [
        f"{PATCHES}/0001-Write-a-README.patch"
    ]


def test_adopting_follows_no_link_out_of_the_overlay(published, distgen, cloned, tmp_path):
    clone = cloned(published)
    change_line(clone)
    clone.push()
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", published / "overlays/small/tool")
    ran = distgen(published, "adopt")
    assert ran.code == 2
    assert "leads outside the catalogue" in ran.err
    assert list((tmp_path / "outside").iterdir()) == []


def test_what_cannot_be_read_fails_and_the_rest_goes_on(published, distgen, cloned):
    clone = cloned(published)
    change_line(clone)
    clone.push()
    repository = published / "dist-git/small/base.git"
    git(repository, "update-ref", "-d", "refs/heads/main")
    (repository / "refs/heads/main").write_text("nonsense\n")
    adoptions = adopt_all(distgen, published)
    assert {key: row["status"] for key, row in adoptions.items()} == {
        "small/base@main": "failed",
        "small/tool@main": "adopted",
    }
