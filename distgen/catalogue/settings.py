"""Turns `distgen.yaml` and the `--set` options into the settings of a site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from distgen.catalogue.folder import read_document
from distgen.catalogue.overlay import split_operator
from distgen.catalogue.records import Assignment, Settings, edit_policy
from distgen.errors import InputError
from distgen.model.catalogue import (
    Layer,
    RenderLimits,
)
from distgen.model.dist_git import DistGit
from distgen.model.words import Origin
from distgen.schema.check import check_document
from distgen.schema.formats import format_problem
from distgen.schema.packaged import validator_of
from distgen.schema.yaml import Document, read_value

FILE = "distgen.yaml"
_URL = "dist-git/{namespace}/{image}.git"
_BYTES = {"M": 2**20, "G": 2**30}
_AUTHOR = "distgen <distgen@localhost>"


def read_settings(root: Path) -> Settings:
    """Read `distgen.yaml`; raise InputError when there is none."""
    if not (root / FILE).is_file():
        raise InputError(
            f"there is no {FILE} in {root}", hint="run `distgen init` there, or choose one with -C"
        )
    document = read_document(root, FILE)
    data = check_document(validator_of("config"), document)
    site = DistGit(_URL, _AUTHOR, "none", Origin(FILE))
    return Settings(
        dist_git=merge_dist_git(data, document, site),
        source=data.get("source"),
        mirrors=data.get("mirrors", {}),
        values=values_layer("site", document, ()),
        document=document,
        on_edit=edit_policy(data.get("on_edit")),
        limits=_render_limits((data.get("render") or {}).get("limits") or {}),
    )


def _render_limits(keys: Mapping[str, Any]) -> RenderLimits:
    limits = RenderLimits(seconds=keys.get("seconds", RenderLimits().seconds))
    if "memory" not in keys:
        return limits
    number, unit = keys["memory"][:-1], keys["memory"][-1]
    return replace(limits, memory=int(number) * _BYTES[unit])


def merge_dist_git(data: Mapping[str, Any], document: Document, site: DistGit) -> DistGit:
    """Return the `dist_git` of a file; the site gives what the file leaves out."""
    keys = data.get("dist_git")
    if not keys:
        return site
    where = document.origin(("dist_git", "url") if "url" in keys else ("dist_git",))
    # A token is for the forge it was given for: one place of its own replaces both of the site's.
    tokens = keys if {"token_env", "token_file"} & {*keys} else None
    return DistGit(
        url=keys.get("url", site.url),
        author=keys.get("author", site.author),
        forge=keys.get("forge", site.forge),
        origin=where,
        api=keys.get("api", "" if "forge" in keys else site.api),
        user=keys.get("user", site.user if tokens is None else ""),
        token_env=site.token_env if tokens is None else tokens.get("token_env", ""),
        token_file=site.token_file if tokens is None else tokens.get("token_file", ""),
        labels=tuple(keys.get("labels", site.labels)),
        private=keys.get("private", site.private),
        remote_only=keys.get("remote_only", site.remote_only),
        # The site's public address leads to the site's repositories, not to others.
        public_url=keys.get("public_url", "" if "url" in keys else site.public_url),
        public_url_origin=(
            document.origin(("dist_git", "public_url"))
            if "public_url" in keys
            else site.public_url_origin
        ),
    )


def values_layer(name: str, document: Document, at: tuple[str, ...]) -> Layer:
    """Return the layer of the `values` below the key `at`; numbers keep their text."""
    values: Any = document.data
    for key in (*at, "values"):
        values = (values or {}).get(key)
    return Layer(name, document.path, values or {}, document.marks, (*at, "values"))


def parse_assignment(text: str) -> Assignment:
    """Parse `[IMAGEGLOB:]KEY=VALUE`: KEY is dotted, `KEY+` appends, VALUE is YAML."""
    target, equals, right = text.partition("=")
    where = Origin(f"--set {target or text}")
    pattern, colon, dotted_key = target.rpartition(":")
    keys = dotted_key.split(".")
    if not equals or not all(keys) or (colon and not pattern):
        raise InputError("is not an assignment", where=where, hint="write --set [IMAGES:]KEY=VALUE")
    if problem := format_problem("value-key", keys[0]):
        raise InputError(f"`{keys[0]}` {problem}", where=where)
    value = _value(right, where) if right else ""
    if split_operator(keys[-1])[1] and not isinstance(value, list):
        value = [value]
    for key in reversed(keys[1:]):
        value = {key: value}
    return Assignment(text, pattern or "*", Layer("--set", where.path, {keys[0]: value}))


def _value(text: str, where: Origin) -> Any:
    try:
        return read_value(text, where.path)
    except InputError as error:
        raise InputError(error.problem, where=where, hint=error.hint) from None
