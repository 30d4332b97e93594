"""What a person sees of each command: its output, its exit code, and what it wrote."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

HERE = Path(__file__).parents[2]
UNPROVEN = (
    "the commits name no commit of the catalogue, so `distgen verify` cannot prove them;"
    " commit the catalogue before you publish, or publish again with --restamp when it is\n"
)
TEMPLATE = """
    description: A program
    values:
      packages: {description: Packages, type: array, items: {type: string}, default: []}
      title: {description: Title, type: string, default: A program}
    """
DOCKERFILE = """
    FROM {{ base.reference }}
    LABEL title={{ title | dq }}
    {% for package in packages %}
    RUN install {{ package }}
    {% endfor %}
    """
NAMESPACE = """
    description: Small images
    registry: registry.example.org/small
    streams:
      main: {branch: main, tags: [main]}
      old: {branch: stable/old, tags: [old], values: {title: An old program}}
    """
SMALL = {
    ".gitignore": "/dist-git/\n/cache/\n",
    "templates/app/template.yaml": TEMPLATE,
    "templates/app/Dockerfile.j2": DOCKERFILE,
    "overlays/small/namespace.yaml": NAMESPACE,
    "overlays/small/base.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
    "overlays/small/tool.yaml": "template: app\nfrom: small/base\nvalues: {packages+: [jq]}\n",
}
GIT = {
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.org",
    "GIT_AUTHOR_DATE": "2024-05-01T12:00:00Z",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.org",
    "GIT_COMMITTER_DATE": "2024-05-01T12:00:00Z",
}


@pytest.fixture
def small(catalogue):
    """A catalogue of two images in two streams, committed to git."""
    root = catalogue(SMALL)
    commit(root, "Begin")
    return root


def git(folder, *words, **more):
    done = subprocess.run(
        ["git", *words], cwd=folder, env={**os.environ, **GIT}, check=True, capture_output=True,
        text=True, **more,
    )  # fmt: skip
    return done.stdout


def commit(root, subject):
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", subject)


def distgen(root, *words, env=None, code=0):
    """Run the command in `root` and return (stdout, stderr); the exit code must be as expected."""
    done = subprocess.run(
        [sys.executable, str(HERE / "distgen_git.py"), *map(str, words)],
        cwd=root,
        env={**os.environ, "XDG_CACHE_HOME": str(root / "cache"), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


# --- every command ---------------------------------------------------------------------------


def test_how_much_is_said_is_taken_after_the_command_too(small):
    plain, said = distgen(small, "publish", "--dry-run")
    assert said
    assert distgen(small, "publish", "--dry-run", "-q") == (plain, "")
    assert distgen(small, "-v", "publish", "--dry-run", "--quiet") == (plain, "")
    assert distgen(small, "-q", "publish", "-v", "--dry-run")[1]
    colored = distgen(small, "publish", "--dry-run", "--color", "always")[0]
    assert "\x1b[" in colored
    assert distgen(small, "--color", "always", "publish", "--dry-run", "--color=never")[0] == plain
    _, err = distgen(small, "publish", "--color", "red", code=2)
    assert "'red' is not one of 'auto', 'always', 'never'" in err
    listed = distgen(small, "list")
    assert distgen(small, "--no-cache", "list") == distgen(small, "list", "--no-cache") == listed
    _, err = distgen(small, "export", "tripleo", "-q", code=2)
    assert "Missing option '--template'" in err


def test_a_folder_that_is_not_there_is_not_a_catalogue_without_settings(small):
    way_out = "name the catalogue with -C DIR, or make one with `distgen init DIR`"
    for name, problem in (
        ("gone", "there is no such folder"),
        ("distgen.yaml", "it is not a folder"),
        ("overlays", "there is no distgen.yaml in it"),
    ):
        _, err = distgen(small, "-C", name, "list", code=2)
        assert err == f"distgen: {name}: {problem}; {way_out}\n"


def test_the_usage_of_schema_keeps_its_words_whole(small):
    out, _ = distgen(small, "schema", "--help", env={"COLUMNS": "80"})
    assert out.splitlines()[0].endswith(" schema [OPTIONS] [KIND]")
    for kind in ("lock-changes", "lock-problems", "results"):
        assert kind in out.replace(",", "").replace(".", "").split()
    _, err = distgen(small, "schema", "imag", code=2)
    assert "Invalid value for '[KIND]': 'imag' is not one of" in err


# --- look ------------------------------------------------------------------------------------


def test_list_shows_images_parents_first(small):
    out, err = distgen(small, "list", "*@main")
    assert out.splitlines() == [
        "IMAGE       STREAM  FROM                         REFERENCE",
        "small/base  main    docker.io/library/debian:12  registry.example.org/small/base:main",
        "small/tool  main    small/base@main              registry.example.org/small/tool:main",
    ]
    assert err == ""


def test_list_as_json_has_the_documented_keys(small):
    out, _ = distgen(small, "list", "small/tool@old", "--format", "json")
    assert json.loads(out) == [
        {
            "image": "small/tool",
            "namespace": "small",
            "name": "tool",
            "stream": "old",
            "branch": "stable/old",
            "template": "app",
            "from": "small/base@old",
            "parents": ["small/base@old"],
            "reference": "registry.example.org/small/tool:old",
            "tags": ["old"],
            "url": "dist-git/small/tool.git",
        }
    ]


def test_list_widens_to_parents_and_dependents(small):
    parents, _ = distgen(small, "list", "small/tool@main", "--with-parents")
    dependents, _ = distgen(small, "list", "small/base@main", "--with-dependents")
    assert parents == dependents != distgen(small, "list", "small/base@main")[0]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("text", "docker.io/library/debian:12\n└─ small/base@main\n   └─ small/tool@main\n"),
        (
            "dot",
            'digraph distgen {\n  rankdir=LR;\n  node [shape=box];\n  "small/base@main";\n'
            '  "small/tool@main";\n  "docker.io/library/debian:12" -> "small/base@main";\n'
            '  "small/base@main" -> "small/tool@main";\n}\n',
        ),
        (
            "mermaid",
            'graph LR\n  n0["docker.io/library/debian:12"]\n  n1["small/base@main"]\n'
            '  n2["small/tool@main"]\n  n0 --> n1\n  n1 --> n2\n',
        ),
    ],
)
def test_graph_draws_who_is_built_from_whom(small, form, expected):
    assert distgen(small, "graph", "--format", form, "*@main")[0] == expected


def test_explain_names_every_line_that_set_a_value(small):
    out, _ = distgen(small, "explain", "small/tool@old", "title")
    assert out.splitlines() == [
        'title: "An old program"',
        '    overlays/small/namespace.yaml:5:51  stream    = "An old program"',
        '    templates/app/template.yaml:4:45    template  = "A program"  (overridden)',
    ]


def test_explain_names_the_template_line_of_a_rendered_line(small):
    out, _ = distgen(small, "explain", "small/tool@main", "Dockerfile:4")
    assert out.splitlines() == [
        "small/tool@main Dockerfile:4: templates/app/Dockerfile.j2:4",
        "  RUN install jq",
    ]


def test_show_prints_everything_merged(small):
    out, _ = distgen(small, "show", "small/tool@main", "--format", "json")
    (shown,) = json.loads(out)
    assert shown["values"] == {"packages": ["jq"], "title": "A program"}


# --- make ------------------------------------------------------------------------------------


def test_render_writes_trees_and_check_sees_a_difference(small):
    distgen(small, "render", "-o", "out")
    assert (small / "out/small/tool/main/Dockerfile").read_text() == (
        "# Generated by distgen from templates/app/Dockerfile.j2 and overlays/small/tool.yaml;"
        " edit those instead.\n"
        "FROM registry.example.org/small/base:main\n"
        'LABEL title="A program"\n'
        "RUN install jq\n"
    )
    distgen(small, "render", "-o", "out", "--check")
    distgen(small, "render", "-o", "out", "--check", "--set", "title=Other", code=1)
    assert "Other" not in (small / "out/small/tool/main/Dockerfile").read_text()


def test_render_removes_what_left_the_catalogue(small):
    distgen(small, "render", "-o", "out")
    (small / "overlays/small/tool.yaml").unlink()
    distgen(small, "render", "-o", "out")
    assert not (small / "out/small/tool").exists()
    assert (small / "out/small/base/main/Dockerfile").exists()


def test_lint_fails_on_errors_only(small):
    out, _ = distgen(small, "lint", "--format", "json")
    assert {finding["code"] for finding in json.loads(out)} >= {"DG101"}
    distgen(small, "lint", "--fail-on", "warning", code=1)


def test_levels_are_coloured_where_somebody_wants_it(small):
    assert "\x1b[33mwarning\x1b[0m DG101" in distgen(small, "--color", "always", "lint")[0]
    assert "\x1b" not in distgen(small, "lint")[0]
    assert "\x1b" not in distgen(small, "--color", "always", "lint", "--format", "json")[0]


@pytest.mark.parametrize("words", [("init", "new"), ("init", "--minimal", "new")])
def test_init_makes_a_catalogue_that_publishes(tmp_path, words):
    distgen(tmp_path, *words)
    distgen(tmp_path, "-C", "new", "lint")
    distgen(tmp_path, "-C", "new", "publish")
    _, err = distgen(tmp_path, "-C", "new", "publish")
    assert err.startswith("nothing changed")


def test_init_leaves_a_folder_with_something_in_it_alone(tmp_path):
    (tmp_path / "note").write_text("mine")
    _, err = distgen(tmp_path, "init", ".", code=2)
    assert err == ("distgen: .: there is something in it already; name an empty or a new folder\n")
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


# --- publish ---------------------------------------------------------------------------------


def test_publish_makes_repositories_that_clone_to_finished_files(small, tmp_path):
    _, err = distgen(small, "publish")
    assert err == "4 created\n"
    git(tmp_path, "clone", "-q", str(small / "dist-git/small/tool.git"), "clone")
    names = sorted(path.name for path in (tmp_path / "clone").iterdir())
    assert names == [".distgen.json", ".git", ".gitattributes", "Dockerfile"]
    branches = git(tmp_path / "clone", "branch", "-r", "--format=%(refname:short)")
    assert "origin/stable/old" in branches


def test_publish_says_that_nothing_changed(small):
    distgen(small, "publish")
    before = git(small / "dist-git/small/tool.git", "rev-parse", "main")
    assert distgen(small, "publish") == (
        "",
        "nothing changed: 4 branches are as the catalogue says\n",
    )
    assert git(small / "dist-git/small/tool.git", "rev-parse", "main") == before


def test_two_machines_make_the_same_commits(small, tmp_path):
    other = tmp_path / "elsewhere"
    git(tmp_path, "clone", "-q", str(small), str(other))
    for root in (small, other):
        distgen(root, "publish", env={"TZ": "Asia/Tokyo"} if root == other else None)
    for name in ("base", "tool"):
        ids = {
            git(root / f"dist-git/small/{name}.git", "rev-parse", "main", "stable/old")
            for root in (small, other)
        }
        assert len(ids) == 1


def test_dry_run_says_what_publish_does_and_writes_nothing(small):
    out, _ = distgen(small, "publish", "--dry-run", "--format", "json")
    assert not (small / "dist-git").exists()
    assert not (small / "cache").exists()
    done, _ = distgen(small, "publish", "--format", "json")
    assert json.loads(out) == json.loads(done)
    assert json.loads(done)["summary"] == {"created": 4}


def test_uncommitted_changes_are_marked_in_local_repositories(small):
    (small / "overlays/small/tool.yaml").write_text("template: app\nfrom: small/base\n")
    distgen(small, "publish")
    message = git(small / "dist-git/small/tool.git", "log", "-1", "--format=%B", "main")
    head = git(small, "rev-parse", "HEAD").strip()
    assert f"Distgen-Source: {head}-dirty" in message.splitlines()


def test_uncommitted_changes_do_not_go_to_servers(small):
    (small / "distgen.yaml").write_text(
        "version: 1\ndist_git: {url: 'git://127.0.0.1:1/{namespace}/{image}.git'}\n"
    )
    _, err = distgen(small, "publish", code=2)
    assert "--allow-dirty" in err


def test_an_incomplete_tree_is_not_published_and_the_rest_goes_on(small):
    (small / "templates/app/Dockerfile.j2").write_text(
        "FROM {{ base.reference }}\n{% if packages %}\nCOPY missing.sh /\n{% endif %}\n"
    )
    out, err = distgen(small, "publish", code=1)
    assert out.splitlines()[2] == (
        "failed   small/tool@main  templates/app/Dockerfile.j2:3: DG106 COPY missing.sh: it is not"
        " in the tree; see `distgen lint small/tool`"
    )
    assert err == f"{UNPROVEN}2 created, 2 failed\n"
    assert not (small / "dist-git/small/tool.git").exists()


@pytest.fixture
def edited(small, tmp_path):
    """A published catalogue, and a packager's clone of small/tool with an edit that was pushed."""
    distgen(small, "publish")
    clone = tmp_path / "packager"
    git(tmp_path, "clone", "-q", str(small / "dist-git/small/tool.git"), str(clone))
    text = (clone / "Dockerfile").read_text()
    (clone / "Dockerfile").write_text(text.replace("install jq", "install jq-static"))
    (clone / "own.txt").write_text("ours\n")
    commit(clone, "Use the static program")
    git(clone, "push", "-q")
    return small


