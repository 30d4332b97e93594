import base64
import json
import os

import pytest

from distgen.errors import DistgenError, InputError
from distgen.registry import credentials
from distgen.registry.credentials import Credential, load


def auth(user, password):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def home(tmp_path):
    """A home folder; `home(path, data)` writes a file of it, as JSON unless it is text."""

    def write(path, data):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(data if isinstance(data, str) else json.dumps(data))
        return file

    write.environ = {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
    }
    return write


def helper(home, name, script):
    home(f"bin/docker-credential-{name}", f"#!/bin/sh\n{script}\n").chmod(0o755)


def test_a_home_without_files_knows_nobody(home):
    assert load(home.environ).find("quay.io", "a/b") is None


def test_docker_and_containers_files_are_asked_in_the_order_of_podman(home):
    home(".docker/config.json", {"auths": {"quay.io": auth("d", "1"), "ghcr.io": auth("d", "2")}})
    home(".config/containers/auth.json", {"auths": {"quay.io": auth("c", "3")}})
    known = load(home.environ)
    assert known.find("quay.io", "a/b") == Credential("c", "3")
    assert known.find("ghcr.io", "a/b") == Credential("d", "2")
    home("run/containers/auth.json", {"auths": {"quay.io": auth("r", "4")}})
    assert load(home.environ).find("quay.io", "a/b") == Credential("r", "4")


def test_a_file_named_by_the_environment_is_the_only_one(home):
    home(".docker/config.json", {"auths": {"ghcr.io": auth("d", "2")}})
    file = home("own.json", {"auths": {"quay.io": auth("o", "5")}})
    known = load({**home.environ, "REGISTRY_AUTH_FILE": str(file)})
    assert known.find("quay.io", "a/b") == Credential("o", "5")
    assert known.find("ghcr.io", "a/b") is None


def test_the_folder_of_docker_may_be_moved(home):
    home("elsewhere/config.json", {"auths": {"quay.io": auth("d", "1")}})
    known = load({**home.environ, "DOCKER_CONFIG": f"{home.environ['HOME']}/elsewhere"})
    assert known.find("quay.io", "a/b") == Credential("d", "1")


def test_the_most_specific_place_wins(home):
    auths = {
        "quay.io": auth("host", "1"),
        "quay.io/a": auth("a", "2"),
        "quay.io/a/b": auth("b", "3"),
    }
    home(".docker/config.json", {"auths": auths})
    known = load(home.environ)
    assert known.find("quay.io", "a/b").user == "b"
    assert known.find("quay.io", "a/c").user == "a"
    assert known.find("quay.io", "ab/c").user == "host"
    assert known.find("evil.quay.io", "a/b") is None
    assert known.find("quay.io.evil.org", "a/b") is None


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io"])
def test_docker_hub_is_known_by_all_its_names(home, key):
    home(".docker/config.json", {"auths": {key: auth("hub", "1")}})
    assert load(home.environ).find("registry-1.docker.io", "library/x") == Credential("hub", "1")


@pytest.mark.parametrize("key", ["https://r.example:5000", "http://r.example:5000/v2/"])
def test_what_old_dockers_wrote_around_a_host_is_no_part_of_it(home, key):
    home(".docker/config.json", {"auths": {key: auth("u", "p:with:colons")}})
    assert load(home.environ).find("r.example:5000", "x") == Credential("u", "p:with:colons")


def test_identity_and_bearer_tokens(home):
    auths = {
        "a.example": {**auth("x", "y"), "identitytoken": "i"},
        "b.example": {"registrytoken": "b"},
    }
    home(".docker/config.json", {"auths": auths})
    known = load(home.environ)
    assert known.find("a.example", "x") == Credential(identity="i")
    assert known.find("b.example", "x") == Credential(bearer="b")


def test_a_helper_is_asked_on_stdin_for_its_own_hosts_only(home):
    home(
        ".docker/config.json",
        {"auths": {"ghcr.io": auth("f", "1")}, "credHelpers": {"quay.io": "vault"}},
    )
    helper(home, "vault", 'read host; echo "{\\"Username\\": \\"$host\\", \\"Secret\\": \\"s\\"}"')
    known = load(home.environ)
    assert known.find("quay.io", "a/b") == Credential("quay.io", "s")
    assert known.find("ghcr.io", "a/b") == Credential("f", "1")


