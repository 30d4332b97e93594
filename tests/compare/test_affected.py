"""`distgen affected`: what a change of the catalogue reaches, in build order, and why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from testing.commandline import keeps_to_its_schema
from testing.sites import save

from distgen.compare.reasons import ReasonFinder

pytest_plugins = ["testing.commandline"]

DIGEST = f"sha256:{'1' * 64}"
FILES = {
    "templates/_shared/labels.j2": """\
        {% macro labels(image) %}
        LABEL name={{ image.full_name }}
        {% endmacro %}
        """,
    "templates/_shared/unused.j2": "RUN unused\n",
    "templates/app/template.yaml": """\
        description: An application
        values:
          packages: {type: array, items: {type: string}, default: []}
          env: {type: object, default: {}}
          python: {type: string, default: "3.11"}
          number: {default: 1}
        """,
    "templates/app/Dockerfile.j2": """\
        {% from "_shared/labels.j2" import labels %}
        FROM {{ base.reference }}
        {{ labels(image) }}
        LABEL tags={{ image.tags | join(",") }} about={{ image.description | dq }}
        ENV python={{ python }} number={{ number }}
        {% for key, value in env.items() %}
        ENV {{ key }}={{ value }}
        {% endfor %}
        {% for name in packages %}
        RUN install {{ name }}
        {% endfor %}
        {% for name, source in sources.items() %}
        RUN clone {{ source.git }} {{ source.checkout }}
        {% endfor %}
        {% for file in downloads.values() %}
        RUN fetch {{ file.url }} {{ file.sha256 or "unchecked" }}
        {% endfor %}
        {% for name, builder in builders.items() %}
        COPY --from={{ builder.reference }} /{{ name }} /
        {% endfor %}
        {% if "osbs" in image.exports %}
        LABEL osbs=yes
        {% endif %}
        """,
    "templates/app/start.sh": "#!/bin/sh\n",
    "templates/other/template.yaml": "description: Another\nextends: app\n",
    "templates/other/start.sh": "#!/bin/bash\n",
    "overlays/ns/namespace.yaml": """\
        registry: quay.io/ns
        streams: {main: {tags: ["{release}"]}}
        values: {python: "3.12", release: "1"}
        """,
    "overlays/ns/base.yaml": """\
        template: app
        from: docker.io/library/debian:12
        """,
    "overlays/ns/builder.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
    "overlays/ns/app.yaml": """\
        template: app
        from: ns/base
        builders: {make: ns/builder}
        sources:
          app: {git: "https://example.org/app.git", ref: main}
        downloads: {tool: {url: "https://example.org/tool"}}
        values:
          packages:
          - git
          - curl
          env: {A: a, B: b}
        """,
    "overlays/ns/child.yaml": "template: app\nfrom: ns/app\n",
    "overlays/ns/child/patches/a.patch": """\
        --- a/start.sh
        +++ b/start.sh
        @@ -1 +1,2 @@
         #!/bin/sh
        +exit
        """,
    "overlays/ns/far.yaml": "extends: ns/app\nfrom: docker.io/library/debian:12\n",
    "distgen.lock": f"""\
        version: 1
        bases: {{docker.io/library/debian:12: {{digest: "{DIGEST}"}}}}
        sources:
          https://example.org/app.git:
            main: {{commit: "{"2" * 40}", date: "2024-05-01T12:00:00Z"}}
        downloads: {{"https://example.org/tool": {{sha256: "{"3" * 64}"}}}}
        """,
}
APP = "overlays/ns/app.yaml"
NAMESPACE = "overlays/ns/namespace.yaml"


@pytest.fixture
def root(catalogue):
    root = catalogue(FILES)
    save(root)
    return root


def replace(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new, 1))


@pytest.fixture
def affected(root, distgen):
    """Return a function that changes a text of a file, and returns the reasons by image."""

    def change(*edits: tuple[str, str, str], since: str = "HEAD") -> dict[str, list[str]]:
        for edit in edits:
            replace(root, *edit)
        ran = distgen(root, "affected", "--since", since, "--format", "json")
        assert ran.code == 0, ran.err
        keeps_to_its_schema("affected", ran.json)
        return {
            row["image"].removeprefix("ns/"): row["reasons"]
            for row in ran.json
            if since != "HEAD" or row["change"] != "added"
        }

    return change


def parent(*names: str) -> list[str]:
    return [f"parent:ns/{name}@main" for name in names]


# --- reasons -------------------------------------------------------------------------------------


def test_a_line_of_a_template_reaches_all_that_read_it(affected):
    patch, old, new = "overlays/ns/child/patches/a.patch", "/bin/sh\n", "/bin/sh -e\n"
    reasons = affected(("templates/app/start.sh", old, new), (patch, old, new))
    start = ["file:templates/app/start.sh"]
    assert reasons == {
        "base": start,
        "builder": start,
        "app": start + parent("base", "builder"),
        "far": start + parent("builder"),
        "child": [f"patch:{patch}", *start, *parent("app")],
    }


EACH = (
    ("templates/app/Dockerfile.j2", "FROM {{", "USER 1\nFROM {{"),
    ("templates/_shared/labels.j2", "name=", "title="),
    ("templates/app/template.yaml", "default: 1}", "default: 2}"),
    ("templates/app/template.yaml", "{default: 1}", "{type: string, default: 1.0}"),
    ("templates/app/template.yaml", "An application", "A program"),
    (NAMESPACE, "3.12", "3.13"),
    (NAMESPACE, 'tags: ["{release}"]', 'tags: ["{release}", latest]'),
)
PLACES = (
    "template:templates/app/Dockerfile.j2:2",
    "macro:templates/_shared/labels.j2:2",
    "template:templates/app/template.yaml:6",
    "template:templates/app/template.yaml:6",
    "template:templates/app/template.yaml:1",
    f"overlay:{NAMESPACE}:3 python",
    f"overlay:{NAMESPACE}:2 streams.main.tags",
)


@pytest.mark.parametrize(("edit", "place"), [*zip(EACH, PLACES, strict=True)], ids=PLACES)
def test_what_all_images_read_is_a_reason_of_all(affected, edit, place):
    assert {name: reasons[0] for name, reasons in affected(edit).items()} == dict.fromkeys(
        ("base", "builder", "app", "far", "child"), place
    )


OF_APP = {
    ("- curl", "- curl\n  - vim"): f"overlay:{APP}:11 packages",
    ("  - git\n", ""): f"overlay:{APP}:9 packages",
    ("B: b", "B: c"): f"overlay:{APP}:11 env.B",
    (", B: b", ""): f"overlay:{APP} env.B",
    ("{A: a, B: b}", "{B: b, A: a}"): f"overlay:{APP}:11 env",
    ("ref: main", "ref: next"): f"overlay:{APP}:5 sources.app.ref",
    ("/tool", "/tools"): f"overlay:{APP}:6 downloads.tool.url",
    ("builders: {make", "builders: {build"): f"overlay:{APP}:3 builders.build",
    ("template: app\n", "template: other\n"): f"overlay:{APP}:1 template",
    ("from: ns/base\n", "from: ns/base\ndescription: Mine\n"): f"overlay:{APP}:3 description",
}


@pytest.mark.parametrize(("edit", "place"), OF_APP.items(), ids=OF_APP.values())
def test_a_key_of_an_overlay_is_a_reason_with_its_line_and_the_name_that_explain_takes(
    affected, edit, place
):
    """What is gone has no line. Images that extend the overlay read it as well."""
    reasons = affected((APP, *edit))
    assert place in reasons["app"] and place in reasons["far"]
    assert reasons["child"] == parent("app")
    assert "base" not in reasons


def test_from_and_extends_are_keys_of_overlays(affected):
    reasons = affected(
        (APP, "from: ns/base", "from: docker.io/library/debian:13"),
        ("overlays/ns/far.yaml", "extends: ns/app", "extends: ns/child"),
    )
    assert reasons == {
        "app": [f"overlay:{APP}:2 from"],
        "far": ["overlay:overlays/ns/far.yaml:1 extends"],
        "child": parent("app"),
    }  # fmt: skip


def test_a_value_that_a_later_layer_replaces_is_no_reason(affected):
    reasons = affected(
        ("templates/app/template.yaml", 'default: "3.11"', 'default: "3.10"'),
        ("templates/app/template.yaml", "default: []", "default: [vim]"),
    )
    packages = "template:templates/app/template.yaml:3"
    assert reasons == {
        "base": [packages],
        "builder": [packages],
        "app": parent("base", "builder"),
        "far": parent("builder"),
        "child": [packages, *parent("app")],
    }


def test_a_value_in_a_tag_is_a_reason_of_the_image_and_of_what_names_it(affected):
    """No template takes the value; the tag is in the FROM of children."""
    release = f"overlay:{NAMESPACE}:3 release"
    reasons = affected((NAMESPACE, 'release: "1"', 'release: "2"'))
    assert {name: texts[0] for name, texts in reasons.items()} == dict.fromkeys(
        ("base", "builder", "app", "far", "child"), release
    )


def test_a_registry_is_a_reason_of_what_names_its_images(affected):
    """Their own trees say nothing of the registry."""
    registry = f"overlay:{NAMESPACE}:1 registry"
    reasons = affected((NAMESPACE, "quay.io/ns", "quay.io/other"))
    assert reasons == {
        "app": [registry],
        "far": [registry],
        "child": [registry, *parent("app")],
    }


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("1" * 64, "4" * 64, "lock:docker.io/library/debian:12"),
        ("2" * 40, "4" * 40, "lock:https://example.org/app.git#main"),
        ("3" * 64, "4" * 64, "lock:https://example.org/tool"),
    ],
)
def test_an_entry_of_the_lock_is_a_reason_of_images_that_use_it(affected, old, new, reason):
    reasons = affected(("distgen.lock", old, new))
    is_base = "debian" in reason
    assert reasons == {
        **({"base": [reason], "builder": [reason]} if is_base else {}),
        "app": parent("base", "builder") if is_base else [reason],
        "far": [reason, *parent("builder")] if is_base else [reason],
        "child": parent("app"),
    }


def test_exports_are_a_reason(affected):
    reasons = affected((NAMESPACE, "registry:", "exports: [osbs]\nregistry:"))
    assert {name: texts[0] for name, texts in reasons.items()} == dict.fromkeys(
        ("base", "builder", "app", "far", "child"), "exports"
    )


def test_a_policy_is_no_reason(affected):
    policy = "policy: {rules: {DG101: {level: ignore, reason: no}}}\nregistry:"
    assert affected((NAMESPACE, "registry:", policy), ("distgen.yaml", "1", "1  # one")) == {}


def test_mirrors_are_a_reason(affected):
    mirrors = "1\nmirrors: {registries: {docker.io: 'localhost:5000/docker.io'}}"
    reasons = affected(("distgen.yaml", "1", mirrors))
    assert reasons["base"] == ["overlay:distgen.yaml:2 mirrors.registries.docker.io"]


def test_a_file_that_an_image_gets_and_loses_for_itself(root, affected):
    (root / "overlays/ns/base").mkdir()
    (root / "overlays/ns/base/start.sh").write_text("exit\n")
    (root / "overlays/ns/base/new.j2").write_text("new\n")
    shutil.rmtree(root / "overlays/ns/child")
    reasons = affected()
    assert reasons == {
        "base": ["template:overlays/ns/base/new.j2:1", "file:overlays/ns/base/start.sh"],
        "app": parent("base"),
        "child": ["patch:overlays/ns/child/patches/a.patch", *parent("app")],
    }


def test_a_mode_is_a_reason_without_a_line(root, affected):
    (root / "templates/app/start.sh").chmod(0o644)
    assert affected()["base"] == ["file:templates/app/start.sh"]


def test_a_file_that_is_not_read_is_no_reason(affected):
    reasons = affected(
        ("templates/_shared/unused.j2", "unused", "used"), (APP, "- curl", "- curl\n  - vim")
    )
    assert reasons["app"] == [f"overlay:{APP}:11 packages"]


def test_each_change_of_a_template_has_its_line(affected):
    template = "templates/app/Dockerfile.j2"
    edits = ((template, "FROM {{", "USER 1\nFROM {{"), (template, "RUN install", "RUN get"))
    expected = [f"template:{template}:2", f"template:{template}:11"]
    assert affected(*edits)["base"] == expected


def test_a_new_release_of_a_component_moves_the_tags_of_the_last_one(root, affected):
    """Streams are made from git tags; `latest` goes to the newest."""
    tags = """tags: {"https://example.org/app.git": {"newest 3 of v{version}": [v1]}}\n"""
    streams = "from_tags: {count: 3}}\ntags: {releases: ['v{version}']}"
    replace(root, NAMESPACE, '{main: {tags: ["{release}"]}}', f"{{main: , {streams}")
    replace(root, NAMESPACE, ', release: "1"', "")
    replace(root, "distgen.lock", "downloads:", f"{tags}downloads:")
    save(root)
    replace(root, "distgen.lock", "[v1]", "[v2, v1]")
    lock = "lock:https://example.org/app.git"
    reasons = affected()
    assert reasons["app"] == [lock]
    assert set(reasons["child"]) == {lock, "parent:ns/app@v1"}


# --- the list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        (("--set", "number=7"), {"option:--set number"}),
        (("--set", "ns/a*:packages+=[b]"), {"option:--set packages"}),
        (("--set", "ns/app:env.a=b"), {"option:--set env.a"}),
        (("--source", "ns/app:app=v2"), {"option:--source app"}),
        (("--source", "app=https://example.org/fork#main"), {"option:--source app"}),
    ],
)
def test_options_of_the_run_are_reasons(root, distgen, options, reasons):
    ran = distgen(root, "affected", "--since", "HEAD", *options, "--format", "json")
    assert ran.code == 0, ran.err
    keeps_to_its_schema("affected", ran.json)
    named = {reason for row in ran.json for reason in row["reasons"]}
    assert {reason for reason in named if not reason.startswith("parent:")} == reasons


def test_images_come_in_build_order_with_their_level(root, distgen):
    (root / "overlays/ns/far.yaml").unlink()
    (root / "overlays/ns/new.yaml").write_text("template: app\nfrom: ns/child\n")
    replace(root, "overlays/ns/base.yaml", "debian:12", "debian:13")
    rows = distgen(root, "affected", "--since", "HEAD", "--format", "json").json
    assert [(row["image"], row["stream"], row["change"], row["level"]) for row in rows] == [
        ("ns/base", "main", "changed", 0),
        ("ns/app", "main", "rebuilt", 1),
        ("ns/far", "main", "removed", 1),
        ("ns/child", "main", "rebuilt", 2),
        ("ns/new", "main", "added", 3),
    ]
    assert [row["reasons"] for row in rows] == [
        ["overlay:overlays/ns/base.yaml:2 from"],
        parent("base"),
        ["removed"],
        parent("app"),
        ["added"],
    ]


def test_the_text_has_the_same_and_a_sum(root, distgen):
    replace(root, "overlays/ns/base.yaml", "debian:12", "debian:13")
    ran = distgen(root, "affected", "--since", "main")
    assert ran.out.splitlines() == [
        "changed  ns/base@main",
        "         overlay:overlays/ns/base.yaml:2 from",
        "rebuilt  ns/app@main",
        "         parent:ns/base@main",
        "rebuilt  ns/child@main",
        "         parent:ns/app@main",
    ]
    expected = "1 changed, 2 rebuilt since main, both rendered with what is installed now\n"
    assert (ran.code, ran.err) == (0, expected)


def test_images_are_chosen_and_what_they_build_on_is_looked_at(root, distgen):
    replace(root, "overlays/ns/base.yaml", "debian:12", "debian:13")
    words = ("--since", "HEAD", "ns/child", "ns/builder", "--format", "json")
    ran = distgen(root, "affected", *words)
    assert [(row["image"], row["reasons"]) for row in ran.json] == [("ns/child", parent("app"))]


def test_nothing_changed(root, distgen):
    ran = distgen(root, "affected", "--since", "HEAD", "--format", "json")
    expected = "nothing changed since HEAD, both rendered with what is installed now\n"
    assert (ran.code, json.loads(ran.out), ran.err) == (0, [], expected)


def test_of_the_empty_catalogue_all_are_added(affected):
    assert set(map(tuple, affected(since="@{root}").values())) == {("added",)}


def test_bad_input_ends_with_code_2(root, distgen):
    for words in (("--since", "mian"), ("--since", "HEAD", "ns/none"), ()):
        ran = distgen(root, "affected", *words)
        assert (ran.code, ran.out) == (2, "") and ran.err, words


def test_an_image_that_cannot_be_rendered_now_is_a_mistake_of_now(root, distgen):
    replace(root, "templates/app/Dockerfile.j2", "{{ python }}", "{{ pyhton }}")
    ran = distgen(root, "affected", "--since", "HEAD")
    assert ran.code == 2
    assert ran.err.startswith("distgen: templates/app/Dockerfile.j2:5: ")


def test_a_change_without_a_reason_is_an_error_and_the_list_is_whole(root, distgen, monkeypatch):
    """No change of a catalogue is known to have none, so the fault is made here."""
    replace(root, APP, "- curl", "- curl\n  - vim")
    monkeypatch.setattr(ReasonFinder, "find_reasons", lambda *_: ())
    ran = distgen(root, "affected", "--since", "HEAD", "--format", "json")
    assert ran.code == 1
    assert {row["image"] for row in ran.json} == {"ns/app", "ns/far", "ns/child"}
    assert "distgen: ns/app@main, ns/far@main changed, and distgen does not know why" in ran.err
