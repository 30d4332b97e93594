"""Lead from a line of the catalogue to the page on which its forge shows it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from distgen.model.words import Origin

_SHAPES = (
    ("github", "blob"),
    ("gitlab", "-/blob"),
    *((name, "src/commit") for name in ("opendev.org", "codeberg", "gitea", "forgejo")),
)
"""What stands between a repository and a commit, by a word in the name of the host."""


def catalogue_address(address: str, commit: str, folder: str) -> str:
    """Return where a forge shows the files of a catalogue at a commit, "" where nobody knows.

    `folder` is where the catalogue is in its repository.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    host = parts.hostname or ""
    shape = next((shape for word, shape in _SHAPES if word in host), "")
    if parts.scheme not in ("https", "http") or not shape or not commit:
        return ""
    path = quote(parts.path.rstrip("/").removesuffix(".git"))
    port = f":{parts.port}" if parts.port else ""
    below = f"{quote(folder)}/" if folder else ""
    return f"{parts.scheme}://{host}{port}{path}/{shape}/{commit}/{below}"


def line_address(catalogue: str, origin: Origin) -> str:
    """Return where a line is shown, "" where the catalogue is shown nowhere."""
    if not catalogue or origin.path.startswith(("/", "..")):
        return ""
    return f"{catalogue}{quote(origin.path)}" + (f"#L{origin.line}" if origin.line else "")
