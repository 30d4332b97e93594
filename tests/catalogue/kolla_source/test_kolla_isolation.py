"""Neither the machine nor another user changes what is rendered of Kolla; mistakes are named."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from testing.kolla import DIST_GIT, files, generate, image_named, images_folder

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


@pytest.mark.parametrize("name", ["DISTGEN_TOKEN", "db_password", "AWS_ACCESS_KEY_ID"])
def test_a_variable_that_is_called_like_a_secret_is_refused(tmp_path, cache, name):
    """What a template prints is published."""
    folder = images_folder(tmp_path, {"mine": f"FROM scratch\nENV A={{{{ env.get('{name}') }}}}\n"})
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    with pytest.raises(InputError, match=rf"mine/Dockerfile.j2:2.* env.{name} may be a secret"):
        generate(tmp_path, options, cache, {name: "s3cr3t"})


def test_the_variable_that_holds_the_token_is_not_there(tmp_path, cache):
    folder = images_folder(tmp_path, {"mine": "FROM scratch\nENV A={{ env.get('PUSH', 'no') }}\n"})
    options = {"docker_dir": [folder], "regex": ["^mine$"]}
    image = image_named(generate(tmp_path, options, cache, {DIST_GIT.token_env: "s3cr3t"}), "mine")
    assert files(image)["Dockerfile"] == b"FROM scratch\nENV A=no"


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
        ({"horizon": {"location": "https://a/$b"}}, "settings: no such option b in group"),
        ({"kolla_conf": "wrong.conf"}, "found 'nonsense'"),
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
    (tmp_path / "wrong.conf").write_text("[horizon-plugin-x]\ntype = nonsense\n")
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


def far_catalogue(tmp_path):
    """Make a catalogue in a clone whose .git/config holds a token, beside other secrets."""
    root = tmp_path / "catalogue"
    for name in (".git/config", "kolla/.git/config", "../secret", "notes"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("[http]\nextraHeader = secret\n")
    images_folder(root / "kolla", {"mine": "FROM scratch\nCOPY far /\n"})
    return root


@pytest.mark.parametrize(
    ("option", "name", "problem"),
    [
        ("template_override", ".git/config", ".git/config leads into a git repository"),
        ("template_override", "kolla/.git/config", "leads into a git repository"),
        ("template_override", "../secret", "../secret lies outside the catalogue; copy it"),
        ("template_override", "{tmp_path}/secret", "lies outside the catalogue"),
        ("template_override", "kolla/../../secret", "lies outside the catalogue"),
        ("template_override", "kolla/far", "kolla/far: is a link that leads outside the catalogue"),
        ("kolla_conf", "kolla/near", "is a link that leads outside templates/ and overlays/ and"),
        ("kolla_conf", "kolla/git", "kolla/git leads into a git repository; copy it"),
        ("container_list", "kolla/far", "is a link that leads outside the catalogue"),
        ("docker_dir", "kolla/above", "is a link that leads outside the catalogue"),
        ("docker_dir", "../other", "../other lies outside the catalogue"),
        ("apt_sources_list", "kolla/far", "is a link that leads outside the catalogue"),
        ("patches_path", "../patches", "lies outside the catalogue"),
        ("repos_yaml", "../secret", "lies outside the catalogue"),
    ],
)
def test_settings_name_files_of_the_catalogue_alone(tmp_path, cache, option, name, problem):
    """A token in .git/config, or any file of the machine, was published."""
    root = far_catalogue(tmp_path)
    for link, target in (
        ("far", "../../secret"),
        ("near", "../notes"),
        ("git", "../.git/config"),
        ("above", "../.."),
    ):
        (root / "kolla" / link).symlink_to(target)
    path = name.replace("{tmp_path}", str(tmp_path))
    options = {option: [path] if option in ("template_override", "docker_dir") else path}
    with pytest.raises(InputError) as error:
        generate(root, {**options, "regex": ["^base$"]}, cache)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        (
            "../../../.git/config",
            "leads outside templates/ and overlays/ and kolla/",
        ),
        ("../../../../secret", "is a link that leads outside the catalogue"),
        ("../../.git/config", "is a link that leads into a git repository"),
        ("../../../notes", "leads outside templates/ and overlays/ and kolla/"),
        ("..", "leads to itself"),
        ("/dev/zero", "is not a file"),
    ],
)
def test_links_in_a_folder_of_images_stay_in_the_catalogue(tmp_path, cache, target, problem):
    root = far_catalogue(tmp_path)
    (root / "kolla/images/mine/far").symlink_to(target)
    with pytest.raises(InputError) as error:
        generate(root, {"docker_dir": ["kolla/images"], "regex": ["^mine$"]}, cache)
    assert problem in str(error.value)
    assert "kolla/images/mine/far" in str(error.value)


def test_links_to_templates_and_within_a_folder_are_followed(tmp_path, cache):
    root = far_catalogue(tmp_path)
    (root / "templates/x").mkdir(parents=True)
    (root / "templates/x/file").write_text("shared\n")
    (root / "kolla/images/mine/far").symlink_to("../../../templates/x/file")
    (root / "kolla/shared").write_text("near\n")
    (root / "kolla/images/mine/near").symlink_to("../../shared")
    (root / "kolla/override.j2").symlink_to("../templates/x/override.j2")
    (root / "templates/x/override.j2").write_text("{% extends parent_template %}")
    options = {"docker_dir": ["kolla/images"], "regex": ["^mine$"]}
    made = generate(root, {**options, "template_override": ["kolla/override.j2"]}, cache)
    contents = files(image_named(made, "mine"))
    assert (contents["far"], contents["near"]) == (b"shared\n", b"near\n")


def test_the_command_line_may_name_a_folder_outside(tmp_path, cache):
    root = far_catalogue(tmp_path)
    images_folder(tmp_path, {"mine": "FROM scratch\n"})
    options = {"docker_dir": ["../images"], "regex": ["^mine$"]}
    assert image_named(generate(root, options, cache, layer="--set"), "mine")
    (tmp_path / "images/mine/far").symlink_to("../../secret")
    with pytest.raises(InputError, match="is a link that leads outside"):
        generate(root, options, cache, layer="--set")
