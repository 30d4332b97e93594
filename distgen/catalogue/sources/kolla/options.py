"""Turn a namespace's `kolla:` settings into what Kolla's own configuration makes of them.

The `kolla` package is an extra and slow to import, so it is imported by name, and only when no
earlier run kept the result of the same settings.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.imported import SourceRequest
from distgen.catalogue.sources.cache import load_entry, save_entry
from distgen.catalogue.sources.kolla.image_names import apply_names, names_key
from distgen.catalogue.sources.kolla.package import (
    find_kolla,
    images_folder,
    import_kolla,
    read_error,
)
from distgen.catalogue.sources.kolla.places import LARGEST_FILE, refuse_far_setting
from distgen.catalogue.sources.kolla.values import (
    SECTION_KEYS,
    archive_sections,
    declare_section,
    name_patterns,
    pip_arguments,
    template_values,
    unbuildable_images,
    worker_names,
)
from distgen.errors import DistgenError, InputError
from distgen.model.words import Origin
from distgen.text.suggest import did_you_mean

# Options of kolla-build that nothing depends on that is rendered.
_WITHOUT_EFFECT = frozenset(
    (
        "build_args",
        "buildkit",
        "buildkit_builder",
        "cache",
        "config_dir",
        "config_file",
        "debug",
        "engine",
        "format",
        "keep",
        "list_dependencies",
        "list_images",
        "logs_dir",
        "network_mode",
        "podman_base_url",
        "pull",
        "push",
        "push_threads",
        "quiet",
        "retries",
        "save_dependency",
        "skip_existing",
        "squash",
        "squash_cleanup",
        "squash_tmp_dir",
        "summary",
        "summary_json_file",
        "template_only",
        "threads",
        "timeout",
        "work_dir",
    )
)
# Comparing two states of a catalogue reads both, again and again.
_STATES = 2
# Settings beside those of kolla-build.
_ADDITIONAL = frozenset(("archives", "kolla_conf", "build_date", "container_list"))
_BASE_FILES = {"sources.list": "apt_sources_list", "apt_preferences": "apt_preferences"}
_CODE_FILES = (
    "version.py",
    "common/*.py",
    "common/*.yaml",
    "image/kolla_worker.py",
    "image/unbuild*",
)


@dataclass(frozen=True, slots=True)
class KollaSettings:
    """What Kolla makes of the settings: plain values only, so that it can be kept.

    `values`, `filters` and `methods` are what templates see. `folders` hold the images, later ones
    laid over earlier; `overrides` are template override files. An image is built if its name is
    matched by one of `patterns` (or there are none) and it is not `unbuildable`. `arguments` are
    lines to add below the first FROM. `archives` are Kolla's source sections by name, `base_files`
    are files to copy into the base image's folder. `inputs` are the files and folders that settings
    name, as they name them.
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


def resolve_settings(request: SourceRequest, cache: Path | None, name: str) -> KollaSettings:
    """Resolve the settings, or take what an earlier run made of the same ones."""
    package = find_kolla(request.origin)
    config_names = _as_list(request.options.get("kolla_conf"))
    for config_name in config_names:
        refuse_far_setting(request, config_name)
    configs = _paths(request.root, config_names)
    key = _cache_key(request, package, configs)
    # the version of a git checkout is its commit, which no file of the package shows
    if (package.parent / ".git").exists():
        cache = None
    entry_name, root = f"kolla-settings-{name}", str(request.root)
    states = (load_entry(cache, entry_name) or {}).get("states", [])
    for state in states:
        # Where settings name no files, another folder with the same ones gives the same.
        is_same_place = state["root"] == root or not state["settings"]["inputs"]
        if state["key"] == key and is_same_place:
            return KollaSettings(**state["settings"])
    settings = _resolve_settings(request, package, configs)
    settings = replace(settings, inputs=(*config_names, *settings.inputs))
    state = {"key": key, "root": root, "settings": asdict(settings)}
    save_entry(cache, entry_name, {"states": [state, *states[: _STATES - 1]]})
    return settings


def _cache_key(request: SourceRequest, package: Path, configs: list[str]) -> str:
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


