"""Reading catalogues: templates, namespaces, images, and the values that images end up with."""

from __future__ import annotations

from testing.catalogues import SMALL, SMALL_NAMESPACE, images_by_key

from distgen.catalogue.load import load_catalogue
from distgen.forges.load import load_forge
from distgen.model.catalogue import Download, Parent, Source, Stream
from distgen.model.policy import Policy, RuleSettings
from distgen.model.words import Origin


def test_an_image_has_one_record_per_stream(catalogue):
    root = catalogue(SMALL)
    loaded_catalogue = load_catalogue(root)
    assert [image.key for image in loaded_catalogue.images] == ["ns/a@1.0", "ns/a@master"]
    assert loaded_catalogue.root == str(root)
    image = loaded_catalogue.images[1]
    assert image.stream == Stream("master", "master", ("latest", "master"))
    assert image.reference == "quay.io/ns/a:latest"
    assert image.url == "dist-git/ns/a.git"
    assert image.description == "An app"
    assert image.values == {"packages": ["git"], "python": "3.9", "user": None, "env": {"A": "a"}}
    assert image.parents == (
        Parent("base", None, "docker.io/library/python:3.11", Origin("overlays/ns/a.yaml", 2, 1)),
    )
    assert loaded_catalogue.images[0].stream == Stream("1.0", "stable/1.0", ("1.0",))


def test_an_empty_catalogue_has_no_images(catalogue):
    assert load_catalogue(catalogue({})).images == ()


def test_templates_inherit_files_and_values(catalogue):
    files = {
        "templates/base/template.yaml": """
            description: Base
            values:
              a: {type: string, default: base}
              b: {type: array, items: {type: string}, default: [base]}
              c: {type: object, default: {base: x}}
            """,
        "templates/base/Dockerfile.j2": "base",
        "templates/base/keep.sh": "#!/bin/sh\n",
        "templates/app/template.yaml": """
            description: App
            extends: base
            values:
              b: {type: string}
              c: {type: object, default: {app: x}}
            """,
        "templates/app/Dockerfile.j2": "app",
        "templates/app/deep/{{ image.name }}.conf.j2.raw": "{{ raw }}",
        "overlays/ns/namespace.yaml": SMALL_NAMESPACE,
        "overlays/ns/a.yaml": "template: app\nfrom: scratch\nvalues: {b: own}\n",
    }
    loaded_catalogue = load_catalogue(catalogue(files))
    template = loaded_catalogue.templates["app"]
    assert template.extends == ("base",)
    assert loaded_catalogue.images[0].values == {"a": "base", "b": "own", "c": {"app": "x"}}
    assert [(f.path, f.source, f.is_rendered, f.executable) for f in template.files] == [
        ("Dockerfile", "templates/app/Dockerfile.j2", True, False),
        (
            "deep/{{ image.name }}.conf.j2",
            "templates/app/deep/{{ image.name }}.conf.j2.raw",
            False,
            False,
        ),
        ("keep.sh", "templates/base/keep.sh", False, True),
    ]


def test_what_templates_share_is_known_by_its_path(catalogue):
    files = {
        **SMALL,
        "templates/_shared/apt.j2": "{% macro x() %}{% endmacro %}",
        "templates/_shared/notes.txt": "text",
        "templates/app/plain": "text",
        "templates/README.rst": "text",
        "templates/app/Dockerfile.j2~": "left by an editor",
        "templates/app/.Dockerfile.j2.swp": b"\xff",
    }
    shared_files = load_catalogue(catalogue(files)).shared
    assert sorted(shared_files) == ["_shared/apt.j2", "_shared/notes.txt", "app/Dockerfile.j2"]
    assert shared_files["app/Dockerfile.j2"].content == b"FROM {{ base.reference }}\n"


def test_links_within_the_catalogue_are_read_as_what_they_mean(catalogue):
    root = catalogue({**SMALL, "templates/_common/tool.sh": "#!/bin/sh\n"})
    (root / "templates/_common/more").mkdir()
    (root / "templates/_common/more/x").write_text("y")
    (root / "templates/app/tool.sh").symlink_to("../_common/tool.sh")
    (root / "templates/app/more").symlink_to("../_common/more")
    files = {file.path: file for file in load_catalogue(root).templates["app"].files}
    assert files["tool.sh"].content == b"#!/bin/sh\n"
    assert files["tool.sh"].executable
    assert files["more/x"].content == b"y"


