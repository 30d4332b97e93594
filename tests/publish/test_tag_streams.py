"""Releases of a component become streams: from the git tag to labels, branches and image tags.

Components and dist-git repositories are on a real git server. Only `distgen lock` asks for tags.
"""

from __future__ import annotations

import json
import subprocess

import pytest
from testing.commandline import Upstream, keeps_to_its_schema
from testing.dist_git import commits, content, git, listing
from testing.git_server import Fault, git_server
from testing.sites import distgen as run_apart
from testing.sites import save

from distgen.lock.file import read_lock

pytest_plugins = ["testing.commandline"]

TEMPLATE = {
    "templates/app/template.yaml": """
        description: A program
        values:
          line: {type: string, default: default}
        """,
    "templates/app/Dockerfile.j2": """
        FROM {{ base.reference }}
        LABEL version={{ image.tag | dq }} tags={{ image.tags | join(" ") | dq }}
        {% for name, source in sources | dictsort %}
        LABEL {{ name }}={{ source.version | default("none", true) | dq }}
        LABEL revision={{ source.revision | default("none", true) | dq }}
        RUN fetch {{ source.git }} {{ source.checkout }}
        {% endfor %}
        RUN {{ line }}
        """,
}
NAMESPACE = """
registry: quay.io/ns
streams:
  master: {tags: [master, latest], values: {line: of-master}}
  from_tags: {count: 2%s}
tags: {aliases: ["{X}", "{X}.{Y}"]}
"""
IMAGE = "template: app\nfrom: %s\nsources: {app: {git: '%s', ref: master}}\n"


@pytest.fixture
def server(tmp_path):
    with git_server(tmp_path / "srv") as started:
        yield started


@pytest.fixture
def component(server):
    """A component with the releases 1.0.0 to 2.1.0, a pre-release, and other tags."""
    made = Upstream(server.root / "app")
    made.path.mkdir()
    made.git("init", "-q", "-b", "master")
    for name in ("1.0.0", "1.0.1", "2.0.0", "2.1.0", "3.0.0rc1"):
        made.commit(name)
        made.git("tag", "-a", "-m", name, name)
    made.git("tag", "nightly")
    made.commit("more")
    return made


@pytest.fixture
def make(catalogue, component, server):
    """Return a function that writes a catalogue; `more` goes into `from_tags`."""

    def write(more="", **files):
        for name in ("app", "tool", "other"):
            if not (server.root / f"ns/{name}.git").exists():
                server.repository(f"ns/{name}.git")
        address = f"{server.url}/app/.git"
        root = catalogue(
            {
                **TEMPLATE,
                "distgen.yaml": json.dumps(
                    {
                        "version": 1,
                        "dist_git": {"url": server.url + "/{namespace}/{image}.git"},
                    }
                ),
                "overlays/ns/namespace.yaml": NAMESPACE % more,
                "overlays/ns/app.yaml": IMAGE % ("scratch", address),
                "overlays/ns/tool.yaml": "template: app\nfrom: ns/app\n",
                "overlays/ns/other.yaml": "template: app\nfrom: scratch\n",
                **files,
            }
        )
        return root, address

    return write


def keys(distgen, root):
    rows = distgen(root, "list", "--format", "json").json
    return {f"{row['name']}@{row['stream']}": (row["branch"], row["tags"]) for row in rows}


