"""CentOS' container pipeline as it reads an index: the checks of its CI, then its reader.

The sentences are those of CentOS/container-pipeline-service: `ci/container_index/lib/checks/` for
`ci_problems`, `ccp/index_reader.py` for `read_projects`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

PIPELINE = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
STRINGS = ("app-id", "job-id", "git-url", "git-path", "git-branch", "target-file", "notify-email")
REQUIRED = ("id", *STRINGS, "desired-tag", "build-context")
CCCP_FILES = ("cccp.yml", ".cccp.yml", "cccp.yaml", ".cccp.yaml")
SHELL_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
"""What `oc process -p KEY={value}` hands on whole: the reader runs it through a shell, unquoted."""
Clone = Mapping[str, str]
"""The files of a branch that was cloned, by path."""


@dataclass(frozen=True)
class Project:
    """What the reader makes of an entry."""

    name: str
    image: str
    depends_on: tuple[str, ...]
    entry: Mapping[str, Any]


def ci_problems(
    folder: Path, clones: Mapping[tuple[str, str], Clone] | None = None
) -> Iterator[str]:
    """Yield what the CI of an index says of the files in `folder`/index.d.

    `clones` are repositories by address and branch; without them nothing is cloned.
    """
    files = sorted((folder / "index.d").glob("*.y*ml"))
    if not [path for path in files if "index_template" not in str(path)]:
        yield "No index files to process."
    for path in files:
        if "index_template" in str(path):
            continue
        data = yaml.safe_load(path.read_text())
        projects = data.get("Projects") if isinstance(data, dict) else None
        if not projects:
            yield f'{path.name}: Index data should begin with top level "Projects:"'
        elif not isinstance(projects, list):
            yield f"{path.name}: Projects must be provided as a list of dictionaries."
        else:
            for problem in _file_problems(path.name, projects, clones):
                yield f"{path.name}: {problem}"


def _file_problems(
    name: str, projects: list[dict[str, Any]], clones: Mapping[tuple[str, str], Clone] | None
) -> Iterator[str]:
    ids: list[Any] = []
    builds: list[str] = []
    for entry in projects:
        yield from _entry_problems(name, entry)
        build = "-".join(str(entry.get(key)) for key in ("app-id", "job-id", "desired-tag"))
        if entry.get("id") in ids:
            yield "The id field must be unique."
        elif build in builds:
            yield "The ck app-id, job-id and desired-tag must be unique"
        ids.append(entry.get("id"))
        builds.append(build)
        if clones is not None:
            yield from _clone_problems(entry, clones)


def _entry_problems(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    for key in REQUIRED:
        value = entry.get(key)
        if not value:
            yield f"Missing required field {key}"
        elif key == "id" and (not isinstance(value, int) or isinstance(value, bool)):
            yield "id field must be an integer."
        elif key in (*STRINGS, "build-context") and not isinstance(value, str):
            yield f"{key} field must be a string"
        elif key == "app-id" and value != name.split(".", maxsplit=1)[0]:
            yield f"app-id must be the same as the file name {name}, without the extension."
    if "prebuild-script" in entry:
        for key in ("prebuild-script", "prebuild-context"):
            if not isinstance(entry.get(key), str):
                yield f"{key} must be a valid string."
            elif not entry[key]:
                yield f"{key} must be of non-zero length"


def _clone_problems(
    entry: Mapping[str, Any], clones: Mapping[tuple[str, str], Clone]
) -> Iterator[str]:
    clone = clones.get((entry.get("git-url", ""), entry.get("git-branch", "")))
    if clone is None:
        yield "Failed to clone git repo or checkout git branch"
        return
    if "prebuild-script" in entry:
        context = entry.get("prebuild-context")
        if context is None:
            yield "Prebuild script is provided, but no prebuild context"
        elif not _has(clone, context):
            yield f"Prebuild context does not exist at {context}"
        elif not _has(clone, context, entry["prebuild-script"]):
            yield f"Prebuild script does not exist at {context}/{entry['prebuild-script']}"
        return
    path = str(entry.get("git-path"))
    cccp = next((name for name in CCCP_FILES if _has(clone, path, name)), None)
    data = yaml.safe_load(clone[_join(path, cccp)]) if cccp else None
    if not data:
        yield f"Failed to find cccp data at {path}"
    elif not data.get("job-id"):
        yield "job-id must be present in the cccp yaml file"
    elif data["job-id"] != entry.get("job-id"):
        yield "job-id does not match value provided in index."
    if not _has(clone, path, str(entry.get("target-file"))):
        yield f"Target File {entry.get('target-file')} does not exist, at the path {path}"


def _join(*parts: str) -> str:
    return str(PurePosixPath("/".join(parts).lstrip("/")))


def _has(clone: Clone, *parts: str) -> bool:
    place = _join(*parts)
    return place == "." or any(path == place or path.startswith(f"{place}/") for path in clone)


def read_projects(folder: Path, namespace: str = "pipeline") -> tuple[list[Project], list[str]]:
    """Return the projects that the reader makes of an index, and what it says of the others."""
    projects, problems = [], []
    for path in sorted((folder / "index.d").glob("*.y*ml")):
        if "index_template" in str(path):
            continue
        with path.open() as stream:
            data = yaml.load(stream, Loader=yaml.BaseLoader)
        for entry in data["Projects"]:
            try:
                projects.append(_read_project(entry, namespace))
            except (KeyError, ValueError, AttributeError) as error:
                problems.append(f"Error processing index entry {entry['job-id']}: {error}")
    return projects, problems


def _read_project(entry: Mapping[str, Any], namespace: str) -> Project:
    app, job = _to_dashes(entry["app-id"]), _to_dashes(entry["job-id"])
    for key in ("git-url", "git-path", "git-branch", "target-file", "notify-email"):
        if not SHELL_WORD.fullmatch(entry[key]):
            raise ValueError(f"{key} is no word of a shell: {entry[key]}")
    depends_on = entry["depends-on"]
    if not depends_on or depends_on == "null":
        depends_on = []
    elif isinstance(depends_on, str):
        depends_on = [depends_on]
    tag = entry["desired-tag"] or "latest"
    name = f"{app}-{job}-{tag}".lower()
    if not PIPELINE.match(name):
        raise ValueError(f"The pipeline name populated {name} can't be used in OpenShift")
    image = f"{job}:{tag}" if app == "library" else f"{app}/{job}:{tag}"
    triggers = tuple(f"{namespace}-{_to_dashes(text)}" for text in depends_on)
    return Project(name, image, triggers, entry)


def silent_problems(folder: Path, namespace: str = "pipeline") -> Iterator[str]:
    """Yield what nothing of the pipeline says: builds that replace others or never begin."""
    projects, problems = read_projects(folder, namespace)
    yield from problems
    names = [project.name for project in projects]
    yield from (
        f"{name} is the name of two pipelines" for name in sorted({*names}) if names.count(name) > 1
    )
    jobs = {f"{namespace}-{name}" for name in names}
    for project in projects:
        for trigger in project.depends_on:
            if trigger not in jobs:
                yield f"{project.name} waits for {trigger}, which never runs"


def looked_up_bases(dockerfile: str) -> list[str]:
    """Return what the pipeline takes for the base: `awk '/^FROM/ {print $2}'`."""
    lines = (line.split() for line in dockerfile.splitlines() if line.startswith("FROM"))
    return [([*words, ""])[1] for words in lines]


def _to_dashes(text: str) -> str:
    return text.replace("_", "-").replace("/", "-").replace(".", "-").replace(":", "-")
