"""`distgen promote` against a real registry: a set is moved whole, or not at all."""

import json
from pathlib import Path

import pytest
from testing.catalogues import FAMILY
from testing.commandline import keeps_to_its_schema
from testing.servers import PASSWORD, USER, Reply, forward, in_front_of, push, push_index, tagged

from distgen.model.reference import parse_reference
from distgen.registry.client import Registry
from distgen.registry.transport import Transport

pytest_plugins = ["testing.servers", "testing.commandline"]


@pytest.fixture
def group(catalogue, open_registry, request):
    """Three images that were tested under the tag `abc123`; their account is the test's name."""
    account = request.node.name.partition("[")[0].replace("_", "-")

    def make(server=open_registry):
        return catalogue(
            {
                **FAMILY,
                "overlays/ns/namespace.yaml": (
                    f"registry: {server.host}/{account}\nstreams: {{master: {{}}, old: {{}}}}\n"
                ),
            }
        )

    make.account = account
    make.digests = {
        name: push_index(open_registry, f"{account}/{name}", "abc123")[0]
        for name in ("app", "base", "late")
    }
    return make


def at(server, group, tag="current"):
    """Return what a tag points at in each repository."""
    registry = Registry(Transport())
    return {
        name: registry.digest(parse_reference(f"{server.host}/{group.account}/{name}:{tag}"))
        for name in group.digests
    }