def test_an_edit_is_refused_and_shown_and_the_rest_goes_on(edited):
    (edited / "templates/app/Dockerfile.j2").write_text(
        (edited / "templates/app/Dockerfile.j2").read_text() + 'CMD ["true"]\n'
    )
    commit(edited, "Say what to start")
    out, err = distgen(edited, "publish", code=1)
    assert "refused  small/tool@main" in out
    assert "+RUN install jq-static" in out
    assert err == "3 updated, 1 refused\n"


def test_an_edit_is_merged_on_request(edited):
    overlay = edited / "overlays/small/tool.yaml"
    overlay.write_text(overlay.read_text().replace("small/base", "docker.io/library/debian:12"))
    commit(edited, "Build on the distribution itself")
    distgen(edited, "publish", "--on-edit", "merge")
    text = git(edited / "dist-git/small/tool.git", "show", "main:Dockerfile")
    assert text.splitlines()[1:] == [
        "FROM docker.io/library/debian:12",
        'LABEL title="A program"',
        "RUN install jq-static",
    ]
    assert git(edited / "dist-git/small/tool.git", "show", "main:own.txt") == "ours\n"


def test_status_tells_drift_from_being_behind(edited):
    (edited / "overlays/small/base.yaml").write_text(
        "template: app\nfrom: docker.io/library/debian:13\n"
    )
    out, _ = distgen(edited, "status", "--format", "json")
    assert {f"{r['image']}@{r['stream']}": r["status"] for r in json.loads(out)["results"]} == {
        "small/base@main": "behind",
        "small/base@old": "behind",
        "small/tool@main": "drifted",
        "small/tool@old": "unchanged",
    }


