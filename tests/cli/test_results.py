"""What is printed of results."""

import click

from distgen.cli.results import as_text
from distgen.model.published import Result
from distgen.publish.scheduler import INTERRUPTED


def result(name, status, detail=""):
    return Result(f"ns/{name}", "main", "url", "main", status, None, None, detail)


def test_an_interrupted_run_says_once_what_was_not_begun():
    """A ^C at the start printed one red line for each of 230 images."""
    results = [result(number, "skipped", INTERRUPTED) for number in range(230)]
    lines = click.unstyle(as_text([result("first", "failed", "it is gone"), *results])).splitlines()
    assert lines == [
        "failed  ns/first@main  it is gone",
        f"skipped  230 images: {INTERRUPTED}",
    ]


def test_one_image_that_was_not_begun_is_named():
    assert click.unstyle(as_text([result("one", "skipped", INTERRUPTED)])).startswith(
        "skipped  ns/one"
    )
