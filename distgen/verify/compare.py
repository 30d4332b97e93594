"""Compare the files of a published commit with those that distgen generates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from distgen.errors import DistgenError
from distgen.git.objects import SUBMODULE_MODE, blob_id
from distgen.lint.build_context import build_inputs
from distgen.model.published import Edit, TreeEntry
from distgen.model.rendered import File
from distgen.model.words import MANIFEST
from distgen.render.manifest import parse_manifest
from distgen.text.diff import diff_file

_MOST_DIFFED = 1024 * 1024
ReadEntry = Callable[[TreeEntry], bytes]
"""Returns the content of a file of the commit."""


def list_edits(
    generated: Mapping[str, File], entries: Mapping[str, TreeEntry], read: ReadEntry
) -> tuple[Edit, ...]:
    """Return how the files of a commit differ from what distgen generates."""
    edits = _edits_of_generated(generated, entries, read)
    return (*edits, *unmanaged_build_inputs(generated, entries, read))


def unmanaged_build_inputs(
    generated: Mapping[str, File], entries: Mapping[str, TreeEntry], read: ReadEntry
) -> tuple[Edit, ...]:
    """Return the files that distgen does not generate, and that change what is built."""
    # A build reads more than Dockerfiles: a .dockerignore, or all that a COPY of a folder takes.
    paths = build_inputs(generated, unmanaged_paths(generated, entries))
    contents = {path: _content(entries[path], read) for path in paths}
    return tuple(
        Edit(path, "added", _bounded_diff(path, None, content), None, content)
        for path, content in contents.items()
    )


def unmanaged_paths(generated: Iterable[str], paths: Iterable[str]) -> tuple[str, ...]:
    """Return those paths that distgen does not generate."""
    return tuple(sorted({*paths} - {*generated, MANIFEST}))


def is_same_manifest(manifest: bytes, other_manifest: bytes) -> bool:
    """Say whether two manifests list the same files; remembered texts do not count."""
    if manifest == other_manifest:
        return True
    try:
        first, second = (
            replace(parse_manifest(content), merge_bases={})
            for content in (manifest, other_manifest)
        )
    except DistgenError:
        return False
    return first == second


def is_kept(edit: Edit, generated: Mapping[str, File], entries: Mapping[str, TreeEntry]) -> bool:
    """Say whether a downstream edit is still in a commit that distgen made after it."""
    file, entry = generated.get(edit.path), entries.get(edit.path)
    return entry != (TreeEntry(file.mode, blob_id(file.content)) if file else None)


def _edits_of_generated(
    generated: Mapping[str, File], entries: Mapping[str, TreeEntry], read: ReadEntry
) -> Iterator[Edit]:
    for path, file in sorted(generated.items()):
        entry = entries.get(path)
        if entry == TreeEntry(file.mode, blob_id(file.content)):
            continue
        if entry is None:
            yield Edit(path, "deleted", diff_file(path, file.content, None), file.content, None)
            continue
        content = _content(entry, read)
        if path == MANIFEST and entry.mode == file.mode and is_same_manifest(content, file.content):
            continue
        if content == file.content:
            modes = f"old mode {file.mode:o}\nnew mode {entry.mode:o}\n"
            yield Edit(path, "mode", modes, file.content, content)
        else:
            diff = _bounded_diff(path, file.content, content)
            yield Edit(path, "modified", diff, file.content, content)


def _content(entry: TreeEntry, read: ReadEntry) -> bytes:
    return b"" if entry.mode == SUBMODULE_MODE else read(entry)


def _bounded_diff(path: str, old: bytes | None, new: bytes) -> str:
    # A file may be made for no other purpose than to keep its diff busy for hours.
    return (
        diff_file(path, old, new)
        if len(new) <= _MOST_DIFFED
        else f"{path} has {len(new)} bytes now\n"
    )