def test_status_fails_where_a_repository_cannot_be_read(small):
    (small / "dist-git/small").mkdir(parents=True)
    (small / "dist-git/small/tool.git").write_text("no repository\n")
    out, err = distgen(small, "status", code=1)
    assert "failed  small/tool@main" in out
    assert "2 failed" in err


def test_diff_shows_what_would_change(small):
    by_image = distgen(small, "diff", "--by", "image", "--exit-code", code=1)[0]
    assert by_image.startswith("small/base@main: ")
    assert distgen(small, "diff", "--exit-code", code=1)[0].startswith("4 images (4 new) change, ")
    distgen(small, "publish")
    unchanged = "nothing changes: 4 images compared; 0 refused\n"
    assert distgen(small, "diff", "--exit-code") == (unchanged, "")
    assert distgen(small, "diff", "--by", "image", "--exit-code") == ("", "")
    distgen(small, "diff", "--set", "small/tool@main:title=Other")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("list", ["list"]),
        ("results", ["publish", "--dry-run"]),
        ("results", ["status"]),
        ("findings", ["lint"]),
        ("changes", ["diff", "--by", "image"]),
        ("diff", ["diff"]),
        ("affected", ["affected", "--since", "@{root}"]),
    ],
)
def test_what_is_printed_as_json_keeps_to_its_schema(small, kind, words):
    printed = json.loads(distgen(small, *words, "--format", "json")[0])
    published = json.loads(distgen(small, "schema", kind)[0])
    jsonschema.validate(printed, published, jsonschema.Draft202012Validator)


