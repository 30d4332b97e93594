"""`distgen explain`: where each value of an image, or a line of its files, was written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from distgen.catalogue.overlay import Setting, trace_settings, value_at
from distgen.cli.annotation import annotate_file, format_annotations, read_lines
from distgen.cli.commands.show import plain
from distgen.cli.session import Choice, Session, format_option, set_option
from distgen.cli.work import limited_work
from distgen.errors import InputError
from distgen.lint.work import Work
from distgen.model.catalogue import Image
from distgen.model.words import KeyPath
from distgen.text.suggest import did_you_mean

Traced = Mapping[KeyPath, tuple[Setting, ...]]


@click.command()
@click.argument("image")
@click.argument("key", metavar="[KEY or FILE:LINE]", required=False)
@click.option(
    "--annotate", "path", metavar="FILE", help="Show FILE with the origin beside each line."
)
@set_option
@format_option("text", "json")
@click.pass_obj
def command(
    session: Session,
    image: str,
    key: str | None,
    path: str | None,
    sets: tuple[str, ...],
    form: str,
) -> None:
    """Say where the values of an image, or the lines of its files, were written."""
    catalogue = session.catalogue(sets)
    images = Choice((image,), False, False).of(catalogue)
    place = re.fullmatch(r"(.+):(\d+)", key or "")
    if path is not None:
        if key is not None:
            raise click.UsageError(f"give either --annotate {path} or {key}")
        task = limited_work(catalogue, session.lock(), images)
        rows = [annotate_file(task, selected, path) for selected in images]
        texts = [format_annotations(row, with_name=len(rows) > 1) for row in rows]
    elif place:
        task = limited_work(catalogue, session.lock(), images)
        rows = [explained_line(task, selected, place[1], int(place[2])) for selected in images]
        texts = [f"{row['image']}@{row['stream']} {key}: {row['origin'] or 'no template line'}\n"
                 f"  {row['text']}" for row in rows]  # fmt: skip
    else:
        rows = [explain_values(selected, key) for selected in images]
        texts = [as_text(row, with_name=len(rows) > 1) for row in rows]
    click.echo(json.dumps(rows, indent=2) if form == "json" else "\n".join(texts))


def explain_values(image: Image, key: str | None) -> dict[str, Any]:
    """Return an image's values, each with its settings in order, the one that counts last."""
    traced = trace_settings(image.layers)
    chosen = chosen_keys(traced, key, image)
    return {
        "image": image.full_name,
        "stream": image.stream.name,
        "values": [
            {
                "key": ".".join(map(str, path)),
                "value": plain(value_at(image.values, path)),
                "settings": [
                    {
                        "layer": setting.layer,
                        "origin": str(setting.origin),
                        "operator": setting.operator,
                        "value": plain(setting.value),
                    }
                    for setting in traced[path]
                ],
            }
            for path in chosen
        ],
    }


def chosen_keys(traced: Traced, key: str | None, image: Image) -> Sequence[KeyPath]:
    """Return the keys at or below `key`, all without one."""
    if key is None:
        return sorted((path for path in traced if not is_opened(traced, path)), key=str)
    prefix = tuple(key.split("."))
    paths = [path for path in traced if tuple(map(str, path))[: len(prefix)] == prefix]
    if not paths:
        names = sorted({".".join(map(str, path)) for path in traced})
        raise InputError(
            f"no overlay sets `{key}`",
            where=image.key,
            hint=did_you_mean(key, names) or "`distgen explain IMAGE` lists all keys",
        )
    return sorted(paths, key=str)


def is_opened(traced: Traced, path: KeyPath) -> bool:
    """Tell whether a key is only the empty map that other keys were put into."""
    below = any(
        len(other_path) > len(path) and other_path[: len(path)] == path for other_path in traced
    )
    return below and all(setting.value == {} for setting in traced[path])


def as_text(row: Mapping[str, Any], *, with_name: bool) -> str:
    """Print each key with its value, then its settings: what counts first, what lost last."""
    lines = [f"{row['image']}@{row['stream']}"] if with_name else []
    settings = [setting for value in row["values"] for setting in value["settings"]]
    if not settings:
        return "\n".join((*lines, "no value is set, not even by its template"))
    place, layer = (max(len(setting[k]) for setting in settings) for k in ("origin", "layer"))
    for value in row["values"]:
        lines.append(f"{value['key']}: {short(value['value'])}")
        lost = False
        for assignment in reversed(value["settings"]):
            assigned_value = f"{assignment['operator'] or '='} {short(assignment['value'])}"
            note = "  (overridden)" if lost else ""
            where = f"{assignment['origin']:{place}}  {assignment['layer']:{layer}}"
            lines.append(f"    {where}  {assigned_value}{note}")
            lost = lost or not assignment["operator"]
    return "\n".join(lines)


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."


def explained_line(task: Work, image: Image, path: str, line: int) -> dict[str, Any]:
    """Return where one line of a rendered file was written."""
    lines = read_lines(task, image, path)
    if not 1 <= line <= len(lines):
        raise InputError(f"{path} has {len(lines)} lines", where=image.key)
    origins = task.renderer.line_map(image, path)
    origin = origins[line - 1] if line <= len(origins) else None
    return {
        "image": image.full_name,
        "stream": image.stream.name,
        "path": path,
        "line": line,
        "text": lines[line - 1],
        "origin": str(origin) if origin else None,
    }
