"""Turn two versions of a Dockerfile into statements, by stage and by instruction."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from distgen.dockerfile.filename import DOCKERFILE
from distgen.dockerfile.instruction import Instruction
from distgen.dockerfile.parse import (
    Dockerfile,
    key_values,
    package_versions,
    parse,
    run_script,
)
from distgen.model.published import Statement
from distgen.publish.download_statements import download_statements
from distgen.publish.keyed_statements import keyed_lines
from distgen.publish.kinds import instruction_kind
from distgen.publish.pin_statements import Aliases, count_things

_KEYED = {"ENV": ("environment", "environment"), "LABEL": ("label", "labels")}
_ASPECTS = {
    "USER": "user",
    "ENTRYPOINT": "entrypoint",
    "CMD": "command",
    "EXPOSE": "ports",
    "VOLUME": "volumes",
    "WORKDIR": "working folder",
    "HEALTHCHECK": "health check",
    "STOPSIGNAL": "stop signal",
    "SHELL": "shell",
    "ONBUILD": "triggers",
    "ARG": "build arguments",
    "COPY": "copied files",
    "ADD": "added files",
    "MAINTAINER": "maintainer",
}
_INSTALLS = (
    r"(?:DEBIAN_FRONTEND=noninteractive )?apt-get install(?: -y| --no-install-recommends)*",
    r"apk add(?: --no-cache)?",
    r"(?:dnf|microdnf|yum)(?: -y)? install(?: -y)?",
    r"(?:python3 -m )?pip3? install(?: --no-cache-dir| --root-user-action=ignore)*",
)
_TIDY_UPS = (
    r"apt-get (?:update|clean)",
    r"rm -rf /var/lib/apt/lists/\*",
    r"(?:dnf|microdnf|yum) clean all",
)
_COMMAND = f"(?:{'|'.join((*_INSTALLS, *_TIDY_UPS))})"
_ONLY_INSTALLS = re.compile(
    rf"(?:{_COMMAND} && )*(?:{'|'.join(_INSTALLS)})(?: && {_COMMAND})* \(\)"
)
"""A RUN without flags and without the names of its packages that does nothing but install."""
_WIDTH = 200


@dataclass(frozen=True, slots=True)
class StagePair:
    """The instructions of a stage before and after; `place` ends the lines that are about it."""

    old: tuple[Instruction, ...]
    new: tuple[Instruction, ...]
    place: str


def dockerfile_statements(path: str, old: str, new: str, aliases: Aliases) -> Iterator[Statement]:
    """Yield what changed in a Dockerfile; what only follows a new base or source is left out."""
    if aliases.lines_agree(old.split("\n"), new.split("\n")):
        return
    before, after = parse(old), parse(new)
    if not before.instructions or not after.instructions:
        yield Statement("files", f"{path} changed", (f"{path} changed",))
        return
    statements = tuple(_statements(path, before, after, aliases))
    yield from statements
    if _is_reordered(before, after, aliases):
        line = f"{path}: the order of instructions changed"
        yield Statement("files", "instructions reordered", (line,))
    elif not statements:
        yield from _rest(path, before, after, aliases)


def _rest(path: str, old: Dockerfile, new: Dockerfile, aliases: Aliases) -> Iterator[Statement]:
    """Yield what changed in a Dockerfile of which nothing else is said."""
    before, after = _code(old, aliases.old_text), _code(new, aliases.new_text)
    if before == after:
        line = f"{path}: only comments or layout changed"
        yield Statement("formatting", f"layout of {path} changed", (line,))
    # Of labels and variables all is said that is more than a base or source that moved.
    elif _without_keyed(before) != _without_keyed(after):
        yield Statement("files", f"{path} changed", (f"{path} changed",))


def _without_keyed(code: Iterable[str]) -> list[str]:
    return [text for text in code if text.partition(" ")[0] not in _KEYED]


def _statements(
    path: str, old: Dockerfile, new: Dockerfile, aliases: Aliases
) -> Iterator[Statement]:
    yield from download_statements(old, new)
    suffix = "" if path == DOCKERFILE else f" in {path}"
    lines = tuple(_stage_lines(old, new, aliases))
    if lines:
        yield Statement("base", "stages changed", tuple(f"{line}{suffix}" for line in lines))
    pairs = tuple(_pair_stages(old, new, suffix))
    yield from _package_statements(pairs, aliases)
    for command, (noun, aspect) in _KEYED.items():
        lines = tuple(line for pair in pairs for line in _keyed_lines(pair, command, noun, aliases))
        if lines:
            yield Statement(instruction_kind(command), f"{aspect} changed", lines)
    for command, aspect in _ASPECTS.items():
        lines = tuple(line for pair in pairs for line in _lines(pair, command, aspect, aliases))
        if lines:
            yield Statement(instruction_kind(command), f"{aspect} changed", lines)
    lines = tuple(f"build steps changed{pair.place}" for pair in pairs if _has_steps(pair, aliases))
    if lines:
        yield Statement("files", "build steps changed", lines)


def _stages(file: Dockerfile) -> Mapping[str, tuple[str, tuple[Instruction, ...]]]:
    """Return what each stage is from and does, by name; the last one, the image, is called ""."""
    froms = [step for step in file.instructions if step.cmd == "FROM"]
    last = len(file.stages) - 1
    return {
        ("" if stage.index == last else stage.name or str(stage.index)): (
            " ".join([*(f"--{key}={value}" for key, value in step.flags), stage.base]),
            stage.instructions,
        )
        for stage, step in zip(file.stages, froms, strict=True)
    }


def _stage_lines(old: Dockerfile, new: Dockerfile, aliases: Aliases) -> Iterator[str]:
    before, after = _stages(old), _stages(new)
    for name in dict.fromkeys((*before, *after)):
        if name not in before or name not in after:
            yield f"stage {name or 'of the image'} {'added' if name in after else 'removed'}"
            continue
        old_base, new_base = before[name][0], after[name][0]
        is_same = aliases.old_text(old_base) == aliases.new_text(new_base)
        if old_base != new_base and not is_same:
            yield f"stage {name or 'of the image'}: from {old_base} -> {new_base}"


def _pair_stages(old: Dockerfile, new: Dockerfile, suffix: str) -> Iterator[StagePair]:
    """Yield the stages that are in both, and what is before the first of them."""
    yield StagePair(_preamble(old), _preamble(new), suffix)
    before, after = _stages(old), _stages(new)
    for name in sorted({*before} & {*after}):
        place = f" in stage {name}{suffix}" if name else suffix
        yield StagePair(before[name][1], after[name][1], place)


def _preamble(file: Dockerfile) -> tuple[Instruction, ...]:
    first = next((i for i, step in enumerate(file.instructions) if step.cmd == "FROM"), 0)
    return file.instructions[:first]


def _package_statements(pairs: Iterable[StagePair], aliases: Aliases) -> Iterator[Statement]:
    lines: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}
    for pair in pairs:
        old, new = package_versions(pair.old), package_versions(pair.new)
        for manager, name in sorted({*old} | {*new}):
            key = (manager, name)
            if key in old and key in new:
                before, after = old[key], new[key]
                if aliases.old_text(before) != aliases.new_text(after) and before != after:
                    text = f"{before or 'any version'} -> {after or 'any version'}"
                    lines["changed"].append(f"{manager} package {name}{pair.place}: {text}")
                continue
            verb, version = ("added", new[key]) if key in new else ("removed", old[key])
            text = " ".join(f"{name} {version}".split())
            lines[verb].append(f"{manager} package {verb}{pair.place}: {text}")
    for verb in ("added", "removed"):
        if lines[verb]:
            phrase = count_things(len(lines[verb]), "package", verb)
            yield Statement("packages", phrase, tuple(lines[verb]))
    if lines["changed"]:
        phrase = count_things(len(lines["changed"]), "package version", "changed")
        yield Statement("packages", phrase, tuple(lines["changed"]))


def _keyed_lines(pair: StagePair, command: str, noun: str, aliases: Aliases) -> Iterator[str]:
    old, new = _values(pair.old, command), _values(pair.new, command)
    yield from keyed_lines(f"{noun} {{}}{pair.place}", old, new, aliases)


def _values(steps: Iterable[Instruction], command: str) -> dict[str, tuple[str, ...]]:
    """Return all values of each key that an ENV or LABEL sets."""
    values: dict[str, tuple[str, ...]] = {}
    for step in steps:
        if step.cmd == command:
            for key, value in key_values(step):
                values[key] = (*values.get(key, ()), value)
    return values


def _lines(pair: StagePair, command: str, aspect: str, aliases: Aliases) -> Iterator[str]:
    old = [_text(step) for step in pair.old if step.cmd == command]
    new = [_text(step) for step in pair.new if step.cmd == command]
    old_names = [aliases.old_text(text) for text in old]
    new_names = [aliases.new_text(text) for text in new]
    if old == new or old_names == new_names:
        return
    removed = [
        text
        for text, name in zip(old, old_names, strict=True)
        if text not in new and name not in new_names
    ]
    added = [
        text
        for text, name in zip(new, new_names, strict=True)
        if text not in old and name not in old_names
    ]
    yield from (f"removed{pair.place}: {_shorten(text)}" for text in removed)
    yield from (f"now{pair.place}: {_shorten(text)}" for text in added)
    if not removed and not added:
        yield f"{aspect} reordered{pair.place}"


def _has_steps(pair: StagePair, aliases: Aliases) -> bool:
    """Tell whether RUNs differ in more than the packages that they install."""
    packages = package_versions(pair.old).items() ^ package_versions(pair.new).items()
    names = {name for (_, name), _ in packages}
    scripts = _scripts(pair.old, names), _scripts(pair.new, names)
    if scripts[0] == scripts[1]:
        return False
    old, new = [*map(aliases.old_text, scripts[0])], [*map(aliases.new_text, scripts[1])]
    return _without_installs(new, old) != old and _without_installs(old, new) != new


def _without_installs(scripts: Iterable[str], other_scripts: Collection[str]) -> list[str]:
    """Return the scripts but for those of one side that only install what is named elsewhere."""
    return [text for text in scripts if text in other_scripts or not _ONLY_INSTALLS.fullmatch(text)]


def _scripts(steps: Iterable[Instruction], names: Iterable[str]) -> list[str]:
    """Return the scripts of RUNs without the words that name certain packages."""
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    word = re.compile(rf"""(?<!\S)["']?(?:{pattern})(?:[-=<>~!@\[:][^\s;&|]*)?["']?(?!\S)""")
    return [
        " ".join((word.sub("", run_script(step)) if pattern else run_script(step)).split())
        + f" {step.flags}"
        for step in steps
        if step.cmd == "RUN"
    ]


def _is_reordered(old: Dockerfile, new: Dockerfile, aliases: Aliases) -> bool:
    """Tell whether the instructions that are on both sides stand in another order."""
    before, after = _code(old, aliases.old_text), _code(new, aliases.new_text)
    common = {*before} & {*after}
    orders = [dict.fromkeys(text for text in code if text in common) for code in (before, after)]
    return [*orders[0]] != [*orders[1]]


def _code(file: Dockerfile, replace_names: Callable[[str], str]) -> list[str]:
    return [replace_names(_normalize(step)) for step in file.instructions]


def _normalize(step: Instruction) -> str:
    """Return an instruction as text that does not depend on its layout."""
    if step.cmd in _KEYED:
        return f"{step.cmd} {sorted(key_values(step))}"
    contents = "".join(heredoc.content for heredoc in step.heredocs)
    return f"{step.cmd} {step.flags} {' '.join(' '.join(step.value).split())} {contents}"


def _text(step: Instruction) -> str:
    contents = "".join(f"\n{heredoc.content}" for heredoc in step.heredocs)
    return " ".join(f"{step.original}{contents}".split())


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}..."
