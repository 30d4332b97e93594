"""The graph of a report: what a change reaches, and the way there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from distgen.report.graph import Branch, graph_script, reached_branches
from distgen.report.records import GraphNode

VENDORED = Path(__file__).parents[2] / "distgen/report/vendored"
NODES = (
    GraphNode("ns/base@main"),
    GraphNode("ns/builder@main", "changed"),
    GraphNode("ns/other@main"),
    GraphNode("ns/left@main", "", ("ns/base@main",)),
    GraphNode("ns/below-left@main", "", ("ns/left@main",)),
    GraphNode("ns/way@main", "", ("ns/base@main",)),
    GraphNode("ns/app@main", "rebuilt", ("ns/way@main", "ns/builder@main", "gone/x@main")),
    GraphNode("ns/removed@main", "removed"),
)


def shape(branches: tuple[Branch, ...]):
    return {
        branch.node.key.removeprefix("ns/").removesuffix("@main"): shape(branch.children)
        for branch in branches
    }


def test_what_changes_and_the_way_to_it_is_shown():
    branches = reached_branches(NODES)
    assert shape(branches) == {"base": {"way": {"app": {}}}, "builder": {}, "removed": {}}
    base = branches[0]
    assert base.untouched == 2
    assert base.children[0].children[0].further == ("ns/builder@main",)


def test_of_a_change_that_reaches_nothing_there_is_no_graph():
    assert reached_branches([GraphNode("ns/base@main")]) == ()


def test_the_data_of_the_picture_is_a_script_that_nothing_breaks_out_of():
    name = "</script>\u2028\u202e'\""
    script = graph_script([GraphNode(name, "changed", (name,))], {name: "image.html"}.get)
    assert script.isascii()
    (row,) = json.loads(script.removeprefix("window.distgenGraph = ").removesuffix(";\n"))
    shown = "</script>\\u2028\\u202e'\""
    assert row == {"key": shown, "change": "changed", "parents": [shown], "page": "image.html"}


def test_libraries_are_those_that_are_listed():
    """tests/report/vendor.py fetches them again and compares what npm says of them."""
    packages = json.loads((VENDORED / "vendored.json").read_text())
    sums = {file["path"]: file["sha256"] for package in packages for file in package["files"]}
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.iterdir()
        if path.name != "vendored.json"
    }
    for package in packages:
        assert package["integrity"].startswith("sha512-")
        assert (
            f"v{package['version']}" in (VENDORED / package["files"][0]["path"]).read_text()[:100]
        )
        assert any("LICENSE" in file["path"] for file in package["files"])


def test_the_browser_gets_little_script_of_our_own():
    assets = VENDORED.parent / "assets"
    assert sum(path.stat().st_size for path in assets.glob("*.js")) < 15_000
