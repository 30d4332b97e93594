"""What verify and the process that renders for it tell each other: a JSON object on a line each.

The process renders templates that may be unreviewed, so its answers are not trusted. They used to
be pickles, which run code where they are read. Now they are data: of limited size, and of a form
that is checked.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from jsonschema import Draft202012Validator

from distgen.errors import DistgenError
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.rendered import File, Tree
from distgen.model.words import EXECUTABLE, REGULAR, SYMLINK, Folding, OnEdit
from distgen.publish.target import BranchTarget
from distgen.render.paths import check_paths
from distgen.schema.check import compile_schema
from distgen.verify.claims import Claim

MAX_ANSWER = 128 * 1024**2  # bytes
_MAX_COMMAS = 200_000  # there are about as many values, and an empty list takes 20 times its text
_MAX_SENTENCE = 2_000
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_TEXT_BY_NAME = {"type": "object", "additionalProperties": _TEXT}
_OPTIONAL_TEXT_BY_NAME = {
    "type": "object",
    "additionalProperties": {"type": ["string", "null"]},
}


class BadAnswer(Exception):
    """The process sent what is not an answer of distgen."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """What a state of the catalogue gives for a claim; `tree` None: it has no such image.

    `address` is where the catalogue says that it is published, `lock` holds what the image uses.
    """

    address: str
    author: str
    target: BranchTarget
    tree: Tree | None
    lock: Lock


def _record(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has all these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_FILE = _record(
    path=_TEXT, content=_TEXT, mode={"type": "integer", "enum": [REGULAR, EXECUTABLE, SYMLINK]}
)
_TREE = _record(
    files={"type": "array", "items": _FILE},
    bases=_OPTIONAL_TEXT_BY_NAME,
    sources={"type": "object", "additionalProperties": _OPTIONAL_TEXT_BY_NAME},
    folding={"enum": list(get_args(Folding))},
    exported={"type": "object", "additionalProperties": {"type": "array", "items": _TEXT}},
)
_SOURCE = _record(
    git=_TEXT, ref=_TEXT, commit=_TEXT, date=_TEXT, version={"type": ["string", "null"]}
)
_LOCK = _record(
    bases=_TEXT_BY_NAME, sources={"type": "array", "items": _SOURCE}, downloads=_TEXT_BY_NAME
)
_ON_EDIT = {"enum": list(get_args(OnEdit))}
_GLOB_AND_ON_EDIT = {
    "type": "array",
    "prefixItems": [_TEXT, _ON_EDIT],
    "minItems": 2,
    "items": False,
}
_RENDITION = _record(
    address=_TEXT,
    author=_TEXT,
    url=_TEXT,
    branch=_TEXT,
    downloads=_TEXTS,
    on_edit={"type": "array", "items": _GLOB_AND_ON_EDIT},
    tree={"oneOf": [{"type": "null"}, _TREE]},
    lock=_LOCK,
)
_STARTED = compile_schema({"oneOf": [_record(error=_TEXT), _record(started={"const": True})]})
_RENDERED = compile_schema({"oneOf": [_record(error=_TEXT), _record(rendition=_RENDITION)]})
_SUMMED = compile_schema(_record(sums=_TEXT_BY_NAME))


def encode(message: Mapping[str, Any]) -> bytes:
    """Return a question or an answer as it is sent."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def encode_error(sentence: str) -> bytes:
    """Answer that something cannot be read or rendered."""
    return encode({"error": sentence.encode("utf-8", "replace").decode()})


def encode_rendition(rendition: Rendition) -> bytes:
    """Answer what a claim leads to."""
    target, tree, lock = rendition.target, rendition.tree, rendition.lock
    fields = {
        "address": rendition.address,
        "author": rendition.author,
        "url": target.url,
        "branch": target.branch,
        "downloads": list(target.downloads),
        "on_edit": [list(glob_and_policy) for glob_and_policy in target.on_edit],
        "tree": _tree_fields(tree) if tree else None,
        "lock": {
            "bases": {name: base.digest for name, base in lock.bases.items()},
            "sources": [
                {"git": git, "ref": ref, **asdict(source)}
                for (git, ref), source in lock.sources.items()
            ],
            "downloads": dict(lock.downloads),
        },
    }
    return encode({"rendition": fields})


def decode_start(answer: bytes) -> str:
    """Return why the process cannot read the catalogue, "" when it has."""
    return _sentence(_decode(answer, _STARTED))


def decode_rendition(answer: bytes, claim: Claim, reason: str) -> Rendition | str:
    """Return what a claim leads to, or why that cannot be rendered."""
    message = _decode(answer, _RENDERED)
    if "error" in message:
        return _sentence(message)
    fields = message["rendition"]
    target = BranchTarget(
        image=claim.image,
        stream=claim.stream,
        url=fields["url"],
        branch=fields["branch"],
        downloads=tuple(fields["downloads"]),
        reason="" if fields["tree"] else reason,
        on_edit=tuple((glob, on_edit) for glob, on_edit in fields["on_edit"]),
    )
    tree = _read_tree(fields["tree"], claim) if fields["tree"] else None
    lock = fields["lock"]
    sources = {
        (source["git"], source["ref"]): LockedSource(
            source["commit"], source["date"], source["version"]
        )
        for source in lock["sources"]
    }
    bases = {name: LockedBase(digest) for name, digest in lock["bases"].items()}
    return Rendition(
        fields["address"], fields["author"], target, tree, Lock(bases, sources, lock["downloads"])
    )


def decode_sums(answer: bytes, keys: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the sums of the manifests of these images, none for one that is not there."""
    sums = _decode(answer, _SUMMED)["sums"]
    return {key: tuple(sums.get(key, "").split()) for key in keys}


def _decode(answer: bytes, schema: Draft202012Validator) -> dict[str, Any]:
    if answer.count(b",") > _MAX_COMMAS:
        raise BadAnswer("it has too many values")
    try:
        message = json.loads(answer)
        # Half a surrogate pair is valid JSON, and fails wherever the text is written later.
        json.dumps(message, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise BadAnswer("it is not JSON") from None
    if not schema.is_valid(message):
        raise BadAnswer("it has another form")
    fields: dict[str, Any] = message
    return fields


def _sentence(message: Mapping[str, Any]) -> str:
    return str(message.get("error", ""))[:_MAX_SENTENCE]


def _tree_fields(tree: Tree) -> dict[str, Any]:
    return {
        "files": [
            {
                "path": file.path,
                "content": b64encode(file.content).decode("ascii"),
                "mode": file.mode,
            }
            for file in tree.files
        ],
        "bases": dict(tree.bases),
        "sources": {name: dict(source) for name, source in tree.sources.items()},
        "folding": tree.folding,
        "exported": {path: list(names) for path, names in tree.exported.items()},
    }


def _read_tree(fields: Mapping[str, Any], claim: Claim) -> Tree:
    try:
        files = tuple(
            File(file["path"], b64decode(file["content"], validate=True), int(file["mode"]))
            for file in fields["files"]
        )
        paths = [file.path for file in files]
        if len(paths) != len({*paths}):
            raise BadAnswer("two files have one path")
        check_paths(paths, claim.image)
    except (ValueError, DistgenError) as error:
        raise BadAnswer(f"its tree is not one: {error}"[:_MAX_SENTENCE]) from None
    facts = (fields["bases"], fields["sources"], fields["folding"])
    exported = {path: tuple(names) for path, names in fields["exported"].items()}
    return Tree(claim.image, claim.stream, files, *facts, exported)
