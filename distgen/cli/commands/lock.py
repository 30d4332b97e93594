"""`distgen lock`: look up what names stand for now, and write it into distgen.lock."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NoReturn

import click

from distgen.cli.lock_facts import may_stay_unpinned, name_first, take_digests, take_facts
from distgen.cli.lock_report import problems, report, unlockable
from distgen.cli.option_groups import option_group
from distgen.cli.registry_options import UPSTREAM_OPTIONS, UpstreamOptions, upstreams
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.cli.source_options import SourceOptions, source_options, warn_of_unused_items
from distgen.errors import InputError
from distgen.lock.check import check_against_facts, check_offline, check_online
from distgen.lock.facts import Facts, published_needs, used_keys
from distgen.lock.file import dump_lock, read_facts
from distgen.lock.journal import Journal
from distgen.lock.plan import (
    LockPlan,
    Need,
    facts_by_key,
    lock_of,
    matches,
    needs,
    needs_to_look_up,
    tag_needs,
    unused_keys,
)
from distgen.lock.resolve import LookupResult, Upstreams, resolve
from distgen.model.catalogue import Catalogue
from distgen.model.lock import LOCK_FILE, Lock
from distgen.output.files import replace_file

REMEMBERED = 3600  # seconds
PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9_.]+)?")


@dataclass(frozen=True)
class Asked(UpstreamOptions):
    """What the command line says about what to look up, and what to do with it."""

    check: bool
    offline: bool
    upgrade: str | None
    platform: str | None
    facts: Path | None
    digests: Path | None
    form: str


def platform(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no platform before anybody is asked for it."""
    if value is not None and value != "all" and not PLATFORM.fullmatch(value):
        raise InputError(
            f"{value!r} is no platform", where="--platform", hint="write OS/ARCH, or all"
        )
    return value


@click.command()
@image_arguments
@source_options
@option_group(
    Asked,
    "asking",
    click.option(
        "--check", is_flag=True, help="Write nothing; exit 1 when something is not right."
    ),
    click.option("--offline", is_flag=True, help="Ask nobody."),
    click.option(
        "--upgrade",
        metavar="[PATTERN]",
        is_flag=False,
        flag_value="*",
        help="Look up again what the lock holds: all, or what matches a name, URL or image. "
        "With --check, fetch downloads and compare their content.",
    ),
    click.option(
        "--platform",
        metavar="OS/ARCH",
        callback=platform,
        help="Lock bases for one platform instead of all; `all` goes back.",
    ),
    click.option(
        "--facts",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Ask nobody, and take over what FILE says: facts that were looked up elsewhere. "
        "With --check, compare the lock with them.",
    ),
    click.option(
        "--digests",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Ask nobody, and take over the digests that `distgen build --push` wrote to FILE.",
    ),
    *UPSTREAM_OPTIONS,
    format_option("text", "json"),
)
@click.pass_context
def command(ctx: click.Context, choice: Choice, overrides: SourceOptions, asking: Asked) -> None:
    """Resolve bases to digests, sources to commits and downloads to checksums.

    Looks up what distgen.lock lacks, and drops what no image needs. Nothing is written unless
    everything was found.
    """
    session: Session = ctx.obj
    if asking.digests is not None:
        other_work = (asking.check, asking.upgrade, asking.platform, asking.facts)
        take_digests(session, choice, asking.digests, asking.form, alone=not any(other_work))
        return
    facts = None if asking.facts is None else read_facts(asking.facts)
    lock = session.lock()
    catalogue, tags = follow_tags(session, choice, asking, facts, lock)
    speculation = overrides.of(catalogue, lock)
    # Both are needed: the sources as the catalogue has them, and those of this run.
    speculated = choice.of(speculation.catalogue)
    warn_of_unused_items(session, speculation, speculated)
    images = (*choice.of(catalogue), *speculated)
    everything = (*catalogue.images, *speculation.catalogue.images)
    needed = (*needs(images), *tag_needs(catalogue, images))
    # Facts may pin the catalogue's own images, too; nobody is asked for those.
    takeable = needed if facts is None else (*needed, *published_needs(images))
    lookups = needs_to_look_up(takeable, lock, asking.upgrade, asking.platform)
    lookups = tuple(need for need in lookups if need.key not in {tag.need.key for tag in tags})
    dropped = () if choice.patterns else unused_keys(everything, needed, lock)
    plan = LockPlan(lock, lookups, dropped, asking.platform)
    for sentence in unlockable(images):
        session.say(sentence)
    right = True
    if asking.check:
        right = compare(session, catalogue, plan, needed, asking, facts)
    elif facts is not None:
        used = used_keys(catalogue, everything)
        take_facts(session, facts, plan, needed, used, asking.form)
    else:
        world = upstreams(session, catalogue, asking)
        right = write(session, world, plan, asking, speculation.elsewhere, tags)
        session.say(f"{world.registry.transport.requests} requests to registries", level=1)
    ctx.exit(int(not right))


def follow_tags(
    session: Session, choice: Choice, asking: Asked, facts: Facts | None, lock: Lock
) -> tuple[Catalogue, Sequence[LookupResult]]:
    """Return the catalogue with the streams that git tags give it now, and what was looked up.

    Which images there are depends on these tags, so they are looked up before all else.
    """
    catalogue = session.catalogue(tags=lock.tags)
    names = [pattern.partition("@")[0] for pattern in choice.patterns] or ["*"]
    images = [
        image for image in catalogue.images if any(fnmatchcase(image.full_name, n) for n in names)
    ]
    held_facts = facts_by_key(lock)
    lookups = tuple(
        need
        for need in tag_needs(catalogue, images)
        if need.key not in held_facts or (asking.upgrade and matches(need, asking.upgrade))
    )
    if asking.check or not lookups:
        return catalogue, ()
    if facts is not None:
        tags = {
            need.key[1:]: facts.lock.tags[need.key[1:]]
            for need in lookups
            if need.key[1:] in facts.lock.tags
        }
        return session.catalogue(tags={**lock.tags, **tags}), ()
    if asking.offline:
        refuse_offline(lookups)
    world = upstreams(session, catalogue, asking)
    answers = look_up(session, world, LockPlan(lock, lookups), {})
    found_tags = {
        answer.need.key[1:]: answer.fact for answer in answers if isinstance(answer.fact, tuple)
    }
    return session.catalogue(tags={**lock.tags, **found_tags}), answers


