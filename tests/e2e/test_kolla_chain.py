"""Images of Kolla are built from clones: one whose build fetches its source, one with SOURCES.

Kolla's base is built on a Debian made here, without the repositories that Kolla adds to it: what
they have cannot be had in a closed network. etcd stands for what GitHub has.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.facts import DEBIAN
from e2e.lab import Lab, say, timed
from testing.dist_git import git
from testing.servers import Reply, serve
from testing.sites import Ran, ended, start

pytest.importorskip("kolla")

OVERRIDE = """\
{% extends parent_template %}
{% set base_apt_keys_override = [] %}
{% set base_remote_apt_keys_override = [] %}
{% block base_ubuntu_package_sources_list %}{% endblock %}
{% block base_debian_after_sources_list %}
RUN ln -s /bin/true /usr/local/bin/extrepo
{% endblock %}
"""
NAMESPACE = """\
source: kolla
registry: {registry}/kolla
kolla:
  base: debian
  base_arch: x86_64
  base_image: {registry}/{image}
  base_tag: {tag}
  regex: [^etcd$]
  template_override: [kolla/override.j2]
streams:
  fetched:
    tags: [fetched]
    values:
      archives: fetch
      etcd: {{type: url, location: "{web}/etcd.tar.gz", sha256: {{}}}}
  listed:
    tags: [listed]
    values:
      etcd: {{type: git, location: "{git}/etcd.git", reference: v2}}
"""
PROGRAM = "#!/bin/sh\necho etcd of {}\n"


def packed(word: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("etcd", "etcdctl"):
            text = PROGRAM.format(word).encode()
            member = tarfile.TarInfo(f"etcd-1/{name}")
            member.size, member.mode = len(text), 0o755
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


def serve_repository(lab: Lab, folder: Path) -> None:
    """Have a repository with the tag v2 on the git server."""
    folder.mkdir()
    for name in ("etcd", "etcdctl"):
        (folder / name).write_text(PROGRAM.format("git"))
        (folder / name).chmod(0o755)
    git("init", "-q", "-b", "main", folder=folder)
    git("add", "-A", folder=folder)
    git("commit", "-q", "-m", "two", folder=folder)
    git("tag", "v2", folder=folder)
    git("push", "-q", str(lab.server.repository("etcd.git")), "main", "v2", folder=folder)


@pytest.fixture(scope="module")
def clones(lab: Lab) -> Iterator[Path]:
    """A catalogue of Kolla's etcd in two streams was locked and published; return the clones."""
    folder = lab.folder / "kolla"
    root = folder / "site"
    serve_repository(lab, lab.folder / "etcd")
    image, _, tag = DEBIAN.rpartition(":")
    archive = packed("web")
    with serve(lambda request: Reply(200, archive)) as web:
        texts = {
            "distgen.yaml": "version: 1\n",
            "kolla/override.j2": OVERRIDE,
            "overlays/kolla/namespace.yaml": NAMESPACE.format(
                registry=lab.registry,
                image=image,
                tag=tag,
                web=f"http://{web.host}",
                git=lab.server.url,
            ),
        }
        for path, text in texts.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)

        def distgen(*words: object) -> Ran:
            ran = ended(start(root, *words, **lab.engine.settings), patience=1800)
            assert ran.code == 0, ran
            return ran

        distgen("lock")
        git("init", "-q", "-b", "main", folder=root)
        git("add", "-A", folder=root)
        git("commit", "-q", "-m", "Add Kolla's etcd", folder=root)
        assert "1 of these need files" in distgen("publish").err
        for name, branch in (("base", "fetched"), ("etcd", "fetched"), ("etcd", "listed")):
            repository = root / f"dist-git/kolla/{name}.git"
            target = folder / f"{name}-{branch}"
            git("clone", "-q", "-b", branch, str(repository), str(target))
        with timed("kolla/base"):
            build(lab, folder / "base-fetched", "base:fetched")
        base = f"{lab.registry}/kolla/base"
        lab.engine.run("tag", f"{base}:fetched", f"{base}:listed")
        lab.engine.run("push", "-q", f"{base}:listed")
        yield folder


def build(lab: Lab, folder: Path, name: str) -> None:
    """Build a clone as any packager does, with the site's volumes."""
    mounts = [word for volume in lab.volumes for word in ("-v", volume)]
    words = ["buildah", "bud", *mounts, "-t", f"{lab.registry}/kolla/{name}", "."]
    log = lab.folder / "logs" / f"kolla-{folder.name}.log"
    log.parent.mkdir(exist_ok=True)
    cost = lab.engine.build(words, folder, log)
    say(f"built kolla/{name}: {cost.seconds:.0f} s, {cost.processor:.0f} s of a processor")
    lab.engine.run("push", "-q", f"{lab.registry}/kolla/{name}")


def test_a_build_fetches_and_checks_the_source_itself(lab: Lab, clones: Path) -> None:
    folder = clones / "etcd-fetched"
    assert not (folder / "SOURCES").exists()
    build(lab, folder, "etcd:fetched")
    started = lab.engine.start(f"{lab.registry}/kolla/etcd:fetched", "/usr/bin/etcd")
    assert (started.code, started.out) == (0, "etcd of web\n")
    text = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(text.replace("echo '", "echo 'f", 1))
    with pytest.raises(AssertionError, match="checksum"):
        build(lab, folder, "etcd:other")


def test_sources_fetches_what_the_build_takes_from_its_context(lab: Lab, clones: Path) -> None:
    folder = clones / "etcd-listed"
    with pytest.raises(AssertionError, match="etcd-archive"):
        build(lab, folder, "etcd:listed")
    made = lab.engine.call(["sh", "SOURCES"], folder)
    assert made.code == 0, made
    build(lab, folder, "etcd:listed")
    started = lab.engine.start(f"{lab.registry}/kolla/etcd:listed", "/usr/bin/etcd")
    assert (started.code, started.out) == (0, "etcd of git\n")
