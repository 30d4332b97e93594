"""A review in a real browser: by keyboard, without a server, and readable for everybody."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from testing.sites import distgen, site

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
BASE = "overlays/ns/base.yaml"
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
# axe reads styles again by a request, which the policy of the pages refuses.
OF_AXE = ("violates the following Content Security Policy", "Couldn't load preload assets")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as chromium:
        running = chromium.chromium.launch(executable_path=CHROMIUM)
        yield running
        running.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report of two edits, one of them in two images; no test changes it."""
    template = "templates/app/Dockerfile.j2"
    return make_report(
        tmp_path_factory.mktemp("report"),
        {template: ("{{ line }}", '{{ line }}\nLABEL a="<b>"'), BASE: ("debian:12", "debian:13")},
    )


@pytest.fixture(scope="module")
def quiet_folder(tmp_path_factory):
    """A report of a change that reaches one of two images of a parent, and not the parent."""
    app = "overlays/ns/app.yaml"
    change = {app: ("from: ns/base", "from: ns/base\nvalues: {line: another}")}
    return make_report(tmp_path_factory.mktemp("quiet"), change)


def make_report(home: Path, edits: Mapping[str, tuple[str, str]]) -> Path:
    root = site(lambda files: write_files(home / "catalogue", files), "base", "app", "tool")
    for path, (old, new) in edits.items():
        text = (root / path).read_text()
        assert old in text
        (root / path).write_text(text.replace(old, new))
    assert distgen(root, "report", "-o", home / "pages", "--since", "HEAD").code == 0
    return home / "pages"


def write_files(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text))
    return root


class Visit:
    """A page in a browser, with all that it complained of or asked for elsewhere."""

    def __init__(self, browser, folder: Path, **options) -> None:
        self.folder = folder
        self.complaints: list[str] = []
        self.page = browser.new_context(**options).new_page()
        self.page.on("console", lambda message: self._note(message.text))
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("request", lambda request: self._look_at(request.url))

    def open(self, name: str = "index.html"):
        self.page.goto(f"{self.folder.as_uri()}/{name}")
        return self.page

    @property
    def name(self) -> str:
        return self.page.url.rpartition("/")[2]

    def _note(self, text: str) -> None:
        if not any(words in text for words in OF_AXE):
            self.complaints.append(text)

    def _look_at(self, url: str) -> None:
        if not url.startswith(self.folder.as_uri()):
            self.complaints.append(f"a request for {url}")


def listing(folder: Path):
    return json.loads((folder / "report.json").read_text())


def pages_of_each_kind(folder: Path) -> dict[str, str]:
    rows = listing(folder)
    return {
        "overview": "index.html",
        "graph": "graph.html",
        "group": rows["groups"][0]["page"],
        "image": rows["images"][0]["page"],
    }


@pytest.fixture
def keep_picture(request):
    """Return a function that keeps a picture of a page in the folder of `--screenshots`."""
    pictures = request.config.getoption("--screenshots")

    def keep(page, name: str) -> None:
        if pictures:
            page.screenshot(path=pictures / f"{name}.png", full_page=True)

    return keep


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_any_theme(browser, folder, theme, keep_picture):
    visit = Visit(browser, folder, color_scheme=theme)
    for kind, name in pages_of_each_kind(folder).items():
        violations = axe.Axe().run(visit.open(name)).response["violations"]
        keep_picture(visit.page, f"{kind}-{theme}")
        assert [(name, row["id"], row["nodes"][0]["html"]) for row in violations] == []
    assert visit.complaints == []


def test_a_page_fits_a_telephone(browser, folder, keep_picture):
    visit = Visit(browser, folder, viewport={"width": 360, "height": 640})
    for kind, name in pages_of_each_kind(folder).items():
        width = visit.open(name).evaluate("document.documentElement.scrollWidth")
        violations = axe.Axe().run(visit.page).response["violations"]
        keep_picture(visit.page, f"{kind}-360")
        assert width <= 360, name
        assert [(name, row["id"], row["nodes"][0]["html"]) for row in violations] == []
        cut = "[...document.querySelectorAll('.diff code')].some((e) => e.scrollWidth > 360)"
        assert not visit.page.evaluate(cut), "a change would be out of sight"


def test_a_printed_page_is_light_and_not_cut(browser, folder, keep_picture):
    visit = Visit(browser, folder, color_scheme="dark", viewport={"width": 800, "height": 900})
    for kind, name in pages_of_each_kind(folder).items():
        page = visit.open(name)
        page.emulate_media(media="print", color_scheme="dark")
        keep_picture(page, f"{kind}-print")
        assert page.evaluate("document.documentElement.scrollWidth") <= 800, name
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert back == "rgb(255, 255, 255)"