def test_the_lock_holds_the_tags_and_each_becomes_a_stream(distgen, make, component, server):
    """`distgen tags` named releases that nothing rendered, labelled or published."""
    root, address = make()
    ran = distgen(root, "lock")
    assert (ran.code, ran.err) == (0, "")
    found = read_lock(root / "distgen.lock")
    assert found.tags == {(address, "newest 2 of {version}, v{version}"): ("2.1.0", "2.0.0")}
    assert {ref: entry.commit for (_, ref), entry in found.sources.items()} == {
        "master": component.git("rev-parse", "master"),
        "refs/tags/2.0.0": component.git("rev-parse", "2.0.0^{commit}"),
        "refs/tags/2.1.0": component.git("rev-parse", "2.1.0^{commit}"),
    }
    server.requests.clear()
    assert keys(distgen, root) == {
        "app@master": ("master", ["master", "latest"]),
        "app@2.1.0": ("2.1.0", ["2.1.0", "2", "2.1"]),
        "app@2.0.0": ("2.0.0", ["2.0.0", "2.0"]),
        "tool@master": ("master", ["master", "latest"]),
        "tool@2.1.0": ("2.1.0", ["2.1.0", "2", "2.1"]),
        "tool@2.0.0": ("2.0.0", ["2.0.0", "2.0"]),
        "other@master": ("master", ["master", "latest"]),
    }
    out = root.parent / "out"
    assert distgen(root, "render", "-o", out).code == 0
    commit = component.git("rev-parse", "2.0.0^{commit}")
    assert (out / "ns/app/2.0.0/Dockerfile").read_text().splitlines()[1:] == [
        "FROM scratch",
        'LABEL version="2.0.0" tags="2.0.0 2.0"',
        'LABEL app="2.0.0"',
        f'LABEL revision="{commit}"',
        f"RUN fetch {address} {commit}",
        "RUN of-master",
    ]
    assert "FROM quay.io/ns/app:2.0.0\n" in (out / "ns/tool/2.0.0/Dockerfile").read_text()
    assert server.requests == []  # nothing but `lock` asks anybody
    assert distgen(root, "lock", "--check", "--offline").code == 0
    again = distgen(root, "lock")
    assert (again.code, again.out, again.err) == (0, "", "")


def test_each_stream_is_published_proved_and_nothing_is_left_to_do(make, server):
    root, _ = make()
    save(root)
    assert run_apart(root, "lock").code == 0
    save(root)
    ran = run_apart(root, "publish", "--format", "json")
    assert ran.code == 0, ran.err
    assert {*ran.statuses.values()} == {"created"}
    app = server.root / "ns/app.git"
    assert {*git("branch", "--format=%(refname:short)", folder=app).split()} == {
        "master", "2.0.0", "2.1.0",
    }  # fmt: skip
    assert git("symbolic-ref", "HEAD", folder=app).strip() == "refs/heads/master"
    assert 'LABEL version="2.1.0" tags="2.1.0 2 2.1"' in content(app, "Dockerfile", "2.1.0")
    manifest = json.loads(content(app, ".distgen.json", "2.1.0"))
    assert (manifest["stream"], manifest["sources"]["app"]["version"]) == ("2.1.0", "2.1.0")
    assert run_apart(root, "verify", "--format", "json").code == 0
    again = run_apart(root, "publish", "--format", "json")
    assert {*again.statuses.values()} == {"unchanged"}


def test_a_new_release_moves_the_aliases_and_what_fell_out_is_retired_on_request(
    make, component, server
):
    root, address = make()
    assert run_apart(root, "lock").code == 0
    save(root)
    assert run_apart(root, "publish").code == 0
    component.commit("2.1.1")
    component.git("tag", "2.1.1")
    assert run_apart(root, "lock").out == ""  # the lock moves on request only
    ran = run_apart(root, "lock", "--check")
    assert ran.code == 1
    assert "locked 2.1.0, 2.0.0, they are 2.1.1, 2.1.0 now" in ran.out
    ran = run_apart(root, "lock", "--upgrade")
    question = f"{address} newest 2 of {{version}}, v{{version}}"
    assert f"updated  {question}: 2.1.0, 2.0.0 -> 2.1.1, 2.1.0\n" in ran.out
    assert f"dropped  {address} refs/tags/2.0.0\n" in ran.out
    save(root)
    app = server.root / "ns/app.git"
    old = git("rev-parse", "2.0.0", folder=app)
    ran = run_apart(root, "publish", "ns/app", "--format", "json")
    assert ran.statuses == {
        "ns/app@master": "updated", "ns/app@2.1.1": "created", "ns/app@2.1.0": "updated",
    }  # fmt: skip
    assert 'tags="2.1.0"' in content(app, "Dockerfile", "2.1.0")
    assert 'tags="2.1.1 2 2.1"' in content(app, "Dockerfile", "2.1.1")
    assert git("rev-parse", "2.0.0", folder=app) == old  # nothing happens to it unasked
    ran = run_apart(root, "publish", "--retire", "ns/app@2.0.0", "--format", "json")
    assert ran.statuses["ns/app@2.0.0"] == "retired", ran.err
    assert listing(app, "2.0.0") == ["dead.package"]
    assert len(commits(app, "2.0.0")) == 2


