"""`distgen lock`: look up what names stand for now, and write it into distgen.lock."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import click

from distgen import lockfile
from distgen.cli.lockreport import problems, report
from distgen.cli.outside import jobs, world
from distgen.cli.plans import cache
from distgen.cli.replacing import Replaced, replacing
from distgen.cli.session import Choice, Session, choosing, formats
from distgen.disk import replace_file
from distgen.errors import InputError
from distgen.journal import Journal
from distgen.lockplan import Plan, locked, needs, to_resolve, unused, with_facts
from distgen.model import Lock
from distgen.resolve import Answer, World, resolve
from distgen.resolve import check as lockcheck

REMEMBERED = 3600  # seconds


@click.command()
@choosing
@replacing
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when something is not right.")
@click.option("--offline", is_flag=True, help="Ask nobody.")
@click.option(
    "--upgrade",
    metavar="[PATTERN]",
    is_flag=False,
    flag_value="*",
    help="Look up again what the lock holds: all, or what matches a name, URL or image.",
)
@click.option(
    "--platform",
    metavar="OS/ARCH",
    help="Lock bases for one platform instead of all; `all` goes back.",
)
@jobs
@formats("text", "json")
@click.pass_context
def command(
    ctx: click.Context,
    choice: Choice,
    replaced: Replaced,
    *,
    check: bool,
    offline: bool,
    upgrade: str | None,
    platform: str | None,
    jobs: int,
    form: str,
) -> None:
    """Resolve bases to digests, sources to commits and downloads to checksums.

    Looks up what distgen.lock lacks, and drops what no image needs. Nothing is written unless
    everything was found.
    """
    session: Session = ctx.obj
    held = session.lock()
    catalog = session.catalog()
    speculation = replaced.of(catalog, held)
    # Both are needed: the sources as the catalogue has them, and those of this run.
    both = (*choice.of(catalog), *choice.of(speculation.catalog))
    everything = (*catalog.images, *speculation.catalog.images)
    needed = needs(both)
    dropped = () if choice.patterns else unused(everything, needed, held)
    asked = world(session, catalog, jobs)
    if check:
        found = (
            lockcheck.offline(needed, dropped, held)
            if offline
            else lockcheck.check(asked, needed, dropped, held)
        )
        click.echo(problems(found, form), nl=False)
        problem = "problem" if len(found) == 1 else "problems"
        session.say(f"{len(found)} {problem}" if found else "the lock is as the world is")
        session.say(f"{asked.registry.transport.requests} requests to registries", level=1)
        ctx.exit(int(bool(found)))
    plan = Plan(held, to_resolve(needed, held, upgrade, platform), dropped, platform)
    if offline and plan.wanted:
        some = ", ".join(map(str, plan.wanted[:3]))
        raise InputError(f"{len(plan.wanted)} to be looked up: {some}", hint="leave out --offline")
    answers = look_up(session, asked, plan, speculation.elsewhere)
    done = not any(answer.error for answer in answers)
    new = locked_now(plan, answers) if done else held
    if new != held:
        replace_file(session.root / lockfile.FILE, lockfile.dump(new))
    click.echo(report(plan, answers, new, form), nl=False)
    session.say(f"{asked.registry.transport.requests} requests to registries", level=1)
    if not done:
        session.say("distgen.lock is left as it was; found entries are kept for the next run")
    ctx.exit(int(not done))


def look_up(
    session: Session, asked: World, plan: Plan, elsewhere: Mapping[tuple[str, str], str]
) -> Sequence[Answer]:
    """Return an answer for everything wanted, going on where an interrupted run stopped."""
    purpose = [lockfile.dump(plan.held), str(plan.platform), *map(str, plan.wanted)]
    with Journal(cache(session), purpose, time.time() - REMEMBERED) as journal:
        known = journal.read()
        if known:
            session.say(f"going on after an interrupted run, with {len(known)} entries")
        answers = {need.key: Answer(need, known.get(need.key)) for need in plan.wanted}
        rest = [need for need in plan.wanted if need.key not in known]
        while rest:
            again = []
            for answer in resolve(asked, rest, plan.held, plan.platform):
                session.say(f"{answer.need}: {answer.error or 'found'}", level=1)
                other = elsewhere.get((answer.need.name, answer.need.ref))
                if answer.fact is not None:
                    journal.add(answer.need.key, answer.fact)
                elif other is not None and other != answer.need.name:
                    again.append(replace(answer.need, name=other))
                    answers.pop(answer.need.key)
                    continue
                answers[answer.need.key] = answer
            rest = again
        if not any(answer.error for answer in answers.values()):
            journal.forget()
    return [answers[key] for key in sorted(answers)]


def locked_now(plan: Plan, answers: Sequence[Answer]) -> Lock:
    """Return the lock with what was found and without what nobody needs."""
    facts = {key: fact for key, fact in locked(plan.held).items() if key not in plan.dropped}
    found = {answer.need.key: answer.fact for answer in answers if answer.fact is not None}
    return with_facts({**facts, **found})
