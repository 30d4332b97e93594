"""The functest namespace: eight images from lists of packages, on their layers."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from distgen.catalogue.graph import select_images
from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import installed_packages, parse, run_script, start_words
from distgen.lint import external
from distgen.lint.check import lint
from distgen.lint.work import plan_work
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock, LockedSource
from distgen.model.rendered import Tree
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
ALPINE = "docker.io/library/alpine:3.6"
CORE = "docker.io/opnfv/functest-core:euphrates"
BASES = {
    "components": CORE,
    "core": ALPINE,
    "features": CORE,
    "healthcheck": CORE,
    "parser": ALPINE,
    "restapi": CORE,
    "smoke": CORE,
    "vnf": CORE,
}
CASES = {
    "components": ["tempest_full_parallel", "rally_full"],
    "features": [
        *("promise", "doctor-notification", "bgpvpn", "functest-odl-sfc", "domino-multinode"),
        "barometercollectd",
    ],
    "healthcheck": ["connection_check", "api_check", "snaps_health_check"],
    "parser": ["parser-basics"],
    "smoke": [
        *("vping_ssh", "vping_userdata", "tempest_smoke_serial", "rally_sanity"),
        *("refstack_defcore", "odl", "odl_netvirt", "fds", "snaps_smoke"),
    ],
    "vnf": ["cloudify_ims", "vyos_vrouter", "orchestra_openims", "orchestra_clearwaterims"],
}
TIERS = ["healthcheck", "smoke", "features", "components", "vnf"]
COMMANDS = {
    **dict.fromkeys(CASES, ("bash", "-c", "prepare_env start && run_tests -t all")),
    "core": (),
    "restapi": ("functest_restapi",),
}
CHANGE = "refs/changes/57/45357/2"


@cache
def make_catalogue(*sets: str) -> Catalogue:
    return load_catalogue(ROOT, sets)


@cache
def trees(*sets: str) -> dict[str, Tree]:
    renderer = Renderer(make_catalogue(*sets), Lock())
    return {
        image.name: renderer.tree(image)
        for image in select_images(make_catalogue(*sets), ["functest/*"])
    }


def content(tree: Tree, path: str = "Dockerfile") -> str:
    return next(file.content.decode() for file in tree.files if file.path == path)


def runs(name: str) -> list[str]:
    """Return the scripts of all RUNs of an image, on one line each."""
    instructions = parse(content(trees()[name])).instructions
    return [re.sub(r"\s+", " ", run_script(one)) for one in instructions if one.cmd == "RUN"]


def pip(name: str) -> list[str]:
    """Return what each `pip install` of an image gets, after the constraints."""
    return [
        re.sub(r"--constraint \S+ ", "", found)
        for run in runs(name)
        for found in re.findall(r"(python\d -m pip install .*?) &&", run)
    ]


def test_eight_images_stand_on_their_layers() -> None:
    found = {
        image.name: image.parents[0].reference
        for image in make_catalogue().images
        if image.namespace == "functest"
    }
    assert found == BASES
    (stream,) = make_catalogue().namespaces["functest"].streams
    assert (stream.branch, stream.tags) == ("stable/euphrates", ("euphrates", "stable"))


def test_nothing_is_found_but_what_only_a_lock_can_know() -> None:
    found = lint(
        plan_work(make_catalogue(), Lock(), select_images(make_catalogue(), ["functest/*"])),
        external.lint,
    )
    assert {(one.code, one.level) for one in found} == {("DG101", "warning")}


@pytest.mark.parametrize("name", BASES)
def test_every_image_is_one_run_at_most_that_leaves_nothing_behind(name: str) -> None:
    made = runs(name)
    assert len(made) == (0 if name in ("healthcheck", "components") else 1)
    for run in made:
        assert "--virtual .build-deps" in run and "apk del .build-deps" in run
        assert "find /src -name .git -prune -exec rm -rf {} +" in run
        assert run.index(".git -prune") < run.index("apk del")
        assert "pip install" not in run or run.endswith("/root/.cache")


def test_images_that_install_packages_keep_what_they_run_with() -> None:
    instructions = parse(content(trees()["core"])).instructions
    build = {"build-base", "libffi-dev", "libjpeg-turbo-dev", "linux-headers", "openssl-dev"}
    assert set(installed_packages(instructions)["apk"]) - build == {
        *("bash", "ca-certificates", "git", "grep", "libffi", "libjpeg-turbo", "libssl1.0"),
        *("openssh-client", "py-pip", "python", "python-dev", "sed", "wget"),
    }


def test_all_packages_of_a_python_are_solved_together() -> None:
    install = "python2 -m pip install --no-cache-dir --src /src"
    tools = "--editable /src/openstack-requirements"
    parser = (
        "/src/nfv-parser/tosca2heat/heat-translator /src/nfv-parser/tosca2heat/tosca-parser "
        "--editable /src/nfv-parser"
    )
    others = "baro_tests sdnvpn sfc promise 'doctor-tests;python_version>='\"'\"'3.0'\"'\"'' domino"
    doctor = "python3 -m pip install --no-cache-dir --src /src doctor-tests"
    assert {name: pip(name) for name in BASES} == {
        "components": [],
        "core": [f"{install} {tools}", f"{install} {tools} /src/rally /src/functest"],
        "features": [f"{install} {others}", doctor],
        "healthcheck": [],
        "parser": [f"{install} {tools}", f"{install} {tools} /src/rally /src/functest {parser}"],
        "restapi": [f"{install} --editable /src/refstack-client {others}", doctor],
        "smoke": [f"{install} --editable /src/refstack-client"],
        "vnf": [],
    }


def test_core_edits_two_constraints_files_and_keeps_them_for_its_children() -> None:
    (run,) = runs("core")
    for wanted in (
        "/src/openstack-requirements/upper-constraints.txt > /src/constraints/openstack.txt",
        "/src/functest/upper-constraints.txt > /src/constraints/functest.txt",
        "'s,^tempest===?([^ ;#]+).*$,-e git+https://github.com/openstack/tempest@\\1#egg=tempest,I'",
        "echo requests===2.13.0 >> /src/constraints/openstack.txt",
        "(functest|openstack[-_.]requirements|rally|requests)",
    ):
        assert wanted in run
    assert "rm -rf /src/constraints" not in run
    for name in ("features", "restapi", "smoke"):
        assert "openstack.txt --constraint" in runs(name)[0]
    files = "--constraint /src/constraints/openstack.txt --constraint /src/constraints/functest.txt"
    assert files in runs("features")[0]


def test_parser_is_core_on_another_release_with_three_packages_of_one_source() -> None:
    refs = {
        image.name: {source.name: source.ref for source in image.sources}
        for image in select_images(make_catalogue(), ["functest/core", "functest/parser"])
    }
    euphrates = {"functest": "stable/euphrates", "rally": "0.9.1"}
    assert refs == {
        "core": {**euphrates, "requirements": "ocata-eol"},
        "parser": {**euphrates, "requirements": "pike-eol", "parser": "stable/euphrates"},
    }
    assert "heat[-_.]translator|nfv[-_.]heattranslator" in runs("parser")[0]
    assert "tosca[-_.]parser)" in runs("parser")[0]


@pytest.mark.parametrize("name", CASES)
def test_a_suite_brings_its_test_cases(name: str) -> None:
    (tier,) = yaml.safe_load(content(trees()[name], "testcases.yaml"))["tiers"]
    assert tier["name"] == ("features" if name == "parser" else name)
    assert tier["order"] == TIERS.index(tier["name"])
    assert [case["case_name"] for case in tier["testcases"]] == CASES[name]
    assert [case["case_name"] for case in tier["testcases"] if not case.get("enabled", True)] == (
        ["vyos_vrouter"] if name == "vnf" else []
    )
    place = "/usr/lib/python2.7/site-packages/functest/ci/testcases.yaml"
    assert f"COPY testcases.yaml {place}\n" in content(trees()[name])


def test_every_image_starts_its_tests() -> None:
    found = {
        name: next(
            (start_words(one) for one in parse(content(tree)).instructions if one.cmd == "CMD"), ()
        )
        for name, tree in trees().items()
    }
    assert found == COMMANDS


def test_overlays_are_short() -> None:
    lines = {
        path.stem: len(path.read_text().splitlines())
        for path in (ROOT / "overlays/functest").glob("*.yaml")
    }
    assert max(lines[name] for name in set(BASES) - {"core", "restapi"}) <= 30
    assert lines["healthcheck"] == lines["components"] == 5


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (f"functest/core:functest_ref={CHANGE}", ["core"]),
        (f"functest_ref={CHANGE}", ["core", "parser"]),
    ],
)
def test_core_from_a_change_under_review_is_one_value(value: str, names: list[str]) -> None:
    changed, before = trees(value), trees()
    assert [name for name in BASES if changed[name].files != before[name].files] == names
    for name in names:
        now, then = (set(content(tree[name]).splitlines()) for tree in (changed, before))
        assert now - then == {f'ARG FUNCTEST_REF="{CHANGE}"'}
        assert then - now == {'ARG FUNCTEST_REF="stable/euphrates"'}


def test_a_locked_change_is_built_from_its_commit() -> None:
    commit = "0123456789" * 4
    changed = make_catalogue(f"functest/core:functest_ref={CHANGE}")
    (image,) = select_images(changed, ["functest/core"])
    git = next(source.git for source in image.sources if source.name == "functest")
    lock = Lock(sources={(git, CHANGE): LockedSource(commit, "2017-10-20T00:00:00Z")})
    assert f'ARG FUNCTEST_REF="{commit}"\n' in content(Renderer(changed, lock).tree(image))


def test_what_core_feeds_is_rebuilt_after_it() -> None:
    found = [
        image.name
        for image in select_images(make_catalogue(), ["functest/core"], with_dependents=True)
    ]
    assert found == ["core", "components", "features", "healthcheck", "restapi", "smoke", "vnf"]
