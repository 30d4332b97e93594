"""A namespace's policy: rules on images, levels and exemptions."""

from __future__ import annotations

import pytest
from testing.images import EXTERNAL, ROOT, dedent, image, tree
from testing.linting import check_tree

from distgen.dockerfile.parse import parse
from distgen.lint.findings import group_by_origin, in_order, with_origins
from distgen.lint.policy import apply
from distgen.model.policy import Policy, RuleSettings
from distgen.model.rendered import File, Finding, Tree
from distgen.model.words import REGULAR, Origin

MIDDLE = "quay.io/opendevorg/openstacksdk:master"
KEYS = {ROOT: "opendev/python-base@master", MIDDLE: "opendev/openstacksdk@master"}
DEMANDS = ("DG2",)
BASE = image("opendev/python-base")
SDK = image("opendev/openstacksdk", base=ROOT, keys=KEYS)
NODEPOOL = image("opendev/nodepool", base=MIDDLE, keys=KEYS)


def said(code, text, options=None, files=None, parents=None, of=NODEPOOL, **rule):
    """Return line and message of what one rule says of an image; `parents` are Dockerfiles."""
    content = dedent(text)
    known = {key: parse(dedent(other)) for key, other in (parents or {}).items()}
    policy = Policy(rules=(RuleSettings(code, options=options or {}, **rule),))
    made = tree(of, {"Dockerfile": content, **(files or {})})
    dockerfiles = {**known, of.key: parse(content)}
    found = check_tree(of, made, dockerfiles, DEMANDS, policy=policy, others=(BASE, SDK))
    assert {f.code for f in found} <= {code}
    return [(f.line, f.message) for f in found]


SDK_KEY, BASE_KEY = SDK.key, BASE.key
FROM = f"FROM {MIDDLE}\n"


def test_a_rule_that_no_policy_names_says_nothing():
    made = tree(NODEPOOL, {"Dockerfile": FROM})
    assert check_tree(NODEPOOL, made, {NODEPOOL.key: parse(FROM)}, DEMANDS) == ()


def test_a_rule_speaks_only_of_the_images_it_is_for():
    assert said("DG205", FROM, images=("opendev/*",)) != []
    assert said("DG205", FROM, images=("opendev/nodepool@master",)) != []
    assert said("DG205", FROM, images=("zuul/*", "opendev/zuul")) == []


# --- DG201 -----------------------------------------------------------------------------------


def roots(of, *names, **rule):
    policy = Policy(roots=names, rules=(RuleSettings("DG201", **rule),) if rule else ())
    dockerfiles = {of.key: parse("\nFROM x\n")}
    others = (BASE, SDK, NODEPOOL)
    found = check_tree(of, tree(of, {}), dockerfiles, DEMANDS, policy=policy, others=others)
    return [(f.code, f.line, f.message, str(f.origin)) for f in found]


@pytest.mark.parametrize(
    "root",
    [
        "opendev/python-base",
        "opendev/python-base@master",
        "opendev/*",
        EXTERNAL,
        EXTERNAL.removesuffix(":12"),
    ],
)
def test_every_image_that_reaches_a_root_is_well(root):
    assert roots(NODEPOOL, "opendev/other", root) == []
    assert roots(BASE, root) == []


def test_an_image_that_reaches_no_root_shows_what_it_builds_on():
    assert roots(NODEPOOL, "zuul/base", "zuul/other") == [
        (
            "DG201",
            2,
            "opendev/nodepool -> opendev/openstacksdk -> opendev/python-base -> "
            f"{EXTERNAL} does not reach zuul/base or zuul/other",
            "overlays/opendev/nodepool.yaml:2",
        )
    ]
    assert roots(NODEPOOL, "zuul/base", images=("zuul/*",)) == []


# --- DG202 -----------------------------------------------------------------------------------

SCRIPT = "#!/bin/sh\n"


