"""What `distgen propose` says to a person, on forges that differ from namespace to namespace."""

import re

import pytest
from testing.git_server import git_server
from testing.review_hooks import install
from testing.reviews import commit_on, git, refs, reviews

pytest_plugins = ["testing.commandline"]

TREE = {
    "templates/plain/template.yaml": "description: Plain\n",
    "templates/plain/Dockerfile.j2": "FROM {{ base.reference }}\n",
}
FORGES = {"forgejo": "team", "gerrit": "review", "gitlab": "lab", "none": "own"}


@pytest.fixture
def lab(tmp_path):
    with git_server(tmp_path / "srv", {}) as server:
        yield server


@pytest.fixture
def folders(lab):
    """The repositories of the namespaces, each as its forge has it."""
    repositories = {}
    for forge, namespace in FORGES.items():
        if forge != "none":
            repositories[namespace] = lab.repository(f"{namespace}/app.git")
            install(repositories[namespace], forge)
            commit_on(repositories[namespace], "master", {"README": "Made by hand.\n"})
    return repositories


@pytest.fixture
def root(catalogue, lab):
    files = dict(TREE)
    for forge, namespace in FORGES.items():
        url = f"{lab.url}/{{namespace}}/{{image}}.git"
        place = f"dist_git: {{url: '{url}', forge: {forge}}}\n" if forge != "none" else ""
        files[f"overlays/{namespace}/namespace.yaml"] = (
            f"registry: quay.io/{namespace}\nstreams: {{master: {{branch: master}}}}\n{place}"
        )
        files[f"overlays/{namespace}/app.yaml"] = image(40)
    return catalogue(files)


def image(version):
    return f"template: plain\nfrom: quay.io/fedora/fedora:{version}\n"


def plain_lines(text):
    """Return the lines of a text, with ID for commits and one blank for many."""
    return [re.sub(r"\b[0-9a-f]{12}\b", "ID", " ".join(line.split())) for line in text.splitlines()]


def test_a_person_follows_reviews_on_three_forges(distgen, root, folders, catalogue, lab):
    address = lab.url

    def propose(*words):
        process = distgen(root, "propose", "--allow-dirty", *words)
        return process.code, plain_lines(process.out), plain_lines(process.err)

    everywhere = ["lab/app", "review/app", "team/app"]
    assert propose("--dry-run") == (
        0,
        [f"created {name}@master ID a review would be opened" for name in everywhere],
        ["1 image has no forge and is left out", "it would be: 3 created"],
    )
    assert not any(reviews(folder) for folder in folders.values())

    merge, change, pull = (
        "http://lab.test/ns/app/-/merge_requests/1",
        "http://review.test/c/ns/app/+/1",
        "http://forge.test/ns/app/pulls/1",
    )
    code, out, _ = propose()
    assert (code, out) == (
        0,
        [
            f"created lab/app@master ID merge request of distgen/master opened {merge}",
            f"created review/app@master ID change opened {change}",
            f"created team/app@master ID pull request #1 opened {pull}",
        ],
    )
    assert propose(*everywhere) == (0, [], ["nothing new to propose for 3 branches"])
    assert propose("lab/app") == (0, [], ["nothing new to propose for 1 branch"])

    catalogue({f"overlays/{name}.yaml": image(41) for name in everywhere})
    code, out, _ = propose()
    assert (code, [line.split()[:2] for line in out]) == (
        0,
        [["updated", f"{name}@master"] for name in everywhere],
    )

    for namespace, ref in (
        ("lab", "refs/heads/distgen/master"),
        ("review", "refs/changes/01/1/2"),
        ("team", "refs/pull/1/head"),
    ):  # a person merges it as it is
        git("update-ref", "refs/heads/master", refs(folders[namespace])[ref],
            folder=folders[namespace])  # fmt: skip
    catalogue({f"overlays/{name}.yaml": image(42) for name in everywhere})
    propose()
    catalogue({f"overlays/{name}.yaml": image(41) for name in everywhere})
    assert propose(*everywhere) == (
        0,
        ["retired lab/app@master ID branch distgen/master deleted, nothing is left to propose"],
        [
            "1 retired, 2 unchanged",
            f"review/app@master: change 2 {address}/c/review/app/+/2 has nothing left to propose; "
            "abandon it, if it is open: gerrit review --abandon 2,1",
            "team/app@master: pull request #1 has nothing left to propose; close it, if it is open",
        ],
    )


def test_a_person_who_pushed_keeps_the_review(distgen, root, folders, catalogue):
    distgen(root, "propose", "--allow-dirty")
    commit_on(folders["lab"], "refs/heads/distgen/master", {"NOTES": "x\n"})
    catalogue({"overlays/lab/app.yaml": image(41)})
    process = distgen(root, "propose", "--allow-dirty", "lab/app", "review/app")
    assert (process.code, plain_lines(process.out), plain_lines(process.err)) == (
        1,
        ["refused lab/app@master branch distgen/master is left alone, "
         "for somebody else pushed ID to it"],
        ["1 refused, 1 unchanged"],
    )  # fmt: skip
