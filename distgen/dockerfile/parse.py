"""Turn the text of a Dockerfile into instructions and stages, read by BuildKit's own parser."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from distgen.dockerfile.instruction import (
    KEYWORDS,
    Heredoc,
    Instruction,
    has_variable,
    names_stage,
    refusal,
    unquote,
)
from distgen.dockerfile.library import Command, ParseError, parse_string
from distgen.dockerfile.packages import Operation, script_operations, split_commands

MAX_LENGTH = 256 * 1024
"""Characters of a Dockerfile that are read: BuildKit's parser takes hours for some longer ones."""
_MAX_SEARCHED = 64 * 1024  # a parse of more is too slow to look for the failing line
_MAX_TRIALS = 50
_WORD = re.compile(r"\S+\s+")


@dataclass(frozen=True, slots=True)
class Mount:
    """A `RUN --mount`; `image` is its `from`."""

    type: str
    image: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next; `parent` is the index of the stage it builds on, if it is one."""

    index: int
    name: str
    base: str
    line: int
    parent: int | None
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a builder would not read the file."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile read once; `problems` are why a builder would refuse it."""

    text: str = field(repr=False)
    instructions: tuple[Instruction, ...] = ()
    stages: tuple[Stage, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def lineage(self) -> tuple[Stage, ...]:
        """Return the stages that end up in the image: the last, what it builds on, and so on."""
        stages = []
        index = len(self.stages) - 1 if self.stages else None
        while index is not None:
            stages.append(self.stages[index])
            index = self.stages[index].parent
        return tuple(stages)

    def stage(self, word: str, before: int) -> Stage | None:
        """Return the stage that a FROM or --from means by `word`, among those before an index."""
        earlier = self.stages[:before]
        namesakes = (stage for stage in reversed(earlier) if stage.name == word.lower() != "")
        if stage := next(namesakes, None):
            return stage
        return earlier[int(word)] if word.isdecimal() and int(word) < len(earlier) else None

    @property
    def triggers(self) -> tuple[Instruction, ...]:
        """Return what its ONBUILD instructions add to every image that builds on it."""
        steps = (step for stage in reversed(self.lineage) for step in stage.instructions)
        return tuple(step.trigger for step in steps if step.trigger)

    def find_line(self, word: str, instruction: Instruction) -> int:
        """Return the line of an instruction that holds `word`, or its first line."""
        lines = split_lines(self.text)[instruction.line - 1 : instruction.end_line]
        numbers = (number for number, line in enumerate(lines, instruction.line) if word in line)
        return next(numbers, instruction.line)


@lru_cache(maxsize=4)
def split_lines(text: str) -> list[str]:
    """Return the lines of a Dockerfile, which many instructions look at."""
    return text.splitlines()


@lru_cache(maxsize=64)  # a command asks for the same one several times in a row
def parse(text: str) -> Dockerfile:
    """Read a Dockerfile; what cannot be read is in `problems`, never an exception."""
    if len(text) > MAX_LENGTH:
        return Dockerfile(text, problems=(Problem(1, f"it has more than {MAX_LENGTH} characters"),))
    try:
        parsed = parse_string(text)
    except ParseError as error:
        return Dockerfile(text, problems=(Problem(_failing_line(text, str(error)), str(error)),))
    instructions = tuple(_read_instruction(command) for command in parsed)
    problems = tuple(_find_problems(instructions))
    return Dockerfile(text, instructions, _read_stages(instructions), problems)


def mounts(instruction: Instruction) -> tuple[Mount, ...]:
    """Return the mounts of a RUN."""
    all_mounts = []
    for name, value in instruction.flags:
        if name == "mount":
            options = dict(_split_pair(part) for part in value.split(","))
            source = options.get("source", options.get("src", ""))
            target = options.get("target", options.get("dst", options.get("destination", "")))
            kind = options.get("type", "bind")
            all_mounts.append(Mount(kind, options.get("from", ""), source, target))
    return tuple(all_mounts)


def image_words(dockerfile: Dockerfile) -> Iterator[tuple[str, int, str, int]]:
    """Yield word, line, instruction and stage of every place that names an image or a stage."""
    for stage in dockerfile.stages:
        if stage.parent is None and stage.base:
            yield stage.base, stage.line, "FROM", stage.index
        for instruction in stage.instructions:
            if word := instruction.flag("from"):
                yield word, dockerfile.find_line(word, instruction), "COPY --from", stage.index
            for mount in mounts(instruction):
                if mount.image:
                    line = dockerfile.find_line(mount.image, instruction)
                    yield mount.image, line, "RUN --mount from", stage.index


def copy_sources(instruction: Instruction) -> tuple[str, ...]:
    """Return the sources of a COPY or ADD as the builder takes them, without heredocs."""
    return tuple(unquote(word) for word in _source_words(instruction))


def variable_sources(instruction: Instruction) -> frozenset[str]:
    """Return those of the sources of a COPY or ADD that depend on a variable."""
    words = _source_words(instruction)
    return frozenset(unquote(word) for word in words if has_variable(word))


def _source_words(instruction: Instruction) -> tuple[str, ...]:
    # Builders read quotes, escapes and variables within the strings of the JSON form, too.
    words = instruction.value[:-1]
    return tuple(word for word in words if instruction.json or not word.startswith("<<"))


def key_values(instruction: Instruction) -> tuple[tuple[str, str], ...]:
    """Return the keys and values of a LABEL or ENV."""
    words = [unquote(word) for word in instruction.value]
    return tuple(zip(words[0::2], words[1::2], strict=False))


def start_words(instruction: Instruction) -> tuple[str, ...]:
    """Return the words that a CMD, ENTRYPOINT or RUN starts, of a script its first command."""
    if instruction.json:
        return instruction.value
    first = next(iter(split_commands(" ".join(instruction.value))), ())
    return first[1:] if first[:1] == ("exec",) else first


def run_script(instruction: Instruction) -> str:
    """Return a RUN as one shell script, heredocs that a shell reads included."""
    if instruction.json:
        return shlex.join(instruction.value)
    if not instruction.heredocs:
        return " ".join(instruction.value)
    # `RUN <<EOF` gives the heredoc to a shell, `RUN python3 <<EOF` to Python.
    line = re.sub(r"<<-?\s*[\"']?\w+[\"']?", "", " ".join(instruction.value)).strip()
    program = next(iter(split_commands(line)), ("sh",))[0]
    if program.rpartition("/")[2] not in {"sh", "bash", "ash", "dash", "set"}:
        return line
    return "\n".join(heredoc.content for heredoc in instruction.heredocs)


def package_operations(instruction: Instruction) -> tuple[Operation, ...]:
    """Return what a RUN, or the RUN of an ONBUILD, installs and removes."""
    run = instruction.trigger or instruction
    return script_operations(run_script(run)) if run.cmd == "RUN" else ()


def installed_packages(instructions: Iterable[Instruction]) -> Mapping[str, tuple[str, ...]]:
    """Return the sorted names of all packages installed, by manager: apk, apt, pip, rpm."""
    names: dict[str, set[str]] = {}
    for instruction in instructions:
        for operation in package_operations(instruction):
            if operation.action == "install":
                names.setdefault(operation.manager, set()).update(operation.names)
    return {manager: tuple(sorted(names[manager])) for manager in sorted(names)}


def package_versions(instructions: Iterable[Instruction]) -> Mapping[tuple[str, str], str]:
    """Return the version that is asked for of each package, by manager and name; "" for any."""
    return {
        (operation.manager, name): version
        for instruction in instructions
        for operation in package_operations(instruction)
        for name, version in operation.versions
    }


def _read_instruction(command: Command, offset: int = 0) -> Instruction:
    cmd = (command.cmd or "\\").upper()  # the parser finds no word in a lone line continuation
    return Instruction(
        cmd=cmd,
        value=command.value if command.value != ("",) else (),
        flags=tuple(_split_pair(flag.removeprefix("--")) for flag in command.flags),
        line=command.start_line + offset,
        end_line=command.end_line + offset,
        original=command.original or cmd,
        heredocs=tuple(Heredoc(here.name, here.content) for here in command.heredocs),
        json=command.json,
        trigger=_read_trigger(command) if cmd == "ONBUILD" and command.sub_cmd else None,
    )


def _read_trigger(command: Command) -> Instruction:
    """Parse the instruction of an ONBUILD: the parser keeps neither its flags nor its heredocs."""
    start, end = command.start_line, command.end_line
    try:
        inner = parse_string(_WORD.sub("", command.original, count=1))
    except ParseError:
        return Instruction(command.sub_cmd.upper(), command.value, line=start, end_line=end)
    return _read_instruction(inner[0], start - 1)


def _split_pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key.lower(), value


def _read_stages(instructions: tuple[Instruction, ...]) -> tuple[Stage, ...]:
    starts = [i for i, instruction in enumerate(instructions) if instruction.cmd == "FROM"]
    stages: list[Stage] = []
    names: dict[str, int] = {}
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=False)):
        words = instructions[start].value
        base = unquote(words[0]) if words else ""
        name = words[2].lower() if names_stage(words) else ""
        body = instructions[start + 1 : end]
        line = instructions[start].line
        stages.append(Stage(index, name, base, line, names.get(base.lower()), body))
        if name:
            names[name] = index
    return tuple(stages)