def test_reports_of_findings_name_files_from_the_root_of_the_repository(small):
    """The catalogue may be a folder of its repository, and CI systems know files from its root."""
    words = ("lint", "small/base@main", "--format")
    paths = []
    for holder in (small, small.parent):
        if holder != small:
            shutil.move(small / ".git", holder)
        entries = json.loads(distgen(small, *words, "gitlab-codequality")[0])
        cases = ElementTree.fromstring(distgen(small, *words, "junit")[0]).iter("testcase")
        paths.append({entry["location"]["path"] for entry in entries})
        assert paths[-1] == {case.get("file") for case in cases}
    assert "templates/app/Dockerfile.j2" in paths[0]
    assert paths[1] == {f"{small.name}/{path}" for path in paths[0]}


def test_findings_are_reported_in_several_formats_at_once(small, tmp_path):
    words = ("lint", "small/base@main")
    forms = ("text", "json", "sarif", "gitlab-codequality", "junit", "github", "zuul")
    options = [word for form in forms for word in ("--report", f"{form}={tmp_path / form}")]
    text, said = distgen(small, *words, *options)
    assert text == (tmp_path / "text").read_text()
    for form in forms:
        assert distgen(small, *words, "--format", form) == ((tmp_path / form).read_text(), said)


@pytest.mark.parametrize("word", ["sarif", "sarif=", "=x", "html=x"])
def test_a_report_needs_a_format_and_a_file(small, word):
    assert "is not FORMAT=FILE" in distgen(small, "lint", "--report", word, code=2)[1]


