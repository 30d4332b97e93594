"""Render images with a template that they are to share, and compare with what they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distgen.catalogue.load import load_catalogue
from distgen.errors import DistgenError
from distgen.git.temporary import scratch_folder
from distgen.importing.drafts import kept_files
from distgen.importing.factor import SharedTemplate
from distgen.importing.overlays import factored_yaml
from distgen.importing.records import ImageContext, KeptFile
from distgen.importing.write import write_kept
from distgen.model.lock import Lock
from distgen.render.renderer import Renderer

_OVERLAY = "template: verbatim\nfrom: scratch\n"


def describe_difference(
    template: SharedTemplate, contexts: Sequence[ImageContext], namespace: str
) -> str:
    """Say why a template does not give the bytes that its images had, "" where it does."""
    members = {context.name: context for context in contexts if context.name in template.values}
    with scratch_folder() as folder:
        root = folder / "catalogue"
        write_kept(root, _catalogue_files(template, members, namespace))
        try:
            catalogue = load_catalogue(root)
            renderer = Renderer(catalogue, Lock())
            for image in catalogue.images:
                files = renderer.tree(image).files
                if files != members[image.name].trees[image.stream.name]:
                    return f"{image.full_name} would have other files"
        except DistgenError as error:
            return str(error)
    return ""


def _catalogue_files(
    template: SharedTemplate, members: Mapping[str, ImageContext], namespace: str
) -> list[KeptFile]:
    """Return a catalogue of the images alone; what they are built on does not matter."""
    streams = dict.fromkeys(stream for member in members.values() for stream in member.trees)
    lines = "".join(f"  {stream!r}: {{branch: b{n}}}\n" for n, stream in enumerate(streams))
    overlays = f"overlays/{namespace}"
    texts = {
        "distgen.yaml": "version: 1\n",
        f"{overlays}/namespace.yaml": f"registry: localhost:5000/x\nstreams:\n{lines}",
    }
    for name, member in members.items():
        names = "".join(f"- {stream!r}\n" for stream in member.trees)
        overlay = factored_yaml(_OVERLAY, template.name, template.values[name])
        texts[f"{overlays}/{name}.yaml"] = f"{overlay}streams:\n{names}"
    files = [KeptFile(path, text.encode()) for path, text in texts.items()]
    files += moved_files(f"templates/{template.name}", template.files)
    for name in members:
        files += moved_files(f"{overlays}/{name}", kept_files(template.rest[name]))
    return files


def moved_files(folder: str, files: Sequence[KeptFile]) -> list[KeptFile]:
    """Return files as they stand below a folder."""
    return [KeptFile(f"{folder}/{file.path}", file.content, file.executable) for file in files]
