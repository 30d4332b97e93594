"""Turn the bases and sources of two manifests into statements: what moved, what lost its pin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from distgen.model.published import Manifest, Statement
from distgen.model.reference import split_reference
from distgen.text.line_matcher import LineMatcher

Bases = Mapping[str, str | None]
Source = Mapping[str, str | None]
Sources = Mapping[str, Source]

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ?)?")
_IDENTITY = re.compile(r"(?:sha256:)?[0-9a-f]{40,}")
_ReadLines = Callable[[Sequence[str], Mapping[str, str]], list[str]]


@dataclass(frozen=True, slots=True)
class Aliases:
    """Names of what moved, by side: each stands for the same base, digest, commit or version.

    A text that only follows a new base or source is equal on both sides once its names are
    replaced. The values never stand in a text.
    """

    old: Mapping[str, str]
    new: Mapping[str, str]
    has_source: bool = False

    def old_text(self, text: str) -> str:
        return _replace_names(text, self.old)

    def new_text(self, text: str) -> str:
        return _replace_names(text, self.new)

    def lines_agree(self, old: Sequence[str], new: Sequence[str]) -> bool:
        """Tell whether lines differ only by names of what moved.

        A branch may be called as a tag of the image, which moves nowhere: lines that are equal
        count as they are.
        """
        return self._agree(old, new, self._replace_all_names)

    def documents_agree(self, old: str, new: str) -> bool:
        """Tell whether two texts for readers differ only in lines that name what moved."""
        return self._agree(old.split("\n"), new.split("\n"), self._without_names_and_dates)

    def _agree(self, old: Sequence[str], new: Sequence[str], read: _ReadLines) -> bool:
        if read(old, self.old) == read(new, self.new):
            return True
        if not self.old and not self.new:
            return False
        return all(
            read(old[old_start:old_end], self.old) == read(new[new_start:new_end], self.new)
            for tag, old_start, old_end, new_start, new_end in LineMatcher(old, new).get_opcodes()
            if tag != "equal"
        )

    @staticmethod
    def _replace_all_names(lines: Sequence[str], names: Mapping[str, str]) -> list[str]:
        return [_replace_names(line, names) for line in lines]

    def _without_names_and_dates(self, lines: Sequence[str], names: Mapping[str, str]) -> list[str]:
        # The date of a source stands beside its commit, at times on a line of its own.
        texts = self._replace_all_names(lines, names)
        return [self.without_dates(text) for text in texts if "\0" not in text]

    def without_dates(self, text: str) -> str:
        """Return a text without what a new commit of a source changes along with itself."""
        return _DATE.sub("", text) if self.has_source else text


NO_ALIASES = Aliases({}, {})


def pin_statements(old: Manifest, new: Manifest) -> Iterator[Statement]:
    """Yield what changed in the bases and sources of an image."""
    yield from _base_statements(old.bases, new.bases)
    yield from source_statements(old.sources, new.sources)
    yield from _merge_statements(old.sources, new.sources)


def find_aliases(old: Manifest, new: Manifest) -> Aliases:
    """Return the names of the bases and sources that moved."""
    old_names: dict[str, str] = {}
    new_names: dict[str, str] = {}
    for number, (old_base, new_base) in enumerate(_base_pairs(old.bases, new.bases)):
        names, digest = f"\0base{number}\0", f"\0digest{number}\0"
        old_names |= _base_names(old_base, old.bases[old_base], names, digest)
        new_names |= _base_names(new_base, new.bases[new_base], names, digest)
    for name in sorted({*old.sources} & {*new.sources}):
        old_source, new_source = old.sources[name], new.sources[name]
        if _identity(old_source) != _identity(new_source):
            is_pinned = bool(_commit(old_source) and _commit(new_source))
            old_names |= _source_names(name, old_source, is_pinned)
            new_names |= _source_names(name, new_source, is_pinned)
    return Aliases(old_names, new_names, any(_moved_sources(old.sources, new.sources)))


def merge_lines(name: str, source: Source) -> list[str]:
    """Return a line for each change under review that is merged into a source."""
    return [f"merged into source {name}: {change}" for change in _changes(source)]


def with_digest(name: str, digest: str | None) -> str:
    """Return a reference with its digest, shortened."""
    return f"{name}@{shorten_identity(digest)}" if digest else name


def shorten_identity(identity: str | None) -> str:
    """Shorten a digest or a commit to what a person compares."""
    if identity is None:
        return "unpinned"
    kind, colon, digits = identity.rpartition(":")
    is_hex = len(digits) >= 40 and all(letter in "0123456789abcdef" for letter in digits)
    return f"{kind}{colon}{digits[:12]}" if is_hex else identity


def count_things(number: int, noun: str, verb: str) -> str:
    """Return a phrase such as `2 base images updated`; a single base image is not counted."""
    if number == 1:
        return f"{noun} {verb}" if noun == "base image" else f"1 {noun} {verb}"
    return f"{number} {noun}s {verb}"


def _base_statements(old: Bases, new: Bases) -> Iterator[Statement]:
    pairs = _base_pairs(old, new)
    lost = [pair for pair in pairs if old[pair[0]] and not new[pair[1]]]
    if lost:
        lines = [f"base image no longer pinned: {_describe_loss(pair, old)}" for pair in lost]
        phrase = count_things(len(lost), "base image", "no longer pinned")
        yield Statement("lost pin", phrase, tuple(lines))
    updated = [name for name, new_name in pairs if name == new_name and (name, name) not in lost]
    if updated:
        lines = [
            f"base image {name}: {shorten_identity(old[name])} -> {shorten_identity(new[name])}"
            for name in updated
        ]
        phrase = count_things(len(updated), "base image", "updated")
        yield Statement("base", phrase, tuple(lines))
    changed = [f"base image {name} -> {new_name}" for name, new_name in pairs if name != new_name]
    removed, added = _unpaired_bases(pairs, old, new)
    changed += [f"base image {name} removed" for name in removed]
    changed += [f"base image {with_digest(name, new[name])} added" for name in added]
    if changed:
        is_single = len(changed) == 1 and not removed and not added
        phrase = "base image changed" if is_single else "base images changed"
        yield Statement("base", phrase, tuple(changed))


def _describe_loss(pair: tuple[str, str], old: Bases) -> str:
    old_name, new_name = pair
    digest = shorten_identity(old[old_name])
    return f"{new_name} (was {digest if old_name == new_name else f'{old_name}@{digest}'})"


def _base_pairs(old: Bases, new: Bases) -> list[tuple[str, str]]:
    """Pair each base that changed with what stands in its place: first of the same repository."""
    pairs = [(name, name) for name in sorted({*old} & {*new}) if old[name] != new[name]]
    removed, added = sorted({*old} - {*new}), sorted({*new} - {*old})
    for name in tuple(removed):
        matches = [candidate for candidate in added if _repository(candidate) == _repository(name)]
        if len(matches) == 1:
            pairs.append((name, matches[0]))
            removed.remove(name)
            added.remove(matches[0])
    if len(removed) == len(added) == 1:
        pairs += zip(removed, added, strict=True)
    return pairs


def _unpaired_bases(
    pairs: Iterable[tuple[str, str]], old: Bases, new: Bases
) -> tuple[Sequence[str], Sequence[str]]:
    replaced, replacing = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    return sorted({*old} - {*new} - replaced), sorted({*new} - {*old} - replacing)


def _base_names(name: str, digest: str | None, alias: str, digest_alias: str) -> dict[str, str]:
    """Return all that a base is called: with tag and digest, with one of them, its digest alone."""
    repository, tag, _ = split_reference(name)
    tagged = f"{repository}:{tag}" if tag else repository
    names = dict.fromkeys((name, tagged), alias)
    if digest:
        pinned = (f"{name}@{digest}", f"{tagged}@{digest}", f"{repository}@{digest}")
        names |= {**dict.fromkeys(pinned, alias), digest: digest_alias}
    return names


def _repository(reference: str) -> str:
    return split_reference(reference)[0]


def source_statements(old: Sources, new: Sources) -> Iterator[Statement]:
    """Yield what changed in the sources of an image: lost pins, moves, new ones, removed ones."""
    lost = [
        name for name in sorted({*old} & {*new}) if _commit(old[name]) and not _commit(new[name])
    ]
    if lost:
        lines = [
            f"source {name} no longer pinned: {_describe_move(old[name], new[name])}"
            for name in lost
        ]
        yield Statement("lost pin", _name_sources(lost, "no longer pinned"), tuple(lines))
    updated = [name for name in _moved_sources(old, new) if name not in lost]
    if updated:
        lines = [f"source {name}: {_describe_move(old[name], new[name])}" for name in updated]
        yield Statement("source", _name_sources(updated, "updated"), tuple(lines))
    for verb, names in (("added", {*new} - {*old}), ("removed", {*old} - {*new})):
        if names:
            lines = [f"source {name} {verb}" for name in sorted(names)]
            yield Statement("source", _name_sources(sorted(names), verb), tuple(lines))


def _merge_statements(old: Sources, new: Sources) -> Iterator[Statement]:
    # Their order counts, so all are named where one is another.
    names = [name for name in sorted(new) if _changes(old.get(name, {})) != _changes(new[name])]
    merged = [line for name in names for line in merge_lines(name, new[name])]
    if merged:
        yield Statement("source", count_things(len(merged), "change", "merged in"), tuple(merged))
    plain = [
        f"source {name} without changes merged in" for name in names if not _changes(new[name])
    ]
    if plain:
        yield Statement("source", _name_sources(names, "without changes"), tuple(plain))


def _changes(source: Source) -> list[str]:
    return (source.get("changes") or "").split()


def _name_sources(names: Sequence[str], verb: str) -> str:
    return f"source {names[0]} {verb}" if len(names) == 1 else f"{len(names)} sources {verb}"


def _moved_sources(old: Sources, new: Sources) -> list[str]:
    return [
        name for name in sorted({*old} & {*new}) if _identity(old[name]) != _identity(new[name])
    ]


def _identity(source: Source) -> tuple[str | None, ...]:
    return source.get("git"), source.get("ref"), _commit(source)


def _commit(source: Source) -> str | None:
    """Return the commit that a source is pinned to, by the lock or by its own ref."""
    ref = source.get("ref") or ""
    return source.get("commit") or (ref if _IDENTITY.fullmatch(ref) else None)


def _describe_move(old: Source, new: Source) -> str:
    """Return what a source was and is, address and ref only where they differ."""
    keys = [key for key in ("git", "ref") if old.get(key) != new.get(key)]
    return f"{_describe_source(old, keys)} -> {_describe_source(new, keys)}"


def _describe_source(source: Source, keys: Iterable[str]) -> str:
    words = {key: shorten_identity(source.get(key) or "") for key in keys}
    words["commit"] = shorten_identity(source.get("commit") or source.get("ref") or "")
    return " at ".join(dict.fromkeys(filter(None, words.values())))


def _source_names(name: str, source: Source, is_pinned: bool) -> dict[str, str]:
    """Return what a source is called; where one side has no commit, its ref stands for that."""
    parts = {key: source.get(key) for key in ("git", "version", "ref", "commit")}
    aliases = {key: f"\0{key} {name}\0" for key in parts}
    if not is_pinned:
        aliases["ref"] = aliases["commit"] = "\0ref\0"  # several sources may have one ref
    return {text: aliases[key] for key, text in parts.items() if text}


def _replace_names(text: str, aliases: Mapping[str, str]) -> str:
    names = sorted((name for name in aliases if name in text), key=len, reverse=True)
    if not names:
        return text
    pattern = "|".join(_whole_name(name) for name in names)
    return re.sub(pattern, lambda match: aliases[match[0]], text)


def _whole_name(name: str) -> str:
    """Return a pattern of a name: `main` is not meant by `maintainer`, a digest is everywhere."""
    if _IDENTITY.fullmatch(name):
        return re.escape(name)
    return rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)"
