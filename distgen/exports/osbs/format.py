"""`container.yaml` in each repository, which tells OSBS what a Dockerfile cannot.

Its schema is `osbs/schemas/container.json` of osbs-client, read as Draft 4: a key that nobody asked
for is left out, since OSBS has its own defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from distgen.errors import InputError
from distgen.exports.osbs.labels import check_repository
from distgen.exports.repository_records import RepositoryFile, RepositoryFormat
from distgen.exports.yaml_lines import write_lines
from distgen.model.catalogue import Image, Namespace, Source
from distgen.model.export_settings import ExportSettings
from distgen.model.lock import Lock
from distgen.model.words import KeyPath, Origin
from distgen.text.suggest import did_you_mean

CONTAINER = "container.yaml"
MISSPELT = "container.yml"
"""OSBS refuses a repository that has it, beside the right name as well."""
ARCHITECTURES: Mapping[str, str] = {
    "linux/amd64": "x86_64",
    "linux/arm64": "aarch64",
    "linux/arm64/v8": "aarch64",
    "linux/arm/v7": "armhfp",
    "linux/ppc64le": "ppc64le",
    "linux/s390x": "s390x",
}
"""Koji's names, which OSBS takes, of platforms."""
PLAIN_KEYS = (
    *("platforms", "tags", "compose", "remote_sources_version", "buildtime_limit"),
    *("set_release_env", "operator_manifests"),
)
"""What a namespace or an image says as the file has it."""
EVERY_SOURCE = "*"
# osbs-client drops any other tag with a mere warning: `AdditionalTagsConfig.VALID_TAG_REGEX`.
_TAG = re.compile(r"[A-Za-z0-9_.]{1,127}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def write_container(image: Image, settings: ExportSettings, lock: Lock) -> Iterator[RepositoryFile]:
    """Yield `container.yaml` with the keys that were asked for; nothing where none was."""
    values = settings.values
    data = {key: _sorted_maps(values[key]) for key in PLAIN_KEYS if key in values}
    origins: dict[KeyPath, Origin] = {(): settings.origin()}
    origins |= {
        key: line for key, line in settings.origins.items() if key[:1] != ("remote_sources",)
    }
    if image.platforms and "platforms" not in data:
        data["platforms"] = {"only": [ARCHITECTURES[name] for name in image.platforms]}
    sources = _chosen_sources(image, settings)
    if sources:
        data["remote_sources"] = [
            {"name": source.name, "remote_source": _remote_source(source, options, lock, settings)}
            for source, options in sources
        ]
        for index, (source, _) in enumerate(sources):
            place = settings.origin("remote_sources", _key_of(source, settings))
            origins["remote_sources", index] = place
            for key in ("repo", "ref"):
                origins["remote_sources", index, "remote_source", key] = source.origin
        origins[("remote_sources",)] = settings.origin("remote_sources")
    if data:
        text, lines = write_lines(dict(sorted(data.items())), origins)
        yield RepositoryFile(CONTAINER, text, lines, (MISSPELT,))


def refuse_settings(image: Image, namespace: Namespace, settings: ExportSettings) -> None:
    """Raise InputError for a setting that OSBS would drop, or that means nothing for an image."""
    for index, tag in enumerate(settings.values.get("tags", ())):
        if not _TAG.fullmatch(tag):
            raise InputError(
                f"OSBS drops the tag `{tag}` of {image.key}",
                where=settings.origin("tags", index),
                hint="it takes up to 127 letters, digits, `.` and `_`",
            )
    for platform in () if "platforms" in settings.values else image.platforms:
        if platform not in ARCHITECTURES:
            raise InputError(
                f"`{platform}`, which {image.key} is built for, has no name in OSBS",
                where=settings.origin(),
                hint=f"it builds for {', '.join(ARCHITECTURES)}; or set `osbs: {{platforms: ...}}`",
            )
    names = [source.name for source in image.sources]
    for name in settings.values.get("remote_sources", {}):
        if name not in (*names, EVERY_SOURCE):
            raise InputError(
                f"{image.full_name} has no source `{name}`",
                where=settings.origin("remote_sources", name),
                hint=did_you_mean(name, (*names, EVERY_SOURCE)),
            )


def _chosen_sources(
    image: Image, settings: ExportSettings
) -> list[tuple[Source, Mapping[str, Any]]]:
    chosen = settings.values.get("remote_sources", {})
    return [
        (source, chosen[key])
        for source in sorted(image.sources, key=lambda source: source.name)
        if (key := _key_of(source, settings)) in chosen
    ]


def _key_of(source: Source, settings: ExportSettings) -> str:
    is_named = source.name in settings.values.get("remote_sources", {})
    return source.name if is_named else EVERY_SOURCE


def _remote_source(
    source: Source, options: Mapping[str, Any], lock: Lock, settings: ExportSettings
) -> dict[str, Any]:
    """Return an entry of `remote_sources`: OSBS fetches a commit, never a branch."""
    entry = lock.sources.get((source.git, source.ref))
    commit = entry.commit if entry else source.ref
    where = settings.origin("remote_sources", _key_of(source, settings))
    if source.changes:
        raise InputError(
            f"no commit has the source `{source.name}` with its changes, and OSBS fetches commits",
            where=where,
            hint="take `remote_sources` out for a run that tries changes",
        )
    if not _COMMIT.fullmatch(commit):
        raise InputError(
            f"OSBS fetches the source `{source.name}` by a commit of 40 digits, and the lock has "
            f"none for {source.git} at {source.ref}",
            where=where,
            hint="run `distgen lock`",
        )
    if not source.git.startswith(("https://", "http://")) or {*"@?#"} & {*source.git}:
        raise InputError(
            f"OSBS cannot fetch the source `{source.name}` from there",
            where=source.origin,
            hint="give the source an https:// address without a user or query",
        )
    return {"repo": source.git, "ref": commit, **_sorted_maps(options)}


def _sorted_maps(data: Any) -> Any:
    """Return data with the keys of all maps in it sorted: their order says nothing."""
    if isinstance(data, Mapping):
        return {key: _sorted_maps(data[key]) for key in sorted(data)}
    return [_sorted_maps(item) for item in data] if isinstance(data, list) else data


REPOSITORY_FORMAT = RepositoryFormat(
    name="osbs",
    summary="`container.yaml`, and what OSBS demands of labels.",
    refuse=refuse_settings,
    write=write_container,
    check=check_repository,
)
