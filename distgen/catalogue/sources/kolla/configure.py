"""Let Kolla's own configuration make of settings what it makes of them for kolla-build.

It runs where Kolla is installed, which may be another interpreter than distgen's: modules that this
one imports need nothing but the standard library, Kolla, and what Kolla needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from distgen.catalogue.sources.kolla.package import find_kolla, images_folder, import_kolla
from distgen.catalogue.sources.kolla.question import KollaQuestion
from distgen.catalogue.sources.kolla.values import (
    archive_sections,
    declare_section,
    name_patterns,
    pip_arguments,
    template_values,
    unbuildable_images,
    worker_names,
)
from distgen.errors import DistgenError, InputError
from distgen.model.reference import names_a_registry
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
# Settings beside those of kolla-build.
_ADDITIONAL = frozenset(("archives", "build_date", "container_list", "kolla_conf", "python"))
_BASE_FILES = {"sources.list": "apt_sources_list", "apt_preferences": "apt_preferences"}


def answer_question(question: KollaQuestion) -> dict[str, Any]:
    """Return what Kolla makes of settings, under the names of KollaSettings' fields."""
    package = find_kolla(question.origin)
    modules = import_kolla(package)
    cfg = importlib.import_module("oslo_config.cfg")
    try:
        return _read_answer(question, package, modules)
    except cfg.Error as error:
        # Some settings are only looked at when they are asked for: sections that Kolla knows by
        # their kind, and what $NAME in a value stands for.
        problem = f"Kolla refuses its settings: {str(error).strip()}"
        raise InputError(problem, where=question.origin) from error


def _read_answer(
    question: KollaQuestion, package: Path, modules: tuple[Any, Any, Mapping[str, tuple[str, ...]]]
) -> dict[str, Any]:
    options, root, origin = question.options, Path(question.root), question.origin
    config, version, limits = modules
    conf = _parse_config(config, question)
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
    return {
        "release": str(release),
        "values": {name: values[name] for name in names["create_dockerfiles"]},
        "filters": names["_get_filters"],
        "methods": names["_get_methods"],
        "package": str(package),
        "folders": (images_folder(package), *_paths(root, conf.docker_dir)),
        "overrides": _paths(root, conf.template_override),
        "patterns": name_patterns(config, conf, question.find_origin("profile")),
        "unbuildable": unbuildable_images(conf, limits),
        "skip_parents": bool(conf.skip_parents),
        "arguments": tuple(pip_arguments(conf)),
        "archives": dict(archive_sections(config, conf)),
        "base_files": {
            name: str(root / conf[option]) for name, option in _BASE_FILES.items() if conf[option]
        },
        "inputs": tuple(_input_names(conf)),
    }


def _parse_config(config: Any, question: KollaQuestion) -> Any:
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
    for name, value in question.options.items():
        if name not in _ADDITIONAL:
            _set_option(config, conf, name, value, question.find_origin(name))
    try:
        arguments = [word for path in question.configs for word in ("--config-file", path)]
        config.parse(conf, arguments, prog="kolla-build", default_config_files=[])
    except (cfg.Error, ValueError) as error:
        problem = f"Kolla refuses its settings: {error}"
        raise InputError(problem, where=question.origin) from error
    _apply_names(conf, question)
    return conf


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


def _apply_names(conf: Any, question: KollaQuestion) -> None:
    """Set Kolla's options to what the namespace says, so that each FROM names what is published.

    Raise InputError where the settings of Kolla say something else.
    """
    for option, value in _name_options(conf, question).items():
        if not _is_chosen(conf, question, option):
            conf.set_override(option, value)
        elif conf[option] != value:
            raise InputError(
                f"Kolla's option {option} is `{conf[option]}`, and the namespace says `{value}`",
                where=question.find_origin(option),
                hint="say it in one of the two places",
            )


def _name_options(conf: Any, question: KollaQuestion) -> Mapping[str, str]:
    """Return Kolla's options that a namespace decides, with their values."""
    options: dict[str, str] = {}
    names = question.names
    registry, path = names.registry, names.path
    host, _, account = f"{registry}/{path}".strip("/").partition("/")
    if registry and not names_a_registry(host):
        raise InputError(
            f"the registry `{registry}` does not begin with the name of a host",
            where=names.origin,
            hint=f"write it in full, such as docker.io/{registry}",
        )
    if registry and account:
        options |= {"registry": host, "namespace": account}
    elif registry and _is_chosen(conf, question, "namespace"):
        options["registry"] = host
    elif registry and conf.registry != host:
        # Kolla has a namespace always, and joins the two with a slash.
        options["namespace"] = host
    elif path:
        options["namespace"] = path
    if names.is_prefixed:
        options["image_name_prefix"] = names.prefix
    # A tag that Kolla is told stands first, and those of the stream are further ones.
    if names.tags and not _is_chosen(conf, question, "tag"):
        options["tag"] = names.tags[0]
    return options


def _is_chosen(conf: Any, question: KollaQuestion, option: str) -> bool:
    """Tell whether the settings of Kolla, or a file that they name, give an option."""
    # Kolla sets defaults after it has read the settings, and they then count as where it is from.
    place = conf.get_location(option)
    return option in {name.replace("-", "_") for name in question.options} or bool(
        place is not None and place.location.is_user_controlled
    )


def _paths(root: Path, names: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(str(root / name) for name in names or ())
