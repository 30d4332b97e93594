"""What thousands of images have in common is in memory once."""

from __future__ import annotations

from distgen.catalogue.load import load_catalogue
from distgen.compare.edits import list_edits
from distgen.model.lock import Lock
from distgen.model.rendered import File
from distgen.render.limited import LimitedRenderer

KEYS = ("ns/a@s", "ns/b@s")


def edits_of(old: str, new: str):
    """Return the edits of two images, whose files were read apart."""

    def trees(text: str):
        contents = {key: text.format(key=key).encode() for key in KEYS} if text else {}
        return {key: {"f": File("f", content)} for key, content in contents.items()}

    return tuple(list_edits(trees(old), trees(new)))


def test_lines_of_new_files():
    first, second = edits_of("", "same\nother\n")
    assert first.lines == ("+same", "+other") and first.lines is second.lines


def test_lines_that_change_in_files_that_differ():
    first, second = edits_of("{key}\nold\n", "{key}\nnew\n")
    assert (first.image, second.image) == KEYS and first.lines == ("-old", "+new")
    assert all(line is twin for line, twin in zip(first.lines, second.lines, strict=True))


def test_rendered_files(catalogue):
    overlay = "template: t\nfrom: docker.io/library/debian:12\n"
    root = catalogue(
        {
            "distgen.yaml": "version: 1\n",
            "templates/t/template.yaml": "description: T\n",
            "templates/t/Dockerfile.j2": "FROM {{ base.reference }}\nLABEL name={{ image.name }}\n",
            "templates/t/app.conf": "option\n",
            "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {master: }\n",
            "overlays/ns/a.yaml": overlay,
            "overlays/ns/b.yaml": overlay,
        }
    )
    loaded = load_catalogue(root)
    renderer = LimitedRenderer(loaded, Lock())
    trees = [renderer.tree(image) for image in loaded.images]
    ((dockerfile, conf), (other_dockerfile, other_conf)) = (tree.files for tree in trees)
    assert conf.path == "app.conf" and conf is other_conf
    assert dockerfile.path == "Dockerfile" and dockerfile.content != other_dockerfile.content
