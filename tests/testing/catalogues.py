"""Catalogues as files, for tests that run commands on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from distgen.catalogue.load import load_catalogue
from distgen.model.catalogue import Image

CatalogueFolder = Callable[[Mapping[str, str | bytes]], Path]

TEMPLATE = {
    "templates/app/template.yaml": """
        description: An application
        values: {}
        """,
    "templates/app/Dockerfile.j2": """
        FROM {{ base.reference }}
        {% for name, source in sources | dictsort %}
        RUN fetch {{ source.git }} {{ source.checkout }}
        {% endfor %}
        {% for name, file in downloads | dictsort %}
        RUN get {{ file.url }} {{ file.sha256 or "unchecked" }}
        {% endfor %}
        CMD ["app"]
        """,
    "overlays/ns/namespace.yaml": """
        registry: quay.io/ns
        streams: {master: {}}
        """,
}
"""A template of one image with sources and downloads, in the namespace ns."""

FAMILY = {
    "templates/app/template.yaml": "description: An application\nvalues: {}\n",
    "templates/app/Dockerfile.j2": (
        "FROM {{ base.reference }}\nLABEL base={{ base.digest or 'none' }}\n"
    ),
    "overlays/ns/base.yaml": "template: app\nfrom: scratch\n",
    "overlays/ns/app.yaml": "template: app\nfrom: ns/base\n",
    "overlays/ns/late.yaml": "template: app\nfrom: ns/base\n",
}
"""Three images, two of them built on the third."""


SMALL_TEMPLATE = """
description: An app
values:
  packages: {type: array, items: {type: string}, default: [git]}
  python: {type: string, default: "3.9"}
  user: {type: [string, "null"], default: null}
  env: {type: object, additionalProperties: {type: string}, default: {A: a}}
"""
SMALL_NAMESPACE = """
registry: quay.io/ns
streams:
  master: {tags: [latest, master]}
  "1.0": {branch: stable/1.0}
"""
SMALL = {
    "templates/app/template.yaml": SMALL_TEMPLATE,
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\n",
    "overlays/ns/namespace.yaml": SMALL_NAMESPACE,
    "overlays/ns/a.yaml": "template: app\nfrom: docker.io/library/python:3.11\n",
}
"""One image with values of every type, in two streams."""


def overlay(
    base: str,
    sources: Mapping[str, tuple[str, str]] | None = None,
    downloads: Mapping[str, str] | None = None,
) -> str:
    """Return the overlay of an image of TEMPLATE; a source is its address and ref."""
    return json.dumps(
        {
            "template": "app",
            "from": base,
            "sources": {
                name: {"git": git, "ref": ref} for name, (git, ref) in (sources or {}).items()
            },
            "downloads": {name: {"url": url} for name, url in (downloads or {}).items()},
        }
    )


def images_by_key(root: Path, *sets: str) -> dict[str, Image]:
    """Return the images of a catalogue, read with these assignments."""
    return {image.key: image for image in load_catalogue(root, sets).images}
