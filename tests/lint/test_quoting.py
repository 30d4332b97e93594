"""A rule reads a value alike whether a template prints it bare, in single or in double quotes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from testing.images import EXTERNAL, image, tree
from testing.linting import check_tree

from distgen.dockerfile.parse import parse
from distgen.lint.build_context import build_inputs
from distgen.lint.rules.rule import NAMED
from distgen.lint.ruleset import RULES
from distgen.model.export_settings import ExportSettings
from distgen.model.lock import Lock, LockedBase
from distgen.model.policy import Policy, RuleSettings
from distgen.model.words import REGULAR
from distgen.render.filters import dq

DIGEST = f"sha256:{'a' * 64}"
BUILDER = "quay.io/x/builder:1"
SCRIPT = "#!/bin/sh\n"
QUOTES: Mapping[str, Callable[[str], str]] = {
    "raw": str,
    "single": lambda text: f"'{text}'",
    "dq": dq,
}


@dataclass(frozen=True)
class Words:
    """Instructions with a gap for a word: the rule objects to some words and not to others."""

    text: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    builders: Mapping[str, str] = field(default_factory=dict)
    exports: tuple[ExportSettings, ...] = ()


BASE = f"FROM {EXTERNAL}\n"
TOOL = {"tool": BUILDER}
OSBS = (ExportSettings("osbs", {}),)
REQUIRED = "LABEL name=a/b com.redhat.component=c\n"
WORDS: Mapping[str, tuple[Words, ...]] = {
    "DG001": (Words(f"{BASE}HEALTHCHECK {{}}\n", ("true",), ()),),
    "DG101": (Words("FROM {}\n", (EXTERNAL,), (f"{EXTERNAL}@{DIGEST}",)),),
    "DG102": (
        Words("FROM {}\n", ("docker.io/library/debian:11",), (EXTERNAL,)),
        Words(f"{BASE}COPY --from={{}} /a /b\n", (BUILDER,), (EXTERNAL,)),
        Words(f"{BASE}RUN --mount=from={{}},target=/b true\n", (BUILDER,), (EXTERNAL,)),
    ),
    "DG103": (
        Words(f"{BASE}COPY --from={{}} /a /b\n", ("quay.io/x/y:1",), (BUILDER,), builders=TOOL),
        Words(f"FROM {{}} AS tool\n{BASE}", ("quay.io/x/y:1",), (BUILDER,), builders=TOOL),
    ),
    "DG104": (Words("FROM {}\n", ("$BASE",), (EXTERNAL,)),),
    "DG105": (Words("FROM {}\n", ("debian", "debian:latest"), (EXTERNAL, "scratch")),),
    "DG106": (
        Words(f"{BASE}COPY {{}} /x\n", ("gone", "../a"), ("start.sh", "*.sh", "a.$")),
        Words(f"{BASE}COPY {{}} start.sh /x\n", ("gone", "a$c"), ("plain",)),
        Words(f"{BASE}RUN --mount=source={{}},target=/x true\n", ("gone",), ("start.sh",)),
    ),
    "DG107": (Words(f"{BASE}COPY --from={{}} /a /b\n", ("gone",), (BUILDER,)),),
    "DG108": (
        Words(f"{BASE}ADD {{}} /x\n", ("https://example.org/a",), ("start.sh",)),
        Words(f"{BASE}ADD --checksum={{}} https://example.org/a /x\n", ("",), (DIGEST,)),
    ),
    "DG202": (Words(f"{BASE}CMD {{}}\n", ("/run.sh", "bash"), ("/start.sh",)),),
    "DG203": (
        Words(f"{BASE}ENTRYPOINT {{}}\n", ("bash",), ("dumb-init", "/usr/bin/tini")),
        Words(f"{BASE}ENTRYPOINT exec {{}} x\n", ("bash",), ("dumb-init", "/usr/bin/tini")),
    ),
    "DG204": (
        Words(f"{BASE}RUN apt-get install -y {{}}\n", ("gcc", "libssl-dev"), ("curl",)),
        Words(f"{BASE}RUN {{}} install gcc\n", ("apt-get",), ("true",)),
        Words(f"{BASE}RUN apt-get {{}} gcc\n", ("install",), ("download",)),
        Words(f"{BASE}RUN LIST={{}}; apt-get install $LIST\n", ("gcc",), ("curl",)),
        Words(f"{BASE}RUN bash -c {{}}\n", ('apt-get install "gcc"',), ('echo "a"',)),
        Words(f"{BASE}RUN {{}} <<EOF\napt-get install gcc\nEOF\n", ("bash",), ("cat",)),
        Words(f"{BASE}RUN bash <<{{}}\napt-get install gcc\nEOF\n", ("EOF",), ()),
    ),
    "DG205": (Words(f"{BASE}HEALTHCHECK {{}}\n", ("NONE", "none"), ()),),
    "DG206": (
        Words(f"{BASE}LABEL {{}}=x\n", ("other",), ("mood",), {"labels": ["mood"]}),
        Words(f"{BASE}LABEL mood={{}}\n", ("",), ("good", "a$b"), {"labels": ["mood"]}),
    ),
    "DG207": (
        Words(
            f"{BASE}USER {{}}\n",
            ("root", "0", "0:0", "root:root", "00", "+0", ":1000"),
            ("app", "1000", "1000:0", "rooted", "10"),
        ),
    ),
    "DG210": (Words(f"{BASE}RUN apt-get install {{}}\n", ("curl=8.1-2",), ("curl", "g++")),),
    "DG211": (Words(f"{BASE}RUN apt-get install {{}}\n", ("supervisor",), ("curl",)),),
    "DG303": (
        Words(f"{BASE}COPY --chmod={{}} plain /\n", ("0644",), ("0755", "+x")),
        Words(f"{BASE}COPY --chmod=755 {{}} /\n", ("start.sh",), ("plain",)),
        Words(f"{BASE}RUN chmod +x {{}}\n", ("start.sh",), ("/plain",)),
        Words(f"{BASE}RUN {{}} +x /plain\n", ("chown",), ("chmod",)),
    ),
    "DG304": (
        Words(f"{BASE}ENV A={{}}\n", ("https://joe:hunter22@example.org",), ("https://a.org",)),
        Words(f"{BASE}ENV A={{}}\n", (f"ghp_{'a1' * 18}",), ("ghp_short",)),
    ),
    "DG401": (Words(f"{BASE}{REQUIRED}LABEL version={{}}\n", ("1-2",), ("1.2",), exports=OSBS),),
    "DG402": (
        Words(f"{BASE}{REQUIRED}LABEL version=1 {{}}=x\n", ("vcs-ref",), ("x",), exports=OSBS),
    ),
}
NO_WORDS = {
    "DG109": "what kolla-build makes",
    "DG110": "what Kolla says",
    "DG111": "what Kolla says",
    "DG112": "what Kolla says",
    "DG113": "what templates print",
    "DG201": "the overlay",
    "DG208": "the number of instructions",
    "DG209": "the names of instructions",
    "DG301": "files",
    "DG302": "files",
    "DG305": "files",
    "DG306": "files",
    "DG307": "names",
    "DG308": "the names of files",
}
"""Rules that read no word of a Dockerfile, and what they look at."""


def test_every_rule_is_tried_with_quotes():
    assert sorted([*WORDS, *NO_WORDS]) == list(RULES)


@pytest.mark.parametrize("style", QUOTES)
@pytest.mark.parametrize("code", WORDS)
def test_a_rule_reads_what_the_builder_reads(code, style):
    for row in WORDS[code]:
        for word in (*row.bad, *row.good):
            if style == "raw" and " " in word:
                continue  # that is several words
            written = QUOTES[style](word)
            if code == "DG104":
                written = written.replace("\\$", "$")
            messages = check(code, row, row.text.format(written))
            assert bool(messages) == (word in row.bad), (row.text, written, messages)
            assert style == "raw" or code == "DG001" or written not in " ".join(messages)


def check(code, row, text):
    """Return what one rule says of an image with that Dockerfile."""
    of = replace(image(base=EXTERNAL, builders=row.builders), exports=row.exports)
    made = tree(of, {"Dockerfile": text, "start.sh": SCRIPT, "plain": SCRIPT, "a.$": ""})
    files = tuple(replace(f, mode=REGULAR) if f.path == "plain" else f for f in made.files)
    lock = Lock(bases={EXTERNAL: LockedBase(DIGEST)})
    is_named = RULES[code].when is NAMED
    policy = Policy(rules=(RuleSettings(code, options=row.options),) if is_named else ())
    findings = check_tree(
        of, replace(made, files=files), {of.key: parse(text)}, (code,), lock, policy
    )
    return [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("written", "is_refused"),
    [
        (dq("a$b.txt"), False),
        ("'a$b.txt'", False),
        ("a\\$b.txt", False),
        (f'[{json.dumps(dq("a$b.txt"))}, "/x"]', False),
        ("a$b.txt", True),
        (dq("a$b.txt", expand=True), True),
        ("\"'a$b.txt'\"", True),
        ('["a$b.txt", "/x"]', True),
    ],
)
def test_a_dollar_that_builders_leave_alone_is_part_of_a_name(written, is_refused):
    """`COPY {{ "a$b.txt" | dq }} /x` builds, and was refused as one that depends on a variable."""
    of = image(base=EXTERNAL)
    words = written if written.startswith("[") else f"{written} /x"
    text = f"FROM {EXTERNAL}\nCOPY {words}\n"
    made = tree(of, {"Dockerfile": text, "a$b.txt": ""})
    findings = check_tree(of, made, {of.key: parse(text)}, ("DG106",))
    assert ["depends on a build argument" in finding.message for finding in findings] == (
        [True] if is_refused else []
    )
    inputs = build_inputs({file.path: file for file in made.files}, ["a$b.txt", "other"])
    assert inputs == (("a$b.txt", "other") if is_refused else ("a$b.txt",))
