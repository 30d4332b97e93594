"""What `distgen import` refuses: a sentence for each, and the others are imported."""

import os

import pytest
from testing.repositories import EXECUTABLE, Entry, make_repository

pytest_plugins = ["testing.commandline"]

GOOD = {"Dockerfile": "FROM scratch\n"}
SUBMODULE = Entry(b"1" * 40, "160000")
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"


def link(target):
    return Entry(target.encode(), "120000")


REFUSALS = {
    "no-dockerfile": (
        {"README": "x"},
        "has no Dockerfile; name another file with --dockerfile",
    ),
    "several": (
        {"a/Dockerfile": "FROM x", "b/Dockerfile": "FROM x"},
        "has several Dockerfiles: a/Dockerfile, b/Dockerfile; name one with --dockerfile, or "
        "import an image of each with --each",
    ),
    "in-a-folder": (
        {"docker/Dockerfile": "FROM x"},
        "has its Dockerfile in a folder, docker/Dockerfile; import that folder with "
        "--dockerfile docker/Dockerfile",
    ),
    "unparsable": (
        {"Dockerfile": "FROM debian:12\nRUN true\nNONSENSE x\n"},
        "PLACE/Dockerfile:3: unknown instruction NONSENSE",
    ),
    "empty": ({"Dockerfile": ""}, "PLACE/Dockerfile:1: file with no instructions"),
    "no-from": ({"Dockerfile": "ARG X\n"}, "PLACE/Dockerfile:1: there is no FROM"),
    "binary": ({"Dockerfile": b"FROM x\n\xff\n"}, "PLACE/Dockerfile:2: is not UTF-8 text"),
    "argument": (
        {"Dockerfile": "ARG TAG\nFROM debian:${TAG}\n"},
        "PLACE/Dockerfile:2: the parent debian:${TAG} depends on the build argument TAG, which has "
        "no default; give it one with `ARG TAG=...` above the first FROM",
    ),
    "platform-argument": (
        {"Dockerfile": "FROM debian:${TARGETARCH}\n"},
        "PLACE/Dockerfile:1: the parent debian:${TARGETARCH} depends on the build argument "
        "TARGETARCH, which has no default; give it one with `ARG TARGETARCH=...` above the first "
        "FROM",
    ),
    "empty-argument": (
        {"Dockerfile": "ARG BASE=\nFROM $BASE\n"},
        "PLACE/Dockerfile:2: the parent $BASE is not the name of an image; write "
        "registry/repository:tag",
    ),
    "unknown-parent": (
        {"Dockerfile": "FROM Quay.io/Debian:12\n"},
        "PLACE/Dockerfile:1: the parent Quay.io/Debian:12 is not the name of an image; write "
        "registry/repository:tag",
    ),
    "submodule": (
        GOOD | {"lib/vendor": SUBMODULE},
        "'lib/vendor' is a submodule; put its files into the repository, or make it a source",
    ),
    "lfs": (
        GOOD | {"model.bin": LFS},
        "'model.bin' is a pointer of Git LFS, and its content is elsewhere; let the build "
        "download it",
    ),
    "absolute-link": (
        GOOD | {"etc/passwd": link("/etc/passwd")},
        "'etc/passwd' is a symbolic link that leads out of the tree, to /etc/passwd; copy what it "
        "leads to",
    ),
    "link-above": (
        GOOD | {"a/b": link("../../c")},
        "'a/b' is a symbolic link that leads out of the tree, to ../../c; copy what it leads to",
    ),
    "link-into-git": (
        GOOD | {"a": link("sub/.GIT/config")},
        "'a' is a symbolic link that leads into a git repository; copy what it leads to",
    ),
    "linked-dockerfile": (
        {"Dockerfile": link("Dockerfile.real"), "Dockerfile.real": "FROM scratch\n"},
        "'Dockerfile' is a symbolic link; name what it leads to with --dockerfile, "
        "`Dockerfile.real`",
    ),
    "no-utf8": (
        GOOD | {"caf\udce9": "x"},
        "'caf\\udce9' has a name that is not UTF-8; rename it",
    ),
    "line-end": (
        GOOD | {"a\nb": "x"},
        "'a\\nb' is not a name that each system can write; rename it",
    ),
    "hidden": (GOOD | {"a\u202eb": "x"}, "'a\\u202eb' is not a name that each system can write"),
    "backslash": (GOOD | {"a\\b": "x"}, "'a\\\\b' is not a name that each system can write"),
    "case": (GOOD | {"dockerfile": "x"}, "'dockerfile' and 'Dockerfile' differ only in case"),
    "case-of-folders": (GOOD | {"A/x": "x", "a/y": "x"}, "'a/' and 'A/' differ only in case"),
    "git-tilde": (GOOD | {"git~1/config": "x"}, "'git~1/config' is not a path that the tree"),
    "long": (GOOD | {"x" * 253 + "~": "x"}, "has too long a name; rename it"),
    "Upper": (
        GOOD,
        "the name `Upper` is not a name: lower-case letters and digits, with `.`, `_` or `-` "
        "between; choose another one with --name 'Upper=NEW'",
    ),
    "other-branch": ({}, "has no branch main; name one with --stream NAME=BRANCH"),
}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "distgen.yaml").write_text("version: 1\n")
    return folder


