"""The steps of the role for Zuul, a file of tasks for each: what jobs of images do on a node."""

from __future__ import annotations

_INSTALL = """\
- name: Know the engine
  ansible.builtin.assert:
    that: distgen_engine in ['buildah', 'podman']
    fail_msg: distgen_engine has to be buildah or podman

- name: Look for the engine
  ansible.builtin.command:
    argv: ["{{ distgen_engine }}", --version]
  register: distgen_engine_found
  failed_when: false
  changed_when: false

- name: Install the engine
  ansible.builtin.package:
    name: "{{ distgen_engine }}"
  become: true
  when: distgen_engine_found.rc != 0

- name: Make an environment for distgen
  ansible.builtin.command:
    argv: [python3, -m, venv, "{{ distgen_venv }}"]
    creates: "{{ distgen_venv }}/bin/pip"
  when: distgen_install | length > 0

- name: Install distgen
  ansible.builtin.command:
    argv: ["{{ distgen_venv }}/bin/pip", install, "{{ distgen_install }}"]
    creates: "{{ distgen_venv }}/bin/distgen"
  when: distgen_install | length > 0

- name: Make the folder of the logs
  ansible.builtin.file:
    path: "{{ distgen_logs }}"
    state: directory
    mode: "0755"
"""

# `zuul.items` is a method of the mapping to Jinja, `zuul['items']` is the list.
_BUILD = """\
- name: Write down what Zuul merges
  ansible.builtin.copy:
    content: "{{ zuul['items'] | default([]) | to_json }}"
    dest: "{{ distgen_work }}/items.json"
    mode: "0644"

- name: Let siblings stand where the build looks for them
  ansible.builtin.set_fact:
    distgen_sibling_arguments: >-
      {{ distgen_sibling_arguments | default([])
         + ['--volume', distgen_home ~ '/' ~ zuul.projects[item].src_dir
            ~ ':/tmp/src/.zuul-siblings/' ~ item ~ ':O'] }}
  loop: "{{ container_images[0].siblings | default([]) }}"

- name: Build the image
  ansible.builtin.command:
    argv: >-
      {{ [distgen_command, 'build', '--rendered', '--engine', distgen_engine,
          '--zuul-items', distgen_work ~ '/items.json', '--logs', distgen_logs,
          '--results', distgen_logs ~ '/results.json', distgen_tls_option]
         + (['--test'] if distgen_tests | bool else [])
         + (['--with-parents'] if distgen_with_parents | default(true) else [])
         + (['--build-arg', 'ZUUL_SIBLINGS=' ~ container_images[0].siblings | join(' ')]
            if container_images[0].siblings | default([]) else [])
         + distgen_sibling_arguments | default([])
         + distgen_build_arguments + [distgen_image] }}
    chdir: "{{ distgen_catalogue }}"
"""

_LOGIN = """\
- name: Make a folder for the passwords
  ansible.builtin.tempfile:
    state: directory
    prefix: distgen-
  register: distgen_secret_folder

- name: Collect the passwords
  ansible.builtin.set_fact:
    distgen_auths: >-
      {{ distgen_auths | default({})
         | combine({item.key:
                    {'auth': (item.value.username ~ ':' ~ item.value.password) | b64encode}}) }}
  loop: "{{ container_registry_credentials | dict2items }}"
  no_log: true

- name: Write the passwords where the engine and distgen look for them
  ansible.builtin.copy:
    content: "{{ {'auths': distgen_auths | default({})} | to_json }}"
    dest: "{{ distgen_secret_folder.path }}/auth.json"
    mode: "0600"
  no_log: true
"""

_LOGOUT = """\
- name: Remove the passwords
  ansible.builtin.file:
    path: "{{ distgen_secret_folder.path }}"
    state: absent
  when: distgen_secret_folder.path is defined
"""

