"""Archives that kolla-build makes while it builds: locked, listed, or fetched by the build."""

from __future__ import annotations

import io
import logging
import queue
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from testing.commandline import Upstream
from testing.servers import Front, Reply, serve

from distgen.catalogue.sources.dockerfile_needs import DockerfileNeeds
from distgen.catalogue.sources.kolla.archives import fetches_in_build, read_archives
from distgen.model.archives import Archive, ArchivePart

pytest.importorskip("kolla")
pytest_plugins = ["testing.commandline"]

NAMESPACE = """\
source: kolla
kolla:
  base: debian
  tag: "1"
  docker_dir: [images]
  regex: [^mine$]
  mine: {{type: url, location: {web}/mine.tar.gz}}
  mine-plugin-cloned: {{type: git, location: {git}, reference: topic/x}}
  mine-plugin-served: {{type: url, location: {web}/plugin.tar.gz}}
  mine-plugin-off: {{type: local, location: /srv/off, enabled: false}}
streams: {{main: }}
"""
DOCKERFILE = """\
FROM {{ namespace }}/{{ image_prefix }}base:{{ tag }}
RUN apt-get -y install git
ADD mine-archive /mine-source
ADD plugins-archive /
ADD additions-archive /
"""
BASE = "docker.io/library/debian:trixie"
MINE = "out/kolla/mine/main"


@dataclass
class Site:
    """A catalogue of one image of our own, and the servers of its sources."""

    root: Path
    server: Front
    upstream: Upstream
    files: dict[str, bytes]

    @property
    def web(self) -> str:
        return f"http://{self.server.host}"


def packed(folder: str, text: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"{folder}/setup.py")
        member.size, member.uid, member.mtime, member.mode = len(text), 1234, 99, 0o440
        archive.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


@pytest.fixture
def site(
    tmp_path: Path,
    catalogue: Callable[[dict[str, str]], Path],
    upstream: Callable[[str], Upstream],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    files = {"/mine.tar.gz": packed("mine-1", "one"), "/plugin.tar.gz": packed("plugin", "two")}
    cloned = upstream("cloned")
    (cloned.path / "setup.py").write_text("three")
    cloned.git("checkout", "-q", "-b", "topic/x")
    cloned.git("add", "-A")
    cloned.commit("add")
    text = f"version: 1\nbases: {{{BASE}: {{digest: sha256:{'a' * 64}}}}}\n"
    with serve(lambda request: Reply(200, files[request.path])) as server:
        texts = {
            "overlays/kolla/namespace.yaml": NAMESPACE.format(
                web=f"http://{server.host}", git=cloned.url
            ),
            "images/mine/Dockerfile.j2": DOCKERFILE,
            "distgen.lock": text,
        }
        yield Site(catalogue(texts), server, cloned, files)


def listing(path: Path) -> dict[str, tuple[object, ...]]:
    """Return what an archive holds, but for the inside of git's own folders."""
    with tarfile.open(path) as archive:
        return {
            member.name: (
                *(member.type, member.mode, member.uid, member.gid, member.uname, member.mtime),
                archive.extractfile(member).read() if member.isfile() else b"",  # type: ignore[union-attr]
            )
            for member in archive
            if "/.git/" not in member.name
        }


def run_sources(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "SOURCES"], cwd=folder, check=False, capture_output=True, text=True
    )


def write_as_kolla(site: Site, folder: Path) -> None:
    """Let Kolla make the archives of the image; it does so before it asks an engine."""
    pytest.importorskip("docker")
    from kolla.common import config
    from kolla.image.tasks import BuildTask
    from kolla.image.utils import Status
    from oslo_config import cfg

    def source(name: str, kind: str, place: str) -> dict[str, object]:
        return {
            "name": name,
            "type": kind,
            "source": place,
            "reference": "topic/x",
            "enabled": True,
            "sha256": None,
        }

    conf = cfg.ConfigOpts()
    config.parse(conf, [], prog="kolla-build", default_config_files=[])
    plugins = [
        source("mine-plugin-cloned", "git", site.upstream.url),
        source("mine-plugin-served", "url", f"{site.web}/plugin.tar.gz"),
    ]
    image = SimpleNamespace(
        name="mine",
        path=str(folder),
        source=source("mine", "url", f"{site.web}/mine.tar.gz"),
        plugins=plugins,
        additions=[],
        parent=None,
        status=Status.MATCHED,
        labels={},
        logger=logging.getLogger("kolla-archives"),
        canonical_name="mine",
    )
    folder.mkdir()
    task = BuildTask(conf, image, queue.Queue())
    task._ec = SimpleNamespace()  # no engine: by now the archives are there
    task.builder(image)