def refuse_offline(lookups: Sequence[Need]) -> NoReturn:
    """Raise InputError: somebody has to be asked for these."""
    first_lookups = ", ".join(map(str, lookups[:3]))
    raise InputError(f"{len(lookups)} to be looked up: {first_lookups}", hint="leave out --offline")


def compare(
    session: Session,
    catalogue: Catalogue,
    plan: LockPlan,
    needed: Sequence[Need],
    asking: Asked,
    facts: Facts | None,
) -> bool:
    """Print what is wrong with the lock; tell whether nothing is."""
    silent = asking.offline or facts is not None
    if asking.platform is not None or (silent and asking.upgrade is not None):
        raise InputError("--check takes no --platform, and offline or with --facts no --upgrade")
    held_facts = facts_by_key(plan.lock)
    missing = [need for need in needed if need.key not in held_facts]
    excused = {need.key for need in missing if may_stay_unpinned(need, catalogue)}
    strict = [need for need in needed if need.key not in excused]
    if facts is not None:
        lock_problems = check_against_facts(strict, plan.unused, plan.lock, facts.lock)
    elif asking.offline:
        lock_problems = check_offline(strict, plan.unused, plan.lock)
    else:
        world = upstreams(session, catalogue, asking)
        fetched = frozenset(need.key for need in plan.lookups)
        lock_problems = check_online(world, strict, plan.unused, plan.lock, fetched)
        session.say(f"{world.registry.transport.requests} requests to registries", level=1)
    click.echo(problems(lock_problems, asking.form), nl=False)
    if excused:
        names = name_first(str(need) for need in missing if need.key in excused)
        session.say(f"{len(excused)} may stay unpinned, as policies say: {names}")
    problem = "problem" if len(lock_problems) == 1 else "problems"
    authority = "facts say" if facts is not None else "world is"
    right = f"the lock is as the {authority}" if facts or not silent else "the lock is complete"
    session.say(f"{len(lock_problems)} {problem}" if lock_problems else right)
    return not lock_problems


def write(
    session: Session,
    world: Upstreams,
    plan: LockPlan,
    asking: Asked,
    elsewhere: Mapping[tuple[str, str], str],
    tags: Sequence[LookupResult],
) -> bool:
    """Look up what is wanted and write it into the lock; tell whether all of it was found.

    `tags` were looked up already; where they were not found, what hangs on them is not asked for.
    """
    if asking.offline and plan.lookups:
        refuse_offline(plan.lookups)
    answers = list(tags)
    if not any(answer.error for answer in tags):
        answers += look_up(session, world, plan, elsewhere)
    complete = not any(answer.error for answer in answers)
    new = plan.lock
    if complete:
        # Another run may have added entries of its own in the meantime.
        there = session.lock()
        new = locked_now(there, plan, answers)
        if new != there:
            replace_file(session.root / LOCK_FILE, dump_lock(new))
    click.echo(report(plan, answers, new, asking.form), nl=False)
    if answers and new == plan.lock and complete:
        count = "1 entry" if len(answers) == 1 else f"{len(answers)} entries"
        session.say(f"{count} looked up, and nothing is new")
    if not complete:
        hint = "; found entries are kept for the next run" if session.use_cache else ""
        session.say(f"distgen.lock is left as it was{hint}")
    return complete


def look_up(
    session: Session, world: Upstreams, plan: LockPlan, elsewhere: Mapping[tuple[str, str], str]
) -> Sequence[LookupResult]:
    """Return an answer for everything wanted, going on where an interrupted run stopped."""
    purpose = [dump_lock(plan.lock), str(plan.platform), *map(str, plan.lookups)]
    with Journal(session.results.folder, purpose, time.time() - REMEMBERED) as journal:
        if known_answers := journal.read():
            session.say(f"going on after an interrupted run, with {len(known_answers)} entries")
        answers = {
            need.key: LookupResult(need, known_answers.get(need.key)) for need in plan.lookups
        }
        rest = [need for need in plan.lookups if need.key not in known_answers]
        while rest:
            repeated = []
            for answer in resolve(world, rest, plan.lock, plan.platform):
                session.say(f"{answer.need}: {answer.error or 'found'}", level=1)
                other_commit = elsewhere.get((answer.need.name, answer.need.ref))
                if answer.fact is not None:
                    journal.add(answer.need.key, answer.fact)
                elif other_commit is not None and other_commit != answer.need.name:
                    repeated.append(replace(answer.need, name=other_commit))
                    answers.pop(answer.need.key)
                    continue
                answers[answer.need.key] = answer
            rest = repeated
        if not any(answer.error for answer in answers.values()):
            journal.forget()
    return [answers[key] for key in sorted(answers)]


def locked_now(there: Lock, plan: LockPlan, answers: Sequence[LookupResult]) -> Lock:
    """Return the lock with what was found and without what nobody needs."""
    facts = {key: fact for key, fact in facts_by_key(there).items() if key not in plan.unused}
    facts_by_name = {answer.need.key: answer.fact for answer in answers if answer.fact is not None}
    return lock_of({**facts, **facts_by_name})
