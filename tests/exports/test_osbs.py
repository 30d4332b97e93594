"""What OSBS gets: a `container.yaml` of what was asked for, and labels that it can read."""

import textwrap
from dataclasses import replace

import pytest
import yaml
from testing.catalogues import images_by_key
from testing.osbs_reader import container_problems, file_problems, label_problems

from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import parse
from distgen.errors import InputError
from distgen.exports.osbs.format import ARCHITECTURES, write_container
from distgen.exports.osbs.labels import check_repository
from distgen.model.catalogue import SourceChange
from distgen.model.lock import Lock, LockedSource
from distgen.model.words import Origin
from distgen.render.renderer import Renderer

APP, LIBRARY = "https://git.example.org/app", "https://git.example.org/library"
COMMIT, OTHER = "a" * 40, "b" * 40
LOCK = Lock(
    sources={
        (APP, "master"): LockedSource(COMMIT, "2024-05-01T12:00:00Z"),
        (LIBRARY, "master"): LockedSource(OTHER, "2024-05-01T12:00:00Z"),
    }
)
IMAGE = f"""
    template: app
    from: docker.io/library/debian:12
    sources:
      app: {{git: "{APP}", ref: master}}
      library: {{git: "{LIBRARY}", ref: master}}
    """
NAMESPACE = """
    registry: quay.io/ns
    streams: {master: {}, "1.0": {branch: stable/1.0}}
    exports: [osbs]
    """
FILES = {
    "templates/app/template.yaml": (
        "description: An app\nvalues: {word: {type: string, default: w}}\n"
    ),
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n",
}


@pytest.fixture
def written(catalogue):
    """Return a function that returns the container.yaml of an image, None without one."""

    def write(namespace="", image="", lock=LOCK, key="ns/a@master"):
        texts = (textwrap.dedent(NAMESPACE) + namespace, textwrap.dedent(IMAGE) + image)
        names = ("overlays/ns/namespace.yaml", "overlays/ns/a.yaml")
        root = catalogue({**FILES, **dict(zip(names, texts, strict=True))})
        loaded = {image.key: image for image in load_catalogue(root).images}[key]
        (settings,) = loaded.exports
        files = list(write_container(loaded, settings, lock))
        for file in files:
            assert container_problems(file.text) == []
            assert len(file.origins) == file.text.count("\n")
        return yaml.safe_load(files[0].text) if files else None

    return write


def test_only_keys_that_were_asked_for(written):
    assert written() is None
    assert written("osbs: {tags: [a]}\n") == {"tags": ["a"]}
    assert written("osbs: {}\n") is None
    assert written("osbs:\n") is None


def test_what_may_be_asked_for(written):
    said = """
osbs:
  platforms: {only: [x86_64, aarch64], not: [s390x]}
  tags: [a, "1.0"]
  compose:
    packages: [httpd]
    modules: ["nodejs:12", "m:s:v:c/p"]
    signing_intent: release
    multilib_method: [devel]
    modular_koji_tags: true
    build_only_content_sets: {x86_64: [server-rpms]}
  remote_sources_version: 2
  buildtime_limit: 3600
  set_release_env: RELEASE
  operator_manifests:
    manifests_dir: manifests
    repo_replacements: [{registry: r, package_mappings: {a: b}}]
"""
    assert written(said) == yaml.safe_load(said)["osbs"]


def test_an_image_and_its_stream_say_more(written):
    image = """
osbs: {tags: [own], compose: {inherit: true}, buildtime_limit: null}
streams:
  master: {}
  "1.0": {osbs: {tags: [old]}}
"""
    namespace = "osbs: {tags: [all], compose: {packages: [httpd]}, buildtime_limit: 5}\n"
    assert written(namespace, image) == {
        "tags": ["own"],
        "compose": {"packages": ["httpd"], "inherit": True},
    }
    assert written(namespace, image, key="ns/a@1.0")["tags"] == ["old"]


def test_words_are_filled_in(written):
    namespace = 'osbs: {tags: ["{image}_{stream}", "{word}"]}\n'
    assert written(namespace, "values: {word: v2}\n")["tags"] == ["a_master", "v2"]
    assert written(namespace, key="ns/a@1.0")["tags"] == ["a_1.0", "w"]


def test_numbers_stay_text(written):
    """A tag that is a number fails OSBS' schema."""
    assert written("osbs: {tags: [1.10, on]}\n")["tags"] == ["1.10", "on"]


