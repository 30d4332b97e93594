"""Records of a deployment: how the images of a namespace run together on one machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from distgen.model.words import NOWHERE, Origin

Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]


@dataclass(frozen=True, slots=True)
class EnvironmentValue:
    """A value as `text`, or the name of the `variable` that whoever starts the service has set."""

    text: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The health check of an external image; durations are as written, "" for the usual ones."""

    test: tuple[str, ...]
    interval: str = ""
    timeout: str = ""
    start_period: str = ""
    retries: int | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One container; `image` is `namespace/name`, with `@stream` for another one, or external."""

    name: str
    image: str
    is_external: bool
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, EnvironmentValue], ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    depends_on: tuple[tuple[str, Condition], ...] = ()
    healthcheck: HealthCheck | None = None
    restart: str = ""
    profiles: tuple[str, ...] = ()
    origin: Origin = NOWHERE

    def image_key(self, stream: str) -> str:
        """Return the key of its image of the catalogue in a deployment of `stream`."""
        return self.image if "@" in self.image else f"{self.image}@{stream}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Services in the order of their names, and the volumes that they mount.

    `streams` are those that it is written for, empty for all.
    """

    services: tuple[Service, ...]
    volumes: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    origin: Origin = NOWHERE

    def is_for(self, stream: str) -> bool:
        """Tell whether the deployment is written for a stream."""
        return not self.streams or stream in self.streams
