"""Clients of registries that do not wait long, for tests of what they understand."""

from __future__ import annotations

import threading

from testing.servers import PASSWORD, USER, basic

from distgen.http import HttpPolicy
from distgen.model.reference import parse_reference
from distgen.registry.client import Registry
from distgen.registry.credentials import AuthFile, Credentials
from distgen.registry.transport import Transport


class Pauses(threading.Event):
    """Stands for the end of a run, which does not come; keeps the pauses in place of waiting."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return False


def quick(**settings):
    """Return a policy with limits of seconds, and pauses of exactly 1, 2, ... seconds."""
    policy = {"timeout": 2, "attempts": 3, "first_pause": 1, "silence": 0.5, "stop": Pauses()}
    return HttpPolicy(jitter=lambda: 1.0, **{**policy, **settings})


def credentials_for(*hosts, password=PASSWORD):
    secret = basic(USER, password).removeprefix("Basic ")
    return Credentials((AuthFile("test", {host: {"auth": secret} for host in hosts}),))


def client(*hosts, policy=None, mirrors=None):
    return Registry(Transport(credentials_for(*hosts), policy or quick()), mirrors)


def at(server, rest):
    return parse_reference(f"{server.host}/{rest}")
