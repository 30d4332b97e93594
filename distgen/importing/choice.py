"""Hold what the user chose for an import against the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from distgen.errors import InputError
from distgen.importing.overlays import TEMPLATE
from distgen.importing.records import ImportChoice
from distgen.model.catalogue import Catalogue
from distgen.schema.formats import format_problem
from distgen.text.suggest import did_you_mean


def choose_streams(choice: ImportChoice, catalogue: Catalogue) -> dict[str, str]:
    """Return the branches by stream that are asked for, {} for what each repository shows.

    Raise InputError for streams that the namespace does not have.
    """
    _refuse_bad_words(choice)
    template = catalogue.templates.get(TEMPLATE)
    if template is not None and (template.files or not template.verbatim):
        raise InputError(
            "is not one that leaves files as they are, as imports need it",
            where=template.origin,
            hint="rename that template",
        )
    namespace = catalogue.namespaces.get(choice.namespace)
    if namespace is None:
        return dict(choice.streams)
    present = {stream.name: stream.branch for stream in namespace.streams}
    if choice.registry and choice.registry != namespace.registry:
        raise InputError(
            f"the images of {choice.namespace} are published to {namespace.registry}",
            where=namespace.origin,
            hint="leave --registry out",
        )
    for stream, branch in choice.streams:
        if present.get(stream) != branch:
            raise InputError(
                f"the namespace {choice.namespace} has no stream `{stream}` of branch `{branch}`",
                where=namespace.origin,
                hint=did_you_mean(stream, present) or "write it there first",
            )
    return dict(choice.streams) or present


def _refuse_bad_words(choice: ImportChoice) -> None:
    if problem := next(_problems(choice), ""):
        raise InputError(problem)


def _problems(choice: ImportChoice) -> Iterator[str]:
    checks = [("namespace", "name", choice.namespace)]
    checks += [("stream", "stream", stream) for stream, _ in choice.streams]
    checks += [("branch", "branch", branch) for _, branch in choice.streams]
    checks += [("registry", "registry", choice.registry)] if choice.registry else []
    for word, form, text in checks:
        if problem := format_problem(form, text):
            yield f"the {word} `{text}` {problem}"
    if "." in choice.namespace or choice.namespace == "localhost":
        yield f"the namespace `{choice.namespace}` would be read as the host of a registry"
