"""`distgen export structure-tests`: keys of container-structure-test, merged as overlays are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from testing.sites import distgen, save, site

Catalogue = Callable[[Mapping[str, str]], Path]
BOTTOM = """\
schemaVersion: 2.0.0
commandTests:
- {name: first, command: "true"}
- {name: second, command: sh, args: [-c, {{ line | json }}], expectedOutput: [a.c]}
fileExistenceTests: [{name: there, path: /etc/passwd, shouldExist: true}]
metadataTest:
  user: ""
  cmd: [a]
  labels: [{key: one, value: "1"}, {key: two, value: "2"}]
"""
TOP = """\
schemaVersion: 2.0.0
commandTests:
- {name: third, command: "false", exitCode: 1}
- {name: first, command: sh}
metadataTest:
  cmd: [b]
  labels: [{key: two, value: "[0-9]", isRegex: true}]
"""


def test_tests_are_rendered_and_merged_in_overlay_order(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    root = site(catalogue, "base", "app")
    (root / "templates/app/tests.yaml.j2").write_text(BOTTOM)
    (root / "overlays/ns/app").mkdir()
    (root / "overlays/ns/app/tests.yaml").write_text(TOP)
    save(root)
    ran = distgen(root, "export", "structure-tests", "-o", tmp_path / "out")
    assert (ran.code, ran.err) == (0, "2 files exported, 2 written\n")
    tests = yaml.safe_load((tmp_path / "out/ns/app/main/tests.yaml").read_text())
    assert tests == {
        "schemaVersion": "2.0.0",
        "commandTests": [
            {"name": "first", "command": "sh"},
            {"name": "second", "command": "sh", "args": ["-c", "FROM-LINE"],
             "expectedOutput": ["a.c"]},
            {"name": "third", "command": "false", "exitCode": 1},
        ],
        "fileExistenceTests": [{"name": "there", "path": "/etc/passwd", "shouldExist": True}],
        "metadataTest": {
            "user": "",
            "cmd": ["b"],
            "labels": [
                {"key": "one", "value": "1"},
                {"key": "two", "value": "[0-9]", "isRegex": True},
            ],
        },
    }  # fmt: skip
    distgen(root, "render", "-o", tmp_path / "trees")
    assert not [*(tmp_path / "trees").rglob("tests.yaml*")]


@pytest.mark.parametrize("exports", ["[cccp]", "[osbs]\nosbs: {tags: [a]}"])
def test_files_of_exports_are_no_tests(exports: str, catalogue: Catalogue, tmp_path: Path) -> None:
    root = site(catalogue, "base")
    (root / "templates/app/tests.yaml").write_text(
        "schemaVersion: 2.0.0\nmetadataTest: {user: a}\n"
    )
    with (root / "overlays/ns/namespace.yaml").open("a") as file:
        file.write(f"exports: {exports}\n")
    ran = distgen(root, "export", "structure-tests", "-o", tmp_path / "out")
    assert (ran.code, ran.err) == (0, "1 file exported, 1 written\n")
    tests = yaml.safe_load((tmp_path / "out/ns/base/main/tests.yaml").read_text())
    assert tests == {"schemaVersion": "2.0.0", "metadataTest": {"user": "a"}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("licenseTests: []", "unknown key `licenseTests`"),
        ("containerRunOptions: {privileged: true}", "unknown key `containerRunOptions`"),
        ("commandTests: [{name: a, command: b, setup: [[c]]}]", "unknown key `setup`"),
        ("metadataTest: {unmountedVolumes: [/a]}", "unknown key `unmountedVolumes`"),
        ("commandTests: [{name: a, command: b, expectedOutput: ['(?=a)']}]",
         "tests.yaml:2:55: the regular expression '(?=a)' is not one that RE2 reads"),
        ("commandTests: [{name: a, command: b, excludedError: ['(']}]", "'(' is not one: miss"),
        ("fileExistenceTests: [{name: a, path: /a, shouldExist: true, permissions: '644'}]",
         "permissions: 644` does not match"),
        ("commandTests: [{command: b}]", "`name`"),
    ],
)  # fmt: skip
def test_what_distgen_does_not_run_is_an_error_with_its_place(
    catalogue: Catalogue, tmp_path: Path, text: str, sentence: str
) -> None:
    root = site(catalogue, "base")
    (root / "templates/app/tests.yaml").write_text(f"schemaVersion: 2.0.0\n{text}\n")
    ran = distgen(root, "export", "structure-tests", "-o", tmp_path / "out")
    assert ran.code == 2
    assert ran.err.startswith("distgen: templates/app/tests.yaml:2:") and sentence in ran.err
    assert not (tmp_path / "out").exists()
