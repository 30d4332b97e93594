"""Take the words of an image out of a text, so that equal edits of many images look equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from math import prod
from types import MappingProxyType

from distgen.compare.records import EditPattern
from distgen.model.catalogue import Image
from distgen.model.reference import split_reference, untagged_name

# One character for one, so that places in the folded text are those in the text.
_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ_.", "abcdefghijklmnopqrstuvwxyz--")
_RUN = re.compile(r"[a-z0-9]+")
_HASH = {40: "commit", 64: "digest", 128: "digest"}
"""What a run of so many hexadecimal digits is."""
_MOST_PATTERNS = 64
_IMAGES_KEPT = 4096
"""Images whose words are not collected again; those of one take some kilobytes."""
_HEX = frozenset("0123456789abcdef")
_DIGITS = frozenset("0123456789")
_Roles = dict[str, tuple[str, ...]]
"""Folded words of an image, each with what it is; of several roles the first counts."""


@dataclass(frozen=True, slots=True)
class ImageWords:
    """The words of one image by the run of letters that they begin with, longest first."""

    by_first_run: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = field(
        default_factory=dict
    )
    is_ambiguous: bool = False
    """Whether a word has several roles, as the name of `zuul/zuul`."""

    def take_out(self, text: str) -> tuple[EditPattern, tuple[str, ...]]:
        """Return the text as a pattern, and the words that fill it.

        Words are found without regard to case and to `-`, `_` and `.`, also as parts of others.
        """
        folded = text.translate(_FOLD)
        pieces: list[str] = []
        roles: list[str] = []
        words: list[str] = []
        end = 0
        for start, stop, word_roles in self._places(folded):
            pieces.append(text[end:start])
            roles.append(word_roles[0])
            words.append(text[start:stop])
            end = stop
        return EditPattern((*pieces, text[end:]), tuple(roles)), tuple(words)

    def other_patterns(self, text: str) -> Iterator[EditPattern]:
        """Yield the patterns of the text with words in other roles that they have.

        In `zuul-zuul` the first may be the namespace and the second the name.
        """
        pattern, _ = self.take_out(text)
        choices = [roles for _, _, roles in self._places(text.translate(_FOLD))]
        if prod(map(len, choices)) <= _MOST_PATTERNS:
            patterns = (EditPattern(pattern.pieces, roles) for roles in product(*choices))
            yield from (other for other in patterns if other != pattern)
            return
        for word_roles in {*choices}:
            for other in word_roles[1:]:
                roles = (other if roles == word_roles else roles[0] for roles in choices)
                yield EditPattern(pattern.pieces, tuple(roles))

    def _places(self, folded: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        by_first_run = self.by_first_run
        end = 0
        for match in _RUN.finditer(folded):
            run = match[0]
            # Most runs are nobody's word, so a look into a mapping is all they cost.
            if run not in by_first_run and len(run) not in _HASH:
                continue
            start = match.start()
            if start < end:
                continue
            for word, roles in by_first_run.get(run, ()):
                stop = start + len(word)
                if folded.startswith(word, start) and not folded[stop : stop + 1].isalnum():
                    yield start, stop, roles
                    end = stop
                    break
            else:
                if _is_hash(run):
                    end = match.end()
                    yield start, end, (_HASH[len(run)],)


def _is_hash(run: str) -> bool:
    return len(run) in _HASH and _HEX.issuperset(run)


def image_words(
    new: Image | None,
    old: Image | None = None,
    parents: Iterable[Image] = (),
    old_parents: Iterable[Image] = (),
    published_parents: Iterable[str] = (),
) -> ImageWords:
    """Return the words of an image as the new and the old catalogue have it.

    `published_parents` are the references of parents in a repository, whose catalogue is gone.
    """
    new_roles, old_roles = _collect(new, parents), _collect(old, old_parents)
    is_in_both = bool(new_roles and old_roles)
    roles: _Roles = {}
    for word, word_roles in (*new_roles.items(), *old_roles.items()):
        prefix = ""
        if is_in_both and (word in new_roles) != (word in old_roles):
            prefix = "new " if word in new_roles else "old "
        roles.setdefault(word, tuple(prefix + role for role in word_roles))
    published: _Roles = {}
    for reference in published_parents:
        _add_reference(published, reference)
    for word, word_roles in published.items():
        roles.setdefault(word, tuple(f"old {role}" for role in word_roles))
    by_first_run: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for word in sorted(roles, key=len, reverse=True):
        match = _RUN.match(word)
        if match:
            by_first_run.setdefault(match[0], []).append((word, roles[word]))
    return ImageWords(
        {run: tuple(words) for run, words in by_first_run.items()},
        any(len(word_roles) > 1 for word_roles in roles.values()),
    )


def words_by_image(
    new: Iterable[Image],
    old: Iterable[Image] = (),
    published_parents: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> Callable[[str], ImageWords]:
    """Return a function that looks up the words of an image by its key.

    `new` and `old` are all images of the catalogues; `published_parents` are as `image_words` takes
    them, by key: those that the catalogue does not have are not looked at.
    """
    after = {image.key: image for image in new}
    before = {image.key: image for image in old}
    names = {untagged_name(image.reference) for image in after.values()}

    @lru_cache(_IMAGES_KEPT)
    def look_up(key: str) -> ImageWords:
        image, old_image = after.get(key), before.get(key)
        references = published_parents.get(key, ())
        return image_words(
            image,
            old_image,
            _parents(image, after),
            _parents(old_image, before),
            [text for text in references if untagged_name(text) in names],
        )

    return look_up


def _parents(image: Image | None, images: Mapping[str, Image]) -> list[Image]:
    return [images[key] for key in image.parent_keys if key in images] if image else []


def _collect(image: Image | None, parents: Iterable[Image]) -> _Roles:
    roles: _Roles = {}
    if image is None:
        return roles
    _add(roles, "reference", (image.reference, untagged_name(image.reference)))
    _add(roles, "image", (image.full_name, image.key))
    _add_name(roles, "name", image.name)
    _add(roles, "namespace", (image.namespace,))
    _add_stream(roles, image)
    for parent in parents:
        _add(roles, "parent reference", (parent.reference, untagged_name(parent.reference)))
        _add(roles, "parent", (parent.full_name, parent.key))
        _add_name(roles, "parent name", parent.name)
        _add(roles, "namespace", (parent.namespace,))
        _add_stream(roles, parent)
    return roles


def _add_stream(roles: _Roles, image: Image) -> None:
    stream = image.stream
    _add(roles, "stream", (stream.name, stream.branch, *stream.tags))
    _add(roles, "stream", (split_reference(image.reference)[1],))


def _add_reference(roles: _Roles, reference: str) -> None:
    name, tag, _ = split_reference(reference)
    _add(roles, "parent reference", (reference, name))
    _add_name(roles, "parent name", name.rpartition("/")[2])
    _add(roles, "stream", (tag,))


def _add_name(roles: _Roles, role: str, name: str) -> None:
    folded = name.translate(_FOLD)
    _add(roles, role, (folded, folded.replace("-", "")))


def _add(roles: _Roles, role: str, words: Iterable[str]) -> None:
    for word in words:
        folded = word.translate(_FOLD)
        # "1" as a tag is in every line; what it stands for cannot be told from a number.
        if folded and not (len(folded) < 3 and _DIGITS.issuperset(folded)):
            earlier = roles.get(folded, ())
            roles[folded] = earlier if role in earlier else (*earlier, role)