def test_platforms_get_kojis_names(written):
    platforms = f"platforms: [{', '.join(ARCHITECTURES)}]\n"
    assert written(platforms)["platforms"]["only"] == list(ARCHITECTURES.values())
    assert written(platforms, "platforms: [linux/arm64]\n")["platforms"] == {"only": ["aarch64"]}
    assert written(platforms + "osbs: {platforms: {not: [s390x]}}\n")["platforms"] == {
        "not": ["s390x"]
    }


def test_a_platform_without_a_name_in_koji_is_refused(written):
    with pytest.raises(InputError, match=r"`linux/mips64le`, which ns/a@1.0 is built for, has no"):
        written("platforms: [linux/mips64le]\n")
    assert written("platforms: [linux/mips64le]\nosbs: {platforms: {only: [mips]}}\n")


def test_a_tag_that_osbs_would_drop_is_refused_where_words_are_filled_in(written):
    with pytest.raises(InputError, match=r"OSBS drops the tag `a-b` of ns/a@1.0") as error:
        written('osbs: {tags: ["{word}"]}\n', "values: {word: a-b}\n")
    assert error.value.where == Origin("overlays/ns/namespace.yaml", 4, 15)


def test_remote_sources_are_at_commits_of_the_lock(written):
    namespace = "osbs: {remote_sources: {app: {pkg_managers: [pip], flags: [f]}}}\n"
    assert written(namespace)["remote_sources"] == [
        {
            "name": "app",
            "remote_source": {"repo": APP, "ref": COMMIT, "pkg_managers": ["pip"], "flags": ["f"]},
        }
    ]
    both = "osbs: {remote_sources: {'*': {}, app: {packages: {pip: [{path: client}]}}}}\n"
    assert [
        (row["name"], row["remote_source"]["ref"], row["remote_source"].get("packages"))
        for row in written(both)["remote_sources"]
    ] == [("app", COMMIT, {"pip": [{"path": "client"}]}), ("library", OTHER, None)]


def test_a_commit_may_stand_in_the_catalogue(written):
    stream = f"streams: {{master: {{sources: {{app: {{ref: {OTHER}}}}}}}}}\n"
    image = f"osbs: {{remote_sources: {{app: {{}}}}}}\n{stream}"
    (source,) = written("", image, Lock())["remote_sources"]
    assert source["remote_source"]["ref"] == OTHER


@pytest.mark.parametrize(
    ("lock", "image", "message"),
    [
        (Lock(), "", "OSBS fetches the source `app` by a commit of 40 digits, and the"),
        (
            Lock(sources={(APP, "master"): LockedSource("c" * 64, "")}),
            "",
            "by a commit of 40 digits",
        ),
        (LOCK, f"sources: {{app: {{git: 'file:///srv/app', ref: {COMMIT}}}}}", "OSBS cannot fetch"),
        (LOCK, f"sources: {{app: {{git: 'ssh://u@h/app', ref: {COMMIT}}}}}", "OSBS cannot fetch"),
        (LOCK, f"sources: {{app: {{git: 'https://h/a?t=x', ref: {COMMIT}}}}}", "OSBS cannot fetch"),
    ],
)  # fmt: skip
def test_a_source_that_osbs_cannot_fetch_is_refused(written, lock, image, message):
    stream = f"streams: {{master: {{{image}}}}}\n" if image else ""
    with pytest.raises(InputError, match=message):
        written("osbs: {remote_sources: {app: {}}}\n", stream, lock)


def test_a_source_with_changes_has_no_commit(catalogue):
    """What is tried with `--zuul-items` is in no commit that OSBS could fetch."""
    namespace = textwrap.dedent(NAMESPACE) + "osbs: {remote_sources: {app: {}}}\n"
    files = {"overlays/ns/namespace.yaml": namespace, "overlays/ns/a.yaml": IMAGE}
    image = images_by_key(catalogue(FILES | files))["ns/a@master"]
    change = SourceChange(APP, "refs/changes/01/1/1")
    sources = tuple(replace(source, changes=(change,)) for source in image.sources)
    (settings,) = image.exports
    with pytest.raises(InputError, match="no commit has the source `app` with its changes"):
        list(write_container(replace(image, sources=sources), settings, LOCK))


