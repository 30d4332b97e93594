"""`distgen discover`: which images of a list, or of the catalogue, a registry has."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from distgen.cli.option_groups import option_group
from distgen.cli.registry_options import (
    UPSTREAM_OPTIONS,
    UpstreamOptions,
    registries,
    registry_option,
)
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.cli.work import render_limits, site_settings
from distgen.errors import DistgenError, InputError
from distgen.lock.file import dump_lock
from distgen.lock.plan import facts_by_key, lock_of
from distgen.model.lock import LOCK_FILE, LockedBase
from distgen.model.reference import is_digest, parse_reference, replace_registry, untagged_name
from distgen.output.files import replace_file
from distgen.registry.client import Registry
from distgen.registry.discover import ImageQuery, RegistryMatch, find_images
from distgen.tripleo.files import read_defaults, read_list
from distgen.tripleo.lists import (
    ContainerEntry,
    format_environment,
    format_list,
)

FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True)
class Wanted(UpstreamOptions):
    """What the command line says about where to look, and for which tag."""

    registry: str | None
    tag: str | None
    label: str
    require_all: bool
    form: str


@dataclass(frozen=True)
class Files:
    """What the command line says about the list to read and the files to write."""

    template: Path | None
    defaults: Path | None
    sets: tuple[str, ...]
    digests: bool
    output: Path | None
    environment: Path | None


@click.command()
@image_arguments
@option_group(
    Files,
    "files",
    click.option(
        "--template", metavar="FILE", type=FILE, help="A list of images, or its template."
    ),
    click.option("--defaults", metavar="FILE", type=FILE, help="Values for the template."),
    click.option("--set", "sets", metavar="KEY=VALUE", multiple=True, help="One value for it."),
    click.option("--digests", is_flag=True, help="Name images by digest."),
    click.option("-o", "--output", metavar="FILE", type=FILE, help="Where to write the list."),
    click.option(
        "--environment", metavar="FILE", type=FILE, help="Where to write a heat environment."
    ),
)
@option_group(
    Wanted,
    "query",
    registry_option("Look in this registry, whatever the list says."),
    click.option("--tag", metavar="TAG", help="The tag to look for."),
    click.option(
        "--tag-from-label",
        "label",
        metavar="LABEL",
        default="",
        help="Take each image's tag from its label, or from several: {version}-{release}.",
    ),
    click.option("--require-all", is_flag=True, help="Write nothing unless every image was found."),
    *UPSTREAM_OPTIONS,
    format_option("text", "json"),
)
@click.pass_obj
def command(session: Session, choice: Choice, *, files: Files, query: Wanted) -> None:
    """Find out which images a registry has, and under which tag.

    With --template, the images of a list of containers: writes the list of those that are there,
    and a heat environment with their names. Without it, the images of the catalogue: writes the
    digests of those that were built into distgen.lock, for the images that are built on them.
    """
    if files.template is not None:
        if choice.patterns:
            raise InputError(f"{choice.patterns[0]!r} is one too many beside --template")
        discover_list(session, files.template, files, query)
        return
    if files != Files(None, None, (), False, None, None):
        raise InputError("these options are for a list of images", hint="add --template FILE")
    discover_catalogue(session, choice, query)


def discover_list(session: Session, template: Path, files: Files, query: Wanted) -> None:
    """Write which images of a list are there, and the heat environment that names them."""
    places = [path for path in (files.output, files.environment) if path is not None]
    for path in places:
        if not path.parent.is_dir():
            raise InputError("its folder is not there", where=path)
    if len({path.resolve() for path in places}) < len(places):
        raise InputError("is both the list and the environment", where=files.output)
    defaults = read_defaults(files.defaults) if files.defaults else {}
    variables = {**defaults, **parse_assignments(files.sets)}
    entries = read_list(template, variables, query.tag, render_limits(session))
    registry = registries(session, mirrors(session), query)
    wishes = [wish(str(number), entry, query) for number, entry in enumerate(entries)]
    matches = search_registry(session, registry, wishes, query)
    rows = [
        (name(match, files.digests), entries[int(match.query.key)])
        for match in matches
        if match.reference is not None
    ]
    text = format_list(rows)
    insecure = sorted(
        {
            match.query.reference.registry
            for match in matches
            if registry.is_plain(match.query.reference)
        }
    )
    # Both files are ready before the first is written.
    if files.environment:
        replace_file(files.environment, format_environment(rows, insecure))
    if files.output:
        replace_file(files.output, text)
    elif query.form == "text":
        click.echo(text, nl=False)


def discover_catalogue(session: Session, choice: Choice, query: Wanted) -> None:
    """Write the digests of the catalogue's own images into the lock."""
    catalogue = session.catalogue()
    wishes = []
    for image in choice.of(catalogue):
        entry = ContainerEntry(untagged_name(image.reference), query.tag or image.stream.tags[0])
        wishes.append(wish(image.reference, entry, query))
    registry = registries(session, catalogue.mirrors, query)
    matches = search_registry(session, registry, wishes, query)
    lock = session.lock()
    facts: dict[Any, Any] = dict(facts_by_key(lock))
    for match in matches:
        if match.reference is not None:
            facts[("base", match.query.key, "")] = LockedBase(match.digest)
    new = lock_of(facts)
    if new != lock:
        replace_file(session.root / LOCK_FILE, dump_lock(new))
    for match in matches if query.form == "text" else ():
        if match.reference is not None:
            click.echo(f"{match.query.key}  {match.digest}")


