from dataclasses import replace

import pytest
from testing.commandline import keeps_to_its_schema

from distgen.errors import InputError
from distgen.git.refs import parse_ls_remote, release_version
from distgen.model.catalogue import (
    Image,
    Namespace,
    Source,
    Stream,
    TagPolicy,
)
from distgen.model.dist_git import DistGit
from distgen.model.lock import Lock, LockedSource
from distgen.model.policy import Policy
from distgen.model.words import Origin
from distgen.registry.tags import OmittedRef, plan_tags

pytest_plugins = ["testing.commandline"]
GIT = "https://opendev.example/zuul/nodepool"


def commit(letter):
    return letter * 40


def refs(**names):
    """Turn heads_X and tags_X (dots as two underscores) into full ref names."""
    full = {}
    for name, letter in names.items():
        kind, _, rest = name.partition("_")
        full[f"refs/{kind}/{rest.replace('__', '.').replace('STABLE_', 'stable/')}"] = commit(
            letter
        )
    return {GIT: full}


def images(streams, source="nodepool", namespace="opendev", name="nodepool", **policy):
    """Return one image in several streams (name -> (ref, tags)) and its namespace."""
    made = [Stream(stream, stream, tuple(tags)) for stream, (_, tags) in streams.items()]
    group = Namespace(
        namespace, "", "quay.io/x", "{image}", tuple(made), Policy(), (),
        DistGit("", "", "none"), tags=TagPolicy(**policy),
    )  # fmt: skip
    found = tuple(
        Image(
            namespace, name, stream, "", "app", (),
            (Source(source, GIT, ref),) if (ref := streams[stream.name][0]) else (), (), {}, (),
            (), (), f"quay.io/x/{name}:{stream.tags[0]}", "", Origin("overlays/x.yaml", 1),
        )
        for stream in made
    )  # fmt: skip
    return found, {namespace: group}


def table(made):
    return {tag.tag: (tag.kind, tag.stream, tag.ref, (tag.commit or "")[:1]) for tag in made.tags}


def test_releases_the_newest_release_the_last_commit_and_stable_branches():
    chosen, groups = images({"master": ("master", ["master"])})
    made = plan_tags(
        chosen,
        groups,
        refs(
            heads_master="a",
            heads_STABLE_rocky="b",
            heads_STABLE_2024__1="c",
            heads_feature="d",
            tags_3__9__0="1",
            tags_3__10__0="2",
            tags_4__0__0rc1="3",
            tags_nightly="4",
        ),
        Lock(),
    )
    assert table(made) == {
        "master": ("stream", "master", "refs/heads/master", "a"),
        "rocky": ("branch", "master", "refs/heads/stable/rocky", "b"),
        "2024.1": ("branch", "master", "refs/heads/stable/2024.1", "c"),
        "3.9.0": ("release", "master", "refs/tags/3.9.0", "1"),
        "3.10.0": ("release", "master", "refs/tags/3.10.0", "2"),
        "4.0.0rc1": ("release", "master", "refs/tags/4.0.0rc1", "3"),
        "latest": ("latest", "master", "refs/tags/3.10.0", "2"),
    }
    assert {tag.tag for tag in made.tags if not tag.floating} == {"3.9.0", "3.10.0", "4.0.0rc1"}
    assert [tag.reference for tag in made.tags] == sorted(tag.reference for tag in made.tags)
    assert made.tags[0].reference == "quay.io/x/nodepool:2024.1"


def test_aliases_follow_the_newest_release_of_their_series():
    chosen, groups = images(
        {"master": ("master", ["master"])},
        aliases=("{X}", "{X}.{Y}", "{X}.{Y}.{Z}"),
        promoted=("current-passed-ci",),
    )
    made = table(
        plan_tags(
            chosen,
            groups,
            refs(
                heads_master="a",
                tags_v1__2__0="1",
                tags_v1__2__9="2",
                tags_v2__0__0a1="3",
                tags_v1__10__0="4",
            ),
            Lock(),
        )
    )
    aliases = {tag: ref for tag, (kind, _, ref, _) in made.items() if kind == "alias"}
    assert aliases == {
        "1": "refs/tags/v1.10.0",
        "1.2": "refs/tags/v1.2.9",
        "1.10": "refs/tags/v1.10.0",
        "1.2.0": "refs/tags/v1.2.0",
        "1.2.9": "refs/tags/v1.2.9",
        "1.10.0": "refs/tags/v1.10.0",
    }
    assert made["current-passed-ci"] == ("promoted", "master", None, "")
    assert made["latest"][2] == "refs/tags/v1.10.0"


def test_a_release_keeps_its_tag_when_an_alias_wants_it():
    chosen, groups = images({"master": ("master", ["m"])}, aliases=("{X}.{Y}",), branches=())
    made = plan_tags(
        chosen, groups, refs(heads_master="a", tags_1__2="1", tags_1__2__1="2"), Lock()
    )
    assert table(made)["1.2"] == ("release", "master", "refs/tags/1.2", "1")
    assert OmittedRef("opendev/nodepool", "refs/tags/1.2.1", (
        "the tag 1.2 is made from stream master at refs/tags/1.2"
    )) in made.left_out  # fmt: skip


