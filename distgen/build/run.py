"""Build images level by level: parents before children, children of a failure not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from distgen.build.image_build import FOLDER, BuildRun, build_image
from distgen.build.killed_builds import end_orphans, remove_killed
from distgen.build.records import UNFINISHED, BuildResult
from distgen.build.report import result_row
from distgen.catalogue.graph import waves
from distgen.git.temporary import remove_abandoned
from distgen.model.catalogue import Image
from distgen.pool import each_ended, thread_pool
from distgen.publish.scheduler import INTERRUPTED


def build_images(run: BuildRun, images: Sequence[Image]) -> Iterator[BuildResult]:
    """Yield the result of each image as it ends; a level begins when the one below has ended."""
    _clear_killed_runs(run)
    results: dict[str, BuildResult] = {}
    with thread_pool(run.shell.stop, run.options.jobs) as pool:
        for level in waves(images):
            # What this level builds on; results of the level itself are nobody's parents.
            built = {
                result.reference: result
                for result in results.values()
                if result.status not in UNFINISHED
            }
            jobs = []
            for image in level:
                if reason := _blocker(image, results):
                    skipped = skip_image(image, reason)
                    results[image.key] = skipped
                    yield _report(run, skipped)
                else:
                    jobs.append(pool.submit(_build_unless_stopped, run, image, built))
            for job in each_ended(jobs):
                result = job.result()
                results[result.key] = result
                yield _report(run, result)


def skip_image(image: Image, reason: str) -> BuildResult:
    """Return the result of an image that is not begun."""
    return BuildResult(
        image.full_name, image.stream.name, image.reference, None, "skipped", detail=reason
    )


def _build_unless_stopped(
    run: BuildRun, image: Image, built: Mapping[str, BuildResult]
) -> BuildResult:
    if run.shell.stop.is_set():
        return skip_image(image, INTERRUPTED)
    return build_image(run, image, built)


def _blocker(image: Image, results: Mapping[str, BuildResult]) -> str:
    """Say which parent keeps an image from being built, "" when none does."""
    for key in image.parent_keys:
        if key in results and results[key].status in UNFINISHED:
            return f"its parent {key} was {results[key].status}"
    return ""


def _report(run: BuildRun, result: BuildResult) -> BuildResult:
    run.observe("result", result_row(result))
    return result


def _clear_killed_runs(run: BuildRun) -> None:
    """Remove the folders and containers that killed runs of this user left."""
    remove_abandoned(run.root, f"{FOLDER}[a-z0-9_]{{8}}")

    def is_left(file: Path) -> bool:
        # The folder of a run that lives is there; that of a killed one was removed just now.
        return file.parent.parent == run.root and not file.exists()

    end_orphans(is_left)
    if count := remove_killed(run.engine, run.shell, is_left):
        run.show("distgen", f"removed {count} containers that a killed run left")