# What is built runs without the passwords on the node.
_UPLOAD = """\
- name: Forget the parents that an earlier job left on this node
  ansible.builtin.command:
    argv: ["{{ distgen_engine }}", rmi, --force, "{{ item }}"]
  loop: "{{ distgen_parents }}"
  register: distgen_forgotten
  changed_when: distgen_forgotten.rc == 0
  failed_when: false

- name: Take parents with the passwords of the registry
  block:
    - name: Log in
      ansible.builtin.include_tasks: login.yaml

    - name: Take the parents that jobs before this one uploaded
      ansible.builtin.include_tasks: parent.yaml
      loop: "{{ zuul.artifacts | default([]) }}"
      loop_control:
        loop_var: distgen_artifact
      # Other projects return artifacts too: only a parent is taken, and from its own repository.
      when:
        - distgen_artifact.metadata is defined
        - distgen_artifact.metadata.type | default('') == 'container_image'
        - (distgen_artifact.metadata.repository | default('') ~ ':'
           ~ distgen_artifact.metadata.tag | default('')) in distgen_parents
        - distgen_artifact.metadata.digest | default('') is match('sha256:[0-9a-f]{64}$')
  always:
    - name: Log out
      ansible.builtin.include_tasks: logout.yaml

- name: Build the image on these parents
  ansible.builtin.include_tasks: build.yaml
  vars:
    distgen_with_parents: false

- name: Upload with the passwords of the registry
  block:
    - name: Log in
      ansible.builtin.include_tasks: login.yaml

    - name: Upload the image
      ansible.builtin.include_tasks: push.yaml
      vars:
        distgen_tag: "{{ distgen_prefix }}{{ distgen_upload.1 }}"
      loop: "{{ container_images | subelements('tags') }}"
      loop_control:
        loop_var: distgen_upload
  always:
    - name: Log out
      ansible.builtin.include_tasks: logout.yaml
"""

_PARENT = """\
- name: Fetch the parent
  ansible.builtin.command:
    argv:
      - "{{ distgen_engine }}"
      - pull
      - --authfile
      - "{{ distgen_secret_folder.path }}/auth.json"
      - "{{ distgen_tls_option }}"
      - "docker://{{ distgen_artifact.metadata.repository }}@{{ distgen_artifact.metadata.digest }}"

- name: Call the parent as its children do
  ansible.builtin.command:
    argv:
      - "{{ distgen_engine }}"
      - tag
      - "{{ distgen_artifact.metadata.repository }}@{{ distgen_artifact.metadata.digest }}"
      - "{{ distgen_artifact.metadata.repository }}:{{ distgen_artifact.metadata.tag }}"
"""

_PUSH = """\
- name: Push the image under a tag of the change
  ansible.builtin.command:
    argv:
      - "{{ distgen_engine }}"
      - push
      - --authfile
      - "{{ distgen_secret_folder.path }}/auth.json"
      - "{{ distgen_tls_option }}"
      - --digestfile
      - "{{ distgen_work }}/digest"
      - "{{ distgen_upload.0.repository }}:{{ distgen_upload.0.tags[0] }}"
      - "docker://{{ distgen_upload.0.repository }}:{{ distgen_tag }}"

- name: Read its digest
  ansible.builtin.slurp:
    path: "{{ distgen_work }}/digest"
  register: distgen_digest

- name: Tell later jobs where it is
  zuul_return:
    data:
      zuul:
        artifacts:
          - name: "{{ distgen_upload.0.repository }}:{{ distgen_upload.1 }}"
            url: "docker://{{ distgen_upload.0.repository }}:{{ distgen_tag }}"
            metadata:
              type: container_image
              repository: "{{ distgen_upload.0.repository }}"
              tag: "{{ distgen_upload.1 }}"
              digest: "{{ distgen_digest.content | b64decode | trim }}"
"""

_PROMOTE = """\
- name: Promote what a change uploaded
  ansible.builtin.assert:
    that: zuul.change is defined
    fail_msg: only what was uploaded for a change can be promoted

- name: Promote with the passwords of the registry
  block:
    - name: Log in
      ansible.builtin.include_tasks: login.yaml

    - name: Move the tags
      ansible.builtin.command:
        argv:
          - "{{ distgen_command }}"
          - promote
          - --from
          - "{{ distgen_prefix }}{{ item.0.tags[0] }}"
          - --to
          - "{{ item.1 }}"
          - --record
          - "{{ distgen_logs }}/promoted-{{ item.1 }}.json"
          - "{{ distgen_image }}"
        chdir: "{{ distgen_catalogue }}"
      environment:
        REGISTRY_AUTH_FILE: "{{ distgen_secret_folder.path }}/auth.json"
      loop: "{{ container_images | subelements('tags') }}"
  always:
    - name: Log out
      ansible.builtin.include_tasks: logout.yaml
"""

_LOGS = """\
- name: Look for logs
  ansible.builtin.find:
    paths: "{{ distgen_logs }}"
    recurse: true
  register: distgen_log_files

- name: Keep the logs
  ansible.builtin.fetch:
    src: "{{ item.path }}"
    dest: "{{ zuul.executor.log_root }}/distgen/{{ item.path | relpath(distgen_logs) }}"
    flat: true
  loop: "{{ distgen_log_files.files }}"
  loop_control:
    label: "{{ item.path }}"
"""

TASKS = {
    "install": _INSTALL,
    "build": _BUILD,
    "login": _LOGIN,
    "logout": _LOGOUT,
    "upload": _UPLOAD,
    "parent": _PARENT,
    "push": _PUSH,
    "promote": _PROMOTE,
    "logs": _LOGS,
}
"""The tasks of each step by its name."""
