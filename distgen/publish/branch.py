"""Turn a branch of a dist-git repository into what a plan compares: tree, manifest, edits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from distgen.errors import DistgenError
from distgen.git.cat_file import ObjectReader
from distgen.git.objects import FOLDER_MODE, SUBMODULE_MODE, blob_id, tree_entries
from distgen.git.run import run
from distgen.model.published import BranchState, GeneratedFile, Manifest, TreeEntry
from distgen.model.rendered import File
from distgen.model.words import MANIFEST, REGULAR
from distgen.publish.plan import RETIRED, parse_retirement_note
from distgen.render.manifest import parse

_SEARCHED = 1000
_MOST = 100_000
_LONGEST = 4096
_DEEPEST = 200


def root_tree(reader: ObjectReader, commit: str) -> str:
    """Return the id of the tree of a commit."""
    found = reader.read(commit)
    if found is None or found.kind != "commit":
        raise DistgenError(f"{commit} is not a commit", where=reader.folder)
    return found.content[5:45].decode("ascii")


def list_files(reader: ObjectReader, commit: str) -> dict[str, TreeEntry]:
    """Return the files of a commit by path."""
    return dict(_entries(reader, root_tree(reader, commit)))


def read_file(reader: ObjectReader, entry: TreeEntry) -> bytes:
    """Return the bytes of a file."""
    found = reader.read(entry.blob)
    if found is None:
        raise DistgenError(f"file {entry.blob} is not there", where=reader.folder)
    return found.content


def read_manifest(reader: ObjectReader, commit: str) -> Manifest | None:
    """Return the manifest of a commit, None where distgen wrote none."""
    return _manifest(reader, list_files(reader, commit))[0]


def read_retirement(reader: ObjectReader, commit: str) -> tuple[str, str] | None:
    """Return the image and the stream that a commit retired, None where it did not."""
    note = reader.read(f"{commit}:{RETIRED}")
    return parse_retirement_note(note.content) if note else None


def read_branch(reader: ObjectReader, commit: str, new: Mapping[str, File]) -> BranchState:
    """Read what a plan needs to know of a branch to bring it to `new`."""
    tree = root_tree(reader, commit)
    entries = dict(_entries(reader, tree))
    last, problem = _manifest(reader, entries)
    owned = last.files if last else {}
    content = {
        path: read_file(reader, entries[path])
        for path in sorted({*new, *owned, RETIRED} & {*entries})
        if entries[path].mode != SUBMODULE_MODE and not _is_new(new.get(path), entries[path])
    }
    edited = last.merge_bases if last else {}
    generated = {
        path: _base(_versions(reader, commit, path), edited.get(path), new.get(path), was)
        for path, was in owned.items()
        if _is_edited(entries.get(path), content.get(path), new.get(path), was)
    }
    return BranchState(commit, tree, entries, last, content, generated, problem)


def _entries(reader: ObjectReader, root: str) -> Iterator[tuple[str, TreeEntry]]:
    """Yield the files of a tree by path; a few objects can tell of more than a machine can hold."""
    folders = [("", root)]
    count = 0
    while folders:
        prefix, tree = folders.pop()
        found = reader.read(tree)
        if found is None or found.kind != "tree":
            raise DistgenError(f"tree {tree} is not there", where=reader.folder)
        for mode, name, oid in tree_entries(found.content):
            count, path = count + 1, prefix + name
            if count > _MOST or len(path) > _LONGEST or path.count("/") > _DEEPEST:
                what = f"more than {_MOST} files, or folders more than {_DEEPEST} deep"
                raise DistgenError(f"tree {root} holds {what}", where=reader.folder)
            if mode == FOLDER_MODE:
                folders.append((f"{path}/", oid))
            else:
                yield path, TreeEntry(mode, oid)


def _manifest(
    reader: ObjectReader, entries: Mapping[str, TreeEntry]
) -> tuple[Manifest | None, str]:
    entry = entries.get(MANIFEST)
    if entry is None:
        below = any(path.startswith(f"{MANIFEST}/") for path in entries)
        return None, f"{MANIFEST} is a folder" if below else ""
    if entry.mode != REGULAR:
        return None, f"{MANIFEST} is not a plain file"
    try:
        return parse(read_file(reader, entry)), ""
    except DistgenError as error:
        return None, str(error)


def _is_new(new: File | None, entry: TreeEntry) -> bool:
    return new is not None and entry == TreeEntry(new.mode, blob_id(new.content))


def _is_edited(
    entry: TreeEntry | None, content: bytes | None, new: File | None, last: GeneratedFile
) -> bool:
    if entry is None:
        return new is not None
    return content is not None and hashlib.sha256(content).hexdigest() != last.sha256


def _base(
    versions: Iterator[bytes], remembered: bytes | None, new: File | None, last: GeneratedFile
) -> bytes | None:
    """Return the generated text that an edit stands on; `versions` are those of the branch.

    It is the new one where the branch had that since, as it has between an adoption and the next
    publication; else the last one, or the one that is remembered for it.
    """
    if remembered is None and new is not None and new.sha256 == last.sha256:
        return new.content
    for version in versions:
        if version == remembered or (new is not None and version == new.content):
            return version
        if hashlib.sha256(version).hexdigest() == last.sha256:
            return version
    return remembered


def _versions(reader: ObjectReader, commit: str, path: str) -> Iterator[bytes]:
    """Yield what a file was, newest first."""
    words = ("--topo-order", "--full-history", f"--max-count={_SEARCHED}")
    found = run(reader.git, "rev-list", *words, commit, "--", path, folder=reader.folder)
    for revision in found.output.decode("ascii").split():
        if blob := reader.read(f"{revision}:{path}"):
            yield blob.content
