"""Turn a namespace's `kolla:` settings into what Kolla's own configuration makes of them.

The `kolla` package is an extra and slow to import, so it is imported by name, and only when no
earlier run kept the result of the same settings.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.imported import SourceRequest
from distgen.catalogue.sources.cache import load_entry, save_entry
from distgen.catalogue.sources.kolla.configure import answer_question
from distgen.catalogue.sources.kolla.image_names import names_key, published_names
from distgen.catalogue.sources.kolla.interpreter import ask_interpreter, check_interpreter
from distgen.catalogue.sources.kolla.package import find_kolla, read_error
from distgen.catalogue.sources.kolla.places import LARGEST_FILE, refuse_far_setting
from distgen.catalogue.sources.kolla.question import KollaQuestion
from distgen.catalogue.sources.kolla.values import SECTION_KEYS
from distgen.errors import InputError
from distgen.model.words import Origin

# Comparing two states of a catalogue reads both, again and again.
_STATES = 2
_CODE_FILES = (
    "version.py",
    "common/*.py",
    "common/*.yaml",
    "image/kolla_worker.py",
    "image/unbuild*",
)
# What each part of an answer becomes; another interpreter sends it as JSON.
_ANSWER: Mapping[str, Callable[[Any], Any]] = {
    "release": str,
    "values": dict,
    "filters": tuple,
    "methods": tuple,
    "package": str,
    "folders": tuple,
    "overrides": tuple,
    "patterns": tuple,
    "unbuildable": tuple,
    "skip_parents": bool,
    "arguments": tuple,
    "archives": dict,
    "base_files": dict,
}


@dataclass(frozen=True, slots=True)
class KollaSettings:
    """What Kolla makes of the settings: plain values only, so that it can be kept.

    `values`, `filters` and `methods` are what templates see. `folders` hold the images, later ones
    laid over earlier; `overrides` are template override files. An image is built if its name is
    matched by one of `patterns` (or there are none) and it is not `unbuildable`. `arguments` are
    lines to add below the first FROM. `archives` are Kolla's source sections by name, `base_files`
    are files to copy into the base image's folder. `inputs` are the files and folders that settings
    name, as they name them. `python` is the interpreter that this Kolla is installed for, "" for
    distgen's own.
    """

    release: str
    values: dict[str, Any]
    filters: tuple[str, ...]
    methods: tuple[str, ...]
    package: str
    folders: tuple[str, ...]
    overrides: tuple[str, ...]
    patterns: tuple[str, ...]
    unbuildable: tuple[str, ...]
    skip_parents: bool
    arguments: tuple[str, ...]
    archives: dict[str, dict[str, Any]]
    base_files: dict[str, str]
    inputs: tuple[str, ...]
    python: str


def resolve_settings(request: SourceRequest, cache: Path | None, name: str) -> KollaSettings:
    """Resolve the settings, or take what an earlier run made of the same ones."""
    python = str(request.options.get("python") or "")
    package = None if python else find_kolla(request.origin)
    config_names = _as_list(request.options.get("kolla_conf"))
    for config_name in config_names:
        refuse_far_setting(request, config_name)
    configs = _paths(request.root, config_names)
    entry_name, root = f"kolla-settings-{name}", str(request.root)
    states = (load_entry(cache, entry_name) or {}).get("states", [])
    for state in states:
        # Where settings name no files, another folder with the same ones gives the same.
        is_same_place = state["root"] == root or not state["settings"]["inputs"]
        place = package or Path(state["settings"]["package"])
        if is_same_place and state["key"] == _cache_key(request, place, configs):
            return KollaSettings(**state["settings"])
    settings = _ask_kolla(request, python, configs)
    # the version of a git checkout is its commit, which no file of the package shows
    if not (Path(settings.package).parent / ".git").exists():
        key = _cache_key(request, Path(settings.package), configs)
        state = {"key": key, "root": root, "settings": asdict(settings)}
        save_entry(cache, entry_name, {"states": [state, *states[: _STATES - 1]]})
    return settings


def _ask_kolla(request: SourceRequest, python: str, configs: list[str]) -> KollaSettings:
    """Ask the Kolla beside distgen, or that of another interpreter."""
    question = KollaQuestion(
        options=request.options,
        root=str(request.root),
        origin=request.origin,
        origins={option: setting_origin(request, option) for option in request.options},
        configs=tuple(configs),
        names=published_names(request),
    )
    if not python:
        return _settings(answer_question(question), "", request)
    origin = setting_origin(request, "python")
    check_interpreter(python, request.root, origin)
    try:
        return _settings(ask_interpreter(python, question, origin), python, request)
    except (KeyError, TypeError, ValueError):
        problem = f"python: {python} answers what no Kolla answers"
        raise InputError(problem, where=origin) from None


def _settings(answer: Mapping[str, Any], python: str, request: SourceRequest) -> KollaSettings:
    config_names = _as_list(request.options.get("kolla_conf"))
    return KollaSettings(
        **{name: convert(answer[name]) for name, convert in _ANSWER.items()},
        inputs=(*config_names, *answer["inputs"]),
        python=python,
    )


def _cache_key(request: SourceRequest, package: Path, configs: Iterable[str]) -> str:
    """Return a digest of all that the result depends on: settings, their files, Kolla's code."""
    code_files = [
        (str(path.relative_to(package)), path.stat().st_mtime_ns, path.stat().st_size)
        for pattern in _CODE_FILES
        for path in sorted(package.glob(pattern))
    ]
    releases = sorted(path.name for path in package.parent.glob("kolla-*-info"))
    texts = [_config_text(path, setting_origin(request, "kolla_conf")) for path in configs]
    options = [dict(request.options), names_key(request)]
    options += [field.name for field in fields(KollaSettings)]
    options += SECTION_KEYS
    parts = [*options, str(package), code_files, releases, texts, sys.prefix]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _config_text(path: str, origin: Origin) -> str:
    try:
        return read_bounded(Path(path), path, LARGEST_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"kolla_conf {path} cannot be read: {read_error(error)}"
        raise InputError(problem, where=origin) from error


def setting_origin(request: SourceRequest, name: str) -> Origin:
    """Return the line that wrote a setting last, or the first line of the settings."""
    spellings = {name, f"{name}+", f"{name}-"}
    for layer in reversed(request.layers):
        if keys := spellings & layer.values.keys():
            return layer.origin((keys.pop(),))
    return request.origin


def _as_list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def _paths(root: Path, names: Iterable[str] | None) -> list[str]:
    return [str(root / name) for name in names or ()]
