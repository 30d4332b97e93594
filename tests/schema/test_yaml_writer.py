"""YAML that is written item by item: the same as PyYAML's, and in little room."""

import random
import tracemalloc

import pytest
import yaml

from distgen.schema.yaml_writer import LiteralText, PortableDumper, dump_documents, dump_yaml

TEXTS = ["a", "yes", "1.5", "", "x: y", "two\nlines\n", "- dash", "é", "# c", "0o7", " ", "w " * 80]


class NodesFirst(yaml.SafeDumper):
    """PyYAML's own way with the same tables."""

    yaml_representers = PortableDumper.yaml_representers
    yaml_implicit_resolvers = PortableDumper.yaml_implicit_resolvers


def as_pyyaml(documents, width):
    options = {"sort_keys": False, "allow_unicode": True, "default_flow_style": False}
    return yaml.dump_all(documents, Dumper=NodesFirst, width=width, **options)


def some_data(chance, depth=0):
    kind = chance.random()
    if depth > 5 or kind < 0.4:
        others = [5, 1.5, True, None, [], {}, LiteralText("#!/bin/sh\n x\n"), "\u2028"]
        return chance.choice([*TEXTS, *others])
    if kind < 0.7:
        return [some_data(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    keys = (chance.choice([*TEXTS, 7, False]) for _ in range(chance.randint(0, 4)))
    return {key: some_data(chance, depth + 1) for key in keys}


@pytest.mark.parametrize("width", [80, 10**6])
def test_data_is_written_as_pyyaml_writes_it(width, pytestconfig):
    chance = random.Random(pytestconfig.option.seed)
    for _ in range(500):
        documents = [some_data(chance) for _ in range(chance.randint(1, 3))]
        assert dump_documents(documents, width) == as_pyyaml(documents, width)


def test_what_an_item_holds_twice_keeps_its_anchor():
    shared = ["a"]
    deep = {"one": {"two": {"three": {"first": shared, "second": shared}}}}
    assert "&id001" in dump_yaml(deep)
    assert dump_yaml(deep) == as_pyyaml([deep], 10**6)
    assert dump_documents([deep, deep], 80) == as_pyyaml([deep, deep], 80)


def test_what_items_share_is_written_for_each():
    shared = ["a"]
    assert dump_yaml({"first": shared, "second": shared}) == "first:\n- a\nsecond:\n- a\n"


def test_a_large_document_takes_little_more_room_than_its_text():
    params = [{"name": "url", "value": "https://git.example.org/x.git"}] * 3
    tasks = [{"name": f"n{number}", "params": [*params]} for number in range(3000)]
    tracemalloc.start()
    text = dump_yaml({"spec": {"tasks": tasks}})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * len(text)