def test_the_tag_plan_and_the_streams_agree(distgen, make, component):
    root, _ = make()
    assert distgen(root, "lock").code == 0
    printed = distgen(root, "tags", "ns/app", "--format", "json").json
    keeps_to_its_schema("tags", printed)
    rows = {row["tag"]: row for row in printed["tags"]}
    assert {tag: (row["stream"], row["kind"], row["floating"]) for tag, row in rows.items()} == {
        "master": ("master", "stream", True),
        "latest": ("master", "stream", True),
        "2.1.0": ("2.1.0", "release", False),
        "2.1": ("2.1.0", "stream", True),
        "2": ("2.1.0", "stream", True),
        "2.0.0": ("2.0.0", "release", False),
        "2.0": ("2.0.0", "stream", True),
    }
    reason = "no stream is made from it (`streams.from_tags`)"
    left_out = {row["ref"]: row["reason"] for row in printed["left_out"]}
    assert {ref for ref in left_out if left_out[ref] == reason} == {
        f"refs/tags/{tag}" for tag in ("1.0.0", "1.0.1", "3.0.0rc1")
    }
    commit = component.git("rev-parse", "2.1.0^{commit}")
    for tag in ("2.1.0", "2.1", "2"):
        assert (rows[tag]["commit"], rows[tag]["locked"]) == (commit, commit)
    offline = distgen(root, "tags", "--offline", "ns/tool", "--format", "json").json["tags"]
    assert {row["tag"] for row in offline if row["stream"] == "2.1.0"} == {"2.1.0", "2.1", "2"}


@pytest.mark.parametrize(
    ("more", "streams"),
    [
        (", pattern: '1.*'", {"1.0.1": "1.0.1", "1.0.0": "1.0.0"}),
        (", prereleases: true", {"3.0.0rc1": "3.0.0rc1", "2.1.0": "2.1.0"}),
        (", branch: 'release/{tag}'", {"2.1.0": "release/2.1.0", "2.0.0": "release/2.0.0"}),
        (", pattern: 'x*'", {}),
    ],
)
def test_a_namespace_says_which_releases_and_branches(distgen, make, more, streams):
    root, _ = make(more)
    assert distgen(root, "lock").code == 0
    rows = keys(distgen, root)
    rows.pop("app@master")
    found = {key.partition("@")[2]: branch for key, (branch, _) in rows.items() if "app@" in key}
    assert found == streams


def test_they_are_like_the_stream_that_is_named(distgen, make):
    root, _ = make(", like: old")
    path = root / "overlays/ns/namespace.yaml"
    path.write_text(
        path.read_text().replace(
            "  from", '  old: {branch: stable/old, values: {line: "old"}}\n  from'
        )
    )
    (root / "overlays/ns/tool.yaml").write_text("template: app\nfrom: ns/app\nstreams: [master]\n")
    assert distgen(root, "lock").code == 0
    assert {key for key in keys(distgen, root) if "2.1.0" in key} == {"app@2.1.0"}
    out = root.parent / "out"
    assert distgen(root, "render", "-o", out, "--set", "ns/app@2.0.0:line=mine").code == 0
    assert "RUN old\n" in (out / "ns/app/2.1.0/Dockerfile").read_text()
    assert "RUN mine\n" in (out / "ns/app/2.0.0/Dockerfile").read_text()


def test_tags_of_another_component_are_other_streams(distgen, make, server):
    """The parent of the same name by chance is another component's release."""
    other = Upstream(server.root / "lib")
    other.path.mkdir()
    other.git("init", "-q", "-b", "master")
    other.commit("begin")
    other.git("tag", "2.1.0")
    root, _ = make(
        **{
            "overlays/ns/other.yaml": IMAGE % ("ns/app", f"{server.url}/lib/.git"),
        }
    )
    assert distgen(root, "lock").code == 0
    out = root.parent / "out"
    assert distgen(root, "render", "-o", out).code == 0
    text = (out / "ns/other/2.1.0/Dockerfile").read_text()
    assert "FROM quay.io/ns/app:master\n" in text
    assert other.git("rev-parse", "2.1.0") in text


