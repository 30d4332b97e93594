"""Find the installed Kolla and its images, and import the parts that rendering needs.

It is an extra and slow to import, so it is imported by name and only when it must be.
"""

from __future__ import annotations

import importlib
import importlib.util
import site
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from distgen.errors import DistgenError, InputError
from distgen.model.words import Origin

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def find_kolla(origin: Origin) -> Path:
    """Return the folder of the kolla package, which is not imported for it."""
    spec = importlib.util.find_spec("kolla")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "`source: kolla` needs the kolla package",
            where=origin,
            hint="install it beside distgen, from distgen's checkout: pip install '.[kolla]'",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def import_kolla(package: Path) -> tuple[Any, Any, Mapping[str, tuple[str, ...]]]:
    """Import Kolla's options, its version, and which images cannot be built where."""
    try:
        with _without_commit(package), _fast_yaml():
            version = importlib.import_module("kolla.version")
            config = importlib.import_module("kolla.common.config")
        limits = importlib.import_module("kolla.image.unbuildable").UNBUILDABLE_IMAGES
    except ImportError as error:
        raise DistgenError(f"kolla cannot be imported: {error}", where=package) from None
    return config, version, limits


@contextmanager
def _without_commit(package: Path) -> Iterator[None]:
    """Spare an installed Kolla the search for its git commit, which imports all of setuptools."""
    pbr = importlib.import_module("pbr")
    if (package.parent / ".git").exists() or "pbr.git" in sys.modules:
        yield
        return
    without_git: Any = ModuleType("pbr.git")
    without_git.get_git_short_sha = lambda git_dir=None: ""
    sys.modules["pbr.git"] = pbr.git = without_git  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del sys.modules["pbr.git"], pbr.git


@contextmanager
def _fast_yaml() -> Iterator[None]:
    """Let Kolla read the YAML that it reads while it is imported with PyYAML's C parser."""
    slow = yaml.safe_load
    yaml.safe_load = lambda stream: yaml.load(stream, Loader=YAML_LOADER)
    try:
        yield
    finally:
        yaml.safe_load = slow


def read_error(error: OSError | UnicodeDecodeError) -> str:
    """Return why a file could not be read, in the words of the system."""
    return (error.strerror or "").lower() if isinstance(error, OSError) else "it is not UTF-8 text"


def images_folder(package: Path) -> str:
    """Find Kolla's images where kolla-build would: in the package, the checkout, or share/."""
    shares = [Path(sys.prefix), Path(sys.prefix, "local"), Path(site.getuserbase())]
    places = [package, package.parent, *(share / "share/kolla" for share in shares)]
    for place in places:
        if (place / "docker" / "base").is_dir():
            return str(place / "docker")
    raise DistgenError("the kolla package has no folder of images", where=package)
