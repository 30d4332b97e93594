"""Values of images: what overlays, streams, the site and --set make of them."""

from __future__ import annotations

import pytest
from testing.catalogues import SMALL, SMALL_NAMESPACE, SMALL_TEMPLATE, images_by_key

from distgen.catalogue.load import load_catalogue
from distgen.catalogue.overlay import trace_settings
from distgen.schema.check import compile_schema


def test_layers_stack_in_the_order_of_the_design(catalogue):
    root = catalogue(
        {
            "distgen.yaml": "version: 1\nvalues: {python: site, env: {site: x}}",
            "templates/app/template.yaml": SMALL_TEMPLATE,
            "overlays/ns/namespace.yaml": """
                registry: quay.io/ns
                streams:
                  master: {values: {python: stream, env: {stream: x, own: stream}}}
                values: {python: namespace, env: {namespace: x, own: namespace}}
                """,
            "overlays/ns/base.yaml": """
                template: app
                from: scratch
                streams: {master: {values: {env: {base_stream: x, own: base_stream}}}}
                values: {python: base, env: {base: x, own: base}}
                """,
            "overlays/ns/a.yaml": """
                extends: ns/base
                streams: {master: {values: {python: image-stream, env: {image_stream: x}}}}
                values: {python: image, env: {image: x, own: image}}
                """,
        }
    )
    image = images_by_key(root, "python=set", "ns/*@master:env.set=x")["ns/a@master"]
    assert [layer.name for layer in image.layers] == [
        "template",
        "namespace",
        "stream",
        "extends",
        "extends",
        "image",
        "image stream",
        "site",
        "--set",
        "--set",
    ]
    assert image.values["python"] == "set"
    assert image.values["env"] == {
        "A": "a",
        "namespace": "x",
        "own": "image",
        "stream": "x",
        "base": "x",
        "base_stream": "x",
        "image": "x",
        "image_stream": "x",
        "site": "x",
        "set": "x",
    }
    python = [
        (setting.value, str(setting.origin))
        for setting in trace_settings(image.layers)[("python",)]
    ]
    assert python == [
        ("3.9", "templates/app/template.yaml:4:26"),
        ("namespace", "overlays/ns/namespace.yaml:4:10"),
        ("stream", "overlays/ns/namespace.yaml:3:21"),
        ("base", "overlays/ns/base.yaml:4:10"),
        ("image", "overlays/ns/a.yaml:3:10"),
        ("image-stream", "overlays/ns/a.yaml:2:29"),
        ("site", "distgen.yaml:2:10"),
        ("set", "--set python"),
    ]


def test_values_are_text_where_the_template_wants_text(catalogue):
    files = {**SMALL, "overlays/ns/a.yaml": """
        template: app
        from: scratch
        values: {python: 3.10, env: {A: on, B: 0x1F, C: true}, packages+: [1.0]}
        """}  # fmt: skip
    values = images_by_key(catalogue(files), "env.D=3.20")["ns/a@master"].values
    assert values["python"] == "3.10"
    assert values["env"] == {"A": "on", "B": "0x1F", "C": "true", "D": "3.20"}
    assert values["packages"] == ["git", "1.0"]


def test_a_value_without_default_must_be_set_unless_it_may_be_null(catalogue):
    template = "description: x\nvalues:\n  must: {type: string}\n  may: {type: [integer, 'null']}\n"
    files = {
        **SMALL,
        "templates/app/template.yaml": template,
        "overlays/ns/a.yaml": "template: app\nfrom: scratch\nvalues: {must: 1}\n",
    }
    loaded_catalogue = load_catalogue(catalogue(files))
    assert loaded_catalogue.images[0].values == {"must": "1", "may": None}
    assert loaded_catalogue.templates["app"].schema["required"] == ["must", "may"]


def test_a_null_in_an_overlay_resets_an_optional_value(catalogue):
    files = {
        **SMALL,
        "overlays/ns/namespace.yaml": SMALL_NAMESPACE + "values: {user: zuul, env: {B: b}}\n",
        "overlays/ns/a.yaml": "template: app\nfrom: scratch\nvalues: {user: , env: {A: }}\n",
    }
    values = images_by_key(catalogue(files))["ns/a@master"].values
    assert (values["user"], values["env"]) == (None, {"B": "b"})


def test_shared_layers_reach_only_the_images_whose_template_takes_the_value(catalogue):
    files = {
        **SMALL,
        "templates/other/template.yaml": "description: x\nvalues: {go: {type: string}}",
        "overlays/ns/namespace.yaml": SMALL_NAMESPACE + "values: {go: '1.22', python: '3.12'}\n",
        "overlays/ns/b.yaml": "template: other\nfrom: scratch\n",
    }
    images = images_by_key(catalogue(files))
    assert images["ns/b@master"].values == {"go": "1.22"}
    assert images["ns/a@master"].values["python"] == "3.12"
    assert "go" not in images["ns/a@master"].values


@pytest.mark.parametrize(
    ("assignment", "packages", "packages_of_b"),
    [
        ("packages=[a, b]", ["a", "b"], ["a", "b"]),
        ("packages+=curl", ["git", "curl"], ["git", "curl"]),
        ("ns/a:packages+=[curl]", ["git", "curl"], ["git"]),
        ("ns/a@1.0:packages-=git", ["git"], ["git"]),
        ("*@master:packages-=git", [], []),
        ("packages=[]", [], []),
    ],
)
def test_set_changes_the_images_it_names(catalogue, assignment, packages, packages_of_b):
    files = {**SMALL, "overlays/ns/b.yaml": "template: app\nfrom: scratch\n"}
    images = images_by_key(catalogue(files), assignment)
    assert images["ns/a@master"].values["packages"] == packages
    assert images["ns/b@master"].values["packages"] == packages_of_b


def test_set_with_nothing_behind_it_is_empty_text_and_null_deletes(catalogue):
    images = images_by_key(catalogue(SMALL), "env.B=", "env.A=null", "python=")
    assert images["ns/a@master"].values["env"] == {"B": ""}
    assert images["ns/a@master"].values["python"] == ""


def test_text_of_many_lines_needs_a_schema_that_says_so(catalogue):
    files = {
        **SMALL,
        "templates/app/template.yaml": "description: x\nvalues: {note: {multiline: true}}",
        "overlays/ns/a.yaml": "template: app\nfrom: scratch\nvalues:\n  note: |\n    a\n    b\n",
    }
    assert images_by_key(catalogue(files))["ns/a@master"].values["note"] == "a\nb\n"


def test_images_share_what_they_have_in_common(catalogue):
    """Ten thousand images must fit into memory: nothing is copied that no overlay changes."""
    images = {f"overlays/ns/i{n}.yaml": "template: app\nfrom: scratch\n" for n in range(3)}
    loaded_images = load_catalogue(catalogue({**SMALL, **images})).images
    assert len({id(image.values["packages"]) for image in loaded_images}) == 1
    assert len({id(image.layers[0]) for image in loaded_images}) == 1


def test_the_schema_of_a_template_is_a_json_schema_of_its_values(catalogue):
    template = load_catalogue(catalogue(SMALL)).templates["app"]
    validator = compile_schema(template.schema)
    assert validator.is_valid({"packages": ["x"], "python": "3", "env": {}, "user": None})
    assert not validator.is_valid({"pakages": []})
