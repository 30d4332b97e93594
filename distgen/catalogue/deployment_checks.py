"""Refuses a deployment that could not start, or that shows a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from distgen.catalogue.cycles import find_cycle
from distgen.errors import InputError
from distgen.model.deployment import Deployment, EnvironmentValue, Service
from distgen.model.reference import parse_reference
from distgen.model.words import KeyPath, Origin
from distgen.text.suggest import did_you_mean

FindOrigin = Callable[[KeyPath], Origin]
"""Returns the line of a key below `deployment`."""

_SECRET_NAME = re.compile(
    r"(?:.*_)?(?:PASSWORD|PASSWD|PASS|PWD|SECRET|TOKEN|CREDENTIALS?"
    r"|(?:API|PRIVATE|ACCESS|SECRET)_?KEY)",
    re.IGNORECASE,
)
_SWITCHES = frozenset({"", "0", "1", "false", "no", "true", "yes"})
_URL_WITH_PASSWORD = re.compile(r"://[^\s/:@]*:[^\s/@$]+@")
_OPTION_WITH_SECRET = re.compile(
    r"""--?[a-z-]*(?:password|secret|token)=["']?[^\s$"']""", re.IGNORECASE
)
_EVERY_ADDRESS = "0.0.0.0"
_ENDS_NEVER = ("always", "unless-stopped")


def refuse_faults(deployment: Deployment, find_origin: FindOrigin) -> None:
    """Raise InputError for the first service that could not start, or that shows a secret."""
    services = {service.name: service for service in deployment.services}
    for service in deployment.services:

        def find(*key: str | int, name: str = service.name) -> Origin:
            return find_origin(("services", name, *key))

        _refuse_image(service, find("image"))
        for name, value in service.environment:
            if _shows_secret(name, value):
                raise InputError(
                    f"`{name}` holds a secret, and others read the file it would stand in",
                    where=find("environment", name),
                    hint=f"name a variable that holds it: `{name}: {{variable: {name}}}`",
                )
        _refuse_secret_words(service, find)
        for number, mount in enumerate(service.volumes):
            _refuse_mount(mount, service.volumes[:number], deployment, find("volumes", number))
        for name in dict(service.depends_on):
            _refuse_dependency(service, name, services, find("depends_on", name))
        if service.healthcheck and not service.is_external:
            raise InputError(
                f"`{service.image}` is an image of the catalogue, which brings its health check",
                where=find("healthcheck"),
                hint="write a HEALTHCHECK into its template",
            )
    _refuse_cycle(services, find_origin)
    _refuse_shared_port(deployment, find_origin)
    _refuse_unused_volume(deployment, find_origin)


def _refuse_image(service: Service, where: Origin) -> None:
    if not service.is_external:
        return
    reference = parse_reference(service.image, where)
    if reference.tag == "latest" or not (reference.tag or reference.digest):
        raise InputError(
            f"`{service.image}` is another image every time",
            where=where,
            hint="name a tag that is not `latest`, or a digest",
        )


def _shows_secret(name: str, value: EnvironmentValue) -> bool:
    if value.variable:
        return False
    if _URL_WITH_PASSWORD.search(value.text):
        return True
    is_switch = value.text.lower() in _SWITCHES
    return _SECRET_NAME.fullmatch(name) is not None and not is_switch


def _refuse_secret_words(service: Service, find: Callable[..., Origin]) -> None:
    test = service.healthcheck.test if service.healthcheck else ()
    for key, words in (("command", service.command), ("healthcheck", test)):
        if any(
            _URL_WITH_PASSWORD.search(word) or _OPTION_WITH_SECRET.search(word) for word in words
        ):
            raise InputError(
                f"`{key}` holds a secret, and others read the file it would stand in",
                where=find(key),
                hint="let a shell take it from the environment: `[sh, -c, ...]`",
            )


def _refuse_mount(
    mount: str, earlier: Sequence[str], deployment: Deployment, where: Origin
) -> None:
    source, target = mount.split(":")[:2]
    if not source.startswith("/") and source not in deployment.volumes:
        raise InputError(
            f"there is no volume `{source}`",
            where=where,
            hint=did_you_mean(source, deployment.volumes) or "list it below `volumes`",
        )
    if any(other.split(":")[1].rstrip("/") == target.rstrip("/") for other in earlier):
        raise InputError(f"`{target}` is mounted twice", where=where, hint="remove one of them")


def _refuse_dependency(
    service: Service, name: str, services: Mapping[str, Service], where: Origin
) -> None:
    if name not in services:
        raise InputError(
            f"there is no service `{name}`", where=where, hint=did_you_mean(name, services)
        )
    target, condition = services[name], dict(service.depends_on)[name]
    if condition == "service_healthy" and target.is_external and not target.healthcheck:
        raise InputError(
            f"whether `{name}` has a health check is not known",
            where=where,
            hint="give that service a `healthcheck`, or wait for `service_started`",
        )
    if condition == "service_completed_successfully" and target.restart in _ENDS_NEVER:
        raise InputError(
            f"`{name}` never completes: it is restarted (`restart: {target.restart}`)",
            where=where,
            hint="wait for `service_started`, or let it end",
        )
    # A service without profiles is always started, and then misses what only a profile starts.
    if target.profiles and not (service.profiles and {*service.profiles} <= {*target.profiles}):
        raise InputError(
            f"`{name}` is started with the profile {', '.join(target.profiles)} only, "
            f"`{service.name}` without it too",
            where=where,
            hint="give both the same profiles",
        )


def _refuse_cycle(services: Mapping[str, Service], find_origin: FindOrigin) -> None:
    cycle = find_cycle({name: dict(services[name].depends_on) for name in services})
    if cycle:
        raise InputError(
            f"services wait for each other: {' -> '.join(cycle)}",
            where=find_origin(("services", cycle[0], "depends_on", cycle[1])),
            hint="remove one of these conditions",
        )


def _refuse_shared_port(deployment: Deployment, find_origin: FindOrigin) -> None:
    users: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for service in deployment.services:
        for number, text in enumerate(service.ports):
            mapping, _, protocol = text.partition("/")
            address, _, port = mapping.rpartition(":")[0].rpartition(":")
            earlier = users.setdefault((port, protocol or "tcp"), [])
            for other, name in earlier:
                if other == address or {other, address} & {"", _EVERY_ADDRESS}:
                    raise InputError(
                        f"the service `{name}` has the port {port} already",
                        where=find_origin(("services", service.name, "ports", number)),
                        hint="publish one of them on another port",
                    )
            earlier.append((address, service.name))


def _refuse_unused_volume(deployment: Deployment, find_origin: FindOrigin) -> None:
    mounts = [mount for service in deployment.services for mount in service.volumes]
    used = {mount.partition(":")[0] for mount in mounts}
    for volume in deployment.volumes:
        if volume not in used:
            raise InputError(
                f"no service mounts the volume `{volume}`",
                where=find_origin(("volumes",)),
                hint="mount it, or remove it",
            )
