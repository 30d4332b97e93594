"""Whatever layers say, they stack as RFC 7386 has it, and each value knows the line it is from."""

from __future__ import annotations

import json
from itertools import count

from hypothesis import example, given
from hypothesis import strategies as st

from distgen.catalogue.overlay import find_origin, merge_layers
from distgen.model.catalogue import Layer
from distgen.schema.yaml import read_yaml

KEYS = st.sampled_from("ab")


def layer(number, data):
    """Return a layer whose file has each key and each item on a line of its own."""
    text = json.dumps(data, indent=1)
    document = read_yaml(text, f"{number}.yaml")
    return Layer(str(number), document.path, document.data, document.marks), text.splitlines()


@st.composite
def words(draw, below, tokens, depth=0):
    """Return what one layer says on top of `below`, with operators where these have a list."""
    layer_data = {}
    for key in draw(st.lists(KEYS, unique=True, min_size=1, max_size=2)):
        under = below.get(key) if isinstance(below, dict) else None
        kinds = ["text", "null", "list", *(["map"] if depth < 2 else [])]
        kinds += ["+"] if under is None else ["+", "-", "+-"] if isinstance(under, list) else []
        kind = draw(st.sampled_from(kinds))
        fresh = [next(tokens) for _ in range(draw(st.integers(1, 2)))]
        if kind == "text":
            layer_data[key] = next(tokens)
        elif kind == "null":
            layer_data[key] = None
        elif kind == "list":
            layer_data[key] = fresh
        elif kind == "map":
            layer_data[key] = draw(words(under, tokens, depth + 1))
        if "-" in kind:
            layer_data[f"{key}-"] = (
                draw(st.lists(st.sampled_from(under), unique=True)) if under else []
            )
        if "+" in kind:
            layer_data[f"{key}+"] = fresh
    return layer_data


@st.composite
def stacks(draw):
    """Return what a few layers say; no text stands in two of them, unless one removes it."""
    tokens = (f"t{number:03}" for number in count())
    stack, below = [], {}
    for _ in range(draw(st.integers(2, 5))):
        stack.append(draw(words(below, tokens)))
        below = apply_patch(below, stack[-1])
    return stack


def apply_patch(target, patch):
    """Return JSON with a merge patch, as RFC 7386 defines it; our operators work on lists."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        name = key.rstrip("+-")
        if key.endswith("-"):
            result[name] = [item for item in result[name] if item not in value]
        elif key.endswith("+"):
            result[name] = result.get(name, []) + value
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = apply_patch(result.get(key), value)
    return result


@given(stacks())
def test_layers_stack_as_merge_patches_do(stack):
    values = {}
    for layer_data in stack:
        values = apply_patch(values, layer_data)
    layers = [layer(number, layer_data)[0] for number, layer_data in enumerate(stack)]
    assert merge_layers(layers) == values
    assert merge_layers(layers[:1]) == apply_patch({}, stack[0])


@given(stacks())
@example([{"a": ["t0"]}, {"a": None}, {"a+": ["t1"]}])
@example([{"a": {"b": ["t0"]}}, {"a": "t1"}, {"a": {"b+": ["t2"]}}])
@example([{"a": {"b": ["t0"]}}, {"a": {"b": {"a": "t1"}}}, {"a": None}, {"a": {"b+": ["t2"]}}])
def test_each_value_is_from_the_line_that_says_it(stack):
    layers, texts = zip(
        *(layer(number, layer_data) for number, layer_data in enumerate(stack)), strict=True
    )
    for path, text in leaves(merge_layers(layers)):
        origin = find_origin(layers, path)
        assert origin is not None
        number = int(origin.path.removesuffix(".yaml"))
        assert text in texts[number][origin.line - 1], (path, text, origin)


def leaves(value, path=()):
    """Yield each text in merged values with its path."""
    if isinstance(value, str):
        yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))
