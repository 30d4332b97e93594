"""Objects of Kubernetes as it takes them: by its own description, unknown keys refused."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DESCRIPTION = Path(__file__).parent.parent / "data" / "kubernetes-batch-v1.json"


@cache
def kubernetes_definitions() -> dict[str, Any]:
    """Return the schemas of objects and their parts by name."""
    definitions: dict[str, Any] = json.loads(DESCRIPTION.read_text())["definitions"]
    return definitions


def cron_job_problems(data: object) -> list[str]:
    """Return what is wrong with a CronJob."""
    schema = {
        "$ref": "#/definitions/io.k8s.api.batch.v1.CronJob",
        "definitions": kubernetes_definitions(),
    }
    errors = Draft202012Validator(schema).iter_errors(data)
    return sorted(f"{error.json_path}: {error.message}" for error in errors)
