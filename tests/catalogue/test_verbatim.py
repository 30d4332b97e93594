"""Files of an image that are copied byte for byte, whatever their names and contents."""

import json
import os

import pytest
from testing.catalogues import images_by_key
from testing.dist_git import git
from testing.sites import distgen, save

from distgen.catalogue.load import load_catalogue
from distgen.catalogue.verbatim import is_verbatim, kept_path, link_problem
from distgen.errors import InputError
from distgen.model.lock import Lock
from distgen.render.renderer import Renderer

DOCKERFILE = b"\n\n\nFROM docker.io/library/debian:12   \r\nRUN echo {{ x }} {% if"
FOLDER = "overlays/ns/app/verbatim"
BASICS = {
    "templates/verbatim/template.yaml": "description: As it is\nverbatim: true\n",
    "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {main: {}, old: {}}\n",
    "overlays/ns/app.yaml": "template: verbatim\nfrom: docker.io/library/debian:12\n",
    f"{FOLDER}/Dockerfile": DOCKERFILE,
}


def tree(root, stream="main"):
    found = load_catalogue(root)
    image = next(image for image in found.images if image.stream.name == stream)
    rendered = Renderer(found, Lock()).tree(image)
    return {file.path: (oct(file.mode), file.content) for file in rendered.files}


def test_files_are_copied_as_they_are(catalogue):
    root = catalogue(
        BASICS
        | {
            f"{FOLDER}/api.conf.j2": b"{{ nothing }} {% raw",
            f"{FOLDER}/patches/fix.patch": b"no patch\0",
            f"{FOLDER}/tests.yaml": b"- a: [",
            f"{FOLDER}/{{{{ image.name }}}}.txt": b"x",
            f"{FOLDER}/.gitignore.raw": b"*",
            f"{FOLDER}/.gitattributes.raw": b"* text",
            f"{FOLDER}/notes~.raw": b"",
            f"{FOLDER}/__pycache__.raw/a.pyc.raw": b"\xff",
            f"{FOLDER}/twice.raw.raw": b"1",
            f"{FOLDER}/menu.link.raw": b"2",
            f"{FOLDER}/bin/sh.link": b"../run.sh",
            f"{FOLDER}/run.sh": b"#!/bin/sh\r\n",
        }
    )
    plain = {path: content for path, (mode, content) in tree(root).items() if mode == "0o100644"}
    assert plain == {
        "Dockerfile": DOCKERFILE,
        "api.conf.j2": b"{{ nothing }} {% raw",
        "patches/fix.patch": b"no patch\0",
        "tests.yaml": b"- a: [",
        "{{ image.name }}.txt": b"x",
        ".gitignore": b"*",
        ".gitattributes": b"* text",
        "notes~": b"",
        "__pycache__/a.pyc": b"\xff",
        "twice.raw": b"1",
        "menu.link": b"2",
    }
    assert tree(root)["run.sh"] == ("0o100755", b"#!/bin/sh\r\n")
    assert tree(root)["bin/sh"] == ("0o120000", b"../run.sh")


def test_a_stream_has_files_of_its_own(catalogue):
    root = catalogue(
        BASICS
        | {
            "overlays/ns/app/verbatim@old/Dockerfile": "FROM old\n",
            "overlays/ns/app/verbatim@main/new.txt": "new\n",
        }
    )
    assert tree(root)["Dockerfile"][1] == DOCKERFILE
    assert tree(root, "old") == {"Dockerfile": ("0o100644", b"FROM old\n")}
    assert "new.txt" in tree(root)


def test_a_template_prints_as_it_is(catalogue):
    """No header, nothing tidied: the file may begin with blank lines and end without a line end."""
    root = catalogue(
        BASICS
        | {
            "templates/verbatim/Dockerfile.j2": b"\n\n\nFROM x  \nLABEL name={{ image.name }}",
            "templates/heir/template.yaml": "description: As it is, too\nextends: verbatim\n",
            "overlays/ns/app.yaml": "template: heir\nfrom: docker.io/library/debian:12\n",
        }
    )
    (root / FOLDER / "Dockerfile").unlink()
    assert tree(root) == {"Dockerfile": ("0o100644", b"\n\n\nFROM x  \nLABEL name=app")}
    ran = distgen(root, "explain", "ns/app", "Dockerfile:4")
    assert ran.code == 0
    assert "templates/verbatim/Dockerfile.j2:4" in ran.out


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("verbatim@od/x", b"", "the namespace has no stream `od` to copy this for"),
        ("verbatim/.distgen.json", b"", "distgen writes `.distgen.json` itself"),
        ("verbatim/x.link", b"/etc/passwd", "leads out of the tree"),
        ("verbatim/a/x.link", b"../../x", "leads out of the tree"),
        ("verbatim/x.link", b".git/config", "leads into a git repository"),
        ("verbatim/x.link", b"", "leads to no name of a file"),
        ("verbatim/x.link", b"a\nb", "leads to no name of a file"),
        ("verbatim/x.link", b"\xff", "leads to a name that is not UTF-8"),
        ("verbatim/x.raw", b"", "goes to `verbatim/x`, as does"),
    ],
)
def test_what_cannot_be_copied_is_refused(catalogue, path, content, words):
    root = catalogue(BASICS | {f"{FOLDER}/x": b"", f"overlays/ns/app/{path}": content})
    with pytest.raises(InputError, match=words):
        images_by_key(root)