def search_registry(
    session: Session, registry: Registry, wishes: Sequence[ImageQuery], query: Wanted
) -> tuple[RegistryMatch, ...]:
    """Return what the registry has; say what it has not, and fail where that matters."""
    matches = find_images(registry, wishes, query.jobs)
    session.say(f"{registry.transport.requests} requests to registries", level=1)
    if query.form == "json":
        click.echo(as_json(matches), nl=False)
    broken = list(dict.fromkeys(match.reason for match in matches if match.failed))
    if broken:
        count = sum(match.failed for match in matches)
        raise DistgenError(
            f"{count} of {len(matches)} images could not be looked up: " + "\n  ".join(broken[:10])
        )
    dropped = [match for match in matches if match.reference is None]
    for match in dropped:
        session.say(f"dropped {match.query.reference.name}: {match.reason}")
    if dropped and (query.require_all or len(dropped) == len(matches)):
        raise DistgenError(f"{len(dropped)} of {len(matches)} images are not there")
    session.say(f"{len(matches) - len(dropped)} of {len(matches)} images found")
    return matches


def as_json(matches: Sequence[RegistryMatch]) -> str:
    """Return the JSON of what was found and what was not; its keys are stable."""
    rows = [
        {
            "name": match.query.reference.name.removeprefix("http://"),
            "status": "failed" if match.failed else "found" if match.reference else "dropped",
            "reference": str(match.reference).removeprefix("http://") if match.reference else None,
            "digest": match.digest or None,
            "detail": match.reason,
        }
        for match in matches
    ]
    counts = dict(sorted(Counter(str(row["status"]) for row in rows).items()))
    return json.dumps({"images": rows, "summary": counts}, indent=2) + "\n"


def wish(key: str, entry: ContainerEntry, query: Wanted) -> ImageQuery:
    """Return what to look for, for one entry of a list."""
    sign = "@" if is_digest(entry.tag) else ":"
    reference = parse_reference(f"{replace_registry(entry.name, query.registry)}{sign}{entry.tag}")
    return ImageQuery(key, reference, "" if entry.has_fixed_tag else query.label)


def name(match: RegistryMatch, digests: bool) -> str:
    """Return what the list calls an image that was found."""
    assert match.reference is not None
    reference = match.reference.at(match.digest) if digests else match.reference
    return str(reference).removeprefix("http://")


def mirrors(session: Session) -> Mapping[str, Mapping[str, str]]:
    """Return the mirrors of the catalogue where there is one; a list does not need one."""
    settings = site_settings(session)
    return settings.mirrors if settings else {}


def parse_assignments(sets: Sequence[str]) -> Mapping[str, str]:
    """Parse the --set options of a template."""
    assignments = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise InputError("is not an assignment", where=f"--set {text}", hint="write KEY=VALUE")
        assignments[key.strip()] = value
    return assignments
