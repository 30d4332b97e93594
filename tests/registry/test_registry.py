import json
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from testing.registries import at, client, credentials_for, quick
from testing.servers import (
    Asked,
    Reply,
    forward,
    get,
    in_front_of,
    push,
    push_index,
    serve,
    tagged,
)

from distgen.errors import InputError
from distgen.model.reference import parse_reference
from distgen.registry.auth import parse_challenges
from distgen.registry.client import Registry
from distgen.registry.credentials import AuthFile, Credentials
from distgen.registry.errors import NotFound, Refused, RegistryError
from distgen.registry.transport import Transport

pytest_plugins = ["testing.servers"]


# --- what a registry holds ---------------------------------------------------------------------


@pytest.mark.parametrize("family", ["oci", "docker"])
def test_a_tag_is_resolved_to_what_the_registry_stores(open_registry, family):
    digest = push(
        open_registry, f"kinds/{family}", "1", docker=family == "docker", labels={"k": "v"}
    )
    registry, reference = client(), at(open_registry, f"kinds/{family}:1")
    assert registry.digest(reference) == digest
    assert registry.manifest(reference).digest == digest
    assert registry.manifest(reference).body == get(open_registry, f"kinds/{family}", "1")
    assert registry.config(reference)["config"]["Labels"] == {"k": "v"}


@pytest.mark.parametrize("family", ["oci", "docker"])
def test_an_image_for_several_platforms_is_resolved_to_its_index(open_registry, family):
    repository = f"indexes/{family}"
    platforms = ("linux/arm64/v8", "linux/amd64")
    index, children = push_index(
        open_registry, repository, "1", platforms=platforms, docker=family == "docker"
    )
    registry, reference = client(), at(open_registry, f"{repository}:1")
    assert registry.digest(reference) == index
    assert registry.manifest(reference).platforms == children
    assert registry.config(reference)["architecture"] == "amd64"
    assert registry.config(reference, "linux/arm64")["architecture"] == "arm64"
    with pytest.raises(NotFound) as caught:
        registry.config(reference, "linux/s390x")
    assert str(caught.value) == (
        f"{reference}: the image is not built for linux/s390x;"
        " it is for linux/arm64/v8, linux/amd64"
    )


def test_skopeo_sees_the_same_digest(open_registry):
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed (apt-get install skopeo)")
    index, _ = push_index(open_registry, "seen/by-skopeo", "1")
    raw = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false",
         f"docker://{open_registry.host}/seen/by-skopeo@{index}"],
        check=True, capture_output=True,
    )  # fmt: skip
    reference = at(open_registry, "seen/by-skopeo:1")
    assert client().manifest(reference).body == raw.stdout
    assert client().digest(reference) == index


def test_what_is_not_there_is_said_precisely(open_registry):
    push(open_registry, "there/image", "1")
    registry = client()
    for rest, sentence in {
        "there/image:2": "the registry has no such tag",
        "there/image@sha256:" + "0" * 64: "the registry has no such digest",
        "nowhere/image:1": "the registry has no such tag",
    }.items():
        with pytest.raises(NotFound) as caught:
            registry.digest(at(open_registry, rest))
        assert str(caught.value) == f"{open_registry.host}/{rest}: {sentence}"
    with pytest.raises(NotFound) as caught:
        registry.tags(at(open_registry, "nowhere/image"))
    assert str(caught.value) == (
        f"{open_registry.host}/nowhere/image: the registry has no such repository"
    )


def test_a_reference_without_tag_and_digest_is_the_user_s_mistake(open_registry):
    with pytest.raises(InputError, match="a tag or digest is missing"):
        client().digest(at(open_registry, "there/image"))


