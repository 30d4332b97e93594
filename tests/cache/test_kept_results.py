"""What is kept from one run to the next: right, or not there."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from distgen.cache.keys import cache_key, content_digest
from distgen.cache.pruning import GROWTH, prune
from distgen.cache.results import NO_CACHE, Cache, load_result, save_result

VALUE = {"numbers": [1, 2.5, None, True], "text": "ä \udc80 \u2028", "long": "x" * 5000}
KEY = cache_key("example", content_digest(b"content"), {"b": 1, "a": [2]})


@pytest.fixture
def cache(tmp_path):
    cache = Cache(tmp_path / "cache")
    save_result(cache, KEY, VALUE)
    return cache


def entry_file(cache: Cache) -> Path:
    (path,) = (path for path in cache.folder.rglob("*") if path.is_file() and path.name != GROWTH)
    return path


def test_result_is_loaded_as_it_was_saved(cache):
    assert load_result(cache, KEY) == VALUE
    assert load_result(cache, KEY, lambda value: value["numbers"]) == VALUE["numbers"]


def test_order_of_keys_makes_no_other_key():
    assert cache_key("example", content_digest(b"content"), {"a": [2], "b": 1}) == KEY


@pytest.mark.parametrize(
    "other",
    [
        cache_key("example", content_digest(b"Content"), {"b": 1, "a": [2]}),
        cache_key("example", content_digest(b"content"), {"b": 1, "a": ["2"]}),
        cache_key("another", content_digest(b"content"), {"b": 1, "a": [2]}),
        cache_key("example"),
    ],
)
def test_other_key_has_no_result(cache, other):
    assert load_result(cache, other) is None
    # Not even where its entry would be.
    save_result(cache, other, "other")
    paths = [path for path in cache.folder.rglob("*") if path.is_file() and path.name != GROWTH]
    for source in paths:
        content = source.read_bytes()
        for target in paths:
            target.write_bytes(content)
        assert load_result(cache, KEY) in (VALUE, None)
        assert load_result(cache, other) in ("other", None)


def test_each_byte_counts(cache):
    path = entry_file(cache)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert load_result(cache, KEY) is None
        path.write_bytes(content[:place])
        assert load_result(cache, KEY) is None
    path.write_bytes(content + b"\n")
    assert load_result(cache, KEY) is None


@pytest.mark.parametrize("text", ["[" * 200_000, "{", "", '"\\ud', "1" * 5000, "\x00"])
def test_entry_with_right_digest_that_is_no_json_is_none(cache, text):
    entry = f"{KEY.text}\n{text}\n".encode()
    entry_file(cache).write_bytes(hashlib.sha256(entry).hexdigest().encode() + b"\n" + entry)
    assert load_result(cache, KEY) is None


def test_result_of_another_shape_is_none(cache):
    assert load_result(cache, KEY, lambda value: value["numbers"]["no"]) is None
    assert load_result(cache, KEY, lambda value: value["none"]) is None
    assert load_result(cache, KEY, lambda value: value.items[0]) is None


def test_entry_that_others_may_write_is_none(cache):
    path = entry_file(cache)
    for mode in (0o620, 0o602, 0o666):
        path.chmod(mode)
        assert load_result(cache, KEY) is None
    path.chmod(0o644)
    assert load_result(cache, KEY) == VALUE


def test_links_are_none(cache, tmp_path):
    path, elsewhere = entry_file(cache), tmp_path / "elsewhere"
    os.link(path, elsewhere)
    assert load_result(cache, KEY) is None
    path.unlink()
    path.symlink_to(elsewhere)
    assert load_result(cache, KEY) is None
    save_result(cache, KEY, VALUE)
    assert load_result(cache, KEY) == VALUE and not path.is_symlink()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_none(cache, make):
    path = entry_file(cache)
    path.unlink()
    make(path)
    assert load_result(cache, KEY) is None
    save_result(cache, KEY, VALUE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_entry_of_another_user_is_none(cache):
    os.chown(entry_file(cache), 65534, 65534)
    assert load_result(cache, KEY) is None


def test_folder_that_cannot_be_used_is_left_alone(cache, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file/below", Path("/proc/1/nothing")):
        save_result(Cache(folder), KEY, VALUE)
        assert load_result(Cache(folder), KEY) is None
    shutil.rmtree(cache.folder)
    assert load_result(cache, KEY) is None
    save_result(cache, KEY, VALUE)
    assert load_result(cache, KEY) == VALUE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_is_read(cache):
    folders = [cache.folder, *(path for path in cache.folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        save_result(cache, cache_key("example", "more"), VALUE)
        save_result(cache, KEY, "changed")
        assert load_result(cache, KEY) == VALUE
        assert load_result(cache, cache_key("example", "more")) is None
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_without_a_folder_nothing_is_kept():
    save_result(NO_CACHE, KEY, VALUE)
    assert load_result(NO_CACHE, KEY) is None


def test_many_writers_of_one_key_leave_one_whole_entry(cache):
    def work(number):
        save_result(cache, KEY, VALUE)
        return load_result(cache, KEY)

    with ThreadPoolExecutor(8) as pool:
        assert all(value == VALUE for value in pool.map(work, range(200)))
    assert json.loads(entry_file(cache).read_bytes().split(b"\n")[2]) == VALUE


def test_size_is_bounded_and_what_is_used_stays(tmp_path):
    cache = Cache(tmp_path, max_bytes=20 * 2**20)
    kept = cache_key("example", "kept")
    save_result(cache, kept, "kept")
    for number in range(200):
        save_result(cache, cache_key("example", number), "x" * 2**19)
        assert load_result(cache, kept) == "kept"
        total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        assert total < 30 * 2**20
    assert load_result(cache, cache_key("example", 199)) is not None
    assert load_result(cache, cache_key("example", 0)) is None


def test_many_small_entries_are_bounded_too(tmp_path):
    cache = Cache(tmp_path, max_bytes=2 * 2**20)
    for number in range(3000):
        save_result(cache, cache_key("example", number), number)
    assert sum(path.is_file() for path in tmp_path.rglob("*")) * 4096 < 8 * 2**20


def test_pruning_removes_what_killed_runs_left(cache):
    path = entry_file(cache)
    leftover, fresh = (path.with_name(f".1-2-{digit * 16}") for digit in "ab")
    leftover.write_text("half")
    fresh.write_text("half")
    os.utime(leftover, (0, 0))
    prune(cache.folder / "results", cache.max_bytes)
    assert not leftover.exists() and fresh.exists() and load_result(cache, KEY) == VALUE


def test_cache_that_is_not_written_is_read(cache):
    path, read_only = entry_file(cache), Cache(cache.folder, is_written=False)
    os.utime(path, (0, 0))
    save_result(read_only, cache_key("example", "more"), VALUE)
    assert load_result(read_only, KEY) == VALUE
    assert entry_file(cache) == path and path.stat().st_mtime == 0


def test_pruning_leaves_what_is_no_entry(cache, tmp_path):
    """A link in place of the folder once had the files behind it pruned."""
    results, elsewhere = cache.folder / "results", tmp_path / "elsewhere"
    (elsewhere / "a/b/c").mkdir(parents=True)
    own = [elsewhere / name for name in ("photo.jpg", "a/b/letter.txt", f"a/{'0' * 62}")]
    for path in own:
        path.write_bytes(b"x" * 10_000)
    shutil.copytree(results, elsewhere, dirs_exist_ok=True)
    shutil.rmtree(results)
    results.symlink_to(elsewhere)
    prune(results, 1)
    assert all(path.exists() for path in own) and load_result(cache, KEY) is None


def test_a_journal_that_is_a_pipe_or_a_file_of_others_is_left_alone(cache, tmp_path):
    """A pipe let the run wait for ever, and a file with another name was emptied."""
    journal, own = cache.folder / "results" / GROWTH, tmp_path / "own"
    journal.unlink(missing_ok=True)
    os.mkfifo(journal)
    large = "x" * 2**21
    save_result(cache, cache_key("example", "pipe"), large)
    journal.unlink()
    own.write_text("mine" * 100)
    journal.hardlink_to(own)
    save_result(cache, cache_key("example", "file"), large)
    assert own.read_text() == "mine" * 100
    assert load_result(cache, cache_key("example", "file")) == large


def test_what_is_installed_beside_distgen_is_part_of_a_key(tmp_path):
    """Trees that one Jinja2 rendered counted as those of the next one."""
    words = "from distgen.cache.keys import cache_key; print(cache_key('example').digest)"
    (tmp_path / "new/Jinja2-99.0.dist-info").mkdir(parents=True)
    (tmp_path / "old").mkdir()
    digests = [
        subprocess.run(
            [sys.executable, "-c", words],
            env={**os.environ, "PYTHONPATH": str(tmp_path / name)},
            capture_output=True,
            check=True,
        ).stdout
        for name in ("old", "old", "new")
    ]
    assert digests[0] == digests[1] != digests[2]
