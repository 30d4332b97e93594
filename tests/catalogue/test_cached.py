"""A catalogue that an earlier run read: the same as one that is read now, or read again."""

import hashlib
import json
import os
import random
import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import pytest
from testing.catalogues import SMALL
from testing.commandline import distgen  # noqa: F401
from testing.images import image

from distgen.cache.pruning import GROWTH
from distgen.cache.results import NO_CACHE, Cache
from distgen.catalogue.cached import cached_catalogue
from distgen.catalogue.imported import SourceImages
from distgen.catalogue.load import load_catalogue
from distgen.errors import DistgenError, InputError
from distgen.lock.cached import cached_lock
from distgen.lock.file import read_lock
from distgen.model.catalogue import Image

ROOT = Path(__file__).parents[2]
B = "template: app\nfrom: ns/a\nvalues: {python: 3.10, env: {B: b}}\n"
PARTS = ("distgen.yaml", "distgen.lock", "templates", "overlays")


def refuse():
    raise AssertionError("it is read again")


def load(root, cache, sets=()):
    """Return the catalogue as it is now, and whether it had to be read."""
    reads = []

    def read():
        reads.append(root)
        return load_catalogue(root, sets)

    catalogue = cached_catalogue(root, sets, read, cache)
    assert catalogue == load_catalogue(root, sets)
    return len(reads)


def entries(folder):
    return [
        path
        for path in sorted(folder.rglob("results/*/*/*"))
        if path.is_file() and path.name != GROWTH
    ]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def small(catalogue):
    return catalogue(
        {
            **SMALL,
            "templates/app/conf/app.conf": "a = 1\n",
            "templates/_shared/macros.j2": "{% macro m() %}{% endmacro %}\n",
            "overlays/ns/b.yaml": B,
            "overlays/ns/b/start.sh": "#!/bin/sh\n",
            "overlays/ns/b/patches/1.patch": "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n",
        }
    )


def test_default_catalogue_is_as_it_was_read(cache, tmp_path):
    first = load_catalogue(ROOT)
    assert cached_catalogue(ROOT, (), lambda: first, cache) == first
    second = cached_catalogue(ROOT, (), refuse, cache)
    assert second == first and first == second
    assert repr([*second.images]) == repr([*first.images])
    assert {**second.documents} == {**first.documents}
    assert [*map(hash, second.images[0].stream.tags)] == [*map(hash, first.images[0].stream.tags)]
    assert second.images[1] is second.images.by_key[first.images[1].key]
    copy = tmp_path / "copy"
    for part in PARTS:
        take = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        take(ROOT / part, (copy.mkdir() if not copy.exists() else None) or copy / part)
    assert cached_catalogue(copy, (), refuse, cache) == load_catalogue(copy)


def test_equal_export_settings_are_one_record(small, cache):
    """Thousands of copies took as much memory as all the rest of a catalogue."""
    namespace = small / "overlays/ns/namespace.yaml"
    maintainers = "  maintainers: ['A Person <a@example.org> (@a)']\n"
    namespace.write_text(namespace.read_text() + f"exports: [bashbrew]\nbashbrew:\n{maintainers}")
    text = "template: app\nfrom: docker.io/library/debian:12\n"
    for name in ("c", "d"):
        (small / f"overlays/ns/{name}.yaml").write_text(text)
    own = maintainers.replace("@a", "@b")
    (small / "overlays/ns/own.yaml").write_text(f"{text}bashbrew:\n{own}")
    first = load_catalogue(small)
    assert cached_catalogue(small, (), lambda: first, cache) == first
    for read in (first, cached_catalogue(small, (), refuse, cache)):
        settings = {image.name: image.exports[0] for image in read.images}
        assert settings["c"] is settings["d"] is settings["a"]
        assert settings["own"] != settings["c"]
        assert settings["own"].origin("maintainers").path == "overlays/ns/own.yaml"
        assert settings["c"].origin("maintainers").path == "overlays/ns/namespace.yaml"


def test_two_states_share_their_texts(small, cache):
    """`diff --since` holds two states of all images, which say much the same."""
    load(small, cache)
    states = [cached_catalogue(small, (), refuse, cache) for _ in range(2)]
    for first, second in zip(*(state.images for state in states), strict=True):
        assert first is not second and first == second
        assert first.url is second.url and first.origin.path is second.origin.path
        assert first.key is second.key
    heads = [state.images.heads[0] for state in states]
    assert heads[0].reference is heads[1].reference is states[0].images[0].reference


def test_default_lock_is_as_it_was_read(cache):
    lock = read_lock(ROOT / "distgen.lock")
    assert cached_lock(ROOT, cache) == cached_lock(ROOT, cache) == lock
    assert cached_lock(ROOT, NO_CACHE) == lock


