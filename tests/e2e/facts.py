"""What the images of the chain are upstream: parents, users, commands and variables.

Taken from the build files of OpenDev, Zuul and fuel-ccp. Where the catalogue differs on purpose,
a comment says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distgen import __version__

DUMB_INIT = ("/usr/bin/dumb-init", "--")
NODEPOOL = {
    "APP_ROOT": "/var/lib/nodepool",
    "HOME": "/var/lib/nodepool",
    "USER_NAME": "nodepool",
}
# The library was libjemalloc.so.1 at a path that names the architecture.
JEMALLOC = {"LD_PRELOAD": "/usr/local/lib/libjemalloc.so.2"}


@dataclass(frozen=True)
class Facts:
    """What is known of an image; `project` is the source whose commit it records.

    `version` is the first tag of its stream.

    `starts` are commands, each with words that it prints.
    """

    parent: str
    vendor: str = "OpenDev"
    licence: str = "Apache-2.0"
    version: str = "master"
    branch: str = "master"
    user: str = ""
    entrypoint: tuple[str, ...] = DUMB_INIT
    command: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=lambda: JEMALLOC)
    project: str = ""
    starts: tuple[tuple[tuple[str, ...], str], ...] = ()


PYTHON = "docker.io/library/python:3.11-slim-bookworm"
DEBIAN = "docker.io/library/debian:trixie-slim"
SDK = (("python3", "-c", "import openstack.version as v; print(v.__version__)"), "{openstacksdk}")
DIB = (("diskimage-builder", "--help"), "usage: diskimage-builder")
NODEPOOL_CLI = (("nodepool", "--version"), "{nodepool}")
ANSWER = """{} & server=$!
timeout 60 sh -c 'until test -S /tmp/s; do sleep 0.1; done'
{}
kill $server; wait"""
MAPS = "import pathlib; print('libjemalloc' in pathlib.Path('/proc/self/maps').read_text())"

FACTS = {
    "opendev/python-base": Facts(
        PYTHON,
        starts=(
            (("python3", "-c", MAPS), "True"),
            (("dumb-init", "--version"), "dumb-init"),
        ),
    ),
    "opendev/python-builder": Facts(
        PYTHON,
        entrypoint=(),
        command=("python3",),  # that of the base
        variables={},
        starts=(
            (("sh", "-c", "test -x /usr/local/bin/assemble && echo there"), "there"),
            (("get-extras-packages", "--list"), ""),
            (("sh", "-c", "test -x /output/install-from-bindep && echo there"), "there"),
            (("bindep", "--version"), "2.14.0"),
        ),
    ),
    "opendev/openstacksdk": Facts(
        "opendev/python-base",
        project="openstacksdk",
        starts=(SDK, (("openstack-inventory", "--help"), "usage: openstack-inventory")),
    ),
    "opendev/diskimage-builder": Facts(
        "opendev/openstacksdk",
        project="diskimage-builder",
        starts=(
            SDK,
            DIB,
            (("disk-image-create", "--version"), "{diskimage-builder}"),
            (("qemu-img", "--version"), "qemu-img version"),
        ),
    ),
    "opendev/nodepool": Facts(
        "opendev/diskimage-builder",
        user="10001",
        entrypoint=("/uid_entrypoint",),
        command=("/usr/local/bin/nodepool",),
        variables={**JEMALLOC, **NODEPOOL},
        project="nodepool",
        starts=(
            SDK,
            DIB,
            NODEPOOL_CLI,
            (("id", "-un"), "nodepool"),
            (("sh", "-c", "touch $HOME/x && id -u"), "10001"),
        ),
    ),
    "opendev/nodepool-builder": Facts(
        "opendev/nodepool",
        user="10001",
        entrypoint=("/uid_entrypoint",),
        command=("/usr/local/bin/nodepool-builder", "-f"),
        variables={**JEMALLOC, **NODEPOOL},
        starts=(
            (("/usr/local/bin/nodepool-builder", "--version"), "{nodepool}"),
            (("sudo", "-n", "id", "-u"), "0"),
        ),
    ),
    "opendev/nodepool-launcher": Facts(
        "opendev/nodepool",
        user="10001",
        entrypoint=("/uid_entrypoint",),
        command=("/usr/local/bin/nodepool-launcher", "-f"),
        variables={**JEMALLOC, **NODEPOOL},
        starts=((("/usr/local/bin/nodepool-launcher", "--version"), "{nodepool}"),),
    ),
    # fuel-ccp's images have neither a user nor a command of their own.
    "ccp/base": Facts(
        DEBIAN,
        vendor="OpenStack",
        entrypoint=(),
        command=("bash",),
        variables={},
        starts=(
            (("curl", "--version"), "curl"),
            (("openssl", "version"), "OpenSSL"),
            (("sudo", "--version"), "Sudo version"),
            (("python3", "--version"), "Python 3"),
            (("getent", "group", "microservices"), "microservices"),
        ),
    ),
    "ccp/base-tools": Facts(
        "ccp/base",
        vendor="OpenStack",
        entrypoint=(),
        command=("bash",),
        variables={},
        starts=(
            (("/opt/ccp/venv/bin/python", "-c", "import jinja2, yaml, etcd, pykube"), ""),
            (("which", "nc", "lvm", "iscsiadm", "tgtadm", "vim", "less", "patch"), "/usr/sbin/lvm"),
            (("sh", "-c", "command -v gcc || echo purged"), "purged"),
        ),
    ),
    # Three services on it; two start as their user and answer on a socket of their own.
    "ccp/memcached": Facts(
        "ccp/base-tools",
        vendor="OpenStack",
        licence="BSD-3-Clause",
        user="memcached",
        entrypoint=(),
        command=("bash",),
        variables={},
        starts=(
            (("memcached", "--version"), "memcached 1."),
            (
                (
                    "sh",
                    "-c",
                    ANSWER.format("memcached -s /tmp/s", "echo version | nc -N -U /tmp/s"),
                ),
                "VERSION 1.",
            ),
        ),
    ),
    "ccp/redis": Facts(
        "ccp/base-tools",
        vendor="OpenStack",
        licence="BSD-3-Clause",
        user="redis",
        entrypoint=(),
        command=("bash",),
        variables={},
        starts=(
            (("redis-server", "--version"), "Redis server v="),
            (
                (
                    *("sh", "-c"),
                    ANSWER.format(
                        "redis-server --port 0 --unixsocket /tmp/s --dir /tmp",
                        "redis-cli -s /tmp/s ping",
                    ),
                ),
                "PONG",
            ),
        ),
    ),
    "ccp/etcd": Facts(
        "ccp/base-tools",
        vendor="OpenStack",
        entrypoint=(),
        command=("bash",),
        variables={},
        starts=(
            (("etcd", "--version"), "etcd Version: 3."),
            (("etcdctl", "version"), "etcdctl version: 3."),
        ),
    ),
    # What builds them all; its command is the words after the name of the image.
    "distgen/distgen": Facts(
        DEBIAN,
        vendor="distgen",
        version=__version__,
        branch=__version__.rpartition(".")[0],
        user="10001",
        entrypoint=("/usr/bin/tini", "--", "distgen"),
        command=("--help",),
        variables={"HOME": "/home/distgen"},
        starts=((("--version",), f"distgen {__version__}\n"), ((), "Usage: distgen")),
    ),
}
"""Each image of the chain, parents first."""

VERSIONS = {"openstacksdk": "4.22.0", "diskimage-builder": "3.43.0", "nodepool": "11.0.0"}
"""The releases that are built; this Python is the oldest that all three take."""

UPSTREAM = {
    "openstacksdk": "https://opendev.org/openstack/openstacksdk",
    "diskimage-builder": "https://opendev.org/openstack/diskimage-builder",
    "nodepool": "https://opendev.org/zuul/nodepool",
}
"""Where the catalogue says that the sources are."""
