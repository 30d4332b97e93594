"""The lists of kolla-build, of any images."""

from __future__ import annotations

import json

import pytest
from testing.catalogues import TEMPLATE

from distgen.errors import DistgenError
from distgen.exports.kolla import FORMAT
from distgen.exports.records import Selection
from distgen.model.lock import Lock

pytest_plugins = ["testing.commandline"]

FILES = {
    **TEMPLATE,
    "overlays/ns/base.yaml": "template: app\nfrom: scratch\n",
    "overlays/ns/app.yaml": "template: app\nfrom: ns/base\n",
    "overlays/ns/app-api.yaml": "template: app\nfrom: ns/app\n",
    "overlays/ns/tool.yaml": "template: app\nfrom: ns/base\nbuilders: {it: ns/other}\n",
    "overlays/ns/other.yaml": "template: app\nfrom: scratch\n",
}


@pytest.fixture
def root(catalogue):
    return catalogue(FILES)


def test_the_list_is_sorted_and_numbered(root, distgen):
    ran = distgen(root, "export", "kolla")
    assert ran.out == "1 : app\n2 : app-api\n3 : base\n4 : other\n5 : tool\n"
    assert (ran.code, ran.err) == (0, "")


def test_the_tree_has_every_root(root, distgen):
    """kolla-build prints the last root alone, and no newline."""
    ran = distgen(root, "export", "kolla", "--shape", "dependencies")
    tree = {"base": [{"app": ["app-api"]}, "tool"], "other": []}
    assert ran.out == json.dumps(tree, indent=2) + "\n"


def test_an_image_without_its_parent_is_a_root(root, distgen):
    ran = distgen(root, "export", "kolla", "ns/app*", "ns/other", "--shape", "dependencies")
    assert ran.json == {"app": ["app-api"], "other": []}


def test_the_graph_has_an_edge_from_each_base(root, distgen):
    assert distgen(root, "export", "kolla", "--shape", "graph").out == (
        "// Container Images Dependency\ndigraph {\nrankdir=LR\n"
        '\tapp\n\tbase -> app\n\t"app-api"\n\tapp -> "app-api"\n\tbase\n\tother\n'
        "\ttool\n\tbase -> tool\n}\n"
    )


def test_names_say_which_image_of_several_is_meant(root, distgen):
    (root / "overlays/zz").mkdir()
    (root / "overlays/zz/namespace.yaml").write_text(
        'registry: quay.io/zz\nstreams: {master: {}, "1.0": {}}\n'
    )
    (root / "overlays/zz/app.yaml").write_text("template: app\nfrom: ns/app@master\n")
    ran = distgen(root, "export", "kolla", "*/app", "--shape", "dependencies")
    assert ran.json == {"ns/app@master": ["zz/app@1.0", "zz/app@master"]}
    assert distgen(root, "export", "kolla", "zz/*").out == "1 : app@1.0\n2 : app@master\n"
    assert distgen(root, "export", "kolla", "zz/*@1.0").out == "1 : app\n"


def test_an_unknown_shape_is_an_error(root, distgen):
    ran = distgen(root, "export", "kolla", "--shape", "dependency")
    assert (ran.code, ran.out) == (2, "")
    assert "--shape: 'dependency' is not a shape; did you mean `dependencies`?" in ran.err


def test_no_image_is_a_failure(distgen, catalogue):
    """kolla-build says `Nothing matched!` where JSON is read, and ends well."""
    with pytest.raises(DistgenError) as caught:
        FORMAT.write(Selection((), (), {}, Lock()))
    assert caught.value.exit_code == 1


def test_a_pattern_that_matches_nothing_is_a_failure(root, distgen):
    ran = distgen(root, "export", "kolla", "ns/ap")
    assert (ran.code, ran.out) == (1, "")
    assert "no image matches `ns/ap`; did you mean `ns/app`?" in ran.err


def test_a_chain_may_be_long(catalogue, distgen):
    names = [f"n{number:04}" for number in range(1500)]
    parents = ["scratch", *(f"ns/{name}" for name in names)]
    chain = {
        f"overlays/ns/{name}.yaml": f"template: app\nfrom: {parent}\n"
        for parent, name in zip(parents, names, strict=False)
    }
    ran = distgen(catalogue(TEMPLATE | chain), "export", "kolla", "--shape", "dependencies")
    assert ran.code == 0
    assert ran.out.count("[") == 1499
    assert ran.out.startswith('{\n  "n0000": [\n    {\n      "n0001": [\n')
