"""`distgen export kolla` beside the installed kolla-build, for the same images."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("kolla")

NAMESPACE = """\
source: kolla
kolla: {base: debian, base_tag: trixie, regex: ["^keystone", "^glance", "^cron$"]}
streams: {master: {}}
"""
REGEX = ("^keystone", "^glance", "^cron$")


@pytest.fixture
def export(catalogue, cache):
    """Return a function that prints a shape of Kolla's images."""
    root = catalogue({"overlays/kolla/namespace.yaml": NAMESPACE})

    def run(shape):
        words = [sys.executable, "-m", "distgen", "-C", str(root), "export", "kolla"]
        environ = {**os.environ, "XDG_CACHE_HOME": str(cache), "XDG_STATE_HOME": str(root)}
        return subprocess.run(
            [*words, "--shape", shape], check=True, capture_output=True, text=True, env=environ
        ).stdout

    return run


@pytest.fixture
def kolla_build(tmp_path):
    """Return a function that runs the real tool and returns what it prints."""
    pytest.importorskip("docker")

    def run(*words):
        command = [sys.executable, "-m", "kolla.cmd.build", "--base", "debian", *words, *REGEX]
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=environ
        ).stdout

    return run


def in_order(tree):
    """Return a tree of kolla-build with the children of each image sorted by name."""
    if isinstance(tree, list):
        return sorted(map(in_order, tree), key=lambda node: next(iter(node), node)
                      if isinstance(node, dict) else node)  # fmt: skip
    if isinstance(tree, dict):
        return {name: in_order(below) for name, below in tree.items()}
    return tree


def test_the_list_has_the_images_of_kolla_build(export, kolla_build):
    theirs = re.findall(r"^\d+ : (\S+)$", kolla_build("--list-images"), re.MULTILINE)
    assert len(theirs) > 8
    ours = [f"{number} : {name}\n" for number, name in enumerate(sorted(theirs), 1)]
    assert export("images") == "".join(ours)


def test_the_tree_is_that_of_kolla_build(export, kolla_build):
    printed = kolla_build("--list-dependencies")
    theirs = json.dumps(in_order(json.loads(printed)), indent=2)
    assert len(printed) == len(theirs)  # the same shape, but for the order
    assert export("dependencies") == theirs + "\n"


def test_the_graph_has_the_lines_of_kolla_build(export, kolla_build, tmp_path):
    pytest.importorskip("graphviz")
    file = tmp_path / "graph"
    kolla_build("--save-dependency", str(file))
    # Newer releases of graphviz add no newline to a line of the body.
    text = file.read_text().replace("rankdir=LR\t", "rankdir=LR\n\t")
    ours, theirs = export("graph").splitlines(), text.splitlines()
    assert sorted(ours) == sorted(theirs)
    assert (ours[:3], ours[-1]) == (theirs[:3], theirs[-1])
