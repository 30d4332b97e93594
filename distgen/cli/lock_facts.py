"""What `distgen lock --facts` does: facts from a file go into the lock, or are compared with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import click

from distgen.cli.lock_report import report
from distgen.cli.session import Choice, Session
from distgen.errors import InputError
from distgen.lint.policy import exempts
from distgen.lock.facts import Facts, Takeover, plan_digests, published_needs, take_over
from distgen.lock.file import dump_lock, read_digests
from distgen.lock.plan import Key, LockPlan, Need, facts_by_key, format_key, lock_of, needs
from distgen.model.catalogue import Catalogue
from distgen.model.lock import LOCK_FILE
from distgen.output.files import replace_file


def take_facts(
    session: Session,
    facts: Facts,
    plan: LockPlan,
    needed: Sequence[Need],
    used: Collection[Key],
    form: str,
) -> None:
    """Write the facts that a plan wants into the lock, and say which go there and which do not.

    `used` are the keys of all that any image of the catalogue stands on.
    """
    takeover = take_over(facts.lock, plan, {need.key for need in needed}, used)
    # Another run may have added entries of its own in the meantime.
    there = session.lock()
    entries = {key: fact for key, fact in facts_by_key(there).items() if key not in plan.unused}
    new = lock_of({**entries, **takeover.entries})
    if new != there:
        replace_file(session.root / LOCK_FILE, dump_lock(new))
    click.echo(report(plan, (), new, form, takeover.refusals), nl=False)
    for sentence in _summarise(takeover, needed, facts_by_key(new)):
        session.say(sentence)
    if new == plan.lock:
        session.say("the facts change nothing in distgen.lock")


def take_digests(session: Session, choice: Choice, path: Path, form: str, *, alone: bool) -> None:
    """Write the digests of images that were pushed into the lock, and nothing else.

    `alone` tells that the command line asks for nothing that goes with looking up.
    """
    if not alone:
        raise InputError(
            "goes with none of --check, --upgrade, --platform and --facts", where="--digests"
        )
    digests = read_digests(path)
    catalogue = session.catalogue()
    images = choice.of(catalogue)
    facts, plan = plan_digests(digests, images, session.lock())
    everything = (*needs(catalogue.images), *published_needs(catalogue.images))
    take_facts(session, facts, plan, (), {need.key for need in everything}, form)


def may_stay_unpinned(need: Need, catalogue: Catalogue) -> bool:
    """Tell whether the policies of all images that need something exempt them from DG101."""
    keys = (user.partition("@") for user in need.users)
    return need.choice is None and all(
        exempts(catalogue.namespaces[image.partition("/")[0]].policy, "DG101", image, stream)
        for image, _, stream in keys
    )


def name_first(names: Iterable[str]) -> str:
    """Return the first three of many names, and whether there are more."""
    listed = list(names)
    return ", ".join([*listed[:3], *(["..."] if len(listed) > 3 else [])])


def _summarise(
    takeover: Takeover, needed: Sequence[Need], entries: Collection[Key]
) -> Iterable[str]:
    unneeded = [
        format_key(refusal.key) for refusal in takeover.refusals if refusal.status == "unneeded"
    ]
    if unneeded:
        facts = "1 fact is" if len(unneeded) == 1 else f"{len(unneeded)} facts are"
        yield f"{facts} about what no image needs: {name_first(unneeded)}"
    if takeover.silent:
        names = name_first(map(str, takeover.silent))
        yield f"the facts lack {_count_entries(takeover.silent)} to upgrade: {names}"
    missing = [str(need) for need in needed if need.key not in entries]
    if missing:
        yield f"the lock still lacks {_count_entries(missing)}: {name_first(missing)}"


def _count_entries(items: Sequence[object]) -> str:
    return "1 entry" if len(items) == 1 else f"{len(items)} entries"
