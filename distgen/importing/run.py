"""Import repositories: read each, plan all, write what is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from distgen.errors import DistgenError
from distgen.git.run import Git, hide_secrets
from distgen.importing.choice import choose_streams
from distgen.importing.contexts import find_contexts
from distgen.importing.drafts import draft_image, kept_files
from distgen.importing.factored import FactoredPlan, factor_plan
from distgen.importing.ignored import ignored_files
from distgen.importing.overlays import TEMPLATE, TEMPLATE_YAML
from distgen.importing.places import FOLDER_STREAM, read_place
from distgen.importing.plan import plan_import
from distgen.importing.records import (
    ImageContext,
    ImageDraft,
    ImportChoice,
    ImportReport,
    ImportResult,
    KeptFile,
)
from distgen.importing.write import (
    Moves,
    gather_moves,
    move_into,
    open_stage,
    take_back,
    write_kept,
)
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

    @property
    def shown_places(self) -> tuple[str, ...]:
        """Return the places as they may be printed."""
        return tuple(map(hide_secrets, self.places))


@dataclass(frozen=True, slots=True)
class _PlaceOutcome:
    """What one place gives: drafts whose files are staged, and what is refused."""

    number: int
    drafts: tuple[ImageDraft, ...] = ()
    refused: tuple[ImportResult, ...] = ()
    branches: tuple[tuple[str, str], ...] = ()
    contexts: tuple[ImageContext, ...] = ()


def import_places(
    request: ImportRequest, catalogue: Catalogue, reload: Callable[[], object]
) -> ImportReport:
    """Import what can be imported; report each image, and each place without one.

    `reload` reads the catalogue again; when it cannot, all is taken back.
    """
    choice = request.choice
    streams = choose_streams(choice, catalogue)
    with nullcontext(request.root) if request.is_dry else open_stage(request.root) as stage:
        outcomes = _read_places(request, streams, stage)
        branches = _branches(streams, outcomes)
        outcomes = [_refuse_clashes(outcome, branches) for outcome in outcomes]
        drafts = [draft for outcome in outcomes for draft in outcome.drafts]
        factored = FactoredPlan(plan_import(drafts, branches, choice, catalogue))
        if choice.factor:
            contexts = [context for outcome in outcomes for context in outcome.contexts]
            factored = factor_plan(factored.plan, contexts, choice.namespace, catalogue.templates)
        ignored: tuple[str, ...] = ()
        if not request.is_dry and factored.plan.images:
            ignored = _write(request, factored, stage, drafts, reload)
    refused = [result for outcome in outcomes for result in outcome.refused]
    results = _in_order(request.shown_places, (*factored.plan.results, *refused))
    return ImportReport(results, factored.diff, factored.note, ignored)


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
    text = request.shown_places[number]
    try:
        read = read_place(request.git, request.places[number], request.here, streams)
        contexts = find_contexts(read, request.choice)
    except DistgenError as error:
        yield _PlaceOutcome(number, refused=(_refuse("", text, error),))
        return
    drafts: list[ImageDraft] = []
    refused: list[ImportResult] = []
    for context in (_rename_image(context, request.choice) for context in contexts):
        try:
            drafts.append(draft_image(context))
        except DistgenError as error:
            refused.append(_refuse(f"{request.choice.namespace}/{context.name}", text, error))
            continue
        if not request.is_dry:
            _stage_image(stage, number, context)
    branches = tuple(read.branches.items())
    # What is not factored is forgotten: all repositories together may not fit into memory.
    members = tuple(_rename_image(context, request.choice) for context in contexts)
    members = members if request.choice.factor else ()
    yield _PlaceOutcome(number, tuple(drafts), tuple(refused), branches, members)


def _rename_image(context: ImageContext, choice: ImportChoice) -> ImageContext:
    return replace(context, name=choice.names.get(context.name, context.name))


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
    factored: FactoredPlan,
    stage: Path,
    drafts: Sequence[ImageDraft],
    reload: Callable[[], object],
) -> tuple[str, ...]:
    """Move what is staged into the catalogue; take it back when that cannot be read then.

    Return the new files that git ignores there.
    """
    texts = dict(factored.plan.texts)
    if not (request.root / "templates" / TEMPLATE).exists():
        texts[f"templates/{TEMPLATE}/template.yaml"] = TEMPLATE_YAML
    write_kept(stage, (KeptFile(f"new/{path}", text.encode()) for path, text in texts.items()))
    # The files of an image come before the overlay that needs them.
    folders = _image_folders(request, factored, stage, drafts)
    moves: Moves = {
        **folders,
        **{path: stage / "new" / path for path in sorted(texts, reverse=True)},
    }
    for folder in (f"templates/{TEMPLATE}", f"overlays/{request.choice.namespace}"):
        moves = gather_moves(request.root, folder, moves, stage / "gathered" / folder)
    new = move_into(request.root, dict(sorted(moves.items(), key=_is_overlay)))
    try:
        reload()
    except DistgenError as error:
        take_back(new)
        problem = f"the catalogue could not be read with it, and stays as it was: {error}"
        raise DistgenError(problem) from None
    return ignored_files(request.git, request.root, new)


def _is_overlay(move: tuple[str, Path]) -> bool:
    return move[0].startswith("overlays/")


def _image_folders(
    request: ImportRequest, factored: FactoredPlan, stage: Path, drafts: Sequence[ImageDraft]
) -> dict[str, Path]:
    """Return the staged folders of images, and of their template, by where they go."""
    numbers = {place: number for number, place in reversed([*enumerate(request.shown_places)])}
    folders: dict[str, Path] = {}
    for draft in drafts:
        if draft.name in factored.plan.images:
            folder = stage / _IMAGES / str(numbers[draft.place]) / draft.name
            folders.setdefault(f"overlays/{request.choice.namespace}/{draft.name}", folder)
    template = factored.template
    if template is None:
        return folders
    write_kept(stage / "template", template.files)
    for name, trees in template.rest.items():
        path = f"overlays/{request.choice.namespace}/{name}"
        if kept := kept_files(trees):
            folders[path] = stage / "rest" / name
            write_kept(folders[path], kept)
        else:
            del folders[path]
    return {f"templates/{template.name}": stage / "template", **folders}


def _in_order(places: Sequence[str], results: Iterable[ImportResult]) -> tuple[ImportResult, ...]:
    order = {place: number for number, place in reversed([*enumerate(places)])}
    return tuple(sorted(results, key=lambda row: (order[row.source], row.image, row.detail)))
