"""The tree that kolla-build renders, imported: each image comes out as Kolla wrote it."""

import os
import subprocess
import sys

import pytest
from testing.repositories import rendered_files

pytest_plugins = ["testing.commandline"]
pytest.importorskip("kolla")
pytest.importorskip("docker")


def test_kolla_tree_is_imported_byte_for_byte(distgen, tmp_path):
    work, root = tmp_path / "work", tmp_path / "catalogue"
    for folder in (work / "home", root):
        folder.mkdir(parents=True)
    (root / "distgen.yaml").write_text("version: 1\n")
    words = ("--template-only", "--work-dir", str(work), "--base", "debian")
    subprocess.run(
        [sys.executable, "-m", "kolla.cmd.build", *words],
        check=True,
        capture_output=True,
        env={**os.environ, "HOME": str(work / "home")},
    )
    ran = distgen(root, "import", work / "docker", "--each", "--namespace", "kolla")
    assert (ran.code, "refused" in ran.out) == (0, False)
    expected = {
        f"kolla/{dockerfile.parent.name}@main": {
            str(path.relative_to(dockerfile.parent)): path.read_bytes()
            for path in dockerfile.parent.rglob("*")
            if path.is_file()
        }
        for dockerfile in (work / "docker").rglob("Dockerfile")
    }
    rendered = rendered_files(root, "kolla")
    assert {
        key: {path: content for path, (_, content) in files.items()}
        for key, files in rendered.items()
    } == expected
    overlay = (root / "overlays/kolla/nova-api.yaml").read_text()
    assert "from: kolla/nova-base\n" in overlay
