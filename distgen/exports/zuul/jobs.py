"""The jobs of images: build, upload and promote, chained as the images are, and what runs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distgen.exports.zuul.inputs import ImageProjects, escape
from distgen.exports.zuul.options import ZuulOptions
from distgen.exports.zuul.yaml import Anchored
from distgen.model.catalogue import Image
from distgen.model.reference import parse_reference

Stanza = Mapping[str, Any]
ACTS = ("build", "upload", "promote")
PIPELINES = {"check": "build", "gate": "upload", "promote": "promote"}
LONGEST_NAME = 255
"""Zuul's database keeps no more of the name of a job, or of what it provides."""
_PLAYBOOKS = "playbooks/distgen"


@dataclass(frozen=True, slots=True)
class JobImage:
    """An image with all that its jobs say.

    `files` are patterns of the files that it is made from; `parents` are those of its parents
    that have jobs as well.
    """

    image: Image
    files: tuple[str, ...]
    projects: ImageProjects
    parents: tuple[Image, ...]


def job_name(act: str, image: Image, options: ZuulOptions) -> str:
    """Return the name of a job of an image."""
    return f"{options.prefix}-{act}-image-{_slug(image)}"


def artifact_name(image: Image) -> str:
    """Return what the jobs of an image provide, and those of its children require."""
    return f"{_slug(image)}-container-image"


def _slug(image: Image) -> str:
    return f"{image.namespace}-{image.name}-{image.stream.name}"


def base_stanzas(namespaces: Iterable[str], options: ZuulOptions) -> list[Stanza]:
    """Return the jobs that those of images inherit from.

    Each job with a secret names its playbook: Zuul gives a secret to the playbooks of the same
    job alone.
    """
    variables = {
        "distgen_install": options.install,
        "distgen_project": options.project,
        "distgen_folder": options.catalogue.rstrip("/"),
    }
    top: dict[str, Any] = {
        "name": f"{options.prefix}-image",
        "parent": options.parent,
        "abstract": True,
        "description": "What all jobs of images have: distgen, an engine, and their logs.",
        "timeout": 7200,
        "pre-run": f"{_PLAYBOOKS}/pre.yaml",
        "post-run": f"{_PLAYBOOKS}/post.yaml",
        "vars": {key: text for key, text in variables.items() if text},
    }
    if options.project:
        top["required-projects"] = [options.project]
    stanzas: list[Stanza] = [
        {"job": {key: value for key, value in top.items() if value}},
        {
            "job": {
                "name": _parent_job("build", "", options),
                "parent": f"{options.prefix}-image",
                "abstract": True,
                "description": "Builds an image as it will be, and the parents that it needs.",
                "run": f"{_PLAYBOOKS}/build.yaml",
            }
        },
    ]
    for namespace in sorted(namespaces):
        stanzas += [_secret_job(act, namespace, options) for act in ("upload", "promote")]
    return stanzas


def _secret_job(act: str, namespace: str, options: ZuulOptions) -> Stanza:
    texts = {
        "upload": "Builds an image and uploads it under tags of the change.",
        "promote": "Gives what was uploaded for a change the tags of its stream.",
    }
    secret = {"name": "container_registry_credentials", "secret": options.secret_of(namespace)}
    job: dict[str, Any] = {
        "name": _parent_job(act, namespace, options),
        "parent": f"{options.prefix}-image",
        "abstract": True,
        "description": texts[act],
        "secrets": [secret],
        "run": f"{_PLAYBOOKS}/{act}.yaml",
    }
    if options.project:
        # Zuul adds both to a job with a secret, but neither in a config project, and only the
        # former where a job says that alone: then any project could run it.
        job |= {"post-review": True, "allowed-projects": [options.project]}
    return {"job": job}


def _parent_job(act: str, namespace: str, options: ZuulOptions) -> str:
    name = f"{options.prefix}-{act}-images"
    return name if act == "build" else f"{name}-of-{namespace}"