def test_a_report_that_cannot_be_written_is_a_sentence(small, tmp_path):
    place = tmp_path / "no" / "x.json"
    said = distgen(small, "lint", "--report", f"json={place}", code=1)[1]
    assert str(place.parent) in said


def test_junit_has_as_failures_what_fails(small):
    words = ("lint", "small/base@main", "--format", "junit", "--fail-on")
    for level, code, failures in (("never", 0, "0"), ("warning", 1, "1")):
        suites = ElementTree.fromstring(distgen(small, *words, level, code=code)[0])
        assert [suite.get("failures") for suite in suites] == [failures]


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["list", "small/tol"], "no image matches `small/tol`; did you mean `small/tool`?"),
        (
            ["list", "--set", "titel=x"],
            "--set titel: no template of the images this reaches takes a value `titel`;"
            " did you mean `title`?",
        ),
        (["explain", "small/tool@main", "titel"], "did you mean"),
        (["explain", "small/tool@main", "Dockerfile:99"], "Dockerfile has 4 lines"),
        (["explain", "small/tool@main", "Dockerfil:1"], "did you mean `Dockerfile`?"),
    ],
)
def test_a_wrong_word_gets_one_sentence(small, words, sentence):
    _, err = distgen(small, *words, code=2)
    assert sentence in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        (
            "templates/app/Dockerfile.j2",
            "FROM {{ base.reference }}\nLABEL a={{ titel | dq }}\n",
            "templates/app/Dockerfile.j2:2: ",
        ),
        (
            "templates/app/Dockerfile.j2",
            "FROM {{ base.reference | upcase }}\n",
            "templates/app/Dockerfile.j2:1: ",
        ),
        (
            "templates/app/Dockerfile.j2",
            "FROM {{ base.reference }}\n{{ self.__init__.__globals__ }}\n",
            "templates/app/Dockerfile.j2:2: ",
        ),
        (
            "templates/app/Dockerfile.j2",
            "{% include '../../../etc/passwd' %}\n",
            "templates/app/Dockerfile.j2:1: ",
        ),
    ],
    ids=["variable", "filter", "sandbox", "outside"],
)
def test_a_wrong_template_is_bad_input_and_publishes_nothing(small, file, text, sentence):
    (small / file).write_text(text)
    out, _ = distgen(small, "publish", code=2)
    assert out.count(sentence) == 4
    assert not (small / "dist-git").exists()
    distgen(small, "publish", "--dry-run", code=2)
    distgen(small, "status", code=2)
    distgen(small, "diff", code=2)


def test_without_git_it_says_so(small):
    _, err = distgen(small, "publish", env={"PATH": str(small)}, code=1)
    assert err == "distgen: git is not on PATH; install git\n"


def test_without_a_catalogue_it_says_how_to_make_one(tmp_path):
    _, err = distgen(tmp_path, "list", code=2)
    assert "distgen init" in err


