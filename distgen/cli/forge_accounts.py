"""Find out who speaks to the forge of each namespace, and where."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from distgen.cli.session import Session
from distgen.cli.tokens import places, secret, token, user
from distgen.forges.addresses import host_name
from distgen.forges.forge import plan_creation
from distgen.forges.load import NO_FORGE, load_forge
from distgen.forges.records import Account, RepositoryProfile
from distgen.forges.session import LONGEST_WAIT
from distgen.git.auth import ask_credential_helpers, token_for
from distgen.git.location import Place
from distgen.git.run import Git
from distgen.http import HttpPolicy
from distgen.model.catalogue import Catalogue, Image
from distgen.publish.options import RepositoryCreation
from distgen.publish.repository_access import Repository


def accounts(
    session: Session, git: Git, catalogue: Catalogue, images: Collection[Image]
) -> Mapping[str, Account]:
    """Return the account for each namespace; git may know the token that nobody named."""
    policy = HttpPolicy(
        git.retry.timeout,
        git.retry.attempts,
        report=session.say,
        longest_wait=LONGEST_WAIT,
        stop=git.stop,
    )
    accounts_by_name = {}
    for name, place in places(catalogue, images).items():
        where = catalogue.namespaces[name].dist_git
        word, user_name = secret(session, name, catalogue), user(where)
        # What git is given for the repository is refused here too when it would go unencrypted.
        from_helper = token(place, where, word)
        if not word and _has_api(where.forge) and host_name(place):
            from_helper = ask_credential_helpers(git, _web(place))
        if from_helper:
            word, user_name = from_helper.secret, from_helper.user
        if where.api and word:
            token_for(where.api, user_name, word)
        accounts_by_name[name] = Account(user_name, word, where.api, policy)
    return accounts_by_name


def creation(
    session: Session, git: Git, catalogue: Catalogue, repository: Repository, image: Image
) -> RepositoryCreation:
    """Return how to make the missing repository of an image on its forge."""
    profile = RepositoryProfile(
        description=image.description,
        topics=("distgen", "dist-git", image.namespace),
        private=catalogue.namespaces[image.namespace].dist_git.private,
    )
    return plan_creation(
        load_forge(repository.forge),
        repository.place,
        profile,
        lambda: accounts(session, git, catalogue, [image])[image.namespace],
    )


def _has_api(forge: str) -> bool:
    return forge != NO_FORGE and load_forge(forge).has_api


def _web(place: Place) -> str:
    return place.address if place.address.startswith("http") else f"https://{host_name(place)}/"