def test_an_image_extends_another_ones_overlay(catalogue):
    files = {
        **SMALL,
        "overlays/other/namespace.yaml": "registry: quay.io/other\nstreams: {master: }\n",
        "overlays/ns/a.yaml": """
            template: app
            description: The first
            from: docker.io/library/python:3.11
            builders: {one: docker.io/library/node:1, two: docker.io/library/node:2}
            sources: {s: {git: "https://h/s", ref: master}, t: {git: "https://h/t", ref: master}}
            downloads: {d: {url: "https://h/d"}}
            """,
        "overlays/ns/a/keep": "a",
        "overlays/ns/a/change": "a",
        "overlays/ns/a/patches/1.patch": "a1",
        "overlays/ns/a/patches/2.patch": "a2",
        "overlays/other/b.yaml": """
            extends: ns/a
            from: docker.io/library/python:3.12
            builders: {two: }
            sources: {s: {ref: v1}}
            """,
        "overlays/other/b/change": "b",
        "overlays/other/b/patches/0.patch": "b0",
        "overlays/other/b/patches/2.patch": "b2",
    }
    image = images_by_key(catalogue(files))["other/b@master"]
    assert (image.template, image.description) == ("app", "The first")
    assert [(parent.role, parent.reference) for parent in image.parents] == [
        ("base", "docker.io/library/python:3.12"),
        ("one", "docker.io/library/node:1"),
    ]
    assert image.sources == (
        Source("s", "https://h/s", "v1", Origin("overlays/other/b.yaml", 4, 11)),
        Source("t", "https://h/t", "master", Origin("overlays/ns/a.yaml", 5, 49)),
    )
    assert image.downloads == (Download("d", "https://h/d", Origin("overlays/ns/a.yaml", 6, 13)),)
    assert [(file.path, file.content) for file in image.files] == [
        ("change", b"b"),
        ("keep", b"a"),
    ]
    assert [(file.path, file.content) for file in image.patches] == [
        ("patches/0.patch", b"b0"),
        ("patches/1.patch", b"a1"),
        ("patches/2.patch", b"b2"),
    ]


def test_a_stream_may_have_patches_of_its_own(catalogue):
    files = {
        **SMALL,
        "overlays/ns/a/patches/z.patch": "z",
        "overlays/ns/a/patches/1.0/a.patch": "a",
        "overlays/ns/a/patches/master/b.patch": "b",
        "overlays/ns/b.yaml": "extends: ns/a\n",
    }
    images = images_by_key(catalogue(files))
    patches = {key: [file.path for file in image.patches] for key, image in images.items()}
    assert patches == {
        "ns/a@1.0": ["patches/z.patch", "patches/1.0/a.patch"],
        "ns/a@master": ["patches/z.patch", "patches/master/b.patch"],
        "ns/b@1.0": ["patches/z.patch", "patches/1.0/a.patch"],
        "ns/b@master": ["patches/z.patch", "patches/master/b.patch"],
    }
    assert [image.heritage for image in images.values()] == [(), (), ("ns/a",), ("ns/a",)]


def test_a_stream_of_an_image_may_change_more_than_values(catalogue):
    files = {
        **SMALL,
        "overlays/ns/a.yaml": """
            template: app
            from: docker.io/library/python:3.11
            sources: {s: {git: "https://h/s", ref: master}}
            streams:
              "1.0":
                from: docker.io/library/python:3.9
                sources: {s: {ref: stable/1.0}}
              master:
            """,
    }
    old, new = images_by_key(catalogue(files)).values()
    assert (old.parents[0].reference, old.sources[0].ref) == (
        "docker.io/library/python:3.9",
        "stable/1.0",
    )
    assert (new.parents[0].reference, new.sources[0].ref) == (
        "docker.io/library/python:3.11",
        "master",
    )


def test_parents_of_the_catalogue_are_taken_from_the_same_stream_or_a_named_one(catalogue):
    files = {
        **SMALL,
        "overlays/ns/b.yaml": "template: app\nfrom: ns/a\nbuilders: {b: ns/a@master}\n",
        "overlays/ns/c.yaml": "template: app\nfrom: scratch\n",
    }
    images = images_by_key(catalogue(files))
    where = "overlays/ns/b.yaml"
    assert images["ns/b@1.0"].parents == (
        Parent("base", "ns/a@1.0", "quay.io/ns/a:1.0", Origin(where, 2, 1)),
        Parent("b", "ns/a@master", "quay.io/ns/a:latest", Origin(where, 3, 12)),
    )
    assert images["ns/c@1.0"].parents == (
        Parent("base", None, "scratch", Origin("overlays/ns/c.yaml", 2, 1)),
    )