def test_a_branch_is_built_by_the_stream_that_follows_it():
    chosen, groups = images(
        {"master": ("master", ["master"]), "2024.1": ("stable/2024.1", ["2024.1"])}
    )
    made = plan_tags(chosen, groups, refs(heads_master="a", heads_STABLE_2024__1="b"), Lock())
    assert table(made) == {
        "master": ("stream", "master", "refs/heads/master", "a"),
        "2024.1": ("stream", "2024.1", "refs/heads/stable/2024.1", "b"),
    }


def test_a_closed_series_is_built_from_the_tag_that_closed_it():
    chosen, groups = images({"master": ("master", ["master"])})
    made = plan_tags(
        chosen,
        groups,
        {GIT: {"refs/tags/rocky-em": commit("1"), "refs/tags/rocky-eol": commit("2"),
               "refs/tags/stein-em": commit("3"), "refs/heads/stable/stein": commit("4")}},
        Lock(),
    )  # fmt: skip
    assert table(made)["rocky"] == ("branch", "master", "refs/tags/rocky-eol", "2")
    assert table(made)["stein"] == ("branch", "master", "refs/heads/stable/stein", "4")


def test_the_same_tag_in_two_streams_is_an_error_that_names_both():
    chosen, groups = images(
        {"master": ("master", ["latest"]), "2024.1": ("stable/2024.1", ["2024.1", "latest"])}
    )
    with pytest.raises(InputError) as caught:
        plan_tags(chosen, groups, refs(heads_master="a", heads_STABLE_2024__1="b"), Lock())
    assert str(caught.value) == (
        "overlays/x.yaml:1: opendev/nodepool would get the tag latest twice:"
        " from stream master at refs/heads/master and from stream 2024.1"
        " at refs/heads/stable/2024.1;"
        " give one of the streams another tag, or narrow `tags:` of the namespace"
    )


def test_a_release_that_is_named_like_another_stream_is_an_error():
    chosen, groups = images(
        {"master": ("master", ["master"]), "2024.1": ("stable/2024.1", ["2024.1"])}
    )
    there = refs(heads_master="a", heads_STABLE_2024__1="b", tags_2024__1="c")
    with pytest.raises(InputError, match=r"would get the tag 2024\.1 twice"):
        plan_tags(chosen, groups, there, Lock())


def test_what_a_stream_declares_comes_before_what_is_derived_for_it():
    chosen, groups = images({"master": ("master", ["master", "latest"])})
    made = plan_tags(chosen, groups, refs(heads_master="a", tags_1__0="b"), Lock())
    assert table(made)["latest"] == ("stream", "master", "refs/heads/master", "a")
    assert made.left_out == (
        OmittedRef(
            "opendev/nodepool",
            "refs/tags/1.0",
            "the tag latest is made from stream master at refs/heads/master",
        ),
    )


def test_two_images_of_one_repository_cannot_share_a_tag():
    ours, groups = images({"master": ("master", ["master"])})
    theirs, others = images({"master": ("master", ["master"])}, namespace="zuul")
    with pytest.raises(InputError) as caught:
        plan_tags((*ours, *theirs), {**groups, **others}, refs(heads_master="a"), Lock())
    assert "opendev/nodepool and zuul/nodepool would both be published as" in str(caught.value)


@pytest.mark.parametrize(("policy", "expected"), [({}, "1.0"), ({"component": "tools"}, "7.0")])
def test_an_image_of_two_sources_gets_the_releases_of_the_one_named_like_it(policy, expected):
    (nodepool,), groups = images({"master": ("master", ["master"])}, **policy)
    tools = Source("tools", "https://h/tools", "master")
    nodepool = replace(nodepool, sources=(tools, *nodepool.sources))
    theirs = {"refs/heads/master": commit("c"), "refs/tags/7.0": commit("7")}
    there = {**refs(heads_master="a", tags_1__0="1"), tools.git: theirs}
    made = plan_tags((nodepool,), groups, there, Lock())
    assert {tag.tag for tag in made.tags} == {"master", "latest", expected}
    assert {tag.git for tag in made.tags} == {tools.git if policy else GIT}


def test_an_image_without_sources_gets_the_tags_of_its_streams():
    chosen, groups = images({"master": (None, ["3.11", "latest"])})
    made = plan_tags(chosen, groups, {}, Lock())
    assert [(tag.tag, tag.ref, tag.commit) for tag in made.tags] == [
        ("3.11", None, None),
        ("latest", None, None),
    ]


