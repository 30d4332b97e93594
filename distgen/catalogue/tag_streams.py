"""Turns the git tags of a component into streams: which of them, and with which branch and tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from packaging.version import Version

from distgen.errors import InputError
from distgen.git.refs import release_version
from distgen.model.catalogue import Namespace, Stream
from distgen.model.releases import ReleaseChoice, TagStreams
from distgen.registry.tags import alias_of
from distgen.schema.formats import format_problem
from distgen.schema.yaml import Document
from distgen.text.suggest import did_you_mean

FROM_TAGS = "from_tags"
LATEST = "latest"


def read_tag_streams(
    namespace: Namespace, data: Mapping[str, Any], document: Document
) -> TagStreams | None:
    """Return what the data of a namespace say of streams from git tags; None where nothing.

    Raise InputError where there is no stream that they could be like.
    """
    where = document.origin(("streams", FROM_TAGS))
    keys = data["streams"].get(FROM_TAGS)
    names = [stream.name for stream in namespace.streams]
    if not names:
        raise InputError(
            "there is no stream that those from tags could be like",
            where=where,
            hint="write one beside them, such as `master: {}`",
        )
    if keys is None:
        return None
    if data.get("source"):
        raise InputError(
            "the images of a source have no component with tags", where=where, hint="leave it out"
        )
    like = keys.get("like", names[0])
    if like not in names:
        raise InputError(
            f"the namespace has no stream `{like}`",
            where=document.origin(("streams", FROM_TAGS, "like")),
            hint=did_you_mean(like, names),
        )
    choice = ReleaseChoice(
        keys["count"],
        namespace.tags.releases,
        keys.get("pattern", "*"),
        keys.get("prereleases", False),
    )
    return TagStreams(choice, like, keys.get("branch", "{tag}"), where)


def choose_releases(tags: Iterable[str], choice: ReleaseChoice) -> tuple[str, ...]:
    """Return the git tags that are chosen, the newest release first."""
    versions = {tag: version for tag in tags if (version := _chosen_version(tag, choice))}
    newest_first = sorted(versions, key=lambda tag: (versions[tag], tag), reverse=True)
    return tuple(newest_first[: choice.count])


def make_streams(namespace: Namespace, policy: TagStreams, tags: Sequence[str]) -> list[Stream]:
    """Return the streams that are made from git tags, the newest release first.

    The newest of a series has the aliases of the namespace as tags too, unless another stream has
    them. A stream of the namespace with the name of a tag stands in its place.
    """
    declared = {stream.name for stream in namespace.streams}
    used_tags = {tag for stream in namespace.streams for tag in stream.tags} | {*tags}
    speculative = any(item.speculative for item in namespace.streams if item.name == policy.like)
    streams = []
    for name in tags:
        version = release_version(name, policy.choice.shapes)
        if name in declared or version is None:
            continue
        aliases = [] if version.is_prerelease else _aliases(namespace, version)
        tags_of_stream = (name, *(alias for alias in aliases if alias not in used_tags))
        used_tags |= {*tags_of_stream}
        branch = policy.branch.replace("{tag}", name)
        _refuse_bad_branch(branch, namespace, policy)
        streams.append(Stream(name, branch, tags_of_stream, speculative, policy.like))
    return streams


def branches_clash(branch: str, earlier: str) -> bool:
    """Tell whether git cannot hold both branches: a branch is a file, its slashes are folders."""
    return f"{branch}/".startswith(f"{earlier}/") or f"{earlier}/".startswith(f"{branch}/")


def _aliases(namespace: Namespace, version: Version) -> list[str]:
    aliases = [alias_of(shape, version) for shape in namespace.tags.aliases]
    return list(dict.fromkeys([*aliases, *([LATEST] if namespace.tags.latest else [])]))


def _chosen_version(tag: str, choice: ReleaseChoice) -> Version | None:
    # A git tag that could not be a stream, or a tag in a registry, is left out of the plan, too.
    if not fnmatchcase(tag, choice.pattern) or format_problem("stream", tag):
        return None
    version = release_version(tag, choice.shapes)
    if version is None or format_problem("tag", tag):
        return None
    return version if choice.prereleases or not version.is_prerelease else None


def _refuse_bad_branch(branch: str, namespace: Namespace, policy: TagStreams) -> None:
    if problem := format_problem("branch", branch):
        raise InputError(f"`{branch}` {problem}", where=policy.origin)
    for stream in namespace.streams:
        if branches_clash(branch, stream.branch):
            raise InputError(
                f"the streams `{stream.name}` and `{FROM_TAGS}` cannot have the branches "
                f"`{stream.branch}` and `{branch}` in one repository",
                where=policy.origin,
                hint="give those of tags another `branch`, such as `release/{tag}`",
            )
