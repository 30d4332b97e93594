"""Write the pages of the documentation that come from the code; a test says when one is stale."""

from __future__ import annotations

import ast
import inspect
import json
import re
import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

import click

from distgen.lint.rules.rule import Rule
from distgen.lint.ruleset import RULES
from distgen.render import filters
from distgen.schema.packaged import KINDS as SCHEMAS
from distgen.schema.packaged import load_schema

DOC = Path(__file__).parent
sys.path.insert(0, str(DOC))

from command_pages import commands  # noqa: E402
from command_tree import (  # noqa: E402
    HELP_OPTIONS,
    all_commands,
    completion_table,
    manual_pages,
)
from template_pages import shipped_templates, type_words  # noqa: E402

PACKAGE = DOC.parent / "distgen"
HELP = PACKAGE / "cli/help"
NOTICE = ".. Written by doc/regenerate.py; edit the code it comes from instead.\n\n"
# The files of a catalogue: the schema of each, its name, and one to show.
FILES = {
    "config": ("``distgen.yaml``", "distgen.yaml"),
    "namespace": ("``overlays/NAMESPACE/namespace.yaml``", "overlays/zuul/namespace.yaml"),
    "image": ("``overlays/NAMESPACE/IMAGE.yaml``", "overlays/opendev/nodepool-builder.yaml"),
    "template": ("``templates/TEMPLATE/template.yaml``", "templates/git-files/template.yaml"),
    "lock": ("``distgen.lock``", ""),
    "facts": ("Facts for the lock", ""),
}
INDENT: dict[str, Any] = {
    "initial_indent": "   ",
    "subsequent_indent": "   ",
    "break_on_hyphens": False,
}


def title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def help_texts() -> dict[str, str]:
    """Return the help of all commands as click prints it, by the names of their files."""
    texts = {}
    for words, command in all_commands():
        path = ("distgen", *words)
        # click subtracts two columns from the width of a terminal, and no more than 80 count
        context = click.Context(
            command, info_name=" ".join(path), help_option_names=HELP_OPTIONS, terminal_width=78
        )
        texts[f"{'-'.join(path)}.txt"] = f"{command.get_help(context)}\n"
    return texts


def outputs() -> str:
    """Return the page of what commands print for programs, from its schemas."""
    kinds = [kind for kind in SCHEMAS if kind not in FILES]
    text = [
        NOTICE,
        title("JSON of commands"),
        "What commands print or write for programs. Each has a JSON Schema (2020-12), to download\n"
        "here and printed by ``distgen schema KIND``; tests hold real output to it. Keys may be\n"
        "added, and neither change their meaning nor go. :doc:`exit-codes` shows examples.\n\n",
        ".. list-table::\n   :header-rows: 1\n\n   * - KIND\n     - What it is\n     - Schema\n",
    ]
    for kind in kinds:
        path = f"../../distgen/schema/json/{kind}.json"
        text.append(f"   * - :ref:`{kind} <schema-{kind}>`\n     - {_name_schema(kind)}\n")
        text.append(f"     - :download:`{kind}.json <{path}>`\n")
    text.append("\n")
    for kind in kinds:
        whole = load_schema(kind)
        text += [f".. _schema-{kind}:\n\n", title(kind, "-"), f"{_name_schema(kind)}.\n\n"]
        events = whole.get("$defs", {}) if kind.endswith("events") else {}
        for event, schema in events.items():
            text.append(
                f".. rubric:: The event ``{event}``\n\n{literal(schema['description'])}\n\n"
            )
            text += _describe_keys(schema, whole)
        text += [] if events else _describe_keys(whole, whole)
    return "".join(text)


