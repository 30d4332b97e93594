"""Kolla's images, compared with what the installed kolla-build renders from the same settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from testing.kolla import DAY, files, generate, image_named, images_folder, kolla_files

pytest.importorskip("kolla")

OVERRIDE = """\
{% extends parent_template %}
{% set keystone_base_packages_append = ['an-extra-package'] %}
{% block base_footer %}
ENV PROXY="{{ env.http_proxy }}" NONE="{{ env.get('NOT_SET', 'nothing') }}"
{% endblock %}
"""


def kolla_build(work: Path, *arguments: str, environ: Mapping[str, str] = {}) -> None:
    """Run the real tool, which stops when it cannot import a client of an engine."""
    pytest.importorskip("docker")
    home = work / "home"
    home.mkdir(parents=True)
    command = [sys.executable, "-m", "kolla.cmd.build", "--template-only", "--work-dir", str(work)]
    subprocess.run(
        [*command, *arguments],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environ},
    )


def contexts(work: Path) -> dict[str, dict[str, bytes]]:
    """Return the files of each image that the real tool wrote, without templates and bytecode."""
    return {
        dockerfile.parent.name: {
            str(path.relative_to(dockerfile.parent)): path.read_bytes()
            for path in dockerfile.parent.rglob("*")
            if path.is_file() and path.name != "Dockerfile.j2" and path.parent.name != "__pycache__"
        }
        for dockerfile in (work / "docker").rglob("Dockerfile")
    }


# --- the same bytes ----------------------------------------------------------------------------


def test_every_image_has_the_bytes_of_kolla_build(tmp_path, cache):
    proxy = {"http_proxy": "http://proxy:3128"}
    kolla_build(tmp_path / "work", "--base", "debian", "--base-arch", "x86_64", environ=proxy)
    environ = {**proxy, "https_proxy": "http://secret:1"}
    source_images = generate(tmp_path, {"base": "debian", **DAY}, cache, environ)
    assert {image.name: kolla_files(image) for image in source_images.images} == contexts(
        tmp_path / "work"
    )


def test_overrides_profile_configuration_and_variables_have_the_bytes_of_kolla_build(
    tmp_path, cache
):
    (tmp_path / "override.j2").write_text(OVERRIDE)
    (tmp_path / "more.j2").write_text(
        "{% extends parent_template %}\n{% block base_header %}RUN echo more\n{% endblock %}\n"
    )
    (tmp_path / "kolla-build.conf").write_text(
        "[DEFAULT]\nmaintainer = Somebody\nopenstack_release = 2025.2\n"
        "rpm_setup_config = https://example.org/a.repo,b.rpm\n"
        "[profiles]\nsome = ^keystone,^horizon$\n"
        "[keystone-user]\nuid = 4711\n[other-user]\nuid = 1\ngid = 2\ngroup = other\n"
    )
    kolla_build(
        tmp_path / "work",
        *("--config-file", str(tmp_path / "kolla-build.conf"), "--base", "rocky"),
        *("--base-arch", "aarch64", "--base-tag", "10.1", "--tag", "t", "--profile", "some"),
        *("--template-override", str(tmp_path / "override.j2"), "--namespace", "some/where"),
        *("--template-override", str(tmp_path / "more.j2"), "--image-name-prefix", "pre-"),
        *("--nouse-dumb-init", "--registry", "registry.example.org"),
        environ={"http_proxy": "http://proxy:3128"},
    )
    options = {
        "kolla_conf": "kolla-build.conf",
        "base": "rocky",
        "base-arch": "aarch64",
        "base_tag": "10.1",
        "tag": "t",
        "profile": ["some"],
        "template_override": ["override.j2", "more.j2"],
        "namespace": "some/where",
        "image_name_prefix": "pre-",
        "use_dumb_init": False,
        "registry": "registry.example.org",
        **DAY,
    }
    environ = {"http_proxy": "http://proxy:3128", "SECRET": "secret"}
    source_images = generate(tmp_path, options, cache, environ)
    files_by_image = {image.name: kolla_files(image) for image in source_images.images}
    assert files_by_image == contexts(tmp_path / "work")
    assert b'ENV PROXY="http://proxy:3128" NONE="nothing"' in files_by_image["base"]["Dockerfile"]
    assert b"an-extra-package" in files_by_image["keystone-base"]["Dockerfile"]
    chosen = {name for name in files_by_image if not name.startswith("keystone")}
    assert chosen == {"base", "openstack-base", "horizon"}


def test_own_images_patches_and_regex_have_the_bytes_of_kolla_build(tmp_path, cache):
    folder = images_folder(
        tmp_path,
        {
            "mine": "FROM {{ namespace }}/{{ image_prefix }}base:{{ tag }}\n"
            '{% import "macros.j2" as macros with context %}\n'
            "{{ macros.kolla_patch_sources() }}\nUSER {{ image_name }}\n",
            "base": "FROM scratch\nLABEL build-date={{ build_date }}\n",
        },
    )
    (tmp_path / "patches/mine").mkdir(parents=True)
    (tmp_path / "patches/mine/series").write_text("# first\none.patch\nabsent.patch\n")
    (tmp_path / "patches/mine/one.patch").write_text("--- a\n+++ b\n")
    (tmp_path / "sources.list").write_text("deb http://example.org/ stable main\n")
    conf = f"[DEFAULT]\napt_sources_list = {tmp_path}/sources.list\n"
    (tmp_path / "kolla-build.conf").write_text(conf)
    kolla_build(
        tmp_path / "work",
        *("--config-file", str(tmp_path / "kolla-build.conf"), "--base", "ubuntu"),
        *("--docker-dir", str(tmp_path / folder), "--patches-path", str(tmp_path / "patches")),
        *("^mine$", "fluentd"),
    )
    options = {
        "base": "ubuntu",
        "base_arch": "x86_64",
        "docker_dir": [folder],
        "patches_path": "patches",
        "apt_sources_list": "sources.list",
        "regex": ["^mine$", "fluentd"],
        **DAY,
    }
    source_images = generate(tmp_path, options, cache)
    files_by_image = {image.name: kolla_files(image) for image in source_images.images}
    for name in files_by_image.keys() - {"mine"}:
        files_by_image[name].pop("patches/.gitkeep", None)
    assert files_by_image == contexts(tmp_path / "work")
    assert sorted(files(image_named(source_images, "mine"))) == [
        "Dockerfile",
        "patches/one.patch",
        "patches/series",
    ]


def test_a_later_run_renders_the_same_from_what_was_kept(tmp_path):
    options = {"base": "ubuntu", "regex": ["^cron$"]}
    cache_folder = tmp_path / "kept"
    first = generate(tmp_path, options, cache_folder)
    assert generate(tmp_path, options, cache_folder) == first == generate(tmp_path, options, None)
    for file in cache_folder.iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    assert generate(tmp_path, options, cache_folder) == first


def test_changed_settings_templates_and_files_are_never_taken_from_an_earlier_run(tmp_path, cache):
    folder = images_folder(tmp_path, {"mine": "FROM scratch\nENV A={{ maintainer }}\n"})
    conf = tmp_path / "kolla-build.conf"
    conf.write_text("[DEFAULT]\nmaintainer = one\n")
    options = {"docker_dir": [folder], "regex": ["^mine$"], "kolla_conf": "kolla-build.conf"}

    def text(more: Mapping[str, Any]) -> bytes:
        return files(image_named(generate(tmp_path, {**options, **more}, cache), "mine"))[
            "Dockerfile"
        ]

    assert text({}) == b"FROM scratch\nENV A=one"
    conf.write_text("[DEFAULT]\nmaintainer = two\n")
    assert text({}) == b"FROM scratch\nENV A=two"
    assert text({"maintainer": "three"}) == b"FROM scratch\nENV A=three"
    (tmp_path / folder / "mine/Dockerfile.j2").write_text("FROM scratch\nENV B={{ maintainer }}\n")
    assert text({}) == b"FROM scratch\nENV B=two"


def test_two_states_are_kept_at_once_wherever_they_lie(tmp_path):
    """A comparison with an earlier state made each later run resolve the settings anew."""
    states = [{"base": "debian", "regex": ["^cron$"], "maintainer": name} for name in "ab"]
    cache_folder = tmp_path / "kept"
    for options in states:
        generate(tmp_path, options, cache_folder)
    (settings,) = cache_folder.glob("kolla-settings-*")
    kept = settings.stat().st_mtime_ns
    for place in ("one", "two"):
        for options in states:
            generate(tmp_path / place, options, cache_folder)
    assert settings.stat().st_mtime_ns == kept


def test_files_of_one_folder_are_never_taken_for_those_of_another(tmp_path, cache):
    texts = {}
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        folder = images_folder(tmp_path / place, {"mine": f"FROM scratch\nENV A={place}\n"})
        options = {"docker_dir": [folder], "regex": ["^mine$"]}
        images = generate(tmp_path / place, options, cache)
        texts[place] = files(image_named(images, "mine"))["Dockerfile"]
    assert texts == {"one": b"FROM scratch\nENV A=one", "two": b"FROM scratch\nENV A=two"}


def test_bytecode_is_left_out(tmp_path):
    """pip compiles what it installs, so commits depended on the Python of a machine."""
    folder = images_folder(tmp_path, {"mine": "FROM scratch\nCOPY a.py /\n"})
    (tmp_path / folder / "mine/a.py").write_text("")
    (tmp_path / folder / "mine/__pycache__").mkdir()
    (tmp_path / folder / "mine/__pycache__/a.cpython-311.pyc").write_bytes(b"\xff")
    image = image_named(
        generate(tmp_path, {"docker_dir": [folder], "regex": ["^mine$"]}, None), "mine"
    )
    assert files(image).keys() == {"Dockerfile", "a.py"}


# --- parents -----------------------------------------------------------------------------------


def test_parents_are_right_where_the_first_from_is_not_the_parent(tmp_path, cache):
    here = "{{ namespace }}/{{ image_prefix }}"
    folder = images_folder(
        tmp_path,
        {
            "staged": f"FROM quay.io/x/go:1 AS build\nRUN make\nFROM {here}base:{{{{ tag }}}}\n"
            f"COPY --from=build /a /a\nCOPY --from={here}cron:{{{{ tag }}}} /b /b\n",
            "flagged": f"from --platform=linux/amd64 {here}cron:{{{{ tag }}}} as only\n",
            "argued": f"ARG PARENT={here}cron:{{{{ tag }}}}\nFROM ${{PARENT}}\n",
            "alone": "FROM scratch\nCOPY a /a\n",
        },
    )
    options = {"docker_dir": [folder], "namespace": "kolla", "tag": "t", "base": "debian"}
    options["base_tag"] = "trixie"
    source_images = generate(tmp_path, {**options, "regex": ["staged|flagged|argued|alone"]}, cache)
    parents_by_image = {
        image.name: [(parent.role, parent.image or parent.reference) for parent in image.parents]
        for image in source_images.images
    }
    assert parents_by_image == {
        "alone": [],
        "argued": [("base", "kolla/cron@master")],
        "base": [("base", "docker.io/library/debian:trixie")],
        "cron": [("base", "kolla/base@master")],
        "flagged": [("base", "kolla/cron@master")],
        "staged": [
            ("base", "kolla/base@master"),
            ("build", "quay.io/x/go:1"),
            ("cron", "kolla/cron@master"),
        ],
    }
    assert image_named(source_images, "cron").reference == "docker.io/kolla/cron:t"


def test_images_that_cannot_be_built_leave_with_all_that_is_built_on_them(tmp_path, cache):
    names = {i.name for i in generate(tmp_path, {"base_arch": "aarch64"}, cache).images}
    every = {"base_arch": "aarch64", "enable_unbuildable": True}
    assert {i.name for i in generate(tmp_path, every, cache).images} - names >= {
        "bifrost-base",
        "bifrost-deploy",
    }


def test_skip_parents_leaves_only_images_without_children(tmp_path, cache):
    options = {"regex": ["^keystone"], "skip_parents": True}
    names = {image.name for image in generate(tmp_path, options, cache).images}
    assert {"keystone-fernet", "keystone-ssh"} <= names
    assert not {"base", "openstack-base", "keystone-base"} & names


# --- what is not there -------------------------------------------------------------------------


def test_an_image_without_patches_keeps_the_folder_its_dockerfile_copies(tmp_path, cache):
    (tmp_path / "patches").mkdir()
    options = {"patches_path": "patches", "regex": ["^keystone-base$"], "base": "debian"}
    image = image_named(generate(tmp_path, options, cache), "keystone-base")
    assert b"COPY patches /patches" in files(image)["Dockerfile"]
    assert files(image)["patches/.gitkeep"] == b""
