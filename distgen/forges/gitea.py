"""Reviews on Gitea: as on Forgejo, which began as a copy of it."""

from __future__ import annotations

from distgen.forges import forgejo

FORGE = forgejo.FORGE
