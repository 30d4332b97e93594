"""Tell by the name of a file whether it is a Dockerfile."""

from __future__ import annotations

import re
from functools import lru_cache

DOCKERFILE = "Dockerfile"
"""The file of a tree that its image is built from."""

_NAME = re.compile(
    r"(?:Dockerfile|Containerfile)(?:\.[^/]+)?|[^/]+\.(?:[Dd]ockerfile|[Cc]ontainerfile)"
)
# `docker build` reads Dockerfile.dockerignore beside a Dockerfile; the others are text about one.
_OTHER = (".dockerignore", ".containerignore", ".j2", ".md", ".rst")


@lru_cache(maxsize=4096)
def is_dockerfile(path: str) -> bool:
    """Tell whether a path is of a Dockerfile: `Dockerfile`, `Dockerfile.dev`, `web.Dockerfile`.

    Everything that treats Dockerfiles in a way of its own asks here. When each had an expression
    of its own, the one of commit messages read `Dockerfiles.md` and missed `web.Dockerfile`.
    """
    name = path.rpartition("/")[2]
    return _NAME.fullmatch(name) is not None and not name.endswith(_OTHER)
