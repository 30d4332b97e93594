"""The playbooks and the role of `distgen export zuul`, read and run by Ansible itself."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("zuul")
pytest.importorskip("ansible")

from testing.dist_git import git
from testing.engines import BASE, open_engine_room
from testing.reader import begin
from testing.servers import PASSWORD, USER, get, tagged
from testing.stub_wheel import write_stub_wheel
from testing.zuul_node import Node
from testing.zuul_tenant import CATALOGUE, HOST, load_tenant

pytest_plugins = ["testing.commandline", "testing.servers"]
ROOT = Path(__file__).parents[2]
NAMESPACE = """\
registry: {registry}/ns
repository: "{{image}}"
description: Small images
streams:
  master: {{branch: master, tags: [master, "1.0"]}}
"""
TEMPLATE = """\
description: A program
values:
  line: {description: A line, type: string}
"""
TESTS = """\
schemaVersion: 2.0.0
fileExistenceTests:
  - {name: it has what its parent says, path: /parent, shouldExist: true}
"""
FILES = {
    "distgen.yaml": "version: 1\n",
    ".gitignore": "/dist-git/\n",
    "templates/app/template.yaml": TEMPLATE,
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\nRUN {{ line }}\n",
    "overlays/ns/base.yaml": f"template: app\nfrom: {BASE}\nvalues: {{line: echo old > /parent}}\n",
    "overlays/ns/app.yaml": "template: app\nfrom: ns/base\nvalues: {line: cat /parent > /child}\n",
    "overlays/ns/app/tests.yaml": TESTS,
}


ITEMS = [
    {
        "project": {"name": CATALOGUE, "canonical_name": f"{HOST}/{CATALOGUE}"},
        "branch": "master",
        "change": "42",
        "patchset": "1",
        "change_url": "https://review.opendev.org/c/opendev/images/+/42",
    }
]
"""What Zuul says of a change of the catalogue."""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    yield from open_engine_room(tmp_path_factory.mktemp("engine"))


@pytest.fixture
def registry(basic_registry):
    return basic_registry


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def save(root, subject):
    if not (root / ".git").exists():
        git("init", "-q", "-b", "master", folder=root)
    git("add", "-A", folder=root)
    git("commit", "-q", "-m", subject, folder=root)


@pytest.fixture
def bare_node(tmp_path, distgen):
    """A node with the export of a small catalogue, and no engine."""
    node = Node(tmp_path, begin(tmp_path, {}))
    write(
        node.catalogue,
        {**FILES, "overlays/ns/namespace.yaml": NAMESPACE.format(registry="quay.io")},
    )
    assert distgen(node.catalogue, "export", "zuul", "-o", node.catalogue).code == 0
    return node


@pytest.fixture
def node(tmp_path, distgen, room, registry):
    """A node with an engine, and the catalogue of a change for a registry that wants a password."""
    node = Node(tmp_path, begin(tmp_path, room.environment))
    namespace = NAMESPACE.format(registry=registry.host)
    write(node.catalogue, {**FILES, "overlays/ns/namespace.yaml": namespace})
    assert distgen(node.catalogue, "export", "zuul", "-o", node.catalogue).code == 0
    save(node.catalogue, "Begin")
    yield node
    for name in room.images():
        if registry.host in name:
            room.run("rmi", "--force", name)


def jobs_of(node, pipeline, *files):
    """Return the jobs that Zuul runs for a change of files."""
    configuration = {
        str(path.relative_to(node.catalogue)): path.read_text()
        for path in sorted((node.catalogue / "zuul.d").rglob("*.yaml"))
    }
    tenant = load_tenant(configuration, secrets=["ns-registry"])
    assert tenant.errors == []
    return tenant.jobs(pipeline, CATALOGUE, files)


def run(node, registry, job, **zuul_variables):
    credentials = {registry.host: {"username": USER, "password": PASSWORD}}
    plain = {"distgen_tls_verify": False}
    return node.run(job, credentials, plain, **zuul_variables)


# --- what Ansible reads ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pre", "build", "upload", "promote", "post"])
def test_ansible_reads_each_playbook(name, bare_node):
    ended = bare_node.play("--syntax-check", bare_node.catalogue / f"playbooks/distgen/{name}.yaml")
    assert ended.returncode == 0, ended.stderr
    assert "WARNING" not in ended.stderr.replace("[WARNING]: No inventory was parsed", "").replace(
        "[WARNING]: provided hosts list is empty", ""
    )


@pytest.mark.parametrize(
    "step", ["install", "build", "upload", "parent", "push", "promote", "logs"]
)
def test_ansible_reads_each_step_of_the_role(step, bare_node):
    """A check of the syntax does not look into what a playbook includes when it runs."""
    playbook = bare_node.folder / "step.yaml"
    tasks = {"name": "distgen", "tasks_from": f"{step}.yaml"}
    playbook.write_text(json.dumps([{"hosts": "all", "tasks": [{"import_role": tasks}]}]))
    ended = bare_node.play("--syntax-check", playbook)
    assert ended.returncode == 0, ended.stderr


def test_ansible_finds_a_step_that_it_does_not_know(bare_node):
    path = bare_node.catalogue / "roles/distgen/tasks/push.yaml"
    path.write_text(path.read_text().replace("ansible.builtin.slurp", "ansible.builtin.slurb"))
    playbook = bare_node.folder / "step.yaml"
    tasks = {"name": "distgen", "tasks_from": "push.yaml"}
    playbook.write_text(json.dumps([{"hosts": "all", "tasks": [{"import_role": tasks}]}]))
    assert "ansible.builtin.slurb" in bare_node.play("--syntax-check", playbook).stderr


PROJECT = {"project": {"src_dir": "src/h/images"}}
OTHER = {"project": {"src_dir": "src/h/app"}, "projects": {"h/images": {"src_dir": "src/h/images"}}}
DEFAULTS = {
    "a change of the catalogue": (
        {"zuul": {**PROJECT, "change": "42"}, "distgen_folder": "", "distgen_install": ""},
        ["change_42_", "/home/z/src/h/images/", "distgen", "--tls-verify=true"],
    ),
    "a periodic job": (
        {"zuul": PROJECT, "distgen_folder": "sub/dir", "distgen_tls_verify": False},
        ["", "/home/z/src/h/images/sub/dir", "distgen", "--tls-verify=false"],
    ),
    "a change of another project": (
        {"zuul": OTHER, "distgen_project": "h/images", "distgen_install": "x"},
        ["", "/home/z/src/h/images/", "/home/z/.distgen-venv/bin/distgen", "--tls-verify=true"],
    ),
}


def test_defaults_of_the_role_say_where_things_are(bare_node):
    names = ("distgen_prefix", "distgen_catalogue", "distgen_command", "distgen_tls_option")
    shown = bare_node.catalogue / "roles/distgen/tasks/show.yaml"
    lines = {"content": "{{ [" + ", ".join(names) + "] | to_json }}", "dest": "{{ answer }}"}
    shown.write_text(json.dumps([{"ansible.builtin.copy": lines}]))
    role = {"name": "distgen", "tasks_from": "show.yaml"}
    tasks = [
        {"include_role": role, "vars": {**variables, "answer": str(bare_node.folder / name)}}
        for name, (variables, _) in DEFAULTS.items()
    ]
    playbook = bare_node.folder / "show-all.yaml"
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    playbook.write_text(json.dumps([{**play, "vars": {"distgen_home": "/home/z"}}]))
    inventory = f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}"
    (bare_node.folder / "hosts").write_text(inventory)
    ended = bare_node.play("-i", bare_node.folder / "hosts", playbook)
    assert ended.returncode == 0, ended.stdout
    for name, (_, expected) in DEFAULTS.items():
        assert json.loads((bare_node.folder / name).read_text()) == expected, name


def test_distgen_is_installed_into_an_environment_of_its_own(bare_node, room):
    """What is installed is a wheel with a program of this name: the test needs no network."""
    wheel = write_stub_wheel(bare_node.folder)
    job = replace(
        jobs_of(bare_node, "check", "distgen.lock")["distgen-build-image-ns-app-master"],
        playbooks=("playbooks/distgen/pre.yaml",),
    )
    ended = bare_node.run(job, variables={"distgen_install": str(wheel)})
    assert ended.code == 0, ended.printed
    program = bare_node.home / ".distgen-venv/bin/distgen"
    assert subprocess.run([program], capture_output=True, check=True).stdout == b"a stub\n"


# --- what they do ------------------------------------------------------------------------------


def test_a_change_is_built_uploaded_and_promoted_with_its_parents(
    node, registry, open_registry, room
):
    """A parent of the change is taken from where its job uploaded it, never from elsewhere."""
    write(
        node.catalogue,
        {"overlays/ns/base.yaml": FILES["overlays/ns/base.yaml"].replace("old", "new")},
    )
    save(node.catalogue, "Change the parent")
    (upload_app, upload_base) = (
        jobs_of(node, "gate", "overlays/ns/base.yaml")[f"distgen-upload-image-ns-{name}-master"]
        for name in ("app", "base")
    )
    assert upload_app.dependencies == ("distgen-upload-image-ns-base-master",)
    first = run(node, registry, upload_base, change="42")
    assert first.code == 0, first.printed
    assert sorted(tagged(open_registry, "ns/base")) == ["change_42_1.0", "change_42_master"]
    for name in room.images():
        if registry.host in name:
            room.run("rmi", "--force", name)
    second = run(node, registry, upload_app, change="42", artifacts=first.artifacts)
    assert second.code == 0, second.printed
    assert first.artifacts[0]["metadata"]["digest"] in second.printed
    said = room.run("from", "--name", "look", f"{registry.host}/ns/app:master")
    assert said.returncode == 0, said.stderr
    assert room.run("run", "look", "cat", "/child").stdout == "new\n"
    room.run("rm", "look")
    (promote,) = jobs_of(node, "promote", "overlays/ns/app.yaml").values()
    ended = run(node, registry, promote, change="42")
    assert ended.code == 0, ended.printed
    tags = {"change_42_1.0", "change_42_master", "1.0", "master"}
    assert {*tagged(open_registry, "ns/app")} == tags
    assert len({get(open_registry, "ns/app", tag) for tag in tags}) == 1


def test_a_change_under_review_is_built_with_its_parents_and_siblings_and_no_password(
    node, registry, open_registry, room
):
    sibling = f"{HOST}/x/lib"
    write(node.home / "src" / sibling, {"setup.cfg": "[metadata]\nname = lib\n"})
    line = 'echo "$ZUUL_SIBLINGS" && cat /parent "/tmp/src/.zuul-siblings/$ZUUL_SIBLINGS/setup.cfg"'
    overlay = f"template: app\nfrom: ns/base\nvalues: {{line: {json.dumps(line)}}}\n"
    arguments = "FROM {{ base.reference }}\nARG ZUUL_SIBLINGS\nRUN {{ line }}\n"
    write(
        node.catalogue,
        {"overlays/ns/app.yaml": overlay, "templates/app/Dockerfile.j2": arguments},
    )
    save(node.catalogue, "Show the sibling")
    (job,) = jobs_of(node, "check", "overlays/ns/app.yaml").values()
    assert job.secrets == {}
    (container_image,) = job.variables["container_images"]
    ended = node.run(
        job,
        variables={"container_images": [{**container_image, "siblings": [sibling]}]},
        projects={sibling: {"src_dir": f"src/{sibling}"}},
        items=ITEMS,
    )
    assert ended.code == 0, ended.printed
    assert f"{sibling}\nold\n[metadata]\nname = lib\n" in ended.logs["distgen/ns/app/master.log"]
    assert "it has what its parent says" in ended.logs["distgen/ns/app/master.log"]
    results = json.loads(ended.logs["distgen/results.json"])["results"]
    assert {row["image"]: row["status"] for row in results} == {
        "ns/base": "built",
        "ns/app": "built",
    }
    assert {*tagged(open_registry, "ns/app")} & {"change_", "latest"} == set()


def test_a_job_that_fails_uploads_nothing_and_leaves_no_password(
    node, registry, open_registry, room
):
    """Artifacts of other projects, which anybody can return, are not taken for parents.

    Nor is what an earlier job left on the node: the parent is nowhere else, so the build fails.
    """
    write(
        node.catalogue,
        {"overlays/ns/app.yaml": "template: app\nfrom: ns/base\nvalues: {line: 'true'}\n"},
    )
    save(node.catalogue, "Build on anything")
    assert room.run("tag", BASE, f"{registry.host}/ns/base:master").returncode == 0
    before = tagged(open_registry, "ns/app")
    (job,) = jobs_of(node, "gate", "overlays/ns/app.yaml").values()
    digest = "sha256:" + "0" * 64
    strangers = [
        {"repository": "evil.example.org/ns/base", "tag": "master", "digest": digest},
        {"repository": f"{registry.host}/ns/base", "tag": "master", "digest": digest[:-1]},
        {"repository": f"{registry.host}/ns/base", "tag": "other", "digest": digest},
        {"repository": "--help", "tag": "", "digest": "{{ lookup('pipe', 'id') }}"},
        {},
    ]
    artifacts = [
        *({"name": "x", "url": "x", "metadata": {"type": "container_image", **stranger}}
          for stranger in strangers),
        {"name": "x", "url": "docker://evil.example.org/ns/base"},
        {"name": "x", "url": "x", "metadata": None},
    ]  # fmt: skip
    ended = run(node, registry, job, change="43", artifacts=artifacts)
    assert ended.code != 0
    assert f"{registry.host}/ns/base:master" in ended.logs["distgen/ns/app/master.log"]
    assert "Fetch the parent" not in ended.printed
    assert ended.artifacts == [] and tagged(open_registry, "ns/app") == before
    encoded = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, encoded):
        assert secret not in ended.printed + "".join(ended.logs.values())
        left = [
            path
            for place in (node.home, Path(node.environment["TMPDIR"]))
            for path in place.rglob("*")
            if path.is_file() and secret.encode() in path.read_bytes()
        ]
        assert left == []
