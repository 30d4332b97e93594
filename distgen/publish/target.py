"""Name the branch that an image in one stream is published to."""

from __future__ import annotations

from dataclasses import dataclass

from distgen.model.catalogue import Image
from distgen.model.words import EditPolicy


@dataclass(frozen=True, slots=True)
class BranchTarget:
    """The branch that a change is for; `downloads` are the addresses that the image fetches.

    `reason` says why the branch is retired, in the words of the person who retires it.
    """

    image: str
    stream: str
    url: str
    branch: str
    downloads: tuple[str, ...] = ()
    reason: str = ""
    on_edit: EditPolicy = ()

    @property
    def key(self) -> str:
        return f"{self.image}@{self.stream}"


def branch_target(image: Image, on_edit: EditPolicy = ()) -> BranchTarget:
    """Return the branch that `image` is published to; `on_edit` is what its namespace says."""
    downloads = tuple(download.url for download in image.downloads)
    return BranchTarget(
        image.full_name,
        image.stream.name,
        image.url,
        image.stream.branch,
        downloads,
        on_edit=(*image.on_edit, *on_edit),
    )
