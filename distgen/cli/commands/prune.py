"""`distgen prune`: delete tags from registries that have been kept long enough."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from distgen.cli.registry_options import (
    UpstreamOptions,
    registry_option,
    upstream_options,
    upstreams,
)
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.cli.tables import align_rows
from distgen.errors import InputError
from distgen.git.refs import TAGS
from distgen.lock.resolve import Upstreams, list_refs
from distgen.model.catalogue import Catalogue, Image
from distgen.model.reference import parse_reference, replace_registry, untagged_name
from distgen.registry import prune, tags
from distgen.registry.prune import PrunePlan, PruneResult, PruneTarget
from distgen.registry.retention import RetentionDecision, protection_of


@click.command()
@image_arguments
@registry_option("Work in this registry instead of the images'.")
@click.option("--apply", "really", is_flag=True, help="Delete; without it the plan is printed.")
@upstream_options
@format_option("text", "json")
@click.pass_context
def command(
    ctx: click.Context,
    choice: Choice,
    *,
    registry: str | None,
    really: bool,
    reach: UpstreamOptions,
    form: str,
) -> None:
    """Print which tags `retention` of their namespace lets go, and delete them with --apply.

    Tags that images are to have (`distgen tags`), exceptions, and whatever distgen.lock or a tag
    that stays points at are kept.
    """
    session: Session = ctx.obj
    catalogue = session.catalogue()
    chosen = {image.full_name: image for image in choice.of(catalogue)}
    world = upstreams(session, catalogue, reach)
    places = places_of(session, catalogue, list(chosen.values()), world, registry)
    plans = prune.plan_pruning(world.registry, places, int(time.time()), reach.jobs)
    outcomes = prune.delete_tags(world.registry, plans, reach.jobs) if really else ()
    decisions = [decision for plan in plans for decision in plan.decisions]
    click.echo(as_json(decisions, outcomes) if form == "json" else as_text(decisions), nl=False)
    for outcome in outcomes:
        if outcome.status != "deleted":
            session.say(f"{outcome.reference} is {outcome.status}: {outcome.detail}")
    session.say(summary(plans, outcomes, really))
    session.say(f"{world.registry.transport.requests} requests to registries", level=1)
    ctx.exit(int(any(outcome.status == "failed" for outcome in outcomes)))


def places_of(
    session: Session,
    catalogue: Catalogue,
    images: Sequence[Image],
    world: Upstreams,
    registry: str | None,
) -> Sequence[PruneTarget]:
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
        tags.component_source(image, catalogue.namespaces[image.namespace].tags)
        for image in streams
    ]
    refs = list_refs(world, {source.git for source in sources if source is not None})
    lock = session.lock()
    plan = tags.plan_tags(streams, catalogue.namespaces, refs, lock)
    places = []
    for image in ours:
        name = untagged_name(image.reference)
        mine = [tag for tag in plan.tags if tag.image == image.full_name]
        releases = [
            entry.ref.removeprefix(TAGS)
            for entry in plan.left_out
            if (entry.image, entry.reason) == (image.full_name, tags.NO_STREAM)
        ]
        policy = catalogue.namespaces[image.namespace].retention
        repository = parse_reference(replace_registry(name, registry))
        places.append(
            PruneTarget(
                image.full_name, repository, policy, protection_of(mine, lock, name, releases)
            )
        )
    return places


def as_text(decisions: Sequence[RetentionDecision]) -> str:
    """Return one line for each tag: what becomes of it, its age in days, and why."""
    rows = [
        (
            decision.action,
            decision.reference,
            "" if decision.days is None else f"{decision.days} d",
            decision.reason,
        )
        for decision in decisions
    ]
    return align_rows([("PLAN", "TAG", "AGE", "WHY"), *rows]) + "\n" if rows else ""


def as_json(decisions: Sequence[RetentionDecision], outcomes: Sequence[PruneResult]) -> str:
    """Return the JSON of the plan and of what was done; its keys are stable."""
    rows: Mapping[str, object] = {
        "tags": [asdict(decision) for decision in decisions],
        "deleted": [{**asdict(decision), "tags": list(decision.tags)} for decision in outcomes],
        "summary": dict(sorted(Counter(decision.action for decision in decisions).items())),
    }
    return json.dumps(rows, indent=2) + "\n"


def summary(plans: Sequence[PrunePlan], outcomes: Sequence[PruneResult], really: bool) -> str:
    """Return the last line: how many tags go, or went."""
    going = [
        decision for plan in plans for decision in plan.decisions if decision.action == "delete"
    ]
    total = sum(len(plan.decisions) for plan in plans)
    if not really:
        more = "; delete them with --apply" if going else ""
        return f"{len(going)} of {total} tags would go{more}"
    deleted = sum(len(outcome.tags) for outcome in outcomes if outcome.status == "deleted")
    return f"{deleted} of {total} tags deleted"
