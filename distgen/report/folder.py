"""Write a report into a folder that is empty or holds one: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from distgen.errors import InputError
from distgen.output.files import explain_os_errors, remove_path
from distgen.report.listing import LISTING, listed_files


def refuse_foreign_files(folder: Path) -> None:
    """Raise InputError where a folder holds anything but a report of ours."""
    with explain_os_errors(folder):
        if not folder.exists():
            return
        names = {path.name for path in folder.iterdir()}
        listing = folder / LISTING
        content = listing.read_bytes() if listing.is_file() else b""
    foreign = sorted(names - listed_files(content))
    if foreign:
        raise InputError(
            f"{foreign[0]} in it is not of a report",
            where=folder,
            hint="name an empty or a new folder, or that of an earlier report",
        )


def write_report(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write the files beside the folder, then put them in its place by rename."""
    refuse_foreign_files(folder)
    target = folder.resolve()
    stage, former = (target.with_name(f".{target.name}.{word}") for word in ("new", "old"))
    with explain_os_errors(folder):
        try:
            remove_path(stage)  # of a run that was killed
            stage.mkdir(parents=True)
            for name, content in files:
                (stage / name).write_bytes(content)
            if target.exists():
                remove_path(former)
                target.rename(former)
            stage.rename(target)
        finally:
            if not target.exists() and former.exists():
                former.rename(target)
            remove_path(former)
            remove_path(stage)