def test_bases_have_a_tag_or_a_digest(catalogue):
    reference = f"docker.io/library/debian:12@sha256:{'0' * 64}"
    root = catalogue(
        {**FILES, "overlays/ns/namespace.yaml": NAMESPACE,
         "overlays/ns/a.yaml": f"template: app\nfrom: {reference}\n"}
    )  # fmt: skip
    loaded = load_catalogue(root)
    tree = Renderer(loaded, Lock()).tree(images_by_key(root)["ns/a@master"])
    dockerfile = tree.content("Dockerfile").decode()
    assert f"FROM docker.io/library/debian@sha256:{'0' * 64}\n" in dockerfile
    assert not [text for text in label_problems(dockerfile) if "digest" in text]


LABELS = "LABEL name=a/b com.redhat.component=a-b-container version=1.0"
HEREDOC = f"FROM a\n{LABELS}\nRUN python3 <<EOF\nfrom os import path\nEOF\n"
DOCKERFILES = {
    f"FROM quay.io/a/b:1\n{LABELS}\n": "",
    "FROM a\nLABEL Name=a/b BZComponent=c Version=1\n": "",
    "FROM a\nENV V=1.0\nLABEL name=a/b com.redhat.component=c version=$V\n": "",
    f"FROM a\n{LABELS} release=1.2_a\n": "",
    f"FROM scratch\n{LABELS} com.redhat.delivery.operator.bundle=true\n": "",
    f"FROM a AS x\nFROM b\n{LABELS}\n": "",
    f"FROM quay.io/a/b@sha256:{'0' * 64}\n{LABELS}\n": "",
    "FROM a\n": "OSBS asks for the label `name` in the last stage, which lacks it",
    "FROM a\nLABEL name=a/b version=1\n": "the label `com.redhat.component` in the last stage",
    "FROM a\nLABEL name=a/b com.redhat.component=c\n": "the label `version` in the last stage",
    f"FROM a AS x\n{LABELS}\nFROM x\n": "OSBS asks for the label `name` in the last stage",
    "FROM a\nLABEL name= com.redhat.component=c version=1\n": "asks for a value of the label `n",
    "FROM a\nLABEL name=$N com.redhat.component=c version=1\n": "no variable in the label `name`",
    "FROM a\nLABEL name=a/b com.redhat.component=c version=1-2\n": "takes no `-` in the label `ver",
    "FROM a\nLABEL name=a/b com.redhat.component=c version=a/1\n": "takes no `/` in the label `ver",
    "FROM a\nLABEL name=a.b/c com.redhat.component=c version=1\n": "no dot before the slash",
    f"FROM a\n{LABELS} release=beta\n": "a release that begins with a digit: not `beta`",
    f"FROM quay.io/a/b:1@sha256:{'0' * 64}\n{LABELS}\n": "a tag or a digest of quay.io/a/b, not",
    f"FROM a\n{LABELS} com.redhat.delivery.operator.bundle=true\n": "an operator bundle from",
    f"FROM scratch\n{LABELS} com.redhat.delivery.operator.bundle=true "
    "com.redhat.delivery.appregistry=true\n": "OSBS takes one of the labels",
    HEREDOC: "OSBS reads no heredocs, and takes `from os import path` for an instruction FROM",
}


@pytest.mark.parametrize(("dockerfile", "message"), DOCKERFILES.items())
def test_labels_are_refused_where_osbs_refuses_them(dockerfile, message):
    """Both readings agree: ours, and that of dockerfile-parse with the rules of osbs-client."""
    demands = [
        demand for demand in check_repository((), parse(dockerfile)) if demand.level == "error"
    ]
    assert bool(demands) == bool(list(label_problems(dockerfile))) == bool(message)
    assert message in "\n".join(demand.message for demand in demands)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("name=a/b/c", "OSBS asks for a name of lower-case letters, digits and dashes: `a/b/c`"),
        ("name=a/B", "lower-case letters, digits and dashes: `a/B`"),
        ("build-date=today", "OSBS sets the label `build-date` itself"),
        ("architecture=x86_64", "OSBS sets the label `architecture` itself"),
    ],
)
def test_what_osbs_only_advises_is_a_warning(words, message):
    dockerfile = parse(f"FROM a\n{LABELS} {words}\n")
    (demand,) = check_repository((), dockerfile)
    assert demand.level == "warning"
    assert message in demand.message
    assert demand.line == 2


@pytest.mark.parametrize("path", ["container.yml", "content_sets.yaml", "content-sets.yml"])
def test_misspelt_files_are_refused(path):
    dockerfile = f"FROM a\n{LABELS}\n"
    (demand,) = check_repository((path,), parse(dockerfile))
    assert f"OSBS refuses a file {path}; it is to be called con" in demand.message
    if path == "container.yml":
        assert file_problems({"Dockerfile": dockerfile, path: ""})