def test_a_broken_settings_file_is_named_with_its_line(small):
    (small / "distgen.yaml").write_text("version: 1\ndist_git: [\n")
    _, err = distgen(small, "publish", code=2)
    assert err.startswith("distgen: distgen.yaml:")
    assert not (small / "dist-git").exists()


def test_a_wrong_source_date_is_named(catalogue):
    root = catalogue(SMALL)
    _, err = distgen(root, "publish", env={"SOURCE_DATE_EPOCH": "yesterday"}, code=2)
    assert "SOURCE_DATE_EPOCH" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_target_fails_with_its_path(small):
    (small / "dist-git").mkdir(mode=0o500)
    out, _ = distgen(small, "publish", code=1)
    assert "Permission denied" in out


UNPRIVILEGED = () if os.geteuid() else ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [(".", "cannot be read: Permission denied"), ("objects", "the repository cannot be written")],
)
def test_a_repository_that_is_closed_fails_alone(small, spoiled, sentence):
    """One unreadable repository once ended the whole run, without a word on the others."""
    distgen(small, "publish")
    overlay = small / "overlays/small/base.yaml"
    overlay.write_text("template: app\nfrom: docker.io/library/debian:13\n")
    (small / "overlays/small/tool.yaml").write_text("template: app\nfrom: scratch\n")
    place = small / "dist-git/small/tool.git" / spoiled
    closed = [path for path in [place, *place.rglob("*")] if path.is_dir()]
    for path in reversed(closed):  # what lies below first
        path.chmod(0 if spoiled == "." else 0o555)
    done = subprocess.run(
        [*UNPRIVILEGED, sys.executable, str(HERE / "distgen_git.py"), "publish"],
        cwd=small, env={**os.environ, "XDG_CACHE_HOME": str(small / "cache")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for path in closed:
        path.chmod(0o755)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert f"dist-git/small/tool.git: {sentence}" in done.stdout
    assert done.stderr == f"{UNPROVEN}2 updated, 2 failed\n"


def test_a_target_that_holds_something_else_is_left_alone(small):
    (small / "dist-git/small/tool.git").mkdir(parents=True)
    (small / "dist-git/small/tool.git/note").write_text("mine")
    out, err = distgen(small, "publish", code=1)
    assert "not a git repository" in out
    assert err == "2 created, 2 failed\n"
    assert [path.name for path in (small / "dist-git/small/tool.git").iterdir()] == ["note"]


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="needs a mount of its own",
)
@pytest.mark.parametrize("full", ["dist-git", "cache", "out"])
def test_a_full_disk_is_a_sentence_and_leaves_no_half(small, full):
    (small / full).mkdir()
    command = ["render", "-o", "out"] if full == "out" else ["publish"]
    script = (
        f'mount -t tmpfs -o size=8k tmpfs {full} && "$@"; code=$?;'
        f" find {full} -type f -size +0 ! -name distgen-store >&2; exit $code"
    )
    run = [sys.executable, str(HERE / "distgen_git.py"), *command]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *run],
        cwd=small,
        env={**os.environ, "XDG_CACHE_HOME": str(small / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert f"{full}/" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if full != "cache":  # the store may be begun: the next run goes on with it
        assert not [line for line in done.stderr.splitlines() if line.startswith(f"{full}/")]


# --- the command itself ----------------------------------------------------------------------


def test_version_is_that_of_the_package():
    out, _ = distgen(HERE, "--version")
    assert out == distgen(HERE, "-q", "--version")[0] == "distgen 1.0.0\n"


def test_the_other_distgen_is_recognised(tmp_path):
    (tmp_path / "distgen").mkdir()
    (tmp_path / "distgen/__init__.py").write_text("")
    shutil.copy(HERE / "distgen_git.py", tmp_path)
    done = subprocess.run(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-B", "distgen_git.py", "list"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "belongs to another project" in done.stderr


def test_a_reader_that_leaves_is_no_error(small):
    words = shlex.join([sys.executable, str(HERE / "distgen_git.py"), "list"])
    done = subprocess.run(
        f"{words} | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=small,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_of_every_command_is_there():
    out, _ = distgen(HERE, "--help")
    for name in ("list", "explain", "render", "lint", "publish", "status"):
        assert f"\n  {name} " in out
        distgen(HERE, name, "--help")
