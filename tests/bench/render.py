"""Compare rendering a catalogue with Jinja2 printing the same text, and many images with few.

Commands are compared with what they take without limits of processor time and memory.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jinja2 import DictLoader, Environment

from distgen.model.catalogue import (
    Catalogue,
    Image,
    Layer,
    Parent,
    Source,
    Stream,
    Template,
    TemplateFile,
)
from distgen.model.lock import Lock, LockedBase, LockedSource
from distgen.model.words import Origin
from distgen.render.context import template_context
from distgen.render.filters import FILTERS
from distgen.render.renderer import Renderer

# An installed package has its bytecode; a checkout would be compiled at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
LIMIT, GROWTH, MEMORY, LIMITED = 2.0, 11.0, 500, 1.1
FEW, MANY = 1000, 10_000
BASE, GIT = "docker.io/library/debian:bookworm-slim", "https://opendev.org/zuul/nodepool"

SHARED = {
    "_shared/apt.j2": """\
{% macro install(packages) %}
RUN apt-get update \\
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
{% for package in packages | unique | sort %}
        {{ package }} \\
{% endfor %}
    && apt-get clean \\
    && rm -rf /var/lib/apt/lists/*
{% endmacro %}
""",
}
FILES = {
    "Dockerfile.j2": """\
{% import "_shared/apt.j2" as apt %}
{% for name, source in sources | dictsort %}
ARG {{ name | upper | replace("-", "_") }}_GIT={{ source.git | dq }}
ARG {{ name | upper | replace("-", "_") }}_REF={{ source.checkout | dq }}
{% endfor %}

FROM {{ builders.builder.reference }} AS builder
COPY . /tmp/src
RUN assemble

FROM {{ base.reference }}
{% if packages %}
{{ apt.install(packages) }}
{% endif %}
{% for name, value in env | dictsort %}
ENV {{ name }}={{ value | dq }}
{% endfor %}
COPY --from=builder /output/ /output
RUN /output/install-from-bindep && rm -rf /output

LABEL org.opencontainers.image.title={{ image.full_name | dq }} \\
      org.opencontainers.image.description={{ image.description | dq }} \\
      org.opencontainers.image.version={{ image.tag | dq }} \\
      org.opencontainers.image.base.digest={{ base.digest | dq }}
{% if ports %}
EXPOSE {{ ports | join(" ") }}
{% endif %}
USER {{ user }}
ENTRYPOINT {{ ["dumb-init", "--"] | exec_form }}
CMD {{ cmd | exec_form }}
""",
    "start.sh.j2": """\
#!/bin/sh
set -eu

{% for name, value in env | dictsort %}
: "${{ "{" }}{{ name }}:={{ value }}{{ "}" }}"
export {{ name }}
{% endfor %}
exec {{ cmd | sh }} "$@"
""",
    "README.rst.j2": """\
{{ image.full_name }}
{{ "=" * (image.full_name | length) }}

{{ image.description }}.

Building
--------

::

   buildah bud -t {{ image.reference }} .

{% for name, source in sources | dictsort %}
``{{ name }}``
   {{ source.git }} at ``{{ source.ref }}`` (commit ``{{ source.commit }}``).
{% endfor %}

Where it comes from
-------------------

* Base image: ``{{ base.name }}:{{ base.tag }}``
{% for role, builder in builders | dictsort %}
* Image used as {{ role }}: ``{{ builder.name }}:{{ builder.tag }}``
{% endfor %}
* Stream ``{{ image.stream }}``, tags {% for tag in image.tags %}``{{ tag }}``{% endfor %}

""",
    ".dockerignore": ".git\n*.pyc\n",
}


def file(path, text):
    target = path.rpartition("/")[2].removesuffix(".j2")
    runs, prints = text.startswith("#!"), path.endswith(".j2")
    return TemplateFile(target, f"templates/{path}", text.encode(), prints, runs)


def image(number):
    return Image(
        namespace="opendev",
        name=f"app-{number:05}",
        stream=Stream("master", "master", ("latest",)),
        description=f"Service number {number} of the control plane",
        template="app",
        parents=(
            Parent("base", None, BASE),
            Parent("builder", "opendev/python-builder@master", "quay.io/opendevorg/builder:1"),
        ),
        sources=(Source("nodepool", GIT, "master"),),
        downloads=(),
        values={
            "packages": ["git", "curl", "gnupg2", "tini", f"lib{number % 7}"],
            "env": {"HOME": f"/var/lib/app{number}", "MODE": "production", "QUOTE": 'say "hi" $x'},
            "ports": [8080, 9000 + number % 100],
            "user": "app",
            "cmd": ["/usr/local/bin/app", "--number", str(number)],
        },
        layers=(),
        files=(),
        patches=(),
        reference=f"quay.io/opendevorg/app-{number:05}:latest",
        url=f"dist-git/opendev/app-{number:05}.git",
        origin=Origin(f"overlays/opendev/app-{number:05}.yaml"),
    )


def make_catalogue(count):
    files = {path: file(f"app/{path}", text) for path, text in FILES.items()}
    shared = {path: file(path, text) for path, text in SHARED.items()}
    shared |= {f"app/{path}": made for path, made in files.items() if made.is_rendered}
    layer = Layer("template", "templates/app/template.yaml", {})
    template = Template("app", "", {}, layer, tuple(files.values()))
    images = tuple(image(number) for number in range(count))
    lock = Lock(
        bases={BASE: LockedBase("sha256:" + "1" * 64)},
        sources={(GIT, "master"): LockedSource("2" * 40, "2024-05-01T12:00:00Z")},
    )
    return Catalogue(".", images, {"app": template}, {}, None, {}, shared), lock


def ours(count):
    """Return the processor seconds that all trees take; they stay in memory together."""
    catalogue, lock = make_catalogue(count)
    begin = time.process_time()
    renderer = Renderer(catalogue, lock)
    trees = [renderer.tree(image) for image in catalogue.images]
    assert len(trees) == count
    return time.process_time() - begin


def bare(count):
    """Return the processor seconds that a loop over compiled templates takes for the same text."""
    catalogue, lock = make_catalogue(count)
    seen = [{**image.values, **template_context(image, lock)} for image in catalogue.images]
    begin = time.process_time()
    loader = DictLoader({**SHARED, **FILES})
    environment = Environment(loader=loader, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(FILTERS)
    templates = [environment.get_template(path) for path in FILES if path.endswith(".j2")]
    texts = [[template.render(values).encode() for template in templates] for values in seen]
    assert len(texts) == count
    return time.process_time() - begin


def measured(kind, count):
    """Run one measurement in a process of its own: seconds, and MB at most."""
    command = [sys.executable, __file__, kind, str(count)]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(words[0]), float(words[1])


WITHOUT_LIMITS = """
from contextlib import nullcontext
from distgen.catalogue.timed_check import TimedCheck
from distgen.cli import work
from distgen.render.renderer import Renderer
from distgen.schema.check import refuse_mistakes

TimedCheck.running = lambda check: nullcontext()
TimedCheck.__call__ = lambda check, *arguments: refuse_mistakes(*arguments)
work.LimitedRenderer = lambda catalogue, lock, stop: Renderer(catalogue, lock)
"""
COMMAND = "import sys; from distgen.cli.main import main; sys.exit(main())"


def command_seconds(folder, prelude, words):
    """Return the processor seconds of a command and of all that it starts."""
    for name in ("catalogue/dist-git", "trees"):
        shutil.rmtree(folder / name, ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    script = [sys.executable, "-c", prelude + COMMAND, "-C", str(folder / "catalogue"), *words]
    environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    subprocess.run(script, check=True, capture_output=True, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def limits(words, folder):
    """Compare a command with the same without limits, each at its best."""
    seconds = {"": [], WITHOUT_LIMITS: []}
    for _ in range(3):
        for prelude, times in seconds.items():
            times.append(command_seconds(folder, prelude, words))
    limited, free = min(seconds[""]), min(seconds[WITHOUT_LIMITS])
    print(
        f"{words[0]}: {limited:.2f} s within limits, {free:.2f} s without:"
        f" {limited / free:.2f}x (at most {LIMITED}x)"
    )


def main():
    few = min(measured("ours", FEW)[0] for _ in range(5))
    jinja = min(measured("bare", FEW)[0] for _ in range(5))
    many, memory = min(measured("ours", MANY) for _ in range(5))
    print(
        f"render: {FEW} images {few:.2f} s, Jinja2 alone {jinja:.2f} s:"
        f" {few / jinja:.2f}x (at most {LIMIT}x)"
    )
    print(
        f"render: {MANY} images {many:.2f} s: {many / few:.1f}x of {FEW} (at most {GROWTH}x),"
        f" {memory:.0f} MB (at most {MEMORY} MB)"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        init = ["-m", "distgen", "init", "--no-git", str(folder / "catalogue")]
        subprocess.run([sys.executable, *init], check=True, capture_output=True)
        for words in (["render", "-o", str(folder / "trees")], ["lint"], ["publish"]):
            limits(words, folder)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        spent = {"ours": ours, "bare": bare}[sys.argv[1]](int(sys.argv[2]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(spent, peak)
    else:
        main()