def test_a_whole_set_is_promoted_with_all_platforms_and_taken_back(
    distgen, group, open_registry, tmp_path
):
    before = {
        name: push(open_registry, f"{group.account}/{name}", "current", labels={"old": name})
        for name in group.digests
    }
    root, record = group(), tmp_path / "undo.json"
    ran = distgen(
        root, "promote", "--from", "abc123", "--to", "current", "--record", record,
        "--format", "json",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.err == f"take it back with: distgen promote --undo {record}\n"
    assert ran.json["summary"] == {"promoted": 3}
    assert at(open_registry, group) == group.digests
    assert ran.json["results"][0] == {
        "image": "ns/app",
        "reference": f"{open_registry.host}/{group.account}/app:current",
        "old": before["app"],
        "new": group.digests["app"],
        "status": "promoted",
        "detail": "",
    }
    again = distgen(root, "promote", "--from", "abc123", "--to", "current", "--format", "json")
    assert (again.code, again.json["summary"]) == (0, {"unchanged": 3})
    back = distgen(root, "promote", "--undo", record, "--format", "json")
    assert (back.code, back.json["summary"]) == (0, {"promoted": 3})
    assert at(open_registry, group) == before


def test_nothing_moves_when_one_image_lacks_the_tag(distgen, group, open_registry):
    push(open_registry, f"{group.account}/late", "other")
    registry = Registry(Transport())
    late = parse_reference(f"{open_registry.host}/{group.account}/late")
    registry.delete(late.at(group.digests["late"]))
    root = group()
    ran = distgen(root, "promote", "--from", "abc123", "--to", "current")
    assert ran.code == 1
    assert ran.err == ("distgen: nothing was moved: 1 of 3 images are not as they should be\n")
    assert "the registry has no such tag" in ran.out
    assert tagged(open_registry, f"{group.account}/app") == ["abc123"]
    ran = distgen(root, "promote", "--from", "abc123", "--to", "current", "--partial")
    assert ran.code == 0
    assert tagged(open_registry, f"{group.account}/app") == ["abc123", "current"]
    assert tagged(open_registry, f"{group.account}/late") == ["other"]


def test_a_dry_run_moves_nothing(distgen, group, open_registry):
    ran = distgen(group(), "promote", "--from", "abc123", "--to", "current", "--dry-run", "ns/app")
    assert ran.code == 0
    assert ran.out == (
        f"moves  {open_registry.host}/{group.account}/app:current"
        f"  nothing -> {group.digests['app'][:19]}\n"
    )
    assert tagged(open_registry, f"{group.account}/app") == ["abc123"]


def test_a_failure_half_way_takes_the_others_back(distgen, group, open_registry):
    before = {
        name: push(open_registry, f"{group.account}/{name}", "current", labels={"old": name})
        for name in group.digests
    }

    def refuse(asked):
        if asked.method == "PUT" and "/late/" in asked.path:
            return Reply(500, headers={"Retry-After": "0"})
        return None

    with in_front_of(open_registry, refuse) as front:
        ran = distgen(
            group(front), "promote", "--from", "abc123", "--to", "current", "--format", "json",
            "--jobs", "1",
        )  # fmt: skip
    assert ran.code == 1
    assert {row["image"]: row["status"] for row in ran.json["results"]} == {
        "ns/app": "restored",
        "ns/base": "restored",
        "ns/late": "failed",
    }
    assert at(open_registry, group) == before


def test_a_tag_that_somebody_else_moves_meanwhile_is_noticed(distgen, group, open_registry):
    other = push(open_registry, f"{group.account}/app", "theirs", labels={"x": "y"})

    def race(asked):
        if asked.method == "PUT" and "/app/" in asked.path:
            done = forward(open_registry, asked)
            push(open_registry, f"{group.account}/app", "current", labels={"x": "y"})
            return done
        return None

    with in_front_of(open_registry, race) as front:
        ran = distgen(group(front), "promote", "--from", "abc123", "--to", "current")
    assert ran.code == 1
    assert f"it is {other} now: somebody else moved it" in ran.out


def test_what_was_moved_since_is_not_taken_back(distgen, group, open_registry, tmp_path):
    root, record = group(), tmp_path / "undo.json"
    for name in group.digests:
        push(open_registry, f"{group.account}/{name}", "current", labels={"old": name})
    arguments = ("promote", "--from", "abc123", "--to", "current", "--record", record)
    assert distgen(root, *arguments).code == 0
    newer = push(open_registry, f"{group.account}/app", "current", labels={"newer": "yes"})
    ran = distgen(root, "promote", "--undo", record)
    assert ran.code == 1
    assert f"it was moved to {newer} since" in ran.out
    assert at(open_registry, group)["base"] == group.digests["base"]
    assert distgen(root, "promote", "--undo", record, "--partial").code == 0
    assert at(open_registry, group)["app"] == newer
    assert at(open_registry, group)["base"] != group.digests["base"]


def test_records_are_kept_without_being_asked(distgen, group, open_registry):
    ran = distgen(group(), "promote", "--from", "abc123", "--to", "current")
    assert ran.code == 0
    promise, warning = ran.err.splitlines()
    path = promise.rpartition(" ")[2]
    host = open_registry.host
    assert warning == f"that takes --partial and leaves new tags: {host} does not delete tags"
    assert len(json.loads(Path(path).read_text())["moves"]) == 3
    ran = distgen(group(), "promote", "--undo", path)
    assert ran.code == 1
    assert "it was not there before, and the registry does not delete tags" in ran.out
    assert "take it back with" not in ran.err


def test_what_can_be_taken_back_is_where_new_tags_cannot_go(
    distgen, group, open_registry, tmp_path
):
    root, record = group(), tmp_path / "undo.json"
    old = push(open_registry, f"{group.account}/app", "current", labels={"old": "yes"})
    promotion = ("promote", "--from", "abc123", "--to", "current", "--record", record)
    assert distgen(root, *promotion).code == 0
    ran = distgen(root, "promote", "--undo", record, "--format", "json")
    assert ran.code == 1
    assert ran.json["summary"] == {"missing": 2, "moves": 1}
    assert at(open_registry, group) == group.digests
    ran = distgen(root, "promote", "--undo", record, "--partial", "--format", "json")
    assert (ran.code, ran.json["summary"]) == (0, {"missing": 2, "promoted": 1})
    assert at(open_registry, group) == {**group.digests, "app": old}


def test_tags_are_deleted_where_the_registry_does_that(distgen, group, open_registry, tmp_path):
    deleted = []

    def delete(request):
        if request.method != "DELETE":
            return None
        deleted.append(request.path.rpartition("/")[2])
        return Reply(202 if deleted[-1] == "current" else 404)

    record = tmp_path / "undo.json"
    with in_front_of(open_registry, delete) as front:
        promotion = ("promote", "--from", "abc123", "--to", "current", "--record", record)
        assert distgen(group(front), *promotion).err.count("\n") == 1
        distgen(group(front), "promote", "--undo", record, "--format", "json")
    assert deleted.count("current") == 3
    assert (set(deleted) - {"current"}) == {"distgen-asks-whether-tags-can-be-deleted"}


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_registries_behind_a_login(
    distgen, group, request, open_registry, tmp_path, monkeypatch, kind
):
    server = request.getfixturevalue(f"{kind}_registry")
    token = request.getfixturevalue("token_server")
    login = {"username": USER, "password": PASSWORD}
    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {server.host: login, token.host: login}})
    )
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    ran = distgen(group(server), "promote", "--from", "abc123", "--to", f"current-{kind}")
    assert ran.code == 0
    assert at(open_registry, group, f"current-{kind}") == group.digests
    assert PASSWORD not in ran.out + ran.err


