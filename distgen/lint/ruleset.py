"""All rules that distgen checks itself, by code, and what they say of an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import ModuleType

from distgen.lint.findings import as_findings
from distgen.lint.policy import settings_of
from distgen.lint.rules import (
    characters,
    copied,
    downstreams,
    files,
    limits,
    namespace,
    parents,
    pins,
    secrets,
    shell,
    sources,
)
from distgen.lint.rules.context import RuleContext
from distgen.lint.rules.rule import Rule
from distgen.model.rendered import Finding

MODULES = (
    *(parents, pins, copied, files, secrets, characters, sources, shell, namespace, limits),
    downstreams,
)
"""A rule in one of them needs no registration."""


def collect_rules(modules: Iterable[ModuleType]) -> dict[str, Rule]:
    """Return the rules of modules by code, sorted."""
    members = (member for module in modules for member in vars(module).values())
    rules = (member for member in members if isinstance(member, Rule))
    return {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}


RULES: Mapping[str, Rule] = collect_rules(MODULES)


def check_image(context: RuleContext, only_errors: bool = False) -> tuple[Finding, ...]:
    """Return what the rules say of an image, each with its own level.

    With `only_errors`, rules are left out for which rule and policy say another level.
    """
    checked: list[Finding] = []
    for rule in RULES.values():
        if not rule.when.holds(context.policy, rule.code, context.image):
            continue
        if rule.needs_stages and not context.dockerfile.stages:
            continue
        # A copy only where it differs: copies for all rules took a quarter of the time.
        settings = settings_of(context.policy, rule.code)
        configured = replace(context, settings=settings) if settings else context
        if only_errors and "error" not in (rule.level, settings and settings.level):
            continue
        violations = rule.check(configured)
        checked += as_findings(context.tree, rule.code, rule.level, violations)
    return tuple(checked)
