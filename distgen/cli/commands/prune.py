"""`distgen prune`: delete tags from registries that have been kept long enough."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from distgen.cli.commands.list import table
from distgen.cli.registry_options import jobs, registry_option, upstreams
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.errors import InputError
from distgen.lock.resolve import Upstreams, list_refs
from distgen.model.catalogue import Catalogue, Image
from distgen.model.reference import parse_reference, replace_registry
from distgen.registry import prune, tags
from distgen.registry.prune import Outcome, Place, Plan
from distgen.registry.retention import Decision, protect, split


@click.command()
@image_arguments
@registry_option("Work in this registry instead of the images'.")
@click.option("--apply", "really", is_flag=True, help="Delete; without it the plan is printed.")
@jobs
@format_option("text", "json")
@click.pass_context
def command(
    ctx: click.Context,
    choice: Choice,
    *,
    registry: str | None,
    really: bool,
    jobs: int,
    form: str,
) -> None:
    """Print which tags `retention` of their namespace lets go, and delete them with --apply.

    Tags that images are to have (`distgen tags`), exceptions, and whatever distgen.lock or a tag
    that stays points at are kept.
    """
    session: Session = ctx.obj
    catalogue = session.catalogue()
    chosen = {image.full_name: image for image in choice.of(catalogue)}
    asked = upstreams(session, catalogue, jobs)
    places = places_of(session, catalogue, list(chosen.values()), asked, registry)
    plans = prune.plan(asked.registry, places, int(time.time()), jobs)
    done = prune.apply(asked.registry, plans, jobs) if really else ()
    decisions = [decision for plan in plans for decision in plan.decisions]
    click.echo(as_json(decisions, done) if form == "json" else as_text(decisions), nl=False)
    for outcome in done:
        if outcome.status != "deleted":
            session.say(f"{outcome.reference} is {outcome.status}: {outcome.detail}")
    session.say(summary(plans, done, really))
    session.say(f"{asked.registry.transport.requests} requests to registries", level=1)
    ctx.exit(int(any(outcome.status == "failed" for outcome in done)))


def places_of(
    session: Session,
    catalogue: Catalogue,
    images: Sequence[Image],
    asked: Upstreams,
    registry: str | None,
) -> Sequence[Place]:
    """Return the repositories whose namespace has a retention, with what stays in them."""
    ours = [image for image in images if catalogue.namespaces[image.namespace].retention.days]
    if not ours:
        raise InputError(
            "no namespace of these images has a retention",
            hint="write `retention: {days: {...}}` into its namespace.yaml",
        )
    names = {image.full_name for image in ours}
    streams = [image for image in catalogue.images if image.full_name in names]
    sources = [
        tags.component(image, catalogue.namespaces[image.namespace].tags) for image in streams
    ]
    refs = list_refs(asked, {source.git for source in sources if source is not None})
    held = session.lock()
    planned = tags.plan(streams, catalogue.namespaces, refs, held).tags
    places = []
    for image in ours:
        name = split(image.reference)
        mine = [tag for tag in planned if tag.image == image.full_name]
        policy = catalogue.namespaces[image.namespace].retention
        repository = parse_reference(replace_registry(name, registry))
        places.append(Place(image.full_name, repository, policy, protect(mine, held, name)))
    return places


def as_text(decisions: Sequence[Decision]) -> str:
    """Return one line for each tag: what becomes of it, its age in days, and why."""
    rows = [
        (one.action, one.reference, "" if one.days is None else f"{one.days} d", one.reason)
        for one in decisions
    ]
    return table([("PLAN", "TAG", "AGE", "WHY"), *rows]) + "\n" if rows else ""


def as_json(decisions: Sequence[Decision], done: Sequence[Outcome]) -> str:
    """Return the JSON of the plan and of what was done; its keys are stable."""
    rows: Mapping[str, object] = {
        "tags": [asdict(one) for one in decisions],
        "deleted": [{**asdict(one), "tags": list(one.tags)} for one in done],
        "summary": dict(sorted(Counter(one.action for one in decisions).items())),
    }
    return json.dumps(rows, indent=2) + "\n"


def summary(plans: Sequence[Plan], done: Sequence[Outcome], really: bool) -> str:
    """Return the last line: how many tags go, or went."""
    going = [one for plan in plans for one in plan.decisions if one.action == "delete"]
    total = sum(len(plan.decisions) for plan in plans)
    if not really:
        more = "; delete them with --apply" if going else ""
        return f"{len(going)} of {total} tags would go{more}"
    gone = sum(len(outcome.tags) for outcome in done if outcome.status == "deleted")
    return f"{gone} of {total} tags deleted"
