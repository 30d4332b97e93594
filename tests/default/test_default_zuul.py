"""What the default catalogue builds in a Zuul job: the branch with all changes merged into it.

Nothing is built here. The RUN that fetches a source is run by the shell of this machine, with its
folders moved below a temporary one, and git servers on loopback in the place of the public ones.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from testing.git_server import GitServer, git_server

from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import parse, run_script
from distgen.lock.file import read_lock
from distgen.model.catalogue import SourceChange
from distgen.model.rendered import Tree
from distgen.render.renderer import Renderer

pytest_plugins = ["testing.commandline"]
ROOT = Path(__file__).parents[2]
NODEPOOL = "zuul/nodepool"
LINES = [f"line {number}\n" for number in range(30)]
Item = Mapping[str, object]


@dataclass(frozen=True)
class Forge:
    """A mirror that has branches, a Gerrit that has changes as well, and a person's clone."""

    mirror: GitServer
    review: GitServer
    work: Path

    def git(self, *words: str, stamp: int = 1_700_000_000) -> str:
        person = {
            **{f"GIT_{role}_NAME": "Ann" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": "ann@example.org" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_DATE": f"@{stamp} +0000" for role in ("AUTHOR", "COMMITTER")},
        }
        command = ["git", "-C", str(self.work), *words]
        outcome = subprocess.run(
            command, env={**os.environ, **person}, capture_output=True, text=True, check=False
        )
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stdout.strip()

    def commit(self, stamp: int, **lines: str) -> str:
        """Commit lines of the file `setup.cfg`, each by its number (`at_3="text"`)."""
        file = self.work / "setup.cfg"
        text = file.read_text().splitlines(keepends=True) if file.exists() else list(LINES)
        for key, line in lines.items():
            text[int(key.removeprefix("at_"))] = f"{line}\n"
        file.write_text("".join(text))
        self.git("add", "-A")
        self.git("commit", "-q", "-m", " ".join(lines.values()) or "begin", stamp=stamp)
        return self.git("rev-parse", "HEAD")

    def change(self, ref: str, start: str, stamp: int, **lines: str) -> str:
        """Push a change to the review that begins at a commit."""
        self.git("checkout", "-q", "--detach", start)
        commit = self.commit(stamp, **lines)
        self.git("push", "-q", "-f", str(self.review.root / NODEPOOL), f"HEAD:{ref}")
        self.git("checkout", "-q", "master")
        return commit

    def push(self, branch: str = "master") -> None:
        for server in (self.mirror, self.review):
            self.git("push", "-q", str(server.root / NODEPOOL), f"HEAD:refs/heads/{branch}")

    def merged_by_hand(self, *commits: str) -> str:
        """Return the tree that `git merge` makes of the branch and the changes."""
        self.git("checkout", "-q", "--detach", "master")
        for commit in commits:
            self.git("merge", "-q", "-m", "by hand", commit)
        tree = self.git("rev-parse", "HEAD^{tree}")
        self.git("checkout", "-q", "master")
        return tree


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with git_server(tmp_path / "mirror") as mirror, git_server(tmp_path / "review") as review:
        for server in (mirror, review):
            (server.root / "zuul").mkdir()
            server.repository(NODEPOOL)
        forge = Forge(mirror, review, tmp_path / "work")
        forge.work.mkdir()
        forge.git("init", "-q", "-b", "master")
        forge.commit(1_700_000_000)
        forge.push()
        yield forge


def item(change: int, patchset: object = 1, branch: str = "master", **more: object) -> Item:
    """Return an item as Zuul 14 writes it (zuul.model.Change.toDict)."""
    return {
        "project": {
            "name": NODEPOOL,
            "short_name": "nodepool",
            "canonical_hostname": "opendev.org",
            "canonical_name": f"opendev.org/{NODEPOOL}",
            "src_dir": f"src/opendev.org/{NODEPOOL}",
        },
        "branch": branch,
        "change": str(change),
        "patchset": str(patchset),
        "change_url": f"https://review.opendev.org/c/{NODEPOOL}/+/{change}",
        "commit_id": None,
        "change_message": "Rm9v",
        "topic": None,
        **more,
    }


