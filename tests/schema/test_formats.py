"""Forms of texts: addresses, branches, names and words."""

from __future__ import annotations

import subprocess

import pytest

from distgen.schema.formats import branch, format_problem, git_url

GOOD_GIT = [
    "https://opendev.org/zuul/nodepool",
    "http://127.0.0.1:8080/a.git",
    "http://[::1]:8080/a.git",
    "ssh://git@github.com:22/a/b.git",
    "ssh://host/~user/a",
    "git://host/a",
    "file:///srv/git/a.git",
    "git@github.com:a/b.git",
    "host:a/b",
    "dist-git/a/b.git",
    "../dist-git/a.git",
    "../../a",
    "/srv/git/a b.git",
    "./a:b",
]
BAD_GIT = {
    "ext::sh -c id": "names a remote helper",
    "fd::17": "names a remote helper",
    "https::http://h/x": "names a remote helper",
    "-oProxyCommand=id": "begins with `-`",
    "--upload-pack=id": "begins with `-`",
    "ssh://-oProxyCommand=id/x": "has no proper host name",
    "ssh://-x@host/x": "has a user that begins with `-`",
    "-x@host:a": "begins with `-`",
    "user@-host:a": "is not an address of the form",
    "ftp://host/x": "has the scheme `ftp`",
    "rsync://host/x": "has the scheme `rsync`",
    "https://me:secret@host/x": "holds a user or password",
    "https://token@host/x": "holds a user or password",
    "ssh://me:secret@host/x": "holds a user or password",
    "https://host:port/x": "is not an address",
    "https:///x": "has no proper host name",
    "https://ho st/x": "has no proper host name",
    "https://host/a b": "holds a blank",
    "https://host/../x": "holds `..`",
    "file:///srv/../x": "holds `..`",
    "file://host/x": "names a host",
    "a/../../b": "leaves its folder",
    "../a/../b": "leaves its folder",
    "a\nb": "holds a control character",
    "": "is empty",
    " a": "is empty or has blanks",
    "https://[::1/x": "is not an address",
}


@pytest.mark.parametrize("url", GOOD_GIT)
def test_addresses_that_git_may_see(url: str):
    assert git_url(url) == ""


@pytest.mark.parametrize("url", BAD_GIT)
def test_addresses_that_git_must_not_see(url: str):
    assert BAD_GIT[url] in git_url(url)


BRANCHES = [
    *("master", "stable/2024.1", "a-b_c", "feature/x@y", "@x", "a.b", "ü"),
    *("", "-x", "a..b", "a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "/a", "a/"),
    *("a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a@{b", "a\x7fb", "a\tb", "HEAD"),
]


@pytest.mark.parametrize("name", BRANCHES)
def test_branches_are_what_git_says(name: str):
    command = ["git", "check-ref-format", "--branch", name]
    git = subprocess.run(command, check=False, capture_output=True)
    assert (branch(name) == "") == (git.returncode == 0)


FORMS = {
    "name": (
        ["a", "python3.11", "a-b_c", "a--b"],
        ["", "../x", "-x", "x-", "A", "a..b", "a/b", "a\n"],
    ),
    "stream": (["master", "2024.1", "Zed", "a_b"], ["", "a/b", ".a", "a..b", "a.", "-a", "a b"]),
    "role": (["builder", "build-2", "a.b"], ["base", "A", "a b", "a-", "-a", ""]),
    "value-name": (["a", "A_1"], ["a-b", "1a", "image", "for", "", "a.b", "a+"]),
    "value-key": (["a", "a+", "a-"], ["image+", "a--", "+"]),
    "tag": (["latest", "1.0_x-y", "_"], [".a", "-a", "a b", "a" * 129, "", "a:b"]),
    "registry": (
        ["quay.io", "localhost:5000/x", "docker.io/library", "[::1]:5000"],
        ["https://quay.io", "quay.io/", "quay.io/A", "a b", ""],
    ),
    "author": (["distgen <d@localhost>", "A B <a@b>"], ["A", "<a@b>", "A <a b>", "A\n<a@b>"]),
    "os-package": (
        ["git", "g++", "libstdc++6", "python3.11", "a=1:2.0-3~bpo", "gcc:amd64", "@dev", "a/sid"],
        ["", "-y", "a b", "a;b", "$(id)", "a&b", "a\nb", "*", "a|b"],
    ),
    "pip-requirement": (
        ["a", "a==1.0", "a[b,c]>=1,<2", "a>=1; python_version<'3.9'", "a @ git+https://h/x@y"],
        ["", "-r x", "--index-url=x", "a b", "$(id)", "a`id`", "a\nb"],
    ),
    "env-name": (["PATH", "_a1"], ["1A", "A-B", "A B", "", "A=B"]),
    "path": (["/", "/etc/a.conf", "/a@b"], ["a", "/a b", "/../a", "/a/..", "/a$b", "", "/a\n"]),
    "relative-path": (["a", "a/b.conf", "..a"], ["/a", "../a", "a/../b", "-a", "a b", "", "a/.."]),
    "word": (["a", "-f", "a=b", "a:b/c"], ["", "a b", 'a"b', "a'b", "a$b", "a\nb", "a;b"]),
    "user": (
        ["root", "1000", "a:b", "1000:1000", "_a-b"],
        ["a b", "Root", "a:b:c", "", "-a", "a\n"],
    ),
    "url": (
        ["https://h/x?a=b&c", "http://127.0.0.1:80/%20"],
        ["ftp://h/x", "https://h/a b", "https://h/$x", 'https://h/"', "https://u:p@h/x", "file:///x"],
    ),
    "digest": (["sha256:" + "a" * 64], ["sha256:abc", "a" * 64]),
    "utc": (["2024-05-01T12:00:00Z"], ["2024-05-01", "2024-05-01T12:00:00+02:00"]),
    "reference": (
        ["docker.io/library/python:3.11", "localhost:5000/a", "quay.io/a/b:1@sha256:" + "a" * 64],
        ["python:3.11", "library/python", "http://quay.io/a:1", "quay.io/A:1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_take_what_is_safe_and_nothing_else(form: str):
    good, bad = FORMS[form]
    assert [text for text in good if format_problem(form, text)] == []
    assert [text for text in bad if not format_problem(form, text)] == []
