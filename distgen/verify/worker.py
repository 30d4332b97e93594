"""Answer, in a process of its own, what an earlier state of the catalogue gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from distgen.errors import DistgenError
from distgen.model.catalogue import Catalogue, Image
from distgen.model.lock import Lock
from distgen.model.rendered import Tree
from distgen.model.stored import images_by_key
from distgen.publish.foreign_files import possible_trees
from distgen.publish.target import BranchTarget, branch_target
from distgen.render.limited import LimitedRenderer
from distgen.render.manifest import make_manifest, manifest_digest, published_files
from distgen.verify.claims import Claim
from distgen.verify.protocol import Rendition, encode, encode_error, encode_rendition

LoadCatalogue = Callable[[Path], tuple[Catalogue, Lock]]
_FAILURES = (DistgenError, MemoryError, RecursionError)


@dataclass(frozen=True, slots=True)
class CatalogueState:
    """The catalogue as one of its commits has it."""

    catalogue: Catalogue
    lock: Lock
    renderer: LimitedRenderer = field(repr=False)
    images_by_key: Mapping[str, Image] = field(repr=False)


def answer_questions(load: LoadCatalogue, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Read a state of the catalogue, and answer what it leads to until the questions end.

    The first question names the folder of the state. All others are a claim, or the keys of images
    to sum the manifests of. Each question and each answer is a line.
    """
    try:
        catalogue, lock = load(Path(json.loads(questions.readline())["root"]))
        renderer = LimitedRenderer(catalogue, lock)
        state = CatalogueState(catalogue, lock, renderer, images_by_key(catalogue.images))
    except _FAILURES as error:
        _send(answers, encode_error(_sentence(error)))
        return
    _send(answers, encode({"started": True}))
    for line in questions:
        _send(answers, _answer(state, json.loads(line)))


def _send(answers: IO[bytes], line: bytes) -> None:
    answers.write(line)
    answers.flush()


def _answer(state: CatalogueState, question: Mapping[str, Any]) -> bytes:
    if "keys" in question:
        return encode({"sums": dict(_manifest_sums(state, question["keys"]))})
    try:
        return encode_rendition(_render_claim(state, Claim(**question["claim"])))
    except _FAILURES as error:
        return encode_error(_sentence(error))


def _manifest_sums(state: CatalogueState, keys: Collection[str]) -> Iterator[tuple[str, str]]:
    for key in keys:
        if key in state.images_by_key:
            with suppress(*_FAILURES):
                trees = possible_trees(state.renderer.tree(state.images_by_key[key]))
                manifests = (make_manifest(tree, published_files(tree)) for tree in trees)
                yield key, " ".join(map(manifest_digest, manifests))


def _render_claim(state: CatalogueState, claim: Claim) -> Rendition:
    image = state.images_by_key.get(claim.key)
    namespaces = state.catalogue.namespaces
    namespace = namespaces.get(claim.image.partition("/")[0]) or namespaces[min(namespaces)]
    target = (
        branch_target(image, namespace.on_edit)
        if image
        else BranchTarget(claim.image, claim.stream, "", "")
    )
    tree = state.renderer.tree(image) if image else None
    return Rendition(
        address=state.catalogue.source or "",
        author=namespace.dist_git.author,
        target=target,
        tree=tree,
        lock=_used_entries(state.lock, tree, target) if tree else Lock(),
    )


def _used_entries(lock: Lock, tree: Tree, target: BranchTarget) -> Lock:
    """Return the entries of the lock that an image uses."""
    pins = {(source.get("git") or "", source.get("ref") or "") for source in tree.sources.values()}
    return Lock(
        bases={name: lock.bases[name] for name in tree.bases if name in lock.bases},
        sources={pin: lock.sources[pin] for pin in pins if pin in lock.sources},
        downloads={url: lock.downloads[url] for url in target.downloads if url in lock.downloads},
    )


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, DistgenError) else "it does not fit into memory"
