"""Lead from a line of the catalogue to the page on which its forge shows it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from distgen.model.words import Origin


def host_name(address: str) -> str:
    """Return the host of a web address, "" where it is none."""
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("https", "http") and parts.port != 0  # a bad port raises
        return parts.hostname or "" if is_web else ""
    except ValueError:
        return ""


def catalogue_address(address: str, file_path: str, commit: str, folder: str) -> str:
    """Return where a forge shows the files of a catalogue at a commit, "" where that is unknown.

    `file_path` is the forge's; `folder` is where the catalogue is in its repository.
    """
    host = host_name(address)
    if not (host and file_path and commit):
        return ""
    parts = urlsplit(address)
    path = quote(parts.path.rstrip("/").removesuffix(".git"))
    port = f":{parts.port}" if parts.port else ""
    below = f"{quote(folder)}/" if folder else ""
    return f"{parts.scheme}://{host}{port}{path}/{file_path}/{commit}/{below}"


def line_address(catalogue: str, origin: Origin) -> str:
    """Return where a line is shown, "" where the catalogue is shown nowhere."""
    if not catalogue or origin.path.startswith(("/", "..")):
        return ""
    return f"{catalogue}{quote(origin.path)}" + (f"#L{origin.line}" if origin.line else "")