def run_distgen(distgen, *words):
    ran = distgen(*words)
    assert ran.code == 0, ran
    return ran


def findings(distgen, site, *words):
    """Return the lines and messages of lint about archives."""
    ran = distgen(site.root, "lint", "kolla/mine", "--format", "json", *words)
    rows = [row for row in ran.json if row["code"] in ("DG106", "DG109")]
    return [(row["code"], row["line"], row["message"]) for row in rows]


def test_sources_makes_the_archives_that_kolla_makes(site, distgen, tmp_path):
    run_distgen(distgen, site.root, "lock")
    run_distgen(distgen, site.root, "render", "-o", tmp_path / "out")
    made = tmp_path / MINE
    lines = (made / "Dockerfile").read_text().splitlines()
    assert lines[1:] == DOCKERFILE.splitlines()[1:]
    ended = run_sources(made)
    assert ended.returncode == 0, ended
    assert not (made / ".sources").exists()
    write_as_kolla(site, tmp_path / "theirs")
    for name in ("mine", "plugins", "additions"):
        path = f"{name}-archive"
        assert listing(made / path) == listing(tmp_path / "theirs" / path), name
    plugin = "plugins/mine-plugin-cloned-archive-topic-x/setup.py"
    assert listing(made / "plugins-archive")[plugin][-1] == b"three"


def test_a_lock_holds_what_kollas_configuration_names(site, distgen):
    ran = distgen(site.root, "lock", "--offline")
    assert ran.code == 2
    assert f"{site.upstream.url} topic/x" in ran.err
    run_distgen(distgen, site.root, "lock")
    lock = yaml.safe_load((site.root / "distgen.lock").read_text())
    commit = site.upstream.git("rev-parse", "topic/x")
    assert lock["sources"][site.upstream.url]["topic/x"]["commit"] == commit
    assert lock["downloads"] == {
        f"{site.web}{path}": {"sha256": sha256(content).hexdigest()}
        for path, content in site.files.items()
    }
    assert run_distgen(distgen, site.root, "lock", "--check", "--offline")
    site.upstream.git("branch", "-m", "topic/x", "gone")
    ran = distgen(site.root, "lock", "--upgrade", "kolla/mine")
    assert ran.code == 1
    assert f"{site.upstream.url} topic/x: the repository has no branch or tag topic/x" in ran.out


def test_a_source_that_is_not_what_was_locked_is_refused_by_sources(site, distgen, tmp_path):
    run_distgen(distgen, site.root, "lock")
    run_distgen(distgen, site.root, "render", "-o", tmp_path / "out")
    site.files["/plugin.tar.gz"] = packed("plugin", "evil")
    ended = run_sources(tmp_path / MINE)
    assert ended.returncode != 0
    assert "FAILED" in ended.stdout
    assert not (tmp_path / MINE / "plugins-archive").exists()
    assert not (tmp_path / MINE / ".sources").exists()


def test_the_build_fetches_what_is_locked_and_no_other_line_changes(site, distgen, tmp_path):
    fetch = ("--set", "kolla/*:kolla.archives=fetch")
    run_distgen(distgen, site.root, "render", "-o", tmp_path / "out", *fetch)
    text = (tmp_path / MINE / "Dockerfile").read_text()
    assert "ADD mine-archive" in text and (tmp_path / MINE / "SOURCES").exists()
    told = "is made by kolla-build and not in the repository; run `distgen lock`, and the build"
    assert findings(distgen, site, *fetch) == [
        ("DG109", 3, f"mine-archive {told} fetches it"),
        ("DG109", 4, f"plugins-archive {told} fetches it"),
    ]
    run_distgen(distgen, site.root, "lock")
    assert findings(distgen, site, *fetch) == []
    run_distgen(distgen, site.root, "render", "-o", tmp_path / "out", *fetch)
    text, commit = (tmp_path / MINE / "Dockerfile").read_text(), site.upstream.git("rev-parse", "@")
    lines = text.splitlines()
    assert [line for line in lines if line.startswith(("FROM", "RUN apt", "ADD"))] == [
        "FROM docker.io/kolla/base:1" if "docker.io" in lines[0] else "FROM kolla/base:1",
        "RUN apt-get -y install git",
        "ADD additions-archive /",
    ]
    assert f"checkout -q {commit}" in text
    for content in site.files.values():
        assert sha256(content).hexdigest() in text
    assert not (tmp_path / MINE / "SOURCES").exists()


