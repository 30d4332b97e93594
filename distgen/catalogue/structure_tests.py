"""Turn a catalogue into one whose trees are the structure tests of its images, and read these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from distgen.errors import InputError
from distgen.exports.structure_tests import merge_tests
from distgen.model.catalogue import Catalogue, Image, TemplateFile
from distgen.model.rendered import Tree
from distgen.schema.check import check_document
from distgen.schema.packaged import validator_of
from distgen.schema.yaml import Document, read_yaml

PATTERNS = {
    "commandTests": ("expectedOutput", "excludedOutput", "expectedError", "excludedError"),
    "fileContentTests": ("expectedContents", "excludedContents"),
}
"""The keys of tests that hold regular expressions."""
_ONLY_PYTHON = re.compile(r"\(\?(?:[=!#(]|<[=!]|P[=>])|\\[1-9]|\\Z")
"""What RE2, with which the tool reads expressions, does not know."""
_OF_IMAGES = 500
"""Numbers that stand before those of images; a template extends fewer others."""


def catalogue_of_tests(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with tests in the place of all other files.

    The files of each tree are in overlay order, `NUMBER/PATH-IN-THE-CATALOGUE`, so that they are
    rendered like all others, within the same limits.
    """
    templates = {
        name: replace(template, files=_number(template.tests, 0))
        for name, template in catalogue.templates.items()
    }
    images = tuple(map(_with_tests_only, catalogue.images))
    return replace(catalogue, templates=templates, images=images)


def _with_tests_only(image: Image) -> Image:
    # Tests merge no changes under review, which a tree must not leave out, and no files of exports.
    sources = tuple(replace(source, changes=()) for source in image.sources)
    files = _number(image.tests, _OF_IMAGES)
    return replace(image, files=files, patches=(), sources=sources, exports=())


def _number(files: Iterable[TemplateFile], first: int) -> tuple[TemplateFile, ...]:
    return tuple(
        replace(file, path=f"{number:03}/{file.source.removesuffix('.j2')}")
        for number, file in enumerate(files, first)
    )


def read_tests(tree: Tree) -> dict[str, Any]:
    """Return the tests that the files of a tree say together.

    Raises InputError for a key of container-structure-test that distgen does not run.
    """
    layers = []
    for file in tree.files:
        document = read_yaml(file.content, file.path.partition("/")[2])
        tests = check_document(validator_of("tests"), document)
        _refuse_other_patterns(document, tests)
        layers.append(tests)
    return merge_tests(layers)


def _refuse_other_patterns(document: Document, tests: Mapping[str, Any]) -> None:
    for place, pattern in _patterns(tests):
        problem = "is not one that RE2 reads" if _ONLY_PYTHON.search(pattern) else ""
        try:
            re.compile(pattern)
        except (re.error, OverflowError) as error:
            problem = f"is not one: {error}"
        if problem:
            raise InputError(
                f"the regular expression {pattern!r} {problem}", where=document.origin(place)
            )


def _patterns(tests: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each regular expression, and where it stands."""
    for kind, keys in PATTERNS.items():
        for number, test in enumerate(tests.get(kind, ())):
            for key in keys:
                for index, pattern in enumerate(test.get(key, ())):
                    yield (kind, number, key, index), pattern
    for key in ("labels", "envVars"):
        for number, pair in enumerate(tests.get("metadataTest", {}).get(key, ())):
            if pair.get("isRegex"):
                yield ("metadataTest", key, number, "value"), pair["value"]
