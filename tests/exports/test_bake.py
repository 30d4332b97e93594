"""Targets of `docker buildx bake`: what it takes, and what we write for it."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from testing.bake_file import bake_problems, plain
from testing.catalogues import FAMILY, TEMPLATE
from testing.kolla import NAMESPACE

from distgen.exports.bake import write_bake
from distgen.exports.records import MatrixEntry, Selection
from distgen.model.catalogue import Image, Stream
from distgen.model.lock import Lock, LockedBase

pytest_plugins = ["testing.commandline"]

COMMIT = "0ce80411b9f41e9c3a21fc0a1bffba6ae761825a"
CONTEXT = f"https://example.org/r.git#{COMMIT}"


def bake_file(group: object = None, **targets: object) -> str:
    members = {"default": {"targets": sorted(targets)}} if group is None else group
    return json.dumps({"group": members, "target": targets})


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        bake_file(a={"context": CONTEXT, "tags": ["quay.io/a:1"]}),
        bake_file(a={"context": "./a b/c"}, b={"contexts": {"quay.io/a:1": "target:a"}}),
        bake_file(a={"inherits": ["b"], "platforms": ["linux/amd64"]}, b={"pull": True}),
        bake_file(
            a={"args": {"A": 1, "B": True, "C": None}, "labels": {"a": "$${A} %%{ $HOME 5%"}}
        ),
        bake_file(
            {"default": {"targets": ["x"]}, "x": {"targets": ["a"], "description": "d"}}, a={}
        ),
        bake_file(a={"contexts": {"b": "docker-image://quay.io/b:1"}, "secret": ["id=x"]}),
        bake_file(a={"entitlements": ["network.host"], "no-cache-filter": ["s"]}),
        json.dumps({"variable": {"TAG": {"default": "latest"}}}),
    ],
)
def test_what_bake_takes(text):
    assert bake_problems(text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (bake_file(a={"contxt": "."}), "'contxt' was unexpected"),
        (bake_file(a={"depends_on": ["b"]}), "'depends_on' was unexpected"),
        (bake_file(a={"context": 1}), "1 is not of type 'string'"),
        (bake_file(a={"tags": "quay.io/a:1"}), "is not of type 'array'"),
        (bake_file(a={"args": {"A": ["x"]}}), "is not of type 'string', 'number'"),
        (bake_file(a={"contexts": {"a": None}}), "None is not of type 'string'"),
        (json.dumps({"targets": {}}), "'targets' was unexpected"),
        (json.dumps({"group": {"default": ["a"]}}), "is not of type 'object'"),
        (json.dumps({"group": {"default": {}}}), "'targets' is a required property"),
        (bake_file(**{"a.b": {}}), "does not match '^[a-zA-Z0-9_-]+$'"),
        (bake_file(**{"a/b": {}}), "does not match"),
        (bake_file({"a.b": {"targets": []}}), "does not match"),
        (bake_file({"default": {"targets": ["b"]}}, a={}), "failed to find target b"),
        (bake_file(a={"contexts": {"x": "target:b"}}), "failed to find target b"),
        (bake_file(a={"inherits": ["b"]}), "failed to find target b"),
        (bake_file(a={"contexts": {"x": "target:a"}}), "infinite loop from a to a"),
        (
            bake_file(a={"contexts": {"x": "target:b"}}, b={"contexts": {"y": "target:a"}}),
            "infinite loop from",
        ),
        (bake_file({"a": {"targets": ["b"]}, "b": {"targets": ["a"]}}), "infinite loop from"),
        (bake_file({"a": {"targets": ["a"]}}, a={}), "a group and a target are called a"),
        (bake_file(a={"description": "${HOME}"}), "an expression: ${HOME}"),
        (bake_file(a={"labels": {"x": "%{ if true }"}}), "an expression: %{ if true }"),
        (bake_file(a={"labels": {"${x}": ""}}), "an expression: ${x}"),
        (bake_file(a={"tags": ["quay.io/a:1+2"]}), "invalid tag quay.io/a:1+2"),
        (bake_file(a={"tags": ["quay.io/a"]}), "invalid tag quay.io/a"),
        (bake_file(a={"context": "https://example.org/r#" + COMMIT}), "is not a commit"),
        (bake_file(a={"context": "https://example.org/r.git#master"}), "is not a commit"),
        (bake_file(a={"entitlements": ["all"]}), "unknown entitlement all"),
        (
            bake_file(
                a={"platforms": ["linux/amd64"]},
                b={"platforms": ["linux/arm64"], "contexts": {"x": "target:a"}},
            ),
            "b is built for ['linux/arm64'], a is not",
        ),
        (bake_file(A={}, a={}), "differ in case alone"),
    ],
)
def test_what_bake_refuses_or_misreads(text, problem):
    assert problem in "\n".join(bake_problems(text))


def test_a_name_that_is_there_twice_is_an_error():
    with pytest.raises(ValueError, match="there twice: a"):
        bake_problems('{"target": {"a": {}, "a": {}}}')


# --- what we write -----------------------------------------------------------------------------

SITE = """
version: 1
dist_git:
  public_url: https://git.example.org/{namespace}/{image}.git
