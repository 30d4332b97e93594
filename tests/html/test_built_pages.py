"""The built documentation: on a phone, in both themes, for everybody, and without dead links.

`tox -e docs` builds the pages and names their folder in BUILT_PAGES.
"""

import os
import re
import shutil
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
BUILT = Path(os.environ["BUILT_PAGES"])
PAGES = sorted(path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*.html"))
# One of each kind: prose, tables, pictures, long blocks of code, options, lists of everything.
KINDS = (
    "index.html",
    "tutorial.html",
    "explanation/comparison.html",
    "explanation/run.html",
    "reference/commands.html",
    "reference/environment.html",
    "reference/shipped-templates.html",
)
# How far the page, and the words of each paragraph, reach beyond their room.
TOO_WIDE = """() => [
  document.documentElement.scrollWidth - document.documentElement.clientWidth,
  ...[...document.querySelectorAll('article :is(p, li, dt, dd, h1, h2, h3)')]
    .filter(e => !e.closest('.table-wrapper, .drawn, pre'))
    .map(e => e.scrollWidth - e.clientWidth)
]"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        yield running
        running.close()


def test_no_page_scrolls_sideways_on_a_phone(browser):
    page = browser.new_context(viewport={"width": 360, "height": 800}).new_page()
    wide = {}
    for name in PAGES:
        page.goto((BUILT / name).as_uri(), wait_until="commit")
        page.wait_for_load_state("domcontentloaded")
        most = max(page.evaluate(TOO_WIDE))
        if most > 0:
            wide[name] = most
    assert wide == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser, theme):
    page = browser.new_context(color_scheme=theme).new_page()
    found = {}
    for name in KINDS:
        page.goto((BUILT / name).as_uri())
        for violation in axe.Axe().run(page).response["violations"]:
            nodes = [node["html"][:120] for node in violation["nodes"][:3]]
            found[f"{name} {violation['id']}"] = nodes
    assert found == {}


def test_links_lead_somewhere():
    texts = {name: (BUILT / name).read_text(encoding="utf-8") for name in PAGES}
    places = {name: {*re.findall(r'\bid="([^"]+)"', text)} for name, text in texts.items()}
    dead = []
    for name, text in texts.items():
        for link in re.findall(r'<(?:a|img|link)\b[^>]*?\b(?:href|src)="([^"]+)"', text):
            path, _, place = unquote(unescape(link)).partition("#")
            if re.match(r"[a-z]+:|//", link):
                continue
            target = ((BUILT / name).parent / path.partition("?")[0]).resolve() if path else None
            if target and not target.exists():
                dead.append(f"{name}: {link}")
            page = target.relative_to(BUILT.resolve()).as_posix() if target else name
            if place and page in places and place not in places[page]:
                dead.append(f"{name}: {link}")
    assert dead == []
