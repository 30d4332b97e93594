"""The index of CentOS' container pipeline, held to its CI, its reader and what neither says."""

import hashlib
import subprocess

import pytest
import yaml
from testing.catalogues import images_by_key
from testing.cccp_index import ci_problems, looked_up_bases, read_projects, silent_problems

from distgen.dockerfile.parse import parse
from distgen.exports.cccp.base import check_base
from distgen.exports.cccp.names import LARGEST_ID, make_ids, pipeline_name, trigger_name

pytest_plugins = ["testing.commandline"]

SITE = """
version: 1
dist_git:
  author: Container Robot <robot@example.org>
  public_url: https://git.example.org/{namespace}/{image}.git
"""
NAMESPACE = """
registry: registry.example.org
repository: "{namespace}/{image}"
streams:
  master: {tags: [master]}
exports: [cccp]
"""
FILES = {
    "distgen.yaml": SITE,
    "templates/app/template.yaml": "description: An application\nvalues: {}\n",
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n",
    "overlays/ns/namespace.yaml": NAMESPACE,
    "overlays/ns/base.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
    "overlays/ns/app.yaml": "template: app\nfrom: ns/base\n",
    "overlays/ns/late.yaml": "template: app\nfrom: ns/app\n",
}
DOTTED = NAMESPACE.replace("[master]}", '[master]}\n  "2026.1": {branch: stable/2026.1}')


@pytest.fixture
def export(catalogue, distgen, tmp_path):
    """Return a function that exports the index of a catalogue; it returns the folder and the run.

    What is not refused has to please the pipeline's own checks.
    """

    def run(files=FILES, *words, code=0, is_whole=True):
        folder = tmp_path / "index"
        ran = distgen(catalogue(files), "export", "cccp", "-o", folder, *words)
        assert ran.code == code, ran.err
        if (folder / "index.d").exists():
            assert list(ci_problems(folder)) == []
            assert list(silent_problems(folder) if is_whole else ()) == []
        return folder, ran

    return run


def entries(folder, namespace="ns"):
    data = yaml.safe_load((folder / f"index.d/{namespace}.yml").read_text())
    return {(entry["job-id"], entry["desired-tag"]): entry for entry in data["Projects"]}


def namespace(text, **more):
    return {**FILES, "overlays/ns/namespace.yaml": text, **more}


def test_an_entry_has_all_that_the_pipeline_reads(export):
    folder, _ = export()
    assert entries(folder)["app", "master"] == {
        "id": make_ids(["ns/app@master"])["ns/app@master"],
        "app-id": "ns",
        "job-id": "app",
        "git-url": "https://git.example.org/ns/app.git",
        "git-path": "/",
        "git-branch": "master",
        "target-file": "Dockerfile",
        "desired-tag": "master",
        "notify-email": "robot@example.org",
        "build-context": "./",
        "depends-on": ["ns/base:master"],
    }
    assert entries(folder)["base", "master"]["depends-on"] is None