def test_without_the_lock_nothing_is_guessed(distgen, make):
    root, address = make()
    ran = distgen(root, "render", "-o", root.parent / "out")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "distgen: overlays/ns/namespace.yaml:4:3: distgen.lock does not hold the git tags of"
        f" {address} (newest 2 of {{version}}, v{{version}}); look them up with `distgen lock`\n"
    )
    assert distgen(root, "lock", "--offline").code == 2
    ran = distgen(root, "lock", "--check", "--offline", "--format", "json")
    keeps_to_its_schema("lock-problems", ran.json)
    assert [row["kind"] for row in ran.json["problems"] if row["status"] == "missing"] == [
        "source", "tags",
    ]  # fmt: skip


def test_a_server_that_fails_leaves_the_lock_as_it_was(distgen, make, server):
    root, address = make()
    server.meddle = lambda request: Fault(404)
    ran = distgen(root, "lock", "--retries", "0")
    assert ran.code == 1
    assert ran.out.startswith(f"failed  {address} newest 2 of {{version}}, v{{version}}: ")
    assert not (root / "distgen.lock").exists()
    server.meddle = None
    assert distgen(root, "lock").code == 0


def test_tags_come_from_facts_where_no_server_is_reached(distgen, make, server, tmp_path):
    root, _ = make()
    assert distgen(root, "lock").code == 0
    facts = tmp_path / "facts.yaml"
    facts.write_bytes((root / "distgen.lock").read_bytes())
    (root / "distgen.lock").unlink()
    server.requests.clear()
    ran = distgen(root, "lock", "--facts", facts, "--format", "json")
    assert ran.code == 0
    keeps_to_its_schema("lock-changes", ran.json)
    assert (root / "distgen.lock").read_bytes() == facts.read_bytes()
    assert server.requests == []


def test_a_replaced_source_does_not_change_a_release(distgen, make):
    root, _ = make()
    assert distgen(root, "lock").code == 0
    out = root.parent / "out"
    assert distgen(root, "render", "-o", out, "--source", "app=refs/changes/1").code == 0
    assert "refs/changes/1" in (out / "ns/app/master/Dockerfile").read_text()
    assert "refs/changes/1" not in (out / "ns/app/2.1.0/Dockerfile").read_text()


def test_an_edit_of_a_release_is_adopted_for_that_release_alone(make, server, tmp_path):
    root, _ = make()
    assert run_apart(root, "lock").code == 0
    save(root)
    assert run_apart(root, "publish").code == 0
    clone = tmp_path / "clone"
    git("clone", "-q", "-b", "2.1.0", f"{server.url}/ns/app.git", str(clone))
    path = clone / "Dockerfile"
    path.write_text(path.read_text() + "USER 1000\n")
    git("commit", "-qam", "Do not run as root", folder=clone)
    subprocess.run(["git", "-C", clone, "push", "-q"], check=True)
    assert run_apart(root, "adopt", "ns/app@2.1.0").code == 0
    save(root)
    ran = run_apart(root, "publish", "--format", "json")
    assert ran.code == 0, ran.out + ran.err
    out = tmp_path / "out"
    assert run_apart(root, "render", "-o", out).code == 0
    assert (out / "ns/app/2.1.0/Dockerfile").read_text().endswith("USER 1000\n")
    assert "USER" not in (out / "ns/app/2.0.0/Dockerfile").read_text()


@pytest.mark.parametrize(
    ("streams", "sentence"),
    [
        ("{from_tags: {count: 2}}", "there is no stream that those from tags could be like"),
        ("{master: {}, from_tags: {count: 0}}", "count"),
        ("{master: {}, from_tags: {count: 1, like: mastre}}", "did you mean `master`?"),
        ("{master: {}, from_tags: {count: 1, branch: x}}", "branch"),
        ("{master: {}, from_tags: {count: 1, branch: 'master/{tag}'}}", "such as `release/{tag}`"),
        ("{master: {}, from_tags: {count: 1, cuont: 1}}", "did you mean `count`?"),
        ("{master: {}, from_tags: }", "from_tags"),
    ],
)
def test_a_mistake_is_said_with_its_place(distgen, make, streams, sentence):
    root, _ = make()
    (root / "overlays/ns/namespace.yaml").write_text(f"registry: q.io/ns\nstreams: {streams}\n")
    ran = distgen(root, "lock")
    assert ran.code == 2, ran.err
    assert ran.err.startswith("distgen: overlays/ns/namespace.yaml:2:")
    assert sentence in ran.err