def test_what_the_lock_holds_stands_beside_what_is_there_now():
    chosen, groups = images({"master": ("master", ["master"])})
    lock = Lock(sources={(GIT, "master"): LockedSource(commit("0"), "2024-05-01T12:00:00Z")})
    made = plan_tags(chosen, groups, refs(heads_master="a", tags_1__0="b"), lock)
    assert {tag.tag: (tag.commit, tag.locked) for tag in made.tags} == {
        "1.0": (commit("b"), None),
        "latest": (commit("b"), None),
        "master": (commit("a"), commit("0")),
    }


def test_a_ref_that_no_registry_takes_as_a_tag_is_left_out_with_the_reason():
    chosen, groups = images({"master": ("master", ["master"])})
    made = plan_tags(chosen, groups, {GIT: {"refs/tags/1.0+local": commit("1")}}, Lock())
    assert ("refs/tags/1.0+local", "'1.0+local' cannot be a tag in a registry") in [
        (left.ref, left.reason) for left in made.left_out
    ]


@pytest.mark.parametrize(
    ("name", "shapes", "expected"),
    [
        ("1.2.3", ("{version}",), "1.2.3"),
        ("v1.2.3", ("{version}",), None),
        ("v1.2.3", ("{version}", "v{version}"), "1.2.3"),
        ("opnfv-5.0.0", ("opnfv-{version}",), "5.0.0"),
        ("2024.1", ("{version}",), "2024.1"),
        ("2024.1-eol", ("{version}",), None),
        ("rocky-em", ("{version}",), None),
        ("1.0.0.0rc2", ("{version}",), "1.0.0.0rc2"),
    ],
)
def test_releases_are_what_pep_440_calls_a_version(name, shapes, expected):
    found = release_version(name, shapes)
    assert (str(found) if found else None) == expected


def test_annotated_tags_are_peeled():
    lines = [
        f"{commit('a')}\tHEAD",
        f"{commit('b')}\trefs/tags/1.0",
        f"{commit('c')}\trefs/tags/1.0^{{}}",
    ]
    assert parse_ls_remote(lines) == {"HEAD": commit("a"), "refs/tags/1.0": commit("c")}


def test_the_plan_is_made_from_the_component_s_repository(catalogue, distgen, upstream):
    app = upstream("app")
    first = app.git("rev-parse", "HEAD")
    app.git("tag", "-a", "-m", "one", "1.0.0")
    head = app.commit("more")
    app.git("branch", "stable/2024.1", first)
    root = catalogue(
        {
            "templates/app/template.yaml": "description: An application\nvalues: {}\n",
            "templates/app/Dockerfile.j2": "FROM scratch\n",
            "overlays/ns/namespace.yaml": """
                registry: quay.io/ns
                streams: {master: {}, "2024.1": {branch: stable/2024.1}}
                tags: {aliases: ["{X}"], promoted: [tested]}
                """,
            "overlays/ns/app.yaml": f"""
                template: app
                from: scratch
                streams: {{master: {{values: {{}}}}}}
                sources: {{app: {{git: "{app.url}", ref: master}}}}
                """,
        }
    )
    ran = distgen(root, "tags", "--format", "json")
    assert ran.code == 0
    keeps_to_its_schema("tags", ran.json)
    assert {tag["tag"]: (tag["kind"], tag["commit"]) for tag in ran.json["tags"]} == {
        "1": ("alias", first),
        "1.0.0": ("release", first),
        "2024.1": ("branch", first),
        "latest": ("latest", first),
        "master": ("stream", head),
        "tested": ("promoted", None),
    }
    assert ran.json["tags"][0] == {
        "image": "ns/app", "stream": "master", "tag": "1", "reference": "quay.io/ns/app:1",
        "kind": "alias", "floating": True, "git": app.url, "ref": "refs/tags/1.0.0",
        "commit": first, "locked": None,
    }  # fmt: skip
    assert distgen(root, "tags", "ns/app@master").out.splitlines()[-2:] == [
        f"quay.io/ns/app:master  stream    master  refs/heads/master         {head[:12]}",
        "quay.io/ns/app:tested  promoted  master",
    ]
    offline = distgen(root, "tags", "--offline", "--format", "json")
    assert [tag["tag"] for tag in offline.json["tags"]] == ["master", "tested"]


def test_repositories_that_cannot_be_read_are_all_named(catalogue, distgen, tmp_path):
    root = catalogue(
        {
            "templates/app/template.yaml": "description: An application\nvalues: {}\n",
            "templates/app/Dockerfile.j2": "FROM scratch\n",
            "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {master: {}}\n",
            **{
                f"overlays/ns/{name}.yaml": (
                    "template: app\nfrom: scratch\n"
                    f"sources: {{a: {{git: 'file://{tmp_path}/{name}', ref: master}}}}\n"
                )
                for name in ("one", "two")
            },
        }
    )
    ran = distgen(root, "tags")
    assert (ran.code, ran.out) == (1, "")
    for name in ("one", "two"):
        assert f"file://{tmp_path}/{name}: the repository cannot be read" in ran.err