def test_a_promotion_needs_to_know_what_and_where(distgen, group, tmp_path):
    assert distgen(group(), "promote", "--to", "x").err == (
        "distgen: a promotion needs --from and --to; or --undo FILE\n"
    )
    (tmp_path / "record").write_text("{}")
    ran = distgen(group(), "promote", "--undo", tmp_path / "record")
    assert (ran.code, ran.err) == (
        2,
        f"distgen: {tmp_path}/record: the file is not a promotion record\n",
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff", "the file is not text"),
        (b"[" * 100_000, "the file is not a promotion record"),
        (b'{"version": 1, "moves": 5}', "the file is not a promotion record"),
        (
            b'{"version": 1, "moves": [{"image": "x", "reference": 5, "old": null, "new": null}]}',
            "'5' does not name its registry; write it in full, such as docker.io/library/5",
        ),
    ],
)
def test_what_is_no_record_is_a_sentence(distgen, tmp_path, content, sentence):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    ran = distgen(tmp_path, "promote", "--undo", path)
    assert (ran.code, ran.err) == (2, f"distgen: {path}: {sentence}\n")


def test_what_promote_prints_keeps_to_its_schema(distgen, group):
    root = group()
    for target, extra, code in (("x", ["--dry-run"], 0), ("x", [], 0), ("x", [], 0)):
        ran = distgen(
            root, "promote", "--from", "abc123", "--to", target, "--format", "json", *extra
        )
        assert ran.code == code
        keeps_to_its_schema("promote", ran.json)
    ran = distgen(root, "promote", "--from", "nowhere", "--to", "x", "--format", "json")
    assert ran.json["summary"] == {"missing": 3}
    keeps_to_its_schema("promote", ran.json)


# --- lists of containers -------------------------------------------------------------------------

CONTAINERS = """\
container_images_template:
- imagename: "{{namespace}}/{{name_prefix}}keystone{{name_suffix}}:{{tag}}"
  image_source: kolla
- imagename: "{{namespace}}/{{name_prefix}}nova{{name_suffix}}:{{tag}}"
  image_source: kolla
- imagename: "{{ceph}}:v4"
  image_source: ceph
"""


@pytest.fixture
def containers(open_registry, tmp_path, request):
    """A template of a list of containers, and its two images under tags of their own."""
    account = request.node.name.partition("[")[0].replace("_", "-")
    digests = {}
    for image, tag in (("keystone", "e1a6f4"), ("nova", "77aa01")):
        name = f"{account}/os-{image}"
        digests[image] = push(open_registry, name, tag, "today", labels={"image": image})
    push(open_registry, f"{account}/ceph", "v4")
    template = tmp_path / "containers.yaml.j2"
    template.write_text(CONTAINERS)
    return account, digests, template