def test_clones_of_the_repositories_are_as_the_index_says(export, catalogue, distgen):
    """Published branches are cloned as the CI does: `cccp.yml` and the Dockerfile are there."""
    folder, _ = export()
    root = catalogue({})
    assert distgen(root, "publish").code == 0
    clones = {}
    for name in ("base", "app", "late"):
        place = root / f"dist-git/ns/{name}.git"
        words = ["git", "-C", place, "ls-tree", "-r", "--name-only", "master"]
        paths = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        clones[f"https://git.example.org/ns/{name}.git", "master"] = {
            path: subprocess.run(
                ["git", "-C", place, "show", f"master:{path}"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for path in paths
        }
    assert list(ci_problems(folder, clones)) == []
    broken = {key: {**files, "cccp.yml": "job-id: other\n"} for key, files in clones.items()}
    assert len(list(ci_problems(folder, broken))) == 3


def test_results_are_sent_to_whom_the_namespace_or_the_image_says(export):
    files = namespace(NAMESPACE + "cccp: {notify_email: ns@example.org}\n")
    files["overlays/ns/app.yaml"] += "cccp: {notify_email: app@example.org}\n"
    rows = entries(export(files)[0])
    assert rows["base", "master"]["notify-email"] == "ns@example.org"
    assert rows["app", "master"]["notify-email"] == "app@example.org"


def test_a_dependency_on_a_tag_with_dots_is_refused(export):
    """The reader waits for ccp-base-2026-1, and the pipeline is called ccp-base-2026.1."""
    folder, ran = export(namespace(DOTTED), code=1)
    assert sorted(entries(folder)) == [
        ("app", "master"),
        ("base", "2026.1"),
        ("base", "master"),
        ("late", "master"),
    ]
    assert (
        "ns/app@2026.1: refused: it is built on ns/base:2026.1, whose pipeline is called "
        "ns-base-2026.1; CCCP would wait for ns-base-2026-1 and never build it again; "
        'set `cccp: {tag: {"2026.1": "2026-1"}}` in the namespace'
    ) in ran.err
    assert "ns/late@2026.1: refused: it is built on ns/app:2026.1" in ran.err


def test_a_mapped_tag_has_no_dots(export):
    text = DOTTED + 'cccp: {tag: {"2026.1": "2026-1"}}\n'
    folder, ran = export(namespace(text))
    row = entries(folder)["app", "2026-1"]
    assert (row["depends-on"], row["git-branch"]) == (["ns/base:2026-1"], "stable/2026.1")
    assert (
        "warning: ns/app@2026.1 is built on registry.example.org/ns/base:2026.1, and CCCP pushes "
        "that image as ns/base:2026-1; give namespace and stream such a `repository` and such tags"
    ) in ran.err


def test_nothing_waits_for_capitals(export):
    text = NAMESPACE.replace("tags: [master]", "tags: [Master]")
    folder, ran = export(namespace(text), code=1)
    assert list(entries(folder)) == [("base", "Master")]
    assert "CCCP would wait for ns-base-Master and never build it again; set" in ran.err
    assert '{"master": "master"}' in ran.err


def test_a_tag_with_an_underscore_makes_no_pipeline(export):
    text = NAMESPACE.replace("tags: [master]", "tags: [a_b]")
    _, ran = export(namespace(text), code=1)
    assert (
        "ns/base@master: refused: its pipeline would be called ns-base-a_b, which OpenShift does "
        'not take; set `cccp: {tag: {"master": "a-b"}}` in the namespace'
    ) in ran.err
    assert "0 files exported" in ran.err


@pytest.mark.parametrize("name", ["a_b", "a.b"])
def test_names_that_become_one_are_refused_both(export, name):
    files = {
        **FILES,
        "overlays/ns/a-b.yaml": "template: app\nfrom: ns/base\n",
        f"overlays/ns/{name}.yaml": "template: app\nfrom: ns/base\n",
        "overlays/ns/child.yaml": "template: app\nfrom: ns/a-b\n",
    }
    folder, ran = export(files, code=1)
    assert sorted(entries(folder)) == [("app", "master"), ("base", "master"), ("late", "master")]
    assert (
        f"ns/a-b@master: refused: its pipeline would be called ns-a-b-master, as that of ns/{name}"
        in ran.err
    )
    assert (
        f"ns/{name}@master: refused: its pipeline would be called ns-a-b-master, as that" in ran.err
    )
    assert "ns/child@master: refused: its parent ns/a-b@master is refused" in ran.err


def test_names_of_two_namespaces_may_become_one(export):
    files = {
        **FILES,
        "overlays/ns-x/namespace.yaml": NAMESPACE,
        "overlays/ns-x/y.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
        "overlays/ns/x-y.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
    }
    _, ran = export(files, code=1)
    assert (
        "ns-x/y@master: refused: its pipeline would be called ns-x-y-master, as that of ns/x-y"
        in ran.err
    )


def test_an_image_without_other_streams_has_an_underscore_in_its_name(export):
    files = {
        **FILES,
        "overlays/ns/a_b.yaml": "template: app\nfrom: ns/base\n",
        "overlays/ns/child.yaml": "template: app\nfrom: ns/a_b\n",
    }
    folder, ran = export(files)
    projects = {project.name: project for project in read_projects(folder)[0]}
    assert projects["ns-a-b-master"].image == "ns/a-b:master"
    assert projects["ns-child-master"].depends_on == ("pipeline-ns-a-b-master",)
    assert (
        "ns/child@master is built on registry.example.org/ns/a_b:master, and CCCP pushes" in ran.err
    )


def test_parents_that_the_pipeline_does_not_build_are_not_waited_for(export):
    nowhere = "dist_git: {url: 'others/{image}.git'}\n"
    files = {
        **FILES,
        "overlays/other/namespace.yaml": NAMESPACE.replace("exports: [cccp]\n", nowhere),
        "overlays/other/base.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
        "overlays/ns/app.yaml": "template: app\nfrom: other/base\n",
    }
    folder, ran = export(files)
    assert entries(folder)["app", "master"]["depends-on"] is None
    assert not (folder / "index.d/other.yml").exists()
    assert (
        "warning: left out, because `exports` of their namespace does not name cccp: other"
        in ran.err
    )


def test_a_catalogue_without_the_pipeline_has_no_index(catalogue, distgen, tmp_path):
    root = catalogue(namespace(NAMESPACE.replace("exports: [cccp]\n", "")))
    ran = distgen(root, "export", "cccp", "-o", tmp_path / "index")
    assert ran.code == 2
    assert "no image of the selection is exported to CCCP; add `cccp` to the `exports`" in ran.err


def test_only_an_address_that_others_reach_is_exported(catalogue, distgen, tmp_path):
    root = catalogue({**FILES, "distgen.yaml": "version: 1\n"})
    ran = distgen(root, "export", "cccp", "-o", tmp_path / "index")
    assert ran.code == 2
    assert "others cannot reach the repository of ns/base there; set `public_url`" in ran.err


def test_a_value_that_a_shell_would_split_is_refused(export):
    site = SITE.replace("robot@example.org", "robot;reboot@example.org")
    _, ran = export({**FILES, "distgen.yaml": site}, code=1)
    assert (
        "ns/base@master: refused: CCCP hands `notify-email` to a shell as it is, and "
        "`robot;reboot@example.org` is not one plain word"
    ) in ran.err


def test_a_namespace_called_like_the_template_is_left_out_by_the_reader(export):
    files = {
        **{path: text for path, text in FILES.items() if not path.startswith("overlays/")},
        "overlays/index_template/namespace.yaml": NAMESPACE,
        "overlays/index_template/base.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
    }
    _, ran = export(files, code=1)
    assert "refused: CCCP leaves out files with index_template in their names" in ran.err


def test_an_image_that_cannot_be_rendered_is_refused_alone(export):
    files = {**FILES, "overlays/ns/app/Dockerfile.j2": "FROM {{ nothing }}\n"}
    folder, ran = export(files, code=1)
    assert sorted(entries(folder)) == [("base", "master")]
    assert "ns/app@master: refused: overlays/ns/app/Dockerfile.j2:1" in ran.err
    assert "ns/late@master: refused: its parent ns/app@master is refused" in ran.err


# --- ids ---


def test_ids_are_made_from_names_and_not_counted(export, catalogue):
    before = {key: row["id"] for key, row in entries(export()[0]).items()}
    root = catalogue({"overlays/ns/aaa.yaml": "template: app\nfrom: ns/base\n"})
    after = {key: row["id"] for key, row in entries(export({})[0]).items()}
    assert before.items() <= after.items()
    assert len({*after.values()}) == 4
    (root / "overlays/ns/aaa.yaml").rename(root / "overlays/ns/zzz.yaml")
    renamed = {key: row["id"] for key, row in entries(export({})[0]).items()}
    assert renamed["zzz", "master"] not in after.values()
    assert before.items() <= renamed.items()


def test_a_selection_gives_the_same_ids(export):
    everything = entries(export()[0])
    folder, _ = export({}, "ns/app", is_whole=False)
    assert entries(folder) == {("app", "master"): everything["app", "master"]}


def test_ids_are_never_zero_and_differ_where_sums_do_not():
    def number(key):
        digest = hashlib.sha256(key.encode()).digest()[:8]
        return int.from_bytes(digest, "big") % LARGEST_ID + 1

    numbers, pair = {}, None
    for count in range(300_000):
        key = f"ns/image-{count}@master"
        if (earlier := numbers.setdefault(number(key), key)) != key:
            pair = earlier, key
            break
    assert pair, "no two names have one sum"
    first, second = sorted(pair)
    ids = make_ids([second, first])
    assert ids == make_ids([first, second])
    assert ids[first] == number(first)
    assert ids[second] == number(f"{second}#1") != ids[first]
    assert min(number(str(key)) for key in range(10_000)) >= 1
    assert make_ids(["a"])["a"] <= LARGEST_ID


def test_retired_images_leave_the_index(export, catalogue):
    folder, _ = export()
    root = catalogue({})
    (root / "overlays/ns/late.yaml").unlink()
    export({})
    assert sorted(entries(folder)) == [("app", "master"), ("base", "master")]
    for path in (root / "overlays/ns").iterdir():
        path.unlink()
    (root / "overlays/ns").rmdir()
    other = {
        "overlays/m/namespace.yaml": NAMESPACE,
        "overlays/m/base.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
    }
    export(other)
    assert [path.name for path in (folder / "index.d").iterdir()] == ["m.yml"]


def test_the_index_is_the_same_each_time(export):
    folder, _ = export(namespace(DOTTED), code=1)
    before = (folder / "index.d/ns.yml").read_bytes()
    export({}, "--check", code=1)
    export({}, code=1)
    assert (folder / "index.d/ns.yml").read_bytes() == before


# --- cccp.yml and the base ---


def test_the_file_of_the_repository_names_the_job(catalogue, distgen):
    root = catalogue(FILES)
    assert distgen(root, "render", "-o", root / "out").code == 0
    text = (root / "out/ns/app/master/cccp.yml").read_text()
    assert yaml.safe_load(text) == {"job-id": "app"}
    assert text.startswith("# Generated by distgen from overlays/ns/namespace.yaml; edit")
    ran = distgen(root, "explain", "ns/app", "cccp.yml:2", "--format", "json")
    assert ran.json[0]["origin"] == "overlays/ns/namespace.yaml:5:11"


BASES = {
    "FROM a:1\nRUN x\n": "",
    "# FROM b\nFROM a:1\n": "",
    "FROM a:1 AS b\nFROM c:1\n": "it has several stages",
    "FROM --platform=linux/amd64 a:1\n": "its FROM has an option",
    "from a:1\n": "its FROM is not written in capitals at the beginning of a line",
    "  FROM a:1\n": "its FROM is not written in capitals at the beginning of a line",
    "FROM a:1\nRUN cat <<EOF\nFROM here\nEOF\n": "this line begins with FROM and is no instruction",
}


@pytest.mark.parametrize(("dockerfile", "reason"), BASES.items())
def test_a_base_that_the_pipeline_does_not_find_is_a_warning(dockerfile, reason):
    bases = [stage.base for stage in parse(dockerfile).stages]
    assert (looked_up_bases(dockerfile) != bases[:1]) == bool(reason)
    demands = list(check_base((), parse(dockerfile)))
    assert [demand.level for demand in demands] == ["warning"] * bool(reason)
    text = "CCCP's look-up of the base image does not understand this Dockerfile: "
    assert [demand.message for demand in demands] == [text + reason] * bool(reason)


def test_the_base_is_warned_of_in_export_and_lint(export, catalogue, distgen):
    text = "FROM docker.io/library/alpine:3 AS build\nFROM {{ base.reference }}\n"
    _, ran = export({**FILES, "templates/app/Dockerfile.j2": text})
    assert "warning: ns/app@master: CCCP's look-up of the base image does not" in ran.err
    ran = distgen(catalogue({}), "lint", "--format", "json")
    found = [row for row in ran.json if row["code"] == "DG402"]
    assert {row["image"] for row in found} == {"ns/app", "ns/base", "ns/late"}
    assert {row["level"] for row in found} == {"warning"}


def test_names_are_those_of_the_real_reader(catalogue):
    """Each is what `Project` of ccp/index_reader.py gives."""
    root = catalogue(
        namespace(DOTTED, **{"overlays/ns/a_b.yaml": "template: app\nfrom: ns/base\n"})
    )
    images = images_by_key(root)
    assert [pipeline_name(images[key]) for key in ("ns/a_b@2026.1", "ns/base@master")] == [
        "ns-a-b-2026.1",
        "ns-base-master",
    ]
    assert trigger_name(images["ns/a_b@2026.1"]) == "ns-a-b-2026-1"
