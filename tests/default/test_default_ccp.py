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
from distgen.lint.check import lint
from distgen.lint.work import plan_work
from distgen.model.catalogue import Catalogue
from distgen.model.lock import Lock
from distgen.model.rendered import Finding, Tree
from distgen.registry.retention import DAY, Protection, TaggedImage, decide
from distgen.render.renderer import Renderer

ROOT = Path(__file__).parents[2]
STREAM = "2026.1"
LAYERS = {
    "base": "base-tools",
    "base-tools": (
        "alarm-manager cron elasticsearch etcd galera-checker galera-haproxy grafana "
        "heka hindsight influxdb kibana mariadb memcached mysql-client nginx "
        "opendaylight openstack-base openvswitch-base percona rabbitmq redis snap"
    ),
    "openstack-base": (
        "cinder-base designate-base glance-base heat-base horizon ironic-base keystone "
        "murano-base neutron-base nova-base radosgw rally-tempest sahara-base "
        "searchlight-base zmq-proxy"
    ),
    "openvswitch-base": "openvswitch-db openvswitch-vswitchd",
    "cinder-base": "cinder-api cinder-ceph cinder-scheduler cinder-upgrade",
    "cinder-ceph": "cinder-backup cinder-volume",
    "designate-base": (
        "designate-agent designate-api designate-backend-bind9 designate-central "
        "designate-mdns designate-pool-manager designate-sink designate-upgrade "
        "designate-worker designate-zone-manager"
    ),
    "glance-base": "glance-api glance-registry glance-upgrade",
    "heat-base": "heat-api heat-api-cfn heat-engine heat-upgrade",
    "ironic-base": "ironic-api ironic-conductor ironic-ipxe ironic-pxe ironic-upgrade",
    "murano-base": "murano-api murano-engine murano-upgrade",
    "neutron-base": (
        "calico-dhcp-agent calico-felix neutron-dhcp-agent neutron-l3-agent "
        "neutron-metadata-agent neutron-openvswitch-agent neutron-server "
        "neutron-sriov-nic-agent"
    ),
    "nova-base": (
        "nova-api nova-compute nova-compute-ironic nova-conductor nova-consoleauth "
        "nova-libvirt nova-novncproxy nova-scheduler nova-spicehtml5proxy nova-upgrade "
        "placement-api"
    ),
    "sahara-base": "sahara-api sahara-engine sahara-upgrade",
    "searchlight-base": "searchlight-api searchlight-listener",
}
"""What is built on each image, as in fuel-ccp."""
BASES = {
    "base": "docker.io/library/debian:trixie-slim",
    **{name: base for base, names in LAYERS.items() for name in names.split()},
}
NOTHING_OF_THEIR_OWN = (
    "cinder-backup cinder-scheduler cinder-volume designate-agent designate-central "
    "designate-mdns designate-sink designate-zone-manager glance-registry heat-engine "
    "murano-engine neutron-dhcp-agent neutron-metadata-agent neutron-openvswitch-agent "
    "neutron-sriov-nic-agent nova-conductor nova-consoleauth nova-scheduler openvswitch-db "
    "openvswitch-vswitchd sahara-engine searchlight-api searchlight-listener"
)
"""Images that only say which process of their base they are for."""
USERS = {
    "alarm-manager": "alarm-manager",
    "cinder": "cinder-api cinder-backup cinder-ceph cinder-scheduler cinder-volume",
    "designate": (
        "designate-agent designate-api designate-central designate-mdns "
        "designate-pool-manager designate-sink designate-zone-manager"
    ),
    "elasticsearch": "elasticsearch",
    "glance": "glance-api glance-registry",
    "grafana": "grafana",
    "haproxy": "galera-haproxy",
    "heat": "heat-api heat-api-cfn heat-engine",
    "hindsight": "hindsight",
    "influxdb": "influxdb",
    "ironic": "ironic-api ironic-conductor",
    "kibana": "kibana",
    "memcached": "memcached",
    "murano": "murano-api murano-engine",
    "mysql": "galera-checker mariadb percona",
    "neutron": "neutron-metadata-agent neutron-server",
    "nova": (
        "nova-api nova-compute nova-compute-ironic nova-conductor nova-consoleauth "
        "nova-novncproxy nova-scheduler nova-spicehtml5proxy"
    ),
    "rabbitmq": "rabbitmq",
    "rally": "rally-tempest",
    "redis": "redis",
    "root": "ironic-pxe",
    "sahara": "sahara-api sahara-engine",
    "searchlight": "searchlight-api searchlight-listener",
    "snap": "snap",
    "zmq-proxy": "zmq-proxy",
}
"""The images that run as each user, as in fuel-ccp; the others run as root."""


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
    """The streams differ in the refs of sources alone, so one is enough."""
    chosen = select_images(make_catalogue(), [f"ccp/*@{STREAM}"])
    said = lint(plan_work(make_catalogue(), Lock(), chosen), external.lint)
    assert {(one.code, one.level) for one in said} == {("DG101", "warning")}


@pytest.mark.parametrize("name", BASES)
def test_an_image_is_one_run_and_tells_the_deployer_nothing(name: str) -> None:
    cmds = [one.cmd for one in parse(content(trees()[name])).instructions]
    assert cmds.count("RUN") == (0 if name in NOTHING_OF_THEIR_OWN.split() else 1)
    assert {"CMD", "ENTRYPOINT", "HEALTHCHECK"}.isdisjoint(cmds)


def test_services_do_not_run_as_root() -> None:
    users = {
        name: one.value[0]
        for name, tree in trees().items()
        for one in parse(content(tree)).instructions
        if one.cmd == "USER"
    }
    assert users == {name: user for user, names in USERS.items() for name in names.split()}


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
    assert differing == ["base", "percona"]  # which names the release of its archive
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


def test_the_start_script_of_apache_is_a_program_for_this_shell() -> None:
    for name in ("horizon", "keystone", "placement-api"):
        script = next(file for file in trees()[name].files if file.path == "daemon.sh")
        assert script.mode == 0o100755
        subprocess.run(["sh", "-n"], input=script.content, check=True)
        assert "COPY daemon.sh /opt/ccp/bin/daemon.sh\n" in content(trees()[name])


def in_order(*names: str) -> list[str]:
    """Return names in the order of images that can be built at the same time."""
    return sorted(names, key=lambda name: f"{name}@")


def test_a_commit_to_any_layer_tells_what_to_build_again_in_order() -> None:
    again = {
        name: [
            image.name
            for image in select_images(
                make_catalogue(), [f"ccp/{name}@{STREAM}"], with_dependents=True
            )
        ]
        for name in ("openstack-base", "cinder-base", "nova-base", "memcached")
    }
    services = [name for name in LAYERS["openstack-base"].split() if name in LAYERS]
    assert again == {
        "openstack-base": [
            "openstack-base",
            *in_order(*LAYERS["openstack-base"].split()),
            *in_order(*(name for service in services for name in LAYERS[service].split())),
            *LAYERS["cinder-ceph"].split(),
        ],
        "cinder-base": [
            "cinder-base",
            *LAYERS["cinder-base"].split(),
            *LAYERS["cinder-ceph"].split(),
        ],
        "nova-base": ["nova-base", *in_order(*LAYERS["nova-base"].split())],
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
