"""Read the `tcib:` settings of a namespace, and the role that its images are written with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distgen.catalogue.bounded import read_bounded
from distgen.catalogue.imported import SourceRequest
from distgen.catalogue.overlay import find_origin
from distgen.catalogue.sources.tcib.folders import LARGEST_FILE, TcibFile, read_yaml_file
from distgen.errors import InputError
from distgen.model.words import Origin
from distgen.text.suggest import did_you_mean

PREFIX = "tcib_"
PACKAGE = "python-tcib-containers"
_TEMPLATE, _DEFAULTS = "templates/Containerfile.j2", "defaults/main.yml"
# Where the role is in a checkout of tcib, and where its package installs it.
_ROLES = ("roles/container_image_build", "../ansible/roles/container_image_build")
_TEXTS = ("path", "base", "distro", "release", "package", "role", "config_file", "extra_config")
_KEYS = (*_TEXTS, "extras", "excludes", "labels")


@dataclass(frozen=True, slots=True)
class TcibSettings:
    """What the settings say, as `openstack tcib container image build` has its options.

    `folder` holds `tcib/` and `kolla/`. `extras` are variables of all images, `extra_config` ones
    that come before all others. `package` is "" where the files that it would install are to be
    in the repositories. `config_file` lists the images.
    """

    folder: Path
    template: str
    template_path: str
    defaults: Mapping[str, Any]
    base: str
    distro: str
    release: str
    package: str
    extras: Mapping[str, Any]
    excludes: frozenset[str]
    labels: Mapping[str, str]
    extra_config: Mapping[str, Any]
    config_file: TcibFile | None
    inputs: tuple[str, ...]


def read_settings(request: SourceRequest) -> TcibSettings:
    """Read the settings and the files that they name; raise InputError for the first mistake."""
    options = request.options
    _refuse_mistakes(request)
    folder = _folder(request)
    role = _role(request, folder)
    template = role / _TEMPLATE
    config = _optional_file(request, "config_file", folder / "containers.yaml")
    extra_config = _optional_file(request, "extra_config", None)
    return TcibSettings(
        folder=folder,
        template=_read_text(template, _name(request, template)),
        template_path=_name(request, template),
        defaults=read_yaml_file(role / _DEFAULTS, _name(request, role / _DEFAULTS)).data,
        base=options.get("base", "centos:stream9"),
        distro=options.get("distro", "centos"),
        release=options.get("release", "9"),
        package=options.get("package", PACKAGE) or "",
        extras=options.get("extras") or {},
        excludes=frozenset(options.get("excludes") or ()),
        labels=options.get("labels") or {},
        extra_config=extra_config.data if extra_config else {},
        config_file=config,
        inputs=tuple(_inputs(request, role)),
    )


def _refuse_mistakes(request: SourceRequest) -> None:
    for key, value in request.options.items():
        where = find_origin(request.layers, (key,)) or request.origin
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS) or f"one of {', '.join(_KEYS)}"
            raise InputError(f"`{key}` is not a setting of tcib", where=where, hint=hint)
        kinds = {"extras": dict, "labels": dict, "excludes": list}
        kind = kinds.get(key, str)
        if value is not None and not isinstance(value, kind):
            noun = {dict: "a map", list: "a list", str: "text"}[kind]
            raise InputError(f"`{key}` must be {noun}", where=where)
    for name in request.options.get("extras") or ():
        if not name.startswith(PREFIX):
            where = find_origin(request.layers, ("extras", name)) or request.origin
            raise InputError(
                f"`{name}` is not a variable of tcib",
                where=where,
                hint=f"its name must begin with `{PREFIX}`",
            )
    if "path" not in request.options:
        raise InputError(
            "the key `path` is missing",
            where=request.origin,
            hint="name the folder `container-images` of tcib",
        )


def _folder(request: SourceRequest) -> Path:
    name = str(request.options["path"])
    folder = request.root / name
    if not (folder / "tcib").is_dir():
        raise InputError(
            f"there is no folder {name}/tcib",
            where=_where(request, "path"),
            hint="name the folder `container-images` of a checkout of tcib, or of its package",
        )
    if ".git" in (part.lower() for part in folder.resolve().parts):
        raise InputError(f"{name} leads into a git repository", where=_where(request, "path"))
    return folder


def _role(request: SourceRequest, folder: Path) -> Path:
    if name := request.options.get("role"):
        places = [request.root / str(name)]
    else:
        places = [Path(os.path.normpath(folder / os.pardir / role)) for role in _ROLES]
    for place in places:
        if (place / _TEMPLATE).is_file() and (place / _DEFAULTS).is_file():
            return place
    raise InputError(
        f"the role container_image_build is not in {_name(request, places[0])}",
        where=_where(request, "role" if name else "path"),
        hint="name its folder with `role`",
    )


def _optional_file(request: SourceRequest, key: str, usual: Path | None) -> TcibFile | None:
    """Return the YAML of a file that a setting names, of the usual one where it is there."""
    if name := request.options.get(key):
        path = request.root / name
        if not path.is_file():
            raise InputError(f"there is no file {name}", where=_where(request, key))
        return read_yaml_file(path, name)
    name = _name(request, usual) if usual is not None else ""
    return read_yaml_file(usual, name) if usual is not None and usual.is_file() else None


def _inputs(request: SourceRequest, role: Path) -> Iterator[str]:
    yield from (
        str(request.options[key])
        for key in ("path", "config_file", "extra_config")
        if request.options.get(key)
    )
    root = request.root
    yield os.path.relpath(role, root) if not request.options.get("role") else str(role)


def _name(request: SourceRequest, path: Path) -> str:
    """Return the name of a file in messages: its path from the catalogue."""
    return os.path.relpath(path, request.root)


def _read_text(path: Path, name: str) -> str:
    try:
        return read_bounded(path, name, LARGEST_FILE).decode()
    except (OSError, UnicodeDecodeError):
        raise InputError("cannot be read as text", where=name) from None


def _where(request: SourceRequest, key: str) -> Origin:
    return find_origin(request.layers, (key,)) or request.origin
