"""Compare grouping the edits of a change, and its pages, with rendering the images once."""
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
import render as rendering
from testing.comparisons import default_catalogue, render_all, replace_in

sys.path.remove(str(BENCH))  # kolla.py beside this file hides Kolla

from distgen.compare.diff import compare_trees
from distgen.compare.planned import OWN_FILES
from distgen.compare.words import words_by_image
from distgen.render.renderer import Renderer

LIMIT, INSIDE_LIMIT = 0.5, 1.0
MADE, ROUNDS = 2000, 3
LABEL = 'LABEL vendor="Example"\n'
INSIDE = 'ENV IMAGE_{{ image.name | upper | replace("-", "_") }}=1\n'
OCI, OCI_START = "templates/_shared/oci.j2", "LABEL name={{ image.full_name | dq }}"
OVERRIDE = "{% extends parent_template %}\n"
KOLLA = {
    "distgen.yaml": "version: 1\n",
    "kolla/override.j2": OVERRIDE,
    "overlays/kolla/namespace.yaml": (
        "source: kolla\nkolla: {base: debian, template_override: [kolla/override.j2]}\n"
        "streams: {master: {}}\n"
    ),
}


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


def measure_report():
    """Print what the pages of a change of all default images take against rendering them."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        commands.copy_catalogue(folder)
        render = commands.seconds(folder, "render", "-o", str(folder / "trees"))
        pages = folder / "pages"
        seconds = commands.seconds(folder, "report", "-o", str(pages), "--since", "HEAD")
        size = sum(path.stat().st_size for path in pages.iterdir()) / 1e6
    print(
        f"review: default catalogue, pages {seconds:.2f} s, {size:.1f} MB, rendering"
        f" {render:.2f} s: {seconds / render:.2f}x"
    )


def main():
    measure_report()
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
        print("review: Kolla not measured, since the package kolla is not installed")
        return
    with tempfile.TemporaryDirectory() as work:
        root, cache = Path(work) / "catalogue", Path(work) / "cache"
        for path, text in KOLLA.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        before, seconds = timed(root, cache)
        inside = INSIDE.replace("image.name", "image_name")
        for name, line, limit in (("a label", LABEL, LIMIT), ("name inside", inside, INSIDE_LIMIT)):
            block = f"{OVERRIDE}{{% block footer %}}\n{line}{{% endblock %}}\n"
            (root / "kolla/override.j2").write_text(block)
            report(name, len(before[0]), measure(before, timed(root, cache)[0]), seconds, limit)


if __name__ == "__main__":
    main()
