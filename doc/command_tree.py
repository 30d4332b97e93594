"""Write down the commands for those that do not ask click: completion of shells, and man pages."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from distgen import __version__
from distgen.cli.main import GROUPS, cli

RELEASED = "2026-11-22"  # of this version, for man pages
HELP_OPTIONS = cli.context_settings["help_option_names"]
Words = tuple[str, ...]


def all_commands() -> Iterator[tuple[Words, click.Command]]:
    """Yield each command after the words that call it; `distgen` itself is the first."""
    ahead: list[tuple[Words, click.Command]] = [((), cli)]
    while ahead:
        words, command = ahead.pop(0)
        yield words, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            inner = [(name, command.get_command(context, name)) for name in names_of(command)]
            ahead += [((*words, name), found) for name, found in inner if found]


def names_of(command: click.Group) -> list[str]:
    """Return the names of the commands of a group that its help has."""
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return [name for name, inner in found.items() if inner and not inner.hidden]


def completion_table() -> str:
    """Return the rows that `distgen/cli/completion/table.py` reads."""
    rows: list[tuple[str, str, str, str, str]] = []
    for words, command in all_commands():
        path = " ".join(words)
        for name in names_of(command) if isinstance(command, click.Group) else ():
            inner = command.get_command(click.Context(command), name)
            rows.append((path, "command", name, "", inner.get_short_help_str(1000)))
        for parameter in command.params:
            kind = value_kind(parameter)
            if isinstance(parameter, click.Argument):
                rows.append((path, "argument", parameter.name or "", kind, ""))
            elif not parameter.hidden:
                names = (*parameter.opts, *parameter.secondary_opts)
                text = " ".join((parameter.help or "").split())
                rows += [(path, "option", name, kind, text) for name in names]
        rows += [(path, "option", name, "", "Show this message and exit.") for name in HELP_OPTIONS]
    return "".join("\t".join(row) + "\n" for row in rows)


def value_kind(parameter: click.Parameter) -> str:
    """Return what a value is to a shell that completes it; nothing where there is none."""
    metavar = parameter.metavar or parameter.human_readable_name.upper()
    if isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count):
        return ""
    if isinstance(parameter.type, click.Choice):
        return " ".join(["choice", *map(str, parameter.type.choices)])
    if metavar == "[IMAGE:]KEY=VALUE":
        return "set"
    if isinstance(parameter.type, click.Path) or metavar in ("DIR", "FILE"):
        return "dir" if metavar == "DIR" or "DIRECTORY" in metavar else "file"
    if re.search(r"\bIMAGES?\b(?!:)", metavar) and isinstance(parameter, click.Argument):
        return "image"
    return "key" if metavar.startswith("[KEY") else "text"


def manual_pages() -> dict[str, str]:
    """Return the man pages of all commands by the names of their files."""
    return {f"{'-'.join(('distgen', *words))}.1": manual(words, command)
            for words, command in all_commands()}  # fmt: skip


def manual(words: Words, command: click.Command) -> str:
    """Return the man page of a command, in the macros of man(7)."""
    name = "-".join(("distgen", *words))
    context = click.Context(
        command, info_name=" ".join(("distgen", *words)), help_option_names=HELP_OPTIONS
    )
    usage = " ".join(piece for piece in command.collect_usage_pieces(context))
    first, *others = re.split(r"\n\s*\n", inspect.cleandoc(command.help or "").strip())
    lines = [
        '.\\" Written by doc/regenerate.py; edit the code it comes from instead.',
        f'.TH "{name.upper()}" "1" "{RELEASED}" "distgen {__version__}" "distgen"',
        ".nh",
        ".SH NAME",
        f"{escape(name)} \\- {escape(sentence(first).rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {escape(context.info_name or '')}",
        escape(usage),
        ".SH DESCRIPTION",
        escape(sentence(first)),
    ]
    for paragraph in others:
        lines += [".PP", escape(sentence(paragraph))]
    lines += options(command, context)
    if isinstance(command, click.Group):
        lines += commands(command, words)
    shown = "the page of commands in distgen's documentation"
    above = ["-".join(("distgen", *words[:-1]))] if words else ["git"]
    lines += [".SH SEE ALSO", f".BR {escape(above[0])} (1),", escape(f"and {shown}.")]
    return "\n".join(lines) + "\n"


def options(command: click.Command, context: click.Context) -> list[str]:
    """Return the section of options, as the help has them."""
    lines = [".SH OPTIONS"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            names, text = record
            lines += [".TP", f".B {escape(names)}", escape(sentence(text))]
    return lines


def commands(command: click.Group, words: Words) -> list[str]:
    """Return the section of the commands below one, in their groups."""
    groups = GROUPS if command is cli else {"Commands": tuple(names_of(command))}
    lines = []
    for title, names in groups.items():
        lines.append(
            f".SH {title.upper()}" if command is not cli else f".SH {title.upper()} COMMANDS"
        )
        for name in names:
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            page = "-".join(("distgen", *words, name))
            lines += [".TP", f".BR {escape(page)} (1)", escape(inner.get_short_help_str(1000))]
    return lines


def sentence(text: str) -> str:
    return " ".join(text.replace("\b", "").split())


def escape(text: str) -> str:
    """Return a line that is nothing but text to roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = text.replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return f"\\&{text}" if text.startswith((".", "\\(aq")) else text