def test_each_bad_repository_gets_its_sentence_and_the_others_come_in(distgen, root, tmp_path):
    places = {}
    for name, (files, _) in REFUSALS.items():
        branch = {"main": files} if files else {"devel": GOOD}
        places[name] = make_repository(tmp_path / f"{name}.git", branch)
    places["good"] = make_repository(tmp_path / "good.git", {"main": {**GOOD, "x": "1"}})
    places["run"] = make_repository(
        tmp_path / "run.git", {"main": {**GOOD, "x": Entry(b"", EXECUTABLE)}}
    )
    words = ("--namespace", "ns", "--stream", "main=main", "--format", "json")
    ran = distgen(root, "import", *places.values(), *words)
    assert ran.code == 1
    rows = {row["source"]: row for row in ran.json["results"]}
    for name, (_, sentence) in REFUSALS.items():
        row = rows[str(places[name])]
        assert row["status"] == "refused", name
        assert sentence.replace("PLACE", str(places[name])) in row["detail"], name
        assert row["detail"].isprintable()
    assert [rows[str(places[name])]["status"] for name in ("good", "run")] == ["imported"] * 2
    assert sorted(path.name for path in (root / "overlays/ns").iterdir()) == [
        *("good", "good.yaml", "namespace.yaml", "run", "run.yaml")
    ]
    assert not [path for path in root.iterdir() if path.name.startswith(".")]
    assert distgen(root, "list").code == 0


def refused(distgen, root, *words):
    """Return the sentences of what is refused, and the exit code."""
    ran = distgen(root, "import", *words, "--namespace", "ns", "--format", "json")
    results = ran.json["results"]
    return [row["detail"] for row in results if row["status"] == "refused"], ran.code


def test_namesakes_and_what_is_there_are_refused(distgen, root, tmp_path):
    first = make_repository(tmp_path / "a/app.git", {"main": GOOD})
    second = make_repository(tmp_path / "b/app.git", {"main": {"Dockerfile": "FROM debian:12\n"}})
    sentences, code = refused(distgen, root, first, second)
    rename = "choose another name with --name 'app=NEW'"
    assert (sentences, code) == ([f"has the name of what {first} gives; {rename}"], 1)
    assert "from: scratch" in (root / "overlays/ns/app.yaml").read_text()
    sentences, code = refused(distgen, root, second)
    assert (sentences, code) == ([f"is in the catalogue already; {rename}"], 1)
    assert refused(distgen, root, second, "--name", "app=app2") == ([], 0)


def test_images_that_build_on_each_other_are_refused(distgen, root, tmp_path):
    places = [
        make_repository(tmp_path / f"{name}.git", {"main": {"Dockerfile": f"FROM q.io/x/{base}\n"}})
        for name, base in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "e")]
    ]
    sentences, code = refused(distgen, root, *places)
    assert (sentences, code) == (["builds on itself: a -> b -> c -> a"] * 3, 1)
    assert "from: q.io/x/a\n" in (root / "overlays/ns/d.yaml").read_text()