def test_an_unchanged_tag_is_not_sent_again(open_registry):
    push(open_registry, "etag/image", "1")
    sizes = []

    def meddle(asked):
        sizes.append((asked.method, asked.headers.get("if-none-match", "")))

    with in_front_of(open_registry, meddle) as front:
        registry = client()
        first = registry.manifest(at(front, "etag/image:1"))
        again = registry.manifest(at(front, "etag/image:1"))
        assert again is first
        assert sizes[-1] == ("GET", f'"{first.digest}"')
        asked = len(sizes)
        assert registry.manifest(at(front, f"etag/image@{first.digest}")) is first
        assert len(sizes) == asked
        moved = push(open_registry, "etag/image", "1", labels={"new": "yes"})
        assert registry.manifest(at(front, "etag/image:1")).digest == moved


def test_a_tag_is_moved_with_all_its_platforms(open_registry):
    index, children = push_index(open_registry, "moved/image", "tested")
    push(open_registry, "moved/image", "current", labels={"old": "yes"})
    registry = client()
    registry.put(
        at(open_registry, "moved/image:current"),
        registry.manifest(at(open_registry, "moved/image:tested")),
    )
    assert registry.digest(at(open_registry, "moved/image:current")) == index
    assert registry.manifest(at(open_registry, "moved/image:current")).platforms == children


def test_deleting_a_digest_takes_its_tags_along(open_registry):
    digest = push(open_registry, "gone/image", "1", "one")
    push(open_registry, "gone/image", "2", labels={"other": "yes"})
    registry = client()
    assert registry.delete(at(open_registry, "gone/image:1")) is False
    assert tagged(open_registry, "gone/image") == ["1", "2", "one"]
    assert registry.delete(at(open_registry, f"gone/image@{digest}")) is True
    assert registry.delete(at(open_registry, f"gone/image@{digest}")) is True
    assert tagged(open_registry, "gone/image") == ["2"]


# --- credentials -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_registry_behind_a_login_is_read_and_changed(kind, open_registry, request):
    server = request.getfixturevalue(f"{kind}_registry")
    digest = push(open_registry, f"private/{kind}", "1")
    hosts = (server.host, request.getfixturevalue("token_server").host)
    registry = client(*hosts)
    reference = at(server, f"private/{kind}:1")
    assert registry.digest(reference) == digest
    assert registry.tags(reference) == ("1",)
    registry.put(at(server, f"private/{kind}:2"), registry.manifest(reference))
    assert tagged(open_registry, f"private/{kind}") == ["1", "2"]
    registry.delete(at(server, f"private/{kind}@{digest}"))
    assert tagged(open_registry, f"private/{kind}") == []


def test_a_token_is_asked_for_once_per_repository_and_kind_of_access(
    open_registry, bearer_registry, token_server
):
    push(open_registry, "tokens/one", "1", "2")
    push(open_registry, "tokens/two", "1")
    registry = client(bearer_registry.host)
    before = len(token_server.asked)
    for rest in ("tokens/one:1", "tokens/one:2", "tokens/two:1", "tokens/one:1"):
        registry.digest(at(bearer_registry, rest))
    assert [asked["scope"] for asked in token_server.asked[before:]] == [
        ["repository:tokens/one:pull"],
        ["repository:tokens/two:pull"],
    ]


def test_an_identity_token_buys_the_tokens(open_registry, bearer_registry, token_server):
    push(open_registry, "identity/image", "1")
    known = Credentials(
        (AuthFile("t", {bearer_registry.host: {"identitytoken": "identity-token"}}),)
    )
    registry = Registry(Transport(known, quick()))
    reference = at(bearer_registry, "identity/image:1")
    registry.put(at(bearer_registry, "identity/image:2"), registry.manifest(reference))
    assert tagged(open_registry, "identity/image") == ["1", "2"]
    assert token_server.asked[-1]["grant_type"] == ["refresh_token"]


