"""Measure what a reviewer waits for, each against rendering the same images once.

Grouping edits is measured here; the commands, the pages, the memory and the graph in the files that
are named so.
"""
# ruff: noqa: E402, for the order of folders to import from matters

import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(1, str(BENCH.parent))

import affected as commands
import graph
import memory
import pages
import render as rendering
from testing.comparisons import compare_trees, default_catalogue, render_all, replace_in

sys.path.remove(str(BENCH))  # kolla.py beside this file hides Kolla

from distgen.compare.planned import OWN_FILES
from distgen.compare.words import words_by_image
from distgen.render.renderer import Renderer

LIMIT, INSIDE_LIMIT = 0.5, 1.0
MADE, ROUNDS = 2000, 3
LABEL = 'LABEL vendor="Example"\n'
INSIDE = 'ENV IMAGE_{{ image.name | upper | replace("-", "_") }}=1\n'
OCI, OCI_START = "templates/_shared/oci.j2", "LABEL name={{ image.full_name | dq }}"
OVERRIDE = commands.KOLLA["kolla/override.j2"]


def measure(before, after):
    """Return the seconds of rendering once, and of grouping; the best of some rounds."""
    images, old = before
    new_images, new = after
    seconds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        words = words_by_image(new_images, images)
        diff = compare_trees(old, new, words, OWN_FILES, len(new_images))
        seconds.append(time.process_time() - begin)
    assert len(diff.groups) <= 2, [group.sentence for group in diff.groups]
    assert diff.edits >= len(new) * 0.7
    return min(seconds)


def made(line):
    """Return made images whose Dockerfile has one line more, and the seconds they take."""
    catalogue, lock = rendering.make_catalogue(MADE)
    template = catalogue.templates["app"]
    files = tuple(
        replace(file, content=file.content.replace(b"USER {{", line.encode() + b"USER {{"))
        for file in template.files
    )
    catalogue = replace(catalogue, templates={"app": replace(template, files=files)})
    begin = time.process_time()
    renderer = Renderer(catalogue, lock)
    trees = {
        image.key: {file.path: file for file in renderer.tree(image).files}
        for image in catalogue.images
    }
    return (catalogue.images, trees), time.process_time() - begin


def timed(root, cache=None):
    """Return what a folder's catalogue renders, and the seconds of a render from the start."""
    begin = time.process_time()
    rendered = render_all(root, cache)
    return rendered, time.process_time() - begin


def report(name, count, group, render, limit):
    print(
        f"review: {count} images, {name}: grouping {group:.3f} s, rendering {render:.2f} s:"
        f" {group / render:.2f}x (at most {limit}x)"
    )


def measure_grouping():
    before, _ = made("")
    for name, line, limit in (("a label", LABEL, LIMIT), ("a name inside", INSIDE, INSIDE_LIMIT)):
        after, seconds = made(line)
        report(name, MADE, measure(before, after), seconds, limit)
    for name, line, limit in (("a label", LABEL, LIMIT), ("a name inside", INSIDE, INSIDE_LIMIT)):
        with tempfile.TemporaryDirectory() as work:
            root = default_catalogue(Path(work))
            before, seconds = timed(root)
            replace_in(OCI, OCI_START, line + OCI_START)(root)
            report(name, len(before[0]), measure(before, timed(root)[0]), seconds, limit)
    if not find_spec("kolla"):
        return
    with tempfile.TemporaryDirectory() as work:
        root, cache = Path(work) / "catalogue", Path(work) / "cache"
        commands.write_files(root, commands.KOLLA)
        before, seconds = timed(root, cache)
        inside = INSIDE.replace("image.name", "image_name")
        for name, line, limit in (("a label", LABEL, LIMIT), ("name inside", inside, INSIDE_LIMIT)):
            block = f"{OVERRIDE}{{% block footer %}}\n{line}{{% endblock %}}\n"
            (root / "kolla/override.j2").write_text(block)
            report(name, len(before[0]), measure(before, timed(root, cache)[0]), seconds, limit)


def main():
    for measure_part in (commands.main, measure_grouping, pages.main, memory.main, graph.main):
        measure_part()


if __name__ == "__main__":
    main()
