"""Verify published commits: those on the branches of images, and those of any repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from distgen.errors import DistgenError, InputError
from distgen.git.cat_file import ObjectReader
from distgen.git.location import Place
from distgen.git.refs import HEADS
from distgen.git.remote import RemoteHeads, ask_for_refs, no_repository, read_remote_heads
from distgen.git.run import Git, hide_secrets
from distgen.git.signing import check_signature, trust_options
from distgen.git.store import Store, is_ancestor, scratch_store
from distgen.model.catalogue import Catalogue, Image
from distgen.pool import await_result, map_parallel, thread_pool
from distgen.publish.repository_access import (
    Repository,
    fetch_tips,
    list_repositories,
    open_reader,
)
from distgen.publish.target import BranchTarget
from distgen.verify.judge import claimed_source, judge
from distgen.verify.judge_unclaimed import ExpectedImage
from distgen.verify.verdict import Verdict
from distgen.verify.worker_pool import WorkerPool


@dataclass(frozen=True, slots=True)
class CommitAddress:
    """A repository and what of it is meant: a branch, a commit, or what a clone would show.

    `branch` may be the full name of any ref, such as that of a review.
    """

    place: Place
    branch: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class SignatureRule:
    """The signers to trust, and whether a signature is required; `allowed` None: as git has it."""

    allowed: Path | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """What to verify: the branches of images, and addresses.

    `signature_rule` None looks at no signatures.
    """

    catalogue: Catalogue
    images: tuple[Image, ...]
    addresses: tuple[CommitAddress, ...] = ()
    signature_rule: SignatureRule | None = None
    jobs: int = 8


@dataclass(frozen=True, slots=True)
class VerifyContext:
    """What a run verifies with.

    `images` says which image and stream belong at a place on a branch, or on "" for any branch.
    `trust` are the options of git that name the signers to trust.
    """

    git: Git
    workers: WorkerPool
    store: Store
    signature_rule: SignatureRule | None
    trust: tuple[str, ...]
    images: Mapping[tuple[Place, str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _RepositoryHeads:
    """The heads of a repository, or why they are unknown, and what its commits name."""

    repository: Repository
    heads: RemoteHeads | DistgenError
    source: str = ""


def verify(
    git: Git, workers: WorkerPool, request: VerifyRequest, nearby_store: Path | None
) -> Iterator[Verdict]:
    """Yield a verdict for each branch, repository by repository.

    What lies on a server is read through a temporary store, which borrows from `nearby_store`.
    """
    repositories = list_repositories(request.catalogue, request.images)
    rule = request.signature_rule
    with scratch_store(git, nearby_store) as store, thread_pool(git.stop, request.jobs) as pool:
        context = VerifyContext(
            git=git,
            workers=workers,
            store=store,
            signature_rule=rule,
            trust=trust_options(git, Path(request.catalogue.root), rule.allowed) if rule else (),
            images=dict(_images_by_place(request.catalogue)) if request.addresses else {},
        )
        heads = tuple(map_parallel(pool, partial(_read_heads, context), repositories))
        # A state of the catalogue is read once: the commits that name it are judged together.
        by_source = sorted(heads, key=lambda repository_heads: repository_heads.source)
        jobs = {
            repository_heads.repository.url: pool.submit(_judge_images, context, repository_heads)
            for repository_heads in by_source
        }
        address_jobs = [
            pool.submit(_judge_address, context, address) for address in request.addresses
        ]
        for job in (*(jobs[repository.url] for repository in repositories), *address_jobs):
            yield from await_result(job)


def _images_by_place(catalogue: Catalogue) -> Iterator[tuple[tuple[Place, str], tuple[str, str]]]:
    for repository in list_repositories(catalogue, catalogue.images):
        for target in repository.targets:
            yield (repository.place, target.branch), (target.image, target.stream)
            yield (repository.place, ""), (target.image, "")


def _read_heads(context: VerifyContext, repository: Repository) -> _RepositoryHeads:
    """Ask a repository for the heads of its branches, and fetch them from a server."""
    try:
        branches = [target.branch for target in repository.targets]
        listed_heads = read_remote_heads(context.git, repository.place, branches)
        with open_reader(context.store, repository.place, listed_heads) as (reader, heads):
            sources = [claimed_source(reader, tip) for tip in heads.tips.values()] if reader else []
            return _RepositoryHeads(repository, heads, min(sources, default=""))
    except DistgenError as error:
        return _RepositoryHeads(repository, error)


def _judge_images(
    context: VerifyContext, repository_heads: _RepositoryHeads
) -> tuple[Verdict, ...]:
    repository, heads = repository_heads.repository, repository_heads.heads
    try:
        if isinstance(heads, DistgenError):
            raise heads
        with open_reader(context.store, repository.place, heads) as (reader, heads_now):
            return tuple(
                _judge_image(context, target, reader, heads_now.tips)
                for target in repository.targets
            )
    except DistgenError as error:
        return tuple(_failed_verdict(target, str(error)) for target in repository.targets)


def _judge_image(
    context: VerifyContext,
    target: BranchTarget,
    reader: ObjectReader | None,
    tips: Mapping[str, str],
) -> Verdict:
    tip = tips.get(target.branch)
    if tip is None or reader is None:
        return _failed_verdict(target, "it is not published")
    try:
        verdict = _judge_signed(context, reader, tip, (target.image, target.stream))
    except DistgenError as error:
        return replace(_failed_verdict(target, str(error)), commit=tip)
    # What a commit says of itself may be wrong; which image was asked for is certain.
    return replace(
        verdict,
        image=target.image,
        stream=target.stream,
        url=hide_secrets(target.url),
        branch=target.branch,
    )


def _judge_address(context: VerifyContext, address: CommitAddress) -> tuple[Verdict, ...]:
    target = BranchTarget("", "", hide_secrets(address.place.address), address.branch)
    try:
        branch, commit, heads = _resolve_address(context, address)
        target = replace(target, branch=branch)
        fetch_tips(context.store, address.place, heads)
        images = context.images
        expected_image = images.get((address.place, branch)) or images.get((address.place, ""))
        tip = _full_commit_id(context.store, address, commit, heads)
        verdict = _judge_signed(context, context.store.reader, tip, expected_image)
        return (replace(verdict, url=target.url, branch=branch),)
    except InputError:
        raise
    except DistgenError as error:
        return (_failed_verdict(target, str(error)),)


def _resolve_address(
    context: VerifyContext, address: CommitAddress
) -> tuple[str, str, RemoteHeads]:
    """Return the branch and commit that an address means, and what must be fetched for it."""
    is_ref = address.branch.startswith("refs/")
    pattern = address.branch if is_ref else f"{HEADS}*"
    refs, answer = ask_for_refs(context.git, address.place, ("HEAD", pattern))
    if refs is None:
        raise DistgenError(no_repository(answer), where=address.place)
    tips = {
        ref if is_ref else ref.removeprefix(HEADS): tip
        for ref, tip in refs.items()
        if ref != "HEAD"
    }
    if address.commit:
        return "", address.commit, RemoteHeads(True, tips)
    branch = address.branch or _default_branch(refs, tips)
    if branch not in tips:
        problem = f"there is no branch {branch}" if branch else "it shows no branch"
        branches = ", ".join(sorted(tips))
        hint = f"name one behind a #, of {branches}" if branches else ""
        raise DistgenError(problem, where=address.place, hint=hint)
    return branch, tips[branch], RemoteHeads(True, {branch: tips[branch]})


def _default_branch(refs: Mapping[str, str], tips: Mapping[str, str]) -> str:
    """Return the branch that HEAD is on, a usual name first where several have its commit."""
    branches = [branch for branch, tip in tips.items() if tip == refs.get("HEAD")]
    return min(branches, key=lambda branch: (branch not in ("main", "master"), branch), default="")


def _full_commit_id(store: Store, address: CommitAddress, commit: str, heads: RemoteHeads) -> str:
    """Return the whole id of a commit that is in the history of a tip, also by a tag's name."""
    # The store has commits of other repositories too, which prove nothing of this one.
    git_object = store.reader.read(f"{commit}^{{commit}}")
    tips = heads.tips.values()
    if git_object is None or not (
        commit in tips or any(is_ancestor(store, tip, git_object.id) for tip in tips)
    ):
        raise DistgenError(f"commit {commit} is in none of its branches", where=address.place)
    return git_object.id


def _judge_signed(
    context: VerifyContext, reader: ObjectReader, commit: str, expected_image: ExpectedImage
) -> Verdict:
    """Judge a commit, and its signature where a rule asks for that."""
    verdict = judge(context.workers, reader, commit, expected_image)
    rule = context.signature_rule
    if rule is None:
        return verdict
    git_object = reader.read(commit)
    assert git_object is not None
    signature = check_signature(context.git, git_object.content, context.trust, rule.allowed)
    verdict = replace(verdict, signature=signature.state, signer=signature.signer)
    if not rule.required or signature.state == "good":
        return verdict
    status = "unsigned" if verdict.status == "reproduced" else verdict.status
    detail = "; ".join(filter(None, (signature.why, verdict.detail)))
    return replace(verdict, status=status, detail=detail)


def _failed_verdict(target: BranchTarget, why: str) -> Verdict:
    url = hide_secrets(target.url)
    detail = hide_secrets(why)
    return Verdict(target.image, target.stream, url, target.branch, None, "failed", detail)