def test_addresses_references_and_tags_are_filled_with_values(catalogue):
    files = {
        **SMALL,
        "overlays/ns/namespace.yaml": """
            registry: quay.io/ns
            repository: "x-{image}"
            streams:
              master: {branch: main, tags: ["{python}-{stream}"], values: {suffix: -slim}}
            """,
        "overlays/ns/a.yaml": """
            template: app
            from: docker.io/library/python:{python}{suffix}
            sources: {s: {git: "https://h/{namespace}/{image}", ref: "{branch}"}}
            downloads: {d: {url: "https://h/{python}.tgz"}}
            values: {python: 3.10}
            """,
    }
    (image,) = load_catalogue(catalogue(files)).images
    assert image.parents[0].reference == "docker.io/library/python:3.10-slim"
    assert (image.sources[0].git, image.sources[0].ref) == ("https://h/ns/a", "main")
    assert image.downloads[0].url == "https://h/3.10.tgz"
    assert image.stream.tags == ("3.10-master",)
    assert image.reference == "quay.io/ns/x-a:3.10-master"


def test_one_value_chooses_an_entry_of_a_table(catalogue):
    files = {
        **SMALL,
        "templates/app/template.yaml": """
            description: An app
            values:
              python: {type: string, default: "3.10"}
              below: {enum: [alpine, debian], default: alpine}
              tags:
                type: object
                default: {alpine: "{python}-alpine", debian: "{python}-slim"}
            """,
        "overlays/ns/a.yaml": """
            template: app
            description: "Python {1} ${HOME} on {tags[below]}"
            from: docker.io/library/python:{tags[below]}
            streams: {master: , "1.0": {values: {below: debian}}}
            """,
    }
    images = {image.key: image for image in load_catalogue(catalogue(files)).images}
    bases = {key: image.parents[0].reference for key, image in images.items() if "ns/a" in key}
    assert bases == {
        "ns/a@master": "docker.io/library/python:3.10-alpine",
        "ns/a@1.0": "docker.io/library/python:3.10-slim",
    }
    assert images["ns/a@1.0"].description == "Python {1} ${HOME} on 3.10-slim"


def test_gitea_is_another_name_of_forgejo(catalogue):
    files = {**SMALL, "distgen.yaml": "version: 1\ndist_git: {forge: gitea}\n"}
    loaded_catalogue = load_catalogue(catalogue(files))
    assert load_forge(loaded_catalogue.namespaces["ns"].dist_git.forge) is load_forge("forgejo")


def test_a_namespace_may_have_its_own_place_and_policy(catalogue):
    files = {
        **SMALL,
        "distgen.yaml": """
            version: 1
            source: https://example.org/images.git
            dist_git: {url: "https://git.example.org/{namespace}-{image}.git", forge: gitlab}
            mirrors: {registries: {quay.io: "localhost:5000/quay"}, git: {"https://h/": "http://m/"}}
            """,
        "overlays/ns/namespace.yaml": SMALL_NAMESPACE
        + """\
description: Some images
exports: [osbs]
dist_git: {author: "Me <me@example.org>"}
policy:
  roots: [ns/a]
  rules:
    DG203: {level: warning, images: [ns/*], exempt: {ns/a: why}, init: [tini]}
    DL3008: {level: ignore, reason: because}
""",
    }
    loaded_catalogue = load_catalogue(catalogue(files))
    namespace = loaded_catalogue.namespaces["ns"]
    path = "overlays/ns/namespace.yaml"
    assert loaded_catalogue.images[0].url == "https://git.example.org/ns-a.git"
    assert loaded_catalogue.source == "https://example.org/images.git"
    assert loaded_catalogue.mirrors == {
        "registries": {"quay.io": "localhost:5000/quay"},
        "git": {"https://h/": "http://m/"},
    }
    assert (namespace.dist_git.author, namespace.dist_git.forge) == (
        "Me <me@example.org>",
        "gitlab",
    )
    assert namespace.exports == ("osbs",)
    assert namespace.policy == Policy(
        roots=("ns/a",),
        rules=(
            RuleSettings(
                "DG203",
                "warning",
                images=("ns/*",),
                exempt=(("ns/a", "why"),),
                options={"init": ["tini"]},
                origin=Origin(path, 11, 5),
            ),
            RuleSettings("DL3008", "ignore", "because", origin=Origin(path, 12, 5)),
        ),
    )


def test_files_that_are_no_overlays_may_lie_about(catalogue):
    files = {
        **SMALL,
        "overlays/README.rst": "x",
        "overlays/.hidden/x.yaml": "x",
        "overlays/ns/README.rst": "x",
        "overlays/ns/a.yaml~": "x",
        "overlays/ns/.a.yaml.swp": "x",
        "templates/.hidden/x": "x",
    }
    assert sorted(images_by_key(catalogue(files))) == ["ns/a@1.0", "ns/a@master"]
