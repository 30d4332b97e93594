"""Kolla's images in a catalogue: the commands of distgen work on them as on any other."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from testing.dist_git import git
from testing.kolla import files, generate
from testing.sites import save

pytest.importorskip("kolla")

NAMESPACE_YAML = """\
source: kolla
kolla:
  base: debian
  base_tag: trixie
  tag: "1"
  regex: [^keystone$, ^cron$]
streams:
  master: {}
  rocky-9:
    branch: stable/9
    tags: [nine]
    values:
      base: rocky
      base_tag: 9.10
      tag: 9.10
      regex+: [^memcached$]
"""


def distgen(*words: str, root: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as its own process, with the cache of these tests."""
    return subprocess.run(
        [sys.executable, "-m", "distgen", "-C", str(root), *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )


def run_distgen(*words: str, root: Path, cache: Path) -> str:
    result = distgen(*words, root=root, cache=cache)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_namespace_lists_kollas_images_in_each_stream(catalogue, cache):
    root = catalogue({"overlays/kolla/namespace.yaml": NAMESPACE_YAML})
    rows = json.loads(run_distgen("list", "--format", "json", root=root, cache=cache))
    assert [row for row in rows if row["image"] == "kolla/cron"] == [
        {
            "image": "kolla/cron",
            "namespace": "kolla",
            "name": "cron",
            "stream": stream,
            "branch": branch,
            "template": "kolla:cron",
            "from": f"kolla/base@{stream}",
            "parents": [f"kolla/base@{stream}"],
            "reference": f"docker.io/kolla/cron:{tags[0]}",
            "tags": tags,
            "url": "dist-git/kolla/cron.git",
        }
        for stream, branch, tags in (
            ("master", "master", ["1"]),
            ("rocky-9", "stable/9", ["9.10", "nine"]),
        )
    ]
    listing = run_distgen("list", "--format", "tripleo", "kolla/*@master", root=root, cache=cache)
    assert "imagename: docker.io/kolla/keystone:1\n" in listing
    assert "memcached" not in listing
    assert "memcached" in run_distgen("list", "*@rocky-9", root=root, cache=cache)


def test_what_is_rendered_is_kollas_with_our_manifest_beside_it(catalogue, cache, tmp_path):
    root = catalogue({"overlays/kolla/namespace.yaml": NAMESPACE_YAML})
    run_distgen("render", "-o", str(tmp_path / "out"), "kolla/*@master", root=root, cache=cache)
    options = {"base": "debian", "base_tag": "trixie", "tag": "1"}
    source_images = generate(root, {**options, "regex": ["^keystone$", "^cron$"]}, cache)
    for image in source_images.images:
        place = tmp_path / "out/kolla" / image.name / "master"
        files_on_disk = {
            str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()
        }
        ours = {".distgen.json", ".gitattributes", "SOURCES"}
        assert {path: files_on_disk[path] for path in files_on_disk.keys() - ours} == files(image)
        assert set(json.loads(files_on_disk[".distgen.json"])["files"]) == files_on_disk.keys() - {
            ".distgen.json"
        }


def test_settings_can_be_set_for_the_namespace_only(catalogue, cache):
    root = catalogue({"overlays/kolla/namespace.yaml": NAMESPACE_YAML})
    setting = (
        "--set",
        "kolla/*@master:kolla.base=ubuntu",
        "--set",
        "kolla/*@master:base_tag=24.10",
    )
    listing = run_distgen("list", "kolla/base@master", *setting, root=root, cache=cache)
    assert "docker.io/library/ubuntu:24.10" in listing
    result = distgen("list", "--set", "kolla/cron:tag=1", root=root, cache=cache)
    assert result.returncode == 2
    assert result.stderr == (
        "distgen: --set kolla/cron:tag: all images of kolla share their settings; "
        "write --set 'kolla/*:KEY=VALUE'\n"
    )


def test_files_and_patches_of_an_image_are_laid_over_kollas(catalogue, cache, tmp_path):
    root = catalogue(
        {
            "overlays/kolla/namespace.yaml": NAMESPACE_YAML,
            "overlays/kolla/cron/extra.conf": "extra\n",
            "overlays/kolla/cron/patches/one.patch": """
                --- a/extra.conf
                +++ b/extra.conf
                @@ -1 +1 @@
                -extra
                +patched
            """,
        }
    )
    run_distgen("render", "-o", str(tmp_path / "out"), "kolla/cron@master", root=root, cache=cache)
    assert (tmp_path / "out/kolla/cron/master/extra.conf").read_text() == "patched\n"
    (root / "overlays/kolla/corn").mkdir()
    result = distgen("list", root=root, cache=cache)
    assert result.stderr == (
        "distgen: overlays/kolla/corn: there is no image `kolla/corn` to lay this over; "
        "did you mean `kolla/cron`?\n"
    )


def test_images_of_templates_can_be_built_on_kollas(catalogue, cache):
    root = catalogue(
        {
            "overlays/kolla/namespace.yaml": NAMESPACE_YAML,
            "overlays/own/namespace.yaml": "registry: quay.io/own\nstreams: {master: {}}\n",
            "overlays/own/image.yaml": "template: t\nfrom: kolla/cron\n",
            "templates/t/template.yaml": "description: x\n",
            "templates/t/Dockerfile.j2": "FROM {{ base.reference }}\n",
        }
    )
    below = run_distgen("list", "kolla/cron@master", "--with-dependents", root=root, cache=cache)
    assert [line.split()[0] for line in below.splitlines()[1:]] == ["kolla/cron", "own/image"]


def test_a_container_list_chooses_the_images_of_a_namespace(catalogue, cache):
    root = catalogue(
        {
            "overlays/tripleo/namespace.yaml": """
                source: kolla
                kolla: {base: rocky, container_list: lists/containers.yaml, namespace: tripleo}
                streams: {master: }
            """,
            "lists/containers.yaml": """
                container_images:
                - imagename: docker.io/tripleorocky/centos-binary-cron:current-tripleo
                  image_source: kolla
                - imagename: docker.io/tripleorocky/centos-binary-keystone:current-tripleo
                  image_source: kolla
                - imagename: docker.io/tripleorocky/centos-binary-gone:current-tripleo
                  image_source: kolla
                - imagename: docker.io/ceph/daemon:v3
                  image_source: ceph
            """,
        }
    )
    rows = json.loads(run_distgen("list", "--format", "json", root=root, cache=cache))
    assert {row["name"] for row in rows} == {
        "base",
        "cron",
        "keystone",
        "keystone-base",
        "openstack-base",
    }
    output = distgen("lint", root=root, cache=cache).stdout
    assert re.search(r"^lists/containers.yaml:1: warning DG110 .* has no image gone ", output, re.M)


def test_streams_that_kolla_gives_one_name_are_a_finding(catalogue, cache):
    streams = "streams: {one: {}, two: {values: {base: rocky}}}\n"
    text = "source: kolla\nkolla: {tag: t, base: debian, regex: [^cron$]}\n" + streams
    root = catalogue({"overlays/kolla/namespace.yaml": text})
    output = distgen("lint", root=root, cache=cache).stdout
    message = "docker.io/kolla/base:t is what kolla/base@one is published as too; give it a tag"
    assert output.count("DG112") == output.count(message) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kolla: {base: debian}\nregistry: q.io/x\nstreams: {master: }\n", "kolla"),
        ("source: koala\nstreams: {master: }\n", "source"),
        ("source: kolla\nkolla: {bse: debian}\nstreams: {master: }\n", "did you mean `base`?"),
        ("source: kolla\nkolla: {regex: [1, {a: b}]}\nstreams: {master: }\n", "kolla.regex[1]"),
    ],
)
def test_a_wrong_namespace_is_refused(catalogue, cache, text, problem):
    root = catalogue({"overlays/kolla/namespace.yaml": text})
    result = distgen("list", root=root, cache=cache)
    assert result.returncode == 2
    assert problem in result.stderr and result.stderr.count("\n") == 1


