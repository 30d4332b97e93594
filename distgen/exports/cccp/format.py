"""CentOS' container pipeline: `cccp.yml` in each repository, which names the job of the index.

The service is archived; private installations of it are not. Source of the rules:
CentOS/container-pipeline-service, `ci/container_index/lib/checks/`, `seed-job/template.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator

from distgen.errors import InputError
from distgen.exports.cccp.base import check_base
from distgen.exports.cccp.index import exported_keys, write_index
from distgen.exports.cccp.names import NAME
from distgen.exports.records import ExportFormat
from distgen.exports.repository_records import RepositoryFile, RepositoryFormat
from distgen.exports.yaml_lines import write_lines
from distgen.model.catalogue import Image, Namespace
from distgen.model.export_settings import ExportSettings
from distgen.model.lock import Lock
from distgen.text.suggest import did_you_mean

FILE = "cccp.yml"
OTHER_NAMES = (".cccp.yml", "cccp.yaml", ".cccp.yaml")
"""Where the pipeline looks for the file as well, in this order."""


def write_job(image: Image, settings: ExportSettings, lock: Lock) -> Iterator[RepositoryFile]:
    """Yield `cccp.yml`: the job in it must be that of the index."""
    text, origins = write_lines({"job-id": image.name}, {(): settings.origin()})
    yield RepositoryFile(FILE, text, origins, OTHER_NAMES)


def refuse_settings(image: Image, namespace: Namespace, settings: ExportSettings) -> None:
    """Raise InputError for the tag of a stream that the namespace does not have."""
    streams = [stream.name for stream in namespace.streams]
    # Streams that are made from git tags are not known before the lock is.
    for name in () if namespace.from_tags else settings.values.get("tag", {}):
        if name not in streams:
            raise InputError(
                f"the namespace `{namespace.name}` has no stream `{name}`",
                where=settings.origin("tag", name),
                hint=did_you_mean(name, streams),
            )


REPOSITORY_FORMAT = RepositoryFormat(
    name=NAME,
    summary="`cccp.yml`, which names the job of CentOS' container pipeline.",
    refuse=refuse_settings,
    write=write_job,
    check=check_base,
)
FORMAT = ExportFormat(
    name=NAME,
    place="beside",
    summary="Files of the index of CentOS' container pipeline, one for each namespace.",
    write=write_index,
    images_to_render=exported_keys,
    needs=frozenset({"dockerfiles"}),
)
