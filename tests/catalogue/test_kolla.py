"""Kolla's images, compared with what the installed kolla-build renders from the same settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kolla")

from distgen.catalogue.imported import SourceImages, SourceRequest
from distgen.catalogue.sources.cache import load_entry, save_entry
from distgen.catalogue.sources.kolla import images
from distgen.catalogue.sources.source import SourceContext
from distgen.errors import InputError
from distgen.model.catalogue import DistGit, Image, Layer, Namespace, Policy, Stream
from distgen.model.words import Origin

STREAM = Stream("master", "master", ())
NAMESPACE = Namespace(
    "kolla", "", "", "{image}", (STREAM,), Policy(), (), DistGit("d/{image}.git", "a <a@b>", "none")
)
# Releases before 23 print the day, which is no concern of ours unless it is asked for.
DAY = {"build_date": datetime.now().strftime("%Y%m%d")}
OVERRIDE = """\
{% extends parent_template %}
{% set keystone_base_packages_append = ['an-extra-package'] %}
{% block base_footer %}
ENV PROXY="{{ env.http_proxy }}" NONE="{{ env.get('NOT_SET', 'nothing') }}"
{% endblock %}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def generate(
    root: Path, options: Mapping[str, Any], cache: Path | None, environ: Mapping[str, str] = {}
) -> SourceImages:
    origin = Origin("overlays/kolla/namespace.yaml", 2)
    layers = (Layer("namespace", origin.path, options),)
    request = SourceRequest("kolla", NAMESPACE, STREAM, options, layers, root, origin)
    return images.images(request, SourceContext(environ, cache))


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
    """Return the files of each image that the real tool wrote, without its templates."""
    return {
        dockerfile.parent.name: {
            str(path.relative_to(dockerfile.parent)): path.read_bytes()
            for path in dockerfile.parent.rglob("*")
            if path.is_file() and path.name != "Dockerfile.j2"
        }
        for dockerfile in (work / "docker").rglob("Dockerfile")
    }


def files(image: Image) -> dict[str, bytes]:
    return {file.path: file.content for file in image.files}


def named(generated: SourceImages, name: str) -> Image:
    return next(image for image in generated.images if image.name == name)


def images_folder(root: Path, dockerfiles: Mapping[str, str]) -> str:
    for name, text in dockerfiles.items():
        (root / "images" / name).mkdir(parents=True)
        (root / "images" / name / "Dockerfile.j2").write_text(text)
    return "images"


# --- the same bytes ----------------------------------------------------------------------------


def test_every_image_has_the_bytes_of_kolla_build(tmp_path, cache):
    proxy = {"http_proxy": "http://proxy:3128"}
    kolla_build(tmp_path / "work", "--base", "debian", "--base-arch", "x86_64", environ=proxy)
    environ = {**proxy, "https_proxy": "http://secret:1"}
    generated = generate(tmp_path, {"base": "debian", **DAY}, cache, environ)
    assert {image.name: files(image) for image in generated.images} == contexts(tmp_path / "work")


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
    generated = generate(tmp_path, options, cache, environ)
    found = {image.name: files(image) for image in generated.images}
    assert found == contexts(tmp_path / "work")
    assert b'ENV PROXY="http://proxy:3128" NONE="nothing"' in found["base"]["Dockerfile"]
    assert b"an-extra-package" in found["keystone-base"]["Dockerfile"]
    chosen = {name for name in found if not name.startswith("keystone")}
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
    generated = generate(tmp_path, options, cache)
    found = {image.name: files(image) for image in generated.images}
    for name in found.keys() - {"mine"}:
        found[name].pop("patches/.gitkeep", None)
    assert found == contexts(tmp_path / "work")
    assert sorted(files(named(generated, "mine"))) == [
        "Dockerfile",
        "patches/one.patch",
        "patches/series",
    ]


def test_a_later_run_renders_the_same_from_what_was_kept(tmp_path):
    options = {"base": "ubuntu", "regex": ["^cron$"]}
    kept = tmp_path / "kept"
    first = generate(tmp_path, options, kept)
    assert generate(tmp_path, options, kept) == first == generate(tmp_path, options, None)
    for file in kept.iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    assert generate(tmp_path, options, kept) == first


