"""Dockerfiles are told from other files by their names, everywhere in the same way."""

import pytest

from distgen.dockerfile.filename import is_dockerfile


@pytest.mark.parametrize(
    "path",
    [
        *("Dockerfile", "Containerfile", "a/b/Dockerfile.dev", "Containerfile.x86_64"),
        *("web.Dockerfile", "web.dockerfile", "a.b.Containerfile", "sub/web.containerfile"),
    ],
)
def test_dockerfiles(path):
    assert is_dockerfile(path)


@pytest.mark.parametrize(
    "path",
    [
        *("Dockerfiles.md", "Dockerfile.md", "notDockerfile", "Dockerfile-notes", "dockerfile.py"),
        *("Dockerfile.dockerignore", "Containerfile.containerignore", ".dockerignore"),
        *("Dockerfile.j2", "Dockerfile/start.sh", "Dockerfile.d/README", "", "Dockerfile.", ".x"),
    ],
)
def test_other_files(path):
    assert not is_dockerfile(path)