OVERRIDDEN = """\
source: kolla
kolla:
  base: debian
  base_tag: trixie
  tag: "1"
  template_override: [kolla/override.j2]
  kolla_conf: kolla/build.conf
  docker_dir: [kolla/images]
  container_list: kolla/list.yaml
streams: {master: {}}
"""
NAMED = {
    "kolla/override.j2": '{% extends parent_template %}{% block mine_end %}\nRUN {{ "one" }}\n'
    "{% endblock %}\n",
    "kolla/build.conf": "[DEFAULT]\nmaintainer = One\n",
    "kolla/images/mine/Dockerfile.j2": "FROM scratch\nLABEL a={{ maintainer }}\nCOPY one /\n"
    "{% block mine_end %}{% endblock %}\n",
    "kolla/images/mine/one": "one\n",
    "kolla/list.yaml": "container_images:\n- {imagename: docker.io/x/mine:1}\n",
}


CHANGES = {
    "kolla/override.j2": NAMED["kolla/override.j2"].replace("one", "two"),
    "kolla/build.conf": "[DEFAULT]\nmaintainer = Two\n",
    "kolla/images/mine/one": "two\n",
    "kolla/images/mine/new": "new\n",
    "kolla/list.yaml": NAMED["kolla/list.yaml"] + "- {imagename: docker.io/x/base:1}\n",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_file_that_settings_name_is_one_of_the_catalogue(catalogue, cache, name):
    """It was published under the clean commit, and verify called it forged."""
    root = catalogue({"overlays/kolla/namespace.yaml": OVERRIDDEN, **NAMED})
    first = save(root)
    run_distgen("publish", root=root, cache=cache)
    rows = json.loads(run_distgen("verify", "--format=json", root=root, cache=cache))["results"]
    assert [(row["image"], row["status"]) for row in rows] == [("kolla/mine", "reproduced")]
    (root / name).write_text(CHANGES[name])
    rows = json.loads(run_distgen("publish", "--format=json", root=root, cache=cache))["results"]
    (changed,) = [row["url"] for row in rows if row["status"] != "unchanged"]
    message = git("log", "-1", "--format=%B", folder=root / changed)
    assert f"Distgen-Source: {first}-dirty\n" in message
    save(root)
    rows = json.loads(distgen("verify", "--format=json", root=root, cache=cache).stdout)["results"]
    assert "forged" not in {row["status"] for row in rows}


REASONS = {
    "kolla/override.j2": ["template:kolla/override.j2:2"],
    "kolla/build.conf": ["file:kolla/build.conf"],
    "kolla/images/mine/one": ["file:kolla/images/mine/one"],
    "kolla/images/mine/new": ["file:kolla/images/mine/new"],
}


def read_affected(root, cache, *words):
    out = run_distgen(
        "affected", "--since", "HEAD", "--format=json", *words, root=root, cache=cache
    )
    return {row["image"]: (row["change"], row["reasons"]) for row in json.loads(out)}


@pytest.mark.parametrize(("name", "reasons"), [*REASONS.items()])
def test_a_file_that_settings_name_is_a_reason_of_the_images_it_is_for(
    catalogue, cache, name, reasons
):
    root = catalogue({"overlays/kolla/namespace.yaml": OVERRIDDEN, **NAMED})
    save(root)
    (root / name).write_text(CHANGES[name])
    (root / "kolla/images/other").mkdir()
    (root / "kolla/images/other/Dockerfile.j2").write_text("FROM scratch\n")  # not in the list
    assert read_affected(root, cache) == {"kolla/mine": ("changed", reasons)}


def test_a_setting_of_kolla_is_a_reason_with_its_line(catalogue, cache):
    root = catalogue({"overlays/kolla/namespace.yaml": OVERRIDDEN, **NAMED})
    save(root)
    overridden = OVERRIDDEN.replace("kolla:\n", "kolla:\n  maintainer: Me\n")
    (root / "overlays/kolla/namespace.yaml").write_text(overridden)
    (root / "kolla/list.yaml").write_text(CHANGES["kolla/list.yaml"])
    setting = "overlay:overlays/kolla/namespace.yaml:3 kolla.maintainer"
    affected = read_affected(root, cache)
    assert affected == {"kolla/base": ("added", ["added"]), "kolla/mine": ("changed", [setting])}


def test_an_image_that_kolla_brings_in_the_place_of_a_template_has_its_source_as_a_reason(
    catalogue, cache
):
    own = {
        "overlays/kolla/namespace.yaml": "registry: quay.io/x\nstreams: {master: }\n",
        "overlays/kolla/mine.yaml": "template: mine\nfrom: scratch\n",
        "templates/mine/template.yaml": "description: Mine\n",
        "templates/mine/Dockerfile.j2": "FROM scratch\n",
    }
    root = catalogue({**own, **NAMED})
    save(root)
    (root / "overlays/kolla/mine.yaml").unlink()
    (root / "overlays/kolla/namespace.yaml").write_text(OVERRIDDEN)
    change, reasons = read_affected(root, cache)["kolla/mine"]
    assert change == "changed"
    assert f"source:kolla-{importlib.metadata.version('kolla')}" in reasons