@pytest.mark.parametrize("is_link", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        *("a", "a/b.c", "x.raw", "x.link", "x.raw.raw", ".gitignore", "sub/.gitattributes"),
        *(".GitIgnore", "a~", "__pycache__/x.pyc", "x.raw/y.link", "y.link/x", ".link", ".raw"),
        *("Dockerfile.swp", ".x.swp", "a.link.raw", "a.raw.link"),
    ],
)
def test_every_name_comes_back(catalogue, path, is_link):
    root = catalogue(BASICS | {f"{FOLDER}/{kept_path(path, is_link)}": b"Dockerfile"})
    rendered = tree(root)
    assert rendered.keys() == {"Dockerfile", path}
    assert (rendered[path][0] == "0o120000") == is_link


def test_links_are_rendered_into_a_folder(catalogue, tmp_path):
    """They once ended the rendering of all images, with a sentence that named none."""
    files = {f"{FOLDER}/bin/sh.link": b"../run", f"{FOLDER}/run": b"", "overlays/ns/b.yaml": ""}
    files["overlays/ns/b.yaml"] = BASICS["overlays/ns/app.yaml"]
    files["overlays/ns/b/verbatim/Dockerfile"] = "FROM docker.io/library/debian:12\n"
    root, out = catalogue(BASICS | files), tmp_path / "out"
    for words in ((), ("--check",)):
        assert distgen(root, "render", "-o", str(out), *words).code == 0
    place = out / "ns/app/main/bin/sh"
    assert os.readlink(place) == "../run"
    assert (out / "ns/b/main/Dockerfile").is_file()
    (root / FOLDER / "bin/sh.link").write_bytes(b"../Dockerfile")
    assert distgen(root, "render", "-o", str(out), "--check").code == 1
    assert distgen(root, "render", "-o", str(out)).code == 0
    assert os.readlink(place) == "../Dockerfile"
    (root / FOLDER / "bin/sh.link").unlink()
    (root / FOLDER / "bin/sh").mkdir()
    (root / FOLDER / "bin/sh/x").write_bytes(b"x")
    assert distgen(root, "render", "-o", str(out)).code == 0
    assert (place / "x").read_bytes() == b"x"


def test_an_image_without_values_is_explained(catalogue):
    """Explaining it ended with a traceback."""
    ran = distgen(catalogue(BASICS), "explain", "ns/app@main")
    assert (ran.code, ran.out) == (0, "no value is set, not even by its template\n")


def test_no_link_leads_out_through_another(catalogue):
    """By the words of each alone, both stay; together, they lead above the tree."""
    links = {f"{FOLDER}/here.link": b".", f"{FOLDER}/a/up.link": b"../here/here/../../secret"}
    with pytest.raises(InputError, match="'a/up' is a symbolic link that leads through the link"):
        tree(catalogue(BASICS | links))
    straight = {f"{FOLDER}/here.link": b".", f"{FOLDER}/a/up.link": b"../b/../here/Dockerfile"}
    assert tree(catalogue(BASICS | straight))["a/up"][1] == straight[f"{FOLDER}/a/up.link"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "bin/../.git/config"])
def test_no_patch_leads_a_link_out(catalogue, target):
    """What a link holds was looked at before patches were applied, and published after that."""
    end = "\\ No newline at end of file\n"
    patch = f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-Dockerfile\n{end}+{target}\n{end}"
    files = {f"{FOLDER}/x.link": b"Dockerfile", "overlays/ns/app/patches/1.patch": patch}
    with pytest.raises(InputError, match="'x' is a symbolic link that leads out of the tree"):
        tree(catalogue(BASICS | files))


def test_no_file_goes_through_a_link(catalogue):
    root = catalogue(
        BASICS | {f"{FOLDER}/a.link": b"b", f"{FOLDER}/a/x": b"", f"{FOLDER}/b/y": b""}
    )
    with pytest.raises(InputError, match="both a file and a folder"):
        tree(root)


def test_only_one_folder_is_meant():
    assert is_verbatim("verbatim/x")
    assert is_verbatim("verbatim@old/x")
    assert not is_verbatim("verbatim")
    assert not is_verbatim("verbatims/x")
    assert link_problem("a/b", b"../c") == ""


def test_a_repository_that_has_all_files_gets_the_manifest_alone(catalogue, tmp_path):
    """The rules would refuse its Dockerfile, but what is there already is not judged."""
    work = tmp_path / "work"
    git("init", "-q", "-b", "main", str(work))
    faulty = DOCKERFILE + b"\nCOPY missing /\n"
    (work / "Dockerfile").write_bytes(faulty)
    (work / "NOTES").write_text("a packager's own\n")
    git("add", "-A", folder=work)
    git("commit", "-qm", "First", folder=work)
    root = catalogue(BASICS | {".gitignore": "/dist-git/\n", ".gitattributes": "* -text\n"})
    (root / FOLDER / "Dockerfile").write_bytes(faulty)
    (root / "overlays/ns/namespace.yaml").write_text("registry: quay.io/ns\nstreams: {main: {}}\n")
    repository = root / "dist-git/ns/app.git"
    git("clone", "-q", "--bare", str(work), str(repository))
    save(root)
    assert distgen(root, "publish").code == 0
    names = git("diff", "--name-status", "main~", "main", folder=repository)
    assert names == "A\t.distgen.json\n"
    message = git("log", "-1", "--format=%B", "main", folder=repository)
    assert message.startswith(
        "ns/app: taking over stream main\n\nbase image docker.io/library/debian:12\n"
        "its file stays as it is\n"
    )
    assert distgen(root, "publish", "--format", "json").results[0]["status"] == "unchanged"
    verified = json.loads(distgen(root, "verify", "--format", "json").out)
    assert [row["status"] for row in verified["results"]] == ["reproduced"]
    (root / FOLDER / "Dockerfile").write_bytes(faulty + b"RUN true\n")
    save(root)
    assert distgen(root, "publish").code == 1, "a change is judged"
