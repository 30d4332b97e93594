"""Neither the machine nor another user changes what is rendered of Kolla; mistakes are named."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from testing.kolla import files, generate, image_named, images_folder

from distgen.catalogue.sources.cache import load_entry, save_entry
from distgen.errors import InputError
from distgen.model.catalogue import RenderLimits

pytest.importorskip("kolla")


def test_no_variable_is_visible_that_a_template_does_not_name(tmp_path, cache):
    template = "FROM scratch\nENV A={{ env.SEEN }} B={{ env['ALSO'] }} C={{ env.get('LAST') }}\n"
    folder = images_folder(tmp_path, {"mine": template})
    environ = {"SEEN": "1", "ALSO": "2", "LAST": "3", "OTHER": "4", "OS_DEFAULT__TAG": "5"}
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    image = image_named(generate(tmp_path, options, cache, environ), "mine")
    assert files(image)["Dockerfile"] == b"FROM scratch\nENV A=1 B=2 C=3"
    finding_texts = [
        (f.code, f.message) for f in generate(tmp_path, options, cache, environ).findings
    ]
    assert finding_texts == [("DG111", "its rendering asked the environment for ALSO, LAST, SEEN")]


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
        text = files(image_named(generate(tmp_path, options, cache, environ), "mine"))["Dockerfile"]
    except InputError as refused:
        assert "env" in str(refused) and "mine/Dockerfile.j2:2" in str(refused)
    else:
        assert b"secret" not in text


def test_a_variable_is_found_where_a_template_also_calls_something_its_own_env(tmp_path, cache):
    template = "FROM scratch\nENV A={{ env.SEEN }}\n{% macro m(env) %}{{ env }}{% endmacro %}"
    folder = images_folder(tmp_path, {"mine": template + "{{ m('b') }}\n"})
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    image = image_named(generate(tmp_path, options, cache, {"SEEN": "1", "OTHER": "2"}), "mine")
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
    macro = "{% set words = ['a'] %}" + grow
    user = 'FROM scratch\n{% import "shared.j2" as shared %}ENV A={{ shared.grow() }}\n'
    folder = images_folder(tmp_path, {"one": user, "two": user})
    (tmp_path / folder / "shared.j2").write_text(macro)
    source_images = generate(tmp_path, {"docker_dir": [folder], "regex": ["^(one|two)$"]}, cache)
    assert {files(image)["Dockerfile"] for image in source_images.images} == {
        b"FROM scratch\nENV A=ab"
    }


def test_nothing_is_run_that_another_user_may_have_written(tmp_path):
    ran = tmp_path / "ran"
    code = compile(f"open({str(ran)!r}, 'w')", "evil", "exec")
    cache = tmp_path / "cache"
    folder = images_folder(tmp_path, {"mine": "FROM scratch\n"})
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    before = generate(tmp_path, options, cache)
    (cache_file,) = cache.glob("kolla-templates-*")
    name = cache_file.name.partition(".")[0]
    entry = load_entry(cache, name)
    save_entry(cache, name, {**entry, "codes": dict.fromkeys(entry["codes"], (code, ()))})
    for mode in (0o620, 0o602):
        cache_file.chmod(mode)
        assert load_entry(cache, name) is None
    assert generate(tmp_path, options, cache) == before
    assert not ran.exists() and cache_file.stat().st_mode & 0o777 == 0o600
    (cache / "real").write_bytes(cache_file.read_bytes())
    cache_file.unlink()
    cache_file.symlink_to("real")
    assert load_entry(cache, name) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_owner_is_not_read(tmp_path):
    save_entry(tmp_path, "kept", [1])
    assert load_entry(tmp_path, "kept") == [1]
    (file,) = tmp_path.iterdir()
    os.chown(file, 12345, 12345)
    assert load_entry(tmp_path, "kept") is None


@pytest.mark.parametrize(
    ("options", "problem"),
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
def test_wrong_settings_are_refused_in_a_sentence(tmp_path, cache, options, problem):
    with pytest.raises(InputError) as error:
        generate(tmp_path, options, cache)
    assert problem in str(error.value) and "\n" not in str(error.value)


def test_what_a_template_raises_names_the_template(tmp_path, cache):
    folder = images_folder(tmp_path, {"mine": "FROM scratch\n{{ raise_error('no such thing') }}\n"})
    with pytest.raises(InputError) as error:
        generate(tmp_path, {"docker_dir": [folder]}, cache)
    assert str(error.value) == "mine/Dockerfile.j2:2: no such thing"


def test_two_images_of_one_name_are_refused(tmp_path, cache):
    folder = images_folder(tmp_path, {"a/mine": "FROM scratch\n", "b/mine": "FROM scratch\n"})
    with pytest.raises(InputError, match="b/mine and a/mine are both called mine"):
        generate(tmp_path, {"docker_dir": [folder]}, cache)


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10 ** 9 }}",
        "{% set a = ['x'] %}{% set b = ['x'] %}{% for i in range(40) %}"
        "{% if a.append([a[-1], a[-1]]) or b.append([b[-1], b[-1]]) %}{% endif %}{% endfor %}"
        "{{ a == b }}",
    ],
    ids=["time", "memory", "kernel"],
)
@pytest.mark.parametrize("is_override", [False, True], ids=["template", "override"])
def test_a_template_that_takes_too_much_is_named(tmp_path, cache, text, is_override):
    folder = images_folder(tmp_path, {"mine": "FROM x\n" + ("" if is_override else text)})
    options = {"docker_dir": [folder], "regex": "mine"}
    if is_override:
        (tmp_path / "o.j2").write_text(
            f"{{% extends parent_template %}}{{% set x %}}{text}{{% endset %}}"
        )
        options["template_override"] = ["o.j2"]
    before = time.process_time()
    with pytest.raises(InputError, match=r"render\.limits") as error:
        generate(tmp_path, options, cache, limits=RenderLimits(0.5, 64 * 2**20))
    assert re.search(r"o\.j2(:1)?: |mine/Dockerfile\.j2", str(error.value)), error.value
    assert time.process_time() - before < 20


def test_a_regex_that_searches_for_ever_is_ended(tmp_path, cache):
    folder = images_folder(tmp_path, {"a" * 40 + "-b": "FROM x\n"})
    options = {"docker_dir": [folder], "regex": ["^(a+)+$"]}
    with pytest.raises(InputError, match=r"matching Kolla's regex takes more than 0\.5 seconds"):
        generate(tmp_path, options, cache, limits=RenderLimits(0.5))
