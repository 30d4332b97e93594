"""Situations of proposing: images on a git server that behaves as a forge, and what got there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from testing.dist_git import OPTIONS, git
from testing.git_server import GitServer
from testing.images import image, make_catalogue, tree
from testing.review_hooks import install, load

from distgen.forges.forge import plan_creation
from distgen.forges.load import load_forge
from distgen.forges.records import Account, RepositoryProfile
from distgen.git.auth import authorize, token_for
from distgen.git.run import Git, isolate
from distgen.git.store import open_store, scratch_store
from distgen.model.catalogue import Image
from distgen.model.published import Result
from distgen.propose.run import ProposeRequest, propose_images
from distgen.publish.options import PublishOptions

USER, TOKEN = "bot", "t0ken-that-nobody-may-see"


class Situation:
    """A forge with the repositories of some images, and distgen's side of it below `root`."""

    def __init__(self, root: Path, server: GitServer, forge: str) -> None:
        self.root = root
        self.server = server
        self.forge = forge
        self.account = Account(USER)

    def image(self, key: str, *parents: str) -> Image:
        return image(key, *parents, url=f"{self.server.url}/{{namespace}}/{{image}}.git")

    def repository(self, image: Image, *branches: str) -> Path:
        """Make the repository of an image on the forge, its branches begun by a person."""
        name = f"{image.full_name}.git"
        folder = self.server.repository(name)
        install(folder, self.forge)
        for branch in branches:
            commit_on(folder, branch, {"README": "Made by hand.\n"})
        return folder

    def propose(
        self,
        trees: Mapping[str, Mapping[str, str]],
        *images: Image,
        options: PublishOptions = OPTIONS,
        dry: bool = False,
        git: Git | None = None,
        store: str = "store",
    ) -> list[Result]:
        """Propose the trees of images, given as files by key; return the results by key."""
        catalogue = make_catalogue(self.root, *images, forge=self.forge)
        request = ProposeRequest(
            catalogue=catalogue,
            images=tuple(i for i in images if i.key in trees),
            render=lambda i: tree(i, trees.get(i.key, {"Dockerfile": "FROM quay.io/a:1\n"})),
            accounts=dict.fromkeys(catalogue.namespaces, self.account),
            parents=tuple(i for i in images if i.key not in trees),
            dry=dry,
        )
        about = RepositoryProfile("", ("distgen", "ns"))
        options = replace(
            options,
            creation=lambda r: plan_creation(
                load_forge(r.forge), r.place, about, lambda: self.account
            ),
        )
        git = git or self.git
        opened = scratch_store(git, None) if dry else open_store(self.root / store, git)
        with opened as open_for_run:
            return sorted(
                propose_images(request, open_for_run, options), key=lambda result: result.key
            )

    @property
    def git(self) -> Git:
        """Git as the command line gives it: with the token of the server in its environment."""
        plain = isolate({"PATH": os.environ["PATH"], "HOME": str(self.root)})
        token = token_for(self.server.url, USER, TOKEN)
        return authorize(plain, [token] if token else [])


def one(results: list[Result]) -> Result:
    (result,) = results
    return result


def reviews(folder: Path) -> list[dict]:
    return load(folder)["reviews"]


def arrived(folder: Path) -> list[dict]:
    return load(folder)["arrived"]


def refs(folder: Path) -> dict[str, str]:
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", folder=folder).splitlines()
    return dict(line.split() for line in lines)


def commit_on(folder: Path, ref: str, files: Mapping[str, str], message: str = "By hand") -> str:
    """Commit files of a person's on top of a ref of a bare repository; return the commit."""
    full = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
    parent = refs(folder).get(full)
    listed = git("ls-tree", "-r", parent, folder=folder) if parent else ""
    entries = {line.partition("\t")[2]: line for line in listed.splitlines()}
    for path, text in files.items():
        blob = git("hash-object", "-w", "--stdin", folder=folder, stdin=text.encode()).strip()
        entries[path] = f"100644 blob {blob}\t{path}"
    tree_id = git(
        "mktree", folder=folder, stdin="".join(f"{e}\n" for e in entries.values()).encode()
    )
    above = ("-p", parent) if parent else ()
    commit = git("commit-tree", tree_id.strip(), *above, "-m", message, folder=folder).strip()
    git("update-ref", full, commit, folder=folder)
    return commit
