"""`distgen report`: a folder of pages, replaced whole, that a browser shows without a server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from testing.commandline import keeps_to_its_schema
from testing.downstream import git
from testing.sites import distgen, save, site

from distgen.cli.commands.report import find_address
from distgen.errors import DistgenError
from distgen.model.catalogue import Catalogue
from distgen.model.words import Origin
from distgen.report.folder import write_report
from distgen.report.links import catalogue_address, line_address
from distgen.report.listing import LISTING, listed_files

TEMPLATE = "templates/app/Dockerfile.j2"


@pytest.fixture
def root(catalogue):
    """A catalogue of three images, of which the first is the parent of the others."""
    return site(catalogue, "base", "app", "tool")


def edit(root: Path, old: str, new: str, path: str = TEMPLATE) -> None:
    file = root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def listing(folder: Path):
    return json.loads((folder / LISTING).read_text())


def test_a_report_of_what_publishing_would_do(root, tmp_path):
    folder = tmp_path / "pages"
    ran = distgen(root, "report", "-o", folder, "--format", "json")
    assert (ran.code, json.loads(ran.out)) == (0, listing(folder))
    keeps_to_its_schema("report", listing(folder))
    assert {*contents(folder)} == {*listing(folder)["files"]}
    assert {row["change"] for row in listing(folder)["images"]} == {"added"}
    assert (
        ran.err.splitlines()[-1] == f"wrote {len(contents(folder))} files; open {folder}/index.html"
    )


def test_a_report_since_a_revision_reads_no_repository(root, tmp_path):
    edit(root, "RUN", "USER 1\nRUN")
    edit(
        root, "docker.io/library/debian:12", "docker.io/library/debian:13", "overlays/ns/base.yaml"
    )
    folder = tmp_path / "pages"
    ran = distgen(root, "report", "-o", folder, "--since", "HEAD")
    assert ran.code == 0
    keeps_to_its_schema("report", listing(folder))
    assert [(row["image"], row["change"]) for row in listing(folder)["images"]] == [
        ("ns/base", "changed"),
        ("ns/app", "changed"),
        ("ns/tool", "changed"),
    ]
    assert [(row["kind"], row["images"]) for row in listing(folder)["groups"]] == [
        ("base", 1),
        ("runtime", 2),
    ]
    commit = git(root, "rev-parse", "HEAD").strip()
    assert listing(folder)["provenance"]["compared with"] == f"HEAD ({commit})"
    assert listing(folder)["provenance"]["catalogue"].endswith("-dirty")
    assert not (root / "dist-git").exists()


def test_images_that_are_only_built_anew_have_a_page(root, tmp_path):
    edit(root, "debian:12", "debian:13", "overlays/ns/base.yaml")
    assert distgen(root, "report", "-o", tmp_path / "pages", "--since", "HEAD").code == 0
    rows = {row["image"]: row for row in listing(tmp_path / "pages")["images"]}
    assert {name: row["change"] for name, row in rows.items()} == {
        "ns/base": "changed",
        "ns/app": "rebuilt",
        "ns/tool": "rebuilt",
    }
    page = (tmp_path / "pages" / rows["ns/app"]["page"]).read_text()
    assert "built anew because an image below it changes" in page
    assert f'href="{rows["ns/base"]["page"]}"' in page
    assert TEMPLATE in page


def test_pages_say_why_images_are_affected(root, tmp_path):
    edit(root, "RUN", "USER 1\nRUN")
    edit(root, "debian:12", "debian:13", "overlays/ns/base.yaml")
    (root / "overlays/ns/tool.yaml").unlink()
    assert distgen(root, "report", "-o", tmp_path / "pages", "--since", "HEAD").code == 0
    affected = json.loads(distgen(root, "affected", "--since", "HEAD", "--format", "json").out)
    rows = {row["image"]: row for row in listing(tmp_path / "pages")["images"]}
    assert {row["image"]: row["reasons"] for row in affected} == {
        name: row["reasons"] for name, row in rows.items()
    }
    assert rows["ns/app"]["reasons"] == [f"template:{TEMPLATE}:2", "parent:ns/base@main"]
    for name in ("index.html", rows["ns/app"]["page"]):
        assert f"<code>template:{TEMPLATE}:2</code>" in (tmp_path / "pages" / name).read_text()


def test_the_page_of_an_image_has_the_last_commits_of_its_branch(root, tmp_path):
    assert distgen(root, "publish").code == 0
    folder = root / "dist-git/ns/app.git"
    for number in range(11):
        words = ("commit-tree", "main^{tree}", "-p", "main", "-m", f"Commit {number}")
        git(folder, "update-ref", "refs/heads/main", git(folder, *words).strip())
    edit(root, "RUN", "USER 99\nRUN")
    save(root)
    ran = distgen(root, "report", "-o", tmp_path / "pages")
    assert ran.code == 0, ran.err
    row = next(row for row in listing(tmp_path / "pages")["images"] if row["image"] == "ns/app")
    page = (tmp_path / "pages" / row["page"]).read_text()
    log = git(folder, "log", "-10", "--format=%H %as", "main").splitlines()
    assert len(log) == 10
    rows = re.findall(r'<td><code>(\w{12})</code></td><td class="day">(.*?)</td>', page)
    assert rows == [(line[:12], line[41:]) for line in log]
    assert distgen(root, "report", "-o", tmp_path / "since", "--since", "HEAD^").code == 0
    since = (tmp_path / "since" / row["page"]).read_text()
    assert "Last commits" not in since
    assert "reads no repository" in since


def test_an_image_that_is_gone_has_a_page(root, tmp_path):
    (root / "overlays/ns/tool.yaml").unlink()
    assert distgen(root, "report", "-o", tmp_path / "pages", "--since", "HEAD").code == 0
    assert [(row["image"], row["change"]) for row in listing(tmp_path / "pages")["images"]] == [
        ("ns/tool", "removed")
    ]


def test_the_same_input_gives_the_same_bytes(root, tmp_path):
    edit(root, "RUN", "USER 1\nRUN")
    for name in ("one", "two"):
        assert distgen(root, "report", "-o", tmp_path / name, "--since", "HEAD").code == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_report_replaces_the_one_before_it(root, tmp_path):
    folder = tmp_path / "pages"
    assert distgen(root, "report", "-o", folder).code == 0
    before = {*contents(folder)}
    edit(root, "RUN", "USER 1\nRUN")
    save(root)
    assert distgen(root, "report", "-o", folder).code == 0
    assert {*contents(folder)} == {*listing(folder)["files"]} != before
    assert [path.name for path in tmp_path.iterdir() if "pages" in path.name] == ["pages"]


@pytest.mark.parametrize("name", ["notes.txt", LISTING])
def test_a_folder_with_other_files_is_left_alone(root, tmp_path, name):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / name).write_text("mine")
    ran = distgen(root, "report", "-o", folder)
    assert (ran.code, ran.err) == (
        2,
        f"distgen: {folder}: {name} in it is not of a report; name an empty or a new folder, or"
        " that of an earlier report\n",
    )
    assert contents(folder) == {name: b"mine"}


def test_a_file_that_somebody_put_beside_the_pages_is_left_alone(root, tmp_path):
    folder = tmp_path / "pages"
    assert distgen(root, "report", "-o", folder).code == 0
    (folder / "notes.txt").write_text("mine")
    before = contents(folder)
    assert distgen(root, "report", "-o", folder).code == 2
    assert contents(folder) == before


@pytest.mark.parametrize("words", [("--since", "nowhere"), ("ns/nothing",), ("--since", "")])
def test_bad_input_writes_nothing(root, tmp_path, words):
    ran = distgen(root, "report", "-o", tmp_path / "pages", *words)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "pages").exists()


def test_a_run_that_is_interrupted_leaves_the_report_as_it_was(tmp_path):
    folder = tmp_path / "pages"
    names = b'{"version": 1, "files": ["a", "report.json"]}'
    write_report(folder, [("a", b"old"), (LISTING, names)])

    def files():
        yield "a", b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(folder, files())
    assert contents(folder) == {"a": b"old", LISTING: names}
    assert [path.name for path in tmp_path.iterdir()] == ["pages"]


def test_a_link_to_a_report_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "pages")
    names = b'{"version": 1, "files": ["a", "report.json"]}'
    for content in (b"1", b"2"):
        write_report(tmp_path / "link", [("a", content), (LISTING, names)])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "pages/a").read_bytes() == b"2"


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DistgenError, match=r"not a directory|file exists"):
        write_report(tmp_path / "file" / "pages", [])


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version": 2, "files": ["a"]}', b"[" * 9**5]
)
def test_what_is_not_a_listing_names_no_files(content):
    assert listed_files(content) == frozenset()


COMMIT = "1" * 40


@pytest.mark.parametrize(
    ("address", "folder", "page"),
    [
        ("https://github.com/o/images.git", "", f"https://github.com/o/images/-/{COMMIT}/"),
        ("https://me:secret@host/o/i", "a b", f"https://host/o/i/-/{COMMIT}/a%20b/"),
        ("https://host:8443/g/s/i.git", "", f"https://host:8443/g/s/i/-/{COMMIT}/"),
        ("ssh://git@github.com/o/i", "", ""),
        ("https://[github", "", ""),
        ("https://host:99999/o/i", "", ""),
        ("javascript://github.com/%0aalert(1)", "", ""),
        ("", "", ""),
    ],
)
def test_a_forge_shows_the_catalogue_where_its_address_is_known(address, folder, page):
    assert catalogue_address(address, "-", COMMIT, folder) == page
    assert catalogue_address(address, "", COMMIT, folder) == ""
    assert catalogue_address(address, "-", "", folder) == ""


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("github.com", f"blob/{COMMIT}/"),
        ("gitlab.example.org", f"-/blob/{COMMIT}/"),
        ("forgejo.example.org", f"src/commit/{COMMIT}/"),
        ("gitea.com", f"src/commit/{COMMIT}/"),
        ("review.gerrit.org", None),
        ("example.org", None),
    ],
)
def test_each_forge_says_where_it_shows_a_file(host, path):
    source = f"https://{host}/o/i"
    catalogue = Catalogue("/nowhere", (), {}, {}, source)
    assert find_address(catalogue, COMMIT) == (f"{source}/{path}" if path else "")
    assert find_address(catalogue, "") == ""


def test_a_line_of_the_catalogue_leads_to_the_forge(root, tmp_path):
    settings = root / "distgen.yaml"
    settings.write_text(settings.read_text() + "source: https://github.com/o/images.git\n")
    edit(root, "RUN", "USER 1\nRUN")
    commit = save(root)
    assert distgen(root, "report", "-o", tmp_path / "pages", "--since", "HEAD^").code == 0
    group = listing(tmp_path / "pages")["groups"][0]["page"]
    page = (tmp_path / "pages" / group).read_text()
    assert f'href="https://github.com/o/images/blob/{commit}/{TEMPLATE}#L2"' in page


def test_a_line_that_is_not_committed_leads_nowhere(root):
    assert line_address("", Origin(TEMPLATE, 2)) == ""
    assert line_address("https://github.com/o/i/blob/1/", Origin("/usr/x", 2)) == ""


def test_a_line_of_the_dockerfile_says_who_set_its_values(root, tmp_path):
    edit(root, "RUN", "USER 1\nRUN")
    assert distgen(root, "report", "-o", tmp_path / "pages", "--since", "HEAD").code == 0
    row = next(row for row in listing(tmp_path / "pages")["images"] if row["image"] == "ns/app")
    page = (tmp_path / "pages" / row["page"]).read_text()
    annotations = json.loads(
        distgen(root, "explain", "ns/app", "--annotate", "Dockerfile", "--format", "json").out
    )[0]["lines"]
    values = [value for line in annotations for value in line["values"]]
    assert values
    for value in values:
        assert f'^ {value["key"]} <span class="origin">{value["origin"]}</span>' in page
    assert page.count('<td class="origin">(header)</td>') == sum(
        line["kind"] == "header" for line in annotations
    )
