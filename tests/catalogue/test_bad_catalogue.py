"""What a mistake in a catalogue leads to: one sentence with its place, and what to do."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from distgen.catalogue import load
from distgen.errors import InputError

A, B = "overlays/ns/a.yaml", "overlays/ns/b.yaml"
NS = "overlays/ns/namespace.yaml"
APP = "templates/app/template.yaml"
HEAD = "template: app\nfrom: docker.io/library/python:3.11\n"
STREAMS = "registry: quay.io/ns\nstreams:\n  master: {}\n  '1.0': {branch: stable/1.0}\n"
TAKES = """description: An app
values:
  packages: {type: array, items: {type: string, format: os-package}, default: [git, vim]}
  user: {type: string, format: user, default: root}
  python: {type: string, default: '3.9'}
  port: {type: integer, default: 80}
  env: {type: object, additionalProperties: {type: string}, default: {}}
  labels: {type: object, additionalProperties: {type: string}, default: {}}
"""
SOUND = {
    APP: TAKES,
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n",
    NS: STREAMS,
    A: HEAD,
    B: "template: app\nfrom: ns/a\n",
}
SITE = "distgen.yaml"
UNKNOWN_VALUE = "no template of the images this reaches takes a value `pakages`; " \
    "did you mean `packages`?"  # fmt: skip
NO_NAME = "is not a name: lower-case letters and digits, with `.`, `_` or `-` between"


def mistake(root: Path, sets: tuple[str, ...] = ()) -> str:
    with pytest.raises(InputError) as caught:
        load.load_catalogue(root, sets)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_catalogue_that_is_then_broken_is_sound(catalogue):
    assert len(load.load_catalogue(catalogue(SOUND)).images) == 4


CASES = [
    # --- distgen.yaml
    (SITE, "version: 1\n dist_git: x: y", f"{SITE}:2:10: is not YAML: mapping values are not "
     "allowed in this context; put text that holds `: ` in quotes"),
    (SITE, "version: 1\nx: {go: golang:{go}-alpine}", f"{SITE}:2:15: is not YAML: found "
     "unexpected ':'; put text that holds `:` and a bracket in quotes"),
    (SITE, "version: 1\nx: {go: go{go}}", f"{SITE}:2:11: is not YAML: did not find expected "
     "',' or '}'; put text that holds a brace in quotes"),
    (SITE, "", f"{SITE}:1:1: the key `version` is missing"),
    (SITE, "version: 3", f"{SITE}:1:1: `version: 3` must be 1"),
    (SITE, b"\x7fELF\xff\x00", f"{SITE}:1: is not UTF-8 text"),
    (SITE, "version: 1\ndist_git: {url: 'ext::sh -c id'}", f"{SITE}:2:12: `dist_git.url` names a "
     "remote helper (`::`), which may run commands"),
    (SITE, "version: 1\ndist_git: {url: '-u{image}'}", f"{SITE}:2:12: `dist_git.url` begins with "
     "`-`, which git would take for an option"),
    (SITE, "version: 1\ndist_git: {url: 'https://me:secret@h/{image}'}", f"{SITE}:2:12: "
     "`dist_git.url` holds a user or password; leave it out and give a token in the environment"),
    (SITE, "version: 1\ndist_git: {url: 'd/{image}/../../x'}", f"{SITE}:2:12: `dist_git.url` "
     "leaves its folder with `..`"),
    (SITE, "version: 1\ndist_git: {url: 'd/{img}.git'}", f"{SITE}:2:12: `d/{{img}}.git` asks for "
     "`{img}`, which has no value here; did you mean `image`?"),
    (SITE, "version: 1\ndist_git: {url: 'd/x.git'}", f"{B}:1:1: has the same dist-git repository "
     f"as ns/a ({A}): d/x.git; put both {{namespace}} and {{image}} into the `url` of `dist_git`"),
    (SITE, 'version: 1\ndist_git: {author: "a\\nb <c@d>"}', f"{SITE}:2:12: `dist_git.author: "
     "a\\nb <c@d>` is not an author: `Name <mail@example.org>`"),
    (SITE, "version: 1\nvalues: {pakages: []}", f"{SITE}:2:10: {UNKNOWN_VALUE}"),
    # --- images
    (A, f"{HEAD}valeus: {{}}", f"{A}:3:1: unknown key `valeus`; did you mean `values`?"),
    (A, f"{HEAD}from: scratch", f"{A}:3:1: the key `from` is defined twice, first in line 2; "
     "remove one"),
    (A, f"{HEAD}values: {{pakages: []}}", f"{A}:3:10: the template `app` takes no value "
     "`pakages`; did you mean `packages`?"),
    (A, f"{HEAD}values: {{port: eighty}}", f"{A}:3:10: `port` must be a whole number, "
     "not the text `eighty`"),
    (A, f"{HEAD}values: {{packages: git}}", f"{A}:3:10: `packages` must be a list, "
     "not the text `git`"),
    (A, f"{HEAD}values:\n  packages+:\n  - a\n  - b c", f"{A}:6:5: `packages[3]: b c` is not an "
     "operating system package: `name` or `name=version`"),
    (A, f"{HEAD}values: {{packages-: [vi]}}", f"{A}:3:10: `packages-` removes `vi`, which is not "
     "in the inherited list; did you mean `vim`?"),
    (A, f"{HEAD}values: {{packages: }}", f"{A}:3:10: the template `app` needs a value `packages`; "
     "set `packages` under `values`"),
    (A, f'{HEAD}values: {{labels: {{about: "a\\nUSER root"}}}}', f"{A}:3:19: `labels.about` holds "
     "a line break or a control character; write it on one line (`>-` folds lines into one)"),
    (A, f'{HEAD}values: {{labels: {{"a\\nb": x}}}}', f"{A}:3:19: `values.labels.a\\nb` holds a "
     "line break or a control character; write it on one line (`>-` folds lines into one)"),
    (A, f'{HEAD}values: {{labels: {{about: "a\\u202Eb"}}}}', f"{A}:3:19: `values.labels.about` "
     "holds U+202E (RIGHT-TO-LEFT OVERRIDE), which no reader sees; remove it"),
    (A, f"{HEAD}description: a\u200bb", f"{A}:3:1: `description` holds U+200B (ZERO WIDTH SPACE), "
     "which no reader sees; remove it"),
    (A, f"{HEAD}description: a\u3164b", f"{A}:3:1: `description` holds U+3164 (HANGUL FILLER), "
     "which no reader sees; remove it"),
    (A, f"{HEAD}values: {{image: x}}", f"{A}:3:10: the key `image` is a name that distgen gives "
     "to templates itself"),
    (A, f'{HEAD}description: "a\\nb"', f"{A}:3:1: `description` holds a line break or a control "
     "character; write it on one line (`>-` folds lines into one)"),
    (A, "from: scratch", f"{A}:1:1: the key `template` is missing; known here: `app`"),
    (A, "template: ap\nfrom: scratch", f"{A}:1:1: there is no template `ap`; did you mean `app`?"),
    (A, "template: ../app\nfrom: scratch", f"{A}:1:1: `template: ../app` {NO_NAME}"),
    (A, "template: app", f"{A}:1:1: the key `from` is missing; name an image of the catalogue, "
     "an external reference or `scratch`"),
    (A, "template: app\nfrom: ns/aa", f"{A}:2:1: there is no image `ns/aa` in the catalogue; "
     "did you mean `ns/a`?"),
    (A, "template: app\nfrom: python:3.11", f"{A}:2:1: there is no image `python:3.11` in the "
     "catalogue; write an external reference with its registry, such as "
     "docker.io/library/python:3.11"),
    (A, "template: app\nfrom: -x", f"{A}:2:1: there is no image `-x` in the catalogue; write an "
     "external reference with its registry, such as docker.io/library/-x"),
    (A, "template: app\nfrom: http://quay.io/x:1", f"{A}:2:1: there is no image "
     "`http://quay.io/x:1` in the catalogue; write a reference without a scheme"),
    (A, "template: app\nfrom: ns/b@2.0", f"{A}:2:1: `ns/b` has no stream `2.0`; it has master, "
     "1.0; write `ns/b@STREAM` to take another one"),
    (A, f"{HEAD}streams: [master]", f"{B}:2:1: `ns/a` has no stream `1.0`; it has master; write "
     "`ns/a@STREAM` to take another one"),
    (A, f"{HEAD}streams: [mastr]", f"{A}:3:11: the namespace `ns` has no stream `mastr`; "
     "did you mean `master`?"),
    (A, f"{HEAD}streams:\n  mastr: {{}}", f"{A}:4:3: the namespace `ns` has no stream `mastr`; "
     "did you mean `master`?"),
    (A, "template: app\nfrom: ns/a", f"{A}:2:1: images build on each other: ns/a -> ns/a; "
     "break the cycle"),
    (A, "template: app\nfrom: ns/b", f"{A}:2:1: images build on each other: ns/a -> ns/b -> ns/a; "
     "break the cycle"),
    (A, f"{HEAD}builders: {{b: ns/b}}", f"{A}:3:12: images build on each other: ns/a -> ns/b -> "
     "ns/a; break the cycle"),
    (A, f"{HEAD}extends: ns/a", f"{A}:3:1: images extend each other: ns/a -> ns/a; "
     "break the cycle"),
    (A, f"{HEAD}extends: ns/bb", f"{A}:3:1: there is no image `ns/bb` to extend; "
     "did you mean `ns/b`?"),
    (A, f"{HEAD}sources: {{s: {{git: 'ext::sh -c id', ref: x}}}}", f"{A}:3:15: `sources.s.git` "
     "names a remote helper (`::`), which may run commands"),
    (A, f"{HEAD}sources: {{s: {{git: 'https://me:secret@h/x', ref: x}}}}", f"{A}:3:15: "
     "`sources.s.git` holds a user or password; leave it out and give a token in the environment"),
    (A, f"{HEAD}sources: {{s: {{git: 'https://h/{{pythn}}', ref: x}}}}", f"{A}:3:15: "
     "`https://h/{pythn}` asks for `{pythn}`, which has no value here; did you mean `python`?"),
    (A, f"{HEAD}sources: {{s: {{git: 'https://h/x', ref: --all}}}}", f"{A}:3:35: "
     "`sources.s.ref: --all` is not a branch, tag, `refs/...` or commit"),
    (A, f"{HEAD}sources: {{s: {{git: 'https://h/x'}}}}", f"{A}:3:11: the key `ref` is missing in "
     "`sources.s`"),
    (A, f"{HEAD}downloads: {{d: {{url: 'file:///etc/passwd'}}}}", f"{A}:3:17: `downloads.d.url` "
     "is not an http or https address"),
    (A, "template: app\nfrom: docker.io/x:{port}", f"{A}:2:1: `docker.io/x:{{port}}` asks for "
     "`{port}`, and that value is not text"),
    (A, "template: app\nfrom: docker.io/x:{python", f"{A}:2:1: `docker.io/x:{{python` holds a "
     "single `{`; double a real brace"),
    (A, "template: app\nfrom: 'docker.io/x:{python[user]}'", f"{A}:2:1: "
     "`docker.io/x:{python[user]}` looks into `python`, which is no table"),
    (A, "template: app\nfrom: 'docker.io/x:{env[python]}'", f"{A}:2:1: "
     "`docker.io/x:{env[python]}` asks `env` for `3.9`, and there is no such text"),
    (A, "template: app\nfrom: 'docker.io/x:{env[python]}'\nvalues: {env: {'3.1': a}}", f"{A}:2:1: "
     "`docker.io/x:{env[python]}` asks `env` for `3.9`, and there is no such text; did you mean "
     "`3.1`?"),
    (A, "template: app\nfrom: 'docker.io/x:{env[pyton]}'", f"{A}:2:1: `docker.io/x:{{env[pyton]}}` "
     "asks for `{pyton}`, which has no value here; did you mean `python`?"),
    (A, "template: app\nfrom: 'docker.io/x:{env[port]}'", f"{A}:2:1: `docker.io/x:{{env[port]}}` "
     "asks for `{port}`, and that value is not text"),
    (A, "template: app\nfrom: 'docker.io/x:{env[user]}'\nvalues: {env: {root: '{env[user]}'}}",
     f"{A}:2:1: `{{env[user]}}` is the entry of a table, and asks for that of another"),
    (A, f"{HEAD}description: 'one {{env[port]}}'", f"{A}:3:1: `one {{env[port]}}` asks for "
     "`{port}`, and that value is not text"),
    (A, "template: app\nfrom: docker.io/x:{env.__class__}", f"{A}:2:1: "
     "`docker.io/x:{env.__class__}` holds a single `{`; double a real brace"),
    ("overlays/ns/-x.yaml", HEAD, f"overlays/ns/-x.yaml: `-x` {NO_NAME}; rename the file"),
    ("overlays/ns/..x.yaml", HEAD, f"overlays/ns/..x.yaml: `..x` {NO_NAME}; rename the file"),
    ("overlays/ns/X.yaml", HEAD, f"overlays/ns/X.yaml: `X` {NO_NAME}; rename the file"),
    ("overlays/ns/x.yml", HEAD, "overlays/ns/x.yml: would not be read; call it .yaml"),
    ("overlays/x.yaml", HEAD, "overlays/x.yaml: belongs to no namespace; put it into a "
     "namespace's folder"),
    ("overlays/ns/c/start.sh", "", "overlays/ns/c: there is no c.yaml beside the folder; write "
     "the image's overlay, or remove the folder"),
    ("overlays/ns/a/patches/x.diff", "", "overlays/ns/a/patches/x.diff: is not a patch; a folder "
     "`patches` holds *.patch only; rename it or move it out"),
    ("overlays/ns/a/.gitattributes", "", "overlays/ns/a/.gitattributes: distgen writes "
     "`.gitattributes` itself; remove it"),
    # --- namespaces
    (NS, f"{STREAMS}values: {{pakages: []}}", f"{NS}:5:10: {UNKNOWN_VALUE}"),
    (NS, "registry: quay.io\nstreams: {m: {values: {pakages: []}}}", f"{NS}:2:24: "
     f"{UNKNOWN_VALUE}"),
    (NS, "registry: quay.io\nstreams: {a/b: }", f"{NS}:2:11: the key `a/b` is not a stream's "
     "name: letters, digits, `.`, `_` and `-`"),
    (NS, "registry: quay.io\nstreams: {m: {branch: --x}}", f"{NS}:2:15: `streams.m.branch: --x` "
     "is not a branch name that git accepts"),
    (NS, "registry: quay.io\nstreams: {m.lock: }", f"{NS}:2:11: `m.lock` is not a branch name "
     "that git accepts; give the stream a `branch`"),
    (NS, "registry: quay.io\nstreams: {m: , n: {branch: m}}", f"{NS}:2:20: the streams `m` and "
     "`n` cannot have the branches `m` and `m` in one repository; give each its own branch"),
    (NS, "registry: quay.io\nstreams: {m: , n: {branch: m/x}}", f"{NS}:2:20: the streams `m` and "
     "`n` cannot have the branches `m` and `m/x` in one repository; give each its own branch"),
    (NS, "registry: quay.io\nstreams: {m: {tags: [x]}, n: {tags: [n, x]}}", f"{A}:1:1: ns/a@n is "
     f"published as quay.io/a:x, as is ns/a@m ({A}); give one another tag or name in the "
     "registry"),
    (NS, "registry: quay.io\nrepository: x\nstreams: {m: }", f"{B}:1:1: ns/b@m is published as "
     f"quay.io/x:m, as is ns/a@m ({A}); give one another tag or name in the registry"),
    (NS, "registry: quay.io\nrepository: '{image'\nstreams: {m: }", f"{NS}:2:1: `{{image` holds a "
     "single `{`; double a real brace"),
    (NS, "registry: quay.io\nstreams: {m: {tags: ['{python} x']}}", f"{NS}:2:22: `3.9 x` is not a "
     "tag"),
    (NS, f"{STREAMS}policy: {{roots: [ns/aa]}}", f"{NS}:5:18: `ns/aa` matches no image of the "
     "catalogue; did you mean `ns/a`?"),
    (NS, f"{STREAMS}policy: {{rules: {{DG203: {{exempt: {{ns/c: why}}}}}}}}", f"{NS}:5:35: `ns/c` "
     "matches no image of the catalogue; did you mean `ns/b`?"),
    (NS, f"{STREAMS}exports: [osb]", f"{NS}:5:11: `exports[0]: osb` is not one of bashbrew, cccp, "
     "osbs; did you mean `osbs`?"),
    (NS, f"{STREAMS}exports: [quay]", f"{NS}:5:11: `exports[0]: quay` is not one of bashbrew, "
     "cccp, osbs; files of other formats stand beside the repositories: run `distgen export`"),
    ("overlays/x/a.yaml", HEAD, "overlays/x: the folder has no namespace.yaml; write one with "
     "`registry` and `streams`"),
    ("overlays/-x/namespace.yaml", STREAMS, f"overlays/-x: `-x` {NO_NAME}; rename the folder"),
    ("overlays/x.y/namespace.yaml", STREAMS, "overlays/x.y: `x.y` would be read as the host of a "
     "registry; rename the folder"),
    # --- templates
    (APP, "values: {}", f"{APP}:1:1: the key `description` is missing"),
    (APP, "description: x\nextends: ap", f"{APP}:2:1: there is no template `ap` to extend; "
     "did you mean `app`?"),
    (APP, "description: x\nextends: app", f"{APP}:2:1: templates extend each other: app -> app; "
     "break the cycle"),
    (APP, "description: x\nvalues: {a: {typ: string}}", f"{APP}:2:14: unknown key `typ` in "
     "`values.a`; did you mean `type`?"),
    (APP, "description: x\nvalues: {a: {pattern: '('}}", f"{APP}:2:14: `values.a.pattern: (` "
     "is not a regular expression: missing ), unterminated subpattern at position 0"),
    (APP, "description: x\nvalues: {a: {format: words}}", f"{APP}:2:14: `values.a.format: words` "
     "is not one of os-package, pip-requirement, env-name, path, relative-path, git-url, url, "
     "word, user; did you mean `word`?"),
    (APP, "description: x\nvalues: {a: {type: string, default: [b]}}", f"{APP}:2:28: the default "
     "does not fit its own schema: `a` must be text, not a list"),
    (APP, "description: x\nvalues: {base: {}}", f"{APP}:2:10: the key `base` is a name that "
     "distgen gives to templates itself"),
    (APP, f"{TAKES}  must: {{type: string}}", f"{A}:1:1: the template `app` needs a value `must`; "
     "set `must` under `values`"),
    ("templates/x/f", "", "templates/x: the folder has no template.yaml; write one, or begin the "
     "folder's name with _ when it only holds shared files"),
    ("templates/X/template.yaml", "description: x", f"templates/X: `X` {NO_NAME}"),
    ("templates/app/Dockerfile", "", "templates/app/Dockerfile.j2: goes to `Dockerfile`, as does "
     "templates/app/Dockerfile; rename or remove one"),
    ("templates/app/.distgen.json", "{}", "templates/app/.distgen.json: distgen writes "
     "`.distgen.json` itself; remove it"),
    ("templates/app/x.j2", b"a\n\xff", "templates/app/x.j2:2: is not UTF-8 text, as a file that "
     "is rendered must be; drop the suffix .j2 to have it copied as it is"),
    ("templates/app/.git/config", "", "templates/app/.git: is a repository of its own; remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "message"), CASES, ids=[case[2] for case in CASES])
def test_a_mistake_in_a_file(catalogue, path: str, text: str | bytes, message: str):
    assert mistake(catalogue({**SOUND, path: text})) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("packages", "--set packages: is not an assignment; write --set [IMAGES:]KEY=VALUE"),
        ("=x", "--set =x: is not an assignment; write --set [IMAGES:]KEY=VALUE"),
        ("a..b=x", "--set a..b: is not an assignment; write --set [IMAGES:]KEY=VALUE"),
        (":a=x", "--set :a: is not an assignment; write --set [IMAGES:]KEY=VALUE"),
        ("pakages=[]", f"--set pakages: {UNKNOWN_VALUE}"),
        ("image=x", "--set image: `image` is a name that distgen gives to templates itself"),
        ("port=x", "--set port: `port` must be a whole number, not the text `x`"),
        ("packages=[x", "--set packages: is not YAML: did not find expected ',' or ']'"),
        ("packages-=vi", "--set packages-: `packages-` removes `vi`, which is not in the "
         "inherited list; did you mean `vim`?"),
        ("ns/c:port=1", "--set ns/c:port: `ns/c` matches no image; did you mean `ns/b`?"),
        ("ns/a@2:port=1", "--set ns/a@2:port: `ns/a@2` matches no image; did you mean `ns/a`?"),
        ('user="a\\nb"', "--set user: `user: a\\nb` is not a user: `name` or `uid`, with `:group` "
         "or without"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line(catalogue, text: str, message: str):
    assert mistake(catalogue(SOUND), (text,)) == message


def test_patches_for_a_stream_that_is_not_there(catalogue):
    path = "overlays/ns/a/patches/mastr/1.patch"
    assert mistake(catalogue({**SOUND, path: "-"})) == (
        f"{path}: the namespace has no stream `mastr` to patch; did you mean `master`?"
    )


def test_a_folder_without_settings_is_no_catalogue(tmp_path):
    assert mistake(tmp_path) == (
        f"there is no distgen.yaml in {tmp_path}; run `distgen init` there, or choose one with -C"
    )


def test_a_cycle_across_streams_names_them(catalogue):
    root = catalogue(
        {
            **SOUND,
            A: "template: app\nfrom: ns/b@1.0\nstreams: [master]",
            B: "template: app\nfrom: ns/a@master\nstreams: ['1.0']",
        }
    )
    assert mistake(root) == (
        f"{A}:2:1: images build on each other: ns/a@master -> ns/b@1.0 -> ns/a@master; "
        "break the cycle"
    )


def test_a_long_cycle_is_printed_once_around(catalogue):
    chain = {f"overlays/ns/{i}.yaml": f"template: app\nfrom: ns/{(i + 1) % 4}" for i in range(4)}
    assert mistake(catalogue({**SOUND, **chain})) == (
        "overlays/ns/0.yaml:2:1: images build on each other: "
        "ns/0 -> ns/1 -> ns/2 -> ns/3 -> ns/0; break the cycle"
    )


LINKS = [
    ("templates/app/x", "/etc/passwd", "is a link that leads outside the catalogue; "
     "copy what it leads to"),
    ("templates/app/x", "../../../outside", "is a link that leads outside the catalogue; "
     "copy what it leads to"),
    ("templates/x", "/etc", "is a link that leads outside the catalogue; copy what it leads to"),
    ("overlays/x", "/etc", "is a link that leads outside the catalogue; copy what it leads to"),
    ("overlays/ns/a", "/etc", "is a link that leads outside the catalogue; copy what it leads to"),
    ("overlays/ns/namespace.yaml", "/etc/passwd", "is a link that leads outside the catalogue; "
     "copy what it leads to"),
    ("overlays/ns/c.yaml", "/etc/passwd", "is a link that leads outside the catalogue; "
     "copy what it leads to"),
    ("templates/app/x", "../../.git/config", "is a link that leads outside templates/ and "
     "overlays/; copy what it leads to"),
    ("templates/app/x", "../../distgen.yaml", "is a link that leads outside templates/ and "
     "overlays/; copy what it leads to"),
    ("templates/x", "../.git", "is a link that leads outside templates/ and overlays/; "
     "copy what it leads to"),
    ("templates/app/x", "../.git/config", "is a link that leads into a git repository; "
     "copy what it leads to"),
    ("templates/app/x", "../.Git/config", "is a link that leads into a git repository; "
     "copy what it leads to"),
    ("distgen.yaml", ".git/config", "is a link that leads outside templates/ and overlays/; "
     "copy what it leads to"),
    ("templates/app/x", ".", "leads to itself; remove it"),
    ("templates/app/x", "x", "cannot be read: Too many levels of symbolic links"),
    ("templates/app/x", "nowhere", "is neither a file nor a folder; remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("link", "target", "message"), LINKS)
def test_a_link_must_lead_to_something_in_the_catalogue(
    catalogue, link: str, target: str, message: str
):
    root = catalogue(SOUND)
    (root.parent / "outside").write_text("x")
    for repository in (".git", "templates/.git", "templates/.Git"):
        (root / repository).mkdir()
        (root / repository / "config").write_text("[http] extraHeader = secret")
    if (root / link).is_file():
        (root / link).unlink()
    (root / link).symlink_to(target)
    assert mistake(root) == f"{link}: {message}"


def test_a_link_may_lead_to_another_template(catalogue):
    root = catalogue({**SOUND, "templates/_shared/x": "shared"})
    (root / "templates/app/x").symlink_to("../_shared/x")
    (root / "overlays/ns/c.yaml").symlink_to("a.yaml")
    files = load.load_catalogue(root).templates["app"].files
    assert [file.content for file in files if file.path == "x"] == [b"shared"]


@pytest.mark.parametrize("folder", ["templates", "overlays"])
def test_the_folders_of_a_catalogue_are_not_links(catalogue, folder: str):
    root = catalogue(SOUND)
    (root / folder).rename(root / "elsewhere")
    (root / folder).symlink_to("elsewhere")
    assert mistake(root) == f"{folder}: is a link; make it a folder"


@pytest.mark.parametrize("path", ["templates/app/x", "overlays/ns/c.yaml"])
def test_a_pipe_is_refused_and_not_waited_for(catalogue, path: str):
    root = catalogue(SOUND)
    os.mkfifo(root / path)
    assert mistake(root) == f"{path}: is neither a file nor a folder; remove it"


def test_settings_that_are_a_folder_are_none(catalogue):
    root = catalogue(SOUND)
    (root / SITE).unlink()
    (root / SITE).mkdir()
    assert mistake(root).startswith("there is no distgen.yaml in ")


@pytest.mark.parametrize("name", [b"a\nb", b"a\xff", b"a\\b", b"a\x1b[31m"])
def test_a_file_name_that_would_harm_is_refused(catalogue, name: bytes):
    root = catalogue(SOUND)
    with open(os.fsencode(root) + b"/templates/app/" + name, "w"):
        pass
    escaped_name = ascii(os.fsdecode(name))
    assert (
        mistake(root)
        == f"templates/app: {escaped_name} is not a file name for a repository; rename it"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(catalogue):
    root = catalogue(SOUND)
    (root / A).chmod(0)
    assert mistake(root) == f"{A}: cannot be read: Permission denied"


RICH = {
    SITE: {
        "version": 1,
        "dist_git": {"url": "d/{namespace}/{image}.git", "author": "a <b@c>", "forge": "none"},
        "mirrors": {"registries": {"quay.io": "h:5000"}, "git": {"https://h/": "http://m/"}},
        "values": {"python": "3"},
    },
    "templates/base/template.yaml": {
        "description": "x",
        "values": {
            "packages": {"type": "array", "items": {"type": "string"}, "default": ["git"]},
            "python": {"type": ["string", "null"], "default": None},
            "env": {
                "type": "object",
                "properties": {"a": {"enum": ["x"]}},
                "additionalProperties": {"type": "string"},
                "default": {},
            },
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}], "default": 1},
        },
    },
    APP: {"description": "x", "extends": "base", "values": {"user": {"default": "a"}}},
    NS: {
        "registry": "quay.io/x",
        "streams": {"m": {"branch": "m", "tags": ["m"], "values": {"python": "3"}}, "x": None},
        "policy": {"roots": ["ns/a"], "rules": {"DG203": {"exempt": {"ns/a": "y"}}}},
        "dist_git": {"url": "e/{image}"},
    },
    A: {
        "template": "app",
        "from": "docker.io/library/x:{python}",
        "builders": {"b": "docker.io/library/y:1"},
        "sources": {"s": {"git": "https://h/{stream}", "ref": "{branch}"}},
        "downloads": {"d": {"url": "https://h/x"}},
        "streams": {"m": {"values": {"python": "4"}, "sources": {"s": {"ref": "q"}}}, "x": None},
        "values": {"packages+": ["x"], "packages-": ["git"], "env": {"k": "v"}},
    },
    B: {"extends": "ns/a", "from": "ns/a", "streams": ["m"], "values": {"env": {"k": None}}},
}
ODD = [None, 3.5, "a\nb", [[1]], {"a+": ["x"]}]


def places(data: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from places(value, (*at, key))


def replace_at(data: object, at: tuple[str | int, ...], odd: object) -> object:
    if not at:
        return odd
    copy = list(data) if isinstance(data, list) else dict(data)
    copy[at[0]] = replace_at(copy[at[0]], at[1:], odd)
    return copy


@pytest.mark.parametrize("path", RICH)
def test_something_odd_in_any_place_is_one_sentence_or_fine(catalogue, sample, path: str):
    root = catalogue({name: json.dumps(data) for name, data in RICH.items()})
    assert len(load.load_catalogue(root).images) == 3
    for at, odd in sample(product(places(RICH[path]), ODD), 20):
        (root / path).write_text(json.dumps(replace_at(RICH[path], at, odd)))
        try:
            load.load_catalogue(root)
        except InputError as error:
            assert error.where, (error, at, odd)
            assert "\n" not in str(error)


@pytest.mark.parametrize("place", ["default", "overlay", "namespace"])
def test_a_pattern_that_searches_for_ever_is_ended(catalogue, place: str):
    """A signal ends it; the other values of the catalogue are checked as ever."""
    text = f"user: {'a' * 40}!"
    schema = "{type: string, pattern: '^(a+)+$', default: a}"
    default = schema.replace("default: a", f"default: {text[6:]}")
    root = catalogue(
        {
            SITE: "version: 1\nrender: {limits: {seconds: 0.5}}\n",
            APP: f"description: x\nvalues:\n  user: {default if place == 'default' else schema}\n",
            "templates/app/Dockerfile.j2": "FROM x\n",
            NS: STREAMS + (f"values: {{{text}}}\n" if place == "namespace" else ""),
            A: HEAD + (f"values: {{{text}}}\n" if place == "overlay" else ""),
        }
    )
    message = mistake(root)
    assert message.startswith({"default": APP, "namespace": NS, "overlay": A}[place] + ":")
    assert "checking `user` against its schema takes more than 0.5 seconds" in message
    assert signal.getsignal(signal.SIGPROF) == signal.SIG_DFL


@pytest.mark.parametrize("pattern", ["a{99999999999}", "(" * 5000 + "a" + ")" * 5000])
def test_a_pattern_that_python_cannot_read_is_one_sentence(catalogue, pattern: str):
    """Python raises errors for these that are not those of its regular expressions."""
    schema = f"{{type: string, pattern: '{pattern}', default: a}}"
    root = catalogue({SITE: "version: 1\n", APP: f"description: x\nvalues: {{user: {schema}}}\n"})
    message = mistake(root)
    assert message.startswith(f"{APP}:2:")
    assert "`values.user` holds a pattern that cannot be read" in message


@pytest.mark.parametrize(("path", "size"), [("templates/app/x", 100), (A, 4)])
def test_a_file_that_would_fill_the_memory_is_refused(catalogue, path: str, size: int):
    """A file of zeros takes no room in a repository."""
    root = catalogue({SITE: "version: 1\n", APP: "description: x\n", NS: STREAMS, A: HEAD})
    with (root / path).open("wb") as file:
        file.truncate(20 * 2**30)
    assert mistake(root) == f"{path}: is larger than {size} MiB"
