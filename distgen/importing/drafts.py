"""Turn the build context of an image into what its overlay will say; refuse what cannot be kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from distgen.catalogue.verbatim import kept_path, link_problem, verbatim_folder
from distgen.dockerfile.filename import DOCKERFILE
from distgen.errors import DistgenError, InputError
from distgen.git.objects import SUBMODULE_MODE
from distgen.importing.parents import label_texts, read_parents
from distgen.importing.records import ImageContext, ImageDraft, KeptFile
from distgen.model.rendered import File
from distgen.model.words import EXECUTABLE, SYMLINK
from distgen.render.paths import check_links, check_paths
from distgen.schema.formats import format_problem

MOST_BYTES = 100 * 2**20
"""What a file may have that a catalogue reads."""
_LONGEST_NAME = 255
_LONGEST_DESCRIPTION = 200
_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_DESCRIPTIONS = (
    *("org.opencontainers.image.description", "org.label-schema.description"),
    *("io.k8s.description", "description", "summary", "org.opencontainers.image.title"),
)
_READMES = ("README.md", "README.rst", "README", "README.txt", "readme.md")
_HEADING = re.compile(r"^(?:#+\s*)?(\w.*?)\s*#*$")


def draft_image(context: ImageContext) -> ImageDraft:
    """Return the draft of an image; raise DistgenError for files that no catalogue can keep."""
    if problem := format_problem("name", context.name):
        raise DistgenError(
            f"the name `{context.name}` {problem}",
            where=context.place,
            hint=f"choose another one with --name '{context.name}=NEW'",
        )
    for files in context.trees.values():
        _refuse_tree(files, context)
    parents = {
        stream: read_parents(_dockerfile(files, context), _place(context))
        for stream, files in context.trees.items()
    }
    description = next(iter(filter(None, map(_description, context.trees.values()))), "")
    return ImageDraft(context.place, context.name, description, parents, context.notes, context.url)


def _refuse_tree(files: Sequence[File], context: ImageContext) -> None:
    for file in files:
        if problem := _file_problem(file):
            raise DistgenError(f"{file.path!a} {problem}", where=context.place)
    try:
        check_paths((file.path for file in files), context.name)
        links = (file for file in files if file.mode == SYMLINK)
        check_links({file.path: file.content.decode() for file in links}, context.name)
    except InputError as error:
        raise DistgenError(error.problem, where=context.place, hint=error.hint) from None


def _file_problem(file: File) -> str:
    """Say why a catalogue cannot keep a file, and what to do; "" where it can."""
    parts = file.path.split("/")
    stored_path = kept_path(file.path, file.mode == SYMLINK)
    if file.mode == SUBMODULE_MODE:
        return "is a submodule; put its files into the repository, or make it a source"
    if not _is_text(file.path):
        return "has a name that is not UTF-8; rename it"
    if not file.path.isprintable() or "\\" in file.path:
        return "is not a name that each system can write; rename it"
    if any(len(part.encode("utf-8")) > _LONGEST_NAME for part in stored_path.split("/")):
        return "has too long a name; rename it"
    if len(file.content) > MOST_BYTES:
        return f"is larger than {MOST_BYTES // 2**20} MiB; let the build download it"
    if file.content.startswith(_LFS) and len(file.content) < 1024:
        return "is a pointer of Git LFS, and its content is elsewhere; let the build download it"
    if file.mode == SYMLINK and (problem := link_problem(file.path, file.content)):
        return f"is a symbolic link that {problem}; copy what it leads to"
    if file.path == DOCKERFILE and file.mode == SYMLINK:
        return f"is a symbolic link; name what it leads to with --dockerfile, {_quote(file)}"
    return "is a repository of git" if ".git" in map(str.lower, parts) else ""


def _quote(file: File) -> str:
    return f"`{file.content.decode('utf-8')}`"


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _dockerfile(files: Iterable[File], context: ImageContext) -> str:
    content = next((file.content for file in files if file.path == DOCKERFILE), b"")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DistgenError("is not UTF-8 text", where=f"{_place(context)}:{line}") from None


def _place(context: ImageContext) -> str:
    return f"{context.place.rstrip('/')}/{context.dockerfile}"


def _description(files: Iterable[File]) -> str:
    """Return what labels or the README say of an image, in one line; "" where neither does."""
    contents = {file.path: file.content for file in files if file.mode != SYMLINK}
    labels = label_texts(contents[DOCKERFILE].decode("utf-8-sig"))
    texts = [labels[key] for key in _DESCRIPTIONS if key in labels]
    for path in _READMES:
        lines = contents.get(path, b"")[:4096].decode("utf-8", "replace").splitlines()
        texts += [match[1] for line in lines[:20] if (match := _HEADING.match(line.strip()))]
    plain = (" ".join(text.split()) for text in texts)
    return next((text for text in plain if text and _fits(text)), "")


def _fits(text: str) -> bool:
    return len(text) <= _LONGEST_DESCRIPTION and text.isprintable()


def kept_files(trees: Mapping[str, tuple[File, ...]]) -> tuple[KeptFile, ...]:
    """Return the files of an image's streams as its folder keeps them.

    What all streams have alike is kept once, the rest in a folder of each stream.
    """
    versions = [{file.path: file for file in files} for files in trees.values()]
    first = versions[0] if versions else {}
    common = {
        path
        for path, file in first.items()
        if all(version.get(path) == file for version in versions[1:])
    }
    stored_files = [_kept_file("", file) for path, file in first.items() if path in common]
    for stream, files in trees.items():
        stored_files += (_kept_file(stream, file) for file in files if file.path not in common)
    return tuple(stored_files)


def _kept_file(stream: str, file: File) -> KeptFile:
    path = kept_path(file.path, file.mode == SYMLINK)
    return KeptFile(f"{verbatim_folder(stream)}/{path}", file.content, file.mode == EXECUTABLE)