def edit(root, name, text):
    (root / name).write_text(text, encoding="latin-1")


def link(root, name, target):
    path = root / name
    path.unlink()
    path.symlink_to(target)


CHANGES = {
    "value": lambda root: edit(root, "overlays/ns/b.yaml", "template: app\nfrom: scratch\n"),
    "template": lambda root: edit(root, "templates/app/Dockerfile.j2", "FROM scratch\n"),
    "copied file": lambda root: edit(root, "templates/app/conf/app.conf", "a = 2\n"),
    "shared file": lambda root: edit(root, "templates/_shared/macros.j2", ""),
    "own file": lambda root: edit(root, "overlays/ns/b/start.sh", "#!/bin/bash\n"),
    "patch": lambda root: edit(root, "overlays/ns/b/patches/2.patch", ""),
    "settings": lambda root: edit(root, "distgen.yaml", "version: 1\nsource: https://a.example\n"),
    "lock": lambda root: edit(root, "distgen.lock", "version: 1\n"),
    "mode": lambda root: (root / "overlays/ns/b/start.sh").chmod(0o644),
    "other mode": lambda root: (root / "templates/app/conf/app.conf").chmod(0o755),
    "new file": lambda root: edit(root, "templates/app/new", ""),
    "removed file": lambda root: (root / "templates/app/conf/app.conf").unlink(),
    "renamed file": lambda root: (root / "templates/app/conf/app.conf").rename(
        root / "templates/app/conf/b"
    ),
    "link": lambda root: link(root, "templates/app/conf/app.conf", "../Dockerfile.j2"),
    "new image": lambda root: edit(root, "overlays/ns/c.yaml", "template: app\nfrom: ns/a\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(small, cache, change):
    assert load(small, cache) == 1
    assert load(small, cache) == 0
    CHANGES[change](small)
    assert load(small, cache) == 1
    assert load(small, cache) == 0


def test_a_link_that_leads_elsewhere_is_seen(small, cache):
    link(small, "templates/app/conf/app.conf", "../Dockerfile.j2")
    assert [load(small, cache), load(small, cache)] == [1, 0]
    (small / "overlays/ns/b/more").symlink_to("../../../templates/app/conf")
    assert [load(small, cache), load(small, cache)] == [1, 0]
    edit(small, "templates/app/conf/second", "2")
    assert [load(small, cache), load(small, cache)] == [1, 0]


def test_assignments_are_seen(small, cache):
    assert load(small, cache) == 1
    assert load(small, cache, ["python=3.12"]) == 1
    assert load(small, cache, ["python=3.12"]) == 0
    assert load(small, cache, ["ns/b:python=3.12"]) == 1
    assert load(small, cache) == 0


def test_what_editors_leave_behind_changes_nothing(small, cache):
    assert load(small, cache) == 1
    edit(small, "templates/app/Dockerfile.j2~", "FROM")
    assert load(small, cache) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("overlays/ns/b.yaml", "template: ap\nfrom: scratch\n"),
        ("overlays/ns/b.yaml", "template: app\nfrom: ns/b\n"),
        ("overlays/ns/stray.yml", "a"),
        ("distgen.yaml", "version: 2\n"),
        ("templates/app/a.j2", "\xff"),
    ],
)
def test_a_mistake_is_told_the_same_with_a_warm_cache(small, cache, name, text):
    load(small, cache)
    edit(small, name, text)
    sentences = []
    for kept in (NO_CACHE, cache, cache):
        with pytest.raises(InputError) as caught:
            cached_catalogue(small, (), lambda: load_catalogue(small), kept)
        sentences.append(str(caught.value))
    assert len({*sentences}) == 1


def test_a_far_link_is_refused_with_a_warm_cache(small, cache, tmp_path):
    load(small, cache)
    same = tmp_path / "same"
    same.write_text("a = 1\n")
    link(small, "templates/app/conf/app.conf", same)
    with pytest.raises(InputError, match="outside the catalogue"):
        cached_catalogue(small, (), lambda: load_catalogue(small), cache)


def test_a_file_that_is_written_while_it_is_read_is_not_kept(small, cache):
    path = small / "overlays/ns/a.yaml"
    text = path.read_text()

    def read():
        path.write_text(text.replace("3.11", "3.12"))
        catalogue = load_catalogue(small)
        path.write_text(text)
        return catalogue

    cached_catalogue(small, (), read, cache)
    assert entries(cache.folder) == []
    assert load(small, cache) == 1


