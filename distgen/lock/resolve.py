"""Look up the facts of a lock: digests in registries, commits in git, checksums of downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from distgen.errors import DistgenError
from distgen.git.refs import Refs
from distgen.git.run import Git
from distgen.http import HttpPolicy
from distgen.lock import downloads, git_sources
from distgen.lock.plan import Fact, Need, platform_of
from distgen.model.lock import Lock, LockedBase
from distgen.model.reference import parse_reference
from distgen.pool import run_parallel
from distgen.registry.client import Registry
from distgen.registry.errors import NotFound
from distgen.registry.oci import choose_platform

PARALLEL = 16


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Where facts come from: registries, git repositories, and the servers of downloads."""

    registry: Registry
    git: Git
    http: HttpPolicy
    mirrors: Mapping[str, str]
    parallel: int = PARALLEL


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The fact that was looked up for one need, or the error in its place."""

    need: Need
    fact: Fact | None
    error: DistgenError | None = None


def resolve(
    upstreams: Upstreams, needs: Sequence[Need], lock: Lock, platform: str | None = None
) -> Iterator[LookupResult]:
    """Look everything up in parallel and yield the answers as they come, errors included."""
    tasks: list[Callable[[], Iterable[LookupResult]]] = []
    for need in needs:
        if need.kind == "base":
            tasks.append(partial(_look_up_base, upstreams, need, lock, platform))
        elif need.kind == "download":
            tasks.append(partial(_look_up_download, upstreams, need))
    for git, repository_needs in needs_by_repository(needs).items():
        tasks.append(partial(_look_up_sources, upstreams, git, repository_needs, lock))
    yield from run_parallel(tasks, upstreams.parallel)


def list_refs(upstreams: Upstreams, urls: Iterable[str]) -> Mapping[str, Refs]:
    """Ask git repositories for their branches and tags; raise one error for all that failed."""

    def ask(url: str) -> Iterable[tuple[str, Refs | DistgenError]]:
        try:
            return [(url, git_sources.open_repository(upstreams.git, url, upstreams.mirrors).refs)]
        except DistgenError as error:
            return [(url, error)]

    answers = dict(
        run_parallel([partial(ask, url) for url in sorted(set(urls))], upstreams.parallel)
    )
    errors = [str(error) for _, error in sorted(answers.items()) if isinstance(error, DistgenError)]
    if errors:
        raise DistgenError("\n  ".join(errors))
    return {url: refs for url, refs in answers.items() if not isinstance(refs, DistgenError)}


def needs_by_repository(needs: Iterable[Need]) -> Mapping[str, tuple[Need, ...]]:
    """Group the sources and git tags by their repository, each of which is asked once."""
    groups: dict[str, tuple[Need, ...]] = {}
    for need in needs:
        if need.kind in ("source", "tags"):
            groups[need.name] = (*groups.get(need.name, ()), need)
    return groups


def base_digest(upstreams: Upstreams, reference: str, platform: str | None) -> str:
    """Return the present digest of a reference: of its index, or of one platform."""
    image = parse_reference(reference)
    if platform is None:
        return upstreams.registry.digest(image)
    manifest = upstreams.registry.manifest(image)
    if manifest.is_index:
        return choose_platform(manifest, platform, reference)
    config = upstreams.registry.config(image)
    built_for = "/".join(
        str(config[key]) for key in ("os", "architecture", "variant") if config.get(key)
    )
    if built_for != platform and not built_for.startswith(f"{platform}/"):
        raise NotFound(
            f"the image is not built for {platform}, only for {built_for}", where=reference
        )
    return manifest.digest


def _look_up_base(
    upstreams: Upstreams, need: Need, lock: Lock, platform: str | None
) -> Iterable[LookupResult]:
    platform = platform_of(need, lock, platform)
    try:
        digest = base_digest(upstreams, need.name, platform)
        return [LookupResult(need, LockedBase(digest, platform))]
    except DistgenError as error:
        return [LookupResult(need, None, error)]


def _look_up_download(upstreams: Upstreams, need: Need) -> Iterable[LookupResult]:
    try:
        return [LookupResult(need, downloads.fetch_sha256(need.name, upstreams.http))]
    except DistgenError as error:
        return [LookupResult(need, None, error)]


def _look_up_sources(
    upstreams: Upstreams, git: str, needs: Sequence[Need], lock: Lock
) -> Iterable[LookupResult]:
    try:
        repository = git_sources.open_repository(upstreams.git, git, upstreams.mirrors)
    except DistgenError as error:
        return [LookupResult(need, None, error) for need in needs]
    return [_look_up_source(repository, need, lock) for need in needs]


def _look_up_source(
    repository: git_sources.SourceRepository, need: Need, lock: Lock
) -> LookupResult:
    if need.choice is not None:
        return LookupResult(need, git_sources.released_tags(repository, need.choice))
    try:
        locked_source = lock.sources.get((need.name, need.ref))
        return LookupResult(need, git_sources.resolve_ref(repository, need.ref, locked_source))
    except DistgenError as error:
        return LookupResult(need, None, error)
