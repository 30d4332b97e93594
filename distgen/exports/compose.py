"""Turns the deployment of a namespace into a compose file for each of its streams.

The format: https://github.com/compose-spec/compose-spec. Programs that knew earlier versions only
do not take the key `name`, so the name of the folder is the name of the project.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from distgen.exports.healthchecks import has_healthcheck
from distgen.exports.records import ExportFormat, ExportResult, RefusedImage, Selection
from distgen.exports.unique_names import unique_names
from distgen.model.catalogue import Image, Namespace
from distgen.model.deployment import Deployment, EnvironmentValue, Service
from distgen.model.lock import Lock
from distgen.model.reference import split_reference
from distgen.model.rendered import File
from distgen.schema.yaml_writer import dump_yaml

FILE = "compose.yaml"
_HEALTHY = "service_healthy"
_LATEST = "latest"
_FOREIGN = re.compile("[^a-z0-9_-]")
Place = tuple[Namespace, Deployment, str]
"""A deployment of a namespace, and the stream that it is written for."""


def write_compose(selection: Selection) -> ExportResult:
    """Return a compose file for each deployment all of whose images are selected."""
    images = {image.key: image for image in selection.images}
    files, refused, warnings = [], [], []
    folders = _folders(selection.namespaces)
    places = tuple(_places(selection.images, selection.namespaces))
    for namespace, deployment, stream in places:
        name = f"{namespace.name}@{stream}"
        services = [service for service in deployment.services if not service.is_external]
        keys = {service.image_key(stream) for service in services}
        if missing := sorted(keys - images.keys()):
            warnings.append(f"the deployment of {name} needs {', '.join(missing)} as well")
            continue
        reasons = list(_refusals(deployment, stream, images, selection))
        refused += [
            RefusedImage(key, f"{reason}; {name} is not written") for key, reason in reasons
        ]
        if not reasons:
            text = _header(namespace) + dump_yaml(
                _compose_file(deployment, stream, images, selection.lock)
            )
            files.append(File(f"{folders[name]}/{FILE}", text.encode()))
    if not places:
        warnings.append("no namespace of these images has a `deployment`")
    return ExportResult(tuple(files), tuple(dict.fromkeys(refused)), tuple(warnings))


def images_to_render(
    images: Sequence[Image], namespaces: Mapping[str, Namespace]
) -> frozenset[str]:
    """Return the keys of the images whose health checks matter, and of those they build on."""
    parents = {image.key: image.base.image for image in images if image.base}
    ahead = [
        service.image_key(stream)
        for _, deployment, stream in _places(images, namespaces)
        for service in _waited_for(deployment)
    ]
    keys: set[str] = set()
    while ahead:
        key = ahead.pop()
        if key not in keys and key in parents:
            keys.add(key)
            ahead += [parent for parent in (parents[key],) if parent]
    return frozenset(keys)


def _places(images: Sequence[Image], namespaces: Mapping[str, Namespace]) -> Iterator[Place]:
    """Yield the deployments that have to do with images, by namespace and stream."""
    selected = {(image.namespace, image.stream.name) for image in images}
    for name, namespace in sorted(namespaces.items()):
        deployment = namespace.deployment
        if deployment is not None:
            for stream in namespace.streams:
                if (name, stream.name) in selected and deployment.is_for(stream.name):
                    yield namespace, deployment, stream.name


def _folders(namespaces: Mapping[str, Namespace]) -> dict[str, str]:
    """Return the folder of each deployment by namespace and stream: the name of a project.

    Compose drops other letters from a name, and containers of two projects of one name would meet.
    """
    spellings = {
        f"{namespace.name}@{stream.name}": _FOREIGN.sub(
            "_", f"{namespace.name}-{stream.name}".lower()
        )
        for namespace in namespaces.values()
        for stream in (namespace.streams if namespace.deployment else ())
    }
    exact = {key for key, name in spellings.items() if key.replace("@", "-") == name}
    return unique_names(spellings, exact)


def _waited_for(deployment: Deployment) -> list[Service]:
    """Return the services with images of the catalogue that others wait for to be healthy."""
    names = {
        name
        for service in deployment.services
        for name, condition in service.depends_on
        if condition == _HEALTHY
    }
    return [
        service
        for service in deployment.services
        if service.name in names and not service.is_external
    ]


def _refusals(
    deployment: Deployment, stream: str, images: Mapping[str, Image], selection: Selection
) -> Iterator[tuple[str, str]]:
    for service in _waited_for(deployment):
        key = service.image_key(stream)
        if not has_healthcheck(key, images, selection.trees):
            yield key, f"it has no health check, and others wait for `{service.name}` to be healthy"
    for service in deployment.services:
        if not service.is_external:
            image = images[service.image_key(stream)]
            if not _stable_reference(image, selection.lock):
                yield image.key, "its only tag is `latest`, which is another image every time"


def _stable_reference(image: Image, lock: Lock) -> str:
    """Return the reference of an image without `latest`, "" where that is all there is."""
    name, _, _ = split_reference(image.reference)
    tag = next((tag for tag in image.stream.tags if tag != _LATEST), "")
    locked = lock.bases.get(f"{name}:{tag or _LATEST}")
    digest = f"@{locked.digest}" if locked else ""
    if not tag:
        return f"{name}{digest}" if digest else ""
    return f"{name}:{tag}{digest}"


def _header(namespace: Namespace) -> str:
    assert namespace.deployment is not None
    return f"# Generated by distgen from {namespace.deployment.origin.path}; edit that instead.\n"


def _compose_file(
    deployment: Deployment, stream: str, images: Mapping[str, Image], lock: Lock
) -> dict[str, Any]:
    services = {}
    for service in deployment.services:
        image = service.image
        if service.is_external:
            locked = lock.bases.get(image)
            image += f"@{locked.digest}" if locked and "@" not in image else ""
        else:
            image = _stable_reference(images[service.image_key(stream)], lock)
        services[service.name] = _service(service, image)
    volumes: dict[str, Any] = {volume: {} for volume in deployment.volumes}
    return {"services": services, **({"volumes": volumes} if volumes else {})}


def _service(service: Service, image: str) -> dict[str, Any]:
    """Return a service as Compose has it; what is empty is left out."""
    keys: dict[str, Any] = {
        "image": image,
        "command": [_escape(word) for word in service.command],
        "environment": {name: _value(value) for name, value in service.environment},
        "ports": list(service.ports),
        "volumes": list(service.volumes),
        "depends_on": {name: {"condition": condition} for name, condition in service.depends_on},
        "healthcheck": _healthcheck(service),
        "restart": service.restart,
        "profiles": list(service.profiles),
    }
    return {key: value for key, value in keys.items() if value}


def _healthcheck(service: Service) -> dict[str, Any]:
    check = service.healthcheck
    if check is None:
        return {}
    keys: dict[str, Any] = {
        "test": [_escape(word) for word in check.test],
        "interval": check.interval,
        "timeout": check.timeout,
        "start_period": check.start_period,
        "retries": check.retries,
    }
    return {key: value for key, value in keys.items() if value}


def _value(value: EnvironmentValue) -> str:
    if value.variable:
        return f"${{{value.variable}:?set {value.variable}}}"
    return _escape(value.text)


def _escape(text: str) -> str:
    """Return a text that Compose, which replaces variables everywhere, takes as it is."""
    return text.replace("$", "$$")


FORMAT = ExportFormat(
    name="compose",
    place="beside",
    summary="Compose files that run the images of a namespace on one machine, one a stream.",
    write=write_compose,
    needs=frozenset({"trees"}),
    images_to_render=images_to_render,
)
