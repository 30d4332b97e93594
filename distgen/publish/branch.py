"""Turn a branch of a dist-git repository into what a plan compares: tree, manifest, edits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.commits import parse_commit
from distgen.git.objects import SUBMODULE_MODE, blob_id
from distgen.git.run import run
from distgen.git.trees import root_tree, walk_tree
from distgen.model.published import BranchState, GeneratedFile, Manifest, TreeEntry
from distgen.model.rendered import File
from distgen.model.words import MANIFEST, REGULAR
from distgen.publish.retirement import RETIRED, parse_retirement_note
from distgen.render.manifest import parse_manifest

_MOST_COMMITS = 1000


def list_files(reader: ObjectReader, commit: str) -> dict[str, TreeEntry]:
    """Return the files of a commit by path."""
    return dict(walk_tree(reader, root_tree(reader, commit)))


def read_file(reader: ObjectReader, entry: TreeEntry) -> bytes:
    """Return the bytes of a file."""
    blob = reader.read(entry.blob)
    if blob is None:
        raise DistgenError(f"file {entry.blob} is not there", where=reader.folder)
    return blob.content


def read_manifest(reader: ObjectReader, commit: str) -> Manifest | None:
    """Return the manifest of a commit, None where distgen wrote none."""
    return read_manifest_and_files(reader, commit)[0]


def read_manifest_and_files(
    reader: ObjectReader, commit: str
) -> tuple[Manifest | None, dict[str, TreeEntry]]:
    """Return the manifest of a commit, None where distgen wrote none, and its files by path."""
    entries = list_files(reader, commit)
    return _parse_manifest(reader, entries)[0], entries


def edited_paths(
    reader: ObjectReader, manifest: Manifest, entries: Mapping[str, TreeEntry]
) -> Iterator[str]:
    """Yield the paths of generated files that are not as the manifest says."""
    for path, file in manifest.files.items():
        entry = entries.get(path)
        content = read_file(reader, entry) if entry and entry.mode == file.mode else None
        if content is None or hashlib.sha256(content).hexdigest() != file.sha256:
            yield path


def read_retirement(reader: ObjectReader, commit: str) -> tuple[str, str] | None:
    """Return the image and the stream that a commit retired, None where it did not."""
    note = reader.read(f"{commit}:{RETIRED}")
    return parse_retirement_note(note.content) if note else None


def read_branch(
    reader: ObjectReader, commit: str, new: Mapping[str, File], key: str
) -> BranchState:
    """Read what a plan needs to know of a branch to bring it to `new`.

    `key` is the image and stream that the branch is for.
    """
    tree = root_tree(reader, commit)
    entries = dict(walk_tree(reader, tree))
    manifest, problem = _parse_manifest(reader, entries)
    manifest_commit, manifest_change = commit, ""
    if problem or (manifest and manifest.key != key):
        manifest_change = _last_change(reader, commit)
    elif manifest is None and (deletion := _find_deletion(reader, commit, key)):
        manifest, manifest_commit, manifest_change = deletion
    last_files = manifest.files if manifest else {}
    content = {
        path: read_file(reader, entries[path])
        for path in sorted({*new, *last_files, RETIRED} & {*entries})
        if entries[path].mode != SUBMODULE_MODE and not _is_up_to_date(new.get(path), entries[path])
    }
    merge_bases = manifest.merge_bases if manifest else {}
    publication = cache(lambda: _publication(reader, manifest_commit))
    generated = {
        path: _merge_base(
            reader, (commit, publication), path, merge_bases.get(path), (new.get(path), last)
        )
        for path, last in last_files.items()
        if _is_edited(entries.get(path), content.get(path), new.get(path), last)
    }
    return BranchState(
        commit, tree, entries, manifest, content, generated, problem, manifest_change
    )


def _find_deletion(reader: ObjectReader, commit: str, key: str) -> tuple[Manifest, str, str] | None:
    """Return the manifest that a packager deleted, the last commit with it, and the first without.

    It is None where there was none, where the image was retired, and for the manifest of another
    image: such a branch was handed over.
    """
    deletion = _last_change(reader, commit)
    item = reader.read(deletion) if deletion else None
    if item is None or read_retirement(reader, deletion) is not None:
        return None
    parents = parse_commit(item.content).parents
    if not parents or reader.read(parents[0]) is None:
        return None
    manifest = read_manifest(reader, parents[0])
    return (manifest, parents[0], deletion) if manifest and manifest.key == key else None


def _last_change(reader: ObjectReader, commit: str) -> str:
    """Return the commit that made the manifest of a branch what it is, "" where there was none.

    A merge counts, not what it merged: that commit is of another branch.
    """
    words = ("--first-parent", "--max-count=1", commit, "--", MANIFEST)
    outcome = run(reader.git, "rev-list", *words, folder=reader.folder)
    return outcome.output.decode("ascii").strip()


def _parse_manifest(
    reader: ObjectReader, entries: Mapping[str, TreeEntry]
) -> tuple[Manifest | None, str]:
    """Return the manifest among files, or why there is none that can be trusted."""
    entry = entries.get(MANIFEST)
    if entry is None:
        is_folder = any(path.startswith(f"{MANIFEST}/") for path in entries)
        return None, f"{MANIFEST} is a folder" if is_folder else ""
    if entry.mode != REGULAR:
        return None, f"{MANIFEST} is not a plain file"
    try:
        return parse_manifest(read_file(reader, entry)), ""
    except DistgenError as error:
        return None, str(error)


def _is_up_to_date(new: File | None, entry: TreeEntry) -> bool:
    return new is not None and entry == TreeEntry(new.mode, blob_id(new.content))


def _is_edited(
    entry: TreeEntry | None, content: bytes | None, new: File | None, last: GeneratedFile
) -> bool:
    if entry is None:
        return new is not None
    return content is not None and hashlib.sha256(content).hexdigest() != last.sha256


def _merge_base(
    reader: ObjectReader,
    span: tuple[str, Callable[[], str]],
    path: str,
    recorded: bytes | None,
    versions: tuple[File | None, GeneratedFile],
) -> bytes | None:
    """Return the generated text below an edit.

    `span` is the tip of the branch and what finds its last publication, `versions` the file as it
    is to be, and as it was last generated.

    It is the new one where the branch had that since its last publication, as it has between an
    adoption and the next publication; else the last one, or the one that the manifest has
    `recorded` for it.
    """
    (commit, publication), (new, last) = span, versions
    if recorded is None and new is not None and new.sha256 == last.sha256:
        return new.content
    # An edit that was adopted stayed an edit otherwise. Only what came after the publication
    # counts: a text from before made our own change a part of the packager's edit.
    if new is not None and new.content in _file_versions(reader, path, commit, f"^{publication()}"):
        return new.content
    if recorded is not None:
        return recorded
    # History is searched, for the text last generated is in no commit once an edit was kept, merged
    # or amended to ours.
    texts = _file_versions(reader, path, commit)
    return next((text for text in texts if hashlib.sha256(text).hexdigest() == last.sha256), None)


def _publication(reader: ObjectReader, commit: str) -> str:
    """Return the commit that wrote the manifest which `commit` has."""
    words = ("--topo-order", "--max-count=1", commit, "--", MANIFEST)
    outcome = run(reader.git, "rev-list", *words, folder=reader.folder)
    return outcome.output.decode("ascii").strip() or commit


def _file_versions(reader: ObjectReader, path: str, *revisions: str) -> Iterator[bytes]:
    """Yield the versions of a file in these revisions, newest first."""
    options = ("--topo-order", "--full-history", f"--max-count={_MOST_COMMITS}")
    outcome = run(reader.git, "rev-list", *options, *revisions, "--", path, folder=reader.folder)
    for revision in outcome.output.decode("ascii").split():
        if blob := reader.read(f"{revision}:{path}"):
            yield blob.content
