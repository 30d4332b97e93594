"""The tests' own container pipeline tells good indexes from bad ones, as the real one does."""

import json

import pytest
from testing.cccp_index import (
    ci_problems,
    looked_up_bases,
    read_projects,
    silent_problems,
)

ENTRY = {
    "id": 1,
    "app-id": "ccp",
    "job-id": "base",
    "git-url": "https://git.example.org/ccp/base.git",
    "git-path": "/",
    "git-branch": "master",
    "target-file": "Dockerfile",
    "desired-tag": "master",
    "notify-email": "ccp@example.org",
    "build-context": "./",
    "depends-on": None,
}
CHILD = {**ENTRY, "id": 2, "job-id": "tools", "depends-on": "ccp/base:master"}
CLONE = {"Dockerfile": "FROM a\n", "cccp.yml": "job-id: base\n"}


@pytest.fixture
def index(tmp_path):
    """Return a function that writes entries as an index and returns its folder."""

    def write(*entries, name="ccp.yml", projects="Projects"):
        (tmp_path / "index.d").mkdir(exist_ok=True)
        # JSON is YAML, and PyYAML's base loader reads its null as the text "null".
        (tmp_path / "index.d" / name).write_text(json.dumps({projects: list(entries)}))
        return tmp_path

    return write


def clones(**changes):
    return {(ENTRY["git-url"], "master"): {**CLONE, **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"id": 2**31 - 1},
        {"desired-tag": 7},
        {"depends-on": "centos/centos:7"},
        {"depends-on": ["centos/centos:7", "ccp/tools:master"]},
        {"git-path": "./"},
        {"prebuild-script": "Dockerfile", "prebuild-context": "/"},
    ],
)
def test_the_ci_takes(index, changes):
    assert list(ci_problems(index({**ENTRY, **changes}), clones())) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": 0}, "Missing required field id"),
        ({"id": "1"}, "id field must be an integer."),
        ({"app-id": "zuul"}, "app-id must be the same as the file name ccp.yml, without"),
        ({"job-id": ""}, "Missing required field job-id"),
        ({"job-id": 7}, "job-id field must be a string"),
        ({"git-url": None}, "Missing required field git-url"),
        ({"git-path": ""}, "Missing required field git-path"),
        ({"git-branch": ""}, "Missing required field git-branch"),
        ({"git-branch": 2026.1}, "git-branch field must be a string"),
        ({"target-file": ""}, "Missing required field target-file"),
        ({"notify-email": ""}, "Missing required field notify-email"),
        ({"build-context": ""}, "Missing required field build-context"),
        ({"desired-tag": ""}, "Missing required field desired-tag"),
        ({"prebuild-script": "x"}, "prebuild-context must be a valid string."),
        ({"prebuild-script": "x"}, "Prebuild script is provided, but no prebuild context"),
        (
            {"prebuild-script": "x", "prebuild-context": "/"},
            "Prebuild script does not exist at //x",
        ),
        ({"target-file": "Dockerfile.no"}, "Target File Dockerfile.no does not exist, at the path"),
        ({"git-path": "/sub"}, "Failed to find cccp data at /sub"),
        ({"job-id": "other"}, "job-id does not match value provided in index."),
        ({"git-branch": "none"}, "Failed to clone git repo or checkout git branch"),
    ],
)
def test_the_ci_refuses(index, changes, problem):
    assert problem in "\n".join(ci_problems(index({**ENTRY, **changes}), clones()))


def test_the_ci_wants_what_is_unique_once_in_a_file(index):
    assert list(ci_problems(index(ENTRY, ENTRY))) == ["ccp.yml: The id field must be unique."]
    assert list(ci_problems(index(ENTRY, {**ENTRY, "id": 2}))) == [
        "ccp.yml: The ck app-id, job-id and desired-tag must be unique"
    ]


def test_the_ci_wants_projects_on_top(index):
    wanted = 'ccp.yml: Index data should begin with top level "Projects:"'
    assert list(ci_problems(index(ENTRY, projects="projects"))) == [wanted]
    assert list(ci_problems(index())) == [wanted]