def test_a_review_by_keyboard(browser, folder):
    first, second = (row["page"] for row in listing(folder)["groups"])
    visit = Visit(browser, folder)
    page = visit.open()
    page.get_by_role("link", name="debian:13").press("Enter")
    page.get_by_role("button", name="Reviewed", pressed=False).wait_for()
    assert visit.name == first
    page.keyboard.press("x")
    page.get_by_role("button", name="Reviewed", pressed=True).wait_for()
    page.keyboard.press("j")
    page.get_by_role("button", name="Reviewed", pressed=False).wait_for()
    assert visit.name == second
    page.keyboard.press("k")
    page.get_by_role("button", name="Reviewed", pressed=True).wait_for()
    visit.open()
    assert page.locator("tr.reviewed").count() == 1
    assert visit.complaints == []


def test_the_view_that_was_chosen_is_kept(browser, folder):
    first, second = (row["page"] for row in listing(folder)["groups"])
    visit = Visit(browser, folder)
    page = visit.open(first)
    assert page.get_by_role("region", name="Unified diff").is_visible()
    page.get_by_role("radio", name="Side by side").check()
    for name in (first, second):
        visit.open(name)
        assert page.get_by_role("region", name="Side by side").is_visible()
        assert not page.get_by_role("region", name="Unified diff").is_visible()


def test_a_table_shows_the_rows_that_hold_what_is_typed(browser, folder):
    page = Visit(browser, folder).open()
    page.get_by_label("Filter images").fill("TOOL")
    rows = page.locator('table[data-filter="images"] tbody tr:visible')
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["ns/tool@main"]


def test_the_graph_leads_to_images_and_opens_what_is_untouched(browser, quiet_folder):
    visit = Visit(browser, quiet_folder)
    page = visit.open("graph.html")
    picture = page.get_by_label("Images and what they are built on")
    assert picture.get_by_role("link").count() == 1
    assert picture.get_by_role("img", name="ns/base@main, untouched").is_visible()
    page.get_by_role("button", name="+1 untouched on ns/base@main").focus()
    page.keyboard.press("Enter")
    picture.get_by_label("ns/tool@main, untouched").wait_for()
    page.get_by_label("Find").fill("TOOL")
    page.get_by_text("1 image", exact=True).wait_for()
    picture.get_by_role("link", name="ns/app@main, changed").press("Enter")
    page.get_by_role("heading", name="ns/app@main", level=1).wait_for()
    assert visit.complaints == []


def test_lines_of_the_graph_begin_behind_names(browser, folder):
    page = Visit(browser, folder).open("graph.html")
    names = page.locator("#canvas .node text")
    links = page.locator("#canvas path.link")
    boxes = [box.bounding_box() for box in names.all()]
    assert len(boxes) > 1 and links.count() > 0
    for link in links.all():
        line = link.bounding_box()
        for box in boxes:
            assert is_apart(line, box), (line, box)


def is_apart(one, other) -> bool:
    """Tell whether two boxes share no point."""
    return any(
        one[side] >= other[side] + other[length] or other[side] >= one[side] + one[length]
        for side, length in (("x", "width"), ("y", "height"))
    )


def test_a_wheel_alone_goes_on_down_the_page(browser, folder):
    page = Visit(browser, folder, viewport={"width": 600, "height": 400}).open("graph.html")
    layer = page.locator("#canvas svg > g")
    before = layer.get_attribute("transform")
    page.locator("#canvas").hover()
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(100)
    assert layer.get_attribute("transform") == before
    page.get_by_role("button", name="Closer").click()
    assert layer.get_attribute("transform") != before


def test_the_graph_is_a_list_without_scripts(browser, quiet_folder):
    page = Visit(browser, quiet_folder, java_script_enabled=False).open("graph.html")
    assert not page.get_by_role("heading", name="Picture").is_visible()
    assert page.get_by_text("+1 untouched").is_visible()
    assert page.get_by_role("link", name="ns/app@main").is_visible()


def test_without_scripts_all_is_there_but_filters_and_marks(browser, folder):
    visit = Visit(browser, folder, java_script_enabled=False)
    page = visit.open()
    page.get_by_role("link", name="debian:13").click()
    assert page.get_by_role("region", name="Unified diff").is_visible()
    page.get_by_role("radio", name="Side by side").check()
    assert page.get_by_role("region", name="Side by side").is_visible()
    assert page.get_by_role("button", name="Reviewed").count() == 0
    page.get_by_role("link", name="ns/base@main").click()
    assert page.get_by_role("heading", name="ns/base@main").is_visible()
    assert page.get_by_text("templates/app/Dockerfile.j2:1", exact=True).first.is_visible()
    assert visit.complaints == []
