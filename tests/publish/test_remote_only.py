"""A job that works in a temporary clone publishes nothing into it."""

import pytest
from testing.git_server import git_server
from testing.sites import distgen, save, site


@pytest.fixture
def root(catalogue):
    return site(catalogue, "base")


def refusal(ran):
    return ran.code == 2 and "is a folder on this machine, and only servers are allowed" in ran.err


def test_a_folder_is_refused_before_anything_is_written(root):
    assert refusal(distgen(root, "publish", "--remote-only"))
    assert refusal(distgen(root, "publish", "--remote-only", "--dry-run"))
    assert not (root / "dist-git").exists()


@pytest.mark.parametrize("path", ["distgen.yaml", "overlays/ns/namespace.yaml"])
def test_a_catalogue_may_say_so_for_all_runs(root, path):
    text = (root / path).read_text()
    (root / path).write_text(f"{text}dist_git: {{remote_only: true}}\n")
    save(root)
    assert refusal(distgen(root, "publish"))
    assert refusal(distgen(root, "status"))
    assert not (root / "dist-git").exists()


def test_servers_are_published_to(root, tmp_path):
    with git_server(tmp_path / "served") as server:
        server.repository("ns/base.git")
        (root / "distgen.yaml").write_text(
            f"version: 1\ndist_git: {{url: '{server.url}/{{namespace}}/{{image}}.git'}}\n"
        )
        save(root)
        ran = distgen(root, "publish", "--remote-only", "--format", "json")
        assert (ran.code, ran.statuses) == (0, {"ns/base@main": "created"})