Checkout = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def checkout(forge: Forge, tmp_path: Path, distgen: Callable[..., object]) -> Checkout:
    """Render zuul/nodepool from the items; run the RUN that fetches its source into `folder`."""

    def run(folder: Path, *items: Item) -> subprocess.CompletedProcess[str]:
        inventory = tmp_path / "inventory.yaml"
        inventory.write_text(json.dumps({"all": {"vars": {"zuul": {"items": items}}}}))
        out = tmp_path / "out"
        ran = distgen(ROOT, "render", "-o", out, NODEPOOL, "--zuul-items", inventory)
        assert ran.code == 0, ran.err  # type: ignore[attr-defined]
        text = (out / NODEPOOL / "master/Dockerfile").read_text()
        return run_fetch(text, folder, forge)

    return run


def run_fetch(dockerfile: str, folder: Path, forge: Forge) -> subprocess.CompletedProcess[str]:
    """Run the first RUN that fetches, as a builder's root without any settings of git would."""
    instructions = parse(dockerfile).instructions
    script = next(
        run_script(instruction)
        for instruction in instructions
        if instruction.cmd == "RUN" and "git" in run_script(instruction)
    )
    arguments = dict(re.findall(r'^ARG (\w+)="(.*)"$', dockerfile, re.MULTILINE))
    places = {
        f"{forge.mirror.url}/": "https://opendev.org/",
        f"{forge.review.url}/": "https://review.opendev.org/",
    }
    settings = {"GIT_CONFIG_COUNT": str(len(places))}
    for number, (address, public) in enumerate(places.items()):
        settings[f"GIT_CONFIG_KEY_{number}"] = f"url.{address}.insteadOf"
        settings[f"GIT_CONFIG_VALUE_{number}"] = public
    return subprocess.run(
        ["sh", "-c", script.replace("/tmp/src", str(folder))],
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "EMAIL": "",
            **settings,
            **arguments,
        },
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def revision(folder: Path, name: str = "HEAD") -> str:
    command = ["git", "-C", str(folder), "rev-parse", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_all_changes_of_a_queue_are_merged_into_the_tip_of_their_branch(
    forge: Forge, checkout: Checkout, tmp_path: Path
) -> None:
    """Of two changes of one project the first was dropped, and the branch had gone on since."""
    base = forge.git("rev-parse", "HEAD")
    first = forge.change("refs/changes/41/700041/2", base, 1_700_000_100, at_3="first")
    second = forge.change("refs/changes/42/700042/3", base, 1_700_000_200, at_9="second")
    stacked = forge.change("refs/changes/43/700043/1", second, 1_700_000_300, at_15="stacked")
    forge.commit(1_700_000_400, at_27="meanwhile")
    forge.push()
    items = (item(700041, 2), item(700042, 3), item(700043))
    outcome = checkout(tmp_path / "one", *items)
    assert outcome.returncode == 0, outcome.stderr
    assert revision(tmp_path / "one", "HEAD^{tree}") == forge.merged_by_hand(first, second, stacked)
    lines = (tmp_path / "one/setup.cfg").read_text().splitlines()
    assert [lines[at] for at in (3, 9, 15, 27)] == ["first", "second", "stacked", "meanwhile"]
    # Another machine makes the same commits, so versions that count and name them agree.
    assert checkout(tmp_path / "two", *items).returncode == 0
    assert revision(tmp_path / "one") == revision(tmp_path / "two")


def test_changes_of_another_branch_and_merged_ones_make_no_difference(
    forge: Forge, checkout: Checkout, tmp_path: Path
) -> None:
    base = forge.git("rev-parse", "HEAD")
    merged = forge.change("refs/changes/41/700041/1", base, 1_700_000_100, at_3="merged")
    forge.change("refs/changes/42/700042/1", base, 1_700_000_200, at_9="for stable")
    forge.git("merge", "-q", merged)
    forge.push()
    outcome = checkout(tmp_path / "src", item(700041), item(700042, branch="stable/x"))
    assert outcome.returncode == 0, outcome.stderr
    assert revision(tmp_path / "src") == merged


def test_changes_that_conflict_fail_the_build_with_a_sentence(
    forge: Forge, checkout: Checkout, tmp_path: Path
) -> None:
    base = forge.git("rev-parse", "HEAD")
    forge.change("refs/changes/41/700041/1", base, 1_700_000_100, at_3="one")
    forge.change("refs/changes/42/700042/1", base, 1_700_000_200, at_3="another")
    outcome = checkout(tmp_path / "src", item(700041), item(700042))
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1] == (
        "refs/changes/42/700042/1 of https://review.opendev.org/zuul/nodepool"
        " does not merge into the branch and the changes before it"
    )


