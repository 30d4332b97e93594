import pytest

from distgen.errors import InputError
from distgen.model.reference import (
    Reference,
    is_loopback,
    mirror_of,
    parse_reference,
    split_reference,
    untagged_name,
)

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("quay.io/a/b:1", ("quay.io", "a/b", "1", None)),
        ("localhost:5000/b", ("localhost:5000", "b", None, None)),
        (f"docker.io/library/x@{DIGEST}", ("docker.io", "library/x", None, DIGEST)),
        (
            f"docker.io/library/x:3.11-slim@{DIGEST}",
            ("docker.io", "library/x", "3.11-slim", DIGEST),
        ),
        ("[::1]:5000/x:1", ("[::1]:5000", "x", "1", None)),
        ("http://r.example/x:1", ("http://r.example", "x", "1", None)),
    ],
)
def test_a_reference_is_taken_apart_and_put_together(text, parts):
    assert parse_reference(text) == Reference(*parts)
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize("text", ["python:3.11", "library/python:3.11", "x", ""])
def test_a_reference_without_its_registry_is_refused_with_the_full_name(text):
    with pytest.raises(InputError, match="does not name its registry; write it in full"):
        parse_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "quay.io/A/b:1",
        "quay.io/a/b:",
        "quay.io/a/b@sha256:abc",
        "quay.io/a//b",
        "quay.io/a/../b",
        "quay.io/a b:1",
        "quay.io/a\nb",
        "quay.io:x/a",
        "-x.io/a",
        "quay.io/a:1@",
        "u:p@quay.io/a",
        "https://quay.io/a",
        "quay.io/a:" + "x" * 129,
    ],
)
def test_what_no_registry_would_take_is_refused(text):
    with pytest.raises(InputError):
        parse_reference(text)


def test_the_longest_mirror_wins_and_only_whole_names_count():
    mirrors = {
        "quay.io": "localhost:5000/quay.io",
        "quay.io/opendevorg": "http://mirror.example/ours/",
        "docker.io/library/python": "mirror.example/py",
    }
    assert (
        str(mirror_of(parse_reference("quay.io/a/b:1"), mirrors)) == "localhost:5000/quay.io/a/b:1"
    )
    assert str(mirror_of(parse_reference("quay.io/opendevorg/x:1"), mirrors)) == (
        "http://mirror.example/ours/x:1"
    )
    assert (
        str(mirror_of(parse_reference("docker.io/library/python:3"), mirrors))
        == "mirror.example/py:3"
    )
    assert str(mirror_of(parse_reference("docker.io/library/python2:3"), mirrors)) == (
        "docker.io/library/python2:3"
    )


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("127.8.8.8:1", True),
        ("[::1]:5", True),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("10.0.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("quay.io/ns/app:1.2", ("quay.io/ns/app", "1.2", "")),
        ("quay.io/ns/app", ("quay.io/ns/app", "", "")),
        ("host:5000/app", ("host:5000/app", "", "")),
        ("host:5000/app:1@sha256:00", ("host:5000/app", "1", "sha256:00")),
        ("host:5000/app@sha256:00", ("host:5000/app", "", "sha256:00")),
        ("scratch", ("scratch", "", "")),
        ("", ("", "", "")),
    ],
)
def test_a_reference_is_split_in_one_way(text, parts):
    """Four rooms cut tags off, and differed over a port without a tag."""
    assert split_reference(text) == parts
    assert untagged_name(text) == parts[0]


@pytest.mark.parametrize("text", ["q.io/a:", "q.io/a@", "q.io/a:1@", "q.io/a:@sha256:00", "q.io/"])
def test_a_reference_with_an_empty_part_is_refused(text):
    with pytest.raises(InputError):
        parse_reference(text)
