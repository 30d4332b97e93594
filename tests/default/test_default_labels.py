"""What the labels of every image say of its version and of the component inside: one rule for all.

Kolla's images are not of this catalogue: their labels are those that Kolla's own templates write.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from distgen.catalogue.load import load_catalogue
from distgen.catalogue.source_overrides import override_sources, parse_override
from distgen.dockerfile.parse import key_values, parse
from distgen.lock.file import read_lock
from distgen.model.catalogue import Catalogue, Image, Source, SourceChange
from distgen.model.lock import Lock, LockedSource
from distgen.model.rendered import Tree
from distgen.render.components import has_component
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
OCI = "org.opencontainers.image."
COMMIT = "0123456789" * 4
FAMILIES = ("ccp/keystone", "functest/core", "monasca/api", "monasca/thresh", "opendev/nodepool")


@cache
def catalogue() -> Catalogue:
    return load_catalogue(ROOT)


@cache
def lock() -> Lock:
    return read_lock(ROOT / "distgen.lock")


def labels_of(tree: Tree) -> Mapping[str, str]:
    """Return the labels that the last stage of an image sets, as they are written."""
    (dockerfile,) = (file for file in tree.files if file.path == "Dockerfile")
    instructions = parse(dockerfile.content.decode()).instructions
    last = max(i for i, instruction in enumerate(instructions) if instruction.cmd == "FROM")
    return {
        key: value
        for instruction in instructions[last:]
        if instruction.cmd == "LABEL"
        for key, value in key_values(instruction)
    }


def rendered_labels(images: Catalogue, facts: Lock) -> Iterator[tuple[Image, Mapping[str, str]]]:
    renderer = Renderer(images, facts)
    for image in images.images:
        yield image, labels_of(renderer.tree(image))


def unknown(image: Image) -> str | None:
    """Return what the labels of an unknown commit and date are.

    They are left out, but emptied on a base with a component: labels are inherited.
    """
    by_key = {image.key: image for image in catalogue().images}
    with_components = {key for key in by_key if has_component(by_key, key)}
    return "" if image.base and image.base.image in with_components else None


def test_the_version_of_each_image_is_its_tag() -> None:
    for image, labels in rendered_labels(catalogue(), lock()):
        assert labels["version"] == image.stream.tags[0].replace("-", "."), image.key


def test_the_revision_of_each_image_is_a_locked_commit_or_left_out() -> None:
    named = 0
    for image, labels in rendered_labels(catalogue(), lock()):
        revision = labels.get(f"{OCI}revision")
        if not revision:
            names_component = image.sources and f"{OCI}source" in labels
            assert not names_component or revision == unknown(image), image.key
            continue
        named += 1
        assert re.fullmatch("[0-9a-f]{40}", revision), image.key
        entries = [lock().sources.get((source.git, source.ref)) for source in image.sources]
        (entry,) = (entry for entry in entries if entry and entry.commit == revision)
        assert labels[f"{OCI}source"] in {source.git for source in image.sources}, image.key
        assert labels[f"{OCI}version"] == (entry.version or image.stream.tags[0]), image.key
        assert labels[f"{OCI}created"] == entry.date, image.key
    assert named > 20


def test_no_label_of_any_image_takes_the_value_of_a_build_argument() -> None:
    for image, labels in rendered_labels(catalogue(), lock()):
        assert not [f"{key}={value}" for key, value in labels.items() if "$" in value], image.key


def test_an_image_of_a_branch_that_is_not_locked_names_no_revision() -> None:
    for image, labels in rendered_labels(catalogue(), Lock()):
        if any(re.fullmatch("[0-9a-f]{40}", source.ref) for source in image.sources):
            continue
        if f"{OCI}source" in labels and image.sources:
            assert labels.get(f"{OCI}revision") == unknown(image), image.key
            assert labels.get(f"{OCI}created") == unknown(image), image.key
        assert labels.get(f"{OCI}version") in (None, image.stream.tags[0]), image.key


@pytest.mark.parametrize("name", FAMILIES)
def test_changes_that_are_merged_make_it_no_release_and_no_commit(name: str) -> None:
    """The label named the release below the changes."""
    (image, *_) = (image for image in catalogue().images if image.full_name == name)
    entry = LockedSource(COMMIT, "2026-01-02T03:04:05Z", "2.9.0")
    facts = replace(lock(), sources={(source.git, source.ref): entry for source in image.sources})
    change = SourceChange(image.sources[0].git, "refs/changes/42/700042/3")
    sources = tuple(replace(source, changes=(change,)) for source in image.sources)
    labels = labels_of(Renderer(catalogue(), facts).tree(replace(image, sources=sources)))
    assert labels[f"{OCI}version"] == image.stream.tags[0]
    assert labels.get(f"{OCI}revision") == labels.get(f"{OCI}created") == unknown(image)
    assert not {"build-date", "commit-sha1"} & labels.keys()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("ssh://t0ken@git.example.org:29418/app", "ssh://git.example.org:29418/app"),
        ("t0ken@git.example.org:app.git", "git.example.org:app.git"),
        ("https://git.example.org/app?private_token=t0ken", "https://git.example.org/app"),
        ("https://git.example.org/a@b/app", "https://git.example.org/a@b/app"),
        ("/srv/git/app@2:x", "/srv/git/app@2:x"),
    ],
)
def test_the_source_of_an_image_names_no_user_and_no_token(
    name: str, address: str, source: str
) -> None:
    (image, *_) = (image for image in catalogue().images if image.full_name == name)
    component = next(one for one in image.sources if one.name in ("app", image.name, "functest"))
    override = parse_override(f"{image.key}:{component.name}={address}#main")
    replaced = override_sources(catalogue(), [override], (), lock()).catalogue
    (other,) = (one for one in replaced.images if one.key == image.key)
    entry = LockedSource(COMMIT, "2026-01-02T03:04:05Z", "2.9.0")
    facts = replace(lock(), sources={**lock().sources, (address, "main"): entry})
    labels = labels_of(Renderer(replaced, facts).tree(other))
    assert labels[f"{OCI}source"] == source
    assert labels[f"{OCI}revision"] == COMMIT
    assert labels[f"{OCI}version"] == "2.9.0"
    assert "t0ken" not in " ".join(labels.values())


def test_the_commit_of_the_base_is_not_that_of_an_image_without_a_locked_one() -> None:
    """Labels are inherited: the image had its own source and the revision of its base's."""
    by_name = {image.full_name: image for image in catalogue().images}
    base, image = by_name["zuul/nodepool"], by_name["zuul/nodepool-builder"]
    other = Source("builder", "https://opendev.org/openstack/diskimage-builder", "topic")
    values = {**image.values, "project": "builder"}
    child = replace(image, sources=(other,), values=values)
    images = tuple(child if item is image else item for item in catalogue().images)
    renderer = Renderer(replace(catalogue(), images=images), lock())
    labels = labels_of(renderer.tree(child))
    assert (labels[f"{OCI}source"], labels[f"{OCI}version"]) == (other.git, "master")
    assert (labels[f"{OCI}revision"], labels[f"{OCI}created"]) == ("", "")
    assert f"{OCI}revision" not in labels_of(renderer.tree(base))  # nothing to inherit below it


@pytest.mark.parametrize("name", ["monasca/api", "monasca/thresh"])
def test_what_an_image_says_of_a_build_names_no_user_and_no_token(
    name: str, tmp_path: Path
) -> None:
    (image, *_) = (image for image in catalogue().images if image.full_name == name)
    (dockerfile,) = (
        file
        for file in Renderer(catalogue(), lock()).tree(image).files
        if file.path == "Dockerfile"
    )
    note = re.search(r"printf '%s.n'.*?/VERSIONS", dockerfile.content.decode(), re.DOTALL)
    assert note is not None
    command = note[0].replace("/VERSIONS", str(tmp_path / "VERSIONS"))
    environ = {
        "PATH": os.environ["PATH"],
        "APP_REPO": "https://robot:t0ken@git.example.org/a@b.git",
        "COMMON_REPO": "https://t0ken@git.example.org/common",
    }
    subprocess.run(["sh", "-c", command], env=environ, check=True, capture_output=True)
    text = (tmp_path / "VERSIONS").read_text()
    assert "Repository: https://git.example.org/a@b.git\n" in text
    assert "monasca-common repository: https://git.example.org/common\n" in text
    assert "t0ken" not in text
