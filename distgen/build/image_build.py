"""Build one image: its files, its parents, the engine, and the push."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from distgen.build.engine_process import INTERRUPTED, Shell, run_program
from distgen.build.engine_store import find_image, pull_image, push_image
from distgen.build.engines.engine import Engine
from distgen.build.identity import digest_inputs
from distgen.build.image_log import ImageLog
from distgen.build.image_tests import run_structure_tests
from distgen.build.journal import BuildJournal
from distgen.build.killed_builds import make_mark, remove_killed
from distgen.build.parents import describe_older_pins, read_references, store_name
from distgen.build.records import (
    BuildCall,
    BuildResult,
    BuildStatus,
    ContextFolder,
    PassedOptions,
)
from distgen.errors import DistgenError
from distgen.git.processes import Interrupted, TimedOut
from distgen.git.run import hide_secrets
from distgen.git.temporary import held_folder
from distgen.model.catalogue import Image
from distgen.output.files import explain_os_errors
from distgen.publish.events import Observer

MakeContext = Callable[[Image, Path], ContextFolder]
FOLDER = "distgen-build-"
"""What the names of the folders of builds begin with."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a run builds; `timeout` is in seconds, for one image with all that it waits for."""

    passed: PassedOptions
    jobs: int = 1
    timeout: float = 3600
    rebuild: bool = False
    refresh: bool = False
    """Whether parents that this run does not build are pulled although the store has them."""
    push: bool = False


@dataclass(frozen=True, slots=True)
class BuildRun:
    """What all images of a run share.

    `show` gets the key of an image and each line of its log. Folders of builds are made in `root`.
    """

    engine: Engine
    shell: Shell
    options: BuildOptions
    make_context: MakeContext
    journal: BuildJournal
    root: Path
    logs: Path | None
    show: Callable[[str, str], None]
    observe: Observer
    tests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """The structure tests of each image by key; none where they are not to be run."""


@dataclass(frozen=True, slots=True)
class BuildAttempt:
    """One image on its way; `built` are the results of this run by reference."""

    run: BuildRun
    image: Image
    built: Mapping[str, BuildResult]
    context: ContextFolder
    folder: Path
    log: ImageLog
    deadline: float

    def shell(self) -> Shell:
        """Return the shell of the run, where temporary files go into the attempt's folder."""
        variables = {**self.run.shell.environment, "TMPDIR": str(self.folder)}
        return replace(self.run.shell, environment=variables)


def build_image(run: BuildRun, image: Image, built: Mapping[str, BuildResult]) -> BuildResult:
    """Build an image, unless the store has it; `built` are the results of its parents."""
    start = time.monotonic()
    result = BuildResult(image.full_name, image.stream.name, image.reference, None, "failed")
    with ImageLog(image, run.logs, run.show) as log:
        try:
            with _own_folder(run.root) as folder:
                context = run.make_context(image, folder)
                url = None if context.commit is None else hide_secrets(image.url)
                result = replace(result, commit=context.commit, url=url)
                deadline = start + run.options.timeout
                attempt = BuildAttempt(run, image, built, context, folder, log, deadline)
                result = _finish(attempt, result)
        except DistgenError as error:
            detail, code = hide_secrets(str(error)), error.exit_code
            result = replace(result, detail=detail, exit_code=code)
        except TimedOut:
            detail = f"took longer than {run.options.timeout:g} seconds (--timeout), and was ended"
            result = replace(result, detail=detail)
        except Interrupted:
            result = replace(result, detail=f"{INTERRUPTED}, and the build was ended")
        seconds = round(time.monotonic() - start, 1)
        log(f"{result.status} after {seconds} seconds")
    return replace(result, seconds=seconds, trouble=log.trouble)


