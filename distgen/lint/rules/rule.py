"""A rule: its words and options, written above the function that checks an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from distgen.lint.findings import Violation
from distgen.lint.policy import selects, settings_of
from distgen.lint.rules.context import RuleContext
from distgen.model.catalogue import Image
from distgen.model.policy import Policy
from distgen.model.words import Level

Schema = Mapping[str, Any]
Check = Callable[[RuleContext], Iterable[Violation]]


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule is checked: the words for it, and a test of policy, code and image."""

    words: str
    holds: Callable[[Policy, str, Image], bool]


def _is_named(policy: Policy, code: str, image: Image) -> bool:
    settings = settings_of(policy, code)
    return settings is not None and selects(settings.images, image.full_name, image.stream.name)


ALWAYS = Condition("always checked", lambda policy, code, image: True)
NAMED = Condition("checked where a policy names it", _is_named)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that distgen checks itself.

    `options` are the settings that a policy may give it, each with its JSON Schema. A rule with
    `needs_stages` looks at instructions, and is not checked where no stage of a Dockerfile can be
    read.
    """

    code: str
    title: str
    level: Level
    problem: str
    why: str
    fix: str
    options: Mapping[str, Schema] = field(default_factory=dict)
    when: Condition = ALWAYS
    needs_stages: bool = True
    check: Check = lambda context: ()

    def __call__(self, check: Check) -> Rule:
        """Return the rule with the function below it."""
        return replace(self, check=check)


rule = Rule
"""The decorator: the function below `@rule(...)` becomes the rule's check."""


def list_of(description: str, items: Schema, **limits: Any) -> Schema:
    """Return the schema of an option that is a list."""
    return {"type": "array", "description": description, "items": items, **limits}


WORD: Schema = {"type": "string", "minLength": 1}