@pytest.mark.parametrize(
    ("text", "files", "options"),
    [
        (f'{FROM}CMD ["/start.sh"]\n', {"start.sh": SCRIPT}, {}),
        (f"{FROM}ENTRYPOINT exec tini -- /start.sh\n", {"bin/start.sh": SCRIPT}, {}),
        (f'{FROM}CMD ["/run.sh"]\n', {"run.sh": SCRIPT}, {"script": "/run.sh"}),
        (f'{FROM}CMD ["nodepool"]\n', {"health.sh": SCRIPT}, {}),
        (f'{FROM}CMD ["/start.sh"]\n', {}, {}),
        (FROM, {}, {}),
    ],
)
def test_a_start_script_in_its_place(text, files, options):
    assert said("DG202", text, options, files) == []


def test_a_start_script_that_the_root_starts():
    parents = {SDK_KEY: "FROM x\n", BASE_KEY: 'FROM x\nCMD ["/start.sh"]\n'}
    assert said("DG202", FROM, {}, {"start.sh": SCRIPT}, parents) == []


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        (
            f'{FROM}CMD ["/run.sh"]\n',
            {"run.sh": SCRIPT},
            [(2, "the start script is called run.sh and not start.sh")],
        ),
        (
            f'{FROM}CMD ["nodepool"]\n',
            {"start.sh": SCRIPT},
            [(1, "neither CMD nor ENTRYPOINT starts start.sh")],
        ),
    ],
)
def test_a_start_script_out_of_its_place(text, files, expected):
    assert said("DG202", text, {}, files) == expected


def test_a_start_script_that_is_not_executable():
    text = f'{FROM}CMD ["/start.sh"]\n'
    made = Tree("opendev/nodepool", "master", (File("start.sh", SCRIPT.encode(), REGULAR),))
    policy = Policy(rules=(RuleSettings("DG202"),))
    found = check_tree(NODEPOOL, made, {NODEPOOL.key: parse(text)}, DEMANDS, policy=policy)
    assert [(f.path, f.line, f.message) for f in found] == [
        ("start.sh", 1, "the start script start.sh is not executable")
    ]


# --- DG203 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "parents"),
    [
        (f'{FROM}ENTRYPOINT ["/usr/bin/dumb-init", "--"]\n', {}, {}),
        (f"{FROM}ENTRYPOINT exec tini -s -- /start.sh\n", {}, {}),
        (f'{FROM}ENTRYPOINT ["/s6/init"]\n', {"init": ["/s6/init"]}, {}),
        (FROM, {}, {SDK_KEY: "FROM x\n", BASE_KEY: 'FROM x\nENTRYPOINT ["tini"]\n'}),
        (f'FROM {MIDDLE} AS a\nENTRYPOINT ["tini"]\nFROM a\nRUN true\n', {}, {}),
    ],
)
def test_an_agreed_init(text, options, parents):
    assert said("DG203", text, options, parents=parents) == []


def test_another_first_process():
    assert said("DG203", f'{FROM}RUN a\nENTRYPOINT ["/start.sh"]\n', {"init": ["tini"]}) == [
        (3, "ENTRYPOINT begins with /start.sh, not with tini")
    ]
    nothing = "ENTRYPOINT is not set here or by a parent in the catalogue"
    assert said("DG203", FROM) == [(1, f"{nothing}, not with dumb-init or tini")]
    parents = {
        SDK_KEY: 'FROM x\n\n\nENTRYPOINT ["sh"]\n',
        BASE_KEY: 'FROM x\nENTRYPOINT ["tini"]\n',
    }
    assert said("DG203", FROM, parents=parents) == [
        (1, "ENTRYPOINT begins with sh, not with dumb-init or tini")
    ]
    lost = f'FROM {MIDDLE} AS a\nENTRYPOINT ["tini"]\nFROM {MIDDLE}\n'
    assert said("DG203", lost) == [(3, f"{nothing}, not with dumb-init or tini")]


