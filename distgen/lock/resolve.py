"""Drive the look-up of what a lock is to hold: registries, git repositories and downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from distgen.errors import DistgenError
from distgen.git.refs import Refs
from distgen.git.run import Git
from distgen.lock import downloads, git_sources
from distgen.lock.plan import Fact, Need, platform_of
from distgen.model.lock import Lock, LockedBase
from distgen.model.reference import parse_reference
from distgen.pool import in_parallel
from distgen.registry.client import Registry
from distgen.registry.errors import NotFound
from distgen.registry.oci import choose_platform

PARALLEL = 16


@dataclass(frozen=True, slots=True)
class Upstreams:
    """What can be asked: registries, and git with the mirrors of its repositories."""

    registry: Registry
    git: Git
    mirrors: Mapping[str, str]
    parallel: int = PARALLEL


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What the world says of one need: a fact, or why there is none."""

    need: Need
    fact: Fact | None
    error: DistgenError | None = None


def resolve(
    world: Upstreams, wanted: Sequence[Need], held: Lock, platform: str | None = None
) -> Iterator[LookupResult]:
    """Look everything up in parallel and yield the answers as they come, errors included."""
    tasks: list[Callable[[], Iterable[LookupResult]]] = []
    for need in wanted:
        if need.kind == "base":
            tasks.append(partial(_look_up_base, world, need, held, platform))
        elif need.kind == "download":
            tasks.append(partial(_look_up_download, need))
    for git, some in needs_by_repository(wanted).items():
        tasks.append(partial(_look_up_sources, world, git, some, held))
    yield from in_parallel(tasks, world.parallel)


def list_refs(world: Upstreams, urls: Iterable[str]) -> Mapping[str, Refs]:
    """Ask git repositories for their branches and tags; raise one error for all that failed."""

    def ask(url: str) -> Iterable[tuple[str, Refs | DistgenError]]:
        try:
            return [(url, git_sources.open_repository(world.git, url, world.mirrors).refs)]
        except DistgenError as error:
            return [(url, error)]

    asked = dict(in_parallel([partial(ask, url) for url in sorted(set(urls))], world.parallel))
    failed = [str(found) for _, found in sorted(asked.items()) if isinstance(found, DistgenError)]
    if failed:
        raise DistgenError("\n  ".join(failed))
    return {url: found for url, found in asked.items() if not isinstance(found, DistgenError)}


def needs_by_repository(wanted: Iterable[Need]) -> Mapping[str, tuple[Need, ...]]:
    """Group the sources by their repository, each of which is asked once."""
    found: dict[str, tuple[Need, ...]] = {}
    for need in wanted:
        if need.kind == "source":
            found[need.name] = (*found.get(need.name, ()), need)
    return found


def base_digest(world: Upstreams, reference: str, platform: str | None) -> str:
    """Return the digest that a reference stands for now: of its index, or of one platform."""
    asked = parse_reference(reference)
    if platform is None:
        return world.registry.digest(asked)
    manifest = world.registry.manifest(asked)
    if manifest.is_index:
        return choose_platform(manifest, platform, reference)
    config = world.registry.config(asked)
    built = "/".join(
        str(config[key]) for key in ("os", "architecture", "variant") if config.get(key)
    )
    if built != platform and not built.startswith(f"{platform}/"):
        raise NotFound(f"the image is not built for {platform}, only for {built}", where=reference)
    return manifest.digest


def _look_up_base(
    world: Upstreams, need: Need, held: Lock, platform: str | None
) -> Iterable[LookupResult]:
    wanted = platform_of(need, held, platform)
    try:
        return [LookupResult(need, LockedBase(base_digest(world, need.name, wanted), wanted))]
    except DistgenError as error:
        return [LookupResult(need, None, error)]


def _look_up_download(need: Need) -> Iterable[LookupResult]:
    try:
        return [LookupResult(need, downloads.fetch_sha256(need.name))]
    except DistgenError as error:
        return [LookupResult(need, None, error)]


def _look_up_sources(
    world: Upstreams, git: str, some: Sequence[Need], held: Lock
) -> Iterable[LookupResult]:
    try:
        repository = git_sources.open_repository(world.git, git, world.mirrors)
    except DistgenError as error:
        return [LookupResult(need, None, error) for need in some]
    return [_look_up_source(repository, need, held) for need in some]


def _look_up_source(
    repository: git_sources.SourceRepository, need: Need, held: Lock
) -> LookupResult:
    try:
        known = held.sources.get((need.name, need.ref))
        return LookupResult(need, git_sources.resolve_ref(repository, need.ref, known))
    except DistgenError as error:
        return LookupResult(need, None, error)
