"""Select those of tcib's images that its list of containers names, and what they are built on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from distgen.catalogue.graph import reachable
from distgen.catalogue.sources.tcib.folders import ImageFolder, TcibFile
from distgen.catalogue.sources.tcib.settings import TcibSettings
from distgen.catalogue.sources.tcib.variables import short_name
from distgen.errors import InputError
from distgen.model.words import Origin
from distgen.text.suggest import did_you_mean

_LIST = "container_images"


def select_images(
    settings: TcibSettings, folders: Mapping[str, ImageFolder], where: Origin
) -> tuple[str, ...]:
    """Return the names of the images, without a list all of them; raise InputError for others."""
    for name in settings.excludes:
        if name not in folders:
            raise InputError(
                f"`excludes` names {name}, which is not an image of tcib",
                where=where,
                hint=did_you_mean(name, folders),
            )
    config = settings.config_file
    names = list(folders) if config is None else list(_listed_names(config, folders))
    chosen = [name for name in names if name not in settings.excludes]

    def parent(name: str) -> tuple[str, ...]:
        above = folders[name].parent
        if above in settings.excludes:
            raise InputError(
                f"`excludes` names {above}, and {name} is built on it",
                where=where,
                hint=f"exclude {name} as well",
            )
        return (above,) if above else ()

    return tuple(sorted(reachable(chosen, parent)))


def _listed_names(config: TcibFile, folders: Mapping[str, ImageFolder]) -> Iterator[str]:
    """Yield the names of the images in a list of containers."""
    entries = config.data.get(_LIST)
    if not isinstance(entries, list):
        raise InputError(f"holds no list `{_LIST}`", where=Origin(config.path, 1))
    for index, entry in enumerate(entries):
        text = entry.get("imagename") if isinstance(entry, dict) else None
        name = short_name(str(text)) if text else ""
        if name not in folders:
            raise InputError(
                f"there is no image {name or entry!r}",
                where=config.origin((_LIST, index)),
                hint=did_you_mean(name, folders),
            )
        yield name
