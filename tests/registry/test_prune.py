"""`distgen prune` against a real registry, and its decisions as values."""

from datetime import datetime, timezone

from testing.commandline import keeps_to_its_schema
from testing.servers import push, push_index, tagged

from distgen.model.policy import Retention
from distgen.registry.prune import parse_time
from distgen.registry.retention import Protection, TaggedImage, decide

pytest_plugins = ["testing.servers", "testing.commandline"]
NOW = int(datetime(2024, 6, 1, tzinfo=timezone.utc).timestamp())


def ago(days):
    return NOW - days * 86400


def actions(tags, policy, protected=Protection({}, {})):  # noqa: B008 - frozen
    made = decide("ns/app", "quay.io/ns/app", tags, policy, protected, NOW)
    return {one.reference.rpartition(":")[2]: (one.action, one.reason) for one in made}


def test_the_first_pattern_that_matches_says_how_long():
    policy = Retention(days=(("master-*", 90), ("*", 7)))
    assert actions(
        [
            TaggedImage("master-1", "a", ago(30)),
            TaggedImage("master-2", "b", ago(91)),
            TaggedImage("pr-1", "c", ago(6)),
            TaggedImage("pr-2", "d", ago(7)),
        ],
        policy,
    ) == {
        "master-1": ("keep", "kept for 90 days"),
        "master-2": ("delete", "older than 90 days"),
        "pr-1": ("keep", "kept for 7 days"),
        "pr-2": ("delete", "older than 7 days"),
    }


def test_exceptions_planned_tags_and_what_no_rule_is_about_stay():
    policy = Retention(keep=("*-gold",), days=(("pr-*", 7),))
    protected = Protection({"pr-tested": "a tag that moves"}, {"l": "the lock points at it"})
    assert actions(
        [
            TaggedImage("pr-gold", "a", ago(99)),
            TaggedImage("pr-tested", "b", ago(99)),
            TaggedImage("other", "c", ago(99)),
            TaggedImage("pr-locked", "l", ago(99)),
            TaggedImage("pr-index", "d", ago(99), ("l",)),
            TaggedImage("pr-epoch", "e", 0),
            TaggedImage("pr-unknown", "f"),
        ],
        policy,
        protected,
    ) == {
        "pr-gold": ("keep", "an exception: *-gold"),
        "pr-tested": ("keep", "a tag that moves"),
        "other": ("keep", "no rule is about it"),
        "pr-locked": ("keep", "the lock points at it"),
        "pr-index": ("keep", "the lock points at it"),
        "pr-epoch": ("keep", "its age is unknown"),
        "pr-unknown": ("keep", "its age is unknown"),
    }


def test_what_a_tag_that_stays_is_made_of_stays():
    policy = Retention(days=(("pr-*", 7),))
    tags = [
        TaggedImage("current", "i", None, ("amd64", "arm64")),
        TaggedImage("pr-1", "i", ago(99), ("amd64", "arm64")),
        TaggedImage("pr-1-arm64", "arm64", ago(99)),
        TaggedImage("pr-2", "j", ago(99)),
    ]
    assert actions(tags, policy) == {
        "current": ("keep", "no rule is about it"),
        "pr-1": ("keep", "the same image as current"),
        "pr-1-arm64": ("keep", "a part of current"),
        "pr-2": ("delete", "older than 7 days"),
    }


def test_times_of_images_are_read_in_all_their_forms():
    assert parse_time("1970-01-02T00:00:01.123456789Z") == 86401
    assert parse_time("1970-01-02T02:00:00+02:00") == 86400
    assert parse_time("yesterday") is None
    assert parse_time(None) is None


def test_the_plan_is_printed_and_only_applied_when_asked(
    catalogue, distgen, open_registry, upstream
):
    old, repository = "2020-01-01T00:00:00Z", "prune/app"
    push_index(open_registry, repository, "pr-1", labels={"n": "1"})
    push(open_registry, repository, "master", "pr-2", created=old, labels={"n": "2"})
    push(open_registry, repository, "1.0.0", created=old, labels={"n": "3"})
    locked = push(open_registry, repository, "pr-locked", created=old, labels={"n": "4"})
    push(open_registry, repository, "pr-gold", created=old, labels={"n": "5"})
    push(open_registry, repository, "pr-3", "pr-4", created=old, labels={"n": "6"})
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    push(open_registry, repository, "pr-new", created=now, labels={"n": "7"})
    app = upstream("app")
    app.git("tag", "1.0.0")
    root = catalogue(
        {
            "templates/app/template.yaml": "description: An application\nvalues: {}\n",
            "templates/app/Dockerfile.j2": "FROM scratch\n",
            "overlays/ns/namespace.yaml": f"""
                registry: {open_registry.host}/prune
                streams: {{master: {{}}}}
                retention: {{keep: ["*-gold"], days: {{"*": 7}}}}
                """,
            "overlays/ns/app.yaml": f"""
                template: app
                from: scratch
                sources: {{app: {{git: "{app.url}", ref: master}}}}
                """,
            "distgen.lock": f"""
                version: 1
                bases:
                  {open_registry.host}/prune/app:master: {{digest: '{locked}'}}
                """,
        }
    )
    before = tagged(open_registry, repository)
    ran = distgen(root, "prune", "--format", "json")
    assert ran.code == 0
    keeps_to_its_schema("prune", ran.json)
    assert {
        row["reference"].rpartition(":")[2]: (row["action"], row["reason"])
        for row in ran.json["tags"]
    } == {
        "1.0.0": ("keep", "a release"),
        "master": ("keep", "a tag that moves"),
        "pr-1": ("delete", "older than 7 days"),
        "pr-2": ("keep", "the same image as master"),
        "pr-3": ("delete", "older than 7 days"),
        "pr-4": ("delete", "older than 7 days"),
        "pr-gold": ("keep", "an exception: *-gold"),
        "pr-locked": ("keep", "the lock points at it"),
        "pr-new": ("keep", "kept for 7 days"),
    }
    assert ran.err == "3 of 9 tags would go; delete them with --apply\n"
    assert tagged(open_registry, repository) == before
    ran = distgen(root, "prune", "--apply", "--format", "json")
    assert (ran.code, ran.err) == (0, "3 of 9 tags deleted\n")
    keeps_to_its_schema("prune", ran.json)
    assert [one["tags"] for one in sorted(ran.json["deleted"], key=lambda one: one["tags"])] == [
        ["pr-1"],
        ["pr-3", "pr-4"],
    ]
    assert tagged(open_registry, repository) == [
        tag for tag in before if tag not in ("pr-1", "pr-3", "pr-4")
    ]
    ran = distgen(root, "prune", "--apply")
    assert (ran.code, ran.err) == (0, "0 of 6 tags deleted\n")


def test_a_namespace_without_retention_is_never_pruned(catalogue, distgen, open_registry):
    root = catalogue(
        {
            "templates/app/template.yaml": "description: An application\nvalues: {}\n",
            "templates/app/Dockerfile.j2": "FROM scratch\n",
            "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {master: {}}\n",
            "overlays/ns/app.yaml": "template: app\nfrom: scratch\n",
        }
    )
    ran = distgen(root, "prune", "--apply")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "distgen: no namespace of these images has a retention;"
        " write `retention: {days: {...}}` into its namespace.yaml\n"
    )