def _describe_keys(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    for name, node in _output_keys(schema, whole, ""):
        words = ". ".join(filter(None, (_kind(node), literal(node["description"]))))
        yield f"``{name}``\n{fill(words, 100, **INDENT)}\n\n"


def _name_schema(kind: str) -> str:
    return literal(str(load_schema(kind).get("title", ""))).rstrip(".")


def _output_keys(
    node: Mapping[str, Any], whole: Mapping[str, Any], above: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every described key with its path; `[]` stands for each item of a list."""
    node = _resolved(whole, node)
    for option in (*node.get("anyOf", []), *node.get("oneOf", [])):
        yield from _output_keys(option, whole, above)
    if "items" in node:
        yield from _output_keys(node["items"], whole, f"{above}[]")
    for name, found in node.get("properties", {}).items():
        path, inner = f"{above}.{name}" if above else name, _resolved(whole, found)
        if "description" in inner:
            yield path, inner
        yield from _output_keys(inner, whole, path)


def template_filters() -> str:
    """Return the page of filters, from their docstrings."""
    text = [
        NOTICE,
        title("Filters of templates"),
        "Besides Jinja's own. Each writes a value so that it cannot break out of where it stands,\n"
        "and refuses control characters.\n\n",
    ]
    for name, function in sorted(filters.DISTGEN_FILTERS.items()):
        signature = inspect.signature(function, eval_str=False)
        words = [
            str(p).split(":")[0] + _default(p) for p in list(signature.parameters.values())[1:]
        ]
        text.append(title(f"{name}({', '.join(words)})" if words else name, "-"))
        text.append(f"{literal(inspect.getdoc(function) or '')}\n\n")
    return "".join(text)


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"


def literal(text: str) -> str:
    """Return text in which `words in backticks` are literals of reStructuredText."""
    return re.sub(r"(?<!`)`([^`]+)`(?!`)", lambda found: f"``{found[1].strip()}``", text)


def catalogue() -> str:
    """Return the page of the catalogue's files, from their schemas."""
    text = [NOTICE, title("Files of a catalogue")]
    text.append(
        "Every file is read strictly: an unknown key, a key that is defined twice, or a value of\n"
        "the wrong type is an error with its line. ``distgen schema KIND`` prints the JSON Schema\n"
        "of a file, so that an editor can complete it. :doc:`overlays` says how values add up.\n\n"
    )
    for kind, (name, example) in FILES.items():
        text.append(title(name, "-"))
        text.append(f"Its schema is printed by ``distgen schema {kind}``.\n\n")
        if example:
            text.append(f".. literalinclude:: ../../{example}\n   :language: yaml\n")
            text.append(f"   :caption: {example}\n\n")
        text.extend(_keys(load_schema(kind)))
    return "".join(text)


def _keys(whole: Mapping[str, Any]) -> Iterator[str]:
    required = whole.get("required", [])
    for path, node in _described(whole, whole, "", ()):
        notes = [_kind(node), *["required"] * (path in required)]
        if "default" in node:
            notes.append(f"default ``{json.dumps(node['default'])}``")
        said = ", ".join(filter(None, notes))
        text = f"{said + '. ' if said else ''}{literal(node['description'])}"
        yield f"``{path}``\n{fill(text, 100, **INDENT)}\n\n"


def _kind(node: Mapping[str, Any]) -> str:
    """Return the words for what may stand behind a key."""
    words = type_words(node)
    return words if not words or "enum" in node else f"*{words}*"


def _described(
    whole: Mapping[str, Any], node: Mapping[str, Any], above: str, opened: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every described key with its path, depth first; `opened` are the definitions above."""
    for name, found in _below(node, whole):
        path = f"{above}.{name}" if above else name
        place, inner = str(found.get("$ref", "")), _resolved(whole, found)
        if place in opened:
            continue
        if "description" in inner:
            yield path, inner
        yield from _described(whole, inner, path, (*opened, place) if place else opened)
    for option in node.get("anyOf", []):
        yield from _described(whole, _resolved(whole, option), above, opened)


def _below(
    node: Mapping[str, Any], whole: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the keys of a map; where names are free, one word stands for all of them."""
    shapes = node.get("patternProperties", {})
    if isinstance(shapes, Mapping) and "^(DL|SC)[0-9]{4}$" in shapes:
        yield "CODE", shapes["^(DL|SC)[0-9]{4}$"]  # the page of rules has each one's own options
        return
    yield from node.get("properties", {}).items()
    free = node.get("additionalProperties")
    if isinstance(free, Mapping) and node is not whole:
        yield "NAME", free


def _resolved(whole: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    return {**whole["$defs"].get(str(node["$ref"]).rpartition("/")[2], {}), **node}


RULES_INTRODUCTION = """\
What ``distgen lint`` checks by itself. It also runs `hadolint`_ on every Dockerfile (codes ``DL``
and ``SC``) and `shellcheck`_ on every shell script (``SC``). A file of more than 256 KiB is not
given to them, which is a warning (``DL0000``, ``SC0000``): they take gigabytes of memory for some.

As many of them run at once as there are processors, each on a few files, for at most 5 minutes.
Where one fails or takes longer, its files are given in halves to others, and a file that is left
alone and cannot be checked within 15 minutes is an error with the same codes; the others are
checked. What they say of a file is kept below the cache folder for the next run, which gives them
what changed, or what an interrupted run left over. ``--no-cache`` has all files checked again.

A namespace's policy may change the level of any code, ignore it, or exempt images from it:

.. code-block:: yaml

   policy:
     roots: [opendev/python-base]
     rules:
       DG203: {level: warning, images: ["opendev/*"], exempt: {opendev/gitea: "has its own"}}
       DL3008: {level: ignore, reason: "the distribution removes old versions"}

``level`` is ``error``, ``warning``, ``info``, ``style`` or ``ignore``, which needs a ``reason``;
``images`` limits what is said to some images; every image under ``exempt`` has its reason. All
further keys are options of the rule.

.. _hadolint: https://github.com/hadolint/hadolint
.. _shellcheck: https://www.shellcheck.net/
"""


def manual() -> str:
    """Return the page of rules, from what each says above its function."""
    head = f"{NOTICE}{title('Rules')}{RULES_INTRODUCTION}"
    return "\n".join([head, *(_section(rule) for rule in RULES.values())])


def _section(rule: Rule) -> str:
    paragraphs = (rule.problem, f"**Why**: {rule.why}", f"**Fix**: {rule.fix}")
    options = [
        f"``{name}``\n   {_kind(schema)}. {literal(schema['description'])}\n"
        for name, schema in rule.options.items()
    ]
    return "\n".join(
        [
            f".. _{rule.code}:\n\n{title(f'{rule.code}: {rule.title}', '-')}"
            f"Level: {rule.level}, {rule.when.words}.\n",
            *(f"{fill(text, 98, break_on_hyphens=False)}\n" for text in paragraphs),
            *(["Options:\n", *options] if options else []),
        ]
    )


def rule_options() -> str:
    """Return the options of each rule by its code, for the schema of namespaces.

    The schema is read with the catalogue, long before its images are checked, and a room imports
    only from those before it. So it does not ask the rules; their options are written down for it.
    """
    return json.dumps({code: rule.options for code, rule in RULES.items()}, indent=2)


def modules() -> str:
    """Return the page of modules, from their docstrings and the order that a test holds."""
    text = [NOTICE, title("Modules")]
    text.append(
        "Room by room, in the order that ``tests/test_layers.py`` proves: a room imports only\n"
        "from itself and from those before it. :doc:`../explanation/architecture` says where a\n"
        "change belongs.\n\n"
    )
    order = runpy.run_path(str(DOC.parent / "tests/test_layers.py"))["ORDER"]
    for room in order:
        folder = PACKAGE / room
        if folder.with_suffix(".py").exists():
            text += [title(room, "-"), module(folder.with_suffix(".py"))]
        elif folder.is_dir():
            text += [title(room, "-"), first_sentence(folder / "__init__.py"), "\n\n"]
            paths = sorted(folder.rglob("*.py"), key=lambda path: path.parts)
            text += [module(path) for path in paths if path != folder / "__init__.py"]
    return "".join(text)


def first_sentence(path: Path) -> str:
    """Return what the docstring of a module begins with."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return literal((ast.get_docstring(tree) or "").partition("\n")[0])


def module(path: Path) -> str:
    """Return the entry of a module or package, from its docstring."""
    place = path.parent if path.name == "__init__.py" else path.with_suffix("")
    name = ".".join(place.relative_to(PACKAGE).parts)
    return f"``{name}``\n{fill(first_sentence(path), 100, **INDENT)}\n\n"


PAGES = {
    "../distgen/schema/json/rules.json": rule_options,  # first, for the schemas of pages need it
    "../distgen/cli/completion/commands.txt": completion_table,
    "reference/commands.rst": lambda: f"{NOTICE}{commands()}",
    "reference/catalogue.rst": catalogue,
    "reference/filters.rst": template_filters,
    "reference/modules.rst": modules,
    "reference/rules.rst": manual,
    "reference/schemas.rst": outputs,
    "reference/shipped-templates.rst": lambda: f"{NOTICE}{shipped_templates()}",
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        (DOC / path).write_text(page().rstrip("\n") + "\n", encoding="utf-8")
    for folder, texts in ((HELP, help_texts()), (DOC / "man", manual_pages())):
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