def test_branches_that_would_be_one_stream_are_refused(distgen, root, tmp_path):
    first = make_repository(tmp_path / "a.git", {"stable/1": GOOD})
    second = make_repository(tmp_path / "b.git", {"stable-1": GOOD})
    sentences, code = refused(distgen, root, first, second)
    assert code == 1
    assert sentences == [
        "its branch stable-1 and stable/1 would be one stream; name them with --stream NAME=BRANCH"
    ]


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda path: None, "there is no such folder"),
        (lambda path: path.write_text("x"), "is not a folder"),
        (lambda path: path.mkdir(), "has no Dockerfile; name another file with --dockerfile"),
        (
            lambda path: make_repository(path, {"main": GOOD}, "--object-format=sha256"),
            "SHA-256",
        ),
        (
            lambda path: (make_repository(path, {"main": GOOD}) / "HEAD").write_text("1" * 40),
            "HEAD is on no branch; name a branch with --stream",
        ),
        (
            lambda path: (make_repository(path, {"main": GOOD}) / "HEAD").write_text("ref: x"),
            "",
        ),
    ],
)
def test_what_is_no_repository_gets_a_sentence(distgen, root, tmp_path, prepare, sentence):
    prepare(tmp_path / "app")
    good = make_repository(tmp_path / "good.git", {"main": GOOD})
    ((detail,), code) = refused(distgen, root, tmp_path / "app", good)
    assert code == 1
    assert sentence in detail
    assert (root / "overlays/ns/good.yaml").is_file()


def test_a_repository_in_a_folder_counts_as_a_submodule(distgen, root, tmp_path):
    folder = tmp_path / "app"
    (folder / "lib/.git").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    ((detail,), _) = refused(distgen, root, folder)
    assert "'lib' is a submodule" in detail


def test_a_pipe_and_a_device_do_not_hold_it_up(distgen, root, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    os.mkfifo(folder / "pipe")
    ((detail,), _) = refused(distgen, root, folder)
    assert detail == "'pipe' is not a file"


def test_a_secret_in_an_address_is_not_printed(distgen, root):
    secret = "swordfish"
    for address in (f"https://me:{secret}@localhost:1/a.git", f"https://{secret}@localhost:1/a"):
        words = ("--namespace", "ns", "--retries", "0", "--timeout", "5")
        ran = distgen(root, "import", address, *words)
        assert ran.code == 1
        assert secret not in ran.out + ran.err


def test_a_pipe_in_place_of_head_does_not_hold_it_up(distgen, root, tmp_path):
    path = make_repository(tmp_path / "app.git", {"main": GOOD})
    work = tmp_path / "app"
    work.mkdir()
    path.rename(work / ".git")
    (work / ".git/HEAD").unlink()
    os.mkfifo(work / ".git/HEAD")
    assert refused(distgen, root, work) == (["its HEAD cannot be read"], 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--stream", "main"), "--stream main is not of the form --stream NAME=BRANCH"),
        (("--stream", "a=x", "--stream", "a=y"), "--stream names a stream twice"),
        (("--name", "=x"), "--name =x is not of the form --name OLD=NEW"),
        (("--each", "--dockerfile", "x"), "--dockerfile names one, and --each takes all"),
        (("--namespace", "../up"), "the namespace `../up` is not a name"),
        (("--namespace", "quay.io"), "would be read as the host of a registry"),
        (("--stream", "a b=x"), "the stream `a b` is not a stream's name"),
        (("--stream", "a=-x"), "the branch `-x`"),
        (("--registry", "https://x"), "the registry `https://x` is not a registry"),
    ],
)
def test_bad_options_are_said_before_anything_is_read(distgen, root, tmp_path, words, sentence):
    path = make_repository(tmp_path / "app.git", {"main": GOOD})
    ran = distgen(root, "import", path, "--namespace", "ns", *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert sorted(path.name for path in root.rglob("*")) == ["distgen.yaml"]


def test_a_namespace_that_is_there_keeps_its_streams(distgen, root, tmp_path):
    first = make_repository(tmp_path / "first.git", {"main": GOOD})
    assert distgen(root, "import", first, "--namespace", "ns").code == 0
    second = make_repository(tmp_path / "second.git", {"devel": GOOD})
    words = ("import", second, "--namespace", "ns")
    ran = distgen(root, *words, "--stream", "devel=devel")
    assert ran.code == 2
    assert "the namespace ns has no stream `devel` of branch `devel`" in ran.err
    assert distgen(root, *words, "--registry", "quay.io/other").code == 2
    ran = distgen(root, *words)
    assert (ran.code, "has no branch main" in ran.out) == (1, True)


def test_a_template_of_that_name_is_not_taken_for_ours(distgen, root, tmp_path):
    (root / "templates/verbatim").mkdir(parents=True)
    (root / "templates/verbatim/template.yaml").write_text("description: Another\n")
    path = make_repository(tmp_path / "app.git", {"main": GOOD})
    ran = distgen(root, "import", path, "--namespace", "ns")
    assert ran.code == 2
    assert "templates/verbatim/template.yaml:1:1: is not one that leaves files" in ran.err
