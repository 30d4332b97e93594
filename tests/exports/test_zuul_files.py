"""The files of `distgen export zuul`: what stands in them, and what never does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from testing.images import image

from distgen.catalogue.graph import parents_first
from distgen.catalogue.load import load_catalogue
from distgen.errors import InputError
from distgen.exports.matrix import make_entries
from distgen.exports.records import RefusedImage, Selection
from distgen.exports.zuul.format import write_zuul
from distgen.exports.zuul.inputs import escape
from distgen.exports.zuul.jobs import LONGEST_NAME
from distgen.exports.zuul.options import parse_options
from distgen.exports.zuul.yaml import Anchored, format_stanzas, format_text
from distgen.model.catalogue import Layer, Stream, Template, TemplateFile
from distgen.model.lock import Lock

pytest_plugins = ["testing.commandline"]
ROOT = Path(__file__).parents[2]
HOSTED = {"project": "opendev.org/opendev/images", "hosts": "opendev.org"}
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)


def select(*images, options=None, templates=None):
    return Selection(
        images=images,
        entries=make_entries([images], {}),
        namespaces={},
        lock=Lock(),
        templates=templates or {},
        options=options or {},
    )


def export(*images, **options):
    result = write_zuul(select(*images, options=options))
    assert result.refused == ()
    return {file.path: file.content.decode() for file in result.files}


def stanzas(text, kind):
    return [stanza[kind] for stanza in yaml.safe_load(text) if kind in stanza]


@pytest.fixture(scope="module")
def default_catalogue():
    return load_catalogue(ROOT)


@pytest.fixture(scope="module")
def default_files(default_catalogue):
    """The export of the whole default catalogue by path."""
    images = tuple(parents_first(default_catalogue.images))
    selection = select(*images, options=HOSTED, templates=default_catalogue.templates)
    return {file.path: file.content.decode() for file in write_zuul(selection).files}


def jobs_by_name(files):
    return {
        job["name"]: job
        for path, text in files.items()
        if path.startswith("zuul.d/")
        for job in stanzas(text, "job")
    }


# --- jobs --------------------------------------------------------------------------------------


def test_the_three_jobs_of_an_image_share_its_container_images(default_files):
    text = default_files["zuul.d/images/zuul/nodepool.yaml"]
    assert text.count("container_images: &images") == 1
    assert text.count("container_images: *images") == 2
    jobs = stanzas(text, "job")
    assert [job["name"] for job in jobs] == [
        f"distgen-{act}-image-zuul-nodepool-master" for act in ("build", "upload", "promote")
    ]
    expected = [
        {
            "context": "zuul/nodepool/master",
            "registry": "quay.io",
            "repository": "quay.io/zuul-ci/nodepool",
            "tags": ["master", "latest"],
        }
    ]
    assert [job["vars"]["container_images"] for job in jobs] == [expected] * 3


def test_each_image_of_the_default_catalogue_has_its_jobs(default_catalogue, default_files):
    jobs = jobs_by_name(default_files)
    images = {job["vars"]["distgen_image"] for job in jobs.values() if "image-" in job["name"]}
    assert images == {image.key for image in default_catalogue.images}
    assert len([name for name in jobs if "-image-" in name]) == 3 * len(images)
    for name, job in jobs.items():
        wanted = {dependency["name"] for dependency in job.get("dependencies", ())}
        assert wanted <= jobs.keys() - {name}


def test_what_a_job_requires_is_what_the_jobs_of_its_parents_provide(default_files):
    jobs = jobs_by_name(default_files)
    for job in jobs.values():
        if "requires" in job:
            providers = {jobs[name["name"]]["provides"] for name in job["dependencies"]}
            assert {*job["requires"]} == providers
            assert all(dependency["soft"] for dependency in job["dependencies"])


def test_siblings_are_required_projects_and_stand_in_place_of_releases(default_files):
    (build, _, promote) = stanzas(default_files["zuul.d/images/zuul/nodepool-builder.yaml"], "job")
    sibling = "opendev.org/openstack/diskimage-builder"
    assert build["vars"]["container_images"][0]["siblings"] == [sibling]
    assert build["required-projects"] == [sibling]
    assert "required-projects" not in promote


def test_the_playbooks_that_jobs_name_are_written(default_files):
    jobs = jobs_by_name(default_files).values()
    named = {job[key] for job in jobs for key in ("pre-run", "run", "post-run") if key in job}
    assert named == {path for path in default_files if path.startswith("playbooks/")}
    steps = set(re.findall(r"(?:tasks_from|include_tasks): (\S+)", "".join(default_files.values())))
    assert {f"roles/distgen/tasks/{step}" for step in steps} == {
        path for path in default_files if path.startswith("roles/distgen/tasks/")
    }


def test_images_outside_of_the_selection_are_waited_for_by_nobody(default_catalogue):
    (alone,) = (image for image in default_catalogue.images if image.key == "zuul/nodepool@master")
    (build, *_) = stanzas(export(alone)["zuul.d/images/zuul/nodepool.yaml"], "job")
    assert not {"dependencies", "requires", "required-projects"} & build.keys()
    assert build["vars"]["distgen_parents"] == []


def test_streams_of_one_image_stand_in_one_file():
    files = export(image("ns/a@2024.1"), image("ns/a@master"))
    text = files["zuul.d/images/ns/a.yaml"]
    assert {"images_2024_1", "images_master"} == set(re.findall(r"container_images: &(\S+)", text))
    (project,) = stanzas(text, "project")
    assert [*project] == ["check", "gate", "promote"]
    assert len(project["check"]["jobs"]) == 2
    tags = [job["vars"]["container_images"][0]["tags"] for job in stanzas(text, "job")]
    assert tags == [["2024.1"]] * 3 + [["master"]] * 3


@pytest.mark.parametrize("tag", ["1", "3.10", "1e3", "0x10", "0o7", "true", "on", "null", "1_000"])
def test_tags_that_look_like_numbers_or_words_stay_text(tag):
    numbered = replace(
        image("ns/a"), stream=Stream("s", "s", (tag,)), reference=f"quay.io/ns/a:{tag}"
    )
    text = export(numbered)["zuul.d/images/ns/a.yaml"]
    for job in stanzas(text, "job"):
        assert job["vars"]["container_images"][0]["tags"] == [tag]


@pytest.mark.parametrize(
    "streams", [("1.0", "1_0"), ("1_0", "1.0", "1.0_1"), ("a.b", "a-b", "a_b", "a_b_2")]
)
def test_anchors_of_streams_do_not_collide(streams):
    images = [replace(image("ns/a"), stream=Stream(name, name, (name,))) for name in streams]
    text = export(*images)["zuul.d/images/ns/a.yaml"]
    for job in stanzas(text, "job"):
        _, _, stream = job["vars"]["distgen_image"].partition("@")
        assert job["vars"]["container_images"][0]["context"] == f"ns/a/{stream}"


def test_platforms_are_said_as_zuul_jobs_says_them():
    both = replace(image("ns/a"), platforms=("linux/amd64", "linux/arm64"))
    result = write_zuul(select(both, replace(image("ns/b"), platforms=("linux/amd64",))))
    assert result.warnings == (
        "ns/a@master is for linux/amd64, linux/arm64; its jobs build it for that of their node",
    )
    text = next(file.content for file in result.files if file.path.endswith("ns/a.yaml"))
    (job, *_) = stanzas(text, "job")
    assert job["vars"]["container_images"][0]["arch"] == ["linux/amd64", "linux/arm64"]
    (plain, *_) = stanzas(export(image("ns/a"))["zuul.d/images/ns/a.yaml"], "job")
    assert "arch" not in plain["vars"]["container_images"][0]


# --- what is refused ---------------------------------------------------------------------------


def test_two_images_with_one_name_of_jobs_are_refused_but_the_first():
    result = write_zuul(select(image("a/b-c"), image("a-b/c"), image("a/d")))
    name = "distgen-promote-image-a-b-c-master"
    reason = f"its jobs would be called as those of a-b/c@master ({name})"
    assert result.refused == (RefusedImage("a/b-c@master", reason),)
    assert {file.path for file in result.files} >= {
        "zuul.d/images/a-b/c.yaml",
        "zuul.d/images/a/d.yaml",
    }
    assert "zuul.d/images/a/b-c.yaml" not in {file.path for file in result.files}


def test_a_name_that_the_database_of_zuul_would_cut_is_refused():
    def refused(length):
        name = "x" * (length - len("distgen-promote-image-ns--master"))
        return [refusal.reason for refusal in write_zuul(select(image(f"ns/{name}"))).refused]

    assert refused(LONGEST_NAME) == []
    assert refused(LONGEST_NAME + 1) == ["Zuul keeps names of jobs up to 255 characters"]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(
            ("project", text)
            for text in ("images", "x/../y", "/a/b", "opendev.org/{{ x }}", "a b/c")
        ),
        *(("catalogue", text) for text in ("/srv", "../x", "a/../b", "a b", "{{ x }}", "a/")),
        *(("hosts", text) for text in ("https://opendev.org", "a,,b", "a b", "u@h")),
        *(("secret", text) for text in ("{{ lookup('env', 'HOME') }}", "{image}", "a\nb")),
        *(("install", text) for text in ("--index-url=x", "{{ x }}", "{% x %}", "a\nb")),
        *(("prefix", text) for text in ("-x", "a b", "{{ x }}", "ä")),
        *(("parent", text) for text in ("{{ x }}", "a\nb", "x" * 256)),
    ],
)
def test_an_option_that_is_not_a_name_is_an_error(option, text):
    with pytest.raises(InputError, match=f"--{option}: .* cannot stand there; "):
        parse_options({option: text})


def test_an_option_may_say_what_it_is_for():
    options = parse_options(
        {
            **HOSTED,
            "parent": "opendev-base job",
            "catalogue": "containers/images",
            "hosts": "review.example.org:8080,opendev.org",
            "secret": "quay-{namespace}",
            "install": "distgen-git @ git+https://example.org/distgen.git@1.0",
        }
    )
    assert options.secret_of("zuul") == "quay-zuul"
    assert options.catalogue == "containers/images/"
    assert options.hosts == ("opendev.org", "review.example.org:8080")


@pytest.mark.parametrize(
    ("git", "project"),
    [
        ("https://opendev.org/zuul/nodepool", "opendev.org/zuul/nodepool"),
        ("https://opendev.org/zuul/nodepool.git/", "opendev.org/zuul/nodepool"),
        ("ssh://bot@opendev.org/zuul/nodepool", "opendev.org/zuul/nodepool"),
        ("https://github.com/zuul/nodepool", ""),
        ("https://opendev.org.example.org/zuul/nodepool", ""),
        ("https://opendev.org/{{ lookup('env', 'HOME') }}", ""),
        ("https://opendev.org/%7B%7Bx", ""),
        ("https://opendev.org", ""),
        ("/srv/git/nodepool", ""),
    ],
)
def test_a_repository_is_a_project_where_zuul_knows_its_host(git, project):
    assert parse_options(HOSTED).project_of(git) == project


# --- what runs the jobs ------------------------------------------------------------------------


def patterns(files, path):
    (project,) = stanzas(files[path], "project")
    (job,) = project["check"]["jobs"]
    return next(iter(job.values()))["files"]


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("distgen.lock", True),
        ("distgen.yaml", True),
        ("overlays/zuul/namespace.yaml", True),
        ("overlays/zuul/nodepool.yaml", True),
        ("overlays/zuul/nodepool/patches/fix.patch", True),
        ("overlays/zuul/nodepool/ünïcode.txt", True),
        ("overlays/opendev/python-base.yaml", True),
        ("templates/python-app/Dockerfile.j2", True),
        ("templates/image/README.rst.j2", True),
        ("templates/_shared/apt.j2", True),
        ("roles/distgen/tasks/build.yaml", True),
        ("overlays/zuul/nodepool-builder.yaml", False),
        ("overlays/zuul/nodepoolXyaml", False),
        ("overlays/opendev/gitea.yaml", False),
        ("templates/gitea/Dockerfile.j2", False),
        ("distgenXlock", False),
        ("doc/distgen.lock", False),
        ("README.rst", False),
    ],
)
def test_a_job_runs_for_the_files_that_its_image_is_made_from(path, runs, default_files):
    chosen = patterns(default_files, "zuul.d/images/zuul/nodepool.yaml")
    assert any(re.search(pattern, path) for pattern in chosen) is runs


def test_a_catalogue_in_a_folder_has_its_files_there():
    files = export(image("ns/a.b"), catalogue="containers/my.images")
    for pattern in patterns(files, "zuul.d/images/ns/a.b.yaml"):
        start = "^containers/my\\.images/", "^playbooks/distgen/", "^roles/distgen/"
        assert pattern.startswith(start)
    assert "^containers/my\\.images/overlays/ns/a\\.b(/|\\.yaml$)" in patterns(
        files, "zuul.d/images/ns/a.b.yaml"
    )
    common = stanzas(files["zuul.d/distgen.yaml"], "job")[0]
    assert common["vars"] == {"distgen_folder": "containers/my.images"}


def template(name, *, extends=(), **contents):
    """Return a template with files by name, which are all rendered."""
    files = tuple(
        TemplateFile(path, f"templates/{name}/{path}", text.encode(), True, False)
        for path, text in contents.items()
    )
    return Template(name, "", {}, Layer("template", "", {}), files, extends)


def test_a_template_that_another_one_includes_counts_as_well():
    """Templates may include files of each other without extending them."""
    templates = {
        "app": template("app", extends=("base",), d='{% include "far/notes.j2" %}'),
        "base": template("base"),
        "far": template("far", notes="{% import 'farther/x.j2' as x %}"),
        "farther": template("farther", x='{% include "app/d" %}'),
        "other": template("other", d='{% include "none/x" %}'),
        "mine": template("mine"),
    }
    own = TemplateFile("x", "overlays/ns/a/x.j2", b'{% include "mine/x" %}', True, False)
    app = replace(image("ns/a"), files=(own,))
    (file,) = (
        file
        for file in write_zuul(select(app, templates=templates)).files
        if file.path == "zuul.d/images/ns/a.yaml"
    )
    chosen = patterns({"a": file.content.decode()}, "a")
    assert [pattern for pattern in chosen if pattern.startswith("^templates/")] == [
        "^templates/_",
        *(f"^templates/{name}/" for name in ("app", "base", "far", "farther", "mine")),
    ]


def test_an_imported_image_is_made_from_the_files_that_its_source_names():
    imported = replace(image("kolla/a"), template="kolla:a")
    inputs = ("distgen.yaml", "overlays", "kolla/override.j2", "/srv/kolla.conf", "../x")
    files = write_zuul(replace(select(imported), inputs=inputs)).files
    (text,) = (file.content.decode() for file in files if "kolla/a" in file.path)
    assert patterns({"a": text}, "a") == [
        "^distgen\\.(lock|yaml)$",
        "^kolla/override\\.j2(/|$)",
        "^overlays/kolla/",
        "^templates/_",
        "^playbooks/distgen/",
        "^roles/distgen/",
    ]


@given(TEXTS)
def test_an_escaped_text_matches_itself_alone(text):
    assert re.fullmatch(escape(text), text)
    assert not re.fullmatch(escape(text), text + "x")


def test_other_projects_get_a_template_for_their_branches():
    sources = {"app": ("https://opendev.org/x/app", "stable/2024.1+{x}")}
    hosted = image("ns/a", sources=sources)
    (template,) = stanzas(export(hosted, **HOSTED)["zuul.d/images/ns/a.yaml"], "project-template")
    assert template["name"] == "distgen-image-ns-a"
    matcher = {"branches": [r"^stable/2024\.1\+\{x\}$"]}
    expected = {"jobs": [{"distgen-build-image-ns-a-master": matcher}]}
    assert template["check"] == template["gate"] == expected
    assert "project-template" not in export(hosted)["zuul.d/images/ns/a.yaml"]


# --- YAML --------------------------------------------------------------------------------------


@given(st.lists(st.dictionaries(TEXTS, st.recursive(
    TEXTS | st.booleans() | st.integers(),
    lambda below: st.lists(below) | st.dictionaries(TEXTS, below),
    max_leaves=3,
), min_size=1), min_size=1))  # fmt: skip
def test_stanzas_are_read_as_they_were_written(data):
    assert yaml.safe_load(format_stanzas("# head", data)) == data


@pytest.mark.parametrize(
    "text",
    ["y", "No", "ON", "null", "~", "", "*a", "&a", "!unsafe x", "a: b", "- a", "'", "{{ x }}"],
)
def test_text_is_never_taken_for_something_else(text):
    assert yaml.safe_load(format_text(text)) == text


def test_data_with_an_anchor_is_written_once():
    shared = Anchored("a", ["x"])
    text = format_stanzas("#", [{"b": shared}, {"c": {"d": shared}}])
    assert text == "#\n\n- b: &a\n    - x\n\n- c:\n    d: *a\n"


# --- what must never be evaluated --------------------------------------------------------------


def test_nothing_that_an_author_writes_freely_reaches_ansible():
    """Ansible evaluates `{{ }}` wherever it stands in the variables of a job."""
    hostile = "{{ lookup('pipe', 'id') }} {% raw %} !unsafe"
    files = export(
        replace(
            image("ns/a", sources={"app": ("https://opendev.org/x/a", "b{{x}}")}, **{}),
            description=hostile,
            values={"pip": [hostile], "title": hostile},
        ),
        **HOSTED,
    )
    text = files["zuul.d/images/ns/a.yaml"]
    assert "lookup" not in text and "unsafe" not in text and "{%" not in text
    for job in stanzas(text, "job"):
        assert "{{" not in str(job)


def test_playbooks_and_role_are_the_same_for_every_catalogue(default_files):
    files = export(image("ns/a"), parent="other", install="x==1", secret="y")
    for path, text in default_files.items():
        if not path.startswith("zuul.d/"):
            assert files[path] == text


def test_secrets_are_named_and_never_written(default_catalogue, default_files):
    jobs = jobs_by_name(default_files)
    secrets = {name: job["secrets"] for name, job in jobs.items() if "secrets" in job}
    assert sorted(secrets) == sorted(
        f"distgen-{act}-images-of-{namespace}"
        for act in ("upload", "promote")
        for namespace in default_catalogue.namespaces
    )
    for name, used in secrets.items():
        namespace = name.rpartition("-")[2]
        assert used == [
            {"name": "container_registry_credentials", "secret": f"{namespace}-registry"}
        ]
        assert jobs[name]["post-review"] is True
        assert jobs[name]["allowed-projects"] == [HOSTED["project"]]


def test_without_the_name_of_the_project_zuul_itself_guards_the_secrets():
    """It does where a job says nothing: `post-review` alone would let any project run it."""
    for job in jobs_by_name(export(image("ns/a"))).values():
        assert not {"post-review", "allowed-projects"} & job.keys()


# --- the command -------------------------------------------------------------------------------


def test_the_command_writes_a_folder_that_check_accepts(distgen, tmp_path):
    folder = tmp_path / "out"
    ran = distgen(ROOT, "export", "zuul", "-o", folder, "zuul/*", "opendev/*")
    assert (ran.code, ran.out) == (0, "")
    assert (folder / "zuul.d/images/zuul/zuul.yaml").is_file()
    assert not (folder / "zuul.d/images/monasca").exists()
    assert distgen(ROOT, "export", "zuul", "-o", folder, "--check", "zuul/*", "opendev/*").code == 0
    assert distgen(ROOT, "export", "zuul", "-o", folder, "--check", "zuul/*").code == 1


def test_the_command_refuses_an_option_and_writes_nothing(distgen, tmp_path):
    ran = distgen(ROOT, "export", "zuul", "-o", tmp_path / "out", "--project", "images")
    assert (ran.code, ran.out) == (2, "")
    assert "--project: 'images' cannot stand there; write HOST/PATH" in ran.err
    assert not (tmp_path / "out").exists()
