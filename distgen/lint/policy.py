"""Apply a namespace's policy to findings: its levels, and the images that it exempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from distgen.model.policy import Policy, RuleSettings
from distgen.model.rendered import Finding


def apply(policy: Policy, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings of one namespace with its levels, without what it ignores or exempts."""
    by_code = {settings.code: settings for settings in policy.rules}
    applied = []
    for finding in findings:
        settings = by_code.get(finding.code)
        if settings is None or not selects(settings.images, finding.image, finding.stream):
            applied.append(finding)
        elif settings.level != "ignore" and not is_exempt(settings, finding.image, finding.stream):
            applied.append(replace(finding, level=settings.level or finding.level))
    return tuple(applied)


def settings_of(policy: Policy, code: str) -> RuleSettings | None:
    """Return what a policy says of a code, None where it does not name the code."""
    return next((settings for settings in policy.rules if settings.code == code), None)


def selects(globs: Sequence[str], image: str, stream: str) -> bool:
    """Tell whether globs mean an image, by `ns/name` or `ns/name@stream`; no globs mean all."""
    return not globs or fits_image(globs, image, stream)


def exempts(policy: Policy, code: str, image: str, stream: str) -> bool:
    """Tell whether a policy says that an image need not follow a rule."""
    settings = settings_of(policy, code)
    if settings is None or not selects(settings.images, image, stream):
        return False
    return settings.level == "ignore" or is_exempt(settings, image, stream)


def is_exempt(settings: RuleSettings, image: str, stream: str) -> bool:
    """Tell whether an image is on the list of a rule's exemptions."""
    return fits_image((glob for glob, _ in settings.exempt), image, stream)


def fits_image(globs: Iterable[str], image: str, stream: str) -> bool:
    """Tell whether any glob fits `ns/name` or `ns/name@stream`."""
    return any(fnmatchcase(image, glob) or fnmatchcase(f"{image}@{stream}", glob) for glob in globs)
