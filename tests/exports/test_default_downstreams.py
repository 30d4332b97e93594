"""The whole default catalogue, exported to OSBS and to CentOS' container pipeline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from testing.cccp_index import ci_problems, looked_up_bases, read_projects, silent_problems
from testing.osbs_reader import SET_BY_OSBS, file_problems, label_problems, read_labels

from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import parse
from distgen.exports.osbs.labels import check_repository
from distgen.exports.repository_formats import REPOSITORY_FORMATS
from distgen.lock.file import read_lock
from distgen.model.rendered import Tree
from distgen.render.renderer import Renderer

pytest_plugins = ["testing.commandline"]

ROOT = Path(__file__).parents[2]
PARTS = ("templates", "overlays", "distgen.yaml", "distgen.lock")
EXPORTS = """
exports: [osbs, cccp]
platforms: [linux/amd64, linux/arm64]
osbs: {tags: ["{stream}"], compose: {inherit: true}}
cccp: {notify_email: images@example.org}
"""
MAPPED = {
    "ccp": 'cccp: {tag: {"2026.1": "2026-1"}}',
    "monasca": 'cccp: {tag: {"2023.1": "2023-1", "2023.2": "2023-2"}}',
}
KOLLA = """
source: kolla
registry: docker.io/kolla
kolla: {base: debian, base_tag: trixie, tag: master}
streams: {master: {}}
exports: [osbs, cccp]
osbs: {tags: ["{stream}"]}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The default catalogue, each namespace with both exports."""
    folder = tmp_path_factory.mktemp("default") / "catalogue"
    folder.mkdir()
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    settings = yaml.safe_load((folder / "distgen.yaml").read_text())
    settings["dist_git"]["public_url"] = "https://git.example.org/{namespace}/{image}.git"
    (folder / "distgen.yaml").write_text(yaml.safe_dump(settings))
    for path in (folder / "overlays").glob("*/namespace.yaml"):
        lines = EXPORTS.strip().splitlines()
        lines[-1] = MAPPED.get(path.parent.name, lines[-1])
        path.write_text("\n".join([path.read_text().rstrip(), *lines, ""]))
    return folder


@cache
def rendered(folder: Path) -> tuple[Tree, ...]:
    catalogue = load_catalogue(folder)
    renderer = Renderer(catalogue, read_lock(folder / "distgen.lock"))
    return tuple(renderer.tree(image) for image in catalogue.images)


def texts(tree):
    return {file.path: file.content.decode("utf-8", "replace") for file in tree.files}


def test_osbs_would_build_every_image(root):
    assert len(rendered(root)) > 60
    for tree in rendered(root):
        files = texts(tree)
        assert file_problems(files) == [], tree.key
        container = yaml.safe_load(files["container.yaml"])
        assert container == {
            "compose": {"inherit": True},
            "platforms": {"only": ["x86_64", "aarch64"]},
            "tags": [tree.stream],
        }
        assert not {*SET_BY_OSBS} & {*read_labels(files["Dockerfile"])}, tree.key
        assert list(check_repository(files, parse(files["Dockerfile"]))) == []


def test_the_pipeline_would_build_every_image(root, distgen, tmp_path):
    folder = tmp_path / "index"
    ran = distgen(root, "export", "cccp", "-o", folder)
    assert ran.code == 0, ran.err
    trees = {tree.key: texts(tree) for tree in rendered(root)}
    clones = {
        (f"https://git.example.org/{image.full_name}.git", image.stream.branch): trees[image.key]
        for image in load_catalogue(root).images
    }
    assert list(ci_problems(folder, clones)) == []
    assert list(silent_problems(folder)) == []
    projects, _ = read_projects(folder)
    assert len(projects) == len(clones)
    assert sorted(path.name for path in (folder / "index.d").iterdir()) == sorted(
        f"{path.name}.yml" for path in (ROOT / "overlays").iterdir() if path.is_dir()
    )
    warned = {
        line.split()[1].rstrip(":")
        for line in ran.err.splitlines()
        if "look-up of the base" in line
    }
    assert warned == {
        key
        for key, files in trees.items()
        if len(looked_up_bases(files["Dockerfile"])) != 1
        or looked_up_bases(files["Dockerfile"])[0].startswith("--")
    }


def test_rules_find_no_error_with_exports_that_was_not_there_without(root, distgen):
    ran = distgen(root, "lint", "--format", "json")
    assert {row["code"] for row in ran.json if row["code"].startswith("DG4")} == {"DG402"}


def test_formats_of_the_schema_are_those_that_there_are(distgen, root):
    schema = distgen(root, "schema", "namespace").json["properties"]
    assert schema["exports"]["items"]["enum"] == sorted(REPOSITORY_FORMATS)
    assert {*REPOSITORY_FORMATS} <= {*schema}


def test_kollas_images_are_judged_as_osbs_and_the_pipeline_judge_them(tmp_path):
    """Kolla's templates have no label `com.redhat.component`: each image is refused by name."""
    pytest.importorskip("kolla")
    root = tmp_path / "catalogue"
    (root / "overlays/kolla").mkdir(parents=True)
    (root / "overlays/kolla/namespace.yaml").write_text(KOLLA)
    site = "version: 1\ndist_git: {public_url: 'https://git.example.org/{namespace}/{image}.git'}\n"
    (root / "distgen.yaml").write_text(site)
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for words in (["render", "-o", tmp_path / "out"], ["export", "cccp", "-o", tmp_path / "index"]):
        command = [sys.executable, "-m", "distgen", "-C", root, *words]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    folders = [path.parent for path in (tmp_path / "out").glob("kolla/*/master/Dockerfile")]
    assert len(folders) > 100
    for folder in folders:
        dockerfile = (folder / "Dockerfile").read_text()
        demands = list(check_repository((), parse(dockerfile)))
        errors = [demand for demand in demands if demand.level == "error"]
        assert errors and len(errors) == len(list(label_problems(dockerfile)))
        assert yaml.safe_load((folder / "cccp.yml").read_text()) == {"job-id": folder.parent.name}
    assert list(ci_problems(tmp_path / "index")) == []
    assert list(silent_problems(tmp_path / "index")) == []
    assert len(read_projects(tmp_path / "index")[0]) == len(folders)
