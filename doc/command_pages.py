"""The page of commands, with a place for each command and each option that can be linked to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from textwrap import indent

import click
from command_tree import HELP_OPTIONS

from distgen.cli.main import GROUPS, cli

INTRODUCTION = """\
Every option has an address of its own: point at it and take the link beside it. :doc:`exit-codes`
says what is printed.

"""


def commands() -> str:
    """Return the page of commands, from their help."""
    text = ["Commands\n========\n\n", INTRODUCTION, _overview()]
    text += [_heading("distgen", "-", "distgen"), *_command(cli, "distgen")]
    for group, names in GROUPS.items():
        text.append(f"{group}\n{'-' * len(group)}\n\n")
        for name in names:
            command = cli.get_command(click.Context(cli), name)
            assert command is not None
            text.append(_heading(name, "~", f"distgen {name}"))
            text += _command(command, f"distgen {name}")
            inner = command.commands if isinstance(command, click.Group) else {}
            for word in sorted(name for name in inner if not inner[name].hidden):
                text.append(_heading(f"{name} {word}", "^", f"distgen {name} {word}"))
                text += _command(inner[word], f"distgen {name} {word}")
    return "".join(text)


def _overview() -> str:
    """Return all commands, by group, as links."""
    rows = []
    for group, names in GROUPS.items():
        links = [f":ref:`{name} <{_label(f'distgen {name}')}>`" for name in names]
        rows.append(f"{group}\n   {', '.join(links)}\n")
    return "\n".join([*rows, ""])


def _heading(text: str, line: str, path: str) -> str:
    return f".. _{_label(path)}:\n\n{text}\n{line * len(text)}\n\n.. program:: {path}\n\n"


def _label(path: str) -> str:
    return "-".join(("command", *path.split(" ")[1:]))


def _command(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path, help_option_names=HELP_OPTIONS)
    usage = " ".join((path, *command.collect_usage_pieces(context)))
    yield f"``{usage}``\n\n"
    words = re.sub("[\b\f]\n?", "", inspect.cleandoc(command.help or ""))
    yield f"{escape(words)}\n\n"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            yield _option(*record)


def _option(signature: str, words: str) -> str:
    names = ", ".join(name.strip() for name in re.split(r" / |, ", signature))
    described = escape(" ".join(words.split()))
    return f".. option:: {names}\n\n{indent(described, '   ')}\n\n"


def escape(text: str) -> str:
    """Return words of help as reStructuredText; what stands between backticks is code."""
    parts = re.split(r"`([^`]+)`", text)
    plain = (re.sub(r"([\\*|_])", r"\\\1", part) for part in parts[::2])
    code = [f"``{part}``" for part in parts[1::2]] + [""]
    return "".join(word for pair in zip(plain, code, strict=True) for word in pair)
