"""Findings as text, JSON and SARIF, whole."""

from __future__ import annotations

import json

import pytest

from distgen import __version__
from distgen.lint.reports import json as json_report
from distgen.lint.reports import sarif, text
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


@pytest.mark.parametrize("report", [text.report, json_report.report, sarif.report])
def test_the_order_of_findings_does_not_matter(report):
    assert report(FOUND) == report(tuple(reversed(FOUND)))


def test_fingerprints_stay_when_lines_move():
    before, after = (
        json.loads(sarif.report([finding(line=line)]))["runs"][0]["results"][0]
        for line in (3, 30)
    )  # fmt: skip
    assert before["partialFingerprints"] == after["partialFingerprints"]