# --- DG204 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "options"),
    [
        ("apt-get install -y curl libssl3", {}),
        ("apt-get install gcc libssl-dev && make && apt-get purge gcc libssl-dev", {}),
        ("apk add --virtual .build-deps foo gcc && apk del .build-deps", {}),
        ("apt-get install -y git make", {"allow": ["make"]}),
        ("pip install make", {}),
    ],
)
def test_build_packages_that_do_not_stay(run, options):
    assert said("DG204", f"{FROM}RUN {run}\n", options) == []


def test_build_packages_of_a_builder_stage_may_stay():
    assert said("DG204", f"FROM x AS builder\nRUN apt-get install gcc\n{FROM}") == []


@pytest.mark.parametrize(
    ("run", "options", "expected"),
    [
        (
            "apt-get update && \\\n  apt-get install -y curl \\\n gcc libssl-dev",
            {},
            [(4, "gcc, libssl-dev stay in the image; remove it in the same RUN")],
        ),
        (
            "apt-get install gcc\nRUN apt-get purge gcc",
            {},
            [(2, "gcc stays in the image; remove it in the same RUN")],
        ),
        (
            "apk add --virtual .build-deps foo",
            {},
            [(2, "foo stays in the image; remove it in the same RUN")],
        ),
        (
            "dnf install -y python3-devel",
            {},
            [(2, "python3-devel stays in the image; remove it in the same RUN")],
        ),
        (
            "apt-get install git",
            {"packages": ["gi*"]},
            [(2, "git stays in the image; remove it in the same RUN")],
        ),
    ],
)
def test_build_packages_that_stay(run, options, expected):
    assert said("DG204", f"{FROM}RUN {run}\n", options) == expected


def test_build_packages_of_a_stage_that_the_last_one_builds_on_stay():
    text = f"FROM {MIDDLE} AS a\nRUN apt-get install gcc\nFROM a\nRUN true\n"
    assert said("DG204", text) == [(2, "gcc stays in the image; remove it in the same RUN")]


# --- DG205, DG206, DG207 ---------------------------------------------------------------------


def test_a_healthcheck_of_its_own_or_of_a_parent():
    check_line = "HEALTHCHECK --interval=5s CMD curl -f localhost\n"
    assert said("DG205", FROM + check_line) == []
    assert said("DG205", FROM, parents={SDK_KEY: f"FROM x\n{check_line}"}) == []
    assert said("DG205", FROM, parents={SDK_KEY: f"FROM x\nONBUILD {check_line}"}) == []
    assert (
        said("DG205", FROM, parents={SDK_KEY: "FROM x", BASE_KEY: f"FROM x\nONBUILD {check_line}"})
        == []
    )
    assert said("DG205", FROM) == [(1, "there is no HEALTHCHECK")]
    assert said("DG205", f"{FROM}ONBUILD {check_line}") == [(1, "there is no HEALTHCHECK")]
    assert said("DG205", f"{FROM}{check_line}HEALTHCHECK NONE\n") == [(3, "HEALTHCHECK is NONE")]


def test_required_labels():
    options = {"labels": ["name", "org.opencontainers.image.title"]}
    labels = "LABEL name=a \\\n org.opencontainers.image.title='A b'\n"
    assert said("DG206", FROM + labels, options) == []
    assert said("DG206", FROM + "LABEL name=\n", options) == [
        (1, "the label name is empty"),
        (1, "the label org.opencontainers.image.title is missing"),
    ]
    parents = {SDK_KEY: f"FROM x\n{labels}"}
    assert len(said("DG206", FROM, options, parents=parents)) == 2
    assert said("DG206", FROM, {**options, "inherit": True}, parents=parents) == []
    assert said("DG206", f"{FROM}LABEL name=\n", {**options, "inherit": True}, parents=parents) == [
        (1, "the label name is empty")
    ]


