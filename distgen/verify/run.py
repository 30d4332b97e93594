"""Drive the proof of published commits: of images' branches, and of any repository's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from distgen.errors import DistgenError, InputError
from distgen.git.cat_file import ObjectReader
from distgen.git.location import Place
from distgen.git.remote import RemoteHeads, list_refs, read_remote_heads
from distgen.git.run import Git, hide_secrets
from distgen.git.signing import check_signature, trust_options
from distgen.git.store import Store, is_ancestor, scratch_store
from distgen.model.catalogue import Catalogue, Image
from distgen.pool import thread_pool
from distgen.publish.repository_access import (
    Repository,
    fetch_tips,
    list_repositories,
    open_reader,
)
from distgen.publish.target import BranchTarget
from distgen.verify.claims import Verdict
from distgen.verify.judge import Subject, judge, named
from distgen.verify.worker_pool import Proof

__all__ = ["Address", "Request", "Signatures", "verify"]
_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Address:
    """A repository and what of it is meant: a branch, a commit, or what a clone would show.

    `branch` may be the full name of any ref, such as that of a review.
    """

    place: Place
    branch: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Signatures:
    """Whose signatures count, and whether there must be one; `allowed` None: as git has it."""

    allowed: Path | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """What to verify: the branches of images, and addresses; `signatures` None: ask for none."""

    catalogue: Catalogue
    images: tuple[Image, ...]
    addresses: tuple[Address, ...] = ()
    signatures: Signatures | None = None
    jobs: int = 8


@dataclass(frozen=True, slots=True)
class _Ground:
    """`known` is what should stand at a place on a branch, or on "" for any branch.

    `trusted` are the options of git that say whose signatures count.
    """

    git: Git
    proof: Proof
    store: Store
    signatures: Signatures | None
    trusted: tuple[str, ...]
    known: Mapping[tuple[Place, str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Branches:
    """A repository, where its branches stand or why nobody knows, and what its commits name."""

    repository: Repository
    stands: RemoteHeads | DistgenError
    source: str = ""


def verify(git: Git, proof: Proof, request: Request, beside: Path | None) -> Iterator[Verdict]:
    """Yield a verdict for each branch, repository by repository.

    What lies on a server is read through a temporary store, which borrows from the one `beside`.
    """
    repositories = list_repositories(request.catalogue, request.images)
    with scratch_store(git, beside) as store, thread_pool(git.stop, request.jobs) as pool:
        known = dict(_known(request.catalogue)) if request.addresses else {}
        trusted: tuple[str, ...] = ()
        if request.signatures:
            trusted = trust_options(git, Path(request.catalogue.root), request.signatures.allowed)
        ground = _Ground(git, proof, store, request.signatures, trusted, known)
        found = tuple(pool.map(partial(_branches, ground), repositories))
        # Those of one commit of the catalogue together, so that it is read once and forgotten.
        ordered = sorted(found, key=lambda one: one.source)
        jobs = {one.repository.url: pool.submit(_images, ground, one) for one in ordered}
        others = [pool.submit(_address, ground, address) for address in request.addresses]
        for job in (*(jobs[one.url] for one in repositories), *others):
            yield from job.result()


def _known(catalogue: Catalogue) -> Iterator[tuple[tuple[Place, str], tuple[str, str]]]:
    for repository in list_repositories(catalogue, catalogue.images):
        for target in repository.targets:
            yield (repository.place, target.branch), (target.image, target.stream)
            yield (repository.place, ""), (target.image, "")


def _branches(ground: _Ground, repository: Repository) -> _Branches:
    """Find out where the branches stand, and fetch them from a server."""
    try:
        branches = [target.branch for target in repository.targets]
        stands = read_remote_heads(ground.git, repository.place, branches)
        with open_reader(ground.store, repository.place, stands) as (reader, now):
            sources = [named(reader, tip) for tip in now.tips.values()] if reader else []
            return _Branches(repository, now, min(sources, default=""))
    except DistgenError as error:
        return _Branches(repository, error)


def _images(ground: _Ground, found: _Branches) -> tuple[Verdict, ...]:
    targets, stands = found.repository.targets, found.stands
    try:
        if isinstance(stands, DistgenError):
            raise stands
        with open_reader(ground.store, found.repository.place, stands) as (reader, now):
            return tuple(_image(ground, target, reader, now.tips) for target in targets)
    except DistgenError as error:
        return tuple(_failed(target, str(error)) for target in targets)


def _image(
    ground: _Ground, target: BranchTarget, reader: ObjectReader | None, tips: Mapping[str, str]
) -> Verdict:
    tip = tips.get(target.branch)
    if tip is None or reader is None:
        return _failed(target, "it is not published")
    try:
        found = _judged(ground, reader, tip, (target.image, target.stream))
    except DistgenError as error:
        return replace(_failed(target, str(error)), commit=tip)
    # What a commit says of itself may be wrong; what was asked for is not.
    return replace(
        found,
        image=target.image,
        stream=target.stream,
        url=hide_secrets(target.url),
        branch=target.branch,
    )


def _address(ground: _Ground, address: Address) -> tuple[Verdict, ...]:
    where = BranchTarget("", "", hide_secrets(address.place.address), address.branch)
    try:
        branch, commit, stands = _meant(ground, address)
        where = replace(where, branch=branch)
        fetch_tips(ground.store, address.place, stands)
        asked = ground.known.get((address.place, branch)) or ground.known.get((address.place, ""))
        tip = _reachable(ground.store, address, commit, stands)
        found = _judged(ground, ground.store.reader, tip, asked)
        return (replace(found, url=where.url, branch=branch),)
    except InputError:
        raise
    except DistgenError as error:
        return (_failed(where, str(error)),)


def _meant(ground: _Ground, address: Address) -> tuple[str, str, RemoteHeads]:
    """Return the branch and commit that an address means, and what must be fetched for it."""
    named_ref = (address.branch,) if address.branch.startswith("refs/") else ()
    refs = list_refs(ground.git, address.place, ("HEAD", *(named_ref or (f"{_HEADS}*",))))
    if refs is None:
        raise DistgenError("there is no repository", where=address.place)
    tips = {
        ref if named_ref else ref.removeprefix(_HEADS): tip
        for ref, tip in refs.items()
        if ref != "HEAD"
    }
    if address.commit:
        return "", address.commit, RemoteHeads(True, tips)
    branch = address.branch or _shown(refs, tips)
    if branch not in tips:
        what = f"there is no branch {branch}" if branch else "it shows no branch"
        known = ", ".join(sorted(tips))
        hint = f"name one behind a #, of {known}" if known else ""
        raise DistgenError(what, where=address.place, hint=hint)
    return branch, tips[branch], RemoteHeads(True, {branch: tips[branch]})


def _shown(refs: Mapping[str, str], tips: Mapping[str, str]) -> str:
    """Return the branch that HEAD is on, the usual names first where more stand there."""
    there = [branch for branch, tip in tips.items() if tip == refs.get("HEAD")]
    return min(there, key=lambda branch: (branch not in ("main", "master"), branch), default="")


def _reachable(store: Store, address: Address, commit: str, stands: RemoteHeads) -> str:
    """Return the whole id of a commit that one of the tips has below it, also by a tag's name."""
    found = store.reader.read(f"{commit}^{{commit}}")
    tips = stands.tips.values()
    if found is None or not (
        commit in tips or any(is_ancestor(store, tip, found.id) for tip in tips)
    ):
        raise DistgenError(f"commit {commit} is in none of its branches", where=address.place)
    return found.id


def _judged(ground: _Ground, reader: ObjectReader, commit: str, asked: Subject) -> Verdict:
    found = judge(ground.proof, reader, commit, asked)
    if ground.signatures is None:
        return found
    held = reader.read(commit)
    assert held is not None
    signature = check_signature(ground.git, held.content, ground.trusted, ground.signatures.allowed)
    found = replace(found, signature=signature.state, signer=signature.signer)
    if not ground.signatures.required or signature.state == "good":
        return found
    status = "unsigned" if found.status == "reproduced" else found.status
    detail = "; ".join(filter(None, (signature.why, found.detail)))
    return replace(found, status=status, detail=detail)


def _failed(target: BranchTarget, why: str) -> Verdict:
    url = hide_secrets(target.url)
    return Verdict(
        target.image, target.stream, url, target.branch, None, "failed", hide_secrets(why)
    )
