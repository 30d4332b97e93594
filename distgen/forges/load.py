"""Turn the name that a catalogue gives a forge into the forge: its module is imported only then.

The names are those of `dist_git.forge` in the JSON Schema; each is the name of a module here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from distgen.forges.forge import Forge

NO_FORGE = "none"


def forge_names() -> tuple[str, ...]:
    """Return the names of all forges."""
    from distgen.schema.packaged import load_schema

    names = load_schema("config")["properties"]["dist_git"]["properties"]["forge"]["enum"]
    return tuple(name for name in names if name != NO_FORGE)


def load_forge(name: str) -> Forge:
    """Return the forge of that name."""
    # A forge's libraries take longer to import than most runs take, so none is imported before.
    return cast("Forge", importlib.import_module(f"distgen.forges.{name}").FORGE)
