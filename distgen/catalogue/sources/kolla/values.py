"""Turn Kolla's parsed configuration into the values, users and archives that its worker derives.

Kolla does this inside the class that also talks to the container engine, so it is repeated here.
The names that a release passes on are read from that release's own source.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from distgen.errors import InputError
from distgen.model.words import Origin
from distgen.text.suggest import did_you_mean

_PACKAGING = {"debian": ("apt", "deb"), "ubuntu": ("apt", "deb")}
SECTION_KEYS = ("type", "location", "reference", "enabled", "sha256")
"""What is kept of a section that says where a source comes from."""

_DEBIAN_ARCH = {"aarch64": "arm64", "x86_64": "amd64"}
_AS_THEY_ARE = (
    "base_arch",
    "base_image",
    "use_dumb_init",
    "docker_healthchecks",
    "openstack_release",
    "openstack_release_codename",
    "openstack_branch",
    "openstack_branch_slashed",
    "tag",
    "maintainer",
    "clean_package_cache",
)


def worker_names(package: Path) -> dict[str, tuple[str, ...]]:
    """Read which values, filters and methods this release of Kolla gives its templates.

    Kolla passes them inside one long method that also writes files, so they cannot be asked for,
    and a name that is missing would silently render as nothing.
    """
    tree = ast.parse((package / "image" / "kolla_worker.py").read_bytes())
    names = ("create_dockerfiles", "_get_filters", "_get_methods")
    return {
        function.name: tuple(_literal_keys(function))
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name in names
    }


def _literal_keys(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            for key in node.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value


def template_values(config: Any, conf: Any, root: Path, origin: Origin) -> dict[str, Any]:
    """Return the values that templates of any release get, but for the names of image and day."""
    manager, kind = _PACKAGING.get(conf.base, ("dnf", "rpm"))
    if conf.distro_package_manager is not None:
        manager = conf.distro_package_manager
    # Kolla sets the default of base_image on the object itself, where an item would not show it
    result = {name: getattr(conf, name) for name in _AS_THEY_ARE if name in conf}
    for name in ("repos_yaml", "patches_path"):
        result[name] = str(root / conf[name]) if conf[name] else conf[name]
    return result | {
        "base_distro": conf.base,
        "base_distro_tag": conf.base_tag,
        "base_package_type": conf.base_package_type or kind,
        "distro_package_manager": manager,
        "debian_arch": _DEBIAN_ARCH.get(conf.base_arch, conf.base_arch),
        "supported_distro_name": config.DISTRO_PRETTY_NAME.get(conf.base),
        "image_prefix": conf.image_name_prefix,
        "namespace": f"{conf.registry}/{conf.namespace}" if conf.registry else conf.namespace,
        "users": dict(_users(config, conf)),
        "rpm_setup": [
            _rpm_setup(file, origin) for file in conf.rpm_setup_config if file is not None
        ],
    }


def declare_section(config: Any, conf: Any, section: str, profiles: Iterable[str] = ()) -> None:
    """Register the options of a section that Kolla knows by its kind only."""
    cfg = importlib.import_module("oslo_config.cfg")
    if section == "profiles":
        new_names = [name for name in profiles if name not in conf.profiles]
        conf.register_opts([cfg.ListOpt(name, default=[]) for name in new_names], group=section)
    elif section not in conf:
        kind = (
            config.get_user_opts(None, None, group=section.removesuffix("-user"))
            if section.endswith("-user")
            else config.get_source_opts()
        )
        conf.register_opts(kind, group=section)


def name_patterns(config: Any, conf: Any, origin: Origin) -> tuple[str, ...]:
    """Return regular expressions; an image is built if its name matches one, or there is none."""
    if conf.regex or not conf.profile:
        return tuple(conf.regex or ())
    declare_section(config, conf, "profiles", conf.profile)
    patterns: list[str] = []
    for profile in conf.profile:
        if not conf.profiles[profile]:
            names = [name for name in conf.profiles if conf.profiles[name]]
            hint = did_you_mean(profile, names)
            raise InputError(f"Kolla has no profile {profile}", where=origin, hint=hint)
        patterns += conf.profiles[profile]
    return tuple(patterns)


def unbuildable_images(conf: Any, limits: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the images that Kolla says cannot be built for this base and architecture."""
    if conf.enable_unbuildable:
        return ()
    target = {conf.base, conf.base_arch}
    names = {name for tags in limits if set(tags.split("+")) <= target for name in limits[tags]}
    return tuple(sorted(names))


def pip_arguments(conf: Any) -> Iterator[str]:
    """Return the lines that newer releases put below the first FROM."""
    names = ("pip_index_url", "pip_trusted_host", "pip_extra_index_url")
    for name in filter(conf.__contains__, names):
        if conf[name]:
            yield f"ARG {name.upper()}"


def archive_sections(config: Any, conf: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the sections that say where Kolla fetches sources, plugins and additions from."""
    for section in _sections(conf):
        if "-plugin-" in section or "-additions-" in section:
            declare_section(config, conf, section)
        if section in conf and "location" in conf[section] and conf[section].type is not None:
            source = conf[section]
            yield section, {name: source[name] for name in SECTION_KEYS if name in source}


def _sections(conf: Any) -> list[str]:
    return sorted({*conf._groups, *conf.list_all_sections()})


def _users(config: Any, conf: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in _sections(conf):
        if section.endswith("-user"):
            declare_section(config, conf, section)
            user = conf[section]
            user_values = {"uid": user.uid, "gid": user.gid, "group": user.group}
            yield section.removesuffix("-user"), user_values


def _rpm_setup(file: str, origin: Origin) -> str:
    if file.endswith(".rpm"):
        return f"RUN dnf -y install {file}"
    if file.endswith(".repo") and file.startswith("http"):
        return f"RUN curl -L {file} -o /etc/yum.repos.d/{file.rpartition('/')[2]}"
    if file.endswith(".repo"):
        return f"COPY {file} /etc/yum.repos.d/"
    if file:
        raise InputError(f"rpm_setup_config takes .rpm and .repo files, not {file}", where=origin)
    return ""
