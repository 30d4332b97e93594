"""Reads the deployment of a namespace: services, and that all they name is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from distgen.catalogue.deployment_checks import refuse_faults
from distgen.catalogue.parents import References, is_external
from distgen.catalogue.records import Group
from distgen.errors import InputError
from distgen.model.catalogue import Stream
from distgen.model.deployment import Deployment, EnvironmentValue, HealthCheck, Service
from distgen.model.words import Origin
from distgen.schema.yaml import Document
from distgen.text.suggest import did_you_mean, suggest_nearest

KEY = "deployment"


def read_deployment(
    data: Mapping[str, Any], document: Document, streams: Iterable[Stream]
) -> Deployment | None:
    """Return the deployment of a namespace's data, None where it declares none."""
    if KEY not in data:
        return None
    keys = data[KEY]
    _refuse_unknown_streams(keys.get("streams", ()), document, [stream.name for stream in streams])
    services = tuple(
        _service(name, service, document.origin((KEY, "services", name)))
        for name, service in sorted(keys["services"].items())
    )
    volumes = tuple(sorted(keys.get("volumes", ())))
    deployment = Deployment(
        services, volumes, tuple(keys.get("streams", ())), document.origin((KEY,))
    )
    refuse_faults(deployment, lambda key: document.origin((KEY, *key)))
    return deployment


def refuse_unknown_images(groups: Iterable[Group], references: References) -> None:
    """Raise InputError for an image of a service that the catalogue does not have."""
    for group in groups:
        deployment = group.namespace.deployment
        if deployment is None:
            continue
        streams = [stream.name for stream in group.namespace.streams]
        for service in deployment.services:
            if service.is_external:
                continue
            where = group.document.origin((KEY, "services", service.name, "image"))
            for stream in streams:
                if deployment.is_for(stream):
                    _refuse_unknown_image(service.image_key(stream), references, where)


def _refuse_unknown_image(key: str, references: References, where: Origin) -> None:
    full_name, _, stream = key.partition("@")
    if full_name not in references:
        hint = suggest_nearest(full_name, references) or (
            "write `namespace/name`, or an external reference with its registry"
        )
        raise InputError(
            f"there is no image `{full_name}` in the catalogue", where=where, hint=hint
        )
    if stream not in references[full_name]:
        raise InputError(
            f"`{full_name}` has no stream `{stream}`",
            where=where,
            hint=f"it has {', '.join(references[full_name])}; name one behind `@`, or the "
            "`streams` that the deployment is for",
        )


def _refuse_unknown_streams(
    names: Iterable[str], document: Document, streams: Collection[str]
) -> None:
    for number, name in enumerate(names):
        if name not in streams:
            raise InputError(
                f"the namespace has no stream `{name}`",
                where=document.origin((KEY, "streams", number)),
                hint=did_you_mean(name, streams),
            )


def _service(name: str, keys: Mapping[str, Any], origin: Origin) -> Service:
    environment = sorted(keys.get("environment", {}).items())
    check = keys.get("healthcheck")
    return Service(
        name=name,
        image=keys["image"],
        is_external=is_external(keys["image"]),
        command=tuple(keys.get("command", ())),
        environment=tuple((key, _environment_value(value)) for key, value in environment),
        ports=tuple(keys.get("ports", ())),
        volumes=tuple(keys.get("volumes", ())),
        depends_on=tuple(sorted(keys.get("depends_on", {}).items())),
        healthcheck=_health_check(check) if check else None,
        restart=keys.get("restart", ""),
        profiles=tuple(keys.get("profiles", ())),
        origin=origin,
    )


def _environment_value(value: str | Mapping[str, str]) -> EnvironmentValue:
    if isinstance(value, str):
        return EnvironmentValue(text=value)
    return EnvironmentValue(variable=value["variable"])


def _health_check(keys: Mapping[str, Any]) -> HealthCheck:
    return HealthCheck(
        test=tuple(keys["test"]),
        interval=keys.get("interval", ""),
        timeout=keys.get("timeout", ""),
        start_period=keys.get("start_period", ""),
        retries=keys.get("retries"),
    )
