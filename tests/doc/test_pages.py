"""The README and the pages of the documentation, followed to the letter as a new user would.

`python tests/doc/test_pages.py PAGE...` writes into pages what their commands really print, and
leaves commands, exit codes and prose alone; read the difference before you commit it.
"""

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

HERE = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(HERE / "tests"))

from testing.pages import Commits, abridge, blocks, steps  # noqa: E402
from testing.reader import begin, follow  # noqa: E402
from testing.situations import SITUATIONS, Situation  # noqa: E402
from testing.transports import program as reach_program  # noqa: E402
from testing.world import world  # noqa: E402

from distgen.catalogue.load import load_catalogue  # noqa: E402
from distgen.schema.packaged import load_schema  # noqa: E402

PAGES = [HERE / "README.rst", *sorted((HERE / "doc").rglob("*.rst"))]
PROGRAMS = ("ssh-keygen", "jq", "skopeo", "docker-compose")
CATALOGUE = ("templates", "overlays", "distgen.yaml", "distgen.lock", ".gitignore")


def make_catalogue(root: Path) -> None:
    """Make a clone of the repository, as far as a catalogue goes."""
    root.mkdir()
    for name in CATALOGUE:
        copy = shutil.copytree if (HERE / name).is_dir() else shutil.copy2
        copy(HERE / name, root / name)
    words = "git init -q && git add -A && git commit -q -m 'Begin with the default catalogue'"
    person = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", "distgen"), ("EMAIL", "distgen@example.org"))
    }
    subprocess.run(words, shell=True, cwd=root, env={**os.environ, **person}, check=True)


def read(page: Path, folder: Path):
    """Follow a page in a folder that holds a `catalogue`; yield what is not as it says."""
    if page.name.startswith("kolla"):
        pytest.importorskip("kolla")
    for program in PROGRAMS:
        if re.search(rf"^ +(\$ )?{program} ", page.read_text(), re.MULTILINE):
            reach_program(program)
    commits = Commits()
    with world(folder / "world") as around:
        situation = SITUATIONS.get(page.name, Situation(start="catalogue"))
        situation.prepare(around, folder)
        around.open()
        environment = begin(folder, around.environment)
        start = folder / situation.start
        start.mkdir(exist_ok=True)
        for deviation in follow(steps(page), start, environment, commits):
            yield deviation, commits


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """The default catalogue, committed once for all pages."""
    root = tmp_path_factory.mktemp("pages") / "catalogue"
    make_catalogue(root)
    return root


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(steps(page))], ids=lambda page: page.name
)
def test_a_page_says_what_happens(page, prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "catalogue", symlinks=True)
    for deviation, commits in read(page, tmp_path):
        pytest.fail(explain(page, deviation, commits), pytrace=False)


def test_no_page_shows_a_command_that_is_not_followed():
    """Commands of a `text` block, or of a paragraph that ends in `::`, were never run."""
    unfollowed = []
    for page in PAGES:
        text = page.read_text()
        listings = [block.text for block in blocks(page) if block.language == "text"]
        listings += re.findall(r"^(?!\.\.).*::\n\n((?: +.*\n|\n)+)", text, re.MULTILINE)
        for listing in listings:
            unfollowed += re.findall(r"^ *(?:\$ |distgen ).*", listing, re.MULTILINE)
    assert not unfollowed


FRAGMENTS = [
    pytest.param(block.text, id=f"{page.name}:{block.start}")
    for page in PAGES
    for block in blocks(page)
    if block.language == "yaml" and not block.caption
]


@pytest.mark.parametrize("text", FRAGMENTS)
def test_a_fragment_of_a_file_has_keys_that_there_are(text):
    fragment = yaml.safe_load(text)
    problems = {}
    for kind in ("config", "namespace", "image", "template"):
        errors = Draft202012Validator(load_schema(kind)).iter_errors(fragment)
        problems[kind] = [error.message for error in errors if error.validator != "required"]
    assert not all(problems.values()), problems


def test_the_readme_keeps_its_two_commands_and_counts_its_images():
    text = (HERE / "README.rst").read_text()
    assert "::\n\n    pip install . && distgen publish\n\n" in text
    assert "::\n\n    pip install tox && tox\n\n" in text
    names = {image.full_name for image in load_catalogue(HERE).images}
    assert f"describes {len(names)} images" in text


def explain(page, deviation, commits) -> str:
    step = deviation.step
    place = f"{page.relative_to(HERE)}:{step.start + 1}: $ {deviation.words}"
    if not deviation.is_about_output:
        printed = "\n".join(deviation.printed[-30:])
        return f"{place}\nexit code {deviation.code}\n{printed}"
    printed = commits.as_on_page(deviation.printed)
    diff = difflib.unified_diff(step.shown, printed, "the page", "this run", lineterm="")
    again = f"python {Path(__file__).relative_to(HERE)} {page.relative_to(HERE)}"
    return "\n".join((place, *diff, f"`{again}` writes what happens into the page"))


def rewrite(page: Path) -> None:
    """Put what commands really print into a page, and say what else is not as the page says."""
    edits = []
    with tempfile.TemporaryDirectory(prefix="pages-") as name:
        folder = Path(name)
        make_catalogue(folder / "catalogue")
        for deviation, commits in read(page, folder):
            if not deviation.is_about_output:
                print(explain(page, deviation, commits))
                continue
            shown = abridge(deviation.step.shown, commits.as_on_page(deviation.printed))
            commits.are_same(shown, deviation.printed)
            edits.append((deviation.step, shown))
    lines = page.read_text(encoding="utf-8").splitlines()
    for step, shown in reversed(edits):
        lines[step.start : step.end] = [f"{' ' * step.indent}{row}".rstrip() for row in shown]
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    subprocess.run(["git", "--no-pager", "diff", "--", str(page)], check=True)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        rewrite(Path(argument).resolve())
