"""That we reach an address as git would: compared with what git itself says of its settings."""

import os
import subprocess
from itertools import product

import pytest

from distgen.git.http.pkt_line import NotUnderstood
from distgen.git.http.settings import find_settings, is_plain_url, parse_configuration, rewrite_url

URL = "https://git.example.org/group/app.git"


def configured(tmp_path, *settings):
    """Return settings as git lists them, and the environment in which it does."""
    config = tmp_path / "config"
    config.touch()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    environment["GIT_CONFIG_GLOBAL"] = str(config)
    for key, value in settings:
        ask(environment, "config", "--global", "--add", key, value)
    return parse_configuration(ask(environment, "config", "--null", "--list")), environment


def ask(environment, *words, check=True):
    git = subprocess.run(["git", *words], env=environment, capture_output=True, check=check)
    return git.stdout


PATTERNS = [
    *("https://git.example.org", "https://git.example.org/", "https://git.example.org:443/group"),
    *("https://git.example.org/group/", "https://git.example.org/gro", "http://git.example.org"),
    *(
        "https://GIT.example.org/group/app.git",
        "https://example.org",
        "https://bot@git.example.org",
    ),
    *("https://git.example.org:8443", "https://git.example.org/group/app", ""),
]


def test_the_best_match_is_the_one_that_git_takes(tmp_path, sample):
    urls = (URL, URL.replace("//", "//bot@"), URL.replace("org/", "org:443/"))
    for url, *patterns in sample(product(urls, PATTERNS, PATTERNS), 50):
        sections = zip(patterns, ("first", "second"), strict=True)
        (tmp_path / "config").write_text(
            "".join(f'[http "{pattern}"]\nuserAgent = {word}\n' for pattern, word in sections)
            .replace('[http ""]', "[http]")
        )  # fmt: skip
        configuration, environment = configured(tmp_path)
        words = ("config", "--get-urlmatch", "http.useragent", url)
        ours = find_settings(configuration, {}, url).user_agent
        assert ours == ask(environment, *words, check=False).decode().strip(), (url, patterns)


@pytest.mark.parametrize("path", ["%67roup", "x/../group", "./group"])
def test_a_pattern_that_git_simplifies_is_left_to_git(tmp_path, path):
    """Its settings, such as a header or a certificate, were not applied."""
    pattern = f"https://git.example.org/{path}"
    configuration, environment = configured(tmp_path, (f"http.{pattern}.userAgent", "x"))
    assert ask(environment, "config", "--get-urlmatch", "http.useragent", URL) == b"x\n"
    with pytest.raises(NotUnderstood):
        find_settings(configuration, {}, URL)
    elsewhere = URL.replace("example.org", "example.com")
    assert find_settings(configuration, {}, elsewhere).user_agent == ""


@pytest.mark.parametrize("is_push", [False, True])
def test_an_address_is_rewritten_as_git_rewrites_it(tmp_path, is_push):
    configuration, environment = configured(
        tmp_path,
        ("url.https://mirror.example.org/.insteadOf", "https://git.example.org/"),
        ("url.https://longer.example.org/.insteadOf", "https://git.example.org/group/"),
        ("url.ssh://git@write.example.org/.pushInsteadOf", "https://git.example.org/gr"),
        ("url.git@short.example.org:.insteadOf", "short:"),
    )
    repository = tmp_path / "repository"
    ask(environment, "init", "-q", str(repository))
    urls = (URL, "https://git.example.org/other.git", "short:x", "https://example.org/x")
    for number, url in enumerate(urls):
        ask(environment, "-C", str(repository), "remote", "add", f"r{number}", url)
        words = ("remote", "get-url", *(("--push",) if is_push else ()), f"r{number}")
        rewritten = ask(environment, "-C", str(repository), *words).decode().strip()
        assert rewrite_url(configuration, url, is_push) == rewritten


def test_a_variable_overrides_a_setting(tmp_path):
    configuration, _ = configured(
        tmp_path,
        *(("http.sslCAInfo", "~/ca.crt"), ("http.sslVerify", "true"), ("http.proxy", "")),
        ("http.followRedirects", "false"),
    )
    settings = find_settings(configuration, {"HOME": "/home/pat", "https_proxy": "http://p:1"}, URL)
    assert (settings.ca_file, settings.verify, settings.follow) == ("/home/pat/ca.crt", True, False)
    assert settings.proxy == ""
    variables = {"GIT_SSL_CAINFO": "/ca", "GIT_SSL_NO_VERIFY": "0"}
    settings = find_settings(configuration, variables, URL)
    assert (settings.ca_file, settings.verify) == ("/ca", False)


@pytest.mark.parametrize(
    ("no_proxy", "is_direct"),
    [
        *(("", False), ("*", True), ("example.org", True), (".example.org", True)),
        *(("git.example.org,x", True), ("ample.org", False), ("x, git.example.org", True)),
    ],
)
def test_no_proxy_names_hosts_and_domains(no_proxy, is_direct):
    variables = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": no_proxy}
    assert (find_settings((), variables, URL).proxy == "") == is_direct


def test_no_proxy_names_networks():
    variables = {"http_proxy": "proxy:3128", "no_proxy": "10.0.0.0/8"}
    assert find_settings((), variables, "http://10.1.2.3/x").proxy == ""
    assert find_settings((), variables, "http://11.1.2.3/x").proxy == "http://proxy:3128"
    assert find_settings((), {"HTTP_PROXY": "evil:1"}, "http://11.1.2.3/x").proxy == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("http.proxy", "socks5://proxy:1"), ("http.proxy", "http://user@proxy:1")),
        *(("http.sslverify", "perhaps"), ("http.cookiefile", "x"), ("http.unheardof", "1")),
        *(("http.https://*.example.org.useragent", "x"), ("credential.usehttppath", "true")),
        *(("http.sslcainfo", "~other/ca"), (f"remote.{URL}.proxy", "x")),
        ("credential.https://git.example.org/group.helper", "store"),
    ],
)
def test_what_only_git_knows_is_said(key, value):
    with pytest.raises(NotUnderstood):
        find_settings(((key, value),), {}, URL)


def test_a_key_for_another_server_changes_nothing():
    other = (
        ("http.https://elsewhere.example.org.cookiefile", "x"),
        ("credential.https://elsewhere.example.org/group.helper", "store"),
        ("credential.https://git.example.org/group.helper", ""),
        ("credential.https://git.example.org.helper", "store"),
    )
    assert find_settings(other, {}, URL) == find_settings((), {}, URL)


@pytest.mark.parametrize(
    "url",
    [
        *("https://h/a/../b", "https://h/./a", "https://h/a?b", "https://h/a#b", "https://h/a b"),
        *("https://h/%2e%2e/a", "https://h/ä", "https://h/a\\b", "https://[::1]/a"),
    ],
)
def test_an_address_that_libraries_write_anew_is_left_to_git(url):
    assert not is_plain_url(url)
