"""What one change of a catalogue gives a reviewer to read: edits of images, and their groups."""

from __future__ import annotations

import re

import pytest
from testing.comparisons import (
    compare_change,
    compare_trees,
    default_catalogue,
    render_all,
    replace_in,
)

from distgen.compare.order import CAUSES
from distgen.compare.words import words_by_image
from distgen.model.rendered import File

PYTHON = "docker.io/library/python"
WAS, DIGEST = f"{PYTHON}:3.11-slim-bookworm", "sha256:528257d48c1d"
NO_PIN = f"base image no longer pinned: {PYTHON}:3.12-slim-bookworm"
COMMIT = "8c13a44124a5a363519df787b1cd0abd1198b8df"
DEBIAN = "docker.io/library/debian:bookworm-slim"


def all_of(*changes):
    def change(root):
        for each in changes:
            each(root)

    return change


def new_digest(root):
    lock = root / "distgen.lock"
    text = lock.read_text()
    lock.write_text(re.sub(rf"({DEBIAN}:\n    digest: sha256:)\w+", rf"\g<1>{'a' * 64}", text))


def no_mode(root):
    (root / "templates/python-builder/assemble").chmod(0o644)


def renamed_value(root):
    for path in ("templates/image/template.yaml", *users(root, "license")):
        text = (root / path).read_text()
        (root / path).write_text(re.sub(r"\blicense\b", "licence", text))


def users(root, word):
    """Return the files of the catalogue that name a value."""
    files = (path for folder in ("templates", "overlays") for path in (root / folder).rglob("*"))
    texts = (path for path in files if path.suffix in (".yaml", ".j2"))
    return [path.relative_to(root) for path in texts if re.search(rf"\b{word}\b", path.read_text())]


NAME = "LABEL name={{ image.full_name | dq }} \\\n"
LABEL = replace_in("templates/_shared/oci.j2", NAME, f'{NAME}      vendor="Example" \\\n')
LABEL_WITH_NAME = replace_in(
    "templates/_shared/oci.j2", NAME, f"{NAME}      ref={{{{ image.full_name }}}} \\\n"
)
START = replace_in("templates/monasca-service/start.sh.j2", "#!/bin/sh\n", "#!/bin/sh\n# here\n")
BASE = all_of(
    replace_in("overlays/opendev/namespace.yaml", 'python: "3.11"', 'python: "3.12"'),
    replace_in("overlays/zuul/namespace.yaml", 'python: "3.11"', 'python: "3.12"'),
)
MACRO = replace_in("templates/_shared/apt.j2", "apt-get clean", "apt-get distclean")
PACKAGE = replace_in(
    "templates/_shared/apt.j2", "in packages | unique", "in packages + ['lsof'] | unique"
)
ALPINE_PACKAGE = replace_in(
    "templates/_shared/apk.j2", "RUN apk add --no-cache", "RUN apk add --no-cache lsof"
)
REF = replace_in("overlays/zuul/zuul.yaml", "ref: master", "ref: 11.0.0")


@pytest.fixture(scope="module")
def default_images(tmp_path_factory):
    return render_all(default_catalogue(tmp_path_factory.mktemp("default")))


@pytest.mark.parametrize(
    ("change", "edits", "groups", "kinds"),
    [
        pytest.param(LABEL, 256, 1, {"labels"}, id="label"),
        pytest.param(LABEL_WITH_NAME, 256, 1, {"labels"}, id="label with the image's name"),
        pytest.param(START, 25, 1, {"files"}, id="start script"),
        pytest.param(MACRO, 13, 1, {"files"}, id="macro"),
        pytest.param(PACKAGE, 13, 2, {"packages"}, id="package"),
        pytest.param(ALPINE_PACKAGE, 6, 1, {"packages"}, id="package in a macro"),
        pytest.param(REF, 2, 2, {"source", "formatting"}, id="source ref"),
        pytest.param(BASE, 11, 5, {"lost pin", "labels", "formatting"}, id="base"),
        pytest.param(new_digest, 10, 3, {"base", "labels"}, id="digest"),
        pytest.param(no_mode, 1, 1, {"files"}, id="mode"),
        pytest.param(renamed_value, 0, 0, set(), id="renamed value"),
    ],
)
def test_one_change_of_the_default_catalogue(
    tmp_path, default_images, change, edits, groups, kinds
):
    diff = compare_change(default_catalogue(tmp_path), change, before=default_images)
    assert diff.edits == edits
    assert len(diff.groups) <= groups
    assert {group.kind for group in diff.groups} == kinds


