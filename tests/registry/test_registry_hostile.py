"""Registries and servers whose answers are broken, or meant to break what reads them."""

import gzip
import hashlib
import json

import pytest
from testing.registries import at, client, quick
from testing.servers import Reply, serve

from distgen.errors import DistgenError
from distgen.lock import downloads
from distgen.registry.errors import RegistryError

pytest_plugins = ["testing.servers"]
DEEP = b"[" * 100_000
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def next_page(target):
    return Reply(200, b'{"tags": ["a"]}', {"Link": f'<{target}>; rel="next"'})


def challenge(realm):
    return Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}"'})


def refused(reply, ask):
    with serve(lambda asked: reply) as front:
        with pytest.raises(RegistryError) as caught:
            ask(client(), front)
        return str(caught.value).replace(front.host, "HOST")


def tags(registry, front):
    return registry.tags(at(front, "a/b"))


def config(registry, front):
    return registry.config(at(front, "a/b:1"))


@pytest.mark.parametrize("target", ["http:@{evil}/x", "https:.{evil}/x"])
def test_a_next_page_that_would_continue_the_name_of_the_host_is_refused(target):
    """`https://registry` and `@evil/x` are together a request to evil."""
    with serve(lambda asked: Reply(200, b'{"tags": ["stolen"]}')) as evil:

        def lure(asked):
            if "authorization" not in asked.headers:
                return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
            return next_page(target.format(evil=evil.host))

        with serve(lure) as front, pytest.raises(RegistryError, match="links to a page of tags"):
            tags(client(front.host), front)
        assert evil.log == []


def test_a_next_page_is_one_of_the_registry_itself_however_it_is_written():
    def page(asked, target):
        return Reply(200, b'{"tags": ["b"]}') if "last=a" in asked.path else next_page(target)

    with serve(lambda asked: Reply(200, b'{"tags": ["stolen"]}')) as evil:
        for target in ("list?last=a", "@x/list?last=a", f"{evil.url}/v2/a/b/tags/list?last=a"):
            with serve(lambda asked, target=target: page(asked, target)) as front:
                assert tags(client(), front) == ("a", "b")
        assert evil.log == []


def test_what_cannot_be_a_tag_is_no_tag():
    listed = ["../../other/manifests/1", "ok", "\x1b[31m", 3, None]
    with serve(lambda asked: Reply(200, json.dumps({"tags": listed}).encode())) as front:
        assert tags(client(), front) == ("ok",)


def test_the_body_of_a_redirect_is_bounded_too():
    reply = Reply(302, b"x" * (5 << 20), {"Location": "/v2/"})
    assert refused(reply, config) == "HOST: the registry answered with more than 4194304 bytes"


@pytest.mark.parametrize(
    ("reply", "ask", "sentence"),
    [
        (Reply(200, b'{"tags": 5}'), tags, "HOST/a/b: the registry's list of tags is not JSON"),
        (Reply(200, DEEP), tags, "HOST/a/b: the registry's list of tags is not JSON"),
        (
            next_page("http://[bad"),
            tags,
            "HOST/a/b: the registry links to a page of tags that it cannot have",
        ),
        (
            Reply(302, b"", {"Location": "http://[bad"}),
            tags,
            "HOST: the registry redirects to what is not a URL",
        ),
        (
            Reply(302, b"", {"Location": "file:///etc/passwd"}),
            tags,
            "HOST: the registry redirects to file://, which is refused",
        ),
        (
            Reply(200, DEEP, {"Content-Type": MANIFEST}),
            config,
            "the registry answered with something that is not a manifest",
        ),
        (
            Reply(200, b'{"config": "x"}', {"Content-Type": MANIFEST}),
            config,
            "HOST/a/b:1: the image has no configuration",
        ),
        (
            Reply(200, b'{"manifests": [1, {"platform": ["x"]}]}', {"Content-Type": INDEX}),
            config,
            "HOST/a/b:1: the image is not built for any platform",
        ),
        (
            Reply(200, b'{"manifests": 7}', {"Content-Type": INDEX}),
            config,
            "HOST/a/b:1: the image is not built for any platform",
        ),
        (
            Reply(418, b'{"errors": [{"message": "\\u001b[31mred\\nline"}]}'),
            config,
            "HOST/a/b:1: the registry answered 418 (i'm a teapot):  [31mred line",
        ),
        (
            Reply(418, DEEP),
            config,
            "HOST/a/b:1: the registry answered 418 (i'm a teapot)",
        ),
        (
            challenge("http://[bad"),
            config,
            "http://HOST: the registry does not name a token server",
        ),
        (
            Reply(429, b"", {"Retry-After": "9" * 400}),
            config,
            "HOST: the registry answered 429 (too many requests) and asks to wait for days,"
            " which is too long",
        ),
        (
            Reply(429, b"", {"Retry-After": "\xb2"}),
            config,
            "HOST: the registry answered 429 (too many requests)",
        ),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_sentence(reply, ask, sentence):
    assert refused(reply, ask) == sentence


def test_a_token_server_that_makes_no_sense_is_a_sentence():
    with serve(lambda asked: Reply(200, DEEP)) as tokens:
        said = refused(challenge(f"{tokens.url}/token"), config)
    assert said == f"http://HOST: the token server {tokens.host} did not give a token"


# --- downloads ---------------------------------------------------------------------------------


def test_the_checksum_is_of_what_arrives_though_the_server_calls_it_compressed():
    archive = gzip.compress(b"content of an archive")
    reply = Reply(200, archive, {"Content-Encoding": "gzip"})
    with serve(lambda asked: reply) as front:
        found = downloads.fetch_sha256(f"{front.url}/x.tar.gz", quick())
    assert found == hashlib.sha256(archive).hexdigest()


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("/again", "redirects more than 10 times"),
        ("file:///etc/passwd", "redirects to file://, which is refused"),
        ("http://[bad", "redirects to what is not a URL"),
    ],
)
@pytest.mark.parametrize("ask", [downloads.fetch_sha256, downloads.check_served])
def test_a_download_that_leads_nowhere_is_a_sentence(ask, location, sentence):
    with serve(lambda asked: Reply(302, b"", {"Location": location})) as front:
        with pytest.raises(DistgenError) as caught:
            ask(f"{front.url}/x", quick())
        assert str(caught.value) == f"{front.url}/x: cannot be fetched: {front.host} {sentence}"
