"""List what `distgen doctor` examines of a catalogue: tokens, clocks, repositories and forges."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from distgen.cli.prepare import find_creation
from distgen.cli.session import Session
from distgen.cli.tokens import add_tokens, places, secret
from distgen.doctor.clock import examine_clock
from distgen.doctor.examinations import Examination
from distgen.doctor.records import Diagnosis, error_diagnosis
from distgen.doctor.remotes import examine_local_repository, examine_repository
from distgen.errors import DistgenError
from distgen.forges.load import NO_FORGE
from distgen.git.auth import ask_credential_helpers
from distgen.git.location import Place
from distgen.git.run import Git
from distgen.model.catalogue import Catalogue, Image
from distgen.publish.repository_access import list_repositories


@dataclass(frozen=True)
class Patient:
    """What is examined, and with what; `scratch` is a repository with a probe.

    `git` shows no server a token.
    """

    session: Session
    git: Git
    catalogue: Catalogue
    images: tuple[Image, ...]
    scratch: Path
    seconds: float
    is_offline: bool


def list_examinations(patient: Patient) -> Iterator[Examination]:
    """Yield what is examined of servers, and of repositories on this machine."""
    repositories = list_repositories(patient.catalogue, patient.images)
    try:
        git = add_tokens(patient.session, patient.git, patient.catalogue, patient.images)
    except DistgenError:  # its own diagnosis says why
        git = patient.git
    if not patient.is_offline:
        yield from _clocks(patient, [repository.place for repository in repositories])
    creation = find_creation(patient.session, git, patient.catalogue)
    for repository in repositories:
        subject = str(repository.place)
        if repository.place.folder is not None:
            examine = partial(examine_local_repository, git, repository)
        elif patient.is_offline:
            continue
        else:
            examine = partial(examine_repository, git, patient.scratch, repository, creation)
        yield Examination("repository", subject, examine)
    if not patient.is_offline:
        yield from _forges(patient, git)


def examine_tokens(patient: Patient) -> Iterator[Diagnosis]:
    """Say where each namespace's token is, and never what it is."""
    for name, place in places(patient.catalogue, patient.images).items():
        where = patient.catalogue.namespaces[name].dist_git
        try:
            word = secret(patient.session, name, patient.catalogue)
        except DistgenError as error:
            subject = str(error.where) if error.where else name
            yield error_diagnosis("token", subject, error)
            continue
        source = where.token_env or where.token_file
        if word:
            in_variable = patient.session.environ.get(where.token_env, "").strip() == word
            subject = where.token_env if in_variable else where.token_file
            detail = "is set" if in_variable else "holds a token that only this user can read"
            yield Diagnosis("token", subject, "ok", detail)
        elif source:
            action = "set it, or name where the token is: dist_git.token_env, dist_git.token_file"
            yield Diagnosis("token", source, "error", "is empty or not set", action)
        elif not patient.is_offline and _helpers_know(patient, place):
            yield Diagnosis("token", place.server, "ok", "git's credential helpers know one")


def _helpers_know(patient: Patient, place: Place) -> bool:
    if not place.address.startswith("https://"):
        return False
    return ask_credential_helpers(patient.git, place.address) is not None


def _clocks(patient: Patient, repository_places: list[Place]) -> Iterator[Examination]:
    addresses = [place.address for place in repository_places if place.folder is None]
    namespaces = {image.namespace for image in patient.images}
    addresses += [patient.catalogue.namespaces[name].dist_git.api for name in sorted(namespaces)]
    parts = [urlsplit(address) for address in addresses if address.startswith("http")]
    servers = {f"{part.scheme}://{part.netloc.rpartition('@')[2]}/": part.netloc for part in parts}
    for url, server in servers.items():
        stop = patient.git.stop
        examine = partial(examine_clock, url, time.time, patient.seconds, stop)
        yield Examination("clock", server.rpartition("@")[2], examine)


def _forges(patient: Patient, git: Git) -> Iterator[Examination]:
    """Yield an examination of one repository of each namespace: all are on one forge."""
    for name, place in places(patient.catalogue, patient.images).items():
        forge = patient.catalogue.namespaces[name].dist_git.forge
        if forge != NO_FORGE and place.folder is None:
            examine = partial(_examine_forge, patient, git, name, forge)
            yield Examination("forge", str(place), examine)


def _examine_forge(patient: Patient, git: Git, namespace: str, forge: str) -> Iterator[Diagnosis]:
    # Their libraries take longer to start than a catalogue without a forge to examine.
    from distgen.cli.forge_accounts import accounts
    from distgen.doctor.forge_rights import examine_forge

    images = [image for image in patient.images if image.namespace == namespace]
    place = places(patient.catalogue, images)[namespace]
    account = accounts(patient.session, git, patient.catalogue, images)[namespace]
    yield from examine_forge(forge, place, account, patient.seconds)
