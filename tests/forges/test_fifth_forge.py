"""A forge is one file and one name in the schema: a copy of distgen that has one more."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from testing.git_server import git_server
from testing.reviews import TOKEN, commit_on, refs

import distgen

PACKAGE = Path(distgen.__file__).parent
FORGE = '''"""Reviews on a server that mails a diff of each branch to people."""

from distgen.forges.addresses import project_path
from distgen.forges.branch import ref_patterns, review_ref
from distgen.forges.forge import Forge
from distgen.forges.records import Review, ReviewOutcome
from distgen.forges.refs import RefUpdate, push_ref


def find_reviews(context, subject, refs):
    ref = review_ref(subject.stream)
    return [Review(refs[ref], ref, "diff", state="unknown")] if ref in refs else []


def submit(context, change, proposal, review):
    if review and review.commit == change.commit:
        return ReviewOutcome("unchanged", "nothing to mail")
    expected = review.commit if review else ""
    push_ref(context, RefUpdate(change.commit, review_ref(change.stream), expected))
    return ReviewOutcome("updated" if review else "created", f"mailed: {proposal.title}")


def withdraw(context, review):
    push_ref(context, RefUpdate("", review.ref, review.commit))
    return ReviewOutcome("retired", "nothing is left to mail")


FORGE = Forge(
    text_limit=1000,
    token_user="postman",
    creation_hint=lambda place: f"mailer init {project_path(place)}",
    ref_patterns=ref_patterns,
    find_reviews=find_reviews,
    submit=submit,
    withdraw=withdraw,
)
'''
TREE = {
    "templates/app/template.yaml": "description: A program\nvalues: {}\n",
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n",
    "overlays/ns/namespace.yaml": """
        registry: registry.example.org/ns
        streams: {master: {branch: master}}
        """,
    "overlays/ns/app.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
}


@pytest.fixture
def fifth(tmp_path):
    """A copy of the package with a file more, and a name more in the schema of `dist_git`."""
    library = tmp_path / "library"
    copy = library / "distgen"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "forges" / "mailer.py").write_text(FORGE)
    path = copy / "schema" / "json" / "dist_git.json"
    schema = json.loads(path.read_text())
    schema["properties"]["forge"]["enum"].append("mailer")
    path.write_text(json.dumps(schema))
    return library


@pytest.fixture
def run(fifth, tmp_path):
    def run(*words, **environment):
        process = subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PYTHONPATH": str(fifth),
                **environment,
            },
            check=False,
        )
        assert "Traceback" not in process.stderr
        return process

    return run


@pytest.fixture
def server(tmp_path):
    with git_server(tmp_path / "srv", {"postman": TOKEN}) as server:
        yield server


def test_one_file_and_one_name_make_a_forge_to_propose_on(fifth, run, server, catalogue):
    where = run("-c", "import distgen; print(distgen.__file__)").stdout
    assert Path(where).parent.parent == fifth
    url = f"{server.url}/{{namespace}}/{{image}}.git"
    dist_git = f"{{url: '{url}', forge: mailer, token_env: MAILER_TOKEN}}"
    root = catalogue({**TREE, "distgen.yaml": f"version: 1\ndist_git: {dist_git}\n"})
    command = ("-m", "distgen", "-C", str(root), "propose", "--allow-dirty", "--format=json")

    missing = json.loads(run(*command, MAILER_TOKEN=TOKEN).stdout)["results"][0]
    assert missing["status"] == "failed"
    assert missing["detail"].endswith("; create it with: mailer init ns/app")

    folder = server.repository("ns/app.git")
    commit_on(folder, "master", {"README": "Made by hand.\n"})
    proposed = json.loads(run(*command, MAILER_TOKEN=TOKEN).stdout)["results"][0]
    assert (proposed["status"], proposed["detail"]) == (
        "created",
        "mailed: ns/app: first publication of stream master",
    )
    assert refs(folder)["refs/heads/distgen/master"] == proposed["commit"]
    second = json.loads(run(*command, MAILER_TOKEN=TOKEN).stdout)["results"][0]
    assert (second["status"], second["detail"]) == ("unchanged", "nothing to mail")


def test_its_name_is_known_wherever_names_of_forges_are_told(run, catalogue):
    root = catalogue({**TREE, "distgen.yaml": "version: 1\n"})
    refused = run("-m", "distgen", "-C", str(root), "propose")
    assert refused.returncode == 2
    assert (
        "set dist_git.forge to github, gitlab, gerrit, forgejo, gitea or mailer" in refused.stderr
    )
    printed = run("-m", "distgen", "schema", "namespace").stdout
    forge = json.loads(printed)["properties"]["dist_git"]["properties"]["forge"]
    assert forge["enum"][-1] == "mailer"


def test_no_other_file_of_the_package_names_a_forge():
    """Formats of reports are called as the systems that read them, whatever the forge."""
    names = ("github", "gitlab", "gerrit", "forgejo", "gitea")
    paths = [
        path
        for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("schema/json/*.json")]
        if not path.stem.startswith(names) and path.stem not in ("dist_git", "lint_reports")
    ]
    quoted = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in paths
        for name in names
        if f'"{name}"' in path.read_text(encoding="utf-8")
    ]
    assert quoted == []
