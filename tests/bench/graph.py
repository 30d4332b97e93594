"""Compare a page with a graph of 1,000 images, folded to a change, with all of them open.

Needs Chromium and playwright; what counts is the time of the page's own thread.
"""

import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from distgen.compare.records import GroupedDiff
from distgen.report.assets import read_assets
from distgen.report.names import GRAPH
from distgen.report.pages import render_pages
from distgen.report.records import GraphNode, Report

COUNT, BELOW, CHANGED, LIMIT, ROUNDS = 1000, 9, 20, 0.5, 5
OPEN = "document.getElementById('whole').click()"


def write_page(folder: Path) -> Path:
    """Write the graph of a tree of images, of which some of the last ones change."""
    nodes = tuple(
        GraphNode(
            f"ns/image-{number}@master",
            "changed" if number >= COUNT - CHANGED else "",
            (f"ns/image-{(number - 1) // BELOW}@master",) if number else (),
        )
        for number in range(COUNT)
    )
    assets = read_assets()
    provenance = {"catalogue": "", "compared with": "HEAD", "lock": "", "distgen": "1.0.0"}
    report = Report(GroupedDiff(COUNT, {}, ()), (), provenance, nodes)
    for name, content in assets.files.items():
        (folder / name).write_bytes(content)
    for name, text in render_pages(report, assets.texts, lambda image: image):
        (folder / name).write_text(text, encoding="utf-8")
    return folder / GRAPH


def seconds(browser, page: Path, *, is_open: bool) -> float:
    """Return the time that the page's thread works until all is painted."""
    tab = browser.new_context().new_page()
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    tab.goto(page.as_uri())
    if is_open:
        tab.evaluate(OPEN)
    # Two frames later it is on the screen.
    tab.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    nodes = tab.locator("#canvas .node").count()
    assert nodes >= COUNT if is_open else nodes < COUNT / 4, nodes
    metrics = session.send("Performance.getMetrics")["metrics"]
    tab.context.close()
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def main() -> None:
    chromium = shutil.which("chromium")
    if not chromium or not find_spec("playwright"):
        print("review: no graph is measured, since chromium or playwright is missing")
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        page = write_page(Path(name))
        browser = driver.chromium.launch(executable_path=chromium)
        folded = min(seconds(browser, page, is_open=False) for _ in range(ROUNDS))
        opened = min(seconds(browser, page, is_open=True) for _ in range(ROUNDS))
        browser.close()
    print(
        f"review: graph of {COUNT} images, folded {folded:.2f} s, all open {opened:.2f} s:"
        f" {folded / opened:.2f}x (at most {LIMIT}x)"
    )


if __name__ == "__main__":
    sys.exit(main())