@pytest.mark.parametrize("user", ["root", "0", "0:0", "root:root"])
def test_an_image_that_runs_as_root(user):
    assert said("DG207", f"{FROM}USER zuul\nUSER {user}\n") == [
        (3, f"USER is {user}, so the image runs as root")
    ]


@pytest.mark.parametrize("user", ["$U", "${U:-root}", '"$U":0', "ro${T}"])
def test_a_user_that_nobody_can_tell_may_be_root(user):
    ((line, fault),) = said("DG207", f"FROM x\nARG U=root T=ot\nUSER {user}\n")
    assert line == 3
    assert "may make root" in fault


def test_an_image_that_does_not_run_as_root():
    assert said("DG207", f"{FROM}USER root\nUSER 10001:10001\n") == []
    assert said("DG207", FROM, parents={SDK_KEY: "FROM x\nUSER zuul\n"}) == []
    assert said("DG207", FROM) == [(1, "there is no USER, so the image runs as root")]


# --- DG208, DG209, DG210, DG211 --------------------------------------------------------------


def test_few_layers():
    text = f"FROM x AS builder\nRUN a\nRUN b\n{FROM}RUN c\nCOPY a b\nENV a=b\nWORKDIR /x\n"
    assert said("DG208", text, {"max": 2}) == []
    assert said("DG208", text + "ADD a c\nRUN d\n", {"max": 2}) == [
        (9, "4 RUN, COPY and ADD make as many layers; 2 are allowed")
    ]
    assert said("DG208", FROM + "RUN a\n" * 5) == []
    assert [line for line, _ in said("DG208", FROM + "RUN a\n" * 6)] == [7]


def test_layers_of_stages_and_triggers_that_end_up_in_the_image_count():
    text = f"FROM {MIDDLE} AS a\nRUN a\nFROM a\nRUN b\n"
    two = (4, "2 RUN, COPY and ADD make as many layers; 1 are allowed")
    assert said("DG208", text, {"max": 1}) == [two]
    parents = {SDK_KEY: "FROM x\nONBUILD RUN a\nONBUILD COPY . /\n"}
    assert said("DG208", FROM, {"max": 1}, parents=parents) == [(1, two[1])]


def test_instructions_that_a_namespace_does_without():
    text = f'FROM x AS builder\nCMD a\n{FROM}ENTRYPOINT ["a"]\nONBUILD CMD b\nUSER a\n'
    assert said("DG209", text) == [
        (4, "ENTRYPOINT is not for images of this namespace"),
        (5, "ONBUILD CMD is not for images of this namespace"),
    ]
    assert said("DG209", text, {"instructions": ["USER"]}) == [
        (6, "USER is not for images of this namespace")
    ]
    assert said("DG209", f"{FROM}RUN true\n") == []


@pytest.mark.parametrize(
    "run",
    [
        "apt-get install -y nginx nginx/bookworm-backports 'redis=5:*'",
        "apk add nginx 'nginx>1.2' nginx~1.2",
        "dnf install -y nginx python3-pip java-11-openjdk-headless gcc-12",
        "pip install nginx==1.2",
        "apt-get purge nginx=1.2-3",
    ],
)
def test_packages_without_an_exact_version(run):
    assert said("DG210", f"{FROM}RUN {run}\n") == []


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("apt-get install -y \\\n  curl \\\n  nginx=1.18.0-6", [(4, "nginx=1.18.0-6")]),
        ("apt-get install rabbitmq-server=$V", [(2, "rabbitmq-server=$V")]),
        ('apt-get install "rabbitmq-server=${V}-1"', [(2, "rabbitmq-server=${V}-1")]),
        ("apk add nginx=1.2-r0 a", [(2, "nginx=1.2-r0")]),
        ("dnf install -y nginx-1.20.1-14.el9", [(2, "nginx-1.20.1-14.el9")]),
        ("apk add --virtual .b gcc=1-r0 && apk del .b", [(2, "gcc=1-r0")]),
    ],
)
def test_packages_with_an_exact_version(run, expected):
    found = [(line, f"{word} names an exact version") for line, word in expected]
    assert said("DG210", f"{FROM}RUN {run}\n") == found
    assert said("DG210", f"{FROM}RUN {run}\n", {"allow": ["nginx", "rabbit*", "gcc"]}) == []


