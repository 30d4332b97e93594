"""Import repositories: read each, plan all, write what is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.run import Git
from distgen.importing.choice import choose_streams
from distgen.importing.contexts import find_contexts
from distgen.importing.drafts import draft_image, kept_files
from distgen.importing.overlays import TEMPLATE, TEMPLATE_YAML
from distgen.importing.places import FOLDER_STREAM, read_place
from distgen.importing.plan import ImportPlan, plan_import
from distgen.importing.records import (
    ImageContext,
    ImageDraft,
    ImportChoice,
    ImportResult,
    KeptFile,
)
from distgen.importing.write import move_into, open_stage, take_back, write_kept
from distgen.model.catalogue import Catalogue
from distgen.pool import run_parallel

_IMAGES = "images"


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is imported into which catalogue; paths are relative to `here`."""

    git: Git
    root: Path
    here: Path
    places: tuple[str, ...]
    choice: ImportChoice
    jobs: int = 4
    is_dry: bool = False


@dataclass(frozen=True, slots=True)
class _PlaceOutcome:
    """What one place gives: drafts whose files are staged, and what is refused."""

    number: int
    drafts: tuple[ImageDraft, ...] = ()
    refused: tuple[ImportResult, ...] = ()
    branches: tuple[tuple[str, str], ...] = ()


def import_places(
    request: ImportRequest, catalogue: Catalogue, reload: Callable[[], object]
) -> tuple[ImportResult, ...]:
    """Import what can be imported, and return a result for each image and each place without one.

    `reload` reads the catalogue again; when it cannot, all is taken back.
    """
    streams = choose_streams(request.choice, catalogue)
    with open_stage(request.root) as stage:
        outcomes = _read_places(request, streams, stage)
        branches = _branches(streams, outcomes)
        outcomes = [_refuse_clashes(outcome, branches) for outcome in outcomes]
        drafts = [draft for outcome in outcomes for draft in outcome.drafts]
        plan = plan_import(drafts, branches, request.choice, catalogue)
        if not request.is_dry and plan.images:
            _write(request, plan, stage, drafts, reload)
    refused = [result for outcome in outcomes for result in outcome.refused]
    return _in_order(request.places, (*plan.results, *refused))


def _read_places(
    request: ImportRequest, streams: Mapping[str, str], stage: Path
) -> list[_PlaceOutcome]:
    tasks = [
        partial(_read_numbered, request, streams, stage, number)
        for number in range(len(request.places))
    ]
    outcomes = run_parallel(tasks, request.jobs)
    return sorted(outcomes, key=lambda outcome: outcome.number)


def _read_numbered(
    request: ImportRequest, streams: Mapping[str, str], stage: Path, number: int
) -> Iterator[_PlaceOutcome]:
    """Read one place and write its images into the stage, below its number."""
    text = request.places[number]
    try:
        read = read_place(request.git, text, request.here, streams)
        contexts = find_contexts(read, request.choice)
    except DistgenError as error:
        yield _PlaceOutcome(number, refused=(_refuse("", text, error),))
        return
    drafts: list[ImageDraft] = []
    refused: list[ImportResult] = []
    for context in contexts:
        name = request.choice.names.get(context.name, context.name)
        try:
            drafts.append(draft_image(replace(context, name=name)))
        except DistgenError as error:
            refused.append(_refuse(f"{request.choice.namespace}/{name}", text, error))
            continue
        if not request.is_dry:
            _stage_image(stage, number, replace(context, name=name))
    branches = tuple(read.branches.items())
    yield _PlaceOutcome(number, tuple(drafts), tuple(refused), branches)


def _refuse(image: str, place: str, error: DistgenError) -> ImportResult:
    sentence = str(error).removeprefix(f"{place}: ")
    return ImportResult(image, place, "refused", detail=sentence)


def _stage_image(stage: Path, number: int, context: ImageContext) -> None:
    folder = stage / _IMAGES / str(number) / context.name
    if not folder.exists():  # its namesake is refused
        write_kept(folder, kept_files(context.trees))


def _branches(streams: Mapping[str, str], outcomes: Iterable[_PlaceOutcome]) -> dict[str, str]:
    """Return the branch of each stream; where two places differ, that of the first."""
    if streams:
        return dict(streams)
    branches: dict[str, str] = {}
    for outcome in outcomes:
        for stream, branch in outcome.branches if outcome.drafts else ():
            branches.setdefault(stream, branch)
    return branches or {FOLDER_STREAM: FOLDER_STREAM}


def _refuse_clashes(outcome: _PlaceOutcome, branches: Mapping[str, str]) -> _PlaceOutcome:
    """Refuse a repository whose branch another one has under the same name of a stream."""
    for stream, branch in outcome.branches:
        if outcome.drafts and branches.get(stream) != branch:
            sentence = f"its branch {branch} and {branches.get(stream)} would be one stream"
            error = DistgenError(sentence, hint="name them with --stream NAME=BRANCH")
            place = outcome.drafts[0].place
            return replace(outcome, drafts=(), refused=(_refuse("", place, error),))
    return outcome


def _write(
    request: ImportRequest,
    plan: ImportPlan,
    stage: Path,
    drafts: Sequence[ImageDraft],
    reload: Callable[[], object],
) -> None:
    """Move what is staged into the catalogue; take it back when that cannot be read then."""
    texts = dict(plan.texts)
    if not (request.root / "templates" / TEMPLATE).exists():
        texts[f"templates/{TEMPLATE}/template.yaml"] = TEMPLATE_YAML
    write_kept(stage, (KeptFile(f"new/{path}", text.encode()) for path, text in texts.items()))
    moves = {path: stage / "new" / path for path in sorted(texts, reverse=True)}
    namespace = request.choice.namespace
    numbers = {place: number for number, place in reversed([*enumerate(request.places)])}
    for draft in drafts:
        if draft.name in plan.images and f"overlays/{namespace}/{draft.name}" not in moves:
            folder = stage / _IMAGES / str(numbers[draft.place]) / draft.name
            moves[f"overlays/{namespace}/{draft.name}"] = folder
    new = move_into(request.root, moves)
    try:
        reload()
    except DistgenError as error:
        take_back(new)
        problem = f"the catalogue could not be read with it, and stays as it was: {error}"
        raise DistgenError(problem) from None


def _in_order(places: Sequence[str], results: Iterable[ImportResult]) -> tuple[ImportResult, ...]:
    order = {place: number for number, place in reversed([*enumerate(places)])}
    return tuple(sorted(results, key=lambda row: (order[row.source], row.image, row.detail)))