def test_a_file_called_template_is_no_index(index):
    folder = index(ENTRY, name="index_template.yml")
    assert list(ci_problems(folder)) == ["No index files to process."]
    assert read_projects(folder) == ([], [])


def test_the_file_of_the_repository_is_found_in_an_order(index):
    first = clones(**{".cccp.yml": "job-id: other\n"})
    assert list(ci_problems(index(ENTRY), first)) == []
    hidden = {(ENTRY["git-url"], "master"): {"Dockerfile": "", ".cccp.yaml": "job-id: base\n"}}
    assert list(ci_problems(index(ENTRY), hidden)) == []
    without = {(ENTRY["git-url"], "master"): {"Dockerfile": "", "cccp.yml": "test-skip: true\n"}}
    (problem,) = ci_problems(index(ENTRY), without)
    assert problem == "ccp.yml: job-id must be present in the cccp yaml file"


def test_a_child_waits_for_its_parent(index):
    folder = index(ENTRY, CHILD)
    (base, tools), problems = read_projects(folder)
    assert problems == []
    assert (base.name, base.image, base.depends_on) == ("ccp-base-master", "ccp/base:master", ())
    assert tools.depends_on == ("pipeline-ccp-base-master",)
    assert list(silent_problems(folder)) == []


@pytest.mark.parametrize(
    ("parent", "child", "problem"),
    [
        (
            {"desired-tag": "2026.1"},
            {"depends-on": "ccp/base:2026.1"},
            "ccp-tools-master waits for pipeline-ccp-base-2026-1, which never runs",
        ),
        (
            {"desired-tag": "Master"},
            {"depends-on": "ccp/base:Master"},
            "ccp-tools-master waits for pipeline-ccp-base-Master, which never runs",
        ),
        (
            {},
            {"depends-on": "ccp/base"},
            "ccp-tools-master waits for pipeline-ccp-base, which never runs",
        ),
        ({}, {"job-id": "base"}, "ccp-base-master is the name of two pipelines"),
        (
            {"job-id": "a.b"},
            {"job-id": "a-b", "depends-on": None},
            "ccp-a-b-master is the name of two pipelines",
        ),
        (
            {"job-id": "a_b"},
            {"job-id": "a.b", "depends-on": None},
            "ccp-a-b-master is the name of two pipelines",
        ),
        (
            {"desired-tag": "a_b"},
            {"depends-on": None},
            "Error processing index entry base: The pipeline name populated ccp-base-a_b "
            "can't be used in OpenShift",
        ),
        (
            {"notify-email": "A <a@b>"},
            {"depends-on": None},
            "Error processing index entry base: notify-email is no word of a shell: A <a@b>",
        ),
    ],
)
def test_what_nothing_of_the_pipeline_says(index, parent, child, problem):
    assert problem in list(silent_problems(index({**ENTRY, **parent}, {**CHILD, **child})))


def test_an_entry_without_depends_on_is_left_out(index):
    entry = {key: value for key, value in ENTRY.items() if key != "depends-on"}
    folder = index(entry)
    assert list(ci_problems(folder)) == []
    assert read_projects(folder) == ([], ["Error processing index entry base: 'depends-on'"])


def test_the_namespace_library_is_not_in_the_name_of_the_image(index):
    folder = index({**ENTRY, "app-id": "library"}, name="library.yml")
    assert [project.image for project in read_projects(folder)[0]] == ["base:master"]


@pytest.mark.parametrize(
    ("dockerfile", "bases"),
    [
        ("FROM a:1\nRUN x\n", ["a:1"]),
        ("FROM --platform=linux/amd64 a:1\n", ["--platform=linux/amd64"]),
        ("from a:1\n", []),
        ("FROM a:1 AS b\nFROM c:1\n", ["a:1", "c:1"]),
        ("FROM a:1\nRUN cat <<EOF\nFROM here\nEOF\n", ["a:1", "here"]),
    ],
)
def test_the_base_is_the_second_word_of_lines_with_from(dockerfile, bases):
    assert looked_up_bases(dockerfile) == bases
