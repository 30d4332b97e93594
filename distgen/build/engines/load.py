"""Turn the name of an engine into the engine: each module here with an `ENGINE` is one."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
from pathlib import Path

from distgen.build.engines.engine import Engine
from distgen.errors import InputError
from distgen.text.suggest import did_you_mean

_PREFERRED = ("buildah", "podman")
"""Tried in this order before all others: they need no daemon."""


def list_engines() -> tuple[Engine, ...]:
    """Return all engines, those first that are preferred."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = (importlib.import_module(f"distgen.build.engines.{name}") for name in names)
    engines = [module.ENGINE for module in modules if hasattr(module, "ENGINE")]
    ranks = {name: rank for rank, name in enumerate(_PREFERRED)}
    return tuple(sorted(engines, key=lambda engine: ranks.get(engine.name, len(ranks))))


def find_engine(name: str | None, path: str) -> Engine:
    """Return the engine of that name, or the first of which the program is in `path`."""
    engines = list_engines()
    chosen = [engine for engine in engines if name in (None, engine.name)]
    if not chosen:
        names = [engine.name for engine in engines]
        hint = did_you_mean(name or "", names) or f"one of {', '.join(names)}"
        raise InputError(f"there is no engine `{name}`", where="--engine", hint=hint)
    for engine in chosen:
        if shutil.which(engine.name, path=path):
            return engine
    packages = " or ".join(engine.package for engine in chosen)
    programs = ", ".join(engine.name for engine in chosen)
    missing = f"{programs} is not on PATH" if name else f"none of {programs} is on PATH"
    raise InputError(missing, hint=f"install the package {packages}")
