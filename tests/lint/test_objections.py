"""Whether trees may be published is asked for each of thousands of images."""

from __future__ import annotations

from dataclasses import replace

from distgen.catalogue.load import load_catalogue
from distgen.lint.check import objection
from distgen.lint.work import plan_work
from distgen.model.lock import Lock


class LookedThrough(tuple):
    """Images that count how often somebody looks at all of them."""

    count = 0

    def __iter__(self):
        type(self).count += 1
        return super().__iter__()


def test_the_catalogue_is_not_looked_through_for_each_image(catalogue):
    """Of 50,000 images it took five minutes, in a run that had to read the catalogue."""
    overlay = "template: t\nfrom: docker.io/library/debian:12\n"
    root = catalogue(
        {
            "distgen.yaml": "version: 1\n",
            "templates/t/template.yaml": "description: T\n",
            "templates/t/Dockerfile.j2": "FROM {{ base.reference }}\nADD x /x\n",
            "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {master: }\n",
            **{f"overlays/ns/a{number}.yaml": overlay for number in range(9)},
        }
    )
    loaded = load_catalogue(root)
    images = LookedThrough(loaded.images)
    work = plan_work(replace(loaded, images=images), Lock(), tuple(loaded.images))
    trees = [work.renderer.tree(image) for image in work.images]
    LookedThrough.count = 0
    object_to = objection(work)
    assert len({object_to(tree) for tree in trees}) == 9, "each is named in its own objection"
    assert LookedThrough.count <= 2