@pytest.mark.parametrize(
    ("text", "is_fetched"),
    [
        ("FROM b\nADD x-archive /x\n", True),
        ("FROM b\nUSER nobody\nUSER 0:0\nADD ./x-archive /x\nUSER nobody\n", True),
        ("FROM b\nUSER nobody\nADD x-archive /x\n", False),  # may not write to /
        ("FROM b AS a\nFROM a\nADD x-archive /x\n", False),
        ("FROM b\nCOPY x-archive /x\n", False),  # is not unpacked
    ],
)
def test_a_build_fetches_only_where_it_can(text, is_fetched):
    archive = Archive("x-archive", (ArchivePart("x", "url", "https://example.org/x"),))
    base = "FROM scratch\nRUN apt-get install curl\n"
    assert fetches_in_build(archive, [text, base]) is is_fetched
    assert not fetches_in_build(archive, [text, "FROM scratch\nRUN echo git\n"])
    assert not fetches_in_build(archive, [text, f"{base}USER nobody\n"]) or "USER 0" in text


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"type": "local", "location": "/srv/mine"}, "mine is /srv/mine on the machine that runs"),
        ({"location": "file:///etc/passwd"}, "location of mine is not an http or"),
        ({"type": "git", "location": "ext::sh -c id", "reference": "a"}, "a remote helper"),
        ({"type": "git", "location": "https://x.org/g"}, "mine has no reference"),
        ({"type": "git", "location": "https://x.org/g", "reference": "--x"}, "the reference of"),
        ({"enabled": False}, "mine is not enabled"),
        ({"sha256": {"amd64": "abc"}}, "sha256 of mine is not"),
    ],
)
def test_what_nobody_else_can_fetch_is_said(settings, sentence):
    section = {"type": "url", "location": "https://x.org/g", "reference": None, "enabled": True}
    needs = DockerfileNeeds((), (("./mine-archive", 2),))
    archives = read_archives("mine", needs, (), {"mine": {**section, **settings}}, "amd64")
    assert [sentence in archive.problem for archive in archives] == [True]


def test_a_name_that_is_no_word_reaches_no_shell():
    section = {"type": "url", "location": "https://x.org/g", "reference": None, "enabled": True}
    needs = DockerfileNeeds((), (("plugins-archive", 2),))
    sections = {"mine-plugin-x\nRUN id": section}
    [archive] = read_archives("mine", needs, (), sections, "amd64")
    assert archive.problem == "'mine-plugin-x\\nRUN id' is not a name that a file can have"


def test_sources_makes_the_others_where_nobody_can_fetch_one(site, distgen, tmp_path):
    place = site.root / "overlays/kolla/namespace.yaml"
    there = f"{{type: url, location: {site.web}/mine.tar.gz}}"
    place.write_text(place.read_text().replace(there, "{type: local, location: /srv/it's}"))
    ran = run_distgen(distgen, site.root, "lock")
    problem = "mine is /srv/it's on the machine that runs kolla-build"
    assert f"kolla/mine@main: mine-archive cannot be locked: {problem}" in ran.err
    made = "mine-archive is made by kolla-build and not in the repository"
    assert findings(distgen, site)[0][2] == f"{made}; nothing else can make it: {problem}"
    run_distgen(distgen, site.root, "render", "-o", tmp_path / "out")
    ended = run_sources(tmp_path / MINE)
    assert (ended.returncode, ended.stderr) == (
        1,
        f"SOURCES: mine-archive cannot be fetched: {problem}\n",
    )
    assert (tmp_path / MINE / "plugins-archive").exists()


def test_an_archive_in_the_folder_of_an_image_is_not_asked_for(site, distgen, tmp_path):
    for name in ("mine", "plugins"):
        place = site.root / f"overlays/kolla/mine/{name}-archive"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(packed(name, "ours"))
    assert findings(distgen, site) == []
    run_distgen(distgen, site.root, "render", "-o", tmp_path / "out")
    assert not (tmp_path / MINE / "SOURCES").exists()


def test_only_two_words_say_how_archives_come(site, distgen):
    ran = distgen(site.root, "list", "--set", "kolla/*:kolla.archives=git")
    assert (ran.code, ran.err) == (
        2,
        "distgen: --set kolla/*:kolla.archives: `git` is no way to bring archives; "
        "write manifest or fetch\n",
    )