"""
ODD = r'Costs 50% of ${HOME}, $${x} %{ if } %%{y} and "more" \ é'
FILES = {
    **TEMPLATE,
    **FAMILY,
    "distgen.yaml": SITE,
    "overlays/ns/namespace.yaml": """
        registry: registry.example.org:5000/ns
        description: All of ${ns}
        streams:
          master: {branch: master, tags: [master, latest]}
          "2.0": {branch: stable/2.0, tags: ["2.0"]}
        """,
    "overlays/ns/base.yaml": f"template: app\nfrom: scratch\ndescription: {json.dumps(ODD)}\n",
    "overlays/hub/namespace.yaml": """
        registry: docker.io/hub
        streams: {master: {tags: [one]}}
        """,
    "overlays/hub/a.b.yaml": "template: app\nfrom: ns/base\n",
    "overlays/hub/a-b.yaml": "template: app\nfrom: hub/a.b\nbuilders: {it: hub/a_b}\n",
    "overlays/hub/a_b.yaml": "template: app\nfrom: ns/base@master\n",
    "overlays/hub/a-b/Dockerfile": """\
FROM docker.io/hub/a_b:one AS it
FROM docker.io/hub/a.b:one
COPY --from=it /a /b
RUN --mount=type=bind,from=hub/a_b:one,target=/mnt --network=host true
COPY --from=docker.io/hub/a_b:one /c /d
""",
}


@pytest.fixture
def root(catalogue, distgen):
    folder = catalogue(FILES)
    assert distgen(folder, "publish").code == 0
    return folder


def targets(text: str) -> dict:
    assert bake_problems(text) == []
    return json.loads(text)["target"]


def tip(root, image, branch="master"):
    words = ["git", "-C", root / f"dist-git/{image}.git", "rev-parse", branch]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def test_targets_are_published_commits_and_name_each_other(root, distgen):
    ran = distgen(root, "export", "bake")
    assert ran.code == 0
    by_name = targets(ran.out)
    assert by_name["ns_app_2-0"] == {
        "description": "An application",
        "context": f"https://git.example.org/ns/app.git#{tip(root, 'ns/app', 'stable/2.0')}",
        "contexts": {"registry.example.org:5000/ns/base:2.0": "target:ns_base_2-0"},
        "tags": ["registry.example.org:5000/ns/app:2.0"],
    }
    assert by_name["ns_base_master"]["tags"] == [
        "registry.example.org:5000/ns/base:master",
        "registry.example.org:5000/ns/base:latest",
    ]
    groups = ran.json["group"]
    assert groups["ns"]["targets"] == [
        *("ns_app_2-0", "ns_app_master", "ns_base_2-0", "ns_base_master"),
        *("ns_late_2-0", "ns_late_master"),
    ]
    assert groups["ns_2-0"]["targets"] == ["ns_app_2-0", "ns_base_2-0", "ns_late_2-0"]
    assert groups["default"]["targets"] == sorted(by_name)
    assert plain(groups["ns"]["description"]) == "All of ${ns}"


def test_names_that_meet_after_mapping_are_told_apart(root, distgen):
    """`a-b` needs no mapping and keeps its name, whatever is added beside it."""
    ran = distgen(root, "export", "bake", "hub/*")
    by_tag = {target["tags"][0]: name for name, target in targets(ran.out).items()}
    assert by_tag["docker.io/hub/a-b:one"] == "hub_a-b_master"
    assert len({*by_tag.values()}) == 3
    assert all(name.startswith("hub_a-b_master") for name in by_tag.values())
    alone = targets(distgen(root, "export", "bake", "hub/a.b").out)
    assert list(alone) == ["hub_a-b_master"]


def test_contexts_are_keyed_as_the_dockerfile_and_as_buildkit_say(root, distgen):
    """BuildKit looks `docker.io/hub/x:one` up as `hub/x`, and bake does not translate it."""
    by_name = targets(distgen(root, "export", "bake").out)
    names = {target["tags"][0]: f"target:{name}" for name, target in by_name.items()}
    dotted, low = names["docker.io/hub/a.b:one"], names["docker.io/hub/a_b:one"]
    assert by_name["hub_a-b_master"]["contexts"] == {
        "docker.io/hub/a.b:one": dotted,
        "docker.io/hub/a_b:one": low,
        "hub/a.b:one": dotted,
        "hub/a_b:one": low,
    }
    assert by_name["hub_a-b_master"]["entitlements"] == ["network.host"]


def test_descriptions_are_read_as_they_were_written(root, distgen):
    by_name = targets(distgen(root, "export", "bake").out)
    assert plain(by_name["ns_base_master"]["description"]) == " ".join(ODD.split())


def test_a_description_may_be_long(root, distgen):
    overlay = root / "overlays/ns/base.yaml"
    overlay.write_text(f"template: app\nfrom: scratch\ndescription: {'${a} ' * 2500}\n")
    by_name = targets(distgen(root, "export", "bake").out)
    assert plain(by_name["ns_base_2-0"]["description"]) == ("${a} " * 2500).strip()


def test_a_parent_outside_of_the_selection_is_no_target(root, distgen):
    by_name = targets(distgen(root, "export", "bake", "ns/app@master").out)
    assert list(by_name) == ["ns_app_master"]
    assert "contexts" not in by_name["ns_app_master"]


def test_rendered_trees_take_the_place_of_commits(catalogue, distgen, tmp_path):
    """Nothing is published, and nobody is asked for a public address."""
    root = catalogue({name: text for name, text in FILES.items() if name != "distgen.yaml"})
    folder = tmp_path / "tre${es}"
    assert distgen(root, "render", "-o", folder).code == 0
    ran = distgen(root, "export", "bake", "--context", f"{folder}/")
    assert ran.code == 0
    contexts = {plain(target["context"]) for target in targets(ran.out).values()}
    assert contexts == {str(path.parent) for path in folder.rglob("Dockerfile")}


@pytest.mark.parametrize("mount", ["secret,id=pip", "ssh"])
@pytest.mark.parametrize("step", ["RUN", "ONBUILD RUN"])
def test_an_image_that_needs_a_build_secret_is_refused(step, mount, root, distgen):
    text = f"FROM {{{{ base.reference }}}}\n{step} --mount=type={mount} true\n"
    (root / "overlays/ns/app").mkdir()
    (root / "overlays/ns/app/Dockerfile.j2").write_text(text)
    assert distgen(root, "publish").code == 0
    ran = distgen(root, "export", "bake")
    assert ran.code == 1
    refusal = "ns/app@2.0: refused: line 3 of its Dockerfile mounts a build secret"
    assert refusal in ran.err
    assert "ns_late_2-0" in targets(ran.out)
    assert "ns_app_2-0" not in targets(ran.out)


def test_an_address_that_buildkit_would_download_is_refused(root, distgen):
    (root / "distgen.yaml").write_text(SITE.replace(".git\n", "\n"))
    ran = distgen(root, "export", "bake", "ns/app")
    assert ran.code == 1
    assert "BuildKit reads https://git.example.org/ns/app as git only if it ends in .git" in ran.err
    assert targets(ran.out) == {}


def test_what_left_the_catalogue_is_no_target(root, distgen):
    (root / "overlays/ns/late.yaml").unlink()
    assert "ns_late_master" not in targets(distgen(root, "export", "bake").out)


def test_platforms_are_those_that_were_said(root, distgen):
    for name in ("base", "app"):
        overlay = root / f"overlays/ns/{name}.yaml"
        overlay.write_text(overlay.read_text() + "platforms: [linux/amd64]\n")
    by_name = targets(distgen(root, "export", "bake", "ns/*").out)
    assert by_name["ns_app_master"]["platforms"] == ["linux/amd64"]
    assert "platforms" not in by_name["ns_late_master"]


DIGESTS = {"1.0": "sha256:" + "1" * 64, "2.0": "sha256:" + "2" * 64}


def entry(image, stream, depends_on=(), registry="quay.io"):
    return MatrixEntry(
        image=image,
        stream=stream,
        repository=f"https://example.org/{image}.git",
        branch=stream,
        commit=COMMIT,
        path=".",
        reference=f"{registry}/{image}:{stream}",
        tags=(stream,),
        platforms=(),
        depends_on=depends_on,
        level=0,
    )


def write(entries, words, lock=Lock()):  # noqa: B008
    """Return the contexts of the last of the images, whose Dockerfile names `words`."""
    images = (namespace_image(each) for each in entries)
    selection = Selection(
        images=tuple(images),
        entries=entries,
        namespaces={"ns": NAMESPACE},
        lock=lock,
        dockerfiles={each.key: "".join(f"FROM {word}\n" for word in words) for each in entries},
    )
    text = write_bake(selection).files[0].content.decode()
    return list(targets(text).values())[-1].get("contexts", {})


def namespace_image(entry):
    return Image(
        *("ns", entry.image.partition("/")[2], Stream(entry.stream, entry.branch, entry.tags)),
        *("", "", (), (), (), {}, (), (), (), entry.reference, ""),
    )


@pytest.mark.parametrize(
    ("word", "target"),
    [
        ("quay.io/ns/base:2.0", "target:ns_base_2-0"),
        (f"quay.io/ns/base:1.0@{DIGESTS['1.0']}", "target:ns_base_1-0"),
        (f"quay.io/ns/base@{DIGESTS['2.0']}", "target:ns_base_2-0"),
        (f"quay.io/ns/base@sha256:{'3' * 64}", None),
        ("quay.io/ns/base:3.0", None),
        ("quay.io/ns/other:2.0", None),
    ],
)
def test_a_digest_of_two_streams_means_the_one_that_the_lock_has_it_for(word, target):
    entries = (
        *(entry("ns/base", stream) for stream in DIGESTS),
        entry("ns/app", "2.0", tuple(f"ns/base@{stream}" for stream in DIGESTS)),
    )
    bases = {f"quay.io/ns/base:{tag}": LockedBase(digest) for tag, digest in DIGESTS.items()}
    assert write(entries, [word], Lock(bases)).get(word) == target


@pytest.mark.parametrize(
    ("registry", "word", "keys"),
    [
        ("quay.io", "quay.io/ns/base:latest", ["quay.io/ns/base", "quay.io/ns/base:latest"]),
        ("docker.io", "ns/base:latest", ["docker.io/ns/base", "ns/base", "ns/base:latest"]),
    ],
)
def test_latest_is_looked_up_without_its_tag(registry, word, keys):
    parent = entry("ns/base", "latest", registry=registry)
    child = entry("ns/app", "latest", (parent.key,), registry)
    contexts = write((parent, child), [word])
    assert set(contexts) <= set(keys)
    assert {word, word.removesuffix(":latest")} <= set(contexts)


def test_bake_itself_reads_what_we_write(root, distgen, tmp_path):
    program = shutil.which("buildx")
    words = [program] if program else ["docker", "buildx"]
    if not program and (
        not shutil.which("docker") or subprocess.run([*words, "version"], check=False).returncode
    ):
        pytest.skip("docker buildx is not installed")
    assert distgen(root, "export", "bake", "-o", tmp_path).code == 0
    printed = subprocess.run(
        [*words, "bake", "--print"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    read = json.loads(printed.stdout)["target"]
    written = targets((tmp_path / "docker-bake.json").read_text())
    assert read.keys() == written.keys()
    for name, target in written.items():
        described = {**target}
        if "description" in target:
            described["description"] = plain(target["description"])
        assert described.items() <= read[name].items()