def _find_problems(instructions: tuple[Instruction, ...]) -> Iterator[Problem]:
    in_stage = False
    for instruction in instructions:
        in_stage = in_stage or instruction.cmd == "FROM"
        if message := refusal(instruction, in_stage):
            yield Problem(instruction.line, message)
            if instruction.cmd not in KEYWORDS:
                return  # a lost continuation: the lines below are not instructions either
    if not in_stage:
        yield Problem(1, "there is no FROM")


def _failing_line(text: str, message: str) -> int:
    """Find the line a parse error is about, since the parser's message seldom says it."""
    lines = text.splitlines(keepends=True)

    def fails(count: int) -> bool:
        try:
            parse_string("".join(lines[:count]))
        except ParseError as error:
            return str(error) == message
        return False

    if message == "file with no instructions" or len(text) > _MAX_SEARCHED:
        return 1
    if "heredoc" not in message:
        return bisect_left(range(1, len(lines) + 1), True, key=fails) + 1
    # Every heredoc is unterminated up to its last line, so only the lines where they begin differ.
    # Each trial parses the whole text: a file of many heredocs would take minutes, hence the limit.
    starts = [number for number, line in enumerate(lines, 1) if "<<" in line] or [1]
    for number in reversed(starts[-_MAX_TRIALS:]):
        if not fails(number - 1):
            return number
    return starts[max(0, bisect_left(starts, True, key=lambda number: fails(number - 1)) - 1)]
