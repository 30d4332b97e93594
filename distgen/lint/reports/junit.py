"""Findings as JUnit's XML, which every CI system shows: a suite for each image, a case for each.

The elements and attributes are those of Jenkins' junit-10.xsd, which GitLab and others read, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from distgen.errors import printable
from distgen.lint.findings import in_order
from distgen.model.rendered import Finding
from distgen.model.words import Level


def report(findings: Iterable[Finding], images: Iterable[str], grave: Collection[Level]) -> str:
    """Return a suite for each image; what is not of a `grave` level is a case that was skipped.

    An image without findings has one case, which passed.
    """
    by_image: dict[str, list[Finding]] = {image: [] for image in images}
    for finding in in_order(findings):
        by_image.setdefault(f"{finding.image}@{finding.stream}", []).append(finding)
    suites = Element("testsuites", name="distgen lint")
    for image in sorted(by_image):
        suites.append(_suite(image, by_image[image], grave))
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(image: str, findings: Sequence[Finding], grave: Collection[Level]) -> Element:
    levels = [finding.level in grave for finding in findings]
    counts = {
        "tests": max(1, len(findings)),
        "failures": sum(levels),
        "errors": 0,
        "skipped": len(levels) - sum(levels),
    }
    suite = _element("testsuite", {"name": image, **counts})
    if not findings:
        suite.append(_element("testcase", {"classname": image, "name": "no findings"}))
    names: Counter[str] = Counter()
    for finding in findings:
        name = f"{finding.code} {finding.path}: {finding.message}"
        names[name] += 1
        number = f" ({names[name]})" if names[name] > 1 else ""
        suite.append(_case(finding, f"{name}{number}", image, finding.level in grave))
    return suite


def _case(finding: Finding, name: str, image: str, is_grave: bool) -> Element:
    rendered = f"{finding.path}:{finding.line}" if finding.line else finding.path
    attributes: dict[str, object] = {"classname": image, "name": name}
    if finding.origin:
        attributes["file"] = finding.origin.path
        attributes["line"] = finding.origin.line or 1
    case = _element("testcase", attributes)
    message = f"{finding.level} {finding.code} {finding.message}"
    if is_grave:
        result = _element("failure", {"type": finding.level, "message": message})
        result.text = printable(f"{finding.origin or image}: {message} [{image}: {rendered}]")
    else:
        result = _element("skipped", {"message": message})
    case.append(result)
    return case


def _element(tag: str, attributes: Mapping[str, object]) -> Element:
    # XML has no way to write a control character.
    texts = {key: printable(str(value)) for key, value in attributes.items()}
    return Element(tag, texts)
