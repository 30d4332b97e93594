"""`distgen tags`: the tags that images are to get, from the refs of their components."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from distgen.cli.registry_options import UpstreamOptions, upstream_options, upstreams
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.cli.tables import align_rows
from distgen.lock.resolve import list_refs
from distgen.registry import tags
from distgen.registry.tags import PlannedTag, TagPlan


@click.command()
@image_arguments
@click.option("--offline", is_flag=True, help="Ask nobody: only the tags that streams declare.")
@upstream_options
@format_option("text", "json")
@click.pass_obj
def command(
    session: Session, choice: Choice, offline: bool, reach: UpstreamOptions, form: str
) -> None:
    """Plan the tags of images: releases, the newest one, branches and aliases.

    What is published under which tag follows from the component's git repository and from
    `tags:` of the namespace. Two streams that want the same tag are an error.
    """
    catalogue = session.catalogue()
    chosen = {image.full_name for image in choice.of(catalogue)}
    # All streams of an image are planned, so that a clash with one that was not asked for shows.
    images = [image for image in catalogue.images if image.full_name in chosen]
    sources = [
        tags.component_source(image, catalogue.namespaces[image.namespace].tags) for image in images
    ]
    urls = {source.git for source in sources if source is not None}
    refs = {} if offline else list_refs(upstreams(session, catalogue, reach), urls)
    plan = tags.plan_tags(images, catalogue.namespaces, refs, session.lock())
    keys = {image.key for image in choice.of(catalogue)}
    chosen_tags = [tag for tag in plan.tags if f"{tag.image}@{tag.stream}" in keys]
    click.echo(as_json(chosen_tags, plan) if form == "json" else as_text(chosen_tags), nl=False)
    for entry in plan.left_out:
        session.say(f"{entry.image}: {entry.ref} gives no tag: {entry.reason}", level=1)


def as_text(tags_shown: list[PlannedTag]) -> str:
    """Return one line for each tag: what it is called, why, and what it is made from."""
    rows = [
        (tag.reference, tag.kind, tag.stream, tag.ref or "", (tag.commit or "")[:12])
        for tag in tags_shown
    ]
    head = ("REFERENCE", "KIND", "STREAM", "REF", "COMMIT")
    return align_rows([head, *rows]) + "\n" if rows else ""


def as_json(tags_shown: list[PlannedTag], plan: TagPlan) -> str:
    """Return the JSON that publishing jobs read; its keys are stable."""
    images = {tag.image for tag in tags_shown}
    rows = {
        "tags": [asdict(tag) for tag in tags_shown],
        "left_out": [asdict(entry) for entry in plan.left_out if entry.image in images],
    }
    return json.dumps(rows, indent=2) + "\n"
