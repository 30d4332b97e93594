"""Show Kolla's templates the environment variables that they name, and no others.

kolla-build hands the whole environment to templates as `env`. Its base image asks for http_proxy,
and an override file may ask for more: without those, what is rendered would differ from Kolla's.
Variables that are called like secrets are refused: what is rendered is published.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

_ENV = re.compile(r"\benv\b")
_SECRET = re.compile("token|secret|passw|credential|_key|_auth", re.IGNORECASE)


class VisibleEnvironment:
    """The `env` of one image's templates; `requested` are the variables that they asked for.

    `visible_names` returns the variables that may be asked for.
    """

    def __init__(
        self, environ: Mapping[str, str], visible_names: Callable[[], Collection[str]]
    ) -> None:
        self._environ = environ
        self._visible_names = visible_names
        self.requested: set[str] = set()

    def __getitem__(self, name: str) -> str:
        if name not in self._visible_names():
            raise KeyError(name)
        self.requested.add(name)
        return self._environ[name]

    def get(self, name: str, default: object = None) -> object:
        """Return a variable or the default, as a mapping would."""
        try:
            return self[name]
        except KeyError:
            return default


def variable_names(text: str, name: str) -> tuple[str, ...]:
    """Return the variables a template reads by a literal name; refuse secrets, and other uses."""
    if not _ENV.search(text):
        return ()
    tree = SandboxedEnvironment().parse(text, name)
    uses = [use for use in tree.find_all(nodes.Name) if use.name == "env"]
    # a template that calls something of its own `env` may do with that as it likes
    is_assigned = any(use.ctx != "load" for use in uses)
    calls = {id(call.node): call for call in tree.find_all(nodes.Call)}
    reads: list[nodes.Getattr | nodes.Getitem] = [
        *tree.find_all(nodes.Getattr),
        *tree.find_all(nodes.Getitem),
    ]
    names = {
        id(read.node): _literal_name(read, calls.get(id(read)))
        for read in reads
        if read.node in uses
    }
    for use in uses:
        if not is_assigned and names.get(id(use)) is None:
            raise TemplateSyntaxError(
                "`env` can only be asked for a variable by its literal name, as in env.http_proxy",
                use.lineno,
                name,
            )
    variables = sorted({variable for variable in names.values() if variable})
    for variable in variables:
        if _SECRET.search(variable):
            problem = f"env.{variable} may be a secret, and what is rendered is published"
            raise TemplateSyntaxError(problem, uses[0].lineno, name)
    return tuple(variables)


def _literal_name(read: nodes.Getattr | nodes.Getitem, call: nodes.Call | None) -> str | None:
    """Return the name that `env.NAME`, `env["NAME"]` or `env.get("NAME")` asks for."""
    word = read.attr if isinstance(read, nodes.Getattr) else _constant(read.arg)
    if call is None:
        return None if word == "get" else word
    return _constant(call.args[0]) if word == "get" and call.args else None


def _constant(node: nodes.Node) -> str | None:
    value = node.value if isinstance(node, nodes.Const) else None
    return value if isinstance(value, str) else None