def _resolve_settings(request: SourceRequest, package: Path, configs: list[str]) -> KollaSettings:
    options, root, origin = request.options, request.root, request.origin
    config, version, limits = import_kolla(package)
    conf = _parse_config(config, request, configs)
    release = version.git_info or version.version_info.cached_version_string()
    names = worker_names(package)
    values = {
        **template_values(config, conf, root, origin),
        "kolla_version": release,
        "build_date": str(options.get("build_date", "")),
        "image_name": "",
    }
    if new_names := sorted(set(names["create_dockerfiles"]) - set(values)):
        raise DistgenError(
            f"Kolla {release} gives its templates {', '.join(new_names)}, unknown to this distgen",
            where=origin,
            hint="take a newer distgen or an older kolla",
        )
    return KollaSettings(
        release=str(release),
        values={name: values[name] for name in names["create_dockerfiles"]},
        filters=names["_get_filters"],
        methods=names["_get_methods"],
        package=str(package),
        folders=(images_folder(package), *_paths(root, conf.docker_dir)),
        overrides=tuple(_paths(root, conf.template_override)),
        patterns=name_patterns(config, conf, setting_origin(request, "profile")),
        unbuildable=unbuildable_images(conf, limits),
        skip_parents=bool(conf.skip_parents),
        arguments=tuple(pip_arguments(conf)),
        archives=dict(archive_sections(config, conf)),
        base_files={
            name: str(root / conf[option]) for name, option in _BASE_FILES.items() if conf[option]
        },
        inputs=tuple(_input_names(conf)),
    )


def _parse_config(config: Any, request: SourceRequest, configs: list[str]) -> Any:
    """Return Kolla's parsed configuration with the settings over it."""
    cfg = importlib.import_module("oslo_config.cfg")

    class Sealed(cfg.ConfigOpts):  # type: ignore[misc, name-defined]
        """Configuration that sees neither OS_* variables nor the files of the machine."""

        def __call__(self, *args: Any, **more: Any) -> None:
            super().__call__(*args, use_env=False, default_config_dirs=[], **more)

    conf = Sealed()
    for group, options in config.list_opts():
        conf.register_opts(options, group=group)
    # no host facts: without this Kolla takes the machine's own architecture
    conf.set_default("base_arch", "x86_64")
    for name, value in request.options.items():
        if name not in _ADDITIONAL:
            _set_option(config, conf, name, value, setting_origin(request, name))
    try:
        arguments = [word for path in configs for word in ("--config-file", path)]
        config.parse(conf, arguments, prog="kolla-build", default_config_files=[])
    except (cfg.Error, ValueError) as error:
        problem = f"Kolla refuses its settings: {error}"
        raise InputError(problem, where=request.origin) from error
    apply_names(conf, request, setting_origin)
    return conf


def setting_origin(request: SourceRequest, name: str) -> Origin:
    """Return the line that wrote a setting last, or the first line of the settings."""
    spellings = {name, f"{name}+", f"{name}-"}
    for layer in reversed(request.layers):
        if keys := spellings & layer.values.keys():
            return layer.origin((keys.pop(),))
    return request.origin


def _set_option(config: Any, conf: Any, name: str, value: Any, origin: Origin) -> None:
    option = name.replace("-", "_")
    if isinstance(value, Mapping) and option not in _WITHOUT_EFFECT:
        declare_section(config, conf, name, value)
        for key, inner in value.items():
            _override(conf, key.replace("-", "_"), inner, name, origin)
        return
    if option in _WITHOUT_EFFECT:
        raise InputError(
            f"kolla-build's option {name} changes nothing that is rendered",
            where=origin,
            hint="leave it out",
        )
    _override(conf, option, value, None, origin)


def _override(conf: Any, name: str, value: Any, group: str | None, origin: Origin) -> None:
    cfg = importlib.import_module("oslo_config.cfg")
    options = conf._groups[group]._opts if group else conf._opts
    section = f" in its section {group}" if group else ""
    if name not in options or name in _WITHOUT_EFFECT:
        hint = did_you_mean(name, options.keys() - _WITHOUT_EFFECT)
        raise InputError(f"Kolla has no option {name}{section}", where=origin, hint=hint)
    if isinstance(value, list | tuple):
        if not isinstance(options[name]["opt"], cfg.MultiOpt | cfg.ListOpt):
            problem = f"Kolla's option {name}{section} is one value, not a list"
            raise InputError(problem, where=origin)
        value = [str(item) for item in value]
    try:
        conf.set_override(name, value, group=group)
    except (cfg.Error, ValueError) as error:
        problem = f"Kolla refuses its option {name}{section}: {error}"
        raise InputError(problem, where=origin) from error


def _input_names(conf: Any) -> Iterator[str]:
    """Yield the files and folders that Kolla's options name, and that rendering reads."""
    yield from conf.docker_dir or ()
    yield from conf.template_override or ()
    for option in (*_BASE_FILES.values(), "repos_yaml", "patches_path"):
        if conf.get(option):
            yield str(conf[option])


def _as_list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def _paths(root: Path, names: Iterable[str] | None) -> list[str]:
    return [str(root / name) for name in names or ()]