def test_changed_settings_templates_and_files_are_never_taken_from_an_earlier_run(tmp_path, cache):
    folder = images_folder(tmp_path, {"mine": "FROM scratch\nENV A={{ maintainer }}\n"})
    conf = tmp_path / "kolla-build.conf"
    conf.write_text("[DEFAULT]\nmaintainer = one\n")
    options = {"docker_dir": [folder], "regex": ["^mine$"], "kolla_conf": "kolla-build.conf"}

    def text(more: Mapping[str, Any]) -> bytes:
        return files(named(generate(tmp_path, {**options, **more}, cache), "mine"))["Dockerfile"]

    assert text({}) == b"FROM scratch\nENV A=one"
    conf.write_text("[DEFAULT]\nmaintainer = two\n")
    assert text({}) == b"FROM scratch\nENV A=two"
    assert text({"maintainer": "three"}) == b"FROM scratch\nENV A=three"
    (tmp_path / folder / "mine/Dockerfile.j2").write_text("FROM scratch\nENV B={{ maintainer }}\n")
    assert text({}) == b"FROM scratch\nENV B=two"


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
    generated = generate(tmp_path, {**options, "regex": ["staged|flagged|argued|alone"]}, cache)
    found = {
        image.name: [(parent.role, parent.image or parent.reference) for parent in image.parents]
        for image in generated.images
    }
    assert found == {
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
    assert named(generated, "cron").reference == "docker.io/kolla/cron:t"


def test_images_that_cannot_be_built_leave_with_all_that_is_built_on_them(tmp_path, cache):
    names = {i.name for i in generate(tmp_path, {"base_arch": "aarch64"}, cache).images}
    every = {"base_arch": "aarch64", "enable_unbuildable": True}
    assert {i.name for i in generate(tmp_path, every, cache).images} - names >= {
        "bifrost-base",
        "bifrost-deploy",
    }


def test_skip_parents_leaves_only_images_without_children(tmp_path, cache):
    options = {"regex": ["^keystone"], "skip_parents": True}
    found = {image.name for image in generate(tmp_path, options, cache).images}
    assert {"keystone-fernet", "keystone-ssh"} <= found
    assert not {"base", "openstack-base", "keystone-base"} & found


# --- what is not there -------------------------------------------------------------------------


def test_files_that_only_a_build_adds_are_named_with_the_command_that_makes_them(tmp_path, cache):
    options = {
        "base": "debian",
        "openstack_release": "master",
        "regex": ["^keystone-base$", "^gnocchi-base$", "^neutron-base$"],
        "gnocchi-base": {
            "type": "git",
            "location": "https://example.org/g.git",
            "reference": "a/b",
        },
        "neutron-base-plugin-mine": {"type": "local", "location": "/srv/mine"},
        "neutron-base-plugin-networking-baremetal": {"enabled": False},
    }
    generated = generate(tmp_path, options, cache)
    said = {(f.image, f.code, f.level, f.message.split(";")[0]) for f in generated.findings}
    missing = "is made by kolla-build and not in the repository"
    assert said >= {
        ("kolla/keystone-base", "DG109", "warning", f"keystone-base-archive {missing}"),
        ("kolla/neutron-base", "DG109", "warning", f"plugins-archive {missing}"),
    }
    commands = {f.message.partition("make it: ")[2] for f in generated.findings}
    keystone = "https://tarballs.opendev.org/openstack/keystone/keystone-master.tar.gz"
    assert f"curl -fL -o keystone-base-archive {keystone}" in commands
    clone = "gnocchi-base-archive-a-b"
    assert (
        f"git clone https://example.org/g.git {clone} && git -C {clone} checkout a/b"
        f" && tar -cf gnocchi-base-archive {clone}"
    ) in commands
    plugins = next(command for command in commands if "/srv/mine" in command)
    assert plugins.startswith("mkdir -p plugins && ") and "baremetal" not in plugins
    assert " && cp -r /srv/mine plugins/ && " in plugins
    assert plugins.endswith(" && tar -cf plugins-archive plugins")


def test_the_command_makes_what_the_dockerfile_takes(tmp_path, cache):
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin/setup.py").write_text("")
    options = {
        "regex": ["^horizon$"],
        "horizon": {"type": "local", "location": str(tmp_path / "plugin")},
    }
    generated = generate(tmp_path, options, cache)
    own = next(f for f in generated.findings if f.message.startswith("horizon-archive"))
    subprocess.run(own.message.partition("make it: ")[2], shell=True, check=True, cwd=tmp_path)
    listed = subprocess.check_output(["tar", "-tf", "horizon-archive"], cwd=tmp_path, text=True)
    assert listed.split() == ["plugin/", "plugin/setup.py"]


def test_an_image_without_patches_keeps_the_folder_its_dockerfile_copies(tmp_path, cache):
    (tmp_path / "patches").mkdir()
    options = {"patches_path": "patches", "regex": ["^keystone-base$"], "base": "debian"}
    image = named(generate(tmp_path, options, cache), "keystone-base")
    assert b"COPY patches /patches" in files(image)["Dockerfile"]
    assert files(image)["patches/.gitkeep"] == b""


# --- nothing leaks -----------------------------------------------------------------------------


def test_no_variable_is_visible_that_a_template_does_not_name(tmp_path, cache):
    template = "FROM scratch\nENV A={{ env.SEEN }} B={{ env['ALSO'] }} C={{ env.get('LAST') }}\n"
    folder = images_folder(tmp_path, {"mine": template})
    environ = {"SEEN": "1", "ALSO": "2", "LAST": "3", "OTHER": "4", "OS_DEFAULT__TAG": "5"}
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    image = named(generate(tmp_path, options, cache, environ), "mine")
    assert files(image)["Dockerfile"] == b"FROM scratch\nENV A=1 B=2 C=3"
    said = [(f.code, f.message) for f in generate(tmp_path, options, cache, environ).findings]
    assert said == [("DG111", "its rendering asked the environment for ALSO, LAST, SEEN")]


@pytest.mark.parametrize(
    "use",
    ["{{ env }}", "{{ env[image_name] }}", "{% for n in env %}{% endfor %}", "{{ env|list }}",
     "{{ env.get(image_name) }}", "{% set e = env %}", "{{ env.items() }}", "{{ env.get }}"],
)  # fmt: skip
def test_a_template_cannot_look_through_the_environment(tmp_path, cache, use):
    folder = images_folder(tmp_path, {"mine": f"FROM scratch\nENV A={use}\n"})
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    environ = {"SECRET": "secret", "mine": "secret"}
    try:
        text = files(named(generate(tmp_path, options, cache, environ), "mine"))["Dockerfile"]
    except InputError as refused:
        assert "env" in str(refused) and "mine/Dockerfile.j2:2" in str(refused)
    else:
        assert b"secret" not in text


def test_a_variable_is_found_where_a_template_also_calls_something_its_own_env(tmp_path, cache):
    template = "FROM scratch\nENV A={{ env.SEEN }}\n{% macro m(env) %}{{ env }}{% endmacro %}"
    folder = images_folder(tmp_path, {"mine": template + "{{ m('b') }}\n"})
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    image = named(generate(tmp_path, options, cache, {"SEEN": "1", "OTHER": "2"}), "mine")
    assert files(image)["Dockerfile"] == b"FROM scratch\nENV A=1\nb"


def test_neither_oslo_variables_nor_files_of_the_machine_change_the_settings(
    tmp_path, cache, monkeypatch
):
    options = {"regex": ["^base$"]}
    before = generate(tmp_path, options, None)
    monkeypatch.setenv("OS_DEFAULT__MAINTAINER", "Eve")
    conf = Path(os.environ["HOME"], ".kolla/kolla-build.conf")
    conf.parent.mkdir()
    conf.write_text("[DEFAULT]\nmaintainer = Eve\n")
    assert generate(tmp_path, options, None) == before


def test_a_list_changed_by_one_template_is_not_seen_by_another(tmp_path, cache):
    grow = "{% macro grow() %}{{ words.append('b') or words|join }}{% endmacro %}"
    shared = "{% set words = ['a'] %}" + grow
    user = 'FROM scratch\n{% import "shared.j2" as shared %}ENV A={{ shared.grow() }}\n'
    folder = images_folder(tmp_path, {"one": user, "two": user})
    (tmp_path / folder / "shared.j2").write_text(shared)
    generated = generate(tmp_path, {"docker_dir": [folder], "regex": ["^(one|two)$"]}, cache)
    assert {files(image)["Dockerfile"] for image in generated.images} == {b"FROM scratch\nENV A=ab"}


# --- what is kept ------------------------------------------------------------------------------


def test_nothing_is_run_that_another_user_may_have_written(tmp_path):
    ran = tmp_path / "ran"
    code = compile(f"open({str(ran)!r}, 'w')", "evil", "exec")
    cache = tmp_path / "cache"
    folder = images_folder(tmp_path, {"mine": "FROM scratch\n"})
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    before = generate(tmp_path, options, cache)
    (kept,) = cache.glob("kolla-templates-*")
    name = kept.name.partition(".")[0]
    known = load_entry(cache, name)
    save_entry(cache, name, {**known, "codes": dict.fromkeys(known["codes"], (code, ()))})
    for mode in (0o620, 0o602):
        kept.chmod(mode)
        assert load_entry(cache, name) is None
    assert generate(tmp_path, options, cache) == before
    assert not ran.exists() and kept.stat().st_mode & 0o777 == 0o600
    (cache / "real").write_bytes(kept.read_bytes())
    kept.unlink()
    kept.symlink_to("real")
    assert load_entry(cache, name) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_owner_is_not_read(tmp_path):
    save_entry(tmp_path, "kept", [1])
    assert load_entry(tmp_path, "kept") == [1]
    (file,) = tmp_path.iterdir()
    os.chown(file, 12345, 12345)
    assert load_entry(tmp_path, "kept") is None


# --- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bse": "debian"}, "Kolla has no option bse; did you mean `base`?"),
        ({"base": "gentoo"}, "found 'gentoo'"),
        ({"push": True}, "kolla-build's option push changes nothing that is rendered"),
        ({"profile": ["mian"]}, "Kolla has no profile mian; did you mean `main`?"),
        ({"keystone-user": {"ui": 1}}, "no option ui in its section keystone-user; did you mean"),
        ({"kolla_conf": "absent.conf"}, "absent.conf"),
        ({"regex": ["["]}, "Kolla's regex is wrong"),
        ({"regex": ["no-such-image"]}, "no image of Kolla matches"),
        ({"tag": ["a"]}, "Kolla's option tag is one value, not a list"),
        ({"docker_dir": ["absent"]}, "absent: docker_dir is not a folder"),
        ({"template_override": ["absent.j2"]}, "absent.j2: the template override cannot be read"),
        ({"base_arch": "mips"}, "Kolla refuses its option base_arch: Valid values are"),
        ({"keystone-user": {"uid": "x"}}, "its option uid in its section keystone-user: invalid"),
        ({"template_override": ["absent.j2"]}, "cannot be read: no such file or directory"),
        ({"rpm_setup_config": ["a.zip"]}, "rpm_setup_config takes .rpm and .repo files"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(tmp_path, cache, options, said):
    with pytest.raises(InputError) as refused:
        generate(tmp_path, options, cache)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_what_a_template_raises_names_the_template(tmp_path, cache):
    folder = images_folder(tmp_path, {"mine": "FROM scratch\n{{ raise_error('no such thing') }}\n"})
    with pytest.raises(InputError) as refused:
        generate(tmp_path, {"docker_dir": [folder]}, cache)
    assert str(refused.value) == "mine/Dockerfile.j2:2: no such thing"


def test_two_images_of_one_name_are_refused(tmp_path, cache):
    folder = images_folder(tmp_path, {"a/mine": "FROM scratch\n", "b/mine": "FROM scratch\n"})
    with pytest.raises(InputError, match="b/mine and a/mine are both called mine"):
        generate(tmp_path, {"docker_dir": [folder]}, cache)


# --- in a catalogue ----------------------------------------------------------------------------


NAMESPACE_YAML = """\
source: kolla
kolla:
  base: debian
  base_tag: trixie
  tag: "1"
  regex: [^keystone$, ^cron$]
streams:
  master: {}
  rocky-9:
    branch: stable/9
    tags: [nine]
    values:
      base: rocky
      base_tag: 9.10
      tag: 9.10
      regex+: [^memcached$]
"""


def distgen(*words: str, root: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as its own process, with the cache of these tests."""
    return subprocess.run(
        [sys.executable, "-m", "distgen", "-C", str(root), *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )


def done(*words: str, root: Path, cache: Path) -> str:
    result = distgen(*words, root=root, cache=cache)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_namespace_lists_kollas_images_in_each_stream(catalogue, cache):
    root = catalogue({"overlays/kolla/namespace.yaml": NAMESPACE_YAML})
    rows = json.loads(done("list", "--format", "json", root=root, cache=cache))
    assert [row for row in rows if row["image"] == "kolla/cron"] == [
        {
            "image": "kolla/cron",
            "namespace": "kolla",
            "name": "cron",
            "stream": stream,
            "branch": branch,
            "template": "kolla:cron",
            "from": f"kolla/base@{stream}",
            "parents": [f"kolla/base@{stream}"],
            "reference": f"docker.io/kolla/cron:{tags[0]}",
            "tags": tags,
            "url": "dist-git/kolla/cron.git",
        }
        for stream, branch, tags in (
            ("master", "master", ["1"]),
            ("rocky-9", "stable/9", ["9.10", "nine"]),
        )
    ]
    listed = done("list", "--format", "tripleo", "kolla/*@master", root=root, cache=cache)
    assert "imagename: docker.io/kolla/keystone:1\n" in listed
    assert "memcached" not in listed
    assert "memcached" in done("list", "*@rocky-9", root=root, cache=cache)


def test_what_is_rendered_is_kollas_with_our_manifest_beside_it(catalogue, cache, tmp_path):
    root = catalogue({"overlays/kolla/namespace.yaml": NAMESPACE_YAML})
    done("render", "-o", str(tmp_path / "out"), "kolla/*@master", root=root, cache=cache)
    options = {"base": "debian", "base_tag": "trixie", "tag": "1"}
    generated = generate(root, {**options, "regex": ["^keystone$", "^cron$"]}, cache)
    for image in generated.images:
        place = tmp_path / "out/kolla" / image.name / "master"
        found = {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()}
        ours = {".distgen.json", ".gitattributes"}
        assert {path: found[path] for path in found.keys() - ours} == files(image)
        assert set(json.loads(found[".distgen.json"])["files"]) == found.keys() - {".distgen.json"}


def test_settings_can_be_set_for_the_namespace_only(catalogue, cache):
    root = catalogue({"overlays/kolla/namespace.yaml": NAMESPACE_YAML})
    setting = (
        "--set",
        "kolla/*@master:kolla.base=ubuntu",
        "--set",
        "kolla/*@master:base_tag=24.10",
    )
    shown = done("list", "kolla/base@master", *setting, root=root, cache=cache)
    assert "docker.io/library/ubuntu:24.10" in shown
    refused = distgen("list", "--set", "kolla/cron:tag=1", root=root, cache=cache)
    assert refused.returncode == 2
    assert refused.stderr == (
        "distgen: --set kolla/cron:tag: all images of kolla share their settings; "
        "write --set 'kolla/*:KEY=VALUE'\n"
    )


def test_files_and_patches_of_an_image_are_laid_over_kollas(catalogue, cache, tmp_path):
    root = catalogue(
        {
            "overlays/kolla/namespace.yaml": NAMESPACE_YAML,
            "overlays/kolla/cron/extra.conf": "extra\n",
            "overlays/kolla/cron/patches/one.patch": """
                --- a/extra.conf
                +++ b/extra.conf
                @@ -1 +1 @@
                -extra
                +patched
            """,
        }
    )
    done("render", "-o", str(tmp_path / "out"), "kolla/cron@master", root=root, cache=cache)
    assert (tmp_path / "out/kolla/cron/master/extra.conf").read_text() == "patched\n"
    (root / "overlays/kolla/corn").mkdir()
    refused = distgen("list", root=root, cache=cache)
    assert refused.stderr == (
        "distgen: overlays/kolla/corn: there is no image `kolla/corn` to lay this over; "
        "did you mean `kolla/cron`?\n"
    )


def test_lint_names_the_command_instead_of_the_missing_file(catalogue, cache):
    root = catalogue({"overlays/kolla/namespace.yaml": NAMESPACE_YAML})
    shown = distgen("lint", "kolla/keystone-base@master", root=root, cache=cache).stdout
    assert "DG109 keystone-base-archive is made by kolla-build" in shown
    assert "DG106" not in shown


def test_images_of_templates_can_be_built_on_kollas(catalogue, cache):
    root = catalogue(
        {
            "overlays/kolla/namespace.yaml": NAMESPACE_YAML,
            "overlays/own/namespace.yaml": "registry: quay.io/own\nstreams: {master: {}}\n",
            "overlays/own/image.yaml": "template: t\nfrom: kolla/cron\n",
            "templates/t/template.yaml": "description: x\n",
            "templates/t/Dockerfile.j2": "FROM {{ base.reference }}\n",
        }
    )
    below = done("list", "kolla/cron@master", "--with-dependents", root=root, cache=cache)
    assert [line.split()[0] for line in below.splitlines()[1:]] == ["kolla/cron", "own/image"]


def test_a_container_list_chooses_the_images_of_a_namespace(catalogue, cache):
    root = catalogue(
        {
            "overlays/tripleo/namespace.yaml": """
                source: kolla
                kolla: {base: rocky, container_list: lists/containers.yaml, namespace: tripleo}
                streams: {master: }
            """,
            "lists/containers.yaml": """
                container_images:
                - imagename: docker.io/tripleorocky/centos-binary-cron:current-tripleo
                  image_source: kolla
                - imagename: docker.io/tripleorocky/centos-binary-keystone:current-tripleo
                  image_source: kolla
                - imagename: docker.io/tripleorocky/centos-binary-gone:current-tripleo
                  image_source: kolla
                - imagename: docker.io/ceph/daemon:v3
                  image_source: ceph
            """,
        }
    )
    rows = json.loads(done("list", "--format", "json", root=root, cache=cache))
    assert {row["name"] for row in rows} == {
        "base",
        "cron",
        "keystone",
        "keystone-base",
        "openstack-base",
    }
    shown = distgen("lint", root=root, cache=cache).stdout
    assert re.search(r"^lists/containers.yaml:1: warning DG110 .* has no image gone ", shown, re.M)


def test_streams_that_kolla_gives_one_name_are_a_finding(catalogue, cache):
    streams = "streams: {one: {}, two: {values: {base: rocky}}}\n"
    text = "source: kolla\nkolla: {tag: t, base: debian, regex: [^cron$]}\n" + streams
    root = catalogue({"overlays/kolla/namespace.yaml": text})
    shown = distgen("lint", root=root, cache=cache).stdout
    said = "docker.io/kolla/base:t is what kolla/base@one is published as too; give it a tag"
    assert shown.count("DG112") == shown.count(said) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kolla: {base: debian}\nregistry: q.io/x\nstreams: {master: }\n", "kolla"),
        ("source: koala\nstreams: {master: }\n", "source"),
        ("source: kolla\nkolla: {bse: debian}\nstreams: {master: }\n", "did you mean `base`?"),
        ("source: kolla\nkolla: {regex: [1, {a: b}]}\nstreams: {master: }\n", "kolla.regex[1]"),
    ],
)
def test_a_wrong_namespace_is_refused(catalogue, cache, text, said):
    root = catalogue({"overlays/kolla/namespace.yaml": text})
    refused = distgen("list", root=root, cache=cache)
    assert refused.returncode == 2
    assert said in refused.stderr and refused.stderr.count("\n") == 1