def test_a_store_that_knows_nothing_leaves_the_file_to_answer(home):
    home(".docker/config.json", {"auths": {"ghcr.io": auth("f", "1")}, "credsStore": "keys"})
    helper(home, "keys", "echo credentials not found in native keychain; exit 1")
    assert load(home.environ).find("ghcr.io", "a/b") == Credential("f", "1")


def test_a_store_may_hold_an_identity_token(home):
    home(".docker/config.json", {"credsStore": "keys"})
    helper(home, "keys", """echo '{"Username": "<token>", "Secret": "id"}'""")
    assert load(home.environ).find("ghcr.io", "a/b") == Credential(identity="id")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo broken; exit 3", "docker-credential-keys failed for quay.io with exit code 3"),
        ("echo s3cr3t", "docker-credential-keys gave an answer for quay.io that is not JSON"),
        (
            "printf '\\377\\376'",
            "docker-credential-keys gave an answer for quay.io that is not JSON",
        ),
    ],
)
def test_a_helper_that_fails_is_a_sentence_without_what_it_printed(home, script, sentence):
    home(".docker/config.json", {"credsStore": "keys"})
    helper(home, "keys", script)
    with pytest.raises(DistgenError) as caught:
        load(home.environ).find("quay.io", "a/b")
    assert str(caught.value) == sentence


def test_a_helper_that_is_not_there_says_so(home):
    home(".docker/config.json", {"credsStore": "nowhere"})
    with pytest.raises(DistgenError) as caught:
        load(home.environ).find("quay.io", "a/b")
    assert str(caught.value) == (
        "the credential helper docker-credential-nowhere cannot be run (No such file or directory);"
        " install it, or take it out of the configuration of docker or podman"
    )


def test_a_helper_s_name_cannot_name_another_program(home):
    home(".docker/config.json", {"credsStore": "x/../../../bin/sh"})
    with pytest.raises(InputError, match="is not the name of a credential helper"):
        load(home.environ).find("quay.io", "a/b")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ('{"auths": {"quay.io": {"auth": "c2VjcmV0', "is not JSON (line 1)"),
        ("[" * 100_000, "the file of registry credentials is nested too deeply"),
        ({"auths": ["quay.io"]}, "auths of the file of registry credentials is not an object"),
        ({"auths": {"quay.io": {"auth": "c2VjcmV0"}}}, "are not base64 of user:password"),
        ({"auths": {"quay.io": "c2VjcmV0"}}, "the credentials for quay.io are not an object"),
    ],
)
def test_a_broken_file_is_named_and_never_quoted(home, data, sentence):
    file = home(".docker/config.json", data)
    with pytest.raises(InputError) as caught:
        load(home.environ).find("quay.io", "a/b")
    assert str(caught.value).startswith(f"{file}: ")
    assert sentence in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_secrets_are_in_no_repr(home):
    home(".docker/config.json", {"auths": {"quay.io": auth("u", "hush")}})
    known = load({**home.environ, "TOKEN": "hush"})
    assert "hush" not in repr(known) + repr(known.find("quay.io", "x"))
    assert base64.b64encode(b"u:hush").decode() not in repr(known)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_runtime_folder_that_is_for_root_alone_is_no_place_of_ours(home, tmp_path, monkeypatch):
    """A build by root made it; `distgen lock` of all others ended in "Permission denied"."""
    closed = tmp_path / "containers"
    closed.mkdir(mode=0)
    monkeypatch.setattr(credentials, "_RUNTIME", closed)  # /run belongs to the machine
    home(".docker/config.json", {"auths": {"quay.io": auth("joe", "secret")}})
    environ = {"HOME": str(tmp_path), "PATH": home.environ["PATH"]}
    assert load(environ).find("quay.io", "a/b") == Credential("joe", "secret")
    closed.chmod(0o700)
