"""Say in one digest what an image is made from, to know whether the engine's store has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from distgen.build.records import ContextFolder, PassedOptions


def digest_inputs(
    context: ContextFolder,
    parents: Mapping[str, str],
    passed: PassedOptions,
    environment: Mapping[str, str],
) -> str:
    """Return a digest of the files, their date, the id of each parent, and what is handed through.

    Nothing of it can be read back: build arguments may be secrets. One without a value has that of
    `environment`. What volumes and secrets hold is not in it, only what they are called.
    """
    inputs = {
        "tree": context.tree,
        "timestamp": context.timestamp,
        "parents": dict(parents),
        "build_args": [
            argument if "=" in argument else (argument, environment.get(argument))
            for argument in passed.build_args
        ],
        "volumes": passed.volumes,
        "secrets": passed.secrets,
        "network": passed.network,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
