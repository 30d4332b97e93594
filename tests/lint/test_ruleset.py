"""A rule is one function: schema, page, reports and lint follow from what stands above it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from testing.images import image, tree
from testing.linting import check_tree

from distgen.dockerfile.parse import parse
from distgen.lint.rules.rule import Rule
from distgen.lint.ruleset import MODULES, RULES
from distgen.model.archives import Archive, ArchivePart

HERE = Path(__file__).parents[2]
NEW_RULE = """

@rule(
    "DG299",
    "The image has a forbidden label",
    "warning",
    problem="A ``LABEL`` of the Dockerfile is on the policy's list.",
    why="Some registries refuse it.",
    fix="Remove it.",
    options={"labels": list_of("Labels that no image may have.", WORD)},
    when=NAMED,
)
def forbidden_labels(context: RuleContext) -> Iterator[Violation]:
    forbidden = context.option("labels")
    for step in context.instructions:
        if step.cmd == "LABEL" and step.value[0] in forbidden:
            yield Violation(f"the label {step.value[0]} is forbidden", step.line)
"""
CATALOGUE = {
    "templates/app/template.yaml": "description: A program\n",
    "templates/app/Dockerfile.j2": "FROM {{ base.reference }}\nLABEL mood=good\n",
    "overlays/small/namespace.yaml": """
        registry: registry.example.org/small
        streams: {main: {branch: main, tags: [main]}}
        policy: {rules: {DG299: {labels: [mood], level: error}}}
        """,
    "overlays/small/tool.yaml": "template: app\nfrom: docker.io/library/debian:12\n",
}


def run(*words, copy, folder):
    """Run a Python program with a copy of the package in the place of the package."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_function_is_a_rule_everywhere(tmp_path, catalogue):
    copy = tmp_path / "copy"
    for part in ("distgen", "doc"):
        shutil.copytree(HERE / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tests").mkdir()
    shutil.copy(HERE / "tests/test_layers.py", copy / "tests")
    root = catalogue(CATALOGUE)
    lint = ("-m", "distgen", "lint", "--format", "json")
    before = run(*lint, copy=copy, folder=root)
    assert before.returncode == 2
    assert "unknown key `DG299` in `policy.rules`" in before.stderr

    with (copy / "distgen/lint/rules/limits.py").open("a") as module:
        module.write(NEW_RULE)
    assert run(copy / "doc/regenerate.py", copy=copy, folder=copy).stderr == ""

    printed = run("-m", "distgen", "schema", "namespace", copy=copy, folder=root)
    schema = json.loads(printed.stdout)
    labels = {"type": "string", "minLength": 1}
    assert schema["$defs"]["DG299"]["properties"]["labels"] == {
        **{"type": "array", "description": "Labels that no image may have.", "items": labels}
    }
    page = (copy / "doc/reference/rules.rst").read_text()
    assert "DG299: The image has a forbidden label\n--" in page
    assert "Level: warning, checked where a policy names it." in page
    found = run(*lint, copy=copy, folder=root)
    assert found.returncode == 1, found.stderr
    said = [(f["code"], f["level"], f["message"]) for f in json.loads(found.stdout)]
    assert ("DG299", "error", "the label mood is forbidden") in said
    sarif = run("-m", "distgen", "lint", "--format", "sarif", copy=copy, folder=root).stdout
    assert '"The image has a forbidden label"' in sarif


def test_every_rule_has_a_code_of_its_own():
    rules = [rule for module in MODULES for rule in vars(module).values() if isinstance(rule, Rule)]
    codes = sorted({id(rule): rule.code for rule in rules}.values())
    assert codes == list(RULES)


def test_a_file_that_a_build_tool_makes_is_not_missing_too():
    """DG109 says how an archive is made; DG106 would only say that it is not there."""
    part = ArchivePart("a", "url", "https://example.org/a.tar")
    of = image(base="parent:1", keys={"parent:1": "opendev/parent@master"})
    of = replace(of, archives=(Archive("a-archive", (part,)),))
    made = tree(of, {"Dockerfile": "FROM parent:1\nADD ./a-archive /a\nCOPY gone /b\n"})
    dockerfiles = {of.key: parse(made.files[0].content.decode())}
    findings = check_tree(of, made, dockerfiles)
    assert {(finding.code, finding.line, finding.level) for finding in findings} == {
        ("DG109", 2, "warning"),
        ("DG106", 3, "error"),
    }
