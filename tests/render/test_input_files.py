"""The files of the catalogue that an image is rendered from."""

import pytest

from distgen.catalogue.load import load_catalogue
from distgen.model.lock import Lock
from distgen.render.limited import LimitedRenderer
from distgen.render.renderer import Renderer

FILES = {
    "templates/_shared/labels.j2": "{% macro labels() %}LABEL a=b{% endmacro %}\n",
    "templates/_shared/tools.j2": "{% import '_shared/inner.j2' as inner %}{{ inner.line }}\n",
    "templates/_shared/inner.j2": "{% set line = 'RUN b' %}\n",
    "templates/_shared/unused.j2": "RUN c\n",
    "templates/app/template.yaml": "description: App\nvalues: {tools: {default: false}}\n",
    "templates/app/Dockerfile.j2": """\
        {% from "_shared/labels.j2" import labels %}
        FROM {{ base.reference }}
        {{ labels() }}
        {% if tools %}{% include "_shared/tools.j2" %}{% endif %}
        {% include "_shared/later.j2" ignore missing %}
        """,
    "templates/app/start.sh": "#!/bin/sh\n",
    "templates/app/{{ image.name }}.conf.j2": "a\n",
    "overlays/ns/namespace.yaml": "registry: quay.io/ns\nstreams: {master: }\n",
    "overlays/ns/app.yaml": "template: app\nfrom: scratch\n",
    "overlays/ns/tool.yaml": "template: app\nfrom: scratch\nvalues: {tools: true}\n",
    "overlays/ns/own.yaml": "template: app\nfrom: scratch\n",
    "overlays/ns/own/Dockerfile.j2": "{% extends 'app/Dockerfile.j2' %}\n",
    "overlays/ns/own/start.sh": "#!/bin/bash\n",
    "overlays/ns/own/patches/a.patch": """\
        --- a/start.sh
        +++ b/start.sh
        @@ -1 +1,2 @@
         #!/bin/bash
        +exit
        """,
}
APP = {
    "templates/app/Dockerfile.j2",
    "templates/app/start.sh",
    "templates/app/{{ image.name }}.conf.j2",
    "templates/_shared/labels.j2",
    "templates/_shared/later.j2",
}
TOOLS = {"templates/_shared/tools.j2", "templates/_shared/inner.j2"}
OWN = {
    "templates/app/Dockerfile.j2",
    "templates/app/{{ image.name }}.conf.j2",
    "templates/_shared/labels.j2",
    "templates/_shared/later.j2",
    "overlays/ns/own/Dockerfile.j2",
    "overlays/ns/own/start.sh",
    "overlays/ns/own/patches/a.patch",
}


@pytest.mark.parametrize("kind", [Renderer, LimitedRenderer])
def test_each_image_names_what_it_read_and_no_more(catalogue, kind):
    """Not what another image loads, nor what its own files replace, but what is missing as well."""
    loaded = load_catalogue(catalogue(FILES))
    renderer = kind(loaded, Lock())
    images = {image.name: image for image in loaded.images}
    for name in ("own", "tool", "app", "own"):  # each template is compiled once, at its first use
        renderer.tree(images[name])
        expected = {"app": APP, "tool": APP | TOOLS, "own": OWN}[name]
        paths = renderer.input_files(images[name])
        assert (set(paths), len(paths)) == (expected, len(expected)), name
    assert set(renderer.input_files(images["app"])) == APP  # of an image that was not the last one
