"""The ccp namespace: layers on Debian that do not say what to start, and what keeps them so."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from distgen.catalogue.graph import select_images
from distgen.catalogue.load import load_catalogue
from distgen.dockerfile.parse import key_values, parse
from distgen.errors import InputError
from distgen.lint import external
from distgen.lint.check import lint, plan_work
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock
from distgen.model.rendered import Finding, Tree
from distgen.registry.retention import DAY, Protection, TaggedImage, decide
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
STREAM = "2026.1"
BASES = {
    "base": "docker.io/library/debian:trixie-slim",
    "base-tools": "base",
    "openstack-base": "base-tools",
    "mariadb": "base-tools",
    "memcached": "base-tools",
    "rabbitmq": "base-tools",
    "keystone": "openstack-base",
    "neutron-base": "openstack-base",
    "nova-base": "openstack-base",
    "neutron-server": "neutron-base",
    "nova-api": "nova-base",
    "nova-conductor": "nova-base",
}
USERS = {
    "mariadb": "mysql",
    "memcached": "memcached",
    "neutron-server": "neutron",
    "nova-api": "nova",
    "nova-conductor": "nova",
    "rabbitmq": "rabbitmq",
}


@cache
def make_catalogue(*sets: str) -> Catalogue:
    return load_catalogue(ROOT, sets)


@cache
def trees(*sets: str) -> dict[str, Tree]:
    renderer = Renderer(make_catalogue(*sets), Lock())
    chosen = select_images(make_catalogue(*sets), [f"ccp/*@{STREAM}"])
    return {image.name: renderer.tree(image) for image in chosen}


def content(tree: Tree, path: str = "Dockerfile") -> str:
    return next(file.content.decode() for file in tree.files if file.path == path)


def found(image: str, *sets: str) -> tuple[Finding, ...]:
    """Return what lint finds of one image besides what is not pinned."""
    chosen = select_images(make_catalogue(*sets), [f"ccp/{image}@{STREAM}"])
    said = lint(plan_work(make_catalogue(*sets), Lock(), chosen), external.lint)
    return tuple(one for one in said if one.code != "DG101")


def test_every_stream_has_the_same_layers() -> None:
    expected = {
        f"ccp/{name}@{stream}": f"ccp/{base}@{stream}" if base in BASES else base
        for name, base in BASES.items()
        for stream in ("master", STREAM)
    }
    assert {
        image.key: image.parents[0].image or image.parents[0].reference
        for image in make_catalogue().images
        if image.namespace == "ccp"
    } == expected


def test_nothing_is_found_but_what_only_a_lock_can_know() -> None:
    said = lint(
        plan_work(make_catalogue(), Lock(), select_images(make_catalogue(), ["ccp/*"])),
        external.lint,
    )
    assert {(one.code, one.level) for one in said} == {("DG101", "warning")}


@pytest.mark.parametrize("name", BASES)
def test_an_image_is_one_run_and_tells_the_deployer_nothing(name: str) -> None:
    cmds = [one.cmd for one in parse(content(trees()[name])).instructions]
    assert cmds.count("RUN") == (0 if name in ("nova-conductor", "neutron-server") else 1)
    assert {"CMD", "ENTRYPOINT", "HEALTHCHECK"}.isdisjoint(cmds)


def test_services_do_not_run_as_root() -> None:
    users = {
        name: one.value[0]
        for name, tree in trees().items()
        for one in parse(content(tree)).instructions
        if one.cmd == "USER"
    }
    assert users == USERS


def test_names_come_from_namespace_prefix_and_tag() -> None:
    names = {
        image.key: image.reference for image in make_catalogue().images if image.namespace == "ccp"
    }
    assert names[f"ccp/nova-api@{STREAM}"] == "docker.io/ccp/nova-api:2026.1"
    assert names["ccp/nova-api@master"] == "docker.io/ccp/nova-api:master"
    changed = trees("ccp/*:image_prefix=ms-", f"ccp/*@{STREAM}:tag=try-7")
    assert "\nFROM docker.io/ccp/ms-nova-base:try-7\n" in content(changed["nova-api"])
    assert "\nFROM docker.io/library/debian:trixie-slim\n" in content(changed["base"])


def test_another_debian_is_one_value() -> None:
    changed, before = trees("ccp/*:debian=forky"), trees()
    differing = [name for name in BASES if changed[name].files != before[name].files]
    assert differing == ["base"]
    assert "FROM docker.io/library/debian:forky-slim\n" in content(changed["base"])


def test_services_are_installed_under_the_constraints_of_their_base() -> None:
    kept = "/var/lib/microservices/constraints/openstack.txt"
    assert f"cp /src/requirements/upper-constraints.txt {kept}" in content(
        trees()["openstack-base"]
    )
    for name in ("keystone", "neutron-base", "nova-base"):
        text = content(trees()[name])
        assert f"        {kept} > /tmp/constraints/openstack.txt \\\n" in text
        assert "/var/lib/microservices/venv/bin/python -m pip install" in text
    arguments = {
        line for line in content(trees()["nova-base"]).splitlines() if line.startswith("ARG NOVA_")
    }
    assert 'ARG NOVA_REF="stable/2026.1"' in arguments


def test_build_packages_stay_where_services_are_compiled_only() -> None:
    tools = content(trees()["base-tools"])
    purged = tools.partition("apt-get purge -y --auto-remove")[2]
    assert re.findall(r"^        (\S+) \\$", purged, re.MULTILINE) == [
        "gcc",
        "libc6-dev",
        "python3-dev",
    ]
    assert "purge" not in content(trees()["openstack-base"])


def test_a_site_adds_a_footer_to_every_image() -> None:
    footer = 'ccp/*:include_footer="LABEL org.example.site=here\\nSTOPSIGNAL SIGQUIT"'
    changed = trees(footer)
    for name, tree in changed.items():
        text = content(tree)
        assert text.endswith("\nLABEL org.example.site=here\nSTOPSIGNAL SIGQUIT\n")
        labels = [
            pair
            for one in parse(text).instructions
            if one.cmd == "LABEL"
            for pair in key_values(one)
        ]
        assert ("org.example.site", "here") in labels, name
    assert found("memcached", footer) == ()


@pytest.mark.parametrize(
    ("setting", "code", "message"),
    [
        ('include_footer="CMD [\\"x\\"]"', "DG209", "CMD is not for images of this namespace"),
        (
            'include_footer="ENTRYPOINT x"',
            "DG209",
            "ENTRYPOINT is not for images of this namespace",
        ),
        ("packages+=[nginx=1.2-3]", "DG210", "nginx=1.2-3 names an exact version"),
        (
            "packages+=[supervisor]",
            "DG211",
            "supervisor supervises processes; one container runs one process",
        ),
        ("packages+=[gcc]", "DG204", "gcc stays in the image; remove it in the same RUN"),
        ("user=root", "DG207", "USER is root, so the image runs as root"),
        (
            'include_footer="RUN true\\nRUN true\\nRUN true"',
            "DG208",
            "4 RUN, COPY and ADD make as many layers; 3 are allowed",
        ),
    ],
)
def test_what_the_architecture_forbids_is_an_error(setting: str, code: str, message: str) -> None:
    said = found("memcached", f"ccp/memcached:{setting}")
    assert (code, "error", message) in [(one.code, one.level, one.message) for one in said]


@pytest.mark.parametrize("value", ["cmd=[x]", "entrypoint=[x]"])
def test_a_command_cannot_even_be_set(value: str) -> None:
    with pytest.raises(InputError, match=value.partition("=")[0]):
        load_catalogue(ROOT, [f"ccp/memcached:{value}"])


def test_a_service_may_change_the_owner_of_its_logs() -> None:
    line = "mysql ALL=(root) NOPASSWD: /usr/bin/chown mysql /var/log/ccp/mysql"
    text = content(trees()["mariadb"])
    assert f"    && echo '{line}' > /etc/sudoers.d/mysql \\\n" in text
    assert "    && chmod 0440 /etc/sudoers.d/mysql \\\n" in text


def test_the_start_script_of_keystone_is_a_program_for_this_shell() -> None:
    script = next(file for file in trees()["keystone"].files if file.path == "daemon.sh")
    assert script.mode == 0o100755
    subprocess.run(["sh", "-n"], input=script.content, check=True)
    assert "COPY daemon.sh /opt/ccp/bin/daemon.sh\n" in content(trees()["keystone"])


def test_a_commit_to_any_layer_tells_what_to_build_again_in_order() -> None:
    again = {
        name: [
            image.name
            for image in select_images(
                make_catalogue(), [f"ccp/{name}@{STREAM}"], with_dependents=True
            )
        ]
        for name in ("base-tools", "openstack-base", "nova-base", "memcached")
    }
    assert again == {
        "base-tools": [
            "base-tools",
            *("mariadb", "memcached", "openstack-base", "rabbitmq"),
            *("keystone", "neutron-base", "nova-base"),
            *("neutron-server", "nova-api", "nova-conductor"),
        ],
        "openstack-base": [
            "openstack-base",
            *("keystone", "neutron-base", "nova-base"),
            *("neutron-server", "nova-api", "nova-conductor"),
        ],
        "nova-base": ["nova-base", "nova-api", "nova-conductor"],
        "memcached": ["memcached"],
    }


@pytest.mark.parametrize(
    ("tag", "days", "action"),
    [
        ("master-19026_2", 364, "keep"),
        ("master-19026_2", 366, "delete"),
        ("2026.1-19026_2", 6, "keep"),
        ("2026.1-19026_2", 8, "delete"),
        ("2026.1-19026_2-keep", 3000, "keep"),
        ("2026.1", 3000, "keep"),
    ],
)
def test_builds_of_master_stay_long_and_others_a_week_unless_marked(
    tag: str, days: int, action: str
) -> None:
    """The architecture: long for master, a week for branches, exceptions by a mark."""
    now = 2_000_000_000
    retention = make_catalogue().namespaces["ccp"].retention
    streams = dict.fromkeys(("master", "2026.1"), "a tag that moves")
    tagged = TaggedImage(tag, "sha256:" + "a" * 64, now - days * DAY)
    (decision,) = decide("ccp/base", "ccp/base", [tagged], retention, Protection(streams, {}), now)
    assert decision.action == action