def current(server, name):
    """Return what the tag points at."""
    return Registry(Transport()).digest(parse_reference(f"{server.host}/{name}:current"))


def test_the_images_of_a_list_are_promoted_from_the_tags_it_names(
    distgen, open_registry, containers, tmp_path
):
    account, digests, _ = containers
    for image in digests:  # the registry deletes no tags, so it cannot be taken back to nothing
        push(open_registry, f"{account}/os-{image}", "current", labels={"old": image})
    before = {image: current(open_registry, f"{account}/os-{image}") for image in digests}
    path, record = tmp_path / "containers.yaml", tmp_path / "undo.json"
    names = {"keystone": "e1a6f4", "nova": "77aa01"}
    rows = [f"{open_registry.host}/{account}/os-{name}:{tag}" for name, tag in names.items()]
    path.write_text(json.dumps({"container_images": [{"imagename": row} for row in rows]}))
    words = ("promote", "--list", path, "--to", "current", "--record", record, "--format", "json")
    ran = distgen(tmp_path, *words)  # where there is no catalogue
    assert (ran.code, ran.json["summary"]) == (0, {"promoted": 2})
    keeps_to_its_schema("promote", ran.json)
    assert {row["image"]: row["new"] for row in ran.json["results"]} == {
        f"{account}/os-{name}": digest for name, digest in digests.items()
    }
    assert {name: current(open_registry, f"{account}/os-{name}") for name in names} == digests
    assert distgen(tmp_path, "promote", "--undo", record).code == 0
    assert {name: current(open_registry, f"{account}/os-{name}") for name in names} == before


def test_the_images_of_a_template_are_promoted_but_those_of_others(
    distgen, open_registry, containers, tmp_path
):
    account, digests, template = containers
    host = open_registry.host
    words = (
        "promote", "--template", template, "--set", f"namespace={host}/{account}",
        "--set", "name_prefix=os", "--set", f"ceph={host}/{account}/ceph", "--to", "current",
    )  # fmt: skip
    ran = distgen(tmp_path, *words, "--set", "tag=today", "--format", "json")
    assert (ran.code, ran.json["summary"]) == (0, {"promoted": 2})
    assert {row["new"] for row in ran.json["results"]} == {*digests.values()}
    assert f"left out {host}/{account}/ceph: its tag v4 is that of the template\n" in ran.err
    assert tagged(open_registry, f"{account}/ceph") == ["v4"]
    ran = distgen(tmp_path, *words, "--from", "e1a6f4")
    assert ran.code == 1  # nova has no such tag, so nothing moves
    assert "nothing was moved: 1 of 2 images" in ran.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--list", "{list}"), "--to"),
        (("--list", "{list}", "--to", "x", "ns/app"), "without IMAGE"),
        (("--list", "{list}", "--undo", "x", "--to", "x"), "without IMAGE and --undo"),
        (("--list", "{list}", "--template", "{list}", "--to", "x"), "are two lists"),
        (("--list", "{list}", "--set", "a=b", "--to", "x"), "for a template"),
        (("--set", "a=b", "--to", "x"), "for a template"),
        (("--list", "absent.yaml", "--to", "x"), "absent.yaml"),
        (("--list", "{list}", "--to", "x"), "app is there with two tags"),
    ],
)
def test_a_list_that_cannot_be_promoted_is_refused(distgen, tmp_path, words, sentence):
    path = tmp_path / "containers.yaml"
    rows = [{"imagename": f"registry.example.net/app:{tag}"} for tag in ("one", "two")]
    path.write_text(json.dumps({"container_images": rows}))
    ran = distgen(tmp_path, "promote", *(word.format(list=path) for word in words))
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
