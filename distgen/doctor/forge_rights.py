"""Examine what a forge lets an account do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from distgen.doctor.records import Diagnosis
from distgen.forges.load import load_forge
from distgen.forges.records import Account
from distgen.git.location import Place

CHECK = "forge"


def examine_forge(name: str, place: Place, account: Account, seconds: float) -> Iterator[Diagnosis]:
    """Ask a forge for the account's rights on one repository; nothing is written."""
    find_obstacle = load_forge(name).find_obstacle
    if find_obstacle is None:
        return
    # One answer within the time: rate limits are not waited for.
    policy = replace(
        account.policy,
        timeout=seconds,
        attempts=1,
        longest_wait=0,
        connect_timeout=seconds,
        silence=seconds,
    )
    obstacle = find_obstacle(place, replace(account, policy=policy))
    if obstacle:
        action = "give its user the right to write, or use another token"
        yield Diagnosis(CHECK, str(place), "error", obstacle, action)
    elif obstacle is not None:
        yield Diagnosis(CHECK, str(place), "ok", "it says that the token may push")