def image_stanzas(streams: Sequence[JobImage], options: ZuulOptions) -> list[Stanza]:
    """Return the jobs of one image in its streams, and what lets them run."""
    anchors = _anchor_names([entry.image.stream.name for entry in streams])
    stanzas = [
        _image_job(act, entry, anchors[entry.image.stream.name], options)
        for entry in streams
        for act in ACTS
    ]
    stanzas.append({"project": _project(streams, anchors, options)})
    if options.project and (
        jobs := [_template_job(entry, options) for entry in streams if _branches(entry)]
    ):
        image = streams[0].image
        template = {
            "name": f"{options.prefix}-image-{image.namespace}-{image.name}",
            "description": f"Builds {image.full_name} with a change of what goes into it.",
            "check": {"jobs": jobs},
            "gate": {"jobs": jobs},
        }
        stanzas.append({"project-template": template})
    return stanzas


def _image_job(act: str, entry: JobImage, anchor: str, options: ZuulOptions) -> Stanza:
    image = entry.image
    job: dict[str, Any] = {
        "name": job_name(act, image, options),
        "parent": _parent_job(act, image.namespace, options),
        "description": f"{act.capitalize()} {image.reference}.",
        "dependencies": [
            {"name": job_name(act, parent, options), "soft": True} for parent in entry.parents
        ],
        "vars": {
            "distgen_image": image.key,
            "distgen_parents": [parent.reference for parent in entry.parents],
            "container_images": Anchored(f"images{anchor}", [_container_image(entry)]),
        },
    }
    if act != "promote":
        job["provides"] = artifact_name(image)
        job["requires"] = [artifact_name(parent) for parent in entry.parents]
        job["required-projects"] = list(entry.projects.names)
    return {"job": {key: value for key, value in job.items() if value}}


def _container_image(entry: JobImage) -> Mapping[str, Any]:
    """Return an image in the words of zuul-jobs' roles; `context` is a folder of `render -o`."""
    image = entry.image
    reference = parse_reference(image.reference)
    item: dict[str, Any] = {
        "context": f"{image.full_name}/{image.stream.name}",
        "registry": reference.registry,
        "repository": reference.name,
        "tags": [tag for tag in dict.fromkeys((reference.tag, *image.stream.tags)) if tag],
    }
    if image.platforms:
        item["arch"] = list(image.platforms)
    if entry.projects.siblings:
        item["siblings"] = list(entry.projects.siblings)
    return item


def _project(
    streams: Sequence[JobImage], anchors: Mapping[str, str], options: ZuulOptions
) -> Mapping[str, Any]:
    """Return what runs the jobs for changes of the files that the image is made from."""
    return {
        pipeline: {
            "jobs": [
                {
                    job_name(act, entry.image, options): {
                        "files": Anchored(
                            f"files{anchors[entry.image.stream.name]}", list(entry.files)
                        )
                    }
                }
                for entry in streams
            ]
        }
        for pipeline, act in PIPELINES.items()
    }


def _template_job(entry: JobImage, options: ZuulOptions) -> Mapping[str, Any]:
    return {job_name("build", entry.image, options): {"branches": _branches(entry)}}


def _branches(entry: JobImage) -> list[str]:
    """Return patterns of the branches of the projects that go into an image."""
    if not entry.projects.sources:
        return []
    refs = {source.ref.removeprefix("refs/heads/") for source in entry.image.sources}
    return [f"^{escape(ref)}$" for ref in sorted(refs)]


def _anchor_names(streams: Sequence[str]) -> Mapping[str, str]:
    """Return the end of an anchor's name for each stream: empty for the only one.

    Anchors may hold letters, digits, `_` and `-`; of two names that are the same then, the
    later one gets its place as well.
    """
    if len(streams) == 1:
        return {streams[0]: ""}
    names: dict[str, str] = {}
    for place, stream in enumerate(streams):
        name = "_" + re.sub(r"[^A-Za-z0-9-]", "_", stream)
        while name in names.values():
            name += f"_{place}"
        names[stream] = name
    return names
