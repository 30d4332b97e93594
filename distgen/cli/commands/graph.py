"""`distgen graph`: which image is built from which."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import click

from distgen.catalogue.graph import waves
from distgen.cli.session import Choice, Session, format_option, image_arguments
from distgen.model.catalogue import Image

Edge = tuple[str, str, str]


def edges(images: Iterable[Image]) -> list[Edge]:
    """Return (parent, image, role) of every link; a parent is a key or an external reference."""
    return [
        (parent.image or parent.reference, image.key, parent.role)
        for image in images
        for parent in image.parents
    ]


def as_text(images: Sequence[Image], links: Sequence[Edge]) -> str:
    """Draw the `from` links as trees; builders stand in brackets behind an image."""
    children: dict[str, list[str]] = {}
    builders: dict[str, list[str]] = {}
    for parent, image, role in links:
        if role == "base":
            children.setdefault(parent, []).append(image)
        else:
            builders.setdefault(image, []).append(parent)
    children_of_a_base = {image for _, image, role in links if role == "base"}
    roots = [image.key for image in images if image.key not in children_of_a_base]
    roots += sorted({*children} - {image.key for image in images})
    lines: list[str] = []
    stack = [(root, "", "") for root in reversed(roots)]
    while stack:
        name, lead, below = stack.pop()
        tail = f"  [{', '.join(builders[name])}]" if name in builders else ""
        lines.append(f"{lead}{name}{tail}")
        kids = children.get(name, [])
        for number, kid in reversed(list(enumerate(kids))):
            last = number == len(kids) - 1
            stack.append(
                (kid, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))
            )
    return "\n".join(lines)


def as_json(images: Sequence[Image], links: Sequence[Edge]) -> str:
    """Write nodes, edges, and the steps in which to build: each waits for those before it."""
    nodes = sorted({image.key for image in images} | {parent for parent, _, _ in links})
    rows = [{"parent": parent, "image": image, "role": role} for parent, image, role in links]
    steps = [[image.key for image in step] for step in waves(images)]
    return json.dumps({"nodes": nodes, "edges": rows, "steps": steps}, indent=2)


def as_dot(images: Sequence[Image], links: Sequence[Edge]) -> str:
    lines = ["digraph distgen {", "  rankdir=LR;", "  node [shape=box];"]
    lines += [f'  "{image.key}";' for image in images]
    for parent, image, role in links:
        style = "" if role == "base" else f' [style=dashed, label="{role}"]'
        lines.append(f'  "{parent}" -> "{image}"{style};')
    return "\n".join([*lines, "}"])


def as_mermaid(images: Sequence[Image], links: Sequence[Edge]) -> str:
    names = sorted({image.key for image in images} | {parent for parent, _, _ in links})
    number = {name: f"n{index}" for index, name in enumerate(names)}
    lines = ["graph LR", *(f'  {number[name]}["{name}"]' for name in names)]
    for parent, image, role in links:
        arrow = "-->" if role == "base" else f"-. {role} .->"
        lines.append(f"  {number[parent]} {arrow} {number[image]}")
    return "\n".join(lines)


WRITERS = {"text": as_text, "json": as_json, "dot": as_dot, "mermaid": as_mermaid}


@click.command()
@image_arguments
@format_option(*WRITERS)
@click.pass_obj
def command(session: Session, /, choice: Choice, form: str) -> None:
    """Show which image is built from which."""
    images = choice.of(session.catalogue())
    click.echo(WRITERS[form](images, edges(images)))
