"""What the options of the Zuul export say of the Zuul that its files are for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from distgen.errors import InputError
from distgen.exports.ci_options import refuse_credentials
from distgen.exports.records import FormatOption

OPTIONS = (
    FormatOption("parent", "JOB", "The job that all of them inherit from (base)."),
    FormatOption("project", "NAME", "How Zuul calls the project of the catalogue, HOST/PATH."),
    FormatOption("catalogue", "DIR", "The catalogue's folder in its project (the top)."),
    FormatOption("hosts", "HOST,...", "The git servers whose projects Zuul knows by HOST/PATH."),
    FormatOption("secret", "NAME", "The secret of each registry ({namespace}-registry)."),
    FormatOption("prefix", "WORD", "What the names of jobs begin with (distgen)."),
    FormatOption("install", "REQUIREMENT", "What pip installs to have distgen on a node."),
)
_SECRET = "{namespace}-registry"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_PATH = r"[A-Za-z0-9_~][A-Za-z0-9_.~+-]*(?:/[A-Za-z0-9_~][A-Za-z0-9_.~+-]*)*"
_FORMS = {
    "parent": (r"[^\x00-\x1f{}]{1,255}", "write the name of a job"),
    "project": (rf"{_HOST}/{_PATH}", "write HOST/PATH, such as opendev.org/opendev/images"),
    "catalogue": (_PATH, "write a folder of the project, such as containers/images"),
    "hosts": (rf"{_HOST}(?:,{_HOST})*", "write host names with commas between"),
    "secret": (r"(?:[^\x00-\x1f{}]|\{namespace\})+", "`{namespace}` may stand in it"),
    "prefix": (r"[A-Za-z0-9][A-Za-z0-9_.-]*", "write a word"),
    "install": (r"(?!-)[^\x00-\x1f{}]+", "write a requirement of pip, with all names filled in"),
}


@dataclass(frozen=True, slots=True)
class ZuulOptions:
    """The names of a Zuul: of its base job, projects and secrets.

    `project` is that of the catalogue, "" where jobs run for no other; `catalogue` is its folder
    there, with a slash behind, or "". `hosts` are the git servers whose repositories are projects.
    The names of jobs begin with `prefix`: a tenant has each name once, whatever the project.
    """

    parent: str = "base"
    project: str = ""
    catalogue: str = ""
    hosts: tuple[str, ...] = ()
    secret: str = _SECRET
    prefix: str = "distgen"
    install: str = ""

    def project_of(self, git: str) -> str:
        """Return how Zuul calls the project of a repository, "" where it does not know it."""
        parts = urlsplit(git)
        host = parts.netloc.rpartition("@")[2]
        name = f"{host}{parts.path.removesuffix('/').removesuffix('.git')}"
        is_project = host in self.hosts and re.fullmatch(_FORMS["project"][0], name)
        return name if is_project else ""

    def secret_of(self, namespace: str) -> str:
        """Return the name of the secret with the passwords of a namespace's registry."""
        return self.secret.replace("{namespace}", namespace)


def parse_options(options: Mapping[str, str]) -> ZuulOptions:
    """Read the options of the format; raise InputError for one that is not a name of its kind."""
    values = {name: options.get(name, "") for name in _FORMS}
    refuse_credentials(values["install"], "--install")
    for name, text in values.items():
        pattern, hint = _FORMS[name]
        if text and not re.fullmatch(pattern, text):
            raise InputError(f"{text!r} cannot stand there", where=f"--{name}", hint=hint)
    folder = values["catalogue"]
    return ZuulOptions(
        parent=values["parent"] or "base",
        project=values["project"],
        catalogue=f"{folder}/" if folder else "",
        hosts=tuple(sorted({host for host in values["hosts"].split(",") if host})),
        secret=values["secret"] or _SECRET,
        prefix=values["prefix"] or "distgen",
        install=values["install"],
    )
