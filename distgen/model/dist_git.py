"""The record of where dist-git repositories go, and of how they are reached."""

from __future__ import annotations

from dataclasses import dataclass

from distgen.model.words import NOWHERE, Origin


@dataclass(frozen=True, slots=True)
class DistGit:
    """Where repositories go: `url` holds `{namespace}` and `{image}`; a relative one is local.

    `token_env` and `token_file` name where a token is, never the token itself.
    """

    url: str
    author: str
    forge: str
    origin: Origin = NOWHERE
    api: str = ""
    """The address of the forge's interface; empty: the usual one for `url`."""
    user: str = ""
    token_env: str = ""
    token_file: str = ""
    labels: tuple[str, ...] = ("distgen",)
    private: bool = False
    remote_only: bool = False
    """Whether publishing to a folder on this machine is refused."""
    public_url: str = ""
    """Where others reach the repositories; it goes into files that others read."""
    public_url_origin: Origin = NOWHERE
