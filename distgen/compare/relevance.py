"""Tell which keys of YAML files, among those that differ, make an image another one."""

from __future__ import annotations

from distgen.catalogue.overlay import split_operator
from distgen.compare.documents import KeyChange
from distgen.compare.facts import ImagePair
from distgen.model.words import KeyPath

_HEADS = {
    "site": ("values", "mirrors", "dist_git"),
    "namespace": (
        *("values", "registry", "repository", "tags", "branch", "dist_git", "source"),
        *("from_tags", "tag policy"),
    ),
    "image": (
        *("values", "template", "description", "extends"),
        *("from", "builders", "sources", "downloads"),
    ),
    "template": ("values", "description", "extends"),
}
"""The keys that say something of trees; a policy says how they are judged."""
_FILLED = {"from", "builders", "sources", "downloads", "tags", "reference", "url"}
"""What may be made of values by `{name}`."""
_NAMING = ("registry", "repository", "tags", "branch", "from_tags", "tag policy")


def is_relevant(change: KeyChange, pair: ImagePair) -> bool:
    """Tell whether a key says something of an image that differs."""
    kind, key = _kind(change.path), _plain_key(change, pair)
    head = str(key[0]) if key else ""
    if head in pair.imported_from:
        return pair.value_differs(key[1:], change.path)
    if head not in _HEADS[kind]:
        return False
    if head == "values":
        return len(key) > 1 and _is_relevant_value(change, key[1:], kind, pair)
    if kind == "template":
        return _is_relevant_of_template(change.path, head, pair)
    if head in ("builders", "sources", "downloads") and len(key) > 1:
        return key[:2] in pair.differences
    if head == "mirrors":
        return not pair.heads.isdisjoint(("from", "builders", "sources"))
    if head in ("from_tags", "tag policy"):
        return pair.is_tagged and not pair.heads.isdisjoint(("tags", "branch"))
    if head == "dist_git":
        return key[1:] == ("url",) and "url" in pair.heads
    return ("reference" if head in ("registry", "repository") else head) in pair.heads


def names_the_image(change: KeyChange, pair: ImagePair) -> bool:
    """Tell whether a key changes the reference under which an image is published."""
    key = _plain_key(change, pair)
    is_name = key[:1] and (str(key[0]) in _NAMING or key[0] in pair.imported_from)
    is_part = key[:1] == ("values",) and _is_filled_in(key[1:], pair)
    return "reference" in pair.heads and bool(is_name or is_part) and is_relevant(change, pair)


def describe_key(change: KeyChange) -> str:
    """Name a key as `overlay:PATH:LINE KEY`, by the name that `explain` takes."""
    line = f":{change.line}" if change.line else ""
    if _kind(change.path) == "template":
        return f"template:{change.path}{line}"
    key = change.key
    for prefix in (3 if key[:1] == ("streams",) else 1,):
        if key[prefix - 1 : prefix] == ("values",):
            key = key[prefix:]
    name = (*key[:-1], split_operator(str(key[-1]))[0]) if key else ()
    return f"overlay:{change.path}{line} {'.'.join(map(str, name))}"


def _kind(path: str) -> str:
    folder, _, rest = path.partition("/")
    if not rest:
        return "site"
    if folder == "templates":
        return "template"
    return "namespace" if rest.endswith("/namespace.yaml") else "image"


def _plain_key(change: KeyChange, pair: ImagePair) -> KeyPath:
    """Return a key as if it stood outside of the image's stream; () for other streams' keys."""
    key = change.key
    if key[:2] == ("streams", "from_tags"):
        return key[1:]
    if key[:1] == ("streams",):
        streams = {image.stream.pattern for image in pair.images}
        return key[2:] if len(key) > 1 and key[1] in streams else ()
    # What a namespace says of tags for all streams is how they are planned.
    return ("tag policy", *key[1:]) if key[:1] == ("tags",) else key


def _is_relevant_value(change: KeyChange, key: KeyPath, kind: str, pair: ImagePair) -> bool:
    if kind != "template":
        return _is_filled_in(key, pair) or pair.value_differs(key, change.path)
    if key[1:2] == ("default",):
        return pair.value_differs((key[0], *key[2:]), change.path)
    return key[1:2] != ("description",) and pair.value_differs(key[:1], "")


def _is_filled_in(key: KeyPath, pair: ImagePair) -> bool:
    """Tell whether a value is a part of an address, reference or tag that differs."""
    name = split_operator(str(key[0]))[0] if key else ""
    return name in pair.placeholders and not pair.heads.isdisjoint(_FILLED)


def _is_relevant_of_template(path: str, head: str, pair: ImagePair) -> bool:
    if head == "extends":
        return "chain" in pair.heads
    own_paths = {f"templates/{image.template}/template.yaml" for image in pair.images}
    return path in own_paths and head in pair.heads
