"""A small folder of images as tcib has them, and a role that writes their Dockerfiles.

Both are our own: they hold one of each thing that the real ones do.
"""

from __future__ import annotations

from collections.abc import Mapping

NAMESPACE = """
registry: quay.io/cloud
repository: openstack-{image}
source: tcib
tcib:
  path: images
  base: quay.io/centos/centos:stream9
  extras: {tcib_flavor: vanilla}
streams: {main: {tags: [current]}}
"""
ROLE = "roles/container_image_build"
TEMPLATE = """\
# A role's own header.

FROM {{ tcib_from }}
{% for key, value in tcib_labels.items() %}
LABEL {{ key }}={{ value | to_json }}
{% endfor %}
{% for key, value in tcib_envs.items() %}
ENV {{ key }}={{ value | to_json }}
{% endfor %}
USER root
{% if tcib_volumes | length > 0 %}
VOLUME {{ tcib_volumes }}
{% endif %}
{% for item in tcib_runs %}
{%   if item is iterable and item is not string %}
RUN {{ item | to_json }}
{%   else %}
RUN {{ item }}
{%   endif %}
{% endfor %}
{% for item in tcib_actions %}
{%   for key, value in item.items() %}
{%     if value is iterable and value is not string %}
{{ key.upper() }} {{ value | to_json }}
{%     else %}
{{ key.upper() }} {{ value }}
{%     endif %}
{%   endfor %}
{% endfor %}
{% if tcib_entrypoint | length > 0 %}
ENTRYPOINT {{ tcib_entrypoint.split() | to_json }}
{% endif %}
{% if tcib_user | length > 0 %}
USER {{ tcib_user }}
{% endif %}
"""
DEFAULTS = """\
tcib_labels: {}
tcib_envs: {}
tcib_volumes: []
tcib_runs: []
tcib_actions: []
tcib_entrypoint: ''
tcib_user: ''
tcib_gather_files: []
"""
BASE = """\
tcib_actions:
- run: dnf install -y {{ tcib_packages['common'] | join(' ') }} {{ tcib_package }}
- run: cp /usr/share/tcib/container-images/kolla/base/start.sh /usr/local/bin/start
- run: >-
    if [ '{{ tcib_distro }}' == 'centos' ]; then
    echo {{ tcib_release }}; fi
tcib_entrypoint: dumb-init --single-child --
tcib_envs: {TZ: UTC, LANG: C.UTF-8, container: oci}
tcib_labels: {maintainer: Someone, tcib_managed: True, text: "ü {{ tcib_flavor }}"}
tcib_packages: {common: [b, a]}
"""
SERVICE = """\
tcib_packages: ['service-{{ tcib_flavor }}']
tcib_volumes: ['/srv/{{ tcib_user }}', /var]
tcib_runs: [[echo, "{{ tcib_user }}"], "echo {{ tcib_packages | join(',') }}"]
tcib_actions:
- {workdir: /srv, env: "A={{ tcib_envs.A }}"}
- run: "{{ ['x', tcib_meta.name] }}"
- run: "{% for item in tcib_packages %}{{ item }};{% endfor %}"
- expose: 80
tcib_user: nobody
tcib_envs:
  B: "{{ true }}"
  A: 1
  C: "x{{ none }}"
  D: "{{ 1 }}"
  E: "{{ '1' }}"
  F: "{{ 1 }}{{ 2 }}"
  G: "{{ [1, 'a'] }}"
  H: "[1, {{ 2 }}]"
  I: "{{ 'é' }}"
  J: "{{ none }}"
  K: "{{ 'a' ~ 1 }} "
  L: "{{ tcib_volumes | map('upper') | list }}"
  M: "{{ {'b': 1, 'a': 2} | combine({'c': tcib_user}) }}"
  N: "{{ ['a', 'b', 'a'] | unique | difference(['b']) | join }}"
  O: "{{ '/a/b c' | basename | quote }}{{ 'yes' | bool | ternary('y', 'n') }}"
  P: "{% if true %}a{% endif %}"
  Q: "{{ 'aXb' | regex_replace('X', '-') | split('-') }}"
  R: "{{ [[1, [2]], 3] | flatten | union([4]) | intersect([1, 4]) }}"
"""
CONTAINERS = """\
container_images:
- imagename: quay.io/cloud/openstack-service:current
"""
FILES: Mapping[str, str] = {
    "distgen.yaml": "version: 1\n",
    "overlays/cloud/namespace.yaml": NAMESPACE,
    "images/containers.yaml": CONTAINERS,
    "images/kolla/base/start.sh": '#!/bin/sh\nexec "$@"\n',
    "images/tcib/base/base.yaml": BASE,
    "images/tcib/base/group/service/service.yaml": SERVICE,
    "images/tcib/base/group/other/other.yaml": "tcib_user: other\n",
    f"{ROLE}/templates/Containerfile.j2": TEMPLATE,
    f"{ROLE}/defaults/main.yml": DEFAULTS,
}
"""A catalogue with two images to publish and one that no list names."""
