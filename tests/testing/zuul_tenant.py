"""A tenant of Zuul without its servers: Zuul's own code reads a configuration and chooses jobs.

What is stubbed are connections to other machines: a Gerrit that nobody asks, and the item of a
queue, which Zuul keeps in ZooKeeper. Parser, layout and the freezing of jobs are Zuul's.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import zuul.driver.bubblewrap
from zuul import configloader, model
from zuul.lib.connections import ConnectionRegistry
from zuul.model_api import MODEL_API
from zuul.zk.components import COMPONENT_REGISTRY

HOST = "opendev.org"
CONFIG = "opendev/project-config"
CATALOGUE = "opendev/images"
SYSTEM = """
- pipeline: {name: check, manager: independent, trigger: {gerrit: [{event: patchset-created}]}}
- pipeline:
    name: gate
    manager: dependent
    post-review: true
    trigger: {gerrit: [{event: comment-added}]}
- pipeline:
    name: promote
    manager: independent
    post-review: true
    trigger: {gerrit: [{event: change-merged}]}
- job: {name: base, parent: null, run: playbooks/base.yaml}
"""
"""What the config project of the tenant has."""
SECRET = "- secret: {name: %s, data: {quay.io: {username: bot, password: hidden}}}"
_CONNECTIONS = {
    "connection gerrit": {
        "driver": "gerrit",
        "server": HOST,
        "canonical_hostname": HOST,
        "user": "zuul",
        "sshkey": "/dev/null",
    }
}


@dataclass(frozen=True)
class FrozenJob:
    """A job as it would run for a change."""

    dependencies: tuple[str, ...]
    provides: tuple[str, ...]
    requires: tuple[str, ...]
    projects: tuple[str, ...]
    secrets: Mapping[str, tuple[str, ...]]
    """The names of secrets that each playbook gets."""
    playbooks: tuple[str, ...]
    variables: Mapping[str, Any]


@dataclass
class Tenant:
    """A tenant with a config project, a project of a catalogue, and others.

    `errors` are those that Zuul would report when it loads the configuration, and what it would
    take silently although nobody can have meant it.
    """

    layout: Any
    errors: list[str] = field(default_factory=list)

    def jobs(
        self, pipeline: str, project: str, files: Iterable[str], branch: str = "master"
    ) -> Mapping[str, FrozenJob]:
        """Return the jobs that run for a change of files, by name; raise what Zuul raises."""
        change = model.Change(self.layout.tenant.getTPC(f"{HOST}/{project}").project)
        change.branch, change.files = branch, ["/COMMIT_MSG", *files]
        change.cache_stat = SimpleNamespace(
            key=SimpleNamespace(reference="change", _hash="change"), uuid="1", version=1
        )
        manager = self.layout.pipeline_managers[pipeline]
        item = SimpleNamespace(
            annotateLogger=lambda log: log,
            manager=manager,
            debug=False,
            changes=[change],
            parameters=None,
            event=None,
            updatesJobConfig=lambda *_: False,
            current_build_set=SimpleNamespace(
                _old_jobs={}, jobs={}, fail_fast=None, debug_messages=[]
            ),
        )
        results = self.layout.createJobGraph(None, item, set(), False, True, old=True)
        graph = results["job_graph"]
        return {job.name: _frozen(job, graph) for job in graph.getJobs()}


def load_tenant(
    files: Mapping[str, str],
    *,
    secrets: Iterable[str] = (),
    projects: Mapping[str, str] | None = None,
    system: str = "",
    trusted: bool = False,
    branches: Iterable[str] = ("master",),
) -> Tenant:
    """Read the files of the catalogue's project, on each of its branches, into a tenant.

    `projects` are others by name, each with its own configuration. `system` is added to that of
    the config project. `trusted` makes the catalogue's project a config project as well.
    """
    parser, pcontext = _parser()
    tenant = model.Tenant("tenant")
    tenant.allowed_labels = tenant.disallowed_labels = []
    tenant.default_base_job = "base"
    tenant.semaphore_handler = None
    texts = [(CONFIG, "master", "zuul.yaml", SYSTEM + system)]
    texts += [(CATALOGUE, "master", "secrets.yaml", SECRET % name) for name in secrets]
    texts += [(CATALOGUE, branch, *file) for branch in branches for file in files.items()]
    texts += [(name, "master", "zuul.yaml", text) for name, text in (projects or {}).items()]
    source = pcontext.connections.getSource("gerrit")
    for name in dict.fromkeys((CONFIG, CATALOGUE, *(projects or {}))):
        project = model.Project(name, source)
        config = model.TenantProjectConfig(project)
        config.trusted = name == CONFIG or (trusted and name == CATALOGUE)
        config.load_classes = frozenset(configloader.TenantParser.job_classes)
        config.branches = list(branches) if name == CATALOGUE else ["master"]
        tenant.addTPC(config)
    everything = model.ParsedConfig()
    errors: list[Any] = []
    for project_name, branch, path, text in texts:
        place = model.SourceContext(f"{HOST}/{project_name}", project_name, "gerrit", branch, path)
        with pcontext.errorContext(error_list=errors, source_context=place):
            parsed = parser.loadProjectYAML(text, place, pcontext)
        for key, value in vars(parsed).items():
            if key.endswith("_errors"):
                errors += value
        everything.extend(parsed)
    layout = model.Layout(tenant, "layout")
    tenant.layout = layout
    parser._addLayoutItems(layout, tenant, everything, pcontext)
    errors += [*pcontext.error_list, *layout.loading_errors.errors]
    faults = [error.short_error for error in errors]
    return Tenant(layout, [*faults, *_silent_faults(layout, everything)])


def _silent_faults(layout: Any, everything: Any) -> Iterator[str]:
    """Yield what Zuul takes without a word, and what then does not happen."""
    for project in (*everything.projects, *everything.project_templates):
        for name in {*project.pipelines} - {*layout.pipeline_managers}:
            yield f"there is no pipeline {name}, so its jobs would never run"
    for jobs in layout.jobs.values():
        for job in jobs:
            for semaphore in job.semaphores:
                if semaphore.name not in layout.semaphores:
                    yield f"there is no semaphore {semaphore.name}, so it would let one job in"
            names = (job.name, *job.provides, *job.requires)
            for name in (name for name in names if len(name) > 255):
                yield f"the database would cut {name[:40]}..."


def _parser() -> tuple[Any, Any]:
    """Return Zuul's parser of a tenant, and what it is to know of the system around it."""
    settings = configparser.ConfigParser()
    settings.read_dict(_CONNECTIONS)
    # Only the executor needs the program, which the registry of connections asks for its version.
    zuul.driver.bubblewrap.BubblewrapDriver._parse_bwrap_version = lambda self: (0, 8, 0)
    COMPONENT_REGISTRY.registry = SimpleNamespace(model_api=MODEL_API)
    registry = ConnectionRegistry()
    registry.configure(settings, sources=True, triggers=True, reporters=True)
    settings = SimpleNamespace(
        default_ansible_version="11",
        max_hold_expiration=0,
        default_hold_expiration=0,
        store_private_key=False,
        node_request_timeout=0,
    )
    ansible = SimpleNamespace(requestVersion=lambda version: None)
    parser = configloader.TenantParser(registry, None, None, None, None, settings, None, None)
    return parser, configloader.ParseContext(registry, settings, None, ansible)


def _frozen(job: Any, graph: Any) -> FrozenJob:
    playbooks = [book for phase in (job.pre_run, job.run, job.post_run) for book in phase]
    return FrozenJob(
        dependencies=tuple(sorted(parent.name for parent in graph.getParentJobsRecursively(job))),
        provides=tuple(sorted(job.provides)),
        requires=tuple(sorted(job.requires)),
        projects=tuple(sorted(job.required_projects)),
        secrets={
            book["path"]: tuple(sorted(book["secrets"])) for book in playbooks if book["secrets"]
        },
        playbooks=tuple(book["path"] for book in playbooks),
        variables=job.variables,
    )
