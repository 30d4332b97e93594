"""`.distgen.json` and `.gitattributes`: what is written, and what is refused when read back."""

import json
from dataclasses import replace

import pytest
from testing.dist_git import git
from testing.images import image, tree

from distgen.errors import DistgenError, InputError
from distgen.model.published import GeneratedFile, Manifest
from distgen.render.manifest import format_manifest, make_manifest, parse_manifest, published_files

APP = image("ns/app")
PINS = {
    "bases": {"docker.io/library/debian:12": "sha256:" + "a" * 64, "quay.io/ns/base:master": None},
    "sources": {"app": {"git": "https://example.org/app", "ref": "main", "commit": "b" * 40}},
}


def manifest_text(**changes):
    found = tree(APP, {"Dockerfile": "FROM a\n"}, **PINS)
    data = json.loads(published_files(found)[0].content) | changes
    return (json.dumps(data, indent=2, sort_keys=True) + "\n").encode()


def test_manifest_lists_the_generated_files_but_itself():
    found = published_files(tree(APP, {"Dockerfile": "FROM a\n", "run": "#!/bin/sh\n"}, **PINS))
    text = next(file.content for file in found if file.path == ".distgen.json")
    data = json.loads(text)
    assert {path: entry["mode"] for path, entry in data.pop("files").items()} == {
        ".gitattributes": "100644",
        "Dockerfile": "100644",
        "run": "100755",
    }
    assert data == {"version": 1, "image": "ns/app", "stream": "master", **PINS}
    assert text.endswith(b"}\n")


def test_manifest_is_read_back_as_written():
    found = tree(APP, {"Dockerfile": "FROM a\n"}, **PINS)
    manifest = make_manifest(found, published_files(found))
    assert parse_manifest(format_manifest(manifest)) == manifest


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "was not written by distgen"),
        (b'{"name": "left-pad"}', "was not written by distgen"),
        (manifest_text(version=2), "has format version 2"),
        (manifest_text(files=[]), "lacks what distgen wrote"),
        (manifest_text(files={"a": {"mode": "160000", "sha256": "0" * 64}}), "lacks"),
        (manifest_text(files={"../a": {"mode": "100644", "sha256": "0" * 64}}), "lacks"),
        (manifest_text(files={".git/a": {"mode": "100644", "sha256": "0" * 64}}), "lacks"),
        (b'{"version": ' + b"[" * 500 + b"]" * 500 + b"}", r"has format version \[.{0,40}\], and"),
        (manifest_text(version="2" * 100_000), "has format version .{0,40}, and"),
        (manifest_text(image=7), "lacks"),
        (manifest_text(image="ns/app\nDistgen-Source: forged"), "lacks"),
        (manifest_text(stream="\x1b[31m"), "lacks"),
        (manifest_text(edited={"a": {"base64": "?"}}), "lacks"),
        (manifest_text(edited={"a": {"base64": "YQ=="}}), "was edited by hand"),
        (manifest_text(bases=["a"]), "lacks"),
        (manifest_text(sources={"a": {"git": 1}}), "lacks"),
        (manifest_text(edited={"a": "\ud800"}), "lacks"),
        (manifest_text(note="mine"), "was edited by hand"),
        (manifest_text().replace(b"\n", b"\r\n"), "was edited by hand"),
    ],
)
def test_a_manifest_that_distgen_did_not_write_is_refused(content, why):
    with pytest.raises(DistgenError, match=why):
        parse_manifest(content)


def test_a_template_may_not_bring_its_own_manifest():
    with pytest.raises(InputError, match=r"has a file \.distgen\.json, which distgen writes"):
        published_files(tree(APP, {".distgen.json": "{}"}))


@pytest.mark.parametrize("folding", ["own", "all"])
def test_git_sees_the_files_that_are_to_be_folded_and_no_other(tmp_path, folding):
    names = ["Dockerfile", "a b", 'quo"te', "star*", "[x]", "back\\slash", "#hash", "!bang",
             "ü.txt", "deep/er/file", "tab\there"]  # fmt: skip
    found = replace(tree(APP, dict.fromkeys(names, "x")), folding=folding)
    written = {file.path: file for file in published_files(found)}
    git("init", "-q", str(tmp_path))
    (tmp_path / ".gitattributes").write_bytes(written[".gitattributes"].content)
    others = ["start", "x", "other", "deep/Dockerfile", "er/file"]
    question = "\0".join([*written, *others]).encode()
    words = git(
        "check-attr", "-z", "--stdin", "linguist-generated", folder=tmp_path, stdin=question
    )
    fields = words.split("\0")[:-1]
    marked = {path for path, _, value in zip(*[iter(fields)] * 3, strict=True) if value == "set"}
    assert marked == ({*written} if folding == "all" else {".gitattributes", ".distgen.json"})


def test_a_template_keeps_its_own_attributes():
    found = published_files(tree(APP, {".gitattributes": "*.png binary"}))
    text = next(file.content for file in found if file.path == ".gitattributes")
    assert text.startswith(b"*.png binary\n")
    assert b"\n/.gitattributes linguist-generated\n" in text


def test_manifest_is_as_json_indents_it():
    odd = 'a "b"\\c\n\t\u2028é\x7f\x01'
    manifest = Manifest(
        image="ns/app",
        stream="master",
        files={odd: GeneratedFile(0o100644, "a" * 64), "b": GeneratedFile(0o100755, "b" * 64)},
        bases={odd: None, "quay.io/x": "sha256:" + "c" * 64},
        sources={"z": {"git": odd, "ref": None}, "a": {}},
        merge_bases={"b": odd.encode(), "c": b"\xff"},
    )
    for shown in (manifest, replace(manifest, files={}, bases={}, sources={}, merge_bases={})):
        text = format_manifest(shown).decode()
        indented = json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False)
        assert text == indented + "\n"