def test_builder_stages_have_no_exact_versions_either():
    text = f"FROM x AS builder\nRUN apt-get install gcc=4:12\n{FROM}"
    assert said("DG210", text) == [(2, "gcc=4:12 names an exact version")]


def test_a_supervisor_of_processes():
    assert said("DG211", f"{FROM}RUN apt-get install dumb-init tini libsystemd0 nginx\n") == []
    assert said("DG211", f"{FROM}RUN apt-get install runit && apt-get purge runit\n") == []
    assert said("DG211", f"{FROM}RUN apt-get install -y nginx \\\n supervisor\n") == [
        (3, "supervisor supervises processes; one container runs one process")
    ]
    assert said("DG211", f"{FROM}RUN pip install circus==0.1\n") != []
    assert said("DG211", f"{FROM}RUN apt-get install cron\n", {"packages": ["cron*"]}) != []


# --- levels and exemptions -------------------------------------------------------------------


def finding(code="DL3008", image="opendev/nodepool", level="warning", **more):
    where = {"stream": "master", "path": "Dockerfile", "line": 3, "column": 1, "message": "m"}
    return Finding(image=image, code=code, level=level, **{**where, **more})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RuleSettings("DL3009", level="error"), "warning"),
        (RuleSettings("DL3008", level="error"), "error"),
        (RuleSettings("DL3008", level="ignore", reason="why"), None),
        (RuleSettings("DL3008"), "warning"),
        (RuleSettings("DL3008", level="error", images=("zuul/*",)), "warning"),
        (RuleSettings("DL3008", level="ignore", reason="why", images=("zuul/*",)), "warning"),
        (RuleSettings("DL3008", level="error", images=("opendev/*",)), "error"),
        (RuleSettings("DL3008", level="error", exempt=(("opendev/nodepool", "why"),)), None),
        (RuleSettings("DL3008", exempt=(("opendev/nodepool@master", "why"),)), None),
        (RuleSettings("DL3008", level="error", exempt=(("opendev/zuul", "why"),)), "error"),
    ],
)
def test_a_policy_sets_levels_and_exempts_images(rule, expected):
    found = apply(Policy(rules=(rule,)), [finding()])
    assert [f.level for f in found] == ([expected] if expected else [])


# --- findings --------------------------------------------------------------------------------


def test_findings_get_the_origin_of_their_line_once_for_each_file():
    asked = []

    def line_map(key, path):
        asked.append((key, path))
        return (None, Origin("templates/app/Dockerfile.j2", 7))

    given = Origin("overlays/opendev/nodepool.yaml", 2)
    found = with_origins(
        [finding(line=1), finding(line=2), finding(line=9), finding(line=0, path="gone"),
         finding(line=1, path="else", origin=given)],
        line_map,
    )  # fmt: skip
    assert [f.origin for f in found] == [
        None, Origin("templates/app/Dockerfile.j2", 7), None, None, given,
    ]  # fmt: skip
    assert asked == [("opendev/nodepool@master", "Dockerfile")]


def test_findings_are_sorted_once_each_and_grouped_by_origin():
    place = Origin("templates/app/Dockerfile.j2", 7)
    one, two = finding(origin=place), finding(image="opendev/zuul", line=5, origin=place)
    alone = finding(image="opendev/a")
    assert in_order([two, one, alone, one]) == (alone, one, two)
    assert group_by_origin([two, one, alone]) == ((alone,), (one, two))
