"""Propose a template for what imported images share, where that gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from distgen.importing.factor import SharedTemplate, share_template
from distgen.importing.overlays import TEMPLATE, factored_yaml
from distgen.importing.plan import ImportPlan
from distgen.importing.prove import describe_difference
from distgen.importing.records import ImageContext
from distgen.text.diff import diff_file


@dataclass(frozen=True, slots=True)
class FactoredPlan:
    """A plan with a template that is shared, None without one; `note` says why there is none."""

    plan: ImportPlan
    template: SharedTemplate | None = None
    diff: str = ""
    note: str = ""


def factor_plan(
    plan: ImportPlan,
    contexts: Iterable[ImageContext],
    namespace: str,
    templates: Iterable[str],
) -> FactoredPlan:
    """Return the plan with a shared template; `templates` are the names that are taken."""
    by_name: dict[str, ImageContext] = {}
    for context in contexts:
        if context.name in plan.images:
            by_name.setdefault(context.name, context)
    members = tuple(by_name.values())
    template = share_template(members, _free_name(namespace, {TEMPLATE, *templates}))
    if template is None:
        return FactoredPlan(
            plan, note="no two images have Dockerfiles that are equal but for words"
        )
    if difference := describe_difference(template, members, namespace):
        note = f"a shared template would not give the same bytes: {difference}"
        return FactoredPlan(plan, note=note)
    texts = dict(plan.texts)
    for name, values in template.values.items():
        path = f"overlays/{namespace}/{name}.yaml"
        texts[path] = factored_yaml(texts[path], template.name, values)
    diff = "".join(_diffs(template, plan, texts))
    return FactoredPlan(replace(plan, texts=texts), template, diff)


def _free_name(name: str, used_names: Iterable[str]) -> str:
    names = {*used_names}
    numbered = (f"{name}-{number}" for number in range(2, len(names) + 3))
    return name if name not in names else next(free for free in numbered if free not in names)


def _diffs(template: SharedTemplate, plan: ImportPlan, texts: dict[str, str]) -> Sequence[str]:
    """Return what the template and the overlays of its images are, against files as they are."""
    files = [
        diff_file(f"templates/{template.name}/{file.path}", None, file.content)
        for file in template.files
    ]
    overlays = [
        diff_file(path, plan.texts[path].encode(), text.encode())
        for path, text in sorted(texts.items())
    ]
    return [*files, *overlays]
