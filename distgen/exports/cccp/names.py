"""The names that CentOS' container pipeline makes of an index, and the ids of its entries.

Source: CentOS/container-pipeline-service, `ccp/index_reader.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from distgen.model.catalogue import Image
from distgen.model.export_settings import ExportSettings

NAME = "cccp"
LARGEST_ID = 2**31 - 1
_PIPELINE = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_DASHED = str.maketrans("_/.:", "----")


def to_dashes(text: str) -> str:
    """Return a name as the reader of the index changes it."""
    return text.translate(_DASHED)


def settings_of(image: Image) -> ExportSettings | None:
    """Return what is said of the pipeline, None for an image that is not exported to it."""
    return next((settings for settings in image.exports if settings.format == NAME), None)


def desired_tag(image: Image) -> str:
    """Return the tag that the pipeline gives an image: the one that is set for it, or its first."""
    settings = settings_of(image)
    tags = settings.values.get("tag", {}) if settings else {}
    return str(tags.get(image.stream.name, image.stream.tags[0]))


def pipeline_name(image: Image) -> str:
    """Return the name of an image's pipeline: dots of the tag stay, those of the names do not."""
    namespace, name = to_dashes(image.namespace), to_dashes(image.name)
    return f"{namespace}-{name}-{desired_tag(image)}".lower()


def trigger_name(image: Image) -> str:
    """Return the pipeline that the reader makes of a dependency on an image."""
    return to_dashes(dependency(image))


def dependency(image: Image) -> str:
    """Return what `depends-on` says of an image: without a tag nothing is ever triggered."""
    return f"{image.full_name}:{desired_tag(image)}"


def pushed_name(image: Image) -> str:
    """Return where the pipeline pushes an image, below its registry."""
    name = f"{to_dashes(image.name)}:{desired_tag(image)}"
    namespace = to_dashes(image.namespace)
    return name if namespace == "library" else f"{namespace}/{name}"


def is_pipeline_name(name: str) -> bool:
    """Tell whether OpenShift takes a name; the reader leaves out entries with another."""
    return _PIPELINE.fullmatch(name) is not None


def make_ids(keys: Iterable[str]) -> Mapping[str, int]:
    """Return an id for each key, made from the key alone.

    Where two keys have one sum, the second in order is summed again with a count behind it. An
    image that is added or renamed leaves the ids of others alone, and gets none of theirs.
    """
    ids: dict[str, int] = {}
    used_numbers: set[int] = set()
    for key in sorted(keys):
        count = 0
        while (number := _number(f"{key}#{count}" if count else key)) in used_numbers:
            count += 1
        used_numbers.add(number)
        ids[key] = number
    return ids


def _number(text: str) -> int:
    # 0 counts as a missing id.
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % LARGEST_ID + 1
