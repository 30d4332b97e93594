"""Catalogues that would hang or fill the memory: every command ends with one sentence, and 2."""

from __future__ import annotations

import pytest
from testing.sites import distgen

NESTED = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
TWICE = "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}"
DOUBLED = (
    "{%% set l = namespace(x=['x']) %%}{%% for i in range(30) %%}"
    "{%% set l.x = [l.x, l.x] %%}{%% endfor %%}{{ l.x | %s }}"
)
TEXTS = (
    "{% set l = namespace(x='x' * 9999) %}{% for i in range(40) %}"
    "{% set l.x = l.x ~ l.x %}{% endfor %}"
)
HOSTILE = {
    "loops": NESTED,
    "macro": TWICE,
    "json": DOUBLED % "json",
    "yaml": DOUBLED % "yaml",
    "round": "{{ 1 | round(10 ** 8, 'ceil') }}",
    "braces": "{{ ('{' ~ ':' * 99999).format() }}",
    "texts": TEXTS,
    "widths": "{{ ('{0:99999}' * 9999).format(1) }}",
}
PARENT = "from: docker.io/library/debian:12\n"


def project(catalogue, text: str, schema: str = "{}", value: str = ""):
    """Return a catalogue with a bad image, its child and a good one."""
    return catalogue(
        {
            "distgen.yaml": "version: 1\nrender: {limits: {seconds: 0.5, memory: 64M}}\n",
            "templates/bad/template.yaml": f"description: Bad\nvalues: {schema}\n",
            "templates/bad/Dockerfile.j2": f"FROM {{{{ base.reference }}}}\n{text}\n",
            "templates/good/template.yaml": "description: Good\n",
            "templates/good/Dockerfile.j2": "FROM {{ base.reference }}\n",
            "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {master: }\n",
            "overlays/ns/bad.yaml": f"template: bad\n{PARENT}values: {{{value}}}\n",
            "overlays/ns/child.yaml": "template: good\nfrom: ns/bad\n",
            "overlays/ns/good.yaml": f"template: good\n{PARENT}",
        }
    )


def sentences(ran) -> list[str]:
    return [line for line in ran.err.splitlines() if line.startswith("distgen: ")]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_template_that_takes_too_much_is_named_by_every_command(catalogue, tmp_path, text: str):
    root, out = project(catalogue, text), tmp_path / "out"
    for words in (["render", "-o", out], ["lint"]):
        ran = distgen(root, *words)
        (sentence,) = sentences(ran)
        assert sentence.startswith("distgen: templates/bad/Dockerfile.j2:2: ")
        assert ran.code == 2
    assert not out.exists()
    ran = distgen(root, "publish", "--format", "json")
    assert ran.code == 2
    results = {result["image"]: result for result in ran.results}
    assert {name: result["status"] for name, result in results.items()} == {
        "ns/bad": "failed",
        "ns/child": "failed",
        "ns/good": "created",
    }
    for name in ("ns/bad", "ns/child"):
        assert results[name]["detail"].startswith("templates/bad/Dockerfile.j2:2: ")


def test_an_ancestor_that_cannot_be_rendered_fails_those_who_need_it(catalogue):
    root = project(catalogue, NESTED)
    ran = distgen(root, "publish", "--format", "json", "ns/child", "ns/good")
    assert ran.code == 2
    assert [result["status"] for result in ran.results] == ["created", "failed"]


def test_a_stream_is_published_though_the_parent_of_another_cannot_be_rendered(catalogue):
    root = project(catalogue, "{% if image.stream == 'old' %}{{ nothing }}{% endif %}\n")
    (root / "overlays/ns/namespace.yaml").write_text(
        "registry: quay.io/ns\nstreams: {master: {}, old: {}}\n"
    )
    ran = distgen(root, "publish", "--format", "json", "ns/child")
    results = {result["stream"]: result for result in ran.results}
    assert ran.code == 2
    assert results["old"]["detail"].startswith("templates/bad/Dockerfile.j2:2: `nothing`")
    assert "nothing" not in results["master"]["detail"]


def test_a_pattern_that_searches_for_ever_is_named_by_every_command(catalogue, tmp_path):
    value = f"user: {'a' * 40}!"
    root = project(catalogue, "", "{user: {type: string, pattern: '^(a+)+$', default: a}}", value)
    for words in (["list"], ["publish"], ["render", "-o", tmp_path / "out"], ["lint"]):
        ran = distgen(root, *words)
        (sentence,) = sentences(ran)
        assert sentence.startswith("distgen: overlays/ns/bad.yaml:3:")
        assert "checking `user` against its schema takes more than 0.5 seconds" in sentence
        assert ran.code == 2
