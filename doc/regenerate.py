"""Write the pages of the documentation that come from the code; a test says when one is stale."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from distgen import filters, rules, schema
from distgen.cli import GROUPS, cli

DOC = Path(__file__).parent
NOTICE = ".. Written by doc/regenerate.py; edit the code it comes from instead.\n\n"
FILES = {
    "config": "``distgen.yaml``",
    "namespace": "``overlays/NAMESPACE/namespace.yaml``",
    "image": "``overlays/NAMESPACE/IMAGE.yaml``",
    "template": "``templates/TEMPLATE/template.yaml``",
    "lock": "``distgen.lock``",
}
OUTPUTS = {
    "list": "``distgen list --format json``",
    "results": "``distgen publish``, ``status`` and ``propose`` with ``--format json``",
    "findings": "``distgen lint --format json``",
}


def title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def commands() -> str:
    """Return the page of commands, from their help."""
    text = [NOTICE, title("Commands"), _console("distgen --help", cli, "distgen")]
    for group, names in GROUPS.items():
        text.append(title(group, "-"))
        for name in names:
            command = cli.get_command(click.Context(cli), name)
            assert command is not None
            text.append(title(name, "~"))
            text.append(_console(f"distgen {name} --help", command, f"distgen {name}"))
    return "".join(text)


def _console(line: str, command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path, terminal_width=90, max_content_width=90)
    help_text = "\n".join(f"   {row}".rstrip() for row in command.get_help(context).splitlines())
    return f".. code-block:: text\n   :caption: {line}\n\n{help_text}\n\n"


def template_filters() -> str:
    """Return the page of filters, from their docstrings."""
    text = [
        NOTICE,
        title("Filters of templates"),
        "Besides Jinja's own. Each writes a value so that it cannot break out of where it stands,\n"
        "and refuses control characters.\n\n",
    ]
    for name, function in sorted(filters.OWN.items()):
        signature = inspect.signature(function, eval_str=False)
        words = [
            str(p).split(":")[0] + _default(p) for p in list(signature.parameters.values())[1:]
        ]
        text.append(title(f"{name}({', '.join(words)})" if words else name, "-"))
        text.append(f"{inspect.getdoc(function) or ''}\n\n")
    return "".join(text)


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"


def catalogue() -> str:
    """Return the page of the catalogue's files, from their schemas."""
    text = [NOTICE, title("Files of a catalogue")]
    text.append(
        "Every file is read strictly: an unknown key, a key that stands twice, or a value of the\n"
        "wrong type is an error with its line. ``distgen schema KIND`` prints the JSON Schema of a\n"
        "file, so that an editor can complete it.\n\n"
    )
    for kind, name in FILES.items():
        text.append(title(name, "-"))
        text.append(f"Schema: ``distgen schema {kind}``\n\n")
        text.extend(_keys(schema.load(kind)))
    text.append(title("What the commands print", "-"))
    text.append("The JSON of these commands has a schema, too, and its keys are stable.\n\n")
    for kind, name in OUTPUTS.items():
        text.append(f"* {name}: ``distgen schema {kind}``\n")
    return "".join(text)


def _keys(whole: Mapping[str, Any]) -> Iterator[str]:
    required = whole.get("required", [])
    for path, node in _described(whole, whole, ""):
        note = " (required)" if path in required else ""
        yield f"``{path}``{note}\n   {node['description']}\n\n"


def _described(
    whole: Mapping[str, Any], node: Mapping[str, Any], above: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every described key with its path, depth first, in the order of the schema."""
    if "$ref" in node:
        found = whole["$defs"].get(str(node["$ref"]).rpartition("/")[2], {})
        node = {**found, **node}
    for option in node.get("anyOf", []):
        yield from _described(whole, option, above)
    for name, inner in node.get("properties", {}).items():
        path = f"{above}.{name}" if above else name
        if "description" in inner:
            yield path, inner
        if path.count(".") < 3:
            yield from _described(whole, inner, path)
    inner = node.get("additionalProperties")
    if isinstance(inner, Mapping) and above and above.count(".") < 3:
        yield from _described(whole, inner, f"{above}.NAME")


def changes() -> str:
    """Return the page of changes, from the notes in doc/changes."""
    text = [NOTICE, title("Changes")]
    kinds = {"feature": "New", "fix": "Mended", "removal": "Gone"}
    notes = sorted((DOC / "changes").glob("*.rst"))
    for kind, word in kinds.items():
        found = [note for note in notes if note.name.endswith(f".{kind}.rst")]
        if found:
            text.append(title(word, "-"))
        for note in found:
            lines = " ".join(note.read_text(encoding="utf-8").split())
            text.append(f"* {lines}\n")
        if found:
            text.append("\n")
    return "".join(text)


PAGES = {
    "reference/commands.rst": commands,
    "reference/catalogue.rst": catalogue,
    "reference/filters.rst": template_filters,
    "reference/rules.rst": rules.manual,
    "changes.rst": changes,
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        (DOC / path).write_text(page().rstrip("\n") + "\n", encoding="utf-8")
