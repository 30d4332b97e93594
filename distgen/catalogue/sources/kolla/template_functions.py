"""Load the filters and functions that Kolla's own templates call."""

from __future__ import annotations

import importlib.util
import logging
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import jinja2

from distgen.catalogue.sources.kolla.data_files import read_once, yaml_reader
from distgen.catalogue.sources.kolla.options import KollaSettings
from distgen.errors import DistgenError


def load_functions(settings: KollaSettings) -> dict[str, dict[str, Any]]:
    """Load Kolla's filters and methods as modules of our own, which read each YAML text once."""
    folder = Path(settings.package) / "template"
    with _standing_in() if settings.python else nullcontext():
        filters = _module(folder / "filters.py")
        methods = _module(folder / "methods.py")
    load = getattr(methods, "_load_repos", None)
    if load is not None:
        methods._load_repos = read_once(load)  # type: ignore[attr-defined]
    methods.yaml = types.SimpleNamespace(safe_load=yaml_reader())  # type: ignore[attr-defined]
    # it logs a traceback before it raises, and a person sees the error that it raises
    methods.LOG = logging.getLogger(__name__)  # type: ignore[attr-defined]
    methods.LOG.disabled = True
    methods.raise_error = _raise_error  # type: ignore[attr-defined]
    return {
        "filters": {name: getattr(filters, name) for name in settings.filters},
        "methods": {name: getattr(methods, name) for name in settings.methods},
    }


@contextmanager
def _standing_in() -> Iterator[None]:
    """Give functions of another interpreter's Kolla its logger, which is all that they import."""
    names = ("kolla", "kolla.image", "kolla.image.utils", "kolla.common", "kolla.common.utils")
    before = {name: sys.modules.get(name) for name in names}
    for name in names:
        stand_in: Any = types.ModuleType(name)
        stand_in.LOG, stand_in.__path__ = logging.getLogger(__name__), []
        sys.modules[name] = stand_in
    try:
        yield
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


def _module(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"{__name__}.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DistgenError("Kolla's template functions cannot be loaded", where=path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise DistgenError(f"Kolla's template functions cannot be loaded: {error}") from error
    return module


def _raise_error(message: str) -> NoReturn:
    raise jinja2.TemplateRuntimeError(message)