def test_a_token_that_ran_out_is_replaced(open_registry, bearer_registry):
    digest = push(open_registry, "expired/image", "1")
    used = []

    def expiring(asked):
        token = asked.headers.get("authorization")
        used.append(token)
        if token and token == used[1] and used.count(token) > 1:
            return forward(bearer_registry, Asked(asked.method, asked.path, {}))
        return None

    with in_front_of(bearer_registry, expiring) as front:
        registry = client()
        for _ in range(3):
            assert registry.digest(at(front, "expired/image:1")) == digest
    first, second = used[1], used[3]
    assert used == [None, first, first, second, second]
    assert first != second


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_without_or_with_wrong_credentials_the_sentence_says_what_to_do(
    kind, open_registry, request
):
    server = request.getfixturevalue(f"{kind}_registry")
    push(open_registry, f"closed/{kind}", "1")
    reference = at(server, f"closed/{kind}:1")
    wrong = Registry(Transport(credentials_for(server.host, password="wr0ng"), quick()))
    with pytest.raises(Refused) as caught:
        wrong.put(reference, wrong.manifest(reference))
    assert "does not accept the credentials" in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    nobody = Registry(Transport(policy=quick()))
    with pytest.raises(Refused) as caught:
        nobody.put(reference, Registry(Transport()).manifest(at(open_registry, f"closed/{kind}:1")))
    assert f"log in, such as with `skopeo login {server.host}`" in str(caught.value)


def test_credentials_stay_with_the_host_they_are_for(open_registry, basic_registry):
    """A registry may send blobs from elsewhere; the login must not travel there."""
    push(open_registry, "redirected/image", "1", labels={"k": "v"})

    def elsewhere(asked):
        if "/blobs/" in asked.path:
            return Reply(307, headers={"Location": f"{store.url}{asked.path}?X-Signature=s1gn"})
        return None

    with (
        in_front_of(open_registry, lambda asked: None) as store,
        in_front_of(basic_registry, elsewhere) as front,
    ):
        registry = client(front.host)
        assert registry.config(at(front, "redirected/image:1"))["config"]["Labels"] == {"k": "v"}
        assert any("authorization" in asked.headers for asked in front.log)
        assert store.log != []
        assert not any("authorization" in asked.headers for asked in store.log)


def test_a_redirect_within_the_registry_keeps_the_login(open_registry, basic_registry):
    push(open_registry, "within/image", "1")

    def moved(asked):
        if "/old/" in asked.path:
            return Reply(301, headers={"Location": asked.path.replace("/old/", "/within/")})
        return None

    with in_front_of(basic_registry, moved) as front:
        assert client(front.host).tags(at(front, "old/image")) == ("1",)


def test_another_host_that_asks_for_a_login_gets_none(open_registry):
    with serve(lambda asked: Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})) as thief:
        turn = Reply(307, headers={"Location": f"{thief.url}/v2/"})
        with serve(lambda asked: turn) as front:
            with pytest.raises(Refused):
                client(front.host, thief.host).digest(at(front, "a/b:1"))
            assert not any("authorization" in asked.headers for asked in thief.log)