def test_a_pull_request_is_merged_at_the_commit_that_zuul_tests(
    forge: Forge, checkout: Checkout, tmp_path: Path
) -> None:
    base = forge.git("rev-parse", "HEAD")
    tested = forge.change("refs/pull/5/head", base, 1_700_000_100, at_3="tested")
    page = f"https://review.opendev.org/{NODEPOOL}/pull/5"
    pull = item(5, tested, change_url=page)
    forge.change("refs/pull/5/head", tested, 1_700_000_200, at_9="pushed later")
    assert checkout(tmp_path / "src", pull).returncode == 0
    assert revision(tmp_path / "src") == tested
    forge.change("refs/pull/5/head", base, 1_700_000_300, at_3="written anew")
    outcome = checkout(tmp_path / "again", pull)
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1] == (
        f"refs/pull/5/head of https://review.opendev.org/zuul/nodepool is no longer at {tested}"
    )


def test_a_branch_as_it_was_pushed_is_built_at_that_commit(
    forge: Forge, checkout: Checkout, tmp_path: Path
) -> None:
    pushed = forge.git("rev-parse", "HEAD")
    forge.commit(1_700_000_100, at_3="later")
    forge.push()
    push = {"oldrev": "1" * 40, "newrev": pushed, "change": None, "patchset": None}
    outcome = checkout(tmp_path / "src", {**item(0), **push})
    assert outcome.returncode == 0, outcome.stderr
    assert revision(tmp_path / "src") == pushed


def rendered_with_changes() -> Iterator[tuple[str, Tree]]:
    """Yield each image of the catalogue, with two changes for each of its sources."""
    catalogue = load_catalogue(ROOT)
    images = []
    for image in catalogue.images:
        sources = tuple(
            replace(
                source,
                changes=tuple(
                    SourceChange(source.git, f"refs/changes/{number:02}/{number}/1")
                    for number in (2 * at + 1, 2 * at + 2)
                ),
            )
            for at, source in enumerate(image.sources)
        )
        images.append(replace(image, sources=sources))
    renderer = Renderer(replace(catalogue, images=tuple(images)), read_lock(ROOT / "distgen.lock"))
    for image in images:
        yield image.full_name, renderer.tree(image)


def test_every_template_merges_the_changes_of_all_its_sources() -> None:
    merged = re.compile(r"merge \S+ \S+ refs/changes/\d\d/(\d+)/1 FETCH_HEAD", re.ASCII)
    for name, tree in rendered_with_changes():
        text = next(file.content for file in tree.files if file.path == "Dockerfile").decode()
        numbers = [int(number) for number in merged.findall(text.replace("\\\n", ""))]
        count = 2 * len(tree.sources)
        assert set(numbers) == set(range(1, count + 1)), name
        assert re.search(r'image.revision="[^"]', text) is None, name
