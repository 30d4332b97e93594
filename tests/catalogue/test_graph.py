"""Ordering images and choosing among them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from distgen.catalogue import load
from distgen.catalogue.graph import (
    including_dependents,
    including_parents,
    parents_first,
    select_images,
    waves,
)
from distgen.errors import InputError
from distgen.model.catalogue import Catalogue, Parent
from distgen.model.words import Origin

FILES = {
    "templates/t/template.yaml": "description: x",
    "overlays/a/namespace.yaml": "registry: quay.io/a\nstreams: {master: , '1.0': }",
    "overlays/b/namespace.yaml": "registry: quay.io/b\nstreams: {master: }",
    "overlays/a/base.yaml": "template: t\nfrom: docker.io/library/debian:12",
    "overlays/a/builder.yaml": "template: t\nfrom: docker.io/library/debian:12",
    "overlays/a/app.yaml": "template: t\nfrom: a/base\nbuilders: {b: a/builder}",
    "overlays/b/above.yaml": "template: t\nfrom: a/app",
    "overlays/b/aside.yaml": "template: t\nfrom: a/base@1.0",
}


@pytest.fixture
def family(catalogue) -> Catalogue:
    return load.load_catalogue(catalogue(FILES))


def keys(images) -> list[str]:
    return [image.key for image in images]


def test_parents_come_first_and_equals_by_name(family):
    assert [keys(wave) for wave in waves(family.images)] == [
        ["a/base@1.0", "a/base@master", "a/builder@1.0", "a/builder@master"],
        ["a/app@1.0", "a/app@master", "b/aside@master"],
        ["b/above@master"],
    ]
    assert parents_first(reversed(family.images)) == parents_first(family.images)


def test_parents_outside_the_choice_are_not_waited_for(family):
    images = [image for image in family.images if image.name in ("base", "above")]
    assert keys(parents_first(images)) == ["a/base@1.0", "a/base@master", "b/above@master"]


def test_all_that_an_image_builds_on(family):
    assert keys(including_parents(family, ["b/above@master"])) == [
        "a/base@master",
        "a/builder@master",
        "a/app@master",
        "b/above@master",
    ]


def test_all_that_builds_on_an_image(family):
    assert keys(including_dependents(family, ["a/base@1.0"])) == [
        "a/base@1.0",
        "a/app@1.0",
        "b/aside@master",
    ]
    assert keys(including_dependents(family, ["a/builder@master"])) == [
        "a/builder@master",
        "a/app@master",
        "b/above@master",
    ]


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["b/above"], ["b/above@master"]),
        (["a/app"], ["a/app@1.0", "a/app@master"]),
        (["a/app@1.0"], ["a/app@1.0"]),
        (["a/*@1.0"], ["a/base@1.0", "a/builder@1.0", "a/app@1.0"]),
        (["*@1.*"], ["a/base@1.0", "a/builder@1.0", "a/app@1.0"]),
        (["b/*"], ["b/aside@master", "b/above@master"]),
        (["*/a*@master"], ["a/app@master", "b/aside@master", "b/above@master"]),
        (["b/aside", "b/a*"], ["b/aside@master", "b/above@master"]),
        (["quay.io/a/base:1.0"], ["a/base@1.0"]),
        (["quay.io/b/*"], ["b/aside@master", "b/above@master"]),
        (
            ["docker.io/library/debian:*"],
            ["a/base@1.0", "a/base@master", "a/builder@1.0", "a/builder@master"],
        ),
    ],
)
def test_images_are_chosen_by_patterns(family, patterns, chosen):
    assert keys(select_images(family, patterns)) == chosen


def test_no_pattern_means_all(family):
    assert select_images(family, []) == parents_first(family.images)


def test_a_choice_is_widened_in_both_directions_from_what_was_chosen(family):
    assert keys(
        select_images(family, ["a/app@master"], with_parents=True, with_dependents=True)
    ) == ["a/base@master", "a/builder@master", "a/app@master", "b/above@master"]
    assert keys(select_images(family, ["a/app@master"], with_dependents=True)) == [
        "a/app@master",
        "b/above@master",
    ]


def test_a_choice_with_a_gap_is_in_order_too(catalogue):
    lowest = {"overlays/b/zero.yaml": "template: t\nfrom: docker.io/library/debian:12"}
    files = {name: text.replace("a/base\n", "b/zero@master\n") for name, text in FILES.items()}
    family = load.load_catalogue(catalogue({**files, **lowest}))
    assert keys(select_images(family, ["b/above", "b/zero"])) == [
        "b/zero@master",
        "b/above@master",
    ]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a/ap", "no image matches `a/ap`; did you mean `a/app`?"),
        ("above", "no image matches `above`; did you mean `b/above`?"),
        ("c/*", "no image matches `c/*`; known here: `a/app`, `a/base`, `a/builder`, `b/above`, "
         "`b/aside`"),
        ("a/app@mastr", "no image that matches `a/app` has a stream `mastr`; "
         "did you mean `master`?"),
        ("quay.io/a/bas:1.0", "no image is published as `quay.io/a/bas:1.0` or built on it; "
         "did you mean `quay.io/a/base:1.0`?"),
        ("b/*@1.0", "no image that matches `b/*` has a stream `1.0`; known here: `master`"),
    ],
)  # fmt: skip
def test_a_pattern_that_matches_nothing_is_an_error(family, pattern: str, message: str):
    with pytest.raises(InputError) as caught:
        select_images(family, ["a/app", pattern])
    assert str(caught.value) == message


def test_a_cycle_is_printed(family):
    images = {image.key: image for image in family.images}
    where = Origin("overlays/a/app.yaml", 2, 1)
    circle = [
        replace(images["a/app@1.0"], parents=(Parent("base", "b/above@master", "x", where),)),
        replace(images["b/above@master"], parents=(Parent("base", "a/app@1.0", "x", where),)),
    ]
    with pytest.raises(InputError) as caught:
        parents_first(circle)
    assert str(caught.value) == (
        "overlays/a/app.yaml:2:1: images build on each other: "
        "a/app@1.0 -> b/above@master -> a/app@1.0; break the cycle"
    )
