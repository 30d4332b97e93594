"""Turn a tree into the `.distgen.json` and `.gitattributes` that go with it, and read them back."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from reprlib import repr as shorten
from typing import Any

from distgen.errors import DistgenError, InputError
from distgen.model.published import GeneratedFile, Manifest
from distgen.model.rendered import File, Tree
from distgen.model.words import ATTRIBUTES, EXECUTABLE, MANIFEST, REGULAR, SYMLINK, Folding

VERSION = 1
_MODES = {format(mode, "o"): mode for mode in (REGULAR, EXECUTABLE, SYMLINK)}
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps() makes an encoder each time
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MARK = "linguist-generated"
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_NOTES: Mapping[str, str] = {
    "own": "# Written by distgen: forges fold its own two files in reviews.\n",
    "all": "# Written by distgen: these files are generated from templates.\n",
}


def published_files(tree: Tree) -> tuple[File, ...]:
    """Return all files of a published tree, sorted: its own, `.gitattributes`, `.distgen.json`."""
    files = {file.path: file for file in tree.files}
    if MANIFEST in files:
        raise InputError(
            f"{tree.image} has a file {MANIFEST}, which distgen writes itself",
            hint="rename the template's file",
        )
    if tree.folding != "none":
        files[ATTRIBUTES] = make_attributes(files.values(), tree.folding)
    files[MANIFEST] = File(MANIFEST, format_manifest(make_manifest(tree, files.values())))
    return tuple(files[path] for path in sorted(files))


def with_other_folding(tree: Tree) -> Tree:
    """Return a tree as a namespace publishes it that folds other files in reviews."""
    if tree.folding == "none":
        return tree
    return replace(tree, folding="own" if tree.folding == "all" else "all")


def make_attributes(files: Iterable[File], folding: Folding = "own") -> File:
    """Return `.gitattributes`: the template's own lines, then a mark for each file to fold."""
    named = {file.path: file for file in files}
    if folding == "none":
        return named.get(ATTRIBUTES, File(ATTRIBUTES, b""))
    lines = named[ATTRIBUTES].content if ATTRIBUTES in named else b""
    if lines and not lines.endswith(b"\n"):
        lines += b"\n"
    # A forge folds what is marked: where that was all, reviewers saw no Dockerfile.
    paths = sorted({ATTRIBUTES, MANIFEST, *(named if folding == "all" else ())})
    marks = "".join(f"{_pattern(path)} {_MARK}\n" for path in paths)
    return File(ATTRIBUTES, lines + (_NOTES[folding] + marks).encode("utf-8"))


def make_manifest(tree: Tree, files: Iterable[File]) -> Manifest:
    """Return what `.distgen.json` says of the files generated for `tree`."""
    return Manifest(
        image=tree.image,
        stream=tree.stream,
        files={
            file.path: GeneratedFile(file.mode, file.sha256)
            for file in files
            if file.path != MANIFEST
        },
        bases=tree.bases,
        sources=tree.sources,
    )


def format_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of `.distgen.json`: the same for the same content on every machine."""
    edited = {path: _encode_text(text) for path, text in manifest.merge_bases.items()}
    data = {
        "version": VERSION,
        "image": manifest.image,
        "stream": manifest.stream,
        "files": {
            path: {"mode": format(owned.mode, "o"), "sha256": owned.sha256}
            for path, owned in manifest.files.items()
        },
        "bases": dict(manifest.bases),
        "sources": {name: dict(source) for name, source in manifest.sources.items()},
        **({"edited": edited} if edited else {}),
    }
    return (_indent(data, "\n") + "\n").encode("utf-8")


def _indent(value: Any, margin: str) -> str:
    """Return what json.dumps(indent=2, sort_keys=True) does, for which it has no fast code."""
    if not isinstance(value, dict):
        return _ENCODE(value)
    if not value:
        return "{}"
    inner = f"{margin}  "
    lines = (
        f"{inner}{_ENCODE(key)}: {_indent(below, inner)}" for key, below in sorted(value.items())
    )
    return "{" + ",".join(lines) + margin + "}"


def manifest_digest(manifest: Manifest) -> str:
    """Return the sha256 of what a manifest says of a tree: how a forge folds it does not count."""
    files = {path: file for path, file in manifest.files.items() if path != ATTRIBUTES}
    content = format_manifest(replace(manifest, files=files, merge_bases={}))
    return hashlib.sha256(content).hexdigest()


def parse_manifest(content: bytes) -> Manifest:
    """Read `.distgen.json`; a DistgenError says why it is not what distgen wrote."""
    try:
        data = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise DistgenError(f"{MANIFEST} is not JSON") from None
    if not isinstance(data, dict) or "version" not in data:
        raise DistgenError(f"{MANIFEST} was not written by distgen")
    if data["version"] != VERSION:
        raise DistgenError(
            f"{MANIFEST} has format version {shorten(data['version'])}, "
            f"and this distgen knows {VERSION}",
            hint="use the newer distgen that wrote it",
        )
    try:
        manifest = _read_manifest(data)
        as_written = format_manifest(manifest)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DistgenError(f"{MANIFEST} lacks what distgen wrote into it") from None
    if as_written != content:
        raise DistgenError(f"{MANIFEST} was edited by hand")
    return manifest


def _read_manifest(data: Mapping[str, Any]) -> Manifest:
    files = {}
    for path, entry in data["files"].items():
        if not _SHA256.fullmatch(entry["sha256"]) or not _is_inside(path):
            raise ValueError(path)
        files[path] = GeneratedFile(_MODES[entry["mode"]], entry["sha256"])
    return Manifest(
        _name(data["image"]),
        _name(data["stream"]),
        files,
        _pins(data["bases"]),
        {name: _pins(source) for name, source in data["sources"].items()},
        {path: _decode_text(text) for path, text in data.get("edited", {}).items()},
    )


def _encode_text(text: bytes) -> str | dict[str, str]:
    """Return a text as JSON has it: as it is, or encoded where it is not UTF-8."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": b64encode(text).decode("ascii")}


def _decode_text(value: object) -> bytes:
    if isinstance(value, dict):
        return b64decode(value["base64"], validate=True)
    return _text(value).encode("utf-8")


def _pins(data: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: None if pin is None else _text(pin) for name, pin in data.items()}


def _name(value: object) -> str:
    # Sentences and the trailers of commits repeat it.
    name = _text(value)
    if not name.isprintable() or " " in name:
        raise ValueError(name)
    return name


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return path != MANIFEST and not any(part in ("", ".", "..", ".git") for part in parts)


def _pattern(path: str) -> str:
    """Return a gitattributes pattern that matches `path` alone."""
    pattern = "/" + path
    if _PLAIN.fullmatch(pattern):
        return pattern
    escaped = re.sub(r"([*?\[\\])", r"\\\1", pattern)
    if re.search(r'[\s"\\]', escaped) or not escaped.isprintable():
        inner = (
            escaped.replace("\\", "\\\\")
            .replace('"', '\\"')
            .replace("\t", "\\t")
            .replace("\n", "\\n")
        )
        return f'"{inner}"'
    return escaped