def test_a_catalogue_with_images_of_a_source_is_read_each_time(catalogue, cache):
    """Kolla's images were kept where its settings name no file, also when Kolla was another one."""
    namespace = "registry: quay.io/k\nsource: kolla\nkolla: {base: debian}\nstreams: {master: {}}\n"
    root = catalogue({"overlays/k/namespace.yaml": namespace})
    requests = []

    def read_source(request):
        requests.append(request)
        return SourceImages((replace(image("k/base"), template="kolla:base"),))

    for _ in range(2):
        kept = cached_catalogue(root, (), lambda: load_catalogue(root, (), read_source), cache)
        assert not kept.digest
    assert len(requests) == 2
    assert entries(cache.folder) == []


def test_two_states_of_a_catalogue_are_not_mixed(small, cache):
    load(small, cache)
    kept = cached_catalogue(small, (), lambda: load_catalogue(small), cache)
    shutil.rmtree(cache.folder)
    edit(small, "overlays/ns/0.yaml", "template: app\nfrom: scratch\n")
    with pytest.raises(DistgenError, match="changed during the run"):
        kept.documents["overlays/ns/b.yaml"]


def rewrite(path, change):
    """Write an entry that says something else, with a right digest."""
    _, key, text = path.read_bytes().split(b"\n", 2)
    entry = key + b"\n" + json.dumps(change(json.loads(text))).encode() + b"\n"
    path.write_bytes(hashlib.sha256(entry).hexdigest().encode() + b"\n" + entry)


@pytest.mark.parametrize("part", ["images", "shared", "documents"])
def test_entries_of_another_shape_are_read_again(small, cache, part):
    load(small, cache)
    texts = ["{", "[1]", '{"Image": []}', '{"x": 1}', "7", "[" * 100_000]
    if part == "images":
        texts.append(json.dumps({"Image": [None] * len(fields(Image))}))
    for junk in (*texts, None, 7, []):
        for path in entries(cache.folder):
            rewrite(path, lambda data: {**data, part: [junk for _ in data.get(part, ())]})  # noqa: B023
        load(small, cache)
    for change in (lambda _: [], lambda _: {}, lambda data: {**data, "heads": []}):
        for path in entries(cache.folder):
            rewrite(path, change)
        load(small, cache)


@pytest.mark.parametrize(
    "change", [lambda paths: paths[1:], lambda paths: [*paths, "a"], lambda paths: [paths[0]] * 9]
)
def test_documents_of_other_paths_are_refused_in_a_sentence(small, cache, change):
    load(small, cache)
    for path in entries(cache.folder):
        rewrite(path, lambda data: {**data, "paths": change(data.get("paths") or ["a"])})
    with pytest.raises(DistgenError, match="not as distgen wrote it"):
        {**cached_catalogue(small, (), lambda: load_catalogue(small), cache).documents}


# --- the whole default catalogue --------------------------------------------------------------


@pytest.fixture(scope="module")
def default_root(tmp_path_factory):
    """Return a clone of the default catalogue with one commit."""
    root = tmp_path_factory.mktemp("default") / "catalogue"
    root.mkdir()
    for part in PARTS:
        take = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        take(ROOT / part, root / part)
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "all")):
        subprocess.run(
            ["git", *identity, *words],
            cwd=root,
            check=True,
            env={**os.environ, "GIT_COMMITTER_DATE": "2024-05-01T12:00:00Z"},
        )
    return root


def folder_digest(folder):
    lines = [
        f"{path.relative_to(folder)} {path.lstat().st_mode} "
        + hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def spoil(seed):
    """Return a function that damages an entry, each one in another way."""
    chance = random.Random(seed)

    def damage(path):
        content = bytearray(path.read_bytes())
        place = chance.randrange(len(content))
        way = chance.randrange(4)
        if way == 0:
            content[place] ^= 1 << chance.randrange(8)
        elif way == 1:
            del content[place:]
        elif way == 2:
            content += content[:place]
        path.write_bytes(content if way < 3 else bytes(len(content)))

    return damage


def test_default_catalogue_gives_the_same_with_every_cache(distgen, default_root, tmp_path):  # noqa: F811
    out, home = tmp_path / "out", Path.home() / ".cache/distgen"

    def everything(*options):
        listed = distgen(default_root, *options, "list", "--format", "json")
        one = distgen(default_root, *options, "list", "opendev/python-b*", "--with-dependents")
        rendered = distgen(default_root, *options, "render", "-o", out)
        digest = folder_digest(out)
        shutil.rmtree(out)
        lock = distgen(default_root, *options, "lock", "--check", "--offline")
        plan = distgen(default_root, *options, "publish", "--dry-run", "--format", "json")
        return listed, one, rendered, digest, lock, plan

    expected = everything("--no-cache")
    assert not home.exists() and '"commit":' in expected[-1].out
    assert everything() == expected  # the first command is without, all others with a warm cache
    assert len(entries(home)) > 2
    for path in entries(home)[::2]:
        path.unlink()
    assert everything() == expected
    for path in entries(home):
        spoil(path.name)(path)
    assert everything() == expected