def test_a_password_of_netrc_is_not_used(open_registry, tmp_path, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("default login me password hush\n")
    push(open_registry, "netrc/image", "1")
    with in_front_of(open_registry, lambda asked: None) as front:
        client().digest(at(front, "netrc/image:1"))
        assert not any("authorization" in asked.headers for asked in front.log)


def test_challenges_are_parsed_also_when_there_are_several():
    found = parse_challenges(
        'Basic realm="a, \\"b\\"", Bearer realm="http://t/x",service="s",scope="a:b:pull,push"'
    )
    assert [(one.scheme, dict(one.parameters)) for one in found] == [
        ("basic", {"realm": 'a, "b"'}),
        ("bearer", {"realm": "http://t/x", "service": "s", "scope": "a:b:pull,push"}),
    ]
    assert [one.scheme for one in parse_challenges("Negotiate, Basic realm=x")] == [
        "negotiate",
        "basic",
    ]
    assert parse_challenges("") == ()


# --- patience ----------------------------------------------------------------------------------


def failing(times, reply, then):
    """Answer `reply` so many times to requests about manifests, then what `then` answers."""
    left = [times]

    def meddle(asked):
        if "/manifests/" in asked.path and left[0] > 0:
            left[0] -= 1
            return reply
        return None

    return in_front_of(then, meddle)


@pytest.mark.parametrize("status", [0, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_growing_pauses(open_registry, status):
    digest = push(open_registry, "patience/image", "1")
    policy = quick()
    with failing(2, Reply(status), open_registry) as front:
        assert client(policy=policy).digest(at(front, "patience/image:1")) == digest
    assert policy.stop.seconds == [1, 2]


def test_a_registry_is_left_alone_as_long_as_it_asks(open_registry):
    digest = push(open_registry, "busy/image", "1")
    date = {"Date": "Wed, 21 Oct 2015 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2015 07:28:09 GMT"}
    for headers, wait in (({"Retry-After": "7"}, 7), (date, 9)):
        policy = quick()
        with failing(1, Reply(429, headers=headers), open_registry) as front:
            assert client(policy=policy).digest(at(front, "busy/image:1")) == digest
        assert policy.stop.seconds == [wait]


def test_a_registry_that_asks_for_an_hour_is_a_failure_that_says_so(open_registry):
    with failing(1, Reply(429, headers={"Retry-After": "3600"}), open_registry) as front:
        with pytest.raises(RegistryError) as caught:
            client().digest(at(front, "busy/image:1"))
        assert str(caught.value) == (
            f"{front.host}: the registry answered 429 (too many requests)"
            " and asks to wait 60 minutes, which is too long"
        )


def test_a_registry_that_stays_broken_is_given_up():
    policy = quick()
    with serve(lambda asked: Reply(503)) as front:
        with pytest.raises(RegistryError) as caught:
            client(policy=policy).digest(at(front, "a/b:1"))
        assert str(caught.value) == (
            f"{front.host}: the registry answered 503 (service unavailable)"
        )
    assert policy.stop.seconds == [1, 2]


def test_a_registry_that_is_down_is_asked_about_the_first_image_only():
    with serve(lambda asked: Reply(200)) as front:
        pass
    policy = quick()
    registry = client(policy=policy)
    for name in ("a/b:1", "c/d:1"):
        with pytest.raises(RegistryError) as caught:
            registry.digest(at(front, name))
        assert str(caught.value) == (
            f"{front.host}: the registry cannot be reached (connection refused)"
        )
    assert policy.stop.seconds == [1, 2]


def test_threads_share_what_they_know_of_a_registry_that_is_down():
    """Each of sixteen threads tried four times, and said so."""
    reports = []
    with serve(lambda asked: Reply(0)) as front:
        registry = client(policy=quick(report=reports.append))

        def ask(number):
            with pytest.raises(RegistryError) as caught:
                registry.digest(at(front, f"a/b:{number}"))
            return str(caught.value)

        with ThreadPoolExecutor(16) as pool:
            sentences = set(pool.map(ask, range(50)))
        assert sentences == {f"{front.host}: the registry broke off the connection"}
        assert (len(front.log), len(reports)) == (3, 2)


def test_a_registry_that_never_answers_is_given_up():
    release = threading.Event()

    def hang(asked):
        release.wait(20)
        return Reply(200)

    with serve(hang) as front:
        registry = client(policy=quick(silence=0.2, attempts=2))
        with pytest.raises(RegistryError) as caught:
            registry.digest(at(front, "a/b:1"))
        release.set()
    assert str(caught.value) == f"{front.host}: the registry did not answer within 0.2 s"


def test_an_answer_that_never_ends_is_cut_off():
    endless = Reply(200, b"x" * (5 << 20))
    with serve(lambda asked: endless) as front, pytest.raises(RegistryError) as caught:
        client().manifest(at(front, "a/b:1"))
    assert str(caught.value) == (
        f"{front.host}: the registry answered with more than 4194304 bytes"
    )


def test_redirects_in_a_circle_end():
    circle = Reply(307, headers={"Location": "/v2/"})
    with serve(lambda asked: circle) as front, pytest.raises(RegistryError) as caught:
        client().manifest(at(front, "a/b:1"))
    assert str(caught.value) == f"{front.host}: the registry redirects more than 10 times"


# --- answers that cannot be true ---------------------------------------------------------------


def test_a_body_that_does_not_have_its_digest_is_refused(open_registry):
    digest = push(open_registry, "tampered/image", "1", labels={"k": "v"})
    wrong = get(open_registry, "tampered/image", "1").replace(b"schemaVersion", b"schemaversion")
    headers = {
        "Docker-Content-Digest": digest,
        "Content-Type": "application/vnd.oci.image.manifest.v1+json",
    }
    with serve(lambda asked: Reply(200, wrong, headers)) as front:
        for rest in ("tampered/image:1", f"tampered/image@{digest}"):
            with pytest.raises(RegistryError) as caught:
                client().manifest(at(front, rest))
            assert str(caught.value) == (
                f"{front.host}/{rest}: what the registry sent does not have its digest"
            )


def test_a_web_page_is_no_image():
    page = Reply(200, b"<html>log in</html>", {"Content-Type": "text/html"})
    with serve(lambda asked: page) as front:
        with pytest.raises(RegistryError) as caught:
            client().digest(at(front, "a/b:1"))
        assert str(caught.value) == (
            f"{front.host}/a/b:1: the registry answered with text/html, which is not an image"
        )
        with pytest.raises(RegistryError) as caught:
            client().tags(at(front, "a/b"))
        assert str(caught.value) == f"{front.host}/a/b: the registry's list of tags is not JSON"


def test_a_registry_without_the_digest_header_is_computed_for(open_registry):
    digest = push(open_registry, "plain/image", "1")
    body = get(open_registry, "plain/image", "1")
    headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json; charset=utf-8"}
    with serve(lambda asked: Reply(200, body, headers)) as front:
        assert client().digest(at(front, "plain/image:1")) == digest


# --- many --------------------------------------------------------------------------------------


def test_ten_thousand_tags_come_in_pages():
    names = sorted(f"t{number}" for number in range(10_000))

    def page(asked):
        size = int(asked.path.partition("n=")[2].partition("&")[0])
        after = asked.path.partition("last=")[2]
        rest = [name for name in names if name > after][:size]
        headers = {"Content-Type": "application/json"}
        if rest and rest[-1] != names[-1]:
            target = f"/v2/a/b/tags/list?n={size}&last={rest[-1]}"
            headers["Link"] = f'<{target}>; rel="next"'
        return Reply(200, json.dumps({"name": "a/b", "tags": rest}).encode(), headers)

    with serve(page) as front:
        assert client().tags(at(front, "a/b")) == tuple(names)
        assert len([asked for asked in front.log if "tags" in asked.path]) == 10


def test_pages_in_a_circle_end():
    reply = Reply(200, b'{"tags": ["a"]}', {"Link": '</v2/a/b/tags/list?last=a>; rel="next"'})
    with serve(lambda asked: reply) as front:
        assert client().tags(at(front, "a/b")) == ("a",)


def test_threads_share_connections_and_tokens(open_registry, bearer_registry, token_server):
    digests = {
        f"threads/{number}:1": push(open_registry, f"threads/{number}", "1") for number in range(12)
    }
    registry = client()
    before = len(token_server.asked)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(
            lambda rest: (rest, registry.digest(at(bearer_registry, rest))), list(digests) * 4
        )
        assert dict(found) == digests
    assert len(token_server.asked) - before == 12


def test_a_mirror_is_asked_instead_and_errors_keep_the_public_name(open_registry):
    digest = push(open_registry, "mirror/opendevorg/image", "1")
    registry = client(mirrors={"quay.io": f"{open_registry.host}/mirror"})
    assert registry.digest(parse_reference("quay.io/opendevorg/image:1")) == digest
    with pytest.raises(NotFound) as caught:
        registry.digest(parse_reference("quay.io/opendevorg/image:2"))
    assert str(caught.value) == "quay.io/opendevorg/image:2: the registry has no such tag"