def _finish(attempt: BuildAttempt, result: BuildResult) -> BuildResult:
    """Return the result of an image of which the files are there."""
    run, image, context = attempt.run, attempt.image, attempt.context
    run.observe(
        "building",
        {
            "image": image.full_name,
            "stream": image.stream.name,
            "reference": image.reference,
            "commit": context.commit,
        },
    )
    references = read_references(context.folder)
    parents = {name: _have_parent(attempt, name) for name in map(store_name, references)}
    inputs = digest_inputs(context, parents, run.options.passed, run.shell.environment)
    image_id = find_image(run.engine, run.shell, image.reference)
    status: BuildStatus = "unchanged"
    if (
        run.options.rebuild
        or image_id is None
        or not run.journal.is_made_from(image.reference, image_id, inputs)
    ):
        image_id, status = _call_engine(attempt), "built"
        _refuse_replaced_parents(attempt, parents)
        run.journal.write(image.reference, image_id, inputs)
    _test(attempt)
    digest = _push(attempt) if run.options.push else None
    built_ids = {reference: parent.image_id for reference, parent in attempt.built.items()}
    notes = "; ".join(describe_older_pins(references, parents, built_ids))
    return replace(result, status=status, image_id=image_id, digest=digest, detail=notes)


def _have_parent(attempt: BuildAttempt, name: str) -> str:
    """Return the id of a parent in the store; one that this run did not build is pulled."""
    run = attempt.run
    image_id = find_image(run.engine, run.shell, name)
    built_parent = attempt.built.get(name)
    if built_parent is not None and image_id != built_parent.image_id:
        raise DistgenError(_REPLACED.format(name), hint="build again when that has ended")
    if image_id is None or (built_parent is None and run.options.refresh):
        shell, passed = attempt.shell(), run.options.passed
        image_id = pull_image(run.engine, shell, name, passed, attempt.log, attempt.deadline)
    if image_id is None:
        raise DistgenError(
            f"its parent {name} is neither in the store of {run.engine.name} nor to be pulled:"
            f" {attempt.log.reason()}",
            hint=_hint_at_parent(attempt.image, name, run.engine),
        )
    return image_id


def _hint_at_parent(image: Image, name: str, engine: Engine) -> str:
    if name in {parent.reference for parent in image.parents if parent.image}:
        return "build it in the same run (--with-parents), or push it first"
    return f"see whether its registry has it, and whether {engine.name} is logged in there"


_REPLACED = "its parent {} of this run was replaced by another build"


def _refuse_replaced_parents(attempt: BuildAttempt, parents: Mapping[str, str]) -> None:
    """Raise where it is open which parent the image stands on: two runs share one store."""
    for name, image_id in parents.items():
        if find_image(attempt.run.engine, attempt.run.shell, name) != image_id:
            raise DistgenError(_REPLACED.format(name), hint="build again when that has ended")


def _call_engine(attempt: BuildAttempt) -> str:
    """Let the engine build; return the id of the image."""
    run, id_file = attempt.run, attempt.folder / "id"
    mark = make_mark(attempt.folder)
    passed = run.options.passed
    call = BuildCall(attempt.context, attempt.image.reference, str(id_file), mark, passed)
    is_complete = False
    try:
        words = run.engine.build(call)
        code = run_program(words, attempt.shell(), attempt.deadline, attempt.log)
        is_complete = code >= 0
    finally:
        if not is_complete:
            # The run may be stopped already, and this is what ends it orderly.
            shell = replace(attempt.shell(), stop=run.shell.abandon)
            remove_killed(run.engine, shell, lambda file: file == attempt.folder / "mark")
    if code:
        raise DistgenError(f"{run.engine.name} ended with code {code}: {attempt.log.reason()}")
    try:
        return id_file.read_text(encoding="ascii").strip().removeprefix("sha256:")
    except OSError:
        raise DistgenError(f"{run.engine.name} does not say the id of the image") from None


def _test(attempt: BuildAttempt) -> None:
    """Raise where the image is not as its structure tests say."""
    run, reference = attempt.run, attempt.image.reference
    tests = run.tests.get(attempt.image.key, {})
    failures = run_structure_tests(
        run.engine, attempt.shell(), reference, tests, attempt.deadline, attempt.log
    )
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise DistgenError(f"it is not as its tests say: {failures[0]}{more}")


def _push(attempt: BuildAttempt) -> str:
    run = attempt.run
    return push_image(
        run.engine,
        attempt.shell(),
        attempt.image.reference,
        run.options.passed,
        attempt.log,
        attempt.deadline,
    )


@contextmanager
def _own_folder(root: Path) -> Iterator[Path]:
    with explain_os_errors(root), held_folder(root, FOLDER) as folder:
        yield folder