def test_a_binary_file_that_comes_or_goes_says_so():
    old = {"ns/a@main": {"gone": File("gone", b"\0"), "kept": File("kept", b"\0a")}}
    new = {"ns/a@main": {"new": File("new", b"\0"), "kept": File("kept", b"\0b")}}
    diff = compare_trees(old, new, words_by_image(()), (), 1)
    assert {group.sentence for group in diff.groups} == {
        "gone is deleted, a binary file",
        "kept: binary file changed",
        "new is new, a binary file",
    }


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        pytest.param(REF, ["source zuul: master -> 11.0.0"], id="source ref"),
        pytest.param(
            replace_in("overlays/opendev/jinja-init.yaml", f"ref: {COMMIT}", "ref: master"),
            [f"source jinja_init no longer pinned: {COMMIT[:12]} -> master"],
            id="bare ref",
        ),
        pytest.param(
            new_digest,
            [
                f"base image {DEBIAN}: sha256:3783cc01769c -> sha256:aaaaaaaaaaaa",
                f"stage builder: base image {DEBIAN}: sha256:3783cc01769c -> sha256:aaaaaaaaaaaa",
            ],
            id="digest",
        ),
        pytest.param(
            BASE,
            [f"{NO_PIN} (was {WAS}@{DIGEST})", f"stage builder: {NO_PIN} (was {WAS}@{DIGEST})"],
            id="base",
        ),
    ],
)
def test_what_only_names_a_base_or_source_that_moved_repeats_it(
    tmp_path, default_images, change, sentences
):
    diff = compare_change(default_catalogue(tmp_path), change, before=default_images)
    assert [group.sentence for group in diff.groups if not group.repeats] == sentences
    repeats = diff.groups[len(sentences) :]
    assert {group.kind for group in repeats} <= {"labels", "formatting"}
    assert all(diff.groups[group.repeats - 1].kind in CAUSES for group in repeats)
    levels = ["warning" if "no longer pinned" in text else "info" for text in sentences]
    assert [group.level for group in diff.groups] == [*levels, *["info"] * len(repeats)]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('CMD ["a"]', 'CMD ["b"]', 'CMD ["a"] -> ["b"]'),
        ("EXPOSE 1\nUSER a", "EXPOSE 1 2\nUSER b", "USER a -> b; EXPOSE 1 -> 1 2"),
        ("EXPOSE 1", "EXPOSE 1 2\nSTOPSIGNAL INT", "EXPOSE 1 -> 1 2; now: STOPSIGNAL INT"),
        ("USER a", "USER b\nUSER c", "removed: USER a; now: USER b (and 1 more)"),
    ],
)
def test_an_instruction_in_place_of_another_is_said_once(old, new, sentence):
    before, after = (
        {"ns/a@main": {"Dockerfile": File("Dockerfile", f"FROM a\n{text}\n".encode())}}
        for text in (old, new)
    )
    diff = compare_trees(before, after, words_by_image(()), (), 1)
    assert [group.sentence for group in diff.groups] == [sentence]


def test_a_parent_whose_tag_moves_is_named_by_what_it_is_to_each_image(tmp_path, default_images):
    change = replace_in("overlays/ccp/namespace.yaml", 'tag: "2026.1"', 'tag: "2026.1-r1"')
    diff = compare_change(default_catalogue(tmp_path), change, before=default_images)
    assert diff.groups[0].sentence == "base image {old parent reference} -> {new parent reference}"
    assert len(diff.groups[0].images) == 95


def test_a_label_that_changes_beside_another_is_read_once(tmp_path, default_images):
    root = default_catalogue(tmp_path)
    change = all_of(
        replace_in(
            "templates/_shared/oci.j2",
            "com.redhat.component={{ (",
            "com.redhat.component={{ ('x-' ~ ",
        ),
        replace_in("overlays/zuul/zuul.yaml", "description: ", "description: All of "),
    )
    diff = compare_change(root, change, before=default_images)
    labels = [group for group in diff.groups if group.kind == "labels"]
    assert [len(group.members) for group in labels] == [256, 1]


OVERRIDE = "{% extends parent_template %}\n"
KOLLA = """\
source: kolla
kolla: {base: debian, base_arch: x86_64, tag: "2025.1", template_override: [kolla/override.j2]}
streams: {master: {}}
"""


def kolla_catalogue(root):
    files = {
        "distgen.yaml": "version: 1\n",
        "overlays/kolla/namespace.yaml": KOLLA,
        "kolla/override.j2": OVERRIDE,
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def footer(text):
    """Return a change that puts an instruction at the end of all images that have a footer."""
    block = f"{OVERRIDE}{{% block footer %}}\n{text}\n{{% endblock %}}\n"
    return replace_in("kolla/override.j2", OVERRIDE, block)


WITH_NAME = 'ENV IMAGE_{{ image_name | upper | replace("-", "_") }}=1'


@pytest.mark.parametrize(
    ("change", "least", "kinds"),
    [
        pytest.param(footer('LABEL vendor="Example"'), 140, {"labels"}, id="label"),
        pytest.param(footer('LABEL who="{{ image_name }}"'), 140, {"labels"}, id="with the name"),
        pytest.param(footer(WITH_NAME), 140, {"environment"}, id="with the name in a word"),
        pytest.param(
            replace_in("overlays/kolla/namespace.yaml", "2025.1", "2025.2"), 180, {"base"}, id="tag"
        ),
    ],
)
def test_one_change_of_kolla_is_one_group(tmp_path, change, least, kinds):
    pytest.importorskip("kolla")
    diff = compare_change(kolla_catalogue(tmp_path / "catalogue"), change, tmp_path / "cache")
    assert diff.edits == len(diff.states) >= least
    assert [group.kind for group in diff.groups] == [*kinds]
