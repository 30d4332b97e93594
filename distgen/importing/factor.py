"""Turn images whose files are equal but for words into one template and the values of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from distgen.catalogue.template_files import TESTS, is_leftover
from distgen.catalogue.verbatim import kept_path
from distgen.dockerfile.filename import DOCKERFILE
from distgen.importing.records import ImageContext, KeptFile
from distgen.model.rendered import File
from distgen.model.words import ATTRIBUTES, EXECUTABLE, SYMLINK
from distgen.schema.formats import format_problem
from distgen.schema.yaml_writer import dump_yaml

_WORD = re.compile(r"([A-Za-z0-9_.+-]+)")
_MARKS = ("{{", "{%", "{#")
_NAMELESS = "word"
_NO_LETTER = re.compile(r"[^a-z0-9]+")
MOST_VALUES = 20
"""More words that differ are no template, but another image."""


@dataclass(frozen=True, slots=True)
class SharedTemplate:
    """A template for several images: its files, and the values and remaining files of each.

    `files` are below the template's folder; `rest` are the trees that stay with the images.
    """

    name: str
    files: tuple[KeptFile, ...]
    values: Mapping[str, Mapping[str, str]]
    rest: Mapping[str, Mapping[str, tuple[File, ...]]] = field(repr=False)

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(self.values)


@dataclass(frozen=True, slots=True)
class _Split:
    """The text of a file as words, and what stands between them."""

    words: tuple[str, ...]
    gaps: tuple[str, ...]


def share_template(contexts: Iterable[ImageContext], name: str) -> SharedTemplate | None:
    """Return a template for the largest group of images with like Dockerfiles, None without one.

    Only images count that are the same in all their streams.
    """
    groups: dict[tuple[str, ...], list[ImageContext]] = {}
    for context in contexts:
        file = _files(context).get(DOCKERFILE)
        split = _split_words(file) if file and len({*context.trees.values()}) == 1 else None
        if split:
            groups.setdefault(split.gaps, []).append(context)
    largest = max(groups.values(), key=len, default=[])
    return _make_template(largest, name) if len(largest) > 1 else None


def _files(context: ImageContext) -> dict[str, File]:
    return {file.path: file for files in context.trees.values() for file in files}


def _split_words(file: File) -> _Split | None:
    """Return the words of a text that can be a template, None for other files."""
    try:
        text = file.content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\r" in text or "\0" in text or any(mark in text for mark in _MARKS):
        return None
    parts = _WORD.split(text)
    return _Split(tuple(parts[1::2]), tuple(parts[0::2]))


def _make_template(members: Sequence[ImageContext], name: str) -> SharedTemplate | None:
    trees = [_files(member) for member in members]
    shared = {path: _splits(path, trees) for path in _shared_paths(trees)}
    names = _name_values([member.name for member in members], shared)
    if len(names) > MOST_VALUES:
        return None
    values = {
        member.name: {key: words[number] for words, key in names.items() if key != "image.name"}
        for number, member in enumerate(members)
    }
    keys = list(dict.fromkeys(key for key in names.values() if key != "image.name"))
    files = [KeptFile("template.yaml", _template_yaml(members, keys).encode())]
    files += (_template_file(trees[0][path], splits, names) for path, splits in shared.items())
    rest = {
        member.name: {
            stream: tuple(file for file in tree if file.path not in shared)
            for stream, tree in member.trees.items()
        }
        for member in members
    }
    return SharedTemplate(name, tuple(files), values, rest)


def _shared_paths(trees: Sequence[Mapping[str, File]]) -> Iterator[str]:
    """Yield the paths that all trees have, with files that are equal but for words."""
    for path, first in trees[0].items():
        files = [tree[path] for tree in trees if path in tree]
        is_common = len(files) == len(trees) and {file.mode for file in files} == {first.mode}
        if is_common and _is_plain(path, first.mode) and _splits(path, trees) is not None:
            yield path


def _is_plain(path: str, mode: int) -> bool:
    """Tell whether a file can be one of a template under its own name."""
    if mode == SYMLINK or path in (TESTS, ATTRIBUTES, "template.yaml") or "{" in path:
        return False
    parts = path.split("/")
    is_read = not any(map(is_leftover, parts)) and parts[0] != "patches"
    return is_read and kept_path(path, is_link=False) == path and not path.endswith(".j2")


def _splits(path: str, trees: Sequence[Mapping[str, File]]) -> tuple[_Split, ...] | None:
    """Return the words of a file in each tree, () where it is the same in all.

    None where the files differ in more than words.
    """
    files = [tree[path] for tree in trees]
    if len({file.content for file in files}) == 1:
        return ()
    splits = [split for split in map(_split_words, files) if split]
    alike = len(splits) == len(files) and len({split.gaps for split in splits}) == 1
    return tuple(splits) if alike else None


def _name_values(
    images: Sequence[str], shared: Mapping[str, tuple[_Split, ...] | None]
) -> dict[tuple[str, ...], str]:
    """Return a name for each row of words that differ, one word for each image."""
    names: dict[tuple[str, ...], str] = {}
    # What an assignment calls a word is a better name than what stands before it.
    for is_assigned in (True, False):
        for splits in shared.values():
            for number, words in enumerate(_rows(splits or ())):
                if not splits or len({*words}) == 1 or words in names:
                    continue
                if not is_assigned or splits[0].gaps[number].startswith("="):
                    names[words] = _value_name(splits[0], number)
    used_names: set[str] = set()
    for words, name in names.items():
        numbered = (f"{name}_{number}" for number in range(2, len(names) + 2))
        names[words] = next(free for free in (name, *numbered) if free not in used_names)
        used_names.add(names[words])
    return {**names, tuple(images): "image.name"}


def _rows(splits: Sequence[_Split]) -> list[tuple[str, ...]]:
    return list(zip(*(split.words for split in splits), strict=True))


def _value_name(split: _Split, number: int) -> str:
    """Return a name for a word: the nearest one before it in its line that can be a name."""
    while number > 0 and "\n" not in split.gaps[number]:
        number -= 1
        name = _NO_LETTER.sub("_", split.words[number].lower()).strip("_")
        if len(name) > 1 and not format_problem("value-name", name):
            return name
    return _NAMELESS


def _template_yaml(members: Sequence[ImageContext], keys: Iterable[str]) -> str:
    first_names = ", ".join(member.name for member in members[:3])
    more = f" and {len(members) - 3} more" if len(members) > 3 else ""
    values = {key: {"type": "string"} for key in keys}
    data = {"description": f"What {first_names}{more} share", "verbatim": True}
    return dump_yaml({**data, **({"values": values} if values else {})})


def _template_file(
    first: File, splits: tuple[_Split, ...] | None, names: Mapping[tuple[str, ...], str]
) -> KeptFile:
    executable = first.mode == EXECUTABLE
    if not splits:
        return KeptFile(first.path, first.content, executable)
    words = [f"{{{{ {names[row]} }}}}" if len({*row}) > 1 else row[0] for row in _rows(splits)]
    pairs = zip(splits[0].gaps, [*words, ""], strict=True)
    text = "".join(part for pair in pairs for part in pair)
    return KeptFile(f"{first.path}.j2", text.encode(), executable)
