"""Share a run among equal jobs: which repositories are whose, and which others they build on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from distgen.publish.repository_access import Repository


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` equal jobs, its `number` counted from 1.

    `wait` is how many seconds it waits for a parent that is another's.
    """

    number: int
    count: int
    wait: float

    def owns(self, url: str) -> bool:
        """Tell whether a repository is this job's; every machine and version says the same."""
        digest = hashlib.sha256(url.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


def keys_of_others(repositories: Iterable[Repository], shard: Shard | None) -> frozenset[str]:
    """Return the keys of what other shards publish.

    A change is whose its repository is: two namespaces may spell the address of one differently.
    """
    if shard is None:
        return frozenset()
    others = (repository for repository in repositories if not shard.owns(repository.url))
    return frozenset(target.key for repository in others for target in repository.targets)


def batches_of_shard(
    repositories: Sequence[Repository],
    parents: Mapping[str, Sequence[str]],
    shard: Shard,
    size: int,
) -> Iterator[tuple[Repository, ...]]:
    """Yield a shard's repositories in batches, with those of other shards that go before them.

    `repositories` are those of all shards, parents first. Where a cycle makes two wait for each
    other, only the later one waits, in each shard the same.
    """
    number_of = {t.key: number for number, r in enumerate(repositories) for t in r.targets}
    own = [number for number, r in enumerate(repositories) if shard.owns(r.url)]
    yielded: set[int] = set()
    for start in range(0, len(own), size):
        chosen = set(own[start : start + size])
        stack = list(chosen)
        while stack:
            number = stack.pop()
            keys = [key for t in repositories[number].targets for key in parents.get(t.key, ())]
            earlier = {number_of[key] for key in keys if number_of.get(key, number) < number}
            of_others = {n for n in earlier - yielded if not shard.owns(repositories[n].url)}
            stack += of_others - chosen
            chosen |= of_others
        yielded |= chosen
        yield tuple(repositories[number] for number in sorted(chosen))
