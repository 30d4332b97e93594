"""The whole default catalogue, exported for bake, bashbrew, Tekton and as lists of Kolla."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from testing.bake_file import bake_problems
from testing.bashbrew_library import read_library
from testing.tekton_objects import tekton_problems

from distgen.catalogue.load import load_catalogue

ROOT = Path(__file__).parents[2]
PARTS = ("templates", "overlays", "distgen.yaml", "distgen.lock")


class Published:
    """The default catalogue, published to folders, and commands run on it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "catalogue"
        self.folder = folder
        self.root.mkdir()
        for name in PARTS:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, self.root / name)
        settings = yaml.safe_load((self.root / "distgen.yaml").read_text())
        settings["dist_git"]["public_url"] = "https://git.example.org/{namespace}/{image}.git"
        (self.root / "distgen.yaml").write_text(yaml.safe_dump(settings))
        assert self.run("publish", "--store", folder / "store")[0] == 0
        self.images = {image.key: image for image in load_catalogue(self.root).images}

    def run(self, *words: object) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "distgen", "-C", self.root, *words]
        environ = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}
        ran = subprocess.run(
            [*map(str, command)], check=False, capture_output=True, text=True, env=environ
        )
        return ran.returncode, ran.stdout, ran.stderr

    def export(self, name: str, *words: object, code: int = 0) -> tuple[Path, str]:
        folder = self.folder / name
        store = () if name == "kolla" else ("--store", self.folder / "store")
        exit_code, _, said = self.run("export", name, *words, *store, "-o", folder)
        assert exit_code == code, said
        return folder, said

    def git(self, image: str, *words: str) -> str:
        command = ["git", "-C", self.root / f"dist-git/{image}.git", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return Published(tmp_path_factory.mktemp("default"))


def test_bake_has_a_target_for_each_image_and_a_context_for_each_parent(published):
    folder, _ = published.export("bake")
    text = (folder / "docker-bake.json").read_text()
    assert bake_problems(text) == []
    targets = json.loads(text)["target"]
    by_tag = {tag: name for name, target in targets.items() for tag in target["tags"]}
    assert len(targets) == len(published.images)
    for image in published.images.values():
        target = targets[by_tag[image.reference]]
        dockerfile = published.git(image.full_name, "show", f"{image.stream.branch}:Dockerfile")
        words = set(re.findall(r"(?:^FROM |--from=|from=)([^\s,]+)", dockerfile, re.MULTILINE))
        named = {word: f"target:{by_tag[word]}" for word in words if word in by_tag}
        familiar = {word.removeprefix("docker.io/"): to for word, to in named.items()}
        assert target.get("contexts", {}) == named | familiar
        assert target["context"] == (
            f"https://git.example.org/{image.full_name}.git"
            f"#{published.git(image.full_name, 'rev-parse', image.stream.branch)}"
        )


def test_bashbrew_has_all_images_that_name_no_digest(published):
    folder, said = published.export("bashbrew", "--maintainers", "A (@a)", code=1)
    refused = set(
        re.findall(r"^(\S+): refused: line \d+ of its Dockerfile has a digest", said, re.M)
    )
    entries = {
        f"{path.parts[-3]}/{path.name}@{entry.tags[0]}": entry
        for path in folder.glob("*/library/*")
        for entry in read_library(path.read_text())
    }
    for image in published.images.values():
        branch = image.stream.branch
        dockerfile = published.git(image.full_name, "show", f"{branch}:Dockerfile")
        assert (image.key in refused) == ("@sha256:" in dockerfile)
        if image.key not in refused:
            entry = entries.pop(f"{image.full_name}@{image.stream.tags[0]}")
            assert entry.tags == image.stream.tags
            commit = entry.values["GitCommit"]
            head = entry.values["GitFetch"]
            published.git(image.full_name, "merge-base", "--is-ancestor", commit, head)
    assert not entries
    assert 40 < len(published.images) - len(refused) < len(published.images)


def test_tekton_builds_each_image_after_its_parents(published):
    folder, _ = published.export("tekton")
    assert tekton_problems((folder / "pipelinerun.yaml").read_text()) == []
    text = (folder / "pipeline.yaml").read_text()
    assert tekton_problems(text) == []
    tasks = {task["displayName"]: task for task in yaml.safe_load(text)["spec"]["tasks"]}
    assert tasks.keys() == published.images.keys()
    for key, image in published.images.items():
        parents = {tasks[parent]["name"] for parent in image.parent_keys}
        assert {*tasks[key].get("runAfter", ())} == parents


def test_the_tree_has_each_image_once(published):
    folder, _ = published.export("kolla", "--shape", "dependencies")
    tree = json.loads((folder / "dependencies.json").read_text())

    def names(node):
        if isinstance(node, str):
            return [node]
        return [
            word
            for name, below in node.items()
            for word in (name, *(word for child in below for word in names(child)))
        ]

    assert sorted(names(tree)) == sorted(published.images)
    assert len(tree) > 5


def test_the_same_commits_give_the_same_bytes(published):
    for name, words in (
        ("bake", ()),
        ("bashbrew", ("--maintainers", "A (@a)")),
        ("tekton", ()),
        ("kolla", ()),
    ):
        folder, _ = published.export(name, *words, code=int(name == "bashbrew"))
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for path in before:
            path.unlink()
        published.export(name, *words, code=int(name == "bashbrew"))
        assert {path: path.read_bytes() for path in before} == before
